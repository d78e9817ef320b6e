"""From the stored weights of a GDN to its operator, and the types inside where nobody gives them.

====== ===============================================================================================================
gamma  18 bits (a DSP's narrow port), as many of them before the point as the largest takes
beta   the products' fraction bits and at least eight significant bits in the smallest, at most 32 bits
square x**2 is exact
gain   27 bits (a DSP's wide port), or the width inside where that is less, with the finest step that never saturates
====== ===============================================================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ...sim.cast import Cast
from ...sim.fixed import Fixed, FloatArray, quantize
from ...sim.ops.gdn import GDN
from ...sim.root import Form
from ..quantize.weights import WeightGrid

GAMMA_BITS, BETA_BITS, GAIN_BITS = 18, 32, 27
_SIGNIFICANT = 8  # bits that the smallest beta keeps


@dataclass(frozen=True)
class Choices:
    """How the gain is found: the operator's own fields and defaults."""

    inverse: bool = GDN.inverse
    form: Form = GDN.form
    segments: int = GDN.segments
    width: int = GDN.width
    newton: bool = GDN.newton


def parameter(stored: FloatArray, minimum: float, offset: float) -> FloatArray:
    """The parameters that CompressAI's variables stand for: max(v, sqrt(minimum + offset^2))^2 - offset^2."""
    bounded = np.maximum(stored, math.sqrt(minimum + offset * offset))
    return bounded * bounded - offset * offset


def gamma_type(gamma: FloatArray, bits: int = GAMMA_BITS) -> Fixed:
    """The unsigned type of ``bits`` bits with the finest step that holds every gamma but for a rounding up."""
    integer = math.frexp(float(gamma.max()))[1]
    return Fixed(False, integer, bits - integer)


def beta_type(beta: FloatArray, fraction: int, bits: int = BETA_BITS) -> Fixed:
    """A type of at most ``bits`` bits for betas that are added to products of ``fraction`` fraction bits."""
    integer = math.frexp(float(beta.max()))[1]
    enough = max(fraction, _SIGNIFICANT + 1 - math.frexp(float(beta.min()))[1])
    return Fixed(False, integer, min(enough, bits - integer))


def operator(
    input_type: Fixed, beta: WeightGrid, gamma: WeightGrid, choices: Choices,
    gain: Cast | None = None, square: Cast | None = None, gain_bits: int = GAIN_BITS,
) -> GDN:  # fmt: skip
    """The operator of these integers; without a ``gain``, one of ``gain_bits`` bits that fits the weights."""
    found = Cast(Fixed(False, 1, 1)) if gain is None else gain
    op = GDN(input_type, gamma.raw, gamma.type, beta.raw, beta.type, found, **vars(choices), square=square)
    return op if gain is not None else replace(op, gain=op.fitting_gain(min(gain_bits, choices.width)))


def fixed_types(
    beta: FloatArray, gamma: FloatArray, input_type: Fixed, choices: Choices | None = None, square: Fixed | None = None,
    gamma_bits: int = GAMMA_BITS, beta_bits: int = BETA_BITS, gain_bits: int = GAIN_BITS,
) -> dict[str, str | None]:  # fmt: skip
    """FixedGDN's types for these parameters (not: variables), by the names of its arguments.

    ``beta`` is (C,), ``gamma`` (C_in, C_out). A beta below one step of its type counts as one step, as in the layer.
    """
    g_type = gamma_type(gamma, gamma_bits)
    squares = 2 * input_type.fraction if square is None else square.fraction
    b_type = beta_type(beta, squares + g_type.fraction, beta_bits)
    grids = WeightGrid(np.maximum(quantize(beta, b_type), 1), b_type), WeightGrid(quantize(gamma, g_type), g_type)
    cast = None if square is None else Cast(square)
    op = operator(input_type, *grids, choices or Choices(), square=cast, gain_bits=gain_bits)
    found = {"input": input_type, "beta": b_type, "gamma": g_type, "gain": op.gain.type, "square": square}
    return {f"{name}_type": None if type is None else str(type) for name, type in found.items()}
