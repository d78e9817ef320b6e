"""From curves to lifetimes: what a user looks at, and how a network compares with the conventional fit.

A curve is fitted by least squares, unweighted, each parameter within its limits: a deconvolved one (SFD) as it is, a
measured one (TPSF) by reconvolution with a known instrument response. The phasors come from PhasorPy.
All lifetimes are in nanoseconds, all curves (n, samples). A curve that holds no decay has the lifetime NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError, install_extra
from .irf import mean_response
from .least_squares import Model, least_squares
from .synthetic import STEP_NS, TAU1_NS, TAU2_NS, TIMES, Decays

Curves = NDArray[np.floating[Any]]
PerCurve = NDArray[np.float64]
Values = NDArray[np.float64]

PADDING = 3
"""The convolution is periodic over this many times the record: what wraps round has decayed to nothing."""
MONO_NS = (0.02, 20.0)
"""Limits of a single lifetime."""
SHIFT_NS = (-0.3, 0.3)
"""How far a pixel's response may lie from the mean response."""
LASER_MHZ = 80.0
"""The usual repetition rate, and with it the frequency at which a measured curve's phasor is taken."""


@dataclass(frozen=True)
class Biexponential:
    """A·exp(−t/tau1) + (1 − A)·exp(−t/tau2) times an amplitude, each (n,); ``fraction`` is A."""

    tau1: PerCurve
    tau2: PerCurve
    fraction: PerCurve

    @property
    def mean(self) -> PerCurve:
        """The amplitude-weighted mean lifetime, (n,)."""
        return mean_lifetime(self.tau1, self.tau2, self.fraction)


def mean_lifetime(tau1: Curves, tau2: Curves, fraction: Curves) -> PerCurve:
    """The amplitude-weighted mean, A·tau1 + (1 − A)·tau2."""
    short, long, share = (np.asarray(value, np.float64) for value in (tau1, tau2, fraction))
    return share * short + (1 - share) * long


def fit_mono(sfd: Curves, step_ns: float) -> PerCurve:
    """The lifetime of a·exp(−t/tau) nearest to each deconvolved curve, (n,)."""
    sfd = _checked(sfd, step_ns)
    times = step_ns * np.arange(sfd.shape[1])

    def model(parameters: Values) -> tuple[Values, Values]:
        amplitude, tau = (column[:, None] for column in parameters.T)
        shape = np.exp(-times / tau)
        return amplitude * shape, np.stack([shape, amplitude * shape * times / tau**2], axis=1)

    limits = np.array([(0.0, 10.0), MONO_NS])
    amplitude, tau = least_squares(sfd, model, np.array([1.0, 0.7]), limits).T
    return np.where(_holds_decay(sfd, amplitude), tau, np.nan)


def fit_bi(
    sfd: Curves,
    step_ns: float,
    tau1_ns: tuple[float, float] = TAU1_NS,
    tau2_ns: tuple[float, float] = TAU2_NS,
) -> Biexponential:
    """The two lifetimes, each within its limits, and the fraction of the first, nearest to each deconvolved curve."""
    sfd = _checked(sfd, step_ns)
    times = step_ns * np.arange(sfd.shape[1])

    def component(tau: Values) -> tuple[Values, Values]:
        shape = np.exp(-times / tau)
        return shape, shape * times / tau**2

    def model(parameters: Values) -> tuple[Values, Values]:
        return _two(component, parameters)

    limits = np.array([(0.0, 10.0), tau1_ns, tau2_ns, (0.0, 1.0)])
    return _biexponential(sfd, model, limits)


