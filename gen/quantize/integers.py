"""Weights that are integers with a scale for each output, as Keras's ``model.quantize`` makes them.

``values`` are real numbers, integer times scale, and the quantizer finds the integers again: so the same values serve
ranges, float forms and the folding of a normalization, which only changes the scales. With a ``block`` there is a scale
for each output and as many inputs, the first axis of a kernel (inputs, outputs).
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray, IntArray
from .quantizers import Quantizer, parse_quantizer

NAME = "integers"


def integers(bits: int, scales: FloatArray, block: int | None = None) -> dict[str, Any]:
    """The quantizer, as a layer's attribute, of integers of ``bits`` bits and positive scales: (outputs,), or with a
    ``block`` (blocks, outputs)."""
    return {"class_name": NAME, "config": {"bits": bits, "scales": scales.tolist(), "block": block}}


def is_integers(attribute: Any) -> bool:
    """Whether a layer's attribute is such a quantizer."""
    return isinstance(attribute, dict) and attribute.get("class_name") == NAME


def rescaled(attribute: Any, factors: FloatArray, values: FloatArray, where: str) -> dict[str, Any]:
    """The quantizer of a kernel (inputs, outputs) that was multiplied by ``factors``, one for each output; ``values``
    is what it is now."""
    q = parse_quantizer(attribute, where)
    assert q is not None
    scales = _scales(q, values, where)
    return integers(int(q["bits"]), useful(scales * np.abs(factors), values, q["block"]), q["block"])


def useful(scales: FloatArray, values: FloatArray, block: int | None) -> FloatArray:
    """Scales of a kernel (inputs, outputs), in which those that scale nothing but zeros are the largest of the others.

    Keras makes the scale of weights that are all zero 1/127 of its epsilon, which would take many bits.
    """
    size = block or len(values)
    used = np.stack([values[i : i + size].any(axis=0) for i in range(0, len(values), size)]).reshape(scales.shape)
    return np.where(used, scales, scales[used].max() if used.any() else 1.0)


def integer_levels(q: Quantizer, values: FloatArray, where: str) -> tuple[IntArray, FloatArray]:
    """The integers of values, outputs last, and scales that broadcast to them; BitsmithError where they do not fit."""
    scales, block = _scales(q, values, where), q["block"]
    if block is not None:
        scales = np.repeat(scales, min(block, len(values)), axis=0)[: len(values)]
    raw = np.rint(values / scales)
    if np.abs(raw).max(initial=0) > 1 << (int(q["bits"]) - 1):
        raise BitsmithError(f"{where} holds values beyond {q['bits']} bits of its scales; save the model again")
    return raw.astype(np.int64), scales


def _scales(q: Quantizer, values: FloatArray, where: str) -> FloatArray:
    scales, block = np.asarray(q["scales"], dtype=np.float64), q["block"]
    wanted = (
        values.shape[-1:]
        if block is None
        else (ceil(len(values) / block) if values.ndim == 2 else 0, *values.shape[-1:])
    )
    if scales.shape != wanted or not values.size:
        raise BitsmithError(f"{where} has shape {values.shape} and {scales.shape} scales; save the model again")
    return scales
