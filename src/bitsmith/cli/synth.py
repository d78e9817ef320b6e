"""``bitsmith synth DIR --tool TOOL``."""

from __future__ import annotations

from typing import Annotated

import typer

from ..sim.errors import BitsmithError
from .options import Build, Json
from .outcome import DONE, FAILED, Outcome, table

TOOLS = ("vitis", "vivado_hls", "yosys", "ecp5")


def synth(
    folder: Build,
    tool: Annotated[str, typer.Option(metavar="|".join(TOOLS), help="Which tool synthesizes.")],
    json: Json = False,
) -> Outcome:
    """Synthesize with the vendor's tool or with Yosys."""
    if tool not in TOOLS:
        raise BitsmithError(f"unknown tool '{tool}'; one of {', '.join(TOOLS)}")
    if tool in ("vitis", "vivado_hls"):
        from ..gen.synth_hls import synth as start
    else:
        from ..gen.synth_yosys import synth as start
    data = start(folder, tool)
    rows = [(key, value) for key, value in data.items() if not isinstance(value, (dict, list))]
    return Outcome(data, table(["", tool], rows), json, DONE if data.get("timing_met", True) else FAILED)
