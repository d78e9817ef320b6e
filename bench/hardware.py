"""What the emitted hardware does and costs: mismatches, cycles, and how far the formula is from Yosys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..gen.files.folder import write_text
from ..gen.synth.yosys import synth
from ..gen.verify import verify
from .timing import Time, of_command


def build_with(model: Path, config: Path, folder: Path, pixels: int, runs: int) -> Time:
    """A build at ``pixels`` per cycle, from the model's file to Verilog and HLS project, each time in a new process."""
    import yaml

    data = yaml.safe_load(config.read_text(encoding="utf-8"))
    data["Bitsmith"] = {**data.get("Bitsmith", {}), "pixels_per_cycle": pixels}
    changed = folder.with_suffix(".yaml")
    write_text(changed, yaml.safe_dump(data))
    return of_command(["build", str(model), "--config", str(changed), "--output", str(folder)], runs)


def proof(folder: Path, images: Path, levels: tuple[str, ...], frames: int | None = None) -> dict[str, Any]:
    """What ``verify`` says of these images: frames and mismatches by level, cycles predicted and simulated."""
    report = verify(folder, levels, frames, np.load(images))
    return {"levels": report["levels"], "cycles": report["cycles"], "passed": report["passed"]}


def formula_against_yosys(folder: Path) -> dict[str, Any]:
    """LUTs and flip-flops of each layer, both ways, and the formula's error in percent of Yosys's figure."""
    found = synth(folder)
    estimate = json.loads((folder / "estimate.json").read_text(encoding="utf-8"))
    formula = {row["name"]: row for row in estimate["layers"]}
    rows = []
    for row in found["layers"]:
        guess = formula.get(row["name"], {"lut": 0, "ff": 0, "dsp": 0, "bram": 0})
        rows.append({"name": row["name"], **{key: [row[key], guess[key]] for key in ("lut", "ff", "dsp", "bram")}})
    total = {key: [found[key], estimate["resources"][key]] for key in ("lut", "ff", "dsp", "bram")}
    return {
        "layers": rows,
        "total": total,
        "lut_error_percent": error_percent(*total["lut"]),
        "seconds": found["seconds"],
    }


def error_percent(measured: float, estimated: float) -> float:
    """How much the estimate is above (or, negative, below) what was measured."""
    return round(100 * (estimated - measured) / measured, 1) if measured else 0.0
