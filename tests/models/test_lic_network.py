"""The codec's networks: shapes, entropy models against numpy, pruning, and the fixed twin."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitsmith.models.lic import entropy_models, network, quantization
from bitsmith.models.lic.codec import Codec
from bitsmith.models.lic.data import Pool
from bitsmith.models.lic.dead_leaves import dead_leaves
from bitsmith.models.lic.export import NEGLIGIBLE, export, probabilities
from bitsmith.models.lic.network import FloatKit, Weights, Widths, codec, keras
from bitsmith.models.lic.pruning import CHAINS, pruned, strongest

pytestmark = pytest.mark.train
Array = Any
SMALL = Widths.uniform(4, 6)


def seeded(widths: Widths = SMALL, gdn: bool = True) -> network.Codec:
    """A float codec whose weights, biases and GDNs are all drawn from a seed."""
    keras().utils.set_random_seed(3)
    found = codec(widths, FloatKit(gdn))
    rng = np.random.RandomState(4)
    weights = found.weights()
    for name, tensors in weights.items():
        if name != "prior":
            drawn = [t + np.abs(rng.normal(0, 0.2, t.shape)).astype(np.float32) for t in tensors[1:]]
            weights[name] = [tensors[0], *drawn]
    found.set_weights(weights)
    return found


def pixels_of(image: Array) -> Array:
    return image[None].astype(np.float32) / np.float32(256)


def pixels(height: int, width: int) -> Array:
    """Two images of random bytes as the network sees them."""
    return np.random.RandomState(5).randint(0, 256, (2, height, width, 3)).astype(np.float32) / np.float32(256)


def test_shapes_and_parameters() -> None:
    """y is a sixteenth of the image, z a sixty-fourth; the parameters by hand."""
    found = codec(SMALL, FloatKit())
    y, z = found.analysis(pixels(64, 128))
    assert y.shape == (2, 4, 8, 6)
    assert z.shape == (2, 1, 2, 4)
    assert found.hyper_synthesis(z).shape == y.shape
    assert found.synthesis(y).shape == (2, 64, 128, 3)
    gdns, n, m = 6 * (4 + 16), 4, 6
    transforms = 2 * (25 * 3 * n + 2 * 25 * n * n + 25 * n * m) + (3 * n + m) + (3 * n + 3)
    hyper = (9 * m * n + 2 * 25 * n * n + 3 * n) + (2 * 25 * n * n + 2 * n + 9 * n * m + m)
    assert found.parameters() == gdns + transforms + hyper


def test_the_first_layer_pads_by_two_on_every_side() -> None:
    """One bright pixel in the corner: output (0, 0) sees it through the kernel's tap (2, 2), (0, 1) through (2, 0)."""
    found = seeded()
    image = np.zeros((1, 64, 64, 3), np.float32)
    conv = keras().Model(found.analysis.input, found.analysis.get_layer("conv1").output)
    bias = conv(image).numpy()
    image[0, 0, 0, 1] = 1.0
    change = (conv(image).numpy() - bias)[0]
    kernel = found.weights()["conv1"][0]
    np.testing.assert_allclose(change[0, 0], kernel[2, 2, 1], atol=1e-6)
    np.testing.assert_allclose(change[0, 1], kernel[2, 0, 1], atol=1e-6)
    assert not change[1:, 2:].any()


def test_the_last_layer_puts_its_taps_where_output_padding_one_does() -> None:
    """y[a] of a transposed convolution of stride 2 and padding 2 gets tap a + 2 - 2i of input i."""
    found = seeded()
    layer, crop = found.synthesis.get_layer("deconv4"), found.synthesis.get_layer("crop4")
    x = np.zeros((1, 4, 4, 4), np.float32)
    x[0, 3, 1, 2] = 1.0
    y = crop(layer(x)).numpy()[0] - found.weights()["deconv4"][1]
    kernel = found.weights()["deconv4"][0]
    assert y.shape == (8, 8, 3)
    for a, b in ((4, 0), (5, 2), (7, 4)):
        np.testing.assert_allclose(y[a, b], kernel[a + 2 - 6, b + 2 - 2, :, 2], atol=1e-6)
    assert not y[:4].any()


