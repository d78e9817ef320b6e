"""Two checkouts against each other: the same integers, cycles and ports from the applications' networks.

    python -m bitsmith.bench.unchanged OTHER [--work DIR]

builds each network with this checkout and with OTHER and compares what must stay where only the code's shape changes:
the expected outputs of the vectors, every figure of cycles, the top's ports. It says, too, which emitted files differ.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..sim.errors import BitsmithError

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = {
    "cells": ("models/cells/student2.h5", "models/cells/config.yaml"),
    "cells_16": ("models/cells/student2.h5", "models/cells/config_16.yaml"),
    "fli": ("models/fli/lite32_8.h5", "models/fli/config.yaml"),
    "fli_resource": ("models/fli/lite16_16.h5", "models/fli/config_resource.yaml"),
    "fli_stacked": ("models/fli/stacked64x16_8.h5", "models/fli/config_stacked.yaml"),
    "lic_analysis": ("models/lic/trained/wide_100/analysis.h5", "models/lic/config.yaml"),
    "lic_synthesis": ("models/lic/trained/wide_100/synthesis.h5", "models/lic/config_synthesis.yaml"),
    "lic_hyper_synthesis": ("models/lic/trained/wide_100/hyper_synthesis.h5", "models/lic/config_hyper.yaml"),
}
CYCLES = ("latency_cycles", "interval_cycles", "frame_ends", "steady_frames")


def main(arguments: list[str]) -> int:
    """Exit status 0 where nothing that must stay has changed."""
    parser = argparse.ArgumentParser(prog="python -m bitsmith.bench.unchanged", description=__doc__)
    parser.add_argument("other", type=Path, help="another checkout")
    parser.add_argument("--work", type=Path, default=Path("build") / "unchanged", help="where both build")
    parser.add_argument("--only", choices=NETWORKS, action="append", help="these networks (all)")
    given = parser.parse_args(arguments)
    bad = 0
    for name in given.only or NETWORKS:
        one, two = (_built(root, name, given.work / side) for root, side in ((given.other, "other"), (ROOT, "this")))
        wrong = differences(one, two)
        bad += bool(wrong)
        print(f"{name}: {'; '.join(wrong) if wrong else 'integers, cycles and ports are equal'}; {_files(one, two)}")
    return 1 if bad else 0


def _built(root: Path, name: str, work: Path) -> Path:
    """The network's build folder, made by the checkout ``root``, in its own environment where it has one."""
    model, config = (ROOT / path for path in NETWORKS[name])
    out = (work / name).resolve()
    own = root.resolve() / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    command = [python, "-m", "bitsmith", "build", str(model), "--config", str(config), "--vectors", "2"]
    environment = {**os.environ, "PYTHONPATH": str(root.resolve() / "src")}
    out.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [*command, "-o", str(out)], env=environment, cwd=work, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BitsmithError(f"{root} cannot build {name}: {done.stderr.strip()[:200]}")
    return out


def differences(one: Path, two: Path) -> list[str]:
    """What differs between two build folders and must not."""
    arrays = sorted(p.relative_to(one) for p in (one / "vectors").glob("*.npy"))
    wrong = [
        f"{path} differs"
        for path in arrays
        if not (two / path).exists() or not np.array_equal(np.load(one / path), np.load(two / path))
    ]
    before, after = (_json(folder / "estimate.json") for folder in (one, two))
    wrong += [f"{key}: {before[key]}, now {after.get(key)}" for key in CYCLES if before.get(key) != after.get(key)]
    before, after = (_json(folder / "rtl" / "ports.json") for folder in (one, two))
    wrong += [f"ports.json: {key} differs" for key in before if key != "files" and before[key] != after.get(key)]
    return wrong


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _files(one: Path, two: Path) -> str:
    """How many of the emitted files are not the same bytes."""
    counts = []
    for part in ("hls", "rtl"):
        names = {p.relative_to(side) for side in (one, two) for p in (side / part).rglob("*") if p.is_file()}
        same = sum(
            (one / n).is_file() and (two / n).is_file() and (one / n).read_bytes() == (two / n).read_bytes()
            for n in names
        )
        counts.append(f"{part}/ {same} of {len(names)}")
    return f"files of the same bytes: {', '.join(counts)}"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BitsmithError as error:
        sys.exit(f"error: {error}")
