"""Add: the exact sum of two or more tensors."""

from __future__ import annotations

from math import prod

import numpy as np

from ...sim.ops.add import Add
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .join import in_floats, whole_shape
from .registry import converts
from .retype import also_in_hgq


@also_in_hgq("QAdd", floats=in_floats(np.add), several=True)
@converts("Add", floats=in_floats(np.add), several=True, hls4ml="Merge")
def convert_add(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """Two at a time, from one that has the whole shape on; the sum is exact, whatever the order."""
    build.attributes(layer).finish()
    shape = whole_shape(layer, inputs)
    total, *others = sorted((build.plain(layer, x) for x in inputs), key=lambda x: prod(x.shape), reverse=True)
    for i, x in enumerate(others):
        suffix = f"sum{i + 1}" if i < len(others) - 1 else ""
        total = build.add(layer, Add((total.type, x.type)), total, x, suffix=suffix, shape=shape)
    to = build.result(layer)
    return total if to is None else build.round(layer, total, to, "round")
