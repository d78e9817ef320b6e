"""Maxima of windows."""

from __future__ import annotations

import numpy as np

from ...hw.rtl.max_pool2d import MaxPoolCore
from .cost import Resources
from .formulas import counts
from .reduction import largest
from .window import window


@counts(MaxPoolCore)
def _(core: MaxPoolCore) -> Resources:
    taps, bits = int(np.prod(core.geometry.kernel)), core.output.type.width
    return window(core) + largest(taps, bits) * core.output.elements