def test_relu_in_gdns_place_has_no_gdn() -> None:
    found = seeded(gdn=False)
    assert type(found.analysis.get_layer("gdn1")).__name__ == "ReLU"
    assert set(found.weights()) == {name for name in seeded().weights() if "gdn" not in name}


def test_gaussian_bits_against_math() -> None:
    values, scales = np.array([0.0, 3.0, -2.0, 0.25]), np.array([0.05, 2.0, 1.0, 0.7])
    expected = 0.0
    for value, scale in zip(values, np.maximum(scales, entropy_models.LEAST_SCALE)):
        low, high = ((value + side) / scale / math.sqrt(2) for side in (-0.5, 0.5))
        expected -= math.log2((math.erf(high) - math.erf(low)) / 2)
    found = float(entropy_models.gaussian_bits(values.astype(np.float32), scales.astype(np.float32)))
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_prior_is_a_distribution_and_its_bits_are_its_own() -> None:
    prior = entropy_models.FactorizedPrior(3, seed=2)
    edges = np.arange(-400, 401) + 0.5
    cumulative = prior.cumulative(np.tile(edges, (3, 1)))
    assert (np.diff(cumulative, axis=1) >= 0).all()
    assert cumulative[:, 0].max() < 1e-3
    assert cumulative[:, -1].min() > 1 - 1e-3
    z = np.array([[[[1.0, -7.0, 30.0]]], [[[0.0, 4.0, -30.0]]]], np.float32)
    expected = 0.0
    for channel, column in enumerate(z.reshape(2, 3).T):
        places = 400 + column.astype(int)
        expected -= np.log2(cumulative[channel, places] - cumulative[channel, places - 1]).sum()
    assert float(prior.bits(z)) == pytest.approx(expected, rel=1e-3)


def test_exported_probabilities_leave_out_only_the_rare_ends() -> None:
    firsts, kept = probabilities(entropy_models.FactorizedPrior(4, seed=2))
    for first, row in zip(firsts, kept):
        assert first >= -128
        assert first + len(row) <= 128
        assert row[0] >= NEGLIGIBLE
        assert row[-1] >= NEGLIGIBLE
        assert 1 - 256 * NEGLIGIBLE < row.sum() <= 1 + 1e-6


def blocked(weights: Weights, kept: int) -> Weights:
    """Weights whose filters from ``kept`` on are zero, with the GDN entries that they would disturb set at random."""
    result = {name: [t.copy() for t in tensors] for name, tensors in weights.items()}
    for layer, gdn, _ in CHAINS:
        kernel, bias = result[layer]
        np.moveaxis(kernel, 2 if "deconv" in layer else 3, -1)[..., kept:] = 0
        bias[kept:] = 0
        assert gdn not in result or result[gdn][0].shape == bias.shape
    return result


