"""An estimate whose resources are counted by formula, or come from synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from ..files.folder import write_json
from ..resources.estimate import estimate as by_formula
from .yosys import into_estimate, synth

SOURCES = ("formula", "yosys")


def estimate(folder: str | Path, resources: str = "formula", image: tuple[int, int] | None = None) -> dict[str, Any]:
    """``gen.resources.estimate`` with its resources from one of ``SOURCES``; BitsmithError for another."""
    if resources not in SOURCES:
        raise BitsmithError(f"unknown source of resources '{resources}'; one of {', '.join(SOURCES)}")
    data = by_formula(folder, image)
    if resources == "yosys":
        data = into_estimate(data, synth(folder))
        write_json(Path(folder) / "estimate.json", data)
    return data
