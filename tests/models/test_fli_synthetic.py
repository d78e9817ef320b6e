"""The synthetic decays: the recipe's ranges, the convolution against brute force, the photons' noise, the seeds."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from bitsmith.models.fli import irf, synthetic
from bitsmith.models.fli.synthetic import SAMPLES, STEP_NS, TIMES, Decays
from bitsmith.sim.errors import BitsmithError

FINE = np.arange(0.0, 7.0, 0.001)
"""A grid a hundred times finer than the samples, for the brute force."""


def responses(count: int) -> irf.Responses:
    return irf.draw_responses(count, np.random.RandomState(3))


def fields(decays: Decays) -> list[bytes]:
    return [np.asarray(value).tobytes() for value in vars(decays).values()]


def test_a_response_is_a_gaussian_with_a_tail() -> None:
    """Area 1, mean delay + tail, variance sigma² + tail²: the moments of a sum of two independent variables."""
    drawn = responses(50)
    density = drawn.sampled(FINE) * 0.001
    mean = (density * FINE).sum(axis=1)
    variance = (density * (FINE - mean[:, None]) ** 2).sum(axis=1)
    np.testing.assert_allclose(density.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(mean, drawn.delay + drawn.tail, atol=1e-5)
    np.testing.assert_allclose(variance, drawn.sigma**2 + drawn.tail**2, rtol=1e-3)


def test_responses_differ_as_a_real_instruments_do() -> None:
    drawn = responses(500)
    density = drawn.sampled(FINE)
    width = (density > density.max(axis=1, keepdims=True) / 2).sum(axis=1) * 0.001
    assert 0.15 < width.min() < 0.25 < 0.4 < width.max() < 0.5
    assert abs(drawn.delay.std() / irf.JITTER_NS - 1) < 0.1
    assert drawn.tail.max() < synthetic.TAU1_NS[0]


@pytest.mark.parametrize("tau", [0.2, 0.8, 1.5])
def test_the_convolution_is_the_integral(tau: float) -> None:
    """Against the trapezoidal rule on the fine grid, up to that rule's own error."""
    drawn = responses(5)
    decay = np.exp(-FINE / tau)
    decay[0] /= 2
    exact = irf.convolved(np.full(5, tau), TIMES, drawn)
    for density, curve in zip(drawn.sampled(FINE), exact):
        np.testing.assert_allclose(np.convolve(density, decay)[: len(FINE) : 100] * 0.001, curve, atol=2e-5)


def test_the_density_survives_extreme_arguments() -> None:
    """Far from the pulse, and with a tail much shorter than the Gaussian: finite, never negative, no warning."""
    time = np.array([-100.0, -5.0, 0.0, 5.0, 1000.0])
    for tail in (0.001, 0.1, 5.0):
        density = irf.emg(time, np.array(0.1), np.array(tail))
        assert np.isfinite(density).all()
        assert (density >= 0).all()
        assert density[0] == density[1] == 0


def test_the_mean_response_is_normalized_and_broader_than_one_pixels() -> None:
    mean = irf.mean_response(TIMES)
    assert mean.shape == (SAMPLES,)
    assert mean.sum() == pytest.approx(1)
    assert (mean * TIMES).sum() == pytest.approx(irf.DELAY_NS + np.mean(irf.TAIL_NS), abs=0.005)


def test_inputs_are_scaled_and_targets_are_the_clean_decays() -> None:
    decays = synthetic.make_curves(300, 7)
    assert decays.tpsf.shape == decays.sfd.shape == (300, SAMPLES)
    assert decays.tpsf.dtype == decays.sfd.dtype == np.float32
    assert (decays.tpsf.max(axis=1) == 1).all()
    assert decays.tpsf.min() == 0
    for k in (0, 17, 299):
        a, tau1, tau2 = (float(value[k]) for value in (decays.fraction, decays.tau1, decays.tau2))
        times = [STEP_NS * sample for sample in range(SAMPLES)]
        expected = [a * np.exp(-t / tau1) + (1 - a) * np.exp(-t / tau2) for t in times]
        np.testing.assert_allclose(decays.sfd[k], expected, atol=1e-6)
    assert (decays.sfd[:, 0] == 1).all()
    assert decays.sfd[:, -1].max() < 0.0101  # the record is long enough: exp(−6.9/1.5)


def test_parameters_fill_their_ranges_evenly() -> None:
    decays = synthetic.make_curves(4000, 8)
    log_photons = np.log(decays.photons)
    for values, (low, high) in (
        (decays.tau1, synthetic.TAU1_NS),
        (decays.tau2, synthetic.TAU2_NS),
        (decays.fraction, synthetic.FRACTION),
        (log_photons, np.log(synthetic.PHOTONS)),
    ):
        share = (values - low) / (high - low)
        assert share.min() >= -1e-6
        assert share.max() <= 1 + 1e-6
        # Each tenth holds 400 of 4,000, standard deviation 19.
        counts, _ = np.histogram(share, 10, (0, 1))
        assert abs(counts - 400).max() < 90


