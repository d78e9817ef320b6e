"""Synthesis with any of the tools, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from ..files.folder import open_build
from ..files.hashes import changed
from ..progress import Say, silent

TOOLS = ("vitis", "vivado_hls", "yosys", "ecp5")


def synth(folder: Path, tool: str, say: Say = silent) -> dict[str, Any]:
    """What the tool says of a build. ``changed`` names the files that are not as they were built, where there are any:
    what was synthesized is what they hold now. BitsmithError for another tool, or one that is missing."""
    if tool not in TOOLS:
        raise BitsmithError(f"unknown tool '{tool}'; one of {', '.join(TOOLS)}")
    data = {"tool": tool, **_start(folder, tool, say)}
    names = changed(folder, open_build(folder))
    return {**data, "changed": names} if names else data


def _start(folder: Path, tool: str, say: Say) -> dict[str, Any]:
    if tool in ("vitis", "vivado_hls"):
        from . import hls as synth_hls

        return synth_hls.synth(folder, tool)
    from . import yosys as synth_yosys

    return synth_yosys.synth(folder, tool, say)
