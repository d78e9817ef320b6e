"""The maximum of an image."""

from __future__ import annotations

from ...hw.rtl.global_max_pool2d import GlobalMaxPoolCore
from .cost import Resources, logic, registers
from .fold import control
from .formulas import counts
from .reduction import largest


@counts(GlobalMaxPoolCore)
def _(core: GlobalMaxPoolCore) -> Resources:
    layout, bits = core.inputs[0].layout, core.fold_type.width
    # the register takes a larger value by its enable: a comparison and no multiplexer
    each = largest(layout.lanes, bits) + logic(bits / 2 + 2) + registers(bits)
    return control(core) + each * layout.channels
