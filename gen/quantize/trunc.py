"""QONNX's Trunc: whole steps of one scale, of which the lowest bits are cut off, by qonnx 1.0's two definitions.

``Trunc(x) = clip(round(rint(x / scale) / 2**shift)) * scale * 2**shift``; version 1 does not clip. What qonnx gives for
zero points, and the scale of its result, the reader of ONNX multiplies in behind.
"""

from __future__ import annotations

from fractions import Fraction
from math import frexp, ldexp

from ...sim.fixed import Fixed, Rounding
from ...sim.op import Operator, Spec
from ...sim.ops.activation import Activation, Kind
from .quant import quant
from .quantizers import Quantizer


def trunc_operators(q: Quantizer, spec: Spec) -> list[Operator]:
    """The rounding to whole steps, where the tensor is finer, and the one that cuts."""
    type, ops = spec.type, list[Operator]()
    steps = 1 - frexp(q["scale"])[1]
    if type.fraction > steps:
        low, high = (round(Fraction(raw, 1 << (type.fraction - steps))) for raw in (type.raw_min, type.raw_max))
        whole = Fixed.holding(low, high, steps)
        ops, type = [Activation(type, Kind.LINEAR, whole, Rounding.RND_CONV)], whole
    scale = ldexp(q["scale"], int(q["shift"]))
    if q["clipped"]:
        values = {"bits": q["bits"], "signed": q["signed"], "narrow": q["narrow"]}
    else:
        integer = type.integer - frexp(scale)[1] + 2  # rounding up may take one more
        values = {"bits": max(integer + int(type.signed), 1), "signed": type.signed, "narrow": False}
    cut = {**values, "rounding_mode": q["rounding_mode"], "scale": scale}
    return [*ops, quant(Quantizer("Quant", tuple(cut.items())), type)]
