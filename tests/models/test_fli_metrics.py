"""The four measures, each against its definition, an example by hand, or another program."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsmith.models.fli import metrics
from bitsmith.sim.errors import BitsmithError

Curves = NDArray[np.float64]


def pairs(count: int = 40, samples: int = 70) -> tuple[Curves, Curves]:
    rng = np.random.default_rng(2)
    return rng.uniform(-0.2, 1.2, (count, samples)), rng.uniform(0, 1, (count, samples))


def plain_dtw(first: Curves, second: Curves) -> float:
    """The textbook's table, one cell at a time."""
    table = {(0, 0): 0.0}
    for i, a in enumerate(first, 1):
        for j, b in enumerate(second, 1):
            before = min(table.get(cell, math.inf) for cell in ((i - 1, j), (i, j - 1), (i - 1, j - 1)))
            table[i, j] = abs(float(a) - float(b)) + before
    return table[len(first), len(second)]


def test_dtw_by_hand() -> None:
    """A step one sample late costs nothing; 0 1 2 against 0 2 2 costs the 1 that has no partner."""
    late = np.array([[0.0, 0, 0, 1, 1], [0, 0, 1, 1, 1]])
    np.testing.assert_array_equal(metrics.dtw(late[:1], late[1:]), [0])
    np.testing.assert_array_equal(metrics.dtw(np.array([[0.0, 1, 2]]), np.array([[0.0, 2, 2]])), [1])
    np.testing.assert_array_equal(metrics.dtw(np.array([[3.0]]), np.array([[1.0]])), [2])


def test_dtw_is_the_textbooks() -> None:
    predicted, target = pairs(6, 23)
    expected = [plain_dtw(a, b) for a, b in zip(predicted, target)]
    np.testing.assert_allclose(metrics.dtw(predicted, target), expected, rtol=1e-12)


def test_dtw_is_dtaidistances_with_absolute_cost() -> None:
    """Its default is the root of summed squares; the paper's cost is its inner distance "euclidean"."""
    other = pytest.importorskip("dtaidistance.dtw")
    predicted, target = pairs(20)
    ours = metrics.dtw(predicted, target)
    theirs = [other.distance(a, b, inner_dist="euclidean") for a, b in zip(predicted, target)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert abs(ours[0] - other.distance(predicted[0], target[0])) > 0.1


def test_the_other_three_by_hand() -> None:
    """Differences 3, 4, 0, 0; the target's own variance about its mean 3 is 4 + 0 + 0 + 4."""
    target = np.array([[1.0, 3, 3, 5]])
    predicted = target + np.array([[3.0, -4, 0, 0]])
    assert metrics.l2(predicted, target)[0] == 5
    assert metrics.rmse(predicted, target)[0] == 2.5
    assert metrics.r2(predicted, target)[0] == pytest.approx(1 - 25 / 8)


def test_l2_is_the_rmse_times_the_root_of_seventy() -> None:
    measured = metrics.evaluate(*pairs(), dtw_curves=1)
    assert measured.l2.mean / measured.rmse.mean == pytest.approx(math.sqrt(70))
    assert measured.l2.std / measured.rmse.std == pytest.approx(math.sqrt(70))


def test_mean_and_spread_are_over_the_pixels() -> None:
    """Two pixels, wrong by 1 and by 3 everywhere: 2 ± 1."""
    target = np.tile(np.linspace(0, 1, 70), (2, 1))
    measured = metrics.evaluate(target + np.array([[1.0], [3.0]]), target)
    assert [measured.rmse.mean, measured.rmse.std] == pytest.approx([2, 1])
    assert (measured.curves, measured.dtw_curves) == (2, 2)


def test_a_perfect_prediction() -> None:
    _, target = pairs()
    measured = metrics.evaluate(target, target)
    for spread, best in ((measured.rmse, 0), (measured.l2, 0), (measured.dtw, 0), (measured.r2, 1)):
        assert (spread.mean, spread.std) == (best, 0)


def test_dtw_may_be_limited_to_the_first_curves() -> None:
    predicted, target = pairs()
    measured = metrics.evaluate(predicted, target, dtw_curves=7)
    assert (measured.curves, measured.dtw_curves) == (40, 7)
    assert measured.dtw.mean == pytest.approx(metrics.dtw(predicted[:7], target[:7]).mean())
    assert metrics.evaluate(predicted, target, dtw_curves=1000).dtw_curves == 40


def test_single_precision_is_measured_in_double() -> None:
    predicted, target = (curves.astype(np.float32) for curves in pairs())
    exact = metrics.evaluate(predicted.astype(np.float64), target.astype(np.float64))
    assert metrics.evaluate(predicted, target) == exact


def test_json_holds_every_figure() -> None:
    measured = metrics.evaluate(*pairs())
    read = json.loads(json.dumps(measured.to_json()))
    assert read["r2"] == {"mean": measured.r2.mean, "std": measured.r2.std}
    assert set(read) == {"curves", "dtw_curves", "rmse", "r2", "l2", "dtw"}


def test_wrong_curves_are_one_line() -> None:
    predicted, target = pairs(3)
    flat, broken = target.copy(), predicted.copy()
    flat[1] = 0.5
    broken[2, 5] = np.nan
    for arguments, message in (
        ((predicted[:2], target), r"\(2, 70\) and \(3, 70\)"),
        ((predicted[0], target[0]), r"\(n, samples\)"),
        ((predicted[:0], target[:0]), r"\(0, 70\)"),
        ((broken, target), "not finite"),
        ((predicted, flat), "constant"),
        ((predicted, target, 0), "at least 1 curve"),
    ):
        with pytest.raises(BitsmithError, match=message) as error:
            metrics.evaluate(*arguments)
        assert "\n" not in str(error.value)