def reconvolution_fit(
    tpsf: Curves,
    irf: Curves,
    step_ns: float,
    tau1_ns: tuple[float, float] = TAU1_NS,
    tau2_ns: tuple[float, float] = TAU2_NS,
    fraction: tuple[float, float] = (0.0, 1.0),
) -> Biexponential:
    """The conventional way: two exponentials convolved with the response (samples,) nearest to each measured curve.

    The response may be shifted for each pixel by SHIFT_NS. An exponential's Fourier transform tau/(1 + iω·tau) is
    exact, so a lifetime of few samples is not distorted as it is by a sum over samples.
    """
    tpsf = _checked(tpsf, step_ns)
    samples, length = tpsf.shape[1], PADDING * tpsf.shape[1]
    response = np.fft.rfft(_checked_irf(irf, tpsf) / step_ns, length)
    omega = 2 * np.pi * np.fft.rfftfreq(length, step_ns)

    def model(parameters: Values) -> tuple[Values, Values]:
        moved = response * np.exp(-1j * omega * parameters[:, 4:])

        def component(tau: Values) -> tuple[Values, Values]:
            pole = 1 / (1 + 1j * omega * tau)
            return moved * tau * pole, moved * pole**2

        curve, derivatives = _two(component, parameters[:, :4])
        spectra = np.concatenate([curve[:, None], derivatives, (-1j * omega * curve)[:, None]], axis=1)
        curves = np.fft.irfft(spectra, length)[..., :samples]
        return curves[:, 0], curves[:, 1:]

    limits = np.array([(0.0, 10.0), tau1_ns, tau2_ns, fraction, SHIFT_NS])
    return _biexponential(tpsf, model, limits)


def reconvolution_mono(tpsf: Curves, irf: Curves, step_ns: float) -> PerCurve:
    """The same with one exponential, (n,): what suits a dye with a single lifetime."""
    return reconvolution_fit(tpsf, irf, step_ns, tau1_ns=(0.05, 5.0), fraction=(1.0, 1.0)).tau1


def phasor_lifetime(
    curve: Curves, step_ns: float, frequency_mhz: float | None = None, irf: Curves | None = None
) -> PerCurve:
    """The apparent lifetime from the phasor's phase, (n,); NaN where the phase is that of no lifetime.

    By default at the record's own frequency, 1/(samples·step): there a deconvolved curve of one lifetime gives that
    lifetime, for neither the cut tail nor the sampling matters. At others the tail must have decayed. A measured curve
    needs its response ``irf`` (samples,): the phasor is divided by that of the response.
    """
    curve = _checked(curve, step_ns)
    frequency = 1e3 / (curve.shape[1] * step_ns) if frequency_mhz is None else frequency_mhz
    if not 0 < frequency * 1e-3 * step_ns < 0.5:
        raise BitsmithError(f"{frequency} MHz cannot be seen in steps of {step_ns} ns; choose 0 to {500 / step_ns} MHz")
    phasors = _phasorpy()
    step = 2e-3 * np.pi * frequency * step_ns
    phases = step * np.arange(curve.shape[1])
    _, real, imag = phasors.phasor.phasor_from_signal(curve, sample_phase=phases)
    with np.errstate(all="ignore"):
        if irf is None:
            # Sampled, a decay falls by q each step and its phasor is that of 1/(1 − q·exp(i·step)).
            lifetime = -step_ns / np.log(imag / (real * np.sin(step) + imag * np.cos(step)))
        else:
            _, *divisor = phasors.phasor.phasor_from_signal(_checked_irf(irf, curve), sample_phase=phases)
            real, imag = phasors.phasor.phasor_divide(real, imag, *divisor)
            lifetime = phasors.lifetime.phasor_to_apparent_lifetime(real, imag, frequency)[0]
        return np.where(np.isfinite(lifetime) & (lifetime > 0), lifetime, np.nan)


def compare(decays: Decays, predicted: Curves) -> dict[str, dict[str, float]]:
    """Errors in ns, over the pixels, of the network's SFD (n, 70) and of the conventional ways on the same TPSF.

    Per method ``bias`` (mean error), ``std`` and ``rmse`` of the error, and how many pixels have no lifetime by it
    (``undefined``, left out). The truth is the amplitude-weighted mean lifetime, or for one exponential and for the
    phasor the apparent lifetime that the clean SFD has. The conventional ways know the mean response, which the network
    met only in its training; both know the ranges of the lifetimes. Where a pixel has two lifetimes, one exponential
    nearest to the TPSF is not the one nearest to the SFD, so there that method has a bias by its definition.
    """
    if np.shape(predicted) != decays.sfd.shape:
        raise BitsmithError(
            f"predictions of shape {np.shape(predicted)} for targets of {decays.sfd.shape}; give as many"
        )
    irf = mean_response(TIMES)
    mean = mean_lifetime(decays.tau1, decays.tau2, decays.fraction)
    mono, phasor = fit_mono(decays.sfd, STEP_NS), phasor_lifetime(decays.sfd, STEP_NS)
    measured = phasor_lifetime(decays.tpsf, STEP_NS, LASER_MHZ, irf)
    return {
        "network, mean lifetime": _errors(fit_bi(predicted, STEP_NS).mean, mean),
        "reconvolution, mean lifetime": _errors(reconvolution_fit(decays.tpsf, irf, STEP_NS).mean, mean),
        "network, one exponential": _errors(fit_mono(predicted, STEP_NS), mono),
        "reconvolution, one exponential": _errors(reconvolution_mono(decays.tpsf, irf, STEP_NS), mono),
        "network, phasor": _errors(phasor_lifetime(predicted, STEP_NS), phasor),
        "measured curve, phasor": _errors(measured, _apparent_lifetime(decays, LASER_MHZ)),
    }


