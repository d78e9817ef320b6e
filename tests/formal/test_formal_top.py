"""A whole build at its AXI4-Stream ports, of elements of one bit: a stream that two layers read, and both outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from formal import Prove, spoilt
from formal_reference import moved
from formal_top import emitted, top_harness

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.plan import Plan
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.reverse import Reverse

pytestmark = pytest.mark.slow
BIT, PLACE = Fixed(False, 1, 0), Fixed(False, 16, 0)
SHAPE = (1, 2, 1)
QUIET = 12
"""Cycles in which something must move where all are willing: a beat goes through the whole build in fewer."""


def fork() -> Plan:
    """Two pixels as they are, and in reverse; the buffers hold two beats each."""
    nodes = (
        Node("same", Activation(BIT, Kind.LINEAR, BIT), ("x",), "same"),
        Node("back", Reverse(BIT), ("x",), "back"),
    )
    return plan_for(Graph("net", (("x", Spec(SHAPE, BIT)),), nodes, ("same", "back")), parse_config({}))


BUGS = {
    "": "",
    "room in one of two buffers is enough": "x_in_fifo_0_room & x_in_fifo_1_room",
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_stream_that_two_read(bug: str, proof: Prove, tmp_path: Path) -> None:
    """Each of the readers gets every beat, whatever the other one does."""
    plan = fork()
    outputs = {name: plan.stage(end).layout for name, end in plan.outputs.items()}
    beats = {
        "same": moved(Activation(PLACE, Kind.LINEAR, PLACE), (Spec(SHAPE, PLACE),), outputs["same"]),
        "back": moved(Reverse(PLACE), (Spec(SHAPE, PLACE),), outputs["back"]),
    }
    texts = emitted(plan, tmp_path / "rtl")
    if bug:
        texts = spoilt(texts, (BUGS[bug], "x_in_fifo_0_room"))
    verdict = proof(f"a fork at the ports{': ' * bool(bug)}{bug}", top_harness(plan, beats, QUIET), texts)
    assert verdict.proven == (not bug), verdict
