"""``quantized_relu_po2`` and ``quantized_po2`` of activations: a table of powers of two, exact on every input."""

from __future__ import annotations

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Constant, Fixed
from ...sim.ops.activation import Activation, Kind
from .activation import EXACT_TABLE_BITS
from .quantizers import Quantizer
from .weights import po2_exponent, po2_exponents

_FINEST = 23
"""Beyond so many fraction bits a value may be below 1e-7, which QKeras takes for 0."""


def power_table(q: Quantizer, input_type: Fixed, where: str, table_bits: int | None) -> Activation:
    """The power of two next to each positive input, and the smallest one for all others.

    BitsmithError where that cannot be exact: where the powers or the addresses take too many bits.
    """
    q.only(where, **({"negative_slope": 0} if q.name == "quantized_relu_po2" else {}))
    sign_bit = int(q.name == "quantized_po2")
    low, high = po2_exponents(q, sign_bit)
    factor = 2 if q["quadratic_approximation"] else 1
    top = factor * high
    if q["max_value"] is not None:
        top = int(po2_exponent(q, np.full(1, q["max_value"], dtype=np.float32), sign_bit)[0])
    _check(q, input_type, low, top, where, table_bits)
    output = Fixed(False, top + 1, -low)
    name = ("power_of_four" if factor == 2 else "power_of_two") + ("_floor" if q["log2_rounding"] == "floor" else "")
    return Activation(
        input_type, Kind.TABLE, output, lower=_power(low), upper=_power(top), function=name, table_type=input_type
    )


def _check(q: Quantizer, input_type: Fixed, low: int, top: int, where: str, table_bits: int | None) -> None:
    if top + 1 - low > 63 or top < low:
        raise BitsmithError(
            f"{where}: {q} of an activation has powers from 2**{low} to 2**{top}, more than 63 bits; give it fewer bits"
        )
    if input_type.width > max(table_bits or 0, EXACT_TABLE_BITS):
        raise BitsmithError(
            f"{where}: an exact table for {input_type} needs {input_type.width} address bits; put a quantizer before it"
        )
    finest = _FINEST if not q["quadratic_approximation"] else min(_FINEST, -low)
    if input_type.fraction > finest:
        raise BitsmithError(
            f"{where}: {q} of an activation is supported for inputs of at most {finest} fraction bits, not for "
            f"{input_type}; put a quantizer before it"
        )


def _power(exponent: int) -> Constant:
    return Constant(1 << max(exponent, 0), max(-exponent, 0))
