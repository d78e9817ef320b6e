"""What a trained deconvolver reaches on the synthetic test sets."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from . import lifetimes as fits
from . import network
from .metrics import evaluate
from .quantization import PRECISIONS
from .quantization import post_training as rounded
from .synthetic import Decays

Sets = dict[str, Decays]
LIFETIME_CURVES = 200


def metrics(model: Any, sets: Sets) -> dict[str, Any]:
    """RMSE, R², L2 norm and DTW distance on each set, mean and standard deviation over the pixels."""
    return {name: evaluate(network.predict(model, s.tpsf), s.sfd).to_json() for name, s in sets.items()}


def post_training(model: Any, sets: Sets) -> dict[str, Any]:
    """The metrics of a float network with its weights rounded after training, by width; the model is left as it was."""
    weights, found = model.get_weights(), {}
    for bits in PRECISIONS:
        model.set_weights(rounded(weights, bits))
        found[str(bits)] = metrics(model, sets)
    model.set_weights(weights)
    return found


def lifetimes(file: Path, test: Decays, mono: Decays, curves: int = LIFETIME_CURVES) -> dict[str, Any]:
    """Errors of the lifetimes in ns, network against the conventional fit, on the first ``curves`` of each set."""
    model = network.load(file)
    return {
        name: fits.compare(part, network.predict(model, part.tpsf))
        for name, part in (("test", _first(test, curves)), ("mono", _first(mono, curves)))
    }


def _first(decays: Decays, count: int) -> Decays:
    return Decays(*(getattr(decays, field.name)[:count] for field in fields(decays)))
