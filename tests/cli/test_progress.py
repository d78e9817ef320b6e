"""What ``build`` and ``calibrate`` say while they work, and to whom."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from model_files import dense, input_layer, quantize, write_h5

from bitsmith.gen.build import build_project
from bitsmith.gen.calibrate.ranges import calibrate


@pytest.fixture
def model(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", np.random.default_rng(1).random((150, 3)))
    return write_h5(tmp_path / "m.h5", [input_layer(3), quantize(), dense(), quantize("last")])


def test_the_phases_of_a_build(model: Path) -> None:
    said: list[str] = []
    build_project(model, None, model.parent / "out", vectors=2, say=said.append)
    phases = list(dict.fromkeys(line.split()[0].rstrip(":") for line in said))
    assert phases == ["reading", "vectors", "plan", "HLS", "Verilog", "estimate"]
    modules = [re.fullmatch(r"Verilog: (\w+), module (\d+) of (\d+)", line) for line in said]
    counts = [(int(found[2]), int(found[3])) for found in modules if found]
    assert counts == [(i + 1, len(counts)) for i in range(len(counts))]
    assert {found[1] for found in modules if found} >= {"dense", "last", "network"}


def test_calibrate_counts_the_samples(model: Path) -> None:
    said: list[str] = []
    calibrate(model, model.parent / "x.npy", say=said.append)
    assert said == [
        f"reading {model}",
        *(f"measuring 4 layers, {done} of 150 samples done" for done in (0, 64, 128)),
    ]


def watched(*arguments: str) -> tuple[str, str]:
    """The command line's stdout, and what it shows where stderr is a terminal."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "bitsmith", *arguments], stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=120,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # the terminal's other end is closed
        pass
    os.close(ours)
    assert done.returncode == 0, shown
    return done.stdout, shown.decode()


@pytest.mark.parametrize(("command", "phase"), [("build", "estimate: cycles"), ("calibrate", "measuring 4 layers")])
def test_it_is_shown_on_a_terminal_and_not_to_a_machine(model: Path, command: str, phase: str) -> None:
    """The last phase: what is over at once may not be drawn."""
    more = {"build": ["-o", str(model.parent / "out")], "calibrate": ["--data", str(model.parent / "x.npy")]}[command]
    stdout, shown = watched(command, str(model), *more)
    assert phase in shown
    assert phase not in stdout
    assert watched(command, str(model), *more, "--json")[1] == ""
