"""Our core: which type a value gets is a switch over its channel, or over its place in the tensor."""

from __future__ import annotations

from textwrap import wrap

import numpy as np

from ....sim.fixed import Fixed
from ....sim.ops.retype import Retype
from ..cores import Core, cpp, pixels, roomy, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op = place.op
    lines = [typedef("x_t", cpp(op.input_type)), typedef("y_t", cpp(op.output_type)), *pixels(place.x[0])]
    lines += sizes(per_pixel=int(op.per_pixel))
    return Core("retype", lines + _compute(op), ["retype.hpp", "pixels.hpp"])


def _compute(op: Retype) -> list[str]:
    lines = ["static y_t compute(x_t x, unsigned k) {"]
    lines.append("    switch (k) {")
    for kind, type_ in enumerate(op.types):
        if type_ is not None:
            lines += [f"    {line}" for line in _cases(np.flatnonzero(op.kinds.ravel() == kind).tolist())]
            lines.append(f"        return {_rounded(op, type_)};")
    return [*lines, "    default:", "        return y_t(0);", "    }", "}"]


def _cases(places: list[int]) -> list[str]:
    return wrap(" ".join(f"case {k}:" for k in places), 100, break_on_hyphens=False)


def _rounded(op: Retype, type_: Fixed) -> str:
    """Its own type's rounding and overflow; before it, room for the bits that the rounding looks at."""
    wide = roomy(op.input_type, type_.fraction)
    return f"y_t({cpp(type_, op.rounding, op.overflow)}({wide}(x)))"
