"""Synthetic fluorescence decays: made by this program, never measured. Every figure on them must say "synthetic".

The recipe of Erbas et al., "Compressing Recurrent Neural Networks for FPGA-accelerated Implementation in Fluorescence
Lifetime Imaging", section 3.1: f(t) = A·exp(−t/tau1) + (1 − A)·exp(−t/tau2) per pixel (equation 1), convolved with the
pixel's own instrument response (:mod:`.irf`), with Poisson noise, in images of 28x28 whose mask is a digit. What the
paper leaves open is chosen here:

- 70 samples (its L2 norm over its RMSE is √70) of 0.1 ns: 7 ns. Of the longest lifetime, 1.5 ns, 1 % is left at the
  end of the target and 2 % at the end of the measured curve. The record holds nothing of the pulse before.
- The input is the measured curve (TPSF) divided by its own maximum: in [0, 1]. No background, no dark counts.
- The target (SFD) is f itself without noise, on the same step, and begins with f(0) = 1 at sample 0 wherever the pulse
  lies: the network learns the deconvolution for this instrument, it is not told the response.
- Over an image, tau1, tau2 and A vary smoothly and each pixel deviates a little; each is uniform in its range.
- A curve's expected number of photons is log-uniform over PHOTONS, anew for each pixel.
- The masks are scikit-learn's digits (8x8) enlarged, for MNIST must be downloaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError, install_extra
from .irf import convolved, draw_responses

SAMPLES = 70
STEP_NS = 0.1
TIMES = np.arange(SAMPLES, dtype=np.float64) * STEP_NS
"""When each sample is taken, ns after the record's begin; of the target, after the pulse."""
SIZE = 28
"""Side of an image in pixels."""

TAU1_NS = (0.2, 0.8)
TAU2_NS = (0.8, 1.5)
FRACTION = (0.0, 1.0)
PHOTONS = (500.0, 20000.0)
"""Photons of one curve: one lifetime's standard deviation is at best tau/√photons, so 4.5 % at the least, where a fit
is just of use, and 0.7 % at the most, about 2,000 counts in the fullest sample."""
PIXEL_SPREAD = 0.05
"""Standard deviation of a pixel about its image's smooth map, as a part of a parameter's range."""

TRAIN_SEED, VALIDATION_SEED, TEST_SEED, MONO_SEED, PROOF_SEED = 1, 2, 3, 4, 5
"""Fixed, so that the sets that a figure rests on can be made again, and different, so that no set shares a curve."""

Values = NDArray[np.float32]
Integers = NDArray[np.int64]
Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Decays:
    """Synthetic curves with their truth: tpsf, sfd (n, 70); the others (n,), lifetimes in ns.

    ``fraction`` is the amplitude fraction of tau1, ``photons`` the expected count; image, row and column say where.
    """

    tpsf: Values
    sfd: Values
    tau1: Values
    tau2: Values
    fraction: Values
    photons: Values
    image: Integers
    row: Integers
    column: Integers

    def __len__(self) -> int:
        return len(self.tpsf)


def train_set(images: int = 200) -> Decays:
    """What the networks are trained on; the paper has 200 image sets."""
    return make_images(images, TRAIN_SEED)


def validation_set(images: int = 20) -> Decays:
    """The curves by which a network is chosen."""
    return make_images(images, VALIDATION_SEED)


def test_set(images: int = 20) -> Decays:  # noqa: PT028  no pytest test
    """The curves of the reported figures; nothing is chosen by them."""
    return make_images(images, TEST_SEED)


test_set.__test__ = False  # type: ignore[attr-defined]


def mono_test_set(count: int = 2000) -> Decays:
    """The synthetic stand-in for the paper's test, a dye with one lifetime of 1 ns (Alexa Fluor 700 in PBS)."""
    return mono_exponential(count, MONO_SEED)


def proof_curves() -> Values:
    """(200, 70, 1) TPSFs for proofs, half with two lifetimes, half with one: synthetic, made with numpy alone."""
    parts = [make_curves(100, PROOF_SEED).tpsf, mono_exponential(100, PROOF_SEED).tpsf]
    return np.concatenate(parts)[..., np.newaxis]


def make_images(images: int, seed: int) -> Decays:
    """The mask's pixels of ``images`` images (about 240 each). More images leave the first ones as they are."""
    _at_least_one(images, "images")
    digits = _digits()
    return _joined([_image(digits, index, _stream(0, seed, index)) for index in range(images)])


