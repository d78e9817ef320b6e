"""How far a network's confidence can be trusted: temperature scaling, ECE and MCE, and the reject curve (numpy only).

Guo et al., "On calibration of modern neural networks" (2017); five bins as in the paper's supplement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
THRESHOLDS = (0.50, 0.85, 0.95)


def softmax(logits: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Probabilities (n, classes) of the logits divided by the temperature."""
    scaled = np.asarray(logits, np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities: FloatArray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities


def negative_log_likelihood(logits: FloatArray, labels: NDArray[np.int64], temperature: float = 1.0) -> float:
    """Mean of -log p(label)."""
    chosen = softmax(logits, temperature)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-300)).mean())


def fit_temperature(logits: FloatArray, labels: NDArray[np.int64]) -> float:
    """The temperature of least negative log likelihood, by golden section on log T in [1/20, 20].

    The likelihood is convex in 1/T, so it has one minimum in T. Fit it on the validation set, never on the test set.
    """
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    low, high = -np.log(20.0), np.log(20.0)
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if negative_log_likelihood(logits, labels, np.exp(left)) < negative_log_likelihood(
            logits, labels, np.exp(right)
        ):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2.0))


def calibration_errors(probabilities: FloatArray, labels: NDArray[np.int64], bins: int = 5) -> tuple[float, float]:
    """(ECE, MCE): mean, weighted by count, and largest |accuracy - confidence| over equal bins of confidence (0, 1]."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps, weights = [], []
    for bin_index in range(bins):
        inside = index == bin_index
        if inside.any():
            gaps.append(abs(float(correct[inside].mean()) - float(confidence[inside].mean())))
            weights.append(float(inside.mean()))
    return float(np.dot(gaps, weights)), max(gaps, default=0.0)


def reject_curve(
    probabilities: FloatArray, labels: NDArray[np.int64], thresholds: tuple[float, ...] = THRESHOLDS
) -> list[dict[str, float | None]]:
    """For each threshold: coverage (share that is kept) and accuracy among what is kept (None where nothing is)."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    curve: list[dict[str, float | None]] = []
    for threshold in thresholds:
        kept = confidence >= threshold
        accuracy = float(correct[kept].mean()) if kept.any() else None
        curve.append({"threshold": threshold, "coverage": float(kept.mean()), "accuracy": accuracy})
    return curve


def logit_threshold(confidence: float, temperature: float) -> float:
    """The largest logit that a calibrated confidence asks for where two logits sum to zero: (T/2) ln(p / (1 - p))."""
    return temperature / 2.0 * float(np.log(confidence / (1.0 - confidence)))


def report(
    validation: tuple[FloatArray, NDArray[np.int64]], test: tuple[FloatArray, NDArray[np.int64]]
) -> dict[str, Any]:
    """Calibration figures of one network, measured on the test set; the temperature comes from the validation set."""
    temperature = fit_temperature(*validation)
    logits, labels = test
    out: dict[str, Any] = {"temperature": temperature}
    for name, value in (("before", 1.0), ("after", temperature)):
        probabilities = softmax(logits, value)
        ece, mce = calibration_errors(probabilities, labels)
        out[name] = {"ece": ece, "mce": mce, "reject_curve": reject_curve(probabilities, labels)}
    return out
