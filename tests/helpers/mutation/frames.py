"""Every frame that there is, for what survives the few that ``verify`` takes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bitsmith.gen.hls.model import HlsModel
from bitsmith.gen.simulate import verilator
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.simulate.simulation import Drive
from bitsmith.gen.verify.batch import Batch
from bitsmith.gen.verify.job import argmax_threshold
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import IntArray
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Spec

from . import cpp
from .networks import FEW_BITS

COUNT = 1 << FEW_BITS


def many(graph: Graph) -> Batch:
    """Every frame of each chain."""
    batch: Batch = {}
    for chain in chains(graph):
        at = 0
        for name, spec in chain:
            batch[name] = _field(spec, at)
            at += spec.type.width * int(np.prod(spec.shape))
        assert at <= FEW_BITS, f"{chain[0][0]}: a frame has {at} bits"
    return batch


def chains(graph: Graph) -> list[list[tuple[str, Spec]]]:
    """The inputs by what they end in: chains have nothing in common."""
    found: dict[str, list[tuple[str, Spec]]] = {}
    for name, spec in graph.inputs:
        found.setdefault(name.rsplit("_x", 1)[0], []).append((name, spec))
    return list(found.values())


def _field(spec: Spec, at: int) -> IntArray:
    """The bits from ``at`` on of 0, 1, … as a tensor, COUNT times."""
    size, width = int(np.prod(spec.shape)), spec.type.width
    numbers = np.arange(COUNT, dtype=np.int64)[:, np.newaxis] >> (at + width * np.arange(size))
    raw = (numbers & ((1 << width) - 1)) + (spec.type.raw_min if spec.type.signed else 0)
    return raw.reshape(COUNT, *spec.shape)


def right(graph: Graph, batch: Batch) -> list[IntArray]:
    """What the reference gives."""
    return list(Reference(graph).predict_raw(*(batch[name] for name, _ in graph.inputs)))


def traced(graph: Graph, batch: Batch) -> Batch:
    """Every tensor, computed plainly."""
    return Reference(graph, threads=1).trace_raw(*(batch[name] for name, _ in graph.inputs))


def first_wrong(names: Sequence[str], expected: Iterable[IntArray], got: Iterable[IntArray]) -> str:
    """An output and a frame that differ, in words; empty where none does."""
    for name, a, b in zip(names, expected, got, strict=True):
        if len(a) != len(b):
            return f"'{name}' delivers {len(b)} of {len(a)} frames"
        frames = np.flatnonzero((a != b).reshape(len(a), -1).any(axis=1))
        if len(frames):
            return f"'{name}' differs in {len(frames)} of {len(a)} frames, first in {int(frames[0])}"
    return ""


def in_cpp(folder: Path, graph: Graph, batch: Batch, expected: list[IntArray]) -> tuple[str, str]:
    """The C simulation on all these frames: (``equal`` or ``not equal``, what differs). For a process of its own."""
    model = HlsModel(folder, "-O1")
    got = list(model.predict_raw(*(batch[name] for name, _ in graph.inputs)))
    wrong = model.disorder or first_wrong(graph.outputs, expected, got)
    return ("not equal" if wrong else "equal"), wrong


def in_verilog(folder: Path, graph: Graph, batch: Batch, expected: list[IntArray]) -> tuple[str, str]:
    """The Verilog at full speed on all these frames, likewise."""
    top = Top.load(folder / "rtl").without_traces()
    run = verilator.build(top, folder / "sim").run(batch, Drive(threshold=argmax_threshold(graph)))
    wrong = first_wrong(graph.outputs, expected, [run.outputs[name] for name in graph.outputs])
    return ("not equal" if wrong else "equal"), wrong


def reached(folder: Path, graph: Graph, batch: Batch, seen: Path) -> tuple[str, str]:
    """Runs the C simulation without a fault and leaves the numbers that it came to in a file."""
    os.environ[cpp.SEEN] = str(seen)
    HlsModel(folder, "-O1").predict_raw(*(batch[name] for name, _ in graph.inputs))
    _unload()
    return "ran", ""


def _unload() -> None:
    """The process ends by itself without its libraries' destructors; here they are wanted."""
    import ctypes

    ctypes.CDLL(None).exit(0)
