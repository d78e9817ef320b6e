"""``FixedGDN``: its integers are the reference's, its gradients the formula's (these tests need TensorFlow)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import assert_equal_to_keras, legacy_keras

from bitsmith.gen.ops.gdn_types import Choices, fixed_types
from bitsmith.layers.gdn import TYPES, fixed_gdn, gdn
from bitsmith.layers.root import gains
from bitsmith.models.training.keras import save
from bitsmith.sim.cast import Cast
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, Overflow, Rounding, quantize, to_float
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.gdn import GDN
from bitsmith.sim.root import Form, Root

pytestmark = pytest.mark.train

PEDESTAL = 2.0**-36
FORMS = [(form, newton) for form in Form for newton in (False, True)]


def twin(channels: int, rng: np.random.Generator, input_type: str, inverse: bool = False, **options: Any) -> Any:
    """A float64 FixedGDN whose parameters are drawn as training leaves them; its types fit them."""
    beta = np.exp(rng.uniform(np.log(0.02), np.log(4), channels))
    gamma = rng.uniform(0, 0.3, (channels, channels)) * (rng.random((channels, channels)) < 0.4) / np.sqrt(channels)
    gamma += np.diag(rng.uniform(0.05, 0.4, channels))
    choices = Choices(
        inverse, **{name: options[name] for name in ("form", "segments", "width", "newton") if name in options}
    )
    types = fixed_types(beta, gamma, Fixed.parse(input_type)[0], choices)
    layer = fixed_gdn()(inverse=inverse, **{"dtype": "float64", **types, **options})
    layer.build((None, None, None, channels))
    layer.set_weights([layer.stored(p).astype(np.float32) for p in (beta, gamma)])
    return layer


def as_operator(layer: Any) -> GDN:
    """The operator that the layer's configuration and variables stand for, made without its methods."""
    config, (beta, gamma) = layer.get_config(), layer.get_weights()
    t = {name: Fixed.parse(config[name])[0] for name in TYPES if config[name] is not None}
    raw_beta = quantize(np.maximum(beta, np.sqrt(1e-6 + PEDESTAL)) ** 2 - PEDESTAL, t["beta_type"])
    raw_gamma = quantize(np.maximum(gamma, 2.0**-18) ** 2 - PEDESTAL, t["gamma_type"])
    return GDN(
        input_type=t["input_type"],
        gamma=raw_gamma,
        gamma_type=t["gamma_type"],
        beta=np.maximum(raw_beta, 1),
        beta_type=t["beta_type"],
        gain=Cast(t["gain_type"]),
        square=Cast(t["square_type"]) if "square_type" in t else None,
        **{name: config[name] for name in ("inverse", "form", "segments", "width", "newton")},
    )


def mismatches(layer: Any, rng: np.random.Generator, pixels: int) -> int:
    """Outputs of layer and reference that differ, over random pixels and those of the type's ends and zeros."""
    op, text = as_operator(layer), layer.get_config()["output_type"]
    low, high = op.input_type.raw_min, op.input_type.raw_max
    raw = rng.integers(low, high + 1, (pixels, op.channels)) >> rng.integers(0, op.input_type.width, (pixels, 1))
    raw[:3] = [[low], [high], [0]]
    spec = Spec((op.channels,), op.input_type)
    to = op.product_type if text is None else Fixed.parse(text)[0]
    last = Activation(op.product_type, Kind.LINEAR, to, Rounding.RND_CONV, Overflow.SAT)
    nodes = (Node("gdn", op, ("x",)), Node("y", last, ("gdn",)))
    (expected,) = Reference(Graph("g", (("x", spec),), nodes, ("y",))).predict_raw(raw)
    found = layer(to_float(raw, op.input_type).astype(layer.dtype)).numpy().astype(np.float64)
    assert np.abs(expected).max() > 0
    return int((found * 2.0**to.fraction != expected).sum())


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(("form", "newton"), FORMS)
def test_the_integers_are_the_reference_s(form: Form, newton: bool, inverse: bool) -> None:
    rng = np.random.default_rng(19)
    for channels, width, segments in ((8, 32, 64), (24, 18, 16), (96, 27, 128), (192, 32, 32)):
        options: dict[str, Any] = {"form": form.value, "newton": newton, "width": width, "segments": segments}
        layer = twin(channels, rng, "fixed<8,4>", inverse, **options)
        assert mismatches(layer, rng, 1500) == 0, layer.get_config()


