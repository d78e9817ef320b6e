"""Concatenate on the channels; inputs of different types are brought to one that holds them all, exactly."""

from __future__ import annotations

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.ops.concatenate import Concatenate
from ..config.schema import Precision
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .floats import Array
from .registry import converts


def concatenated(layer: Layer, *x: Array) -> Array:
    return np.concatenate(x, axis=-1)


@converts("Concatenate", floats=concatenated, several=True, moves=True)
def convert_concatenate(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a = build.attributes(layer)
    axes = len(inputs[0].shape)
    a.only("axis", -1, axes)
    a.finish()
    if len(inputs) < 2 or len({x.shape[:-1] for x in inputs}) != 1:
        shapes = ", ".join(str(x.shape) for x in inputs)
        raise BitsmithError(f"'{layer.name}': inputs of shapes {shapes}; they must agree on all but the last axis")
    to = build.result(layer) or Precision(common_type([x.type for x in inputs]), Rounding.TRN, Overflow.SAT)
    aligned = [build.round(layer, build.plain(layer, x), to, f"input{i}") for i, x in enumerate(inputs)]
    shape = (*inputs[0].shape[:-1], sum(x.shape[-1] for x in inputs))
    return build.add(layer, Concatenate(tuple(x.type for x in aligned)), *aligned, shape=shape)


def common_type(types: list[Fixed]) -> Fixed:
    """The smallest type that contains all of ``types``."""
    fraction = max(t.fraction for t in types)
    low = min(t.raw_min << (fraction - t.fraction) for t in types)
    return Fixed.holding(low, max(t.raw_max << (fraction - t.fraction) for t in types), fraction)
