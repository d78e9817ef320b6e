"""Multiply: the exact product of two or more tensors."""

from __future__ import annotations

import numpy as np

from ...sim.ops.multiply import Multiply
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .join import in_floats, join
from .registry import converts
from .retype import also_in_hgq


@also_in_hgq("QMultiply", floats=in_floats(np.multiply), several=True)
@converts("Multiply", floats=in_floats(np.multiply), several=True, hls4ml="Merge")
def convert_multiply(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()
    return join(build, layer, inputs, Multiply)
