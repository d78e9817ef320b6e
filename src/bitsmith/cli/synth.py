"""``bitsmith synth DIR --tool TOOL``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..gen.progress import Say
from ..sim.errors import BitsmithError
from .options import Build, Json
from .outcome import DONE, FAILED, Outcome, printable, table
from .progress import progress, watched

TOOLS = ("vitis", "vivado_hls", "yosys", "ecp5")


def synth(
    folder: Build,
    tool: Annotated[str, typer.Option(metavar="|".join(TOOLS), help="Which tool synthesizes.")],
    json: Json = False,
) -> Outcome:
    """Synthesize with the vendor's tool or with Yosys."""
    if tool not in TOOLS:
        raise BitsmithError(f"unknown tool '{tool}'; one of {', '.join(TOOLS)}")
    with progress(watched(json)) as say:
        data = {**_start(folder, tool, say), **_changed(folder)}
    return Outcome(data, text(data, tool), json, DONE if data.get("timing_met", True) else FAILED)


def _changed(folder: Path) -> dict[str, list[str]]:
    """The files that are not as they were built, where there are any: what was synthesized is what they hold now."""
    from ..gen.files.folder import open_build
    from ..gen.files.hashes import changed

    names = changed(folder, open_build(folder))
    return {"changed": names} if names else {}


def _start(folder: Path, tool: str, say: Say) -> dict[str, Any]:
    if tool in ("vitis", "vivado_hls"):
        from ..gen.synth import hls as synth_hls

        return synth_hls.synth(folder, tool)
    from ..gen.synth import yosys as synth_yosys

    return synth_yosys.synth(folder, tool, say)


def text(data: dict[str, Any], tool: str) -> str:
    """One row a layer where the tool tells them apart, then one row a figure."""
    layers = data.get("layers") or []
    keys = list(dict.fromkeys(key for layer in layers for key in layer))
    lines = [table(keys, [[layer.get(key, "") for key in keys] for layer in layers])] if keys else []
    rows = [(key, value) for key, value in data.items() if not isinstance(value, (dict, list))]
    changed = [printable(f"changed since it was built: {name}") for name in data.get("changed", [])]
    return "\n".join([*lines, table(["", tool], rows), *changed])
