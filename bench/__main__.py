"""``python -m bitsmith.bench``: measures, prints a table of ratios, writes JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..gen.files.folder import write_json
from ..sim.errors import BitsmithError
from .hardware import build_with, formula_against_yosys, proof
from .rows import rows, text
from .timing import of_command

CELLS = Path(__file__).resolve().parents[1] / "models" / "cells"
START_RUNS, BUILD_RUNS, RANDOM_IMAGES, SEED = 5, 3, 1000, 1


def main() -> int:
    """0 where every measured figure reaches what was asked, else 1."""
    parser = argparse.ArgumentParser(prog="bitsmith.bench", description=__doc__)
    parser.add_argument("--model", type=Path, default=CELLS / "student2.h5")
    parser.add_argument("--config", type=Path, default=CELLS / "config.yaml")
    parser.add_argument("--images", type=Path, help="real images as .npy; random ones without it")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    given = parser.parse_args()
    given.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bitsmith-bench-") as work:
        images = given.images or _random_images(Path(work))
        figures = measure(given.model, given.config, images, Path(work))
    figures["images"] = str(given.images) if given.images else f"random, seed {SEED}"
    table = rows(figures)
    write_json(given.output, {"rows": table, "figures": figures})
    print(text(table, figures))
    print(f"written to {given.output}")
    return int(any(row["met"] is False for row in table))


def measure(model: Path, config: Path, images: Path, work: Path) -> dict[str, Any]:
    """Every figure; what a missing tool prevents is a string that says so."""
    say("start-up")
    figures: dict[str, Any] = {"machine": machine()}
    figures["help"] = vars(of_command(["--help"], START_RUNS))
    figures["inspect"] = vars(of_command(["inspect", str(model)], START_RUNS))
    say("builds")
    figures["build"] = vars(build_with(model, config, work / "one", 1, BUILD_RUNS))
    build_with(model, config, work / "sixteen", 16, 1)
    say("predictors")
    figures["predict"] = in_a_process("rivals", model, images, work / "rival")
    figures["recurrent"] = in_a_process("recurrent", work / "recurrent")
    say("proof at 1 pixel per cycle")
    figures["one_pixel"] = attempt(lambda: proof(work / "one", images, ("hls", "rtl")))
    say("proof at 16 pixels per cycle")
    figures["sixteen_pixels"] = attempt(lambda: proof(work / "sixteen", images, ("rtl",), 64))
    say("Yosys")
    figures["resources"] = attempt(lambda: formula_against_yosys(work / "one"))
    return figures


def attempt(call: Any) -> Any:
    """The result, or the one line that says what is missing."""
    try:
        return call()
    except BitsmithError as error:
        return f"skipped: {error}"


def in_a_process(module: str, *arguments: Path) -> Any:
    """The predictors' times, from a process of their own."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        return f"skipped: {lines[-1][:200]}"
    return json.loads(done.stdout.strip().splitlines()[-1])


def machine() -> dict[str, Any]:
    """What the times were measured on."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processors": os.cpu_count(),
        "load": load,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)


def _random_images(work: Path) -> Path:
    path = work / "images.npy"
    pixels = np.random.default_rng(SEED).integers(0, 256, (RANDOM_IMAGES, 48, 48, 1))
    np.save(path, (pixels / 256).astype(np.float32))
    return path


if __name__ == "__main__":
    sys.exit(main())