@pytest.mark.parametrize("gdn", [True, False])
def test_pruning_filters_that_are_zero_changes_nothing(gdn: bool) -> None:
    """A zero filter gives zero, which GDN leaves zero and which no other channel's norm sees."""
    whole = seeded(Widths.uniform(6, 5), gdn)
    whole.set_weights(blocked(whole.weights(), 4))
    few = (4, 4, 4)
    small = codec(Widths(few, few, (4, 4), (4, 4), 5, 6), FloatKit(gdn))
    small.set_weights(pruned(whole.weights(), 4))
    image = pixels(64, 64)
    for one, other in zip(whole.analysis(image), small.analysis(image)):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    y, z = whole.analysis(image)
    np.testing.assert_allclose(whole.synthesis(y), small.synthesis(y), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(whole.hyper_synthesis(z), small.hyper_synthesis(z), rtol=1e-4, atol=1e-4)


def test_the_strongest_filters_by_hand() -> None:
    kernel = np.zeros((1, 1, 2, 4))
    kernel[0, 0] = [[3, 0, 1, -5], [4, 1, 1, 0]]  # norms 5, 1, sqrt(2), 5
    assert strongest(kernel, 3, 2).tolist() == [0, 3]
    assert strongest(kernel, 3, 3).tolist() == [0, 2, 3]
    assert strongest(kernel, 2, 1).tolist() == [0]


@pytest.fixture(scope="module")
def twins() -> tuple[network.Codec, network.Codec, quantization.Types]:
    """A float codec and its fixed twin."""
    whole, pool = seeded(), Pool(*dead_leaves(8, 128, 6))
    types = quantization.calibrated(whole, pool, narrow=False)
    fixed = codec(SMALL, quantization.FixedKit(types))
    fixed.set_weights(quantization.stored(whole.weights(), types))
    return whole, fixed, types


def test_the_twin_gives_integers_and_bytes(twins: tuple[network.Codec, network.Codec, quantization.Types]) -> None:
    _, fixed, types = twins
    y, z = (part.numpy() for part in fixed.analysis(pixels(64, 64)))
    for part in (y, z):
        np.testing.assert_array_equal(part, np.clip(np.rint(part), -128, 127))
    assert y.any()
    scales = fixed.hyper_synthesis(z).numpy() * 2.0 ** (8 - types["scales"]["integer"])
    np.testing.assert_array_equal(scales, np.clip(np.rint(scales), 0, 255))
    raw = fixed.synthesis(y).numpy() * 256
    np.testing.assert_array_equal(raw, np.clip(np.rint(raw), 0, 255))
    before = [part.numpy() for part in fixed.latents(pixels(64, 64))]
    np.testing.assert_array_equal(y, np.clip(np.rint(before[0]), -128, 127))


def test_the_twin_is_near_its_float_network(twins: tuple[network.Codec, network.Codec, quantization.Types]) -> None:
    whole, fixed, _ = twins
    image = pixels(64, 64)
    near, exact = (np.concatenate([part.numpy().ravel() for part in net.latents(image)[:1]]) for net in (fixed, whole))
    assert np.abs(near - exact).max() < 0.1 * np.abs(exact).max()


def test_small_kernels_are_stored_larger_and_put_on_their_grid(
    twins: tuple[network.Codec, network.Codec, quantization.Types],
) -> None:
    whole, fixed, types = twins
    image = pixels(64, 64)
    before = fixed.synthesis(np.rint(whole.latents(image)[0].numpy())).numpy()
    quantization.put_on_grid(fixed)
    once = fixed.weights()
    quantization.put_on_grid(fixed)
    np.testing.assert_array_equal(fixed.synthesis(np.rint(whole.latents(image)[0].numpy())).numpy(), before)
    for name in quantization.READS:
        kernel, integer = once[name][0], types[name]["kernel"]
        raw = kernel * 2.0 ** (7 - max(integer, 0))
        np.testing.assert_array_equal(raw, np.clip(np.rint(raw), -128, 127))
        np.testing.assert_array_equal(fixed.weights()[name][0], kernel)
        off = np.abs(kernel * quantization.alpha(integer) - whole.weights()[name][0])
        assert np.median(off) <= 2.0 ** (integer - 8)  # half a step


def test_exported_files_give_the_twins_integers(
    tmp_path: Path, twins: tuple[network.Codec, network.Codec, quantization.Types]
) -> None:
    """Keras against the reference that reads the files, and the image back from its compressed file."""
    _, fixed, types = twins
    sized = codec(SMALL, quantization.FixedKit(types), 64)
    sized.set_weights(fixed.weights())
    image = np.random.RandomState(7).randint(0, 256, (64, 128, 3)).astype(np.uint8)
    export(sized, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "analysis.h5", "entropy.json", "hyper_synthesis.h5", "synthesis.h5",
    ]  # fmt: skip
    read = Codec.load(tmp_path)
    y, z = (part.numpy()[0] for part in fixed.analysis(pixels_of(image)))
    for found, expected in zip(read.latents(image), (y, z)):
        np.testing.assert_array_equal(found, expected)
    expected = fixed.synthesis(y[None]).numpy()[0] * 256
    np.testing.assert_array_equal(read.decode(read.encode(image)), expected)
