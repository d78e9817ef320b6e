"""QONNX's Quant: of activations as one rounding of integers, of weights as qonnx 1.0 computes it in float32.

``Quant(x) = (clip(round(x / scale + zero_point)) - zero_point) * scale``; the limits follow from bits, signed and
narrow. One signed bit is the sign, +1 at zero. A quantizer named ``Quant`` is one of an activation, with a scale that
is a power of two and no zero point; the reader of ONNX takes other scales apart. A quantizer named ``exact`` stands for
weights that are what they are: each a float32, held with all its bits.
"""

from __future__ import annotations

from math import frexp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sim.fixed import Constant, Fixed, Overflow, Rounding
from ...sim.ops.activation import Activation, Kind
from .quantizers import Quantizer

ROUNDINGS = {
    "ROUND": Rounding.RND_CONV,
    "HALF_EVEN": Rounding.RND_CONV,
    "FLOOR": Rounding.TRN,
    "DOWN": Rounding.TRN_ZERO,
    "HALF_UP": Rounding.RND_INF,
    "HALF_DOWN": Rounding.RND_ZERO,
    "CEIL": Rounding.TRN,  # of what lies just below the next step
}
"""qonnx's words: its "half up" is away from zero, its "half down" toward zero."""


def is_sign(q: Quantizer) -> bool:
    return int(q["bits"]) == 1 and bool(q["signed"])


def limits(bits: int, signed: bool, narrow: bool) -> tuple[int, int]:
    """Smallest and largest integer."""
    if signed:
        return -(1 << (bits - 1)) + int(narrow), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1 - int(narrow)


def quant_type(q: Quantizer) -> Fixed:
    """The type of its values: as many bits, the scale as the last place."""
    fraction = 1 - frexp(q["scale"])[1]
    return Fixed(bool(q["signed"]), int(q["bits"]) - int(bool(q["signed"])) - fraction, fraction)


def plain_quant(q: Quantizer) -> tuple[Fixed, Overflow] | None:
    """Type and overflow where it rounds half to even into the whole range of a type; None where it does more."""
    if is_sign(q) or ROUNDINGS[q["rounding_mode"]] is not Rounding.RND_CONV or (q["narrow"] and not q["signed"]):
        return None
    return quant_type(q), Overflow.SAT_SYM if q["narrow"] else Overflow.SAT


def quant(q: Quantizer, input_type: Fixed) -> Activation:
    """The operator; not for one signed bit."""
    type, rounding = quant_type(q), ROUNDINGS[q["rounding_mode"]]
    low, high = (_constant(raw, type.fraction) for raw in limits(int(q["bits"]), bool(q["signed"]), bool(q["narrow"])))
    if q["rounding_mode"] == "CEIL" and input_type.fraction > type.fraction:
        last = _constant((1 << (input_type.fraction - type.fraction)) - 1, input_type.fraction)
        return Activation(input_type, Kind.HARD_TANH, type, rounding, Overflow.SAT, offset=last, lower=low, upper=high)
    if q["narrow"] and not q["signed"]:
        return Activation(input_type, Kind.LINEAR, type, rounding, Overflow.SAT, upper=high)
    return Activation(input_type, Kind.LINEAR, type, rounding, Overflow.SAT_SYM if q["narrow"] else Overflow.SAT)


def _constant(raw: int, fraction: int) -> Constant:
    """``raw * 2**-fraction``."""
    return Constant(raw << max(-fraction, 0), max(fraction, 0))


_FLOATS: dict[str, Any] = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.trunc,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + np.float32(0.5)),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - np.float32(0.5)),
}
WEIGHT_ROUNDINGS = tuple(_FLOATS)


def integers(
    values: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any], bits: int, signed: bool, narrow: bool, rounding: str
) -> NDArray[np.float64]:
    """The integers (without the zero point) of constant float32 values, in the order and precision of qonnx."""
    y = values.astype(np.float32) / scale.astype(np.float32) + zero.astype(np.float32)
    if bits == 1 and signed:
        y = np.where(y >= 0, np.float32(1), np.float32(-1))
    else:
        y = _FLOATS[rounding](np.clip(y, *(np.float32(n) for n in limits(bits, signed, narrow))))
    return np.asarray(y - zero.astype(np.float32) + np.float32(0), dtype=np.float64)