@pytest.mark.parametrize(
    "options",
    [
        {
            "gamma_type": "ufixed<8,0>",
            "beta_type": "ufixed<8,2>",
            "gain_type": "ufixed<8,3>",
            "width": 8,
            "segments": 16,
        },
        {"square_type": "ufixed<18,8>"},
        {"square_type": "ufixed<9,4>", "gain_type": "ufixed<12,1>"},
        {"gain_type": "ufixed<32,-2>"},
        {"gain_type": "ufixed<40,10>"},
        {"beta_type": "ufixed<4,3>"},
        {"output_type": "fixed<8,3>", "dtype": "float32"},
    ],
    ids=["eight bits", "square", "saturating", "small gain", "fine gain", "beta of one step", "rounded in float32"],
)
@pytest.mark.parametrize("input_type", ["fixed<8,4>", "fixed<11,2>", "ufixed<7,7>"])
def test_each_type_counts(input_type: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(23)
    for inverse in (False, True):
        assert mismatches(twin(12, rng, input_type, inverse, **options), rng, 2000) == 0


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(("form", "newton"), FORMS)
def test_every_step_of_the_root_is_sim_s(form: Form, newton: bool, inverse: bool) -> None:
    """Sums of every size up to the limit, both parities of their fraction, gains finer and coarser than the root."""
    import tensorflow as tf

    rng = np.random.default_rng(29)
    ends = np.concatenate([1 << np.arange(51), (1 << np.arange(1, 51)) - 1, [1 << 50]])
    s = np.concatenate([ends, rng.integers(1, 1 << 50, 2000), np.exp(rng.uniform(0, 34, 2000)).astype(np.int64)])
    for (segments, width), fraction, gain in zip(((64, 32), (16, 18), (256, 12)), (20, 21, 3), (26, 8, 40)):
        source = Fixed(False, 51 - fraction, fraction)
        root = Root(source, 1, 1 << 50, Cast(Fixed(False, 3, gain)), inverse, form, segments, width, newton)
        np.testing.assert_array_equal(gains(root, tf.constant(s)).numpy(), root(s))


def test_an_input_off_the_grid_is_rounded_to_its_type() -> None:
    rng = np.random.default_rng(31)
    layer = twin(6, rng, "fixed<8,4>")
    x = rng.normal(0, 6, (50, 6))
    on_grid = to_float(quantize(x, Fixed(True, 3, 4)), Fixed(True, 3, 4))
    assert (x != on_grid).all()
    np.testing.assert_array_equal(layer(x).numpy(), layer(on_grid).numpy())


@pytest.mark.parametrize("inverse", [False, True])
def test_its_gradients_are_those_of_the_formula(inverse: bool) -> None:
    """With fine types each gradient is the float layer's, up to the rounding."""
    import tensorflow as tf

    rng = np.random.default_rng(37)
    fixed = twin(5, rng, "fixed<16,4>", inverse, segments=256, newton=True)
    plain = gdn()(inverse=inverse, dtype="float64")
    plain.build((None, 5))
    plain.set_weights(fixed.get_weights())
    x, weights = tf.constant(rng.uniform(-2, 2, (40, 5))), rng.normal(size=(40, 5))
    gradients = []
    for layer in (plain, fixed):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) * weights)
        gradients.append(tape.gradient(loss, [x, *layer.trainable_variables]))
    for expected, found in zip(*gradients, strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2e-3, atol=2e-3)
        assert np.abs(expected.numpy()).max() > 0.1


