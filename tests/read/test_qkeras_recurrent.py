"""QGRU, QLSTM and QSimpleRNN against QKeras in float64: whole sequences, every integer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import batch, evaluate, keras_shape, randomize, recurrent_qkeras, save

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.hls import HlsModel, emit
from bitsmith.gen.verify import vectors
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import quantize, to_float
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.gru import GRU

Need = Callable[..., None]
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::UserWarning")]


@pytest.fixture
def library() -> Iterator[tuple[Any, Any]]:
    """tf_keras and qkeras, computing in float64: the exact values of a step need more than float32's 24 bits."""
    k, q = recurrent_qkeras()
    k.backend.set_floatx("float64")
    yield k, q
    k.backend.set_floatx("float32")


def bits(q: Any, n: int, integer: int = 0, alpha: Any = 1) -> Any:
    return q.quantized_bits(n, integer, alpha=alpha)


def options(q: Any, name: str, **changes: Any) -> dict[str, Any]:
    """A different quantizer for each tensor, and hard activations."""
    common: dict[str, Any] = {
        "kernel_quantizer": bits(q, 6, 1),
        "recurrent_quantizer": bits(q, 7, 1),
        "bias_quantizer": bits(q, 5, 1),
        "state_quantizer": bits(q, 9),
        "activation": "quantized_tanh(8)",
        "return_sequences": True,
    }
    gates = {} if name == "QSimpleRNN" else {"recurrent_activation": "quantized_sigmoid(7)"}
    return common | gates | changes


def assert_exact(model: Any, folder: Path, count: int, config: dict[str, Any] | None = None) -> Graph:
    """Both files give one graph, and every output of it every value of the model's on ``count`` sequences."""
    for name in ("m.h5", "m.keras"):
        save(model, folder / name)
    graph, other = (read_model(folder / name, parse_config(config or {})) for name in ("m.h5", "m.keras"))
    assert graph.nodes == other.nodes
    inputs = batch(graph, count)
    shaped = [keras_shape(x, tuple(t.shape)) for x, t in zip(inputs, model.inputs)]
    expected = model.predict_on_batch(shaped)  # eagerly, 256 steps take minutes
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    for name, got, want in zip(graph.outputs, evaluate(graph, *inputs), expected, strict=True):
        assert want.dtype == np.float64
        assert int((got.reshape(want.shape) != want).sum()) == 0, name
        assert np.unique(want).size > 30, "an output of few values proves little"
    return graph


LAYERS = [("QGRU", {"reset_after": after, "use_bias": bias}) for after in (True, False) for bias in (True, False)] + [
    ("QLSTM", {}),
    ("QSimpleRNN", {}),
]


def test_whole_sequences_are_exact(library: tuple[Any, Any], tmp_path: Path) -> None:
    """256 steps, 64 sequences, random biases, different bits for kernel, recurrent kernel, bias and state."""
    k, q = library
    inputs = k.layers.Input((256, 3), name="x")
    x = q.QActivation(bits(q, 8, 1))(inputs)
    outputs = [
        getattr(q, name)(5, name=f"{name.lower()}{i}", **options(q, name, **more))(x)
        for i, (name, more) in enumerate(LAYERS)
    ]
    model = k.Model(inputs, outputs)
    randomize(model, 3)
    graph = assert_exact(model, tmp_path, 64)
    assert len(graph.outputs) == len(LAYERS)


