"""Lifetimes from curves whose lifetimes are known."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsmith.models.fli import irf, lifetimes, synthetic
from bitsmith.models.fli.least_squares import least_squares
from bitsmith.models.fli.synthetic import STEP_NS, TIMES
from bitsmith.sim.errors import BitsmithError

Values = NDArray[np.float64]

TAU: Values = np.linspace(0.2, 1.5, 40)


def mono(tau: Values = TAU) -> Values:
    return np.exp(-TIMES / tau[:, None])


def clean(count: int = 200) -> tuple[Values, Values, Values, Values]:
    """Lifetimes well apart, so that both can be found again, and their curves."""
    rng = np.random.default_rng(4)
    tau1, tau2, fraction = rng.uniform(0.2, 0.6, count), rng.uniform(1.0, 1.5, count), rng.uniform(0.2, 0.8, count)
    return tau1, tau2, fraction, synthetic.decay(tau1, tau2, fraction)


def one_instrument(count: int, delay: float) -> irf.Responses:
    return irf.Responses(*(np.full(count, value) for value in (0.1, 0.12, delay)))


def measured(delay: float = 0.6) -> tuple[Values, Values, Values, Values]:
    """The same curves without noise as an instrument sees them, each divided by its maximum."""
    tau1, tau2, fraction, _ = clean()
    seen = one_instrument(len(tau1), delay)
    curves = fraction[:, None] * irf.convolved(tau1, TIMES, seen)
    curves += (1 - fraction)[:, None] * irf.convolved(tau2, TIMES, seen)
    return tau1, tau2, fraction, curves / curves.max(axis=1, keepdims=True)


def response() -> Values:
    sampled: Values = one_instrument(1, 0.6).sampled(TIMES)[0]
    return sampled


@pytest.mark.parametrize("amplitude", [0.3, 1.0, 4.0])
def test_one_exponential_is_found(amplitude: float) -> None:
    np.testing.assert_allclose(lifetimes.fit_mono(amplitude * mono(), STEP_NS), TAU, rtol=1e-6)


def test_the_step_scales_the_lifetime() -> None:
    np.testing.assert_allclose(lifetimes.fit_mono(mono(), 3 * STEP_NS), 3 * TAU, rtol=1e-6)
    pytest.importorskip("phasorpy")
    np.testing.assert_allclose(lifetimes.phasor_lifetime(mono(), 3 * STEP_NS), 3 * TAU, rtol=1e-6)


def test_the_fit_is_the_nearest_curve() -> None:
    """With noise no lifetime on a fine grid comes nearer, at its own best amplitude."""
    rng = np.random.default_rng(5)
    noisy = mono()[20:23] + rng.normal(0, 0.05, (3, len(TIMES)))
    grid = np.linspace(0.3, 3, 20001)
    shapes = np.exp(-TIMES / grid[:, None])
    nearness = (noisy @ shapes.T) ** 2 / (shapes**2).sum(axis=1)
    np.testing.assert_allclose(lifetimes.fit_mono(noisy, STEP_NS), grid[nearness.argmax(axis=1)], atol=2e-4)


def test_two_exponentials_are_found() -> None:
    tau1, tau2, fraction, curves = clean()
    found = lifetimes.fit_bi(2 * curves, STEP_NS)
    np.testing.assert_allclose(found.tau1, tau1, atol=1e-5)
    np.testing.assert_allclose(found.tau2, tau2, atol=1e-5)
    np.testing.assert_allclose(found.fraction, fraction, atol=1e-5)
    np.testing.assert_allclose(found.mean, fraction * tau1 + (1 - fraction) * tau2, atol=1e-5)


def test_limits_hold() -> None:
    """A single lifetime at the second one's upper limit and beyond: the fit stays inside, and its mean at the limit."""
    found = lifetimes.fit_bi(mono(np.array([1.5, 2.0])), STEP_NS)
    assert (found.tau2 <= 1.5).all()
    assert (found.tau1 >= 0.2).all()
    np.testing.assert_allclose(found.mean, 1.5, atol=1e-3)
    assert lifetimes.fit_bi(mono(np.array([2.0])), STEP_NS, tau2_ns=(0.8, 3.0)).mean[0] == pytest.approx(2, abs=1e-3)


def test_a_parameter_at_its_limit_does_not_stop_the_others() -> None:
    """a + b·t to the points of 3 + 2t with b at most 1: the best a is 3 plus the mean of t, by hand."""
    t = np.arange(5.0)

    def line(parameters: Values) -> tuple[Values, Values]:
        return parameters[:, :1] + parameters[:, 1:] * t, np.tile(np.stack([np.ones(5), t]), (len(parameters), 1, 1))

    limits = np.array([(0.0, 100.0), (0.0, 1.0)])
    found = least_squares((3 + 2 * t)[None], line, np.array([1.0, 0.5]), limits)
    np.testing.assert_allclose(found, [[5, 1]], atol=1e-6)


@pytest.mark.parametrize("delay", [0.6, 0.57, 0.68])
def test_reconvolution_undoes_the_instrument(delay: float) -> None:
    """Also where the pixel's response comes earlier or later than the one that was recorded."""
    tau1, tau2, fraction, curves = measured(delay)
    found = lifetimes.reconvolution_fit(curves, 3 * response(), STEP_NS)
    np.testing.assert_allclose(found.mean, fraction * tau1 + (1 - fraction) * tau2, atol=1e-3)
    np.testing.assert_allclose(found.tau1, tau1, atol=5e-3)
    np.testing.assert_allclose(found.fraction, fraction, atol=1e-2)


def test_reconvolution_with_one_exponential() -> None:
    curves = irf.convolved(TAU, TIMES, one_instrument(len(TAU), 0.63))
    np.testing.assert_allclose(lifetimes.reconvolution_mono(curves, response(), STEP_NS), TAU, atol=1e-4)


