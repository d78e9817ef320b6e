"""The fast predictor gives the plain int64 computation's integers: random graphs, threads, odd batches, reordering."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sim_graphs import random_graph, random_inputs, student2

from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.blas import _controls, one_thread_each
from bitsmith.sim.fast.plan import make_plan
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fast.product_steps import ProductStep
from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding, quantize
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.max_pool2d import MaxPool2D

SEED = st.integers(0, 2**32 - 1)


@given(SEED)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_random_graphs_equal_plain_int64(seed: int) -> None:
    graph = random_graph(seed)
    reference = Reference(graph, threads=2)
    x = random_inputs(graph, 5, seed)
    trace = reference.trace_raw(*x)
    for name, result in zip(graph.outputs, reference.predict_raw(*x)):
        assert result.dtype == np.int64
        assert_array_equal(result, trace[name], err_msg=f"{name} of {graph}")
    for name, spec in graph.specs().items():
        assert trace[name].shape == (5, *spec.shape)
        assert spec.type.raw_min <= trace[name].min()
        assert trace[name].max() <= spec.type.raw_max


def test_student2_runs_as_three_products_and_equals_plain_int64() -> None:
    graph = student2()
    steps = make_plan(graph)
    assert [step.output for step in steps if isinstance(step, ProductStep)] == ["pool1", "pool2", "dense"]
    assert all(step.dtype == np.float32 for step in steps if isinstance(step, ProductStep))
    reference = Reference(graph, threads=2)
    x = np.random.default_rng(3).integers(0, 256, (67, 48, 48, 1))
    trace = reference.trace_raw(x)
    assert_array_equal(reference.predict_raw(x)[0], trace["dense"])
    assert set(trace) == {"x", *(node.name for node in graph.nodes)}
    assert len(np.unique(trace["pool2"])) > 100  # the data reaches the whole range, so the comparison means something


@pytest.mark.parametrize("bits", [4, 8, 16, 24, 27])
@pytest.mark.parametrize("extreme", [False, True])
def test_every_width_at_its_extremes(bits: int, extreme: bool) -> None:
    """Weights and inputs at their limits drive the partial sums to the proven bounds, in float32, float64 and int64."""
    type = Fixed(True, 0, bits - 1)
    rng = np.random.default_rng(bits)
    kernel = rng.choice([type.raw_min, type.raw_max], (3, 3, 4, 5)) if extreme else rng.integers(-1, 2, (3, 3, 4, 5))
    conv = Conv2D(type, kernel, type, rng.choice([type.raw_min, type.raw_max], 5), type)
    out = Activation(conv.accumulator.type, Kind.RELU, Fixed(False, 4, 8))
    x_spec = ("x", Spec((6, 6, 4), type))
    nodes = (
        Node("conv", conv, ("x",)),
        Node("act", out, ("conv",)),
        Node("pool", MaxPool2D(out.output_type, (2, 2), (2, 2)), ("act",)),
    )
    for outputs in (("pool",), ("conv", "pool")):
        reference = Reference(Graph("wide", (x_spec,), nodes, outputs), threads=1)
        x = rng.choice([type.raw_min, -1, 0, 1, type.raw_max], (40, 6, 6, 4))
        trace = reference.trace_raw(x)
        for name, result in zip(outputs, reference.predict_raw(x)):
            assert_array_equal(result, trace[name])


def test_a_maximum_is_never_moved_before_a_falling_activation() -> None:
    """With slope -1 below zero the largest output comes from the smallest input."""
    t = Fixed(True, 7, 0)
    conv = Conv2D(t, np.ones((1, 1, 1, 1), int), Fixed(True, 1, 0), np.zeros(1, int), t)
    fold = Activation(conv.accumulator.type, Kind.LEAKY_RELU, t, slope=Constant(-1))
    wrap = Activation(conv.accumulator.type, Kind.LINEAR, Fixed(True, 3, 0), Rounding.TRN, Overflow.WRAP)
    x = np.array([[-100, 3], [1, 9]]).reshape(1, 2, 2, 1)
    absolute = Activation(conv.accumulator.type, Kind.ABSOLUTE, t)
    for op, expected in ((fold, 100), (wrap, 3), (absolute, 100)):
        nodes = (
            Node("conv", conv, ("x",)),
            Node("act", op, ("conv",)),
            Node("pool", MaxPool2D(op.output_type, (2, 2), (2, 2)), ("act",)),
        )
        graph = Graph("fold", (("x", Spec((2, 2, 1), t)),), nodes, ("pool",))
        assert Reference(graph).predict_raw(x)[0].item() == expected


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_batch_size_gives_the_same_integers(threads: int) -> None:
    graph = student2()
    x = np.random.default_rng(9).integers(0, 256, (41, 48, 48, 1))
    reference = Reference(graph, threads=threads)
    whole = reference.predict_raw(x)[0]
    for batch in (0, 1, 2, 3, 7, 16, 17, 40):
        assert_array_equal(reference.predict_raw(x[:batch])[0], whole[:batch])


def test_blas_threads_are_given_back_also_after_an_error() -> None:
    controls = _controls()
    if controls is None:
        pytest.skip("numpy's BLAS has no thread controls that we know; predict then runs on one thread of ours")
    threads, _ = controls
    before = threads()
    with pytest.raises(BitsmithError, match="inside"), one_thread_each() as arranged, one_thread_each():
        assert arranged
        assert threads() == 1
        raise BitsmithError("inside")
    assert threads() == before


def test_one_reference_serves_several_threads() -> None:
    reference = Reference(student2(), threads=2)
    rng = np.random.default_rng(11)
    batches = [rng.integers(0, 256, (20, 48, 48, 1)) for _ in range(6)]
    alone = [reference.predict_raw(x)[0] for x in batches]
    with ThreadPoolExecutor(3) as pool:
        for expected, (result,) in zip(alone, pool.map(reference.predict_raw, batches)):
            assert_array_equal(result, expected)


def test_real_inputs_are_quantized_to_the_input_type() -> None:
    graph = student2()
    reference = Reference(graph)
    rng = np.random.default_rng(12)
    raw = rng.integers(0, 256, (5, 48, 48, 1))
    for dtype in (np.float32, np.float64):
        assert_array_equal(reference.predict((raw / 256).astype(dtype))[0], reference.predict_raw(raw)[0])
    off_grid = rng.normal(0.5, 1, (5, 48, 48, 1))
    x_type = graph.inputs[0][1].type
    for modes in ((Rounding.RND_CONV, Overflow.SAT), (Rounding.TRN, Overflow.WRAP)):
        expected = reference.predict_raw(quantize(off_grid, x_type, *modes))[0]
        assert_array_equal(reference.predict(off_grid, rounding=modes[0], overflow=modes[1])[0], expected)


def test_inputs_that_do_not_fit_are_refused() -> None:
    reference = Reference(student2())
    good = np.zeros((2, 48, 48, 1), int)
    cases = {
        "has 1; give x": (good, good),
        "give .batch, 48, 48, 1.": (good[..., 0],),
        "give 0 to 255": (good - 1,),
        "give raw integers": (good / 2,),
    }
    for message, arrays in cases.items():
        with pytest.raises(BitsmithError, match=message) as caught:
            reference.predict_raw(*arrays)
        assert "\n" not in str(caught.value)
    with pytest.raises(BitsmithError, match="finite"):
        reference.predict(np.full((9, 48, 48, 1), np.nan))


def test_a_threshold_given_at_run_time() -> None:
    t = Fixed(True, 7, 0)
    dense = Dense(t, np.eye(3, dtype=int), Fixed(True, 1, 0), np.zeros(3, int), t)
    out = dense.accumulator.type
    nodes = (Node("dense", dense, ("x",)), Node("class", Argmax(out, out.raw_min), ("dense",)))
    reference = Reference(Graph("c", (("x", Spec((3,), t)),), nodes, ("class",)))
    x = np.array([[1, 5, 2], [9, 5, 2]])
    assert_array_equal(reference.predict_raw(x)[0], [[1], [0]])
    assert_array_equal(reference.with_threshold(6).predict_raw(x)[0], [[3], [0]])
