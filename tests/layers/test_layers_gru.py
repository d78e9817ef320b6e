"""``FixedGRU`` against its formulas in plain integers, and as a Keras layer (these tests need TensorFlow)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsmith.layers import fixed
from bitsmith.layers.gru import TYPES, fixed_gru
from bitsmith.models.training.keras import save
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.table import FUNCTIONS, table

pytestmark = pytest.mark.train

Integers = NDArray[np.int64]
SHORT = {
    "kernel_type": "fixed<6,2>",
    "recurrent_type": "fixed<7,2>",
    "bias_type": "fixed<9,3>",
    "gate_input_type": "fixed<7,4>",
    "gate_type": "ufixed<6,0>",
    "candidate_input_type": "fixed<8,3>",
    "candidate_type": "fixed<7,1>",
    "state_type": "fixed<8,1>",
}
"""A different width for each tensor, all short enough for float32."""
LONG = {
    "kernel_type": "fixed<16,3>",
    "recurrent_type": "fixed<15,2>",
    "bias_type": "fixed<18,4>",
    "gate_input_type": "fixed<13,4>",
    "gate_type": "ufixed<16,0>",
    "candidate_input_type": "fixed<14,3>",
    "candidate_type": "fixed<16,1>",
    "state_type": "fixed<17,1>",
}
"""Sixteen bits and more: exact in float64."""
X_FRACTION = 8


def rounded(raw: Integers, fraction: int, to: Fixed, ties_up: bool = False) -> Integers:
    """``raw * 2**-fraction`` to nearest, ties to even or up, saturated; in integers, by divmod."""
    shift = fraction - to.fraction
    if shift <= 0:
        return saturated(raw << -shift, to)
    quotient, remainder = np.divmod(raw, 1 << shift)
    half = 1 << (shift - 1)
    up = (remainder > half) | ((remainder == half) & (ties_up | (quotient % 2 == 1)))
    return saturated(quotient + up, to)


def saturated(raw: NDArray[Any], to: Fixed) -> Integers:
    integers: Integers = np.clip(raw, to.raw_min, to.raw_max).astype(np.int64)
    return integers


class PlainGRU:
    """The layer's formulas written again, on int64, step by step and without its shortcuts."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        config = layer.get_config()
        self.t = {name: Fixed.parse(config[name])[0] for name in TYPES if config[name] is not None}
        self.kernel = self.weight(layer.kernel, "kernel_type")
        self.recurrent = self.weight(layer.recurrent_kernel, "recurrent_type")
        bias = self.weight(layer.bias, "bias_type") if layer.use_bias else np.zeros((2, 3 * layer.units), np.int64)
        self.bias = bias if bias.ndim == 2 else np.stack([bias, 0 * bias])

    def weight(self, variable: Any, name: str) -> Integers:
        grid = variable.numpy().astype(np.float64) * 2.0 ** self.t[name].fraction
        return saturated(np.rint(grid), self.t[name])

    def function(self, name: str, raw: Integers, fraction: int, address: Fixed, to: Fixed) -> Integers:
        """The nearest value of the function at the rounded address; a hard one has no address."""
        if name == "hard_sigmoid":
            return rounded(np.clip(raw + (1 << fraction), 0, 2 << fraction), fraction + 1, to)
        if name == "hard_tanh":
            return rounded(np.clip(raw, -(1 << fraction), 1 << fraction), fraction, to)
        x = to_float(rounded(raw, fraction, address, ties_up=True), address)
        return saturated(np.rint(FUNCTIONS[name](x) * 2.0**to.fraction), to)

    def aligned(self, raw: Integers, fraction: int, common: int) -> Integers:
        return raw << (common - fraction)

    def __call__(self, x: Integers, h: Integers) -> Integers:
        """Raw states (batch, steps, units) for raw inputs with 8 fraction bits."""
        states = []
        for step in range(x.shape[1]):
            h = self.step(x[:, step], h)
            states.append(h)
        return np.stack(states, axis=1)

    def step(self, x: Integers, h: Integers) -> Integers:
        t, units = self.t, self.layer.units
        f_bias, f_h, f_gate = t["bias_type"].fraction, t["state_type"].fraction, t["gate_type"].fraction
        f_i = max(X_FRACTION + t["kernel_type"].fraction, f_bias)
        f_a = max(f_h + t["recurrent_type"].fraction, f_bias)
        i = self.aligned(x @ self.kernel, X_FRACTION + t["kernel_type"].fraction, f_i)
        i += self.aligned(self.bias[0], f_bias, f_i)
        a = self.aligned(h @ self.recurrent, f_h + t["recurrent_type"].fraction, f_a)
        a += self.aligned(self.bias[1], f_bias, f_a)
        f = max(f_i, f_a)
        s = self.aligned(i, f_i, f) + self.aligned(a, f_a, f)
        gates = self.function(
            self.layer.recurrent_activation, s[:, : 2 * units], f, t["gate_input_type"], t["gate_type"]
        )
        z, r = gates[:, :units], gates[:, units:]
        product, f_p = self.product(r, h, a[:, 2 * units :], f_a)
        f = max(f_i, f_p)
        s = self.aligned(i[:, 2 * units :], f_i, f) + self.aligned(product, f_p, f)
        c = self.function(self.layer.activation, s, f, t["candidate_input_type"], t["candidate_type"])
        f_c = t["candidate_type"].fraction
        f = max(f_h, f_c)
        kept = z * self.aligned(h, f_h, f) + ((1 << f_gate) - z) * self.aligned(c, f_c, f)
        return rounded(kept, f_gate + f, t["state_type"])

    def product(self, r: Integers, h: Integers, a: Integers, f_a: int) -> tuple[Integers, int]:
        f_gate, to = self.t["gate_type"].fraction, self.t.get("reset_product_type")
        if self.layer.reset_after:
            raw, f = r * a, f_gate + f_a
            return (raw, f) if to is None else (rounded(raw, f, to), to.fraction)
        raw, f = r * h, f_gate + self.t["state_type"].fraction
        if to is not None:
            raw, f = rounded(raw, f, to), to.fraction
        return raw @ self.recurrent[:, 2 * self.layer.units :], f + self.t["recurrent_type"].fraction