def test_states_pass_between_layers(library: tuple[Any, Any], tmp_path: Path) -> None:
    """Encoder and decoder, joined by the final states and by a repeated output; initial states; both directions."""
    k, q = library
    inputs, given = k.layers.Input((6, 3), name="x"), k.layers.Input((4,), name="given")
    x, start = q.QActivation(bits(q, 8, 1))(inputs), q.QActivation(bits(q, 8))(given)
    y, state = q.QGRU(4, return_state=True, name="encoder", **options(q, "QGRU", return_sequences=False))(x, start)
    repeated = k.layers.RepeatVector(5)(q.QActivation(bits(q, 8))(y))
    decoded = q.QGRU(4, name="decoder", **options(q, "QGRU", reset_after=True))(repeated, initial_state=state)
    _, h, c = q.QLSTM(4, return_state=True, name="first", **options(q, "QLSTM", go_backwards=True))(x)
    second = q.QLSTM(4, name="second", **options(q, "QLSTM"))(repeated, initial_state=[h, c])
    both = q.QBidirectional(q.QGRU(3, **options(q, "QGRU")), name="both")(x)
    per_step = k.layers.TimeDistributed(q.QActivation(bits(q, 6)), name="round")(decoded)
    model = k.Model([inputs, given], [decoded, second, both, per_step, c])
    randomize(model, 4)
    graph = assert_exact(model, tmp_path, 40)
    stems = {node.name: node.op.stem for node in graph.nodes}
    assert stems["decoder_gates"] == "dense", "the repeated input is projected once"
    assert stems["decoder_repeat"] == "repeat_vector"
    assert "repeat_vector" not in stems, "nothing reads the repetition itself"


def test_scales_that_are_no_powers_of_two(library: tuple[Any, Any], tmp_path: Path) -> None:
    """A number as alpha: in the projection a multiplier behind it, in the recurrent kernel folded in."""
    k, q = library
    inputs = k.layers.Input((8, 3), name="x")
    more = options(q, "QGRU", kernel_quantizer=bits(q, 4, 1, 0.75), recurrent_quantizer=bits(q, 4, 1, 0.625))
    outputs = q.QGRU(4, name="rnn", **more, reset_after=True)(q.QActivation(bits(q, 6, 1))(inputs))
    model = k.Model(inputs, outputs)
    randomize(model, 5)
    graph = assert_exact(model, tmp_path, 20)
    assert [node.name for node in graph.nodes] == ["rnn_gates", "rnn_scale", "rnn"]


def row_network(k: Any, q: Any, **activations: str) -> Any:
    """QGRU(32), 8-bit kernel and recurrent kernel, 16-bit state, 64 steps, Dense(1) per step."""
    inputs = k.layers.Input((64, 4), name="x")
    eight = {name: bits(q, 8) for name in ("kernel_quantizer", "recurrent_quantizer", "bias_quantizer")}
    more: dict[str, Any] = {"return_sequences": True, "reset_after": True, **eight, **activations}
    y = q.QActivation(bits(q, 8, 1))(inputs)
    y = q.QGRU(32, state_quantizer=bits(q, 16), name="rnn", **more)(y)
    dense = q.QDense(1, kernel_quantizer=bits(q, 8), bias_quantizer=bits(q, 8))
    model = k.Model(inputs, k.layers.TimeDistributed(dense, name="out")(y))
    randomize(model, 3, 0.2)
    return model


def test_a_long_row_with_hard_activations(library: tuple[Any, Any], tmp_path: Path, need: Need) -> None:
    """hls4ml 1.3.0 refuses it; 256 sequences, 16,384 outputs: the reference's and the C simulation's are all equal."""
    k, q = library
    need("g++")
    activations = {"activation": "quantized_tanh(8)", "recurrent_activation": "quantized_sigmoid(8)"}
    model = row_network(k, q, **activations)
    graph = assert_exact(model, tmp_path, 256)
    spec = graph.specs()[graph.outputs[0]]
    assert spec.shape[:2] == (1, 64)
    (x,) = batch(graph, 256)
    ((name, source),) = graph.inputs
    raw = quantize(x, source.type).reshape(-1, *source.shape)
    vectors.save(tmp_path / "vectors", {name: raw[:2]}, {graph.outputs[0]: Reference(graph).predict_raw(raw[:2])[0]})
    emit(graph, parse_config({}), tmp_path, tmp_path / "vectors")
    (simulated,) = HlsModel(tmp_path, "-O1").predict_raw(raw)
    expected = model.predict_on_batch(x.reshape(256, 64, 4))
    np.testing.assert_array_equal(to_float(simulated, spec.type).reshape(expected.shape), expected)


