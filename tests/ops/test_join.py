"""Streams that are joined: of any number, with other lanes, held for a row or a frame, one channel for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recurrences import specs
from test_gru import gru

from bitsmith.gen.resources import of_stage
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.rtl.plan import plan
from bitsmith.gen.simulate import verilator
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.simulate.simulation import Drive
from bitsmith.gen.verify.vectors import make
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.global_max_pool2d import GlobalMaxPool2D
from bitsmith.sim.ops.max_pool2d import MaxPool2D
from bitsmith.sim.ops.multiply import Multiply

Need = Callable[..., None]
S8, U8, S6 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 2, 3)
TYPES = (S6, U8, S8, S6)
SHAPES: dict[str, tuple[Shape, ...]] = {
    "one shape": ((3, 5, 2), (3, 5, 2)),
    "vectors": ((5,), (5,)),
    "a vector and one value": ((5,), (1,)),
    "held for the frame": ((3, 5, 2), (1, 1, 2)),
    "held, and first": ((1, 1, 2), (3, 5, 2)),
    "a vector beside an image": ((2,), (3, 5, 2)),
    "one channel": ((3, 5, 2), (3, 5, 1)),
    "one value": ((3, 5, 2), (1, 1, 1)),
    "held for the row": ((3, 1, 2), (3, 5, 2)),
    "a row for every row": ((3, 5, 2), (1, 5, 2)),
    "a column": ((4, 1, 2), (1, 1, 2)),
    "three": ((3, 5, 2), (3, 5, 1), (2,)),
    "three, the whole last": ((2,), (3, 5, 1), (3, 5, 2)),
    "four": ((2, 5, 3), (2, 5, 3), (2, 5, 3), (3,)),
    "all ways at once": ((4, 6, 2), (1, 6, 2), (4, 1, 1), (1, 1, 2)),
}


class Net:
    """A graph that grows."""

    def __init__(self) -> None:
        self.inputs: list[tuple[str, Spec]] = []
        self.nodes: list[Node] = []
        self.outputs: list[str] = []

    def input(self, shape: Shape, type_: Fixed = S8) -> str:
        self.inputs.append((f"x{len(self.inputs)}", Spec(shape, type_)))
        return self.inputs[-1][0]

    def add(self, op: Operator, *sources: str) -> str:
        self.nodes.append(Node(f"{op.stem}_{len(self.nodes)}", op, sources))
        return self.nodes[-1].name

    def graph(self) -> Graph:
        return Graph("joins", tuple(self.inputs), tuple(self.nodes), tuple(self.outputs))


def joins() -> Net:
    """Every way of joining, of inputs and behind layers, each with an output of its own."""
    net = Net()
    for shapes in SHAPES.values():
        types = TYPES[: len(shapes)]
        net.outputs.append(net.add(Multiply(types), *(net.input(s, t) for s, t in zip(shapes, types))))
    image = net.input((4, 10, 2))  # the excitation of its own channels: the image waits for the whole of it
    net.outputs.append(net.add(Multiply((S8, S8)), image, net.add(GlobalMaxPool2D(S8), image)))
    fast, slow = net.input((2, 6, 2)), net.input((4, 12, 2))  # as many pixels, other lanes
    small = net.add(MaxPool2D(S8, (2, 2), (2, 2)), slow)
    net.outputs.append(net.add(Multiply((S8, S8)), fast, small))
    net.outputs.append(net.add(Add((S8, S8)), net.add(Crop(S8, (0, 2), (0, 6), (0, 2)), slow), small))
    return net


@pytest.mark.parametrize("pixels", [1, 4, 8])
def test_the_verilog_gives_the_integers_in_the_predicted_cycles(pixels: int, tmp_path: Path, need: Need) -> None:
    need("g++", "verilator")
    graph = joins().graph()
    planned = plan(graph, pixels, {})
    schedule = emit_plan(planned, tmp_path / "rtl")
    inputs = make(graph.inputs, schedule.frames + 2, 7)
    expected = dict(zip(graph.outputs, Reference(graph).predict_raw(*(inputs[n] for n, _ in graph.inputs))))
    device = verilator.build(Top.load(tmp_path / "rtl").without_traces(), tmp_path / "sim")
    for drive in (Drive(), Drive(stalls=True, seed=pixels)):
        run = device.run(inputs, drive)
        assert run.problems == ()
        for output, right in expected.items():
            np.testing.assert_array_equal(run.outputs[output], right, err_msg=output)
        if not drive.stalls:
            ends = dict(zip(planned.outputs, run.frame_ends))
            got = {name: [end - run.first_input for end in times[: schedule.frames]] for name, times in ends.items()}
            assert got == planned.frame_ends(schedule)


def of(*inputs: Spec) -> Graph:
    net = Net()
    net.outputs.append(net.add(Multiply(tuple(s.type for s in inputs)), *(net.input(s.shape, s.type) for s in inputs)))
    return net.graph()


def test_sixteen_products_are_sixteen_dsp_blocks() -> None:
    s16 = Fixed(True, 7, 8)
    assert of_stage(plan(of(Spec((1, 4, 4), s16), Spec((1, 4, 4), s16)), 4, {}).stage("multiply_0")).dsp == 16


def test_lanes_are_the_most_that_all_can_be_cut_into() -> None:
    """6 and 4 pixels at once: 2 of each."""
    net = Net()
    wide = net.input((4, 12, 1))
    six = net.add(Crop(S8, (0, 4), (0, 6), (0, 1)), net.input((4, 6, 1)))
    four = net.add(Crop(S8, (0, 4), (0, 6), (0, 1)), wide)
    net.outputs.append(net.add(Multiply((S8, S8)), six, four))
    planned = plan(net.graph(), 8, {})
    assert planned.stage(six).core.output.lanes == 6
    assert planned.stage(four).core.output.lanes == 8
    assert [port.layout.lanes for port in planned.stage("multiply_2").core.inputs] == [2, 2]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((3, 4, 2), (3, 3, 2)), "an input of 3 x 3 pixels meets one of 3 x 4; they must be equal, or 1"),
        (((3, 4, 2), (3, 4, 3)), "inputs of 2, 3 channels meet"),
    ],
)
def test_what_does_not_fit_is_one_line(shapes: tuple[Shape, ...], message: str) -> None:
    """Whatever the operator allows: the planner is held to what a join can do."""

    class Free(Multiply):
        def infer(self, *inputs: Spec) -> Spec:
            return Spec(shapes[0], self.output_type)

    net = Net()
    net.outputs.append(net.add(Free((S8, S8)), *(net.input(shape) for shape in shapes)))
    with pytest.raises(BitsmithError, match=message):
        plan(net.graph(), 1, {})


def test_an_initial_state_with_other_lanes_meets_its_gate_inputs() -> None:
    """Of 6 and 8 sequences at once: 2 of each, in the core of a recurrent layer as in a join."""
    op = gru(interleaved=True, initial_type=S8)
    gates, state = (spec.shape for spec in specs(op, 4, 6))
    net = Net()
    given = net.add(Crop(S8, (0, 1), (0, 6), (0, op.units)), net.input((1, 8, op.units)))
    net.outputs.append(net.add(op, net.input(gates, op.input_type), given))
    planned = plan(net.graph(), 8, {})
    assert state == (1, 6, op.units)
    assert planned.stage(given).core.output.lanes == 8
    assert {port.layout.lanes for port in planned.stage(net.outputs[0]).core.inputs} <= {1, 2}
    assert len({port.layout.lanes for port in planned.stage(net.outputs[0]).core.inputs}) == 1
