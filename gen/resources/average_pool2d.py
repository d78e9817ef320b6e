"""Means of windows."""

from __future__ import annotations

import numpy as np

from ...hw.rtl.average_pool2d import AveragePoolCore
from .cost import Resources, multiplexer, total
from .formulas import counts
from .kernels import tree
from .reduction import division
from .window import window


@counts(AveragePoolCore)
def _(core: AveragePoolCore) -> Resources:
    layout = core.inputs[0].layout
    sums = tree(int(np.prod(core.geometry.kernel)), layout.type.width)
    bits = layout.type.width + int(np.prod(core.geometry.kernel)).bit_length()
    means = total(division(core.op.division(c), bits, core.output.type.width) for c in core.counts)
    choice = multiplexer(len(core.counts), core.output.type.width)
    return window(core) + (sums + means + choice) * core.output.elements
