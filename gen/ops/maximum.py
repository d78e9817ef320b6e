"""Maximum: the largest of two or more tensors."""

from __future__ import annotations

import numpy as np

from ...sim.ops.maximum import Maximum
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .join import in_floats, join
from .registry import converts
from .retype import also_in_hgq


@also_in_hgq("QMaximum", floats=in_floats(np.maximum), several=True)
@converts("Maximum", floats=in_floats(np.maximum), several=True, hls4ml="Merge")
def convert_maximum(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    build.attributes(layer).finish()
    return join(build, layer, inputs, Maximum)
