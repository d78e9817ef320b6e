"""Recurrent networks in the C simulation: joined by states and by vectors, both kinds of port, and what is inside."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hls_cases import joined
from numpy.testing import assert_array_equal
from recurrences import KERNEL, S8, STEPS, UNITS, Network, specs
from sim_graphs import random_inputs
from test_gru import gru
from test_hls import FRAMES, SEED, project
from test_hls_project import bench, compile_bench
from test_lstm import lstm
from test_simple_rnn import simple_rnn

from bitsmith.gen.hls import HlsModel
from bitsmith.gen.verify.batch import Batch
from bitsmith.gen.verify.diverge import internals
from bitsmith.gen.verify.job import Job
from bitsmith.gen.verify.levels import hls
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.repeat_vector import RepeatVector
from bitsmith.sim.ops.reverse import Reverse
from bitsmith.sim.recurrent import Recurrent

Need = Callable[..., None]


def repeated() -> Graph:
    """Encoder of two layers, its last output repeated, whose projection is made once; a dense layer for each step."""
    net = Network("repeated")
    first = net.recurrent("encoder1", gru, "x", functions=("sigmoid", "tanh"))
    second = net.recurrent("encoder2", gru, first, return_sequences=False, reset_after=False)
    once = net.projected("decoder_gates", second, 3 * UNITS)
    again = net.add("again", RepeatVector(net.specs[once].type, STEPS), once)
    decoder = net.cell("decoder", gru, again)
    return net.graph(net.projected("per_step", decoder, 1))


def by_state() -> Graph:
    """The encoder's final state starts the decoder; the encoder's sequence is an output too."""
    net = Network("by_state")
    encoder = net.recurrent("zp2d_encoder", gru, "x")  # hls4ml would take the name for one of its own
    state = net.last("state", encoder)
    decoder = net.recurrent("decoder", gru, encoder, state, functions=("sigmoid", "tanh"))
    return net.graph(encoder, decoder)


def both_states() -> Graph:
    """An LSTM's output and cell start another."""
    net = Network("both_states")
    encoder = net.recurrent("encoder", lstm, "x", with_cell=True)
    h, c = net.last("h", encoder), net.last("c", encoder, UNITS)
    decoder = net.recurrent("decoder", lstm, "x", h, c, functions=("sigmoid", "tanh"), return_sequences=False)
    return net.graph(decoder)


def both_ways() -> Graph:
    """Bidirectional: one layer on the reversed sequence, its outputs put back in order."""
    net = Network("both_ways")
    forward = net.recurrent("forward", simple_rnn, "x")
    turned = net.add("turned", Reverse(S8), "x")
    backward = net.recurrent("backward", simple_rnn, turned, kind="tanh")
    back = net.add("back", Reverse(S8), backward)
    return net.graph(net.add("both", Concatenate((S8, S8)), forward, back))


def networks() -> Graph:
    return joined([repeated(), by_state(), both_states(), both_ways()])


@pytest.mark.parametrize(
    ("io_type", "backend"),
    [
        pytest.param("io_stream", "Vitis", marks=pytest.mark.slow),
        ("io_parallel", "Vitis"),
        pytest.param("io_stream", "Vivado", marks=pytest.mark.slow),
    ],
)
def test_networks_equal_the_reference(io_type: str, backend: str, tmp_path: Path, need: Need) -> None:
    """Every output, every layer, and every tensor inside of every recurrent layer."""
    need("g++")
    graph = networks()
    inputs = project(graph, tmp_path, IOType=io_type, Backend=backend)
    expected = Reference(graph).trace_raw(*inputs)
    model = HlsModel(tmp_path, "-O0")
    for name, raw in zip(graph.outputs, model.predict_raw(*inputs)):
        assert_array_equal(raw, expected[name], err_msg=name)
    inner = internals(graph, expected)
    for name, raw in model.trace_raw(*inputs).items():
        assert_array_equal(raw, {**expected, **inner}[name], err_msg=name)


