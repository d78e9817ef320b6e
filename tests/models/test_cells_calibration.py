"""Confidence figures against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bitsmith.models.cells import calibration


def test_softmax_of_known_logits() -> None:
    logits = np.array([[0.0, np.log(3.0)], [1000.0, 1000.0]])
    np.testing.assert_allclose(calibration.softmax(logits), [[0.25, 0.75], [0.5, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(calibration.softmax(2 * logits[:1], 2.0), [[0.25, 0.75]], rtol=1e-15)


def test_errors_of_five_bins_by_hand() -> None:
    """Bins (0.4, 0.6], (0.6, 0.8], (0.8, 1]: gaps |1/2 - 0.55|, |1 - 0.7| and |1/2 - 0.9| at weights 2, 1, 2 of 5."""
    top = np.array([0.55, 0.55, 0.7, 0.9, 0.9])
    probabilities = np.stack([top, 1 - top], axis=1)
    labels = np.array([0, 1, 0, 0, 1])
    ece, mce = calibration.calibration_errors(probabilities, labels)
    assert ece == pytest.approx(0.4 * 0.05 + 0.2 * 0.3 + 0.4 * 0.4)
    assert mce == pytest.approx(0.4)


def test_a_confidence_on_a_bins_upper_edge_belongs_to_it() -> None:
    ece, mce = calibration.calibration_errors(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0, 0]))
    assert ece == pytest.approx(0.25)
    assert mce == pytest.approx(0.5)


def test_reject_curve_by_hand() -> None:
    top = np.array([0.5, 0.85, 0.9, 0.96])
    probabilities = np.stack([1 - top, top], axis=1)
    probabilities[0] = 0.5  # a tie: the first output wins
    curve = calibration.reject_curve(probabilities, np.array([0, 1, 0, 1]), (0.5, 0.85, 0.95, 0.99))
    assert [point["coverage"] for point in curve] == [1.0, 0.75, 0.25, 0.0]
    assert [point["accuracy"] for point in curve] == [0.75, pytest.approx(2 / 3), 1.0, None]


@pytest.mark.parametrize("true_temperature", [0.4, 1.0, 3.0])
def test_temperature_scaling_finds_the_temperature(true_temperature: float) -> None:
    """Labels drawn from softmax(z); the network says true_temperature * z. Then dividing by it is the cure."""
    rng = np.random.default_rng(17)
    logits = rng.normal(0.0, 1.5, (40000, 2))
    labels = (rng.random(40000) < calibration.softmax(logits)[:, 1]).astype(np.int64)
    found = calibration.fit_temperature(true_temperature * logits, labels)
    assert found == pytest.approx(true_temperature, rel=0.05)


def test_the_temperature_comes_from_validation_and_the_figures_from_test() -> None:
    rng = np.random.default_rng(23)
    validation = rng.normal(0.0, 2.0, (500, 2)), rng.integers(0, 2, 500)
    test = rng.normal(0.0, 2.0, (300, 2)), rng.integers(0, 2, 300)
    report = calibration.report(validation, test)
    assert report["temperature"] == calibration.fit_temperature(*validation)
    assert report["before"]["reject_curve"][0] == {
        "threshold": 0.5,
        "coverage": 1.0,
        "accuracy": float((test[0].argmax(axis=1) == test[1]).mean()),
    }
    scaled = calibration.softmax(test[0], report["temperature"])
    assert (report["after"]["ece"], report["after"]["mce"]) == calibration.calibration_errors(scaled, test[1])
