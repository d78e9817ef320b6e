"""Least squares for many curves at once: damped Gauss-Newton steps (Levenberg, Marquardt), parameters within limits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

Model = Callable[[Values], tuple[Values, Values]]
"""Parameters (n, p) to curves (n, samples) and their derivatives (n, p, samples)."""

STEPS = 200
"""At most so many steps; a fit ends when no parameter moves by more than TOLERANCE of its range."""
TOLERANCE = 1e-8
CHUNK = 512
"""Curves fitted together: few enough for the processor's cache."""


def least_squares(curves: Values, model: Model, start: Values, limits: Values) -> Values:
    """The parameters (n, p) within ``limits`` (p, 2) that bring a model nearest to curves (n, samples), from ``start``.

    A step that does not bring a curve nearer is refused and damped more; one that leaves the limits is cut there.
    """
    chunks = [curves[first : first + CHUNK] for first in range(0, len(curves), CHUNK)]
    return np.concatenate([_chunk(chunk, model, np.tile(start, (len(chunk), 1)), limits) for chunk in chunks])


def _chunk(curves: Values, model: Model, parameters: Values, limits: Values) -> Values:
    found, still = parameters.copy(), np.arange(len(curves))
    curve, slopes = model(parameters)
    error = curves - curve
    cost, damping = np.sum(error**2, axis=1), np.full(len(curves), 1e-3)
    smallest = TOLERANCE * (limits[:, 1] - limits[:, 0])
    for _ in range(STEPS):
        trial = np.clip(parameters + _step(parameters, error, slopes, damping, limits), *limits.T)
        settled = np.all(np.abs(trial - parameters) <= smallest, axis=1)
        curve, trial_slopes = model(trial)
        trial_error = curves - curve
        trial_cost = np.sum(trial_error**2, axis=1)
        better = trial_cost <= cost
        parameters = np.where(better[:, None], trial, parameters)
        error = np.where(better[:, None], trial_error, error)
        slopes = np.where(better[:, None, None], trial_slopes, slopes)
        damping = np.where(better, damping / 8, damping * 8)
        found[still] = parameters
        state = (still, curves, parameters, error, slopes, np.minimum(cost, trial_cost), damping)
        still, curves, parameters, error, slopes, cost, damping = (values[~settled] for values in state)
        if not len(still):
            break
    return found


def _step(parameters: Values, error: Values, slopes: Values, damping: Values, limits: Values) -> Values:
    """Marquardt's step: the normal equations with their diagonal enlarged."""
    gradient = np.einsum("nps,ns->np", slopes, error)
    low, high = limits.T
    # A parameter at its limit that would go further stays, and the others step as if it were a constant.
    held = ((parameters <= low) & (gradient < 0)) | ((parameters >= high) & (gradient > 0))
    slopes = np.where(held[..., None], 0.0, slopes)
    normal = slopes @ slopes.transpose(0, 2, 1)
    diagonal = np.einsum("npp->np", normal)
    diagonal *= 1 + damping[:, None]
    diagonal += 1e-12 * (1 + diagonal.max(axis=1, keepdims=True))
    step: Values = np.linalg.solve(normal, np.where(held, 0.0, gradient)[..., None])[..., 0]
    return step
