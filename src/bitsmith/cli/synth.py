"""``bitsmith synth DIR --tool TOOL``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..gen.synth.tools import TOOLS
from .options import Build, Json
from .outcome import DONE, FAILED, Outcome, View, printable
from .progress import progress, watched


def synth(
    folder: Build,
    tool: Annotated[str, typer.Option(metavar="|".join(TOOLS), help="Which tool synthesizes.")],
    json: Json = False,
) -> Outcome:
    """Synthesize with the vendor's tool or with Yosys."""
    from ..api import synth as start

    with progress(watched(json)) as say:
        data = start(folder, tool, progress=say)
    return Outcome(data, view(data).text(), json, DONE if data.get("timing_met", True) else FAILED)


def view(data: dict[str, Any]) -> View:
    """One row a layer where the tool tells them apart, then one row a figure."""
    layers = data.get("layers") or []
    keys = list(dict.fromkeys(key for layer in layers for key in layer))
    parts = [[layer.get(key, "") for key in keys] for layer in layers]
    rows = [(key, value) for key, value in data.items() if not isinstance(value, (dict, list))]
    changed = [printable(f"changed since it was built: {name}") for name in data.get("changed", [])]
    summary = printable(", ".join(f"{key} {value}" for key, value in rows))
    return View([(keys, parts), (["", str(data.get("tool", ""))], rows)], changed, summary)
