"""Average: the mean of two or more tensors, rounded once."""

from __future__ import annotations

import numpy as np

from ...sim.cast import Cast
from ...sim.fixed import Fixed
from ...sim.interval import union
from ...sim.ops.average import Average
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .average_pool2d import mean_precision
from .floats import Array
from .join import in_floats, joined
from .registry import converts


def mean(layer: Layer, *x: Array) -> Array:
    return in_floats(np.add)(layer, *x) / len(x)


@converts("Average", floats=mean, several=True, hls4ml="Merge")
def convert_average(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()

    def make(types: tuple[Fixed, ...]) -> Average:
        to = mean_precision(build, layer, union(types), len(types), True, None)
        return Average(types, Cast(to.type, to.rounding, to.overflow))

    return joined(build, layer, inputs, make)
