"""Weights that are integers with a scale for each output, as Keras's ``model.quantize`` makes them.

``values`` are real numbers, integer times scale, and the quantizer finds the integers again: so the same values serve
ranges, float forms and the folding of a normalization, which only changes the scales.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray, IntArray
from .quantizers import Quantizer, parse_quantizer

NAME = "integers"


def integers(bits: int, scales: FloatArray) -> dict[str, Any]:
    """The quantizer, as a layer's attribute, of integers of ``bits`` bits and a positive scale for each output."""
    return {"class_name": NAME, "config": {"bits": bits, "scales": [float(scale) for scale in scales]}}


def is_integers(attribute: Any) -> bool:
    """Whether a layer's attribute is such a quantizer."""
    return isinstance(attribute, dict) and attribute.get("class_name") == NAME


def rescaled(attribute: Any, factors: FloatArray, used: Any, where: str) -> dict[str, Any]:
    """The quantizer of the values times ``factors``, one for each output; ``used`` says which outputs have a value."""
    q = parse_quantizer(attribute, where)
    scales = np.asarray([] if q is None else q["scales"], dtype=np.float64).reshape(-1)
    if q is None or scales.shape != factors.shape:
        raise BitsmithError(f"{where} has {len(scales)} scales for {len(factors)} outputs; save the model again")
    return integers(int(q["bits"]), useful(scales * np.abs(factors), used))


def useful(scales: FloatArray, used: Any) -> FloatArray:
    """Scales in which those of outputs without a value are the largest of the others.

    Keras gives an output whose weights are zero a scale of 1/127 of its epsilon, which would take many bits.
    """
    return np.where(used, scales, scales[used].max() if np.any(used) else 1.0)


def integer_levels(q: Quantizer, values: FloatArray, where: str) -> tuple[IntArray, FloatArray]:
    """The integers of values, outputs last, and the scales; BitsmithError where they do not fit each other."""
    scales, limit = np.asarray(q["scales"], dtype=np.float64).reshape(-1), 1 << (int(q["bits"]) - 1)
    if values.ndim == 0 or values.shape[-1] != len(scales):
        raise BitsmithError(f"{where} has shape {values.shape} and {len(scales)} scales; save the model again")
    raw = np.rint(values / scales)
    if np.abs(raw).max(initial=0) > limit:
        raise BitsmithError(f"{where} holds values beyond {q['bits']} bits of its scales; save the model again")
    return raw.astype(np.int64), scales