def make_curves(count: int, seed: int) -> Decays:
    """Curves without a picture, each its own image of one pixel; all parameters independent. Needs numpy only."""
    _at_least_one(count, "curves")
    rng = _stream(1, seed)
    tau1, tau2, fraction = (rng.uniform(*limits, count) for limits in (TAU1_NS, TAU2_NS, FRACTION))
    nowhere = np.zeros(count, np.int64)
    return _measured(tau1, tau2, fraction, (np.arange(count), nowhere, nowhere), rng)


def mono_exponential(count: int, seed: int, tau: float = 1.0) -> Decays:
    """Synthetic curves of one lifetime, ``tau`` ns: tau1 = tau2 = tau."""
    _at_least_one(count, "curves")
    if not TAU1_NS[0] <= tau <= TAU2_NS[1]:
        raise BitsmithError(
            f"a lifetime of {tau} ns is outside the model's {TAU1_NS[0]} to {TAU2_NS[1]} ns; choose one inside"
        )
    rng = _stream(2, seed)
    same, nowhere = np.full(count, tau), np.zeros(count, np.int64)
    return _measured(same, same, np.ones(count), (np.arange(count), nowhere, nowhere), rng)


def decay(tau1: Curve, tau2: Curve, fraction: Curve) -> Curve:
    """Equation 1 without its noise, (n, 70), from three (n,)."""
    short, long = (np.exp(-TIMES / np.asarray(tau, np.float64)[:, None]) for tau in (tau1, tau2))
    share = np.asarray(fraction, np.float64)[:, None]
    curve: Curve = share * short + (1 - share) * long
    return curve


def _stream(kind: int, seed: int, index: int = 0) -> np.random.RandomState:
    """A random stream of its own for each three numbers."""
    # RandomState: its streams are frozen for all versions of numpy (NEP 19), unlike Generator's.
    return np.random.RandomState(np.random.PCG64([kind, seed, index]))


def _image(digits: Curve, index: int, rng: np.random.RandomState) -> Decays:
    row, column = np.nonzero(_enlarged(digits[rng.randint(len(digits))]) > 0.5)
    tau1, tau2, fraction = (_map(limits, row, column, rng) for limits in (TAU1_NS, TAU2_NS, FRACTION))
    return _measured(tau1, tau2, fraction, (np.full(len(row), index), row, column), rng)


def _measured(
    tau1: Curve, tau2: Curve, fraction: Curve, where: tuple[Integers, Integers, Integers], rng: np.random.RandomState
) -> Decays:
    """Convolve, scale, count photons; divide by the maximum."""
    responses = draw_responses(len(tau1), rng)
    share = fraction[:, None]
    clean = share * convolved(tau1, TIMES, responses) + (1 - share) * convolved(tau2, TIMES, responses)
    photons = np.exp(rng.uniform(math.log(PHOTONS[0]), math.log(PHOTONS[1]), len(tau1)))
    counts = rng.poisson(clean * (photons / clean.sum(axis=1))[:, None])
    tpsf = counts / counts.max(axis=1, keepdims=True)
    image, row, column = where
    return Decays(
        tpsf=tpsf.astype(np.float32),
        sfd=decay(tau1, tau2, fraction).astype(np.float32),
        tau1=tau1.astype(np.float32),
        tau2=tau2.astype(np.float32),
        fraction=fraction.astype(np.float32),
        photons=photons.astype(np.float32),
        image=image,
        row=row,
        column=column,
    )


def _map(limits: tuple[float, float], row: Integers, column: Integers, rng: np.random.RandomState) -> Curve:
    """A plane with a random level and slope, noise on each pixel, folded into the range: uniform there, and smooth."""
    slope = rng.uniform(-1, 1, 2) / SIZE
    plane = rng.uniform(0, 2) + slope[0] * row + slope[1] * column + rng.normal(0, PIXEL_SPREAD, len(row))
    value: Curve = limits[0] + (limits[1] - limits[0]) * np.abs(plane % 2 - 1)
    return value


def _digits() -> Curve:
    """scikit-learn's 1,797 digits (n, 8, 8) in [0, 1]."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise BitsmithError(f"the masks need scikit-learn; {install_extra('fli')}") from None
    digits: Curve = load_digits().images / 16
    return digits


def _enlarged(digit: Curve) -> Curve:
    """(8, 8) to (28, 28), bilinear, edges held."""
    position = np.clip((np.arange(SIZE) + 0.5) * 8 / SIZE - 0.5, 0, 7)
    weights = np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(8)))
    large: Curve = weights @ digit @ weights.T
    return large


def _joined(parts: list[Decays]) -> Decays:
    return Decays(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Decays)))


def _at_least_one(count: int, what: str) -> None:
    if count < 1:
        raise BitsmithError(f"{count} {what} make no data set; ask for at least 1")