def single(op: Recurrent, steps: int = STEPS) -> Graph:
    inputs = tuple((f"x{k}", spec) for k, spec in enumerate(specs(op, steps)))
    return Graph("single", inputs, (Node("unit", op, tuple(name for name, _ in inputs), "unit"),), ("unit",))


def test_every_tensor_inside_is_delivered(tmp_path: Path, need: Need) -> None:
    need("g++")
    graph = joined([single(op) for op in (gru(initial_type=S8), lstm(with_cell=True), simple_rnn())])
    inputs = project(graph, tmp_path)
    traced = HlsModel(tmp_path, "-O0").trace_raw(*inputs)
    expected = internals(graph, Reference(graph).trace_raw(*inputs))
    assert {name for name in traced if "." in name} == set(expected)
    for name, raw in expected.items():
        assert_array_equal(traced[name], raw, err_msg=name)


def test_what_a_double_cannot_hold_is_not_delivered(tmp_path: Path, need: Need) -> None:
    """The reset product has 56 bits here; the tensors around it are narrow again."""
    need("g++")
    op = gru(kernel_type=Fixed(True, 0, 30), gate=Fixed(False, 1, 13), candidate=S8)
    wide = {name for name, type in op.internals().items() if type.width > 53}
    assert wide == {"reset_product"}
    inputs = project(single(op), tmp_path)
    model = HlsModel(tmp_path, "-O0")
    traced = model.trace_raw(*inputs)
    assert {f"unit.{name}" for name in op.internals()} - set(traced) == {"unit.reset_product"}
    assert_array_equal(model.predict_raw(*inputs)[0], op.compute(*inputs))


def test_each_sequence_starts_anew(tmp_path: Path, need: Need) -> None:
    """Back to back in any order, or alone: the same integers for the same sequence."""
    need("g++")
    graph = joined([single(gru(), 4), single(gru(initial_type=S8), 4)])
    inputs = project(graph, tmp_path)
    model = HlsModel(tmp_path, "-O0")
    together = model.predict_raw(*inputs)
    order = [3, 0, 5, 1, 1, 4]
    for raw, shuffled in zip(together, model.predict_raw(*(x[order] for x in inputs))):
        assert_array_equal(shuffled, raw[order])
    for frame in range(FRAMES):
        alone = model.predict_raw(*(x[frame : frame + 1] for x in inputs))
        for raw, one in zip(together, alone):
            assert_array_equal(one[0], raw[frame])


@pytest.mark.slow
def test_256_steps(tmp_path: Path, need: Need) -> None:
    """No error grows along a sequence, for there is none."""
    need("g++")
    op = gru(8, functions=("sigmoid", "tanh"))
    inputs = project(single(op, 256), tmp_path)
    assert_array_equal(HlsModel(tmp_path, "-O0").predict_raw(*inputs)[0], op.compute(*inputs))


