"""The fast steps of recurrent graphs give the integers of ``compute``: every mode, width, order and view."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sim_graphs import random_inputs
from sim_recurrent_graphs import GATES, STEMS, RecurrentMaker, lite, random_recurrent_graph, rounded_everywhere

from bitsmith.sim.cast import Cast
from bitsmith.sim.fast.function import Function
from bitsmith.sim.fast.plan import make_plan
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fast.product_steps import ProductStep
from bitsmith.sim.fast.recurrent_steps import RecurrentStep
from bitsmith.sim.fast.steps import Buffers, ComputeStep
from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.gru import GRU
from bitsmith.sim.ops.repeat_vector import RepeatVector
from bitsmith.sim.ops.reverse import Reverse

SEED = st.integers(0, 2**32 - 1)


def equals_plain(graph: Graph, seed: int, threads: int = 1) -> Reference:
    """Two batches one after the other in the same buffers, so that nothing of the first may be left in the second."""
    reference = Reference(graph, threads)
    for k in range(2):
        x = random_inputs(graph, 5, seed + k)
        trace = reference.trace_raw(*x)
        for name, result in zip(graph.outputs, reference.predict_raw(*x)):
            assert_array_equal(result, trace[name], err_msg=f"{name} of {graph}")
        for name, spec in graph.specs().items():
            assert trace[name].shape == (5, *spec.shape)
            assert spec.type.raw_min <= trace[name].min()
            assert trace[name].max() <= spec.type.raw_max
    return reference


@given(SEED, st.sampled_from([5, 8, 12, 16]), st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_random_graphs_equal_plain_int64(seed: int, bits: int, extreme: bool) -> None:
    graph = random_recurrent_graph(seed, bits, extreme)
    equals_plain(graph, seed)
    again = Graph.from_json(graph.to_json())
    assert again.nodes == graph.nodes
    assert again.to_json() == graph.to_json()


FUNCTIONS: dict[str, dict[str, Any]] = {
    "linear": {},
    "relu": {},
    "leaky_relu": {"slope": Constant(3, 3)},
    "hard_sigmoid": {"slope": Constant(1, 2), "offset": Constant(1, 1), "lower": Constant(0), "upper": Constant(1)},
    "table": {"function": "tanh", "table_type": Fixed(True, 2, 3)},
}
CASTS = [
    Fixed(True, 2, 4),
    Fixed(True, 0, 0),
    Fixed(False, 2, 3),
    Fixed(False, 1, 0),
    Fixed(True, 6, 12),
    Fixed(True, 2, -1),
]


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rounding_and_a_function_in_every_mode(kind: str, dtype: Any) -> None:
    """All values of a type through all of ap_fixed's modes; the casts are narrow (one table) and wide (two passes)."""
    source = Fixed(True, 4, 6)
    raw = np.arange(source.raw_min, source.raw_max + 1)
    casts = [Cast(t, r, o) for t, r, o in product(CASTS, Rounding, Overflow)]
    functions: list[tuple[Cast | None, Cast]] = [(cast, Cast(Fixed(True, 1, 5))) for cast in casts]
    for cast, out in [*functions, *((None, cast) for cast in casts)]:
        rounded = raw if cast is None else cast(raw, source.fraction)
        modes = {"rounding": out.rounding, "overflow": out.overflow, **FUNCTIONS[kind]}
        activation = Activation(source if cast is None else cast.type, Kind(kind), out.type, **modes)
        function = Function(source, cast, activation)
        assert function.needs(source.raw_max + 1, source.fraction) <= 1 << 24
        y = (raw * 2.0 ** (function.unit - source.fraction) + function.offset).astype(dtype)
        result = np.empty_like(y)
        function.bind(y, result, 9, Buffers(1))()
        got = result * 2.0 ** (activation.output_type.fraction - 9)
        assert_array_equal(got, activation.compute(rounded), err_msg=f"{cast} {out}")


@pytest.mark.parametrize("stem", STEMS)
def test_every_width_at_its_extremes(stem: str) -> None:
    """Weights, inputs and states at their limits drive the sums to the proven bounds, in float32, float64 and int64."""
    kinds = set()
    for bits in range(3, 26 if stem == "gru" else 28):
        maker = RecurrentMaker(bits, bits, extreme=True)
        t = Fixed(True, 0, bits - 1)
        op = rounded_everywhere(stem, maker.raw(t, 5, GATES[stem] * 5), t)
        states = [(f"s{k}", Spec((5,), t)) for k in range(len(op.states))]
        node = Node("y", op, ("x", *(name for name, _ in states)))
        graph = Graph("wide", (("x", Spec((1, 6, GATES[stem] * 5), t)), *states), (node,), ("y",))
        x = [maker.rng.choice([t.raw_min, -1, 0, t.raw_max], (20, *spec.shape)) for _, spec in graph.inputs]
        reference = Reference(graph, 1)
        assert_array_equal(reference.predict_raw(*x)[0], reference.trace_raw(*x)["y"])
        (step,) = make_plan(graph)
        kinds |= {str(step.dtype) if isinstance(step, RecurrentStep) else type(step).__name__}
    assert kinds == {"float32", "float64", "ComputeStep"}


