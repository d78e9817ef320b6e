"""The instrument's response: an exponentially modified Gaussian (EMG), which differs from pixel to pixel.

Synthetic: the paper measured its responses on white paper; these are drawn by this program. The Gaussian stands for the
laser pulse, the gate's edge and the electronics' jitter, the exponential tail for carriers that diffuse into the
diode's junction late, as every SPAD shows. Times are in nanoseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]

SIGMA_NS = (0.07, 0.14)
"""Standard deviation of the Gaussian, uniform over the pixels."""
TAIL_NS = (0.06, 0.18)
"""Time constant of the tail, uniform over the pixels; always shorter than the shortest lifetime (0.2 ns), which
keeps :func:`convolved` away from its 0/0. The full width at half maximum is then 0.2 to 0.45 ns."""
DELAY_NS = 0.6
"""When the pulse arrives: late enough that the record begins before the response does."""
JITTER_NS = 0.03
"""Standard deviation of a pixel's delay (skew of the gate signal over a large sensor), normal."""

# erfc from the standard library in a table: linear interpolation is within 2e-5 of each value, relatively.
_Z = np.linspace(-6.0, 6.0, 12001)
_ERFC = np.array([math.erfc(z) for z in _Z])


@dataclass(frozen=True)
class Responses:
    """One response per pixel: each (n,) in ns."""

    sigma: Curve
    tail: Curve
    delay: Curve

    def sampled(self, times: Curve) -> Curve:
        """The responses (n, samples), in 1/ns: each has area 1."""
        return emg(times - self.delay[:, None], self.sigma[:, None], self.tail[:, None])


def draw_responses(count: int, rng: np.random.RandomState) -> Responses:
    """The responses of ``count`` pixels."""
    sigma, tail = (rng.uniform(*limits, count) for limits in (SIGMA_NS, TAIL_NS))
    return Responses(sigma, tail, rng.normal(DELAY_NS, JITTER_NS, count))


def emg(time: Curve, sigma: Curve, tail: Curve) -> Curve:
    """Density, in 1/ns, of a normal (0, sigma) plus an exponential (tail) variable; arguments broadcast."""
    ratio = sigma / tail
    z = (ratio - time / sigma) / math.sqrt(2.0)
    # Where z > 6 the density is below 1e-9 and the exponential may overflow: the table's 0 must win.
    growth = np.exp(np.minimum(ratio**2 / 2 - time / tail, 300.0))
    density: Curve = growth * np.where(z < _Z[-1], np.interp(z, _Z, _ERFC), 0.0) / (2 * tail)
    return density


def convolved(tau: Curve, times: Curve, responses: Responses) -> Curve:
    """exp(−t/tau) from t = 0 on, convolved with each pixel's response: (n, samples), exact at the sampled times.

    Two exponentials convolved are their weighted difference, so the result is the difference of two EMGs:
    tau/(tau − tail)·(tau·EMG(tau) − tail·EMG(tail)). tau (n,) must differ from the responses' tails.
    """
    late, sigma = times - responses.delay[:, None], responses.sigma[:, None]
    tau, tail = tau[:, None], responses.tail[:, None]
    curve: Curve = tau / (tau - tail) * (tau * emg(late, sigma, tau) - tail * emg(late, sigma, tail))
    return curve


def mean_response(times: Curve, pixels: int = 4096) -> Curve:
    """The sampled response (samples,) averaged over many pixels, summing to 1: what an experimenter would record."""
    rng = np.random.RandomState(np.random.PCG64(0))
    mean = draw_responses(pixels, rng).sampled(times).mean(axis=0)
    normalized: Curve = mean / mean.sum()
    return normalized
