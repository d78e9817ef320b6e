"""The maximum of an image."""

from __future__ import annotations

from ...hw.rtl.global_max_pool2d import GlobalMaxPoolCore
from .cost import Resources, logic
from .fold import control
from .formulas import counts
from .reduction import largest


@counts(GlobalMaxPoolCore)
def _(core: GlobalMaxPoolCore) -> Resources:
    layout, bits = core.inputs[0].layout, core.fold_type.width
    each = largest(layout.lanes, bits) + largest(2, bits) + logic(bits)
    return control(core) + each * layout.channels
