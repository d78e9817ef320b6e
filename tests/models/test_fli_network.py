"""The decay deconvolvers: shapes, joins, types, files; post-training quantization by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitsmith.models.fli import network, quantization
from bitsmith.models.fli.quantization import EIGHT, PRECISIONS, SIXTEEN
from bitsmith.models.fli.synthetic import make_curves
from bitsmith.models.training.keras import keras, save
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, to_float

FILES = sorted((Path(quantization.__file__).parent).glob("*.h5"))
needs_keras = pytest.mark.train


def test_post_training_quantization_by_hand() -> None:
    """Three bits: s = 0.9 / 3, q in -3..3; a half goes to even; a tensor of zeros has no scale and stays."""
    kernel, zeros = np.array([0.9, -0.9, 0.45, -0.44, 0.1]), np.zeros(2)
    rounded, still = quantization.post_training([kernel, zeros], 3)
    np.testing.assert_allclose(rounded, [0.9, -0.9, 0.6, -0.3, 0.0], rtol=1e-15)
    np.testing.assert_array_equal(still, zeros)


@pytest.mark.parametrize("bits", [8, 16])
def test_post_training_integers_fit_their_bits(bits: int) -> None:
    """|q| <= 2^(b-1) - 1, reached at the largest weight; the error is at most half a step."""
    weights = np.random.default_rng(bits).normal(0, 0.4, 5000)
    scale = np.abs(weights).max() / (2 ** (bits - 1) - 1)
    (rounded,) = quantization.post_training([weights], bits)
    integers = rounded / scale
    np.testing.assert_allclose(integers, np.rint(integers), atol=1e-9)
    assert np.abs(np.rint(integers)).max() == 2 ** (bits - 1) - 1
    assert np.abs(rounded - weights).max() <= scale / 2 * (1 + 1e-9)


def test_weight_types_by_hand() -> None:
    """Values up to 0.9 need no integer bit, 1.5 needs one, 0.2 leaves two to spare; QKeras cannot say negative."""
    values = np.linspace(-1, 1, 101)
    assert quantization.weight_type(0.9 * values, 8) == Fixed(True, 0, 7)
    assert quantization.weight_type(1.5 * values, 8) == Fixed(True, 1, 6)
    assert quantization.weight_type(0.2 * values, 8) == Fixed(True, -2, 9)
    assert quantization.weight_type(0.2 * values, 8, least_integer=0) == Fixed(True, 0, 7)
    # One far value of many is better saturated than a bit lost for all others.
    assert quantization.weight_type(np.append(np.tile(0.9 * values, 100), 1.05), 8) == Fixed(True, 0, 7)


def test_bias_types_never_add_fraction_bits() -> None:
    assert quantization.bias_type(np.array([0.3, -0.7]), 16, 15) == Fixed(True, 0, 15)
    assert quantization.bias_type(np.array([0.3, -0.7]), 16, 12) == Fixed(True, 3, 12)
    assert quantization.bias_type(np.array([3.0]), 16, 15) == Fixed(True, 2, 13)


@needs_keras
@pytest.mark.parametrize(
    ("units", "layers", "parameters"),
    [
        # A GRU of n units on m channels has 3 n (m + n + 2) parameters.
        ((32,), ["encoder", "repeat", "decoder"], 3 * 32 * (1 + 32 + 2) + 3 * 32 * (32 + 32 + 2) + 33),
        (
            (64, 16),
            ["encoder1", "encoder2", "repeat", "decoder1", "decoder2"],
            3 * (64 * (1 + 64 + 2) + 16 * (64 + 16 + 2) + 16 * (16 + 16 + 2) + 64 * (16 + 64 + 2)) + 65,
        ),
    ],
)
def test_float_and_fixed_networks_have_the_same_layers(
    units: network.Units, layers: list[str], parameters: int
) -> None:
    whole = network.float_network(units)
    for model in (whole, network.fixed_network(whole.get_weights(), units, EIGHT)):
        assert [layer.name for layer in model.layers] == ["tpsf_in", "tpsf", *layers, "sfd"]
        assert model.count_params() == parameters
        assert model.output_shape == (None, 70, 1)


@needs_keras
@pytest.mark.parametrize("join", network.JOINS)
def test_fixed_networks_are_near_their_float_ones(join: str) -> None:
    """Both ways to join the halves; sixteen bits are nearer than eight. And the way makes a difference."""
    keras().utils.set_random_seed(5)
    whole = network.float_network((12,), join)
    tpsf = make_curves(20, 71).tpsf
    expected = network.predict(whole, tpsf)
    error = {}
    for bits, precision in PRECISIONS.items():
        fixed = network.fixed_network(whole.get_weights(), (12,), precision, join, precision.exact_in)
        error[bits] = np.abs(network.predict(fixed, tpsf) - expected).max()
    assert error[16] < error[8] / 3, error
    assert error[8] < 0.1, error
    other = network.float_network((12,), next(name for name in network.JOINS if name != join))
    other.set_weights(whole.get_weights())
    assert np.abs(network.predict(other, tpsf) - expected).max() > 1e-4
    with pytest.raises(BitsmithError, match="repeat or state"):
        network.float_network((12,), "feedback")


@needs_keras
@pytest.mark.parametrize("precision", [EIGHT, SIXTEEN], ids=["8", "16"])
def test_weights_are_put_on_their_grid_once_and_for_all(precision: quantization.Precision, tmp_path: Path) -> None:
    """And the file gives the same curves as the model that it was saved from."""
    keras().utils.set_random_seed(6)
    model = network.fixed_network(network.float_network((9, 5)).get_weights(), (9, 5), precision)
    tpsf = make_curves(10, 73).tpsf
    before = network.predict(model, tpsf)
    network.put_on_grid(model)
    np.testing.assert_array_equal(network.predict(model, tpsf), before)
    assert_on_grid(model)
    save(model, tmp_path / "fli.h5")
    np.testing.assert_array_equal(network.predict(network.load(tmp_path / "fli.h5"), tpsf), before)


@needs_keras
def test_types_follow_the_weights() -> None:
    weights = network.float_network((6,)).get_weights()
    weights[0] = np.linspace(-3.4, 3.4, weights[0].size).reshape(weights[0].shape)
    weights[4] = np.linspace(-0.2, 0.2, weights[4].size).reshape(weights[4].shape)
    types = network.types(network.fixed_network(weights, (6,), replace(EIGHT, state_type="fixed<10,1>")))
    assert types["encoder"]["kernel_type"] == "fixed<8,3>"
    assert types["decoder"]["recurrent_type"] == "fixed<8,-1>"
    assert types["encoder"]["state_type"] == types["decoder"]["state_type"] == "fixed<10,1>"


@needs_keras
@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_committed_files_are_on_their_grid_and_exact(file: Path) -> None:
    """Small, without optimizer; and where float32 holds every value, float64 says the same integers."""
    assert file.stat().st_size < 400_000
    assert b"optimizer" not in file.read_bytes()
    model = network.load(file)
    assert_on_grid(model)
    grus = [layer for layer in model.layers if hasattr(layer, "type_names")]
    bits = int(file.stem.rpartition("_")[2])
    assert {layer.dtype for layer in grus} == {PRECISIONS[bits].exact_in}
    units = tuple(layer.units for layer in grus[: len(grus) // 2])
    assert [layer.units for layer in grus] == [*units, *units[::-1]]
    if bits == 8:
        tpsf = make_curves(300, 79).tpsf
        np.testing.assert_array_equal(network.predict(model, tpsf), through(model, tpsf, "float64"))


def test_there_are_files_of_every_kind() -> None:
    assert {"lite16_8", "lite16_16", "lite32_8", "lite32_16", "stacked64x16_8"} == {file.stem for file in FILES}


def through(model: Any, tpsf: Any, dtype: str) -> Any:
    """The network's curves (n, 70), layer by layer, with its GRUs in another dtype."""
    x = tpsf[..., None]
    for layer in model.layers[1:]:
        if hasattr(layer, "type_names"):
            weights, shape = layer.get_weights(), x.shape
            layer = type(layer).from_config({**layer.get_config(), "dtype": dtype})
            layer.build(shape)
            layer.set_weights(weights)
        x = layer(x)
    return x.numpy()[..., 0]


def assert_on_grid(model: Any) -> None:
    for layer in (layer for layer in model.layers if layer.get_weights()):
        for weight, grid in zip(layer.get_weights(), network.weight_types(layer), strict=True):
            raw = np.ldexp(weight.astype(np.float64), grid.fraction)
            np.testing.assert_array_equal(to_float(np.rint(raw), grid), weight)
            assert raw.min() >= grid.raw_min
            assert raw.max() <= grid.raw_max
