"""Subtract: the exact difference of two tensors."""

from __future__ import annotations

import numpy as np

from ...sim.ops.subtract import Subtract
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .join import in_floats, join
from .registry import converts
from .retype import also_in_hgq


@also_in_hgq("QSubtract", floats=in_floats(np.subtract), several=True)
@converts("Subtract", floats=in_floats(np.subtract), several=True, hls4ml="Merge")
def convert_subtract(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()
    return join(build, layer, inputs, Subtract)
