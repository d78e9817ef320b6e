"""Views of the images (turning, shifting, MixUp, CutMix) and the arithmetic before quantization-aware training."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsmith.models.cells import mixing, quantization
from bitsmith.models.cells.quantization import Bits, StudentBits

FloatArray = NDArray[np.float32]


def batch(count: int = 16) -> FloatArray:
    """Image k has values in [k, k + 1), so each pixel tells where it came from."""
    noise = np.random.default_rng(3).random((count, 48, 48, 1), np.float32) * np.float32(0.9)
    images: FloatArray = noise + np.arange(count, dtype=np.float32)[:, None, None, None]
    return images


def test_turning_keeps_every_pixel_and_uses_all_eight_positions() -> None:
    images = np.arange(64 * 48 * 48, dtype=np.float32).reshape(64, 48, 48, 1)
    turned = mixing.turn(images, np.random.RandomState(1))
    np.testing.assert_array_equal(np.sort(turned.reshape(64, -1)), np.sort(images.reshape(64, -1)))
    positions = {np.flatnonzero(t.ravel() == i.ravel()[5])[0] for i, t in zip(images, turned)}
    assert len(positions) == 8


def test_shifting_moves_by_at_most_its_reach() -> None:
    images = batch()
    moved = mixing.shifted(images, np.random.RandomState(1), reach=3)
    for before, after in zip(images, moved):
        assert any(
            np.array_equal(after[3:45, 3:45], before[3 + y : 45 + y, 3 + x : 45 + x])
            for y in range(-3, 4)
            for x in range(-3, 4)
        )


def test_mixup_lies_between_the_two_images() -> None:
    images = batch()
    mixed = mixing.mixup(images, np.random.RandomState(2))
    for own, out in zip(images, mixed):
        shares = [(out - own) / np.where(other == own, 1, other - own) for other in images]
        assert any(float(np.ptp(share)) < 1e-3 and -1e-3 < float(share.mean()) < 1 + 1e-3 for share in shares)


def test_cutmix_pastes_one_rectangle_of_one_other_image() -> None:
    images = batch()
    mixed = mixing.cutmix(images, np.random.RandomState(2))
    pasted = 0
    for k, out in enumerate(mixed):
        source = np.floor(out[..., 0]).astype(int)
        for other in set(source.ravel().tolist()) - {k}:
            rows, columns = np.nonzero(source == other)
            assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            np.testing.assert_array_equal(out[rows, columns], images[other][rows, columns])
            pasted += 1
        np.testing.assert_array_equal(out[source == k], images[k][source == k])
        assert len(set(source.ravel().tolist()) - {k}) <= 1
    assert pasted >= 8


def test_the_mixed_view_is_a_function_of_its_random_state() -> None:
    view = mixing.mixed_view(turnable=True)
    first, again = (view(batch(), np.random.RandomState([1, 2])) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_best_integer_by_hand() -> None:
    """0.9 fits 6 bits with no integer bit (step 1/32); 3.9 needs two; one outlier among many does not buy a bit."""
    assert quantization.best_integer(np.array([0.9, -0.31]), 6, signed=True) == 0
    assert quantization.best_integer(np.array([3.9, -0.3]), 6, signed=True) == 2
    assert quantization.best_integer(np.array([255.0]), 8, signed=False) == 8
    many = np.append(np.random.default_rng(1).uniform(0, 1, 100000), 1.2)
    assert quantization.best_integer(many, 8, signed=False) == 0


def test_widths_are_kept_and_integer_bits_chosen() -> None:
    rng = np.random.default_rng(2)
    shapes = ((3, 3, 1, 16), (16,), (3, 3, 16, 16), (16,), (1600, 2), (2,))
    weights = [rng.uniform(-3.5, 3.5, shape).astype(np.float32) for shape in shapes]
    widths = StudentBits(conv1_kernel=Bits(4), relu2=Bits(6))
    chosen = quantization.choose_integers(
        widths, weights, np.array([7.5, 1], np.float32), np.array([0.5, 0.3], np.float32)
    )
    assert (chosen.conv1_kernel, chosen.conv2_kernel, chosen.relu2) == (Bits(4, 2), Bits(6, 2), Bits(6, 0))
    assert (chosen.relu1, chosen.pixels) == (Bits(8, 3), Bits(8, 0))


def student(weights: quantization.Weights, image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Student 2 by its definition, in numpy alone."""
    x = image
    for kernel, bias in ((weights[0], weights[1]), (weights[2], weights[3])):
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))  # h, w, cin, ky, kx
        x = np.maximum(np.einsum("hwcyx,yxcd->hwd", windows, kernel.astype(np.float64)) + bias, 0)
        height, width, channels = x.shape
        x = x[: height // 2 * 2, : width // 2 * 2]
        x = x.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))
    logits: NDArray[np.float64] = x.reshape(-1) @ weights[4] + weights[5]
    return logits


@pytest.mark.parametrize("dead", [False, True])
def test_equalizing_keeps_the_function_and_balances_the_ranges(dead: bool) -> None:
    rng = np.random.default_rng(4)
    shapes = ((3, 3, 1, 16), (16,), (3, 3, 16, 16), (16,), (1600, 2), (2,))
    weights = [rng.normal(0, 0.1, shape).astype(np.float32) for shape in shapes]
    weights[0][..., 3] *= 50
    if dead:
        weights[0][..., 5] = 0
    even = quantization.equalize(weights)
    image = rng.random((48, 48, 1))
    np.testing.assert_allclose(student(even, image), student(weights, image), rtol=1e-4, atol=1e-5)
    ranges = np.abs(even[0]).max(axis=(0, 1, 2))
    alive = ranges > 0
    np.testing.assert_allclose(ranges[alive], np.abs(even[2]).max(axis=(0, 1, 3))[alive], rtol=0.05)


def test_folding_by_hand() -> None:
    """gamma / sqrt(variance + epsilon) = 6 / 3 = 2; bias 5 - 1.5 * 2 = 2."""
    gamma, beta, mean, variance = (np.array([v], np.float32) for v in (6.0, 5.0, 1.5, 8.0))
    kernel, bias = quantization.fold(np.full((1, 1, 1, 1), 7, np.float32), gamma, beta, mean, variance, epsilon=1.0)
    assert (kernel.item(), bias.item()) == (14.0, 2.0)