REAL = [
    {
        "activation": "quantized_tanh(16,use_real_tanh=1)",
        "recurrent_activation": "quantized_sigmoid(16,use_real_sigmoid=1)",
    },
    {"activation": "tanh", "recurrent_activation": "sigmoid"},
]


@pytest.mark.parametrize("activations", REAL, ids=["quantized", "plain"])
def test_a_long_row_with_real_activations(
    library: tuple[Any, Any], tmp_path: Path, activations: dict[str, str]
) -> None:
    """Off by at most one table step: the distance of two addresses of the coarser of the two tables, the sigmoid's."""
    k, q = library
    model = row_network(k, q, **activations)
    save(model, tmp_path / "m.h5")
    expected = None
    with pytest.raises(BitsmithError, match="takes a table too long to be exact; give Precision.gate_input"):
        read_model(tmp_path / "m.h5")
    for table_bits in (12, 14):
        graph = read_model(tmp_path / "m.h5", parse_config({"Bitsmith": {"table_bits": table_bits}}))
        x = batch(graph, 256)[0]
        expected = model.predict_on_batch(x.reshape(-1, 64, 4)) if expected is None else expected
        off = np.abs(evaluate(graph, x)[0].reshape(expected.shape) - expected).max()
        op = next(node.op for node in graph.nodes if isinstance(node.op, GRU))
        assert op.gate_input is not None
        assert op.candidate_input is not None
        step = max(2.0**-c.type.fraction for c in (op.gate_input, op.candidate_input))
        print(f"table_bits={table_bits}: off by {off:.2g}, a table step is {step:.2g}")
        assert 0 < off <= step
        assert step == 2.0 ** (5 - table_bits)  # -16 to 16, beyond which 16 bits of a sigmoid do not move


def test_qkeras_s_own_functions(library: tuple[Any, Any], tmp_path: Path) -> None:
    """hard_sigmoid (slope 1/2, not Keras's), hard_tanh, relu and none: not rounded at all inside."""
    k, q = library
    inputs = k.layers.Input((4, 3), name="x")
    x = q.QActivation(bits(q, 6))(inputs)
    more = {"recurrent_activation": "hard_sigmoid", "recurrent_quantizer": bits(q, 5), "state_quantizer": bits(q, 6)}
    pairs = [("QGRU", "hard_tanh", more), ("QLSTM", "quantized_bits(7,1,alpha=1)", more)]
    pairs += [("QSimpleRNN", name, {}) for name in ("quantized_bits(6,1,alpha=1)", "relu", "linear")]
    outputs = [
        getattr(q, name)(4, name=f"rnn{i}", **options(q, name, activation=activation, **changes))(x)
        for i, (name, activation, changes) in enumerate(pairs)
    ]
    model = k.Model(inputs, outputs)
    randomize(model, 6)
    assert_exact(model, tmp_path, 60)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("reset_after", [False, True])
def test_fixed_gru_is_exact(library: tuple[Any, Any], tmp_path: Path, hard: bool, reset_after: bool) -> None:
    """Our own trainable layer, with tables and with hard functions; joined by a repeated output and by a state."""
    from bitsmith.layers.gru import fixed_gru

    k, q = library
    functions = {"recurrent_activation": "hard_sigmoid", "activation": "hard_tanh"} if hard else {}
    more: dict[str, Any] = {"reset_after": reset_after, "reset_product_type": "fixed<9,2>", **functions}
    inputs = k.layers.Input((12, 2), name="x")
    code = fixed_gru()(6, name="encoder", **more)(q.QActivation(bits(q, 8))(inputs))
    repeated = k.layers.RepeatVector(9)(code)
    decoder = fixed_gru()(6, name="decoder", return_sequences=True, recurrent_type="fixed<6,1>", **more)
    model = k.Model(inputs, decoder([repeated, code]))
    randomize(model, 8)
    graph = assert_exact(model, tmp_path, 50)
    assert [node.op.stem for node in graph.nodes if node.name.startswith("decoder")] == [
        "dense", "repeat_vector", "gru", "activation"
    ]  # fmt: skip