def _apparent_lifetime(decays: Decays, frequency_mhz: float) -> PerCurve:
    """The true phase lifetime, (n,): of the two exponentials whole, neither cut nor sampled."""
    both = np.stack([decays.tau1, decays.tau2], axis=1).astype(np.float64)
    light = both * np.stack([decays.fraction, 1 - decays.fraction], axis=1)
    phasors = _phasorpy()
    real, imag = phasors.lifetime.phasor_from_lifetime(frequency_mhz, both, light)
    return np.asarray(phasors.lifetime.phasor_to_apparent_lifetime(real, imag, frequency_mhz)[0], np.float64)


def _phasorpy() -> Any:
    try:
        import phasorpy.lifetime
        import phasorpy.phasor
    except ImportError:
        raise BitsmithError(f"phasors need PhasorPy, and that Python 3.11 or later; {install_extra('fli')}") from None
    return phasorpy


def _errors(found: PerCurve, truth: PerCurve) -> dict[str, float]:
    defined = np.isfinite(found)
    if not defined.any():
        raise BitsmithError("no curve has a lifetime; were the predictions made for these decays?")
    error = (found - truth)[defined]
    rmse = float(np.sqrt(np.mean(error**2)))
    undefined = int(np.count_nonzero(~defined))
    return {"bias": float(error.mean()), "std": float(error.std()), "rmse": rmse, "undefined": undefined}


def _two(component: Callable[[Values], tuple[Any, Any]], parameters: Values) -> tuple[Any, Any]:
    """Two exponentials and their derivatives; parameters (n, 4) are amplitude, tau1, tau2 and the first's fraction."""
    amplitude, tau1, tau2, fraction = (column[:, None] for column in parameters.T)
    (short, short_slope), (long, long_slope) = component(tau1), component(tau2)
    mixed = fraction * short + (1 - fraction) * long
    slopes = (
        mixed,
        amplitude * fraction * short_slope,
        amplitude * (1 - fraction) * long_slope,
        amplitude * (short - long),
    )
    return amplitude * mixed, np.stack(slopes, axis=1)


def _biexponential(curves: Values, model: Model, limits: Values) -> Biexponential:
    """Fit from an amplitude of 1 and the middle of each other range."""
    start = np.array([1.0, *limits[1:].mean(axis=1)])
    found = least_squares(curves, model, start, limits)
    found[~_holds_decay(curves, found[:, 0])] = np.nan
    return Biexponential(tau1=found[:, 1], tau2=found[:, 2], fraction=found[:, 3])


def _holds_decay(curves: Values, amplitude: PerCurve) -> NDArray[np.bool_]:
    """Where there is anything positive to fit; an amplitude that falls to 0 need not arrive there."""
    return (amplitude > 0) & (curves.max(axis=1) > 0)


def _checked(curves: Curves, step_ns: float) -> Values:
    checked = np.asarray(curves, np.float64)
    if checked.ndim != 2 or checked.size == 0:
        raise BitsmithError(f"curves of shape {checked.shape}; give (n, samples)")
    if not step_ns > 0:
        raise BitsmithError(f"a step of {step_ns} ns; give the time between two samples")
    if not np.isfinite(checked).all():
        raise BitsmithError("a curve is not finite; leave its pixel out")
    return checked


def _checked_irf(irf: Curves, curves: Curves) -> Values:
    """The response (samples,) as floats that sum to 1."""
    response = np.asarray(irf, np.float64)
    if response.shape != curves.shape[1:] or not response.sum() > 0:
        raise BitsmithError(
            f"a response of shape {response.shape} and sum {response.sum():g} for curves of {curves.shape[1]} samples"
        )
    normalized: Values = response / response.sum()
    return normalized
