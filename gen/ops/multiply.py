"""Multiply: the exact product of two or more tensors."""

from __future__ import annotations

import numpy as np

from ...sim.ops.multiply import Multiply
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .join import in_floats, join
from .registry import converts


@converts("Multiply", floats=in_floats(np.multiply), several=True, hls4ml="Merge")
def convert_multiply(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()
    return join(build, layer, inputs, Multiply)
