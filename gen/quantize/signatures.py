"""The parameters of QKeras's quantizers: those of 0.9.0, and those that its master and QKeras V3 have besides."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ..classes import short

_TRAINING = {"qnoise_factor": 1.0, "var_name": None, "use_ste": True, "use_variables": False}
_PO2 = {"use_stochastic_rounding": False, "quadratic_approximation": False, "log2_rounding": "rnd", **_TRAINING}
_LIMITS = {"elements_per_scale": None, "min_po2_exponent": None, "max_po2_exponent": None}

SIGNATURES: dict[str, dict[str, Any]] = {
    "quantized_bits": {
        "bits": 8,
        "integer": 0,
        "symmetric": 0,
        "keep_negative": True,
        "alpha": None,
        "use_stochastic_rounding": False,
        "scale_axis": None,
        **_TRAINING,
        **_LIMITS,
        "post_training_scale": None,
    },
    "quantized_linear": {
        "bits": 8,
        "integer": 0,
        "symmetric": 1,
        "keep_negative": True,
        "alpha": None,
        "use_stochastic_rounding": False,
        "scale_axis": None,
        "qnoise_factor": 1.0,
        "var_name": None,
        "use_variables": False,
    },
    "quantized_relu": {
        "bits": 8,
        "integer": 0,
        "use_sigmoid": 0,
        "negative_slope": 0.0,
        "use_stochastic_rounding": False,
        "relu_upper_bound": None,
        "is_quantized_clip": True,
        **_TRAINING,
        "enable_fast_inference": False,
    },
    "quantized_tanh": {"bits": 8, "use_stochastic_rounding": False, "symmetric": False, "use_real_tanh": False},
    "quantized_sigmoid": {"bits": 8, "symmetric": False, "use_real_sigmoid": False, "use_stochastic_rounding": False},
    "quantized_po2": {"bits": 8, "max_value": None, **_PO2},
    "quantized_relu_po2": {"bits": 8, "max_value": None, "negative_slope": 0, **_PO2},
    "binary": {"use_01": False, "alpha": None, "use_stochastic_rounding": False, "scale_axis": None, **_LIMITS},
    "ternary": {"alpha": None, "threshold": None, "use_stochastic_rounding": False, "number_of_unrolls": 5},
    "Quant": {"bits": 8, "signed": True, "narrow": False, "rounding_mode": "ROUND", "scale": 1.0},
    "Trunc": {
        "bits": 8,
        "signed": True,
        "narrow": False,
        "rounding_mode": "FLOOR",
        "scale": 1.0,
        "shift": 0,
        "clipped": True,
    },
    "exact": {},
    "integers": {"bits": 8, "scales": None, "block": None},
}
"""Parameters in positional order with their defaults. The last four are no quantizers of QKeras, see ``quant.py`` and
``integers.py``."""
NOT_QKERAS = ("Quant", "Trunc", "exact", "integers")

NOT_SAVED = {
    "quantized_bits": ("scale_axis", *_LIMITS),
    "quantized_linear": ("scale_axis",),
    "quantized_relu": ("is_quantized_clip", "enable_fast_inference"),
    "binary": ("scale_axis", *_LIMITS),
}
"""What changes the integers and is missing in ``get_config``, so in every file. A model in memory is asked for it.

A file's quantizer is read as qkeras reads it, with None for each; a relu_upper_bound is a sign that is_quantized_clip
was False, so that it cannot be known. Also missing, but of training only: var_name, use_ste and use_variables.
"""
RECENT = "post_training_scale"
"""A parameter that quantized_bits writes since 0.9.0 and never before: a file that has it is of a later QKeras."""
SCALING = ("scale_axis", *_LIMITS, RECENT, "scales", "block")
"""What ``check_scaling`` judges."""


def check_scaling(name: str, values: dict[str, Any], where: str) -> None:
    """BitsmithError for parameters of scales that make no sense, or that QKeras itself refuses."""
    axis, group = values.get("scale_axis"), values.get("elements_per_scale")
    _check(axis is None or _are_whole(axis, 0, 7), "scale_axis", axis, name, where, "an axis, a list of axes, None")
    _check(group is None or _are_whole(group, 1, 1 << 24), "elements_per_scale", group, name, where, "whole numbers")
    for key in ("min_po2_exponent", "max_po2_exponent"):
        value = values.get(key)
        _check(value is None or _is_whole(value, -126, 127), key, value, name, where, "whole numbers from -126 to 127")
    if name == "integers":
        shown = values["scales"]
        _check(post_training_scale(shown) is not None, "scales", shown, name, where, "numbers above 0")
        size = values["block"]
        _check(size is None or (type(size) is int and size > 0), "block", size, name, where, "a whole number, None")
    kept = values.get(RECENT)
    _check(kept is None or post_training_scale(kept) is not None, RECENT, kept, name, where, "numbers above 0, None")
    for keys, alphas in (((*_LIMITS,), ("auto_po2",)), ((RECENT,), ("auto", "auto_po2"))):
        given = [key for key in keys if values.get(key) is not None]
        if given and name == "quantized_bits" and values["alpha"] not in alphas:
            raise BitsmithError(
                f"{where}: {given[0]} of {name} has a meaning with alpha={' or '.join(map(repr, alphas))} only, as in "
                "qkeras; leave it out"
            )
    if group is not None and not _fits(axis, group):
        raise BitsmithError(
            f"{where}: elements_per_scale={short(group)} of {name} needs a scale_axis for each, in order; give them"
        )


def _fits(axis: Any, group: Any) -> bool:
    """Whether there is an axis for each size of a group, in order."""
    if axis is None or (isinstance(axis, int) and isinstance(group, list)):
        return False
    axes = axis if isinstance(axis, list) else [axis]
    return axes == sorted(set(axes)) and (not isinstance(group, list) or len(group) == len(axes))


def _check(good: bool, key: str, value: Any, name: str, where: str, supported: str) -> None:
    if not good:
        shown = repr(value[:40]) if isinstance(value, str) else short(value)[:60]
        raise BitsmithError(f"{where}: {key}={shown} of {name} is not supported; supported: {supported}")


def _is_whole(value: Any, low: int, high: int) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and low <= value <= high and value == int(value)


def _are_whole(value: Any, low: int, high: int) -> bool:
    items = value if isinstance(value, list) else [value]
    return 0 < len(items) <= 8 and all(type(item) is int and low <= item <= high for item in items)


def post_training_scale(value: Any) -> Any:
    """The scales as a float32 array; None where they are no positive numbers."""
    try:
        scale = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    good = scale.size > 0 and np.isfinite(scale).all() and (scale > 1e-30).all() and (scale < 1e30).all()
    return scale.astype(np.float32) if good else None