def test_phasors_of_whole_single_decays_are_exact() -> None:
    pytest.importorskip("phasorpy")
    np.testing.assert_allclose(lifetimes.phasor_lifetime(mono(), STEP_NS), TAU, rtol=1e-9)
    # At another frequency the tail that is cut at 7 ns matters: little where it has decayed.
    short = TAU < 0.6
    np.testing.assert_allclose(lifetimes.phasor_lifetime(mono(), STEP_NS, 80.0)[short], TAU[short], rtol=1e-4)


def test_a_response_calibrates_the_phasor() -> None:
    pytest.importorskip("phasorpy")
    curves = irf.convolved(TAU, TIMES, one_instrument(len(TAU), 0.6))
    np.testing.assert_allclose(lifetimes.phasor_lifetime(curves, STEP_NS, 80.0, response()), TAU, atol=1e-3)
    assert abs(lifetimes.phasor_lifetime(curves, STEP_NS, 80.0) - TAU).min() > 0.3


def test_what_is_no_decay_has_no_lifetime() -> None:
    """Nothing, something negative, and for the phase a rising curve: NaN, without a warning."""
    curves = np.stack([np.zeros(len(TIMES)), -mono()[20], mono()[20]])
    for found in (lifetimes.fit_mono(curves, STEP_NS), lifetimes.fit_bi(curves, STEP_NS).mean):
        np.testing.assert_array_equal(np.isnan(found), [True, True, False])
    pytest.importorskip("phasorpy")
    rising = np.stack([np.zeros(len(TIMES)), mono()[20][::-1]])
    assert np.isnan(lifetimes.phasor_lifetime(rising, STEP_NS)).all()


def test_the_truth_has_no_error() -> None:
    pytest.importorskip("phasorpy")
    decays = synthetic.make_curves(300, 11)
    errors = lifetimes.compare(decays, decays.sfd)
    for method in ("network, mean lifetime", "network, one exponential", "network, phasor"):
        assert errors[method]["rmse"] < 1e-3
        assert errors[method]["undefined"] == 0
    # The conventional ways see the noise: worse than the truth, better than always guessing the middle.
    guess = np.std(lifetimes.mean_lifetime(decays.tau1, decays.tau2, decays.fraction))
    for method in ("reconvolution, mean lifetime", "reconvolution, one exponential", "measured curve, phasor"):
        assert 0.01 < errors[method]["rmse"] < guess


def test_errors_are_bias_and_spread() -> None:
    """Every lifetime 10 % too long, and one curve without any."""
    pytest.importorskip("phasorpy")
    decays = synthetic.mono_exponential(50, 12)
    predicted: Values = np.tile(np.exp(-TIMES / 1.1), (50, 1))
    predicted[7] = 0
    for method in ("network, mean lifetime", "network, one exponential", "network, phasor"):
        errors = lifetimes.compare(decays, predicted)[method]
        assert errors["bias"] == pytest.approx(0.1, abs=1e-4)
        assert errors["std"] == pytest.approx(0, abs=1e-4)
        assert errors["undefined"] == 1


def test_the_apparent_truth_is_the_clean_curves() -> None:
    """Known without PhasorPy: phasors add with the weight of their light, the phase gives the lifetime."""
    pytest.importorskip("phasorpy")
    decays = synthetic.make_curves(20, 13)
    omega = 2 * np.pi * 0.08
    tau = np.stack([decays.tau1, decays.tau2], axis=1).astype(np.float64)
    light = tau * np.stack([decays.fraction, 1 - decays.fraction], axis=1)
    phasor = (light / (1 - 1j * omega * tau)).sum(axis=1) / light.sum(axis=1)
    expected = phasor.imag / phasor.real / omega
    np.testing.assert_allclose(lifetimes._apparent_lifetime(decays, 80.0), expected, rtol=1e-6)


def test_wrong_requests_are_one_line() -> None:
    pytest.importorskip("phasorpy")
    curves, decays = mono(), synthetic.make_curves(3, 1)
    holed = curves.copy()
    holed[0, 3] = np.inf
    calls: list[tuple[Any, str]] = [
        (lambda: lifetimes.fit_mono(curves[0], STEP_NS), r"\(70,\)"),
        (lambda: lifetimes.fit_mono(curves[:0], STEP_NS), r"\(0, 70\)"),
        (lambda: lifetimes.fit_bi(curves, 0.0), "step of 0.0 ns"),
        (lambda: lifetimes.fit_bi(holed, STEP_NS), "not finite"),
        (lambda: lifetimes.reconvolution_fit(curves, np.ones(69), STEP_NS), r"\(69,\)"),
        (lambda: lifetimes.reconvolution_fit(curves, np.zeros(70), STEP_NS), "sum 0"),
        (lambda: lifetimes.phasor_lifetime(curves, STEP_NS, 6000.0), "cannot be seen"),
        (lambda: lifetimes.phasor_lifetime(curves, STEP_NS, 80.0, np.ones(3)), r"\(3,\)"),
        (lambda: lifetimes.compare(decays, decays.sfd[:2]), r"\(2, 70\)"),
        (lambda: lifetimes.compare(decays, 0 * decays.sfd), "no curve has a lifetime"),
    ]
    for call, message in calls:
        with pytest.raises(BitsmithError, match=message) as error:
            call()
        assert "\n" not in str(error.value)


def test_phasors_without_phasorpy_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phasorpy", None)
    monkeypatch.setitem(sys.modules, "phasorpy.lifetime", None)
    with pytest.raises(BitsmithError, match=r"PhasorPy.*pip install '\.\[fli\]'"):
        lifetimes.phasor_lifetime(mono(), STEP_NS)
