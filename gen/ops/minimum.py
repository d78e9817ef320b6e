"""Minimum: the smallest of two or more tensors."""

from __future__ import annotations

import numpy as np

from ...sim.ops.minimum import Minimum
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .join import in_floats, join
from .registry import converts
from .retype import also_in_hgq


@also_in_hgq("QMinimum", floats=in_floats(np.minimum), several=True)
@converts("Minimum", floats=in_floats(np.minimum), several=True, hls4ml="Merge")
def convert_minimum(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()
    return join(build, layer, inputs, Minimum)
