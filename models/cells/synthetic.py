"""Synthetic bright-field images of three cell classes: made by this program, never measured.

Every figure that rests on them must say "synthetic". The three classes stand in for LymphoMNIST's labels
(0 B, 1 T4, 2 T8); they differ in size, nucleus-to-cell ratio and granularity, with overlapping spreads, as
lymphocyte subsets do, so no classifier reaches 100 %.

The picture is what a weakly absorbing phase object gives out of focus: the light transmitted by the cell body
and its nucleus, a bright or dark Becke line at the rim with a damped diffraction fringe outside it (its sign is
that of the defocus), grains in the cytoplasm, chromatin texture in the nucleus, all blurred by the defocus; on top
an illumination gradient, vignetting, photon shot noise and read noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 48
"""Side of an image in pixels."""

FloatImage = NDArray[np.float64]


@dataclass(frozen=True)
class CellClass:
    """Mean and spread of what tells one class from another; lengths in pixels."""

    name: str
    radius: tuple[float, float]
    nucleus_ratio: tuple[float, float]
    granularity: tuple[float, float]


CLASSES: tuple[CellClass, ...] = (
    CellClass("synthetic B", radius=(13.5, 1.1), nucleus_ratio=(0.64, 0.04), granularity=(0.050, 0.012)),
    CellClass("synthetic T4", radius=(11.7, 1.1), nucleus_ratio=(0.78, 0.04), granularity=(0.090, 0.012)),
    CellClass("synthetic T8", radius=(12.6, 1.1), nucleus_ratio=(0.71, 0.04), granularity=(0.120, 0.012)),
)

_AXIS = np.arange(SIZE, dtype=np.float64) - (SIZE - 1) / 2
_Y, _X = np.meshgrid(_AXIS, _AXIS, indexing="ij")


def synthetic_image(label: int, index: int, seed: int) -> NDArray[np.uint8]:
    """The ``index``-th image (48, 48) of class ``label``, 8 bit; the same for the same three numbers.

    Each image has its own random stream, so any subset of a data set can be made again without the rest.
    """
    # RandomState: its streams are frozen for all versions of numpy (NEP 19), unlike Generator's.
    rng = np.random.RandomState([seed, index, label])
    transmitted = _cell(CLASSES[label], rng) * _illumination(rng)
    photons = transmitted * rng.uniform(1500.0, 4000.0)
    noisy = rng.normal(photons, np.sqrt(np.maximum(photons, 1.0))) / photons.mean() * transmitted.mean()
    noisy += rng.normal(0.0, 0.006, noisy.shape)
    image: NDArray[np.uint8] = np.clip(np.rint(noisy * 256.0), 0, 255).astype(np.uint8)
    return image


def synthetic_images(labels: NDArray[np.int64], first: int, seed: int) -> NDArray[np.uint8]:
    """One image per label, (n, 48, 48, 1); image k carries the index ``first + k``."""
    images = [synthetic_image(int(label), first + k, seed) for k, label in enumerate(labels)]
    return np.stack(images)[..., None] if images else np.zeros((0, SIZE, SIZE, 1), np.uint8)


def _cell(cell: CellClass, rng: np.random.RandomState) -> FloatImage:
    """Relative transmission of one cell on an empty, evenly lit background (1.0)."""
    radius = rng.normal(*cell.radius)
    ratio = np.clip(rng.normal(*cell.nucleus_ratio), 0.4, 0.92)
    grain = abs(rng.normal(*cell.granularity))
    defocus = rng.uniform(-1.0, 1.0)
    centre = rng.uniform(-2.5, 2.5, 2)
    rho = _elliptic_radius(centre, rng.uniform(0.88, 1.14), rng.uniform(0.0, np.pi))
    drift = centre + rng.uniform(-0.5, 0.5, 2) * radius * (1.0 - ratio)
    rho_nucleus = _elliptic_radius(drift, rng.uniform(0.85, 1.18), rng.uniform(0.0, np.pi))
    body, nucleus = _disc(rho, radius, 0.8), _disc(rho_nucleus, radius * ratio, 1.0)
    chromatin = 1.0 + 0.35 * _texture(rng, 2.2)
    out = 1.0 - rng.uniform(0.10, 0.22) * body - rng.uniform(0.14, 0.26) * nucleus * chromatin
    out = out + grain * body * (1.0 - 0.7 * nucleus) * _texture(rng, 0.9)
    out = out + _rim(rho, radius, defocus, rng.uniform(0.18, 0.36))
    return _blur(out, 0.5 + 0.9 * abs(defocus))


def _rim(rho: FloatImage, radius: float, defocus: float, strength: float) -> FloatImage:
    """Becke line at the cell's edge and the damped fringe outside it; both change sign with the defocus."""
    outside = rho - radius
    line = np.exp(-((outside / 1.4) ** 2))
    wavelength = 3.5 + 2.5 * abs(defocus)
    fringe = np.where(outside > 0, np.cos(2 * np.pi * outside / wavelength) * np.exp(-np.abs(outside) / 3.0), 0.0)
    rim: FloatImage = strength * (np.sign(defocus) * (0.35 + abs(defocus)) * line - 0.5 * defocus * fringe)
    return rim


def _elliptic_radius(centre: NDArray[np.float64], aspect: float, angle: float) -> FloatImage:
    """Distance from the centre, in pixels, in an ellipse's own metric (equal area)."""
    x, y = _X - centre[0], _Y - centre[1]
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    rho: FloatImage = np.sqrt(along**2 / aspect + across**2 * aspect)
    return rho


def _disc(rho: FloatImage, radius: float, softness: float) -> FloatImage:
    """One inside the radius, zero outside, with a soft edge."""
    return 0.5 * (1.0 - np.tanh((rho - radius) / softness))


def _texture(rng: np.random.RandomState, correlation: float) -> FloatImage:
    """Zero-mean, unit-variance noise with the given correlation length in pixels."""
    noise = _blur(rng.standard_normal((SIZE, SIZE)), correlation)
    texture: FloatImage = (noise - noise.mean()) / noise.std()
    return texture


def _blur(image: FloatImage, sigma: float) -> FloatImage:
    """Separable Gaussian blur as two small matrix products; rows are normalized, so the edge keeps its level."""
    kernel = np.exp(-0.5 * ((_AXIS[:, None] - _AXIS[None, :]) / sigma) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    blurred: FloatImage = kernel @ image @ kernel.T
    return blurred


def _illumination(rng: np.random.RandomState) -> FloatImage:
    """Lamp level, a linear gradient in a random direction, and vignetting off a random optical axis."""
    level = rng.uniform(0.45, 0.65)
    gradient = rng.uniform(-0.12, 0.12, 2)
    axis = rng.uniform(-8.0, 8.0, 2)
    radius_squared = ((_X - axis[0]) ** 2 + (_Y - axis[1]) ** 2) / (SIZE / 2) ** 2
    light: FloatImage = level * (1.0 + gradient[0] * _X / SIZE + gradient[1] * _Y / SIZE)
    return light * (1.0 - rng.uniform(0.0, 0.10) * radius_squared)