def test_a_step_of_training_lowers_the_loss() -> None:
    """In float32, as networks are trained; also with beta at its floor, from where the gradient leads up."""
    import tensorflow as tf

    rng = np.random.default_rng(41)
    x, target = (tf.constant(rng.uniform(-4, 4, (200, 6)), tf.float32) for _ in range(2))
    for inverse, floor in ((False, False), (True, False), (True, True)):
        layer = fixed_gdn()(inverse=inverse, dtype="float32")
        layer.build((None, 6))
        if floor:
            layer.set_weights([np.zeros(6), layer.get_weights()[1]])
            target = tf.abs(target) * tf.sign(x) * 2
        with tf.GradientTape() as tape:
            before = tf.reduce_mean(tf.square(layer(x) - target))
        gradients = tape.gradient(before, layer.trainable_variables)
        assert layer(x).dtype == tf.float32
        assert all(float(tf.reduce_max(tf.abs(g))) > 0 for g in gradients)
        for variable, gradient in zip(layer.trainable_variables, gradients):
            variable.assign_sub(0.05 * gradient)
        assert float(tf.reduce_mean(tf.square(layer(x) - target))) < float(before)


def test_a_saved_twin_is_the_same_twin(tmp_path: Path) -> None:
    import tf_keras

    image = tf_keras.Input((4, 4, 3), name="image")
    layer = fixed_gdn()(inverse=True, name="igdn", form="square_root_reciprocal", square_type="ufixed<12,6>")
    model = tf_keras.Model(image, layer(image))
    rng = np.random.default_rng(43)
    model.set_weights([rng.uniform(0.2, 0.9, weight.shape) for weight in model.get_weights()])
    save(model, tmp_path / "gdn.h5")
    read = tf_keras.models.load_model(tmp_path / "gdn.h5", compile=False)
    assert read.get_layer("igdn").get_config() == layer.get_config()
    x = rng.normal(size=(2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(read(x).numpy(), model(x).numpy())


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_network_of_twins_is_read_back_integer_by_integer(tmp_path: Path, ending: str) -> None:
    """With types so short that float32 holds every value, through the file and its reader, both directions."""
    tf_keras, qkeras = legacy_keras()
    short = {"gain_type": "ufixed<12,2>", "beta_type": "ufixed<10,2>", "gamma_type": "ufixed<8,0>"}
    image = x = tf_keras.Input((5, 4, 6), name="image")
    for name, inverse in (("gdn", False), ("igdn", True)):
        x = qkeras.QActivation(qkeras.quantized_bits(8, 3, alpha=1), name=f"{name}_in")(x)
        x = fixed_gdn()(inverse=inverse, name=name, segments=16, width=18, newton=inverse, **short)(x)
    model = tf_keras.Model(image, qkeras.QActivation(qkeras.quantized_bits(8, 2, alpha=1), name="out")(x))
    rng = np.random.default_rng(47)
    model.set_weights([rng.uniform(0.1, 0.6, weight.shape) for weight in model.get_weights()])
    graph = assert_equal_to_keras(model, tmp_path / f"m.{ending}", count=50)
    assert [node.op.stem for node in graph.nodes] == ["gdn", "activation", "gdn", "activation"]


def test_what_the_twin_cannot_be_is_one_line() -> None:
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"gain_type": None}, "FixedGDN needs a gain_type"),
        ({"gamma_type": "float<8>"}, "cannot read the type"),
        ({"form": "cordic"}, "cordic"),
        ({"segments": 63}, "63 segments; use a power of two"),
        ({"width": 64}, "64 bits"),
        (
            {"input_type": "fixed<27,4>", "gamma_type": "ufixed<2,0>"},
            "exact square takes up to 53 bits .* 52 at most",
        ),
        ({"gamma_type": "ufixed<40,2>"}, "the exact sum takes up to 56 bits"),  # 15 * 40 bits, and beta
        ({"input_type": "fixed<20,4>", "gain_type": "ufixed<40,2>", "gamma_type": "ufixed<8,0>"}, "the exact output"),
    )
    for options, message in cases:
        with pytest.raises(BitsmithError, match=message) as error:
            fixed_gdn()(**options)
        assert "\n" not in str(error.value)
    with pytest.raises(BitsmithError, match="the exact sum takes up to 53 bits"):  # more channels, a longer sum
        fixed_gdn()(gamma_type="ufixed<30,0>").build((None, 192))