def filled(layer: Any, channels: int, rng: np.random.Generator) -> Any:
    """The layer with weights that often saturate their types."""
    layer.build((None, None, channels))
    layer.set_weights([rng.normal(0, 0.8, weight.shape) for weight in layer.get_weights()])
    return layer


def mismatches(layer: Any, raw_x: Integers, raw_h: Integers | None = None) -> int:
    """States of layer and formulas that differ; the layer's output must lie on the state's grid."""
    state = Fixed.parse(layer.get_config()["state_type"])[0]
    x = raw_x * 2.0**-X_FRACTION
    start = np.zeros((len(raw_x), layer.units), np.int64) if raw_h is None else raw_h
    found = layer(x.astype(layer.dtype) if raw_h is None else [x, raw_h * 2.0**-state.fraction]).numpy()
    expected = PlainGRU(layer)(raw_x, start)
    expected = expected if layer.return_sequences else expected[:, -1]
    assert found.shape == expected.shape
    return int((found * 2.0**state.fraction != expected).sum())


@pytest.mark.parametrize(("types", "dtype"), [(SHORT, "float32"), (SHORT, "float64"), (LONG, "float64")])
@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("kind", [("sigmoid", "tanh"), ("hard_sigmoid", "hard_tanh"), ("hard_sigmoid", "tanh")])
def test_the_integers_are_those_of_the_formulas(
    types: dict[str, str], dtype: str, reset_after: bool, kind: tuple[str, str]
) -> None:
    rng = np.random.default_rng(41)
    raw_x = rng.integers(-300, 300, (5, 12, 3))
    product = "fixed<12,4>" if dtype == "float64" else "fixed<9,4>"
    for use_bias, sequences, reset_product in itertools.product((True, False), (True, False), (None, product)):
        layer = fixed_gru()(
            7, use_bias, reset_after, sequences, *kind, dtype=dtype, reset_product_type=reset_product, **types
        )
        assert mismatches(filled(layer, 3, rng), raw_x) == 0, layer.get_config()


@pytest.mark.parametrize("function", ["sigmoid", "tanh"])
@pytest.mark.parametrize(
    ("address", "to", "looked_up"),
    [("fixed<8,4>", "fixed<8,1>", False), ("fixed<13,4>", "fixed<17,1>", True)],
)
def test_each_entry_of_a_table_is_reached(function: str, address: str, to: str, looked_up: bool) -> None:
    """All addresses, and beyond both ends, in the order of the values; rounded or looked up, they are the table's."""
    import tensorflow as tf

    address_type, type = fixed.parse(address), fixed.parse(to)
    raw = np.arange(address_type.raw_min, address_type.raw_max + 1)
    bits = raw & ((1 << address_type.width) - 1)
    expected = to_float(table(function, address_type, type)[bits], type)
    assert fixed._rounds_for_certain(function, address_type, type) is not looked_up
    for dtype in ("float32", "float64"):
        x = tf.constant(to_float(raw, address_type), dtype)
        ends = tf.constant([-1e4, 1e4], dtype)
        activation = fixed.table_activation(function, address_type, type)
        np.testing.assert_array_equal(activation(x).numpy(), expected)
        np.testing.assert_array_equal(activation(ends).numpy(), expected[[0, -1]])


