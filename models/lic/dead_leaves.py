"""Synthetic images with natural statistics: dead leaves, discs that cover one another, of all sizes (numpy only).

Lee, Mumford & Huang, "Occlusion models for natural images" (2001): radii follow r^-3, which makes the image look the
same at every scale. Here each leaf also has a shade (a slope of its colour) and a texture (1/f noise), after Baradad
et al., "Learning to see by looking at noise" (2021). Drawn at twice the size and averaged, so that edges are soft.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
COVERAGE = 5.0
"""Each place is covered so many times on average."""
TEXTURE_SIDE = 512
SHADE = 30.0
"""Standard deviation of a leaf's slope, in levels from its middle to its rim."""
CHROMA, TINT = 40.0, 25.0
"""Standard deviations of a leaf's colour beside its brightness, and of a whole image's."""
CONTRAST = (0.2, 1.0)
"""An image's least and most; 1 uses all levels."""


@dataclass(frozen=True)
class Leaves:
    """How an image is drawn: the smallest leaf's radius in pixels, and the texture's standard deviation in levels."""

    smallest: float
    texture: float


KINDS = tuple(Leaves(smallest, texture) for smallest in (1.0, 2.0, 4.0, 8.0) for texture in (3.0, 12.0))


def dead_leaves(count: int, side: int, seed: int) -> tuple[Image, NDArray[np.int64]]:
    """(count, side, side, 3) images and each one's place in KINDS; the kinds take turns."""
    kinds = np.arange(count, dtype=np.int64) % len(KINDS)
    images = [one_image(KINDS[kind], side, np.random.RandomState([seed, place])) for place, kind in enumerate(kinds)]
    return np.stack(images), kinds


def one_image(leaves: Leaves, side: int, rng: np.random.RandomState) -> Image:
    """One image (side, side, 3)."""
    size, contrast = 2 * side, rng.uniform(*CONTRAST)
    texture, middle = _texture(rng), rng.uniform(60, 160) + rng.normal(0, TINT, 3)
    canvas = np.empty((size, size, 3), np.float32)
    _paint(canvas, 4.0 * size, leaves.texture, texture, rng, place=(size / 2, size / 2))
    smallest, largest = 2 * leaves.smallest, float(size)
    area = 2 * np.pi * smallest**2 * np.log(largest / smallest)  # a leaf's mean under r^-3
    for radius in radii(int(COVERAGE * size**2 / area), smallest, largest, rng):
        _paint(canvas, radius, leaves.texture, texture, rng)
    small = middle + contrast * (canvas.reshape(side, 2, side, 2, 3).mean(axis=(1, 3)) - 127.5)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def radii(count: int, smallest: float, largest: float, rng: np.random.RandomState) -> NDArray[np.float64]:
    """Radii with density r^-3 between the two, by the inverse of its distribution."""
    share = rng.uniform(size=count)
    result: NDArray[np.float64] = (smallest**-2 - share * (smallest**-2 - largest**-2)) ** -0.5
    return result


def _paint(
    canvas: FloatArray,
    radius: float,
    strength: float,
    texture: FloatArray,
    rng: np.random.RandomState,
    place: tuple[float, float] | None = None,
) -> None:
    """One leaf over what is there; without a ``place`` its middle is anywhere, also outside."""
    size = canvas.shape[0]
    row, column = rng.uniform(-radius, size + radius, 2) if place is None else place
    top, bottom, left, right = (
        int(np.clip(edge, 0, size)) for edge in (row - radius, row + radius + 1, column - radius, column + radius + 1)
    )
    down = (np.arange(top, bottom, dtype=np.float32) - np.float32(row))[:, None] / np.float32(radius)
    across = (np.arange(left, right, dtype=np.float32) - np.float32(column))[None, :] / np.float32(radius)
    inside = down**2 + across**2 <= 1
    slope = rng.normal(0, SHADE, 2).astype(np.float32)
    offset = rng.randint(0, TEXTURE_SIDE, 2)
    own = np.take(
        np.take(texture, np.arange(top, bottom) + offset[0], 0, mode="wrap"),
        np.arange(left, right) + offset[1],
        1,
        mode="wrap",
    )
    leaf = _colour(rng) + (slope[0] * down + slope[1] * across + np.float32(strength) * own)[..., None]
    np.copyto(canvas[top:bottom, left:right], leaf, where=inside[..., None])


def _colour(rng: np.random.RandomState) -> FloatArray:
    """A brightness over the whole range, dark ones more often, and a little colour."""
    brightness = 255 * rng.beta(0.9, 1.2)
    return (brightness + rng.normal(0, CHROMA, 3)).astype(np.float32)


def _texture(rng: np.random.RandomState) -> FloatArray:
    """1/f noise that repeats at its rims, of standard deviation 1."""
    frequency = np.fft.fftfreq(TEXTURE_SIDE)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    radius[0, 0] = np.inf
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(TEXTURE_SIDE, TEXTURE_SIDE))) / radius).real
    return (noise / noise.std()).astype(np.float32)
