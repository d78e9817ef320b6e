"""The decision behind a classifier: no Keras layer, asked for by ``Bitsmith: output: argmax``."""

from __future__ import annotations

from math import ceil

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ...sim.ops.argmax import Argmax
from ..read.build import Builder, Tensor
from ..read.network import Layer


def append_argmax(build: Builder, x: Tensor) -> Tensor:
    """The index of the largest value of the model's one output; ``Bitsmith: threshold`` is a value of that output."""
    if len(x.shape) != 1:
        raise BitsmithError(f"Bitsmith.output: argmax needs a vector; the model's output has shape {x.shape}")
    layer = Layer("argmax", "argmax", "Argmax", {}, (), {})
    return build.add(layer, Argmax(x.type, raw_threshold(build.config.bitsmith.threshold, x.type)), x)


def raw_threshold(threshold: float | None, type: Fixed) -> int:
    """The smallest raw value that is not below ``threshold``; None rejects nothing."""
    if threshold is None:
        return type.raw_min
    if not np.isfinite(threshold):
        raise BitsmithError(f"Bitsmith.threshold: {threshold} is no finite number; give a value of the model's output")
    raw: int = ceil(np.ldexp(np.float64(threshold), type.fraction))
    if not type.raw_min <= raw <= type.raw_max:
        low, high = np.ldexp(float(type.raw_min), -type.fraction), np.ldexp(float(type.raw_max), -type.fraction)
        raise BitsmithError(f"Bitsmith.threshold: {threshold:g} is outside the output's {low:g} to {high:g}")
    return raw