def test_it_starts_from_a_given_state() -> None:
    rng = np.random.default_rng(43)
    layer = filled(fixed_gru()(6, return_sequences=True, dtype="float64", **LONG), 2, rng)
    raw_x, raw_h = rng.integers(-200, 200, (4, 9, 2)), rng.integers(-(1 << 16), 1 << 16, (4, 6))
    assert mismatches(layer, raw_x, raw_h) == 0
    assert mismatches(layer, raw_x) == 0
    from_zero = layer(raw_x * 2.0**-X_FRACTION).numpy()
    assert (layer([raw_x * 2.0**-X_FRACTION, raw_h * 2.0**-16]).numpy() != from_zero).any()


def test_with_long_types_it_is_keras_own_gru() -> None:
    """16-bit rounding apart, the layer with Keras's weights is Keras's layer, in both placements of the reset."""
    import tf_keras

    rng = np.random.default_rng(47)
    x = rng.uniform(-1, 1, (6, 20, 3))
    for reset_after in (True, False):
        theirs = tf_keras.layers.GRU(8, reset_after=reset_after, return_sequences=True, dtype="float64")
        expected = theirs(x).numpy()
        types = {**LONG, "gate_input_type": "fixed<17,4>", "candidate_input_type": "fixed<17,3>"}
        ours = fixed_gru()(8, reset_after=reset_after, return_sequences=True, dtype="float64", **types)
        ours.build((None, 20, 3))
        ours.set_weights(theirs.get_weights())
        np.testing.assert_allclose(ours(x).numpy(), expected, atol=1e-3)


def test_gradients_are_those_of_the_real_gru() -> None:
    """Straight through: with long types each weight's gradient is Keras's own up to the rounding."""
    import tensorflow as tf
    import tf_keras

    rng = np.random.default_rng(53)
    x, weights = tf.constant(rng.uniform(-1, 1, (6, 15, 3))), rng.normal(size=(6, 5))
    types = {**LONG, "gate_input_type": "fixed<17,4>", "candidate_input_type": "fixed<17,3>"}
    theirs, ours = tf_keras.layers.GRU(5, dtype="float64"), fixed_gru()(5, dtype="float64", **types)
    for layer in (theirs, ours):
        layer.build((None, 15, 3))
    ours.set_weights(theirs.get_weights())
    gradients = []
    for layer in (theirs, ours):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x) * weights)
        gradients.append(tape.gradient(loss, layer.trainable_variables))
    for expected, found in zip(*gradients, strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=5e-3)
        assert np.abs(expected.numpy()).max() > 0.05


def test_a_saved_layer_is_the_same_layer(tmp_path: Path) -> None:
    """The file names the class Bitsmith>FixedGRU and holds each type as it was given."""
    import h5py
    import tf_keras

    sequence, state = tf_keras.Input((10, 2), name="sequence"), tf_keras.Input((4,), name="state")
    layer = fixed_gru()(4, return_sequences=True, name="gru", reset_product_type="fixed<9,2>", **SHORT)
    model = tf_keras.Model([sequence, state], layer([sequence, state]))
    save(model, tmp_path / "gru.h5")
    read = tf_keras.models.load_model(tmp_path / "gru.h5", compile=False)
    assert read.get_layer("gru").get_config() == layer.get_config()
    rng = np.random.default_rng(59)
    inputs = [rng.uniform(-1, 1, (3, 10, 2)).astype(np.float32), rng.uniform(-1, 1, (3, 4)).astype(np.float32)]
    np.testing.assert_array_equal(read(inputs).numpy(), model(inputs).numpy())
    with h5py.File(tmp_path / "gru.h5") as file:
        config = file.attrs["model_config"]
    assert '"class_name": "Bitsmith>FixedGRU"' in config
    assert '"recurrent_type": "fixed<7,2>"' in config


def test_what_it_cannot_be_is_one_line() -> None:
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"units": 0}, "0 units"),
        ({"units": 4, "activation": "relu"}, "tanh or hard_tanh"),
        ({"units": 4, "recurrent_activation": "tanh"}, "sigmoid or hard_sigmoid"),
        ({"units": 4, "state_type": None}, "needs a state_type"),
        ({"units": 4, "kernel_type": "float<8>"}, "cannot read the type"),
    )
    for options, message in cases:
        with pytest.raises(BitsmithError, match=message) as error:
            fixed_gru()(**options)
        assert "\n" not in str(error.value)
    with pytest.raises(BitsmithError, match=r"give \(batch, steps, channels\)"):
        fixed_gru()(4).build((None, 8))
