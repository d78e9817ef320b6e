"""The mean of an image."""

from __future__ import annotations

from ...hw.rtl.global_average_pool2d import GlobalAveragePoolCore
from .cost import Resources
from .fold import control
from .formulas import counts
from .kernels import accumulators, tree
from .reduction import division


@counts(GlobalAveragePoolCore)
def _(core: GlobalAveragePoolCore) -> Resources:
    layout, bits = core.inputs[0].layout, core.fold_type.width
    mean = division(core.op.division(core.count), bits, core.output.type.width)
    each = tree(layout.lanes, layout.type.width) + accumulators(1, bits) + mean
    return control(core) + each * layout.channels
