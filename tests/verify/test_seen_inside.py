"""The layers of a top seen from inside, without its tracing twin: the same streams, and refused where they are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hls_cases import S8, argmax, chain, conv, dense, flatten
from rigs import edit

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.simulate import verilator
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.simulate.simulation import Drive
from bitsmith.gen.verify import vectors
from bitsmith.gen.verify.job import argmax_threshold
from bitsmith.sim.fast.predict import Reference

Need = Callable[..., None]
GRAPH = chain("decided", (5, 4, 2), S8, conv((2, 2), 3), flatten, dense(4), argmax)
FULL_SPEED = Drive(threshold=argmax_threshold(GRAPH))
HARD = replace(FULL_SPEED, stalls=True, resets=5, seed=3)


@pytest.fixture
def rtl(tmp_path: Path, need: Need) -> Path:
    need("g++", "verilator")
    emit_plan(plan_for(GRAPH, parse_config({})), tmp_path / "rtl")
    return tmp_path / "rtl"


def test_the_streams_are_the_references_and_the_twins(rtl: Path) -> None:
    top = Top.load(rtl)
    seen = top.seen_inside()
    assert seen is not None
    assert seen.name == top.name
    batch = vectors.make(GRAPH.inputs, 6, 1)
    expected = Reference(GRAPH).trace_raw(*batch.values())
    inside, twin = (verilator.build(one, rtl.parent / "sim") for one in (seen, top.traced()))
    for drive in (FULL_SPEED, HARD):
        here, there = inside.run(batch, drive), twin.run(batch, drive)
        assert here.problems == there.problems == ()
        assert here.frame_ends == there.frame_ends
        assert len(here.traces) == len(top.traces) > 2
        for name, raw in here.traces.items():
            np.testing.assert_array_equal(raw, expected[name][here.shown], err_msg=name)
        for one, other in zip(here.aborted, there.aborted, strict=True):
            assert one.keys() == other.keys()
            for port, octets in one.items():
                np.testing.assert_array_equal(octets, other[port], err_msg=port)
    unseen = inside.run(batch, replace(FULL_SPEED, traced=False))
    assert all(len(raw) == 0 for raw in unseen.traces.values())
    np.testing.assert_array_equal(unseen.outputs[GRAPH.outputs[0]], expected[GRAPH.outputs[0]])


def test_a_top_that_is_wired_otherwise_than_its_twin_is_not_looked_into(rtl: Path) -> None:
    top = Top.load(rtl)
    net = f"{top.traces[0].inside}_tdata"
    other = f"{top.traces[1].inside}_tdata"
    edit(rtl / f"{top.name}.v", f"({net})", f"({other})")
    assert top.seen_inside() is None


def test_a_top_without_such_signals_is_not_looked_into(rtl: Path) -> None:
    top = Top.load(rtl)
    path = rtl / f"{top.name}.v"
    name = top.traces[0].inside
    path.write_text(path.read_text().replace(f"{name}_tvalid", "another"))
    assert top.seen_inside() is None
    path.unlink()
    assert top.seen_inside() is None