def test_the_noise_is_poissons() -> None:
    """Undo the scaling where a sample held a single photon: whole counts, whose total has the variance of its mean."""
    decays = synthetic.mono_exponential(3000, 9)
    dim = decays.photons < 3000
    tpsf = decays.tpsf[dim].astype(np.float64)
    largest = np.rint(1 / np.where(tpsf > 0, tpsf, 1).min(axis=1))
    counts = tpsf * largest[:, None]
    assert abs(counts - np.rint(counts)).max() < 1e-3
    score = (counts.sum(axis=1) - decays.photons[dim]) / np.sqrt(decays.photons[dim])
    assert len(score) > 1000
    assert abs(score.mean()) < 0.1
    assert score.var() == pytest.approx(1, abs=0.15)


def test_the_same_seed_makes_the_same_curves() -> None:
    pytest.importorskip("sklearn")
    assert fields(synthetic.make_images(2, 5)) == fields(synthetic.make_images(2, 5))
    assert fields(synthetic.make_curves(20, 5)) == fields(synthetic.make_curves(20, 5))
    assert fields(synthetic.make_curves(20, 5)) != fields(synthetic.make_curves(20, 6))


def test_more_images_leave_the_first_as_they_are() -> None:
    pytest.importorskip("sklearn")
    one, three = synthetic.make_images(1, 5), synthetic.make_images(3, 5)
    np.testing.assert_array_equal(one.tpsf, three.tpsf[: len(one)])
    assert set(three.image.tolist()) == {0, 1, 2}
    assert set(three.image[: len(one)].tolist()) == {0}


def test_no_set_shares_a_curve() -> None:
    pytest.importorskip("sklearn")
    sets = [
        synthetic.train_set(20),
        synthetic.validation_set(20),
        synthetic.test_set(20),
        synthetic.mono_test_set(500),
        *(synthetic.make_curves(500, seed) for seed in (1, 2, 3, 4)),
    ]
    curves = [curve.tobytes() for decays in sets for curve in decays.tpsf]
    assert len(set(curves)) == len(curves)


def test_no_two_random_streams_are_equal() -> None:
    """numpy pads a seed with zeros, so [1, 0] and [1, 0, 0] would be one stream."""
    triples = [(kind, seed, index) for kind in range(3) for seed in range(5) for index in range(5)]
    assert len({synthetic._stream(*triple).bytes(8) for triple in triples}) == len(triples)


def test_images_are_smooth_maps_under_a_mask() -> None:
    pytest.importorskip("sklearn")
    decays = synthetic.make_images(12, 6)
    assert 100 < len(decays) / 12 < 28 * 28 * 0.7
    for image in range(12):
        chosen = decays.image == image
        places = set(zip(decays.row[chosen].tolist(), decays.column[chosen].tolist()))
        assert len(places) == chosen.sum()
        assert min(min(place) for place in places) >= 0
        assert max(max(place) for place in places) < synthetic.SIZE
    beside = (np.diff(decays.column) == 1) & (np.diff(decays.row) == 0) & (np.diff(decays.image) == 0)
    steps = np.abs(np.diff(decays.tau2))[beside] / (synthetic.TAU2_NS[1] - synthetic.TAU2_NS[0])
    assert 0 < steps.mean() < 0.1  # independent pixels: 1/3


def test_the_images_parameters_fill_their_ranges_too() -> None:
    """Folded into the range, not clipped: no pixel sits on a limit, and a tenth at either end holds about a tenth."""
    pytest.importorskip("sklearn")
    decays = synthetic.make_images(200, 6)
    for values, (low, high) in ((decays.tau1, synthetic.TAU1_NS), (decays.fraction, synthetic.FRACTION)):
        share = (values - low) / (high - low)
        assert np.count_nonzero((share == 0) | (share == 1)) == 0
        # 200 smooth maps, so about ±2 % each.
        assert [(share < 0.1).mean(), (share > 0.9).mean()] == pytest.approx([0.1, 0.1], abs=0.06)


def test_the_single_lifetime_is_single() -> None:
    decays = synthetic.mono_test_set(50)
    np.testing.assert_allclose(decays.sfd, np.tile(np.exp(-TIMES), (50, 1)), atol=1e-6)
    assert (decays.tau1 == 1).all()
    assert (decays.tau2 == 1).all()
    assert len({curve.tobytes() for curve in decays.tpsf}) == 50


def test_wrong_requests_are_one_line() -> None:
    calls: list[tuple[Callable[[], Decays], str]] = [
        (lambda: synthetic.make_images(0, 1), "0 images"),
        (lambda: synthetic.make_curves(-1, 1), "-1 curves"),
        (lambda: synthetic.mono_exponential(0, 1), "0 curves"),
        (lambda: synthetic.mono_exponential(5, 1, tau=0.1), "0.2 to 1.5 ns"),
    ]
    for call, message in calls:
        with pytest.raises(BitsmithError, match=message) as error:
            call()
        assert "\n" not in str(error.value)


def test_masks_without_scikit_learn_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(BitsmithError, match=r"scikit-learn; in Bitsmith's own folder: pip install '\.\[fli\]'"):
        synthetic.make_images(1, 1)


def test_the_curves_for_proofs() -> None:
    curves = synthetic.proof_curves()
    assert curves.shape == (200, SAMPLES, 1)
    assert curves.min() >= 0
    assert curves.max() <= 1
    np.testing.assert_array_equal(curves, synthetic.proof_curves())
