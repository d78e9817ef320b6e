"""The hand-written design of tests/fixtures/adder as a graph and as a build folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from bitsmith.gen.files.graph_file import save_graph
from bitsmith.gen.files.hashes import sealed
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.batch_norm import BatchNorm

ADDER = Path(__file__).parents[1] / "fixtures" / "adder"
NASTY = "-d$HOME ${X} $(X) `x` \"q' ;#%s \\ü\n*[a]?<>|&!~{},@="
"""A name with what a shell, make, Tcl, Verilator, C++, HTML or a pattern of files would take for its own."""
# Two registers and six beats: the first output beat leaves two cycles after the first input beat came in.
ADDER_CYCLES = {"latency_cycles": 8, "interval_cycles": 6}
# What an estimate says of eight frames.
ADDER_ESTIMATE = {**ADDER_CYCLES, "steady_frames": [3, 7], "frame_ends": {"twice": [7 + 6 * k for k in range(8)]}}


def affine(input_type: Fixed, scale: int, offset: int) -> BatchNorm:
    """scale * x + offset on one channel."""
    number = Fixed(False, 2, 0)
    return BatchNorm(input_type, np.array([scale]), number, np.array([offset]), number)


def adder_graph() -> Graph:
    """(x + 3) * 2 on 5-bit integers, (2, 5, 1)."""
    image = Spec((2, 5, 1), Fixed(True, 4, 0))
    nodes = (
        Node("plus_three", affine(image.type, 1, 3), ("image",), "plus_three"),
        Node("twice", affine(Fixed(True, 5, 0), 2, 0), ("plus_three",), "twice"),
    )
    return Graph("adder", (("image", image),), nodes, ("twice",), {"plus_three": "Plus/Three"})


def adder_build(folder: Path) -> Path:
    """A build folder around the fixture, without HLS and, until ``sealed_again``, without vectors."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ADDER, folder / "rtl")
    (folder / "estimate.json").write_text(json.dumps(ADDER_ESTIMATE))
    save_graph(adder_graph(), folder / "graph.json")
    return sealed_again(folder)


def sealed_again(folder: Path) -> Path:
    """The build as it stands now, as if it had been built so."""
    (folder / "bitsmith.json").write_text(json.dumps(sealed(folder, {"made_by": "bitsmith"})))
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """Replace ``old``, which must be there, in a file."""
    text = path.read_text()
    assert old in text, f"'{old}' is not in {path}"
    path.write_text(text.replace(old, new, 1))
