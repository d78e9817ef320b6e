"""The paper's four measures of a decay curve: RMSE, R², L2 norm, DTW distance; each per pixel, then mean and spread.

Erbas et al., section 4. Its tables agree with the plain L2 norm of 70 samples (√70 times the RMSE), not with a relative
one. The DTW cost is the absolute difference, and the path is free (no window).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError

Curves = NDArray[np.floating[Any]]
PerCurve = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over the pixels, as the paper's tables have them."""

    mean: float
    std: float


@dataclass(frozen=True)
class Metrics:
    """The four measures over ``curves`` pixels; the DTW distance over the first ``dtw_curves`` of them."""

    curves: int
    dtw_curves: int
    rmse: Spread
    r2: Spread
    l2: Spread
    dtw: Spread

    def to_json(self) -> dict[str, Any]:
        """Numbers and nested dicts, ready for ``json.dumps``."""
        return asdict(self)


def evaluate(predicted: Curves, target: Curves, dtw_curves: int | None = None) -> Metrics:
    """Measure predictions (n, samples) against their targets; ``dtw_curves`` limits the slow one, None takes all.

    BitsmithError for other shapes, no curves, numbers that are not finite, or a target without variance (no R²).
    """
    predicted, target = _checked(predicted, target)
    count = len(target) if dtw_curves is None else min(dtw_curves, len(target))
    if count < 1:
        raise BitsmithError(f"dtw_curves is {dtw_curves}; ask for at least 1 curve, or None for all")
    return Metrics(
        curves=len(target),
        dtw_curves=count,
        rmse=_spread(rmse(predicted, target)),
        r2=_spread(r2(predicted, target)),
        l2=_spread(l2(predicted, target)),
        dtw=_spread(dtw(predicted[:count], target[:count])),
    )


def rmse(predicted: Curves, target: Curves) -> PerCurve:
    """Root of the mean squared difference, (n,)."""
    return np.sqrt(np.mean((predicted - target) ** 2, axis=1))


def l2(predicted: Curves, target: Curves) -> PerCurve:
    """Euclidean norm of the difference, (n,)."""
    return np.linalg.norm(predicted - target, axis=1)


def r2(predicted: Curves, target: Curves) -> PerCurve:
    """1 minus squared difference over the target's squared difference from its own mean, (n,); 1 is best."""
    residual = np.sum((predicted - target) ** 2, axis=1)
    total: PerCurve = np.sum((target - target.mean(axis=1, keepdims=True)) ** 2, axis=1)
    return 1.0 - residual / total


def dtw(predicted: Curves, target: Curves) -> PerCurve:
    """Dynamic time warping: the least sum of absolute differences along a path through both curves, (n,).

    All curves at once, so the two loops run over the samples only; (n, samples) each.
    """
    # best[:, j]: cheapest path to the last sample of predicted[:, :i] and of target[:, :j].
    best = np.full((len(target), target.shape[1] + 1), np.inf)
    best[:, 0] = 0.0
    for sample in range(predicted.shape[1]):
        cost = np.abs(predicted[:, sample, None] - target)
        here = np.minimum(best[:, :-1], best[:, 1:])
        best[:, 0] = np.inf
        for j in range(target.shape[1]):
            best[:, j + 1] = cost[:, j] + np.minimum(here[:, j], best[:, j])
    return best[:, -1]


def _spread(values: PerCurve) -> Spread:
    return Spread(float(values.mean()), float(values.std()))


def _checked(predicted: Curves, target: Curves) -> tuple[PerCurve, PerCurve]:
    predicted, target = (np.asarray(curves, np.float64) for curves in (predicted, target))
    if predicted.shape != target.shape or target.ndim != 2 or target.size == 0:
        raise BitsmithError(f"curves of shape {predicted.shape} and {target.shape}; both must be the same (n, samples)")
    if not (np.isfinite(predicted).all() and np.isfinite(target).all()):
        raise BitsmithError("the curves hold numbers that are not finite; look for them in the network's output")
    if not np.ptp(target, axis=1).all():
        raise BitsmithError("a target curve is constant, so it has no R²; leave it out")
    return predicted, target