@pytest.mark.parametrize("stem", STEMS)
def test_the_last_place_of_a_fine_input_counts(stem: str) -> None:
    """Gate inputs of one last place around sums that are large beside it, cut off: losing it shows."""
    t, rng = Fixed(True, 0, 7), np.random.default_rng(5)
    for fraction, after in product(range(40, 57), (True, False)):
        op = rounded_everywhere(stem, rng.integers(-128, 128, (6, GATES[stem] * 6)), t, after)
        fine = Fixed(True, -6, fraction)
        cut = {"gate_input": Cast(t, Rounding.TRN, Overflow.WRAP)}
        cut |= {} if stem == "simple_rnn" else {"candidate_input": Cast(t, Rounding.TRN, Overflow.WRAP)}
        op = replace(op, input_type=fine, return_sequences=True, **cut)
        node = Node("y", op, ("x", *op.states))
        states = [(name, Spec((6,), t)) for name in op.states]
        graph = Graph("fine", (("x", Spec((1, 3, GATES[stem] * 6), fine)), *states), (node,), ("y",))
        x = [rng.integers(-1, 2, (40, 1, 3, GATES[stem] * 6)), *(rng.integers(-128, 128, (40, 6)) for _ in states)]
        reference = Reference(graph, 1)
        assert_array_equal(reference.predict_raw(*x)[0], reference.trace_raw(*x)["y"], err_msg=f"{fraction}, {after}")


def test_the_blend_of_wide_gates_and_states() -> None:
    """Gates and states whose products are a little narrower and a little wider than float64's mantissa."""
    rng, small = np.random.default_rng(6), Fixed(True, 1, 0)
    t = Fixed(True, 0, 27)
    for bits in range(22, 31):
        gate = Fixed(False, 0, bits)
        op = GRU(
            input_type=t,
            recurrent_kernel=np.zeros((1, 3), dtype=np.int64),
            recurrent_kernel_type=small,
            state=Cast(t),
            initial_type=t,
            recurrent_bias=np.zeros(3, dtype=np.int64),
            recurrent_bias_type=small,
            gate_input=Cast(gate),
            candidate_input=Cast(t),
            reset_product=Cast(small),
            recurrent_activation=Activation(gate, Kind.LINEAR, gate),
            activation=Activation(t, Kind.LINEAR, t),
        )
        graph = Graph("blend", (("x", Spec((1, 1, 3), t)), ("h", Spec((1,), t))), (Node("y", op, ("x", "h")),), ("y",))
        high, low = t.raw_max, t.raw_min
        x = [rng.integers(high - 40, high, (500, 1, 1, 3)), rng.integers(high - 40, high, (500, 1))]
        x[0][..., 2] = low + rng.integers(0, 40, (500, 1, 1))
        reference = Reference(graph, 1)
        assert_array_equal(reference.predict_raw(*x)[0], reference.trace_raw(*x)["y"], err_msg=str(bits))


def test_the_benchmark_runs_as_two_products_and_equals_plain_int64() -> None:
    for hard in (True, False):
        graph = lite(hard=hard)
        recurrent, dense = make_plan(graph)
        assert isinstance(recurrent, RecurrentStep)
        assert isinstance(dense, ProductStep)
        assert (recurrent.inputs, recurrent.output, recurrent.rounded) == (("x",), "g_out", True)
        reference = Reference(graph, 2)
        x = np.random.default_rng(3).integers(-128, 128, (70, 1, 64, 1))
        expected = reference.trace_raw(x)["y"]
        assert len(np.unique(expected)) > 2000  # the data reaches most of the range, so the comparison means something
        for batch in (70, 1, 2, 33):
            assert_array_equal(reference.predict_raw(x[:batch])[0], expected[:batch])


def relabeled(graph: Graph, outputs: tuple[str, ...], *more: Node) -> Graph:
    return replace(graph, nodes=(*graph.nodes, *more), outputs=outputs)


@pytest.mark.parametrize("outputs", [("y", "g_gates"), ("y", "g"), ("y", "g_out"), ("g_gates", "g", "g_out", "y")])
def test_what_is_asked_for_is_not_fused_away(outputs: tuple[str, ...]) -> None:
    graph = relabeled(lite(units=4, steps=6), outputs)
    reference = equals_plain(graph, 5)
    assert [type(step) for step in make_plan(reference.graph)].count(ComputeStep) == 0


