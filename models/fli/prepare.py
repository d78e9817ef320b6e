"""From measured stacks to the network's input: bins, the place of the pulse, the scale.

The network was trained on curves of SAMPLES samples of STEP_NS with the pulse at a fixed place and knows no other, so:

- Neighbouring samples are added up, the whole number of them that comes nearest to STEP_NS, at most 5 % off. What the
  network gives is then a curve on the step that results, ``Pixels.step_ns``, and its lifetimes are counted in that.
- The record is cut so that its rise (half of the maximum of all pixels' sum, interpolated) lies where that of the
  synthetic curves lies, and so that SAMPLES samples follow. What lies before and after is dropped, nothing is made up.
- Pixels with fewer photons than the network was trained on are left out; the others are divided by their own maximum.

No background is subtracted: the network was trained without one, so subtract a constant one before if it is not small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError
from .readers import Stack
from .synthetic import PHOTONS, SAMPLES, STEP_NS, VALIDATION_SEED, make_curves

TOLERANCE = 0.05
"""How far, relatively, the binned step may lie from STEP_NS."""


@dataclass(frozen=True)
class Pixels:
    """The network's input tpsf (n, samples) in [0, 1], where each curve lies (n,), its photons (n,), the step in ns."""

    tpsf: NDArray[np.float32]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    photons: NDArray[np.float64]
    step_ns: float


def to_network(
    stack: Stack, samples: int = SAMPLES, begin: int | None = None, least_photons: float = PHOTONS[0]
) -> Pixels:
    """The pixels of a stack as the network takes them, by the rules above.

    ``begin``, in the stack's own samples, replaces the search for the rise. BitsmithError where the step, the length or
    the photons do not suffice; each names the cure.
    """
    factor = _factor(stack)
    if begin is None:
        begin = _begin(stack, factor)
    needed = factor * samples
    if begin < 0 or begin + needed > stack.counts.shape[2]:
        raise BitsmithError(
            f"{stack.name}: {needed} of its {stack.counts.shape[2]} samples are needed from number {begin} on; record "
            f"{samples * STEP_NS:.1f} ns with the pulse {_rise():.2f} ns after the begin, or give another begin"
        )
    window = stack.counts[:, :, begin : begin + needed]
    binned = window.reshape(*window.shape[:2], samples, factor).sum(axis=3, dtype=np.float64)
    photons = binned.sum(axis=2)
    row, column = np.nonzero(photons >= max(least_photons, 1))
    if not len(row):
        raise BitsmithError(
            f"{stack.name}: no pixel has {least_photons:g} photons, the most is {photons.max():g}; bin pixels, record "
            "longer, or lower least_photons"
        )
    curves = binned[row, column]
    tpsf = (curves / curves.max(axis=1, keepdims=True)).astype(np.float32)
    return Pixels(tpsf, row, column, photons[row, column], factor * stack.step_ns)


def _factor(stack: Stack) -> int:
    """How many samples are added up."""
    if not stack.step_ns > 0:
        raise BitsmithError(f"{stack.name}: a step of {stack.step_ns} ns; give the time between two samples")
    factor = max(1, round(STEP_NS / stack.step_ns))
    if abs(factor * stack.step_ns / STEP_NS - 1) > TOLERANCE:
        raise BitsmithError(
            f"{stack.name}: its step of {stack.step_ns:g} ns gives {factor * stack.step_ns:g} ns at best, not "
            f"{STEP_NS:g} ns; record with {STEP_NS:g} ns or a whole part of it, or train a network for this step"
        )
    return factor


def _begin(stack: Stack, factor: int) -> int:
    """The sample from which on the rise comes as late as in the synthetic curves; a sum lies at its samples' middle."""
    total = stack.counts.sum(axis=(0, 1), dtype=np.float64)
    return round(_half_rise(total) - _rise() / stack.step_ns - (factor - 1) / 2)


def _rise() -> float:
    """Where the synthetic curves rise, in ns after their begin."""
    return STEP_NS * _half_rise(make_curves(1000, VALIDATION_SEED).tpsf.mean(axis=0, dtype=np.float64))


def _half_rise(curve: NDArray[np.float64]) -> float:
    """Where a curve first passes half of its maximum, in samples, interpolated; 0 where it begins above it."""
    half = curve.max() / 2
    after = int(np.argmax(curve >= half))
    if after == 0:
        return 0.0
    low, high = curve[after - 1], curve[after]
    return after - 1 + float((half - low) / (high - low))
