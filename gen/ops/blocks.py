"""A product whose weights have a scale for each output and each block of inputs."""

from __future__ import annotations

import numpy as np

from ...sim.fixed import FloatArray
from ...sim.ops.add import Add
from ..quantize.weights import WeightGrid
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .conv2d import convolution
from .crop import crop


def in_blocks(
    build: Builder, layer: Layer, x: Tensor, kernel: WeightGrid, scale: FloatArray, bias: WeightGrid | None
) -> Tensor:
    """The last axis times a kernel (n, units) with a scale for each value: a product for each run of inputs whose
    scales are the same, times these, and their exact sum. The bias is in the first one."""
    units = kernel.raw.shape[1]
    shape = x.shape[:-1]
    x = build.reshape(layer, x, (*(shape or (1,)), len(scale)), "input")
    starts = [0, *(int(i) + 1 for i in np.flatnonzero((scale[1:] != scale[:-1]).any(axis=1)))]
    total: Tensor | None = None
    for i, (start, stop) in enumerate(zip(starts, [*starts[1:], len(scale)])):
        part = crop(build, layer, x, f"block{i}_input", channels=(start, stop), shape=(*x.shape[:-1], stop - start))
        square = kernel.raw[start:stop].reshape(1, 1, stop - start, units)
        grid = WeightGrid(square, kernel.type, scale[start])
        y = convolution(build, layer, part, grid, None if total else bias, suffix=f"block{i}")
        total = y if total is None else build.add(layer, Add((total.type, y.type)), total, y, suffix=f"sum{i}")
    assert total is not None
    return build.reshape(layer, total, (*shape, units), "output")