def test_gate_inputs_that_two_layers_read() -> None:
    graph = lite(units=4, steps=6)
    gru = graph.node("g").op
    assert isinstance(gru, GRU)
    other = Node("other", replace(gru, reset_after=False, recurrent_bias=0 * gru.recurrent_bias), ("g_gates",))
    equals_plain(relabeled(graph, ("y", "other"), other), 6)


def test_another_rounding_behind_it_is_not_the_state() -> None:
    graph = lite(units=4, steps=6)
    gru = graph.node("g").op
    assert isinstance(gru, GRU)
    for cast in (
        Cast(Fixed(True, 0, 15), Rounding.TRN),
        Cast(Fixed(True, 0, 7)),
        Cast(Fixed(True, 0, 15), overflow=Overflow.WRAP),
    ):
        changed_gru = replace(gru, state=cast)
        behind = Activation(changed_gru.output_type, Kind.LINEAR, Fixed(True, 0, 15))
        operators = {"g": changed_gru, "g_out": behind}
        nodes = [replace(node, op=operators.get(node.name, node.op)) for node in graph.nodes]
        changed = replace(graph, nodes=tuple(nodes))
        assert not any(isinstance(step, RecurrentStep) and step.rounded for step in make_plan(changed))
        equals_plain(changed, 7)


def decoder(state_first: bool) -> Graph:
    """Encoder and decoder: the decoder's gate inputs stand before what its initial state is computed from."""
    encoder = lite(units=4, steps=5)
    gates, gru = encoder.node("g_gates").op, encoder.node("g").op
    assert isinstance(gates, Conv2D)
    assert isinstance(gru, GRU)
    state = gru.state.type
    first = replace(gru, return_sequences=False)
    dense = Dense(state, gates.kernel[0, 0].repeat(4, axis=0), gates.kernel_type, gates.bias, gates.bias_type)
    repeated = dense.accumulator.type
    second = replace(
        gru, input_type=repeated, initial_type=state, gate_input=gru.gate_input, candidate_input=gru.candidate_input
    )
    extra = Node("d_gates", replace(gates), ("x",))
    third = replace(gru, initial_type=state)
    nodes = [
        Node("e_gates", gates, ("x",)),
        Node("e", first, ("e_gates",)),
        Node("e_out", Activation(first.output_type, Kind.LINEAR, state), ("e",)),
        Node("code", dense, ("e_out",)),
        Node("repeated", RepeatVector(repeated, 7), ("code",)),
        Node("y", second, ("repeated", "e_out")),
    ]
    at = 3 if state_first else 0
    nodes = [*nodes[:at], extra, *nodes[at:], Node("d", third, ("d_gates", "e_out"))]
    return Graph("decoder", encoder.inputs, tuple(nodes), ("y", "d"))


@pytest.mark.parametrize("state_first", [True, False])
def test_a_decoder_that_starts_from_the_encoders_state(state_first: bool) -> None:
    graph = decoder(state_first)
    assert [step.output for step in make_plan(graph) if isinstance(step, RecurrentStep)] == ["e_out", "y", "d"]
    equals_plain(graph, 8, threads=2)


def test_views_of_what_changes_are_read_again() -> None:
    """Parts, reverses and repetitions share memory with their source; a flatten of them cannot, and copies."""
    t = Fixed(True, 3, 4)
    dense = Dense(t, np.arange(12).reshape(6, 2) - 5, t, np.zeros(2, dtype=np.int64), t)
    nodes = (
        Node("back", Reverse(t), ("x",)),
        Node("part", Crop(t, (0, 1), (1, 4), (1, 3)), ("back",)),
        Node("flat", Flatten(t, (6,)), ("part",)),
        Node("dense", dense, ("flat",)),
        Node("again", RepeatVector(dense.accumulator.type, 3), ("dense",)),
        Node("long", Flatten(dense.accumulator.type, (6,)), ("again",)),
        Node("act", Activation(dense.accumulator.type, Kind.RELU, t), ("again",)),
    )
    outputs = ("back", "part", "flat", "dense", "again", "long", "act")
    graph = Graph("views", (("x", Spec((1, 5, 3), t)),), nodes, outputs)
    equals_plain(graph, 9)
    x = np.arange(15).reshape(1, 1, 5, 3)
    result = dict(zip(outputs, Reference(graph).predict_raw(x)))
    assert result["part"].tolist() == [[[[10, 11], [7, 8], [4, 5]]]]
    assert result["again"].tolist() == [[[result["dense"][0].tolist()] * 3]]