@pytest.mark.parametrize(
    ("op", "stem"),
    [
        (gru(interleaved=True), "gru"),
        (RepeatVector(S8, 4, interleaved=True), "repeat_vector"),
        (Reverse(S8, interleaved=True), "reverse"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_interleaved_sequences_are_refused(op: Operator, stem: str, tmp_path: Path) -> None:
    x = Spec((1, 2, 9), op.input_type)  # type: ignore[attr-defined]
    graph = Graph("interleaved", (("x", x),), (Node("side_by_side", op, ("x",)),), ("side_by_side",))
    with pytest.raises(BitsmithError, match=f"'side_by_side': {stem} with interleaved sequences is for the Verilog"):
        project(graph, tmp_path)


def test_the_reuse_factor_reaches_the_core(tmp_path: Path, need: Need) -> None:
    """One of hls4ml's settings: the interval of a step, and how many multipliers the products may have."""
    need("g++")
    graph = single(gru())
    inputs = project(graph, tmp_path, HLSConfig={"LayerName": {"unit": {"Strategy": "Resource", "ReuseFactor": 9}}})
    text = (tmp_path / "hls" / "firmware" / "parameters.h").read_text()
    assert "static const unsigned reuse_factor = 9;" in text
    assert_array_equal(HlsModel(tmp_path, "-O0").predict_raw(*inputs)[0], graph.nodes[0].op.compute(*inputs))


def test_the_bench_compares(tmp_path: Path, need: Need) -> None:
    """The emitted bench passes, and fails when one expected integer is changed."""
    need("g++")
    project(single(lstm(initial_type=S8)), tmp_path)
    folder = tmp_path / "hls"
    compile_bench(tmp_path)
    done = bench(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout
    path = folder / "tb_data" / "output_unit.dat"
    first, _, rest = path.read_text().partition(" ")
    path.write_text(f"{int(first) ^ 1} {rest}")
    done = bench(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"expected {int(first) ^ 1}, got {first}" in done.stdout


# --- a bench that cannot fail is a defect -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unspoilt project: two GRUs, one behind the other, the second with tables."""
    folder = tmp_path_factory.mktemp("whole")
    project(stacked(), folder)
    return folder


def stacked() -> Graph:
    net = Network("stacked")
    net.recurrent("first", gru, "x", candidate_input=None)
    net.recurrent("second", gru, "first_out", functions=("sigmoid", "tanh"), bias_type=KERNEL)
    return net.graph("first", "second")  # exact: no rounding behind them hides a bit


# Node, role of the array, the entries, the bit, and the first tensor that it changes.
FLIPS = {
    "a recurrent weight": ("first", "w", slice(4, 5), 4, "product"),
    "a recurrent bias": ("second", "b", slice(1, 2), 6, "product"),
    "the sigmoid's table": ("second", "ra", slice(None), 0, "gates"),
    "the tanh's table": ("second", "a", slice(None), 0, "candidate"),
}


RARER = ("a recurrent bias", "the sigmoid's table", "the tanh's table")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in RARER)) for name in FLIPS])
def test_a_flipped_bit_in_the_cpp(name: str, whole: Path, tmp_path: Path, need: Need) -> None:
    """The level hls fails and names the layer, the time step, the unit and the tensor that the bit changes."""
    need("g++")
    node, role, entries, bit, tensor = FLIPS[name]
    folder = tmp_path / "spoilt"
    shutil.copytree(whole, folder)
    flip(folder / "hls" / "firmware", node, role, entries, bit)
    graph = stacked()
    inputs = random_inputs(graph, FRAMES, SEED)
    outcome = hls(job(graph, folder, inputs))
    assert outcome.mismatches > 0
    found = outcome.divergence
    assert found is not None
    assert (found.node, found.tensor) == (node, tensor)
    assert found.step == (1 if role == "w" else 0), "a state of zeros hides a weight in the first step"
    assert f"time step {found.step}, unit {found.unit}: expected {found.expected}, got {found.got}" in str(found)


def job(graph: Graph, folder: Path, inputs: list[IntArray]) -> Job:
    reference = Reference(graph)
    outputs: Batch = dict(zip(graph.outputs, reference.predict_raw(*inputs)))
    named = {name: raw for (name, _), raw in zip(graph.inputs, inputs)}
    return Job(folder, graph, reference, named, outputs, SEED, lambda text: None)


def flip(firmware: Path, node: str, role: str, entries: slice, bit: int) -> None:
    """Change one bit in some entries of an array of a node's core."""
    parameters = (firmware / "parameters.h").read_text()
    before, _, _ = parameters.partition(f'return "{node}";')
    index = re.findall(r"struct config(\d+) \{", before)[-1]
    path = firmware / "weights" / f"{role}{index}.h"
    head, mark, rest = path.read_text().partition("_VALUES \\\n")
    values, end, tail = rest.partition("\n\n#ifdef")
    numbers = [float(number) for number in values.replace("\\", "").split(",")]
    scale = 2.0**KERNEL.fraction if role in "wb" else 1.0
    numbers[entries] = [(round(value * scale) ^ 1 << bit) / scale for value in numbers[entries]]
    path.write_text(head + mark + ", ".join(map(str, numbers)) + end + tail)
