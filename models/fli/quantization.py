"""From trained float weights to fixed point (numpy only): post-training quantization as in the paper, and the types.

Post-training quantization takes s = max|x| / (2^(b-1) - 1) per tensor. The paper's s = max|x| / (2^b - 1) would need
b + 1 bits for a signed q. It rounds the weights only; everything else stays float, as in the paper's Table 2.

The hardware's own types have scales that are powers of two: :class:`Precision` gives the widths, and the integer bits
of a weight follow from its trained values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...sim.fixed import Fixed, quantize, to_float

FloatArray = NDArray[np.floating]


@dataclass(frozen=True)
class Precision:
    """The widths and types of a fixed network; the tables' addresses and all that is rounded inside a GRU."""

    bits: int
    """Of the input and the weights."""
    bias_bits: int
    gate_input_type: str
    gate_type: str
    candidate_input_type: str
    candidate_type: str
    state_type: str
    exact_in: str = "float32"
    """The dtype that holds each value inside the GRU exactly."""


EIGHT = Precision(
    bits=8,
    bias_bits=16,
    gate_input_type="fixed<8,4>",
    gate_type="ufixed<8,0>",
    candidate_input_type="fixed<8,2>",
    candidate_type="fixed<8,1>",
    state_type="fixed<9,1>",
)
SIXTEEN = Precision(
    bits=16,
    bias_bits=18,
    gate_input_type="fixed<13,4>",
    gate_type="ufixed<16,0>",
    candidate_input_type="fixed<13,3>",
    candidate_type="fixed<16,1>",
    state_type="fixed<16,1>",
    exact_in="float64",
)
PRECISIONS = {8: EIGHT, 16: SIXTEEN}


def post_training(weights: list[FloatArray], bits: int) -> list[FloatArray]:
    """Each tensor rounded to q·s with integers |q| <= 2^(bits-1) - 1; half goes to even. Zeros stay zeros."""
    return [_rounded(np.asarray(tensor, np.float64), bits) for tensor in weights]


def _rounded(tensor: FloatArray, bits: int) -> FloatArray:
    scale = np.abs(tensor).max() / (2 ** (bits - 1) - 1)
    return tensor if scale == 0 else np.rint(tensor / scale) * scale


def weight_type(values: FloatArray, bits: int, least_integer: int = -4) -> Fixed:
    """The signed type of ``bits`` bits that rounds these values with the least squared error.

    QKeras knows no negative number of integer bits: its layers need ``least_integer=0``.
    """
    types = [Fixed(True, integer, bits - 1 - integer) for integer in range(least_integer, 8)]
    return min(types, key=lambda type: float(np.square(to_float(quantize(values, type), type) - values).sum()))


def bias_type(values: FloatArray, bits: int, fraction: int) -> Fixed:
    """A type of ``bits`` bits that holds these values, with no more fraction bits than the products it is added to."""
    whole = max(0, int(np.ceil(np.log2(np.abs(values).max() + 1e-9))))
    room = min(fraction, bits - 1 - whole)
    return Fixed(True, bits - 1 - room, room)


def gru_types(weights: list[FloatArray], precision: Precision, input_fraction: int) -> dict[str, str]:
    """FixedGRU's types for these weights (kernel, recurrent kernel, bias) behind an input of so many fraction bits."""
    kernel, recurrent = (weight_type(w, precision.bits) for w in weights[:2])
    state = Fixed.parse(precision.state_type)[0]
    fraction = min(input_fraction + kernel.fraction, state.fraction + recurrent.fraction)
    return {
        "kernel_type": str(kernel),
        "recurrent_type": str(recurrent),
        "bias_type": str(bias_type(weights[2], precision.bias_bits, fraction)),
        "gate_input_type": precision.gate_input_type,
        "gate_type": precision.gate_type,
        "candidate_input_type": precision.candidate_input_type,
        "candidate_type": precision.candidate_type,
        "state_type": precision.state_type,
    }
