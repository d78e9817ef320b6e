"""HGQ2's QSoftmax: the steps of the operator ``softmax`` with the types, modes and tables that HGQ2 has trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.interval import exact_product
from ...sim.ops.softmax import Softmax
from ...sim.table import FUNCTIONS
from ..quantize.activation import exact_constant
from ..quantize.hgq import HgqQuantizer
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor, at_layer
from ..read.hgq import plain_layer, quantizer
from ..read.network import Layer
from .floats import Array
from .retype import by_quantizer, retyped

_PLACES = ("exp_iq", "exp_oq", "inv_iq", "inv_oq")
"""Quantizers in front of a table and behind it."""


Step = tuple[Fixed, Rounding, Overflow]


def _address(layer: Layer, role: str, reach: int) -> Step:
    """How values below ``2**reach``, none negative, become a table's addresses: all 0 where there are no bits."""
    q = quantizer(layer, role)
    if q is not None and not q.used.any():
        return Fixed(False, reach + 1, -reach), Rounding.TRN, Overflow.SAT
    type_ = _one_type(layer, role, q)
    if q is not None and q.overflow is Overflow.WRAP:
        return type_, q.rounding, q.overflow
    return _without_sign(type_), q.rounding if q else Rounding.RND, Overflow.SAT


def _entry(layer: Layer, role: str) -> Fixed:
    """The type of a table's entries, none negative."""
    q = quantizer(layer, role)
    found = _one_type(layer, role, q)
    if q is None or (q.rounding, q.overflow) != (Rounding.RND_CONV, Overflow.SAT):
        raise BitsmithError(f"'{layer.name}': {role}_conf is not RND_CONV and SAT, as HGQ2 makes it; save it again")
    return _without_sign(found)


def _one_type(layer: Layer, role: str, q: HgqQuantizer | None) -> Fixed:
    found = None if q is None else q.one_type
    if found is None or (found.signed and found.width < 2):
        raise BitsmithError(f"'{layer.name}': {role}_conf has not one type with bits for all values; give it one")
    return found


def _without_sign(type_: Fixed) -> Fixed:
    return Fixed(False, type_.integer, type_.fraction)


def _operator(layer: Layer, x: Tensor, stable: bool, scale: float) -> Softmax:
    exp, inverse = _entry(layer, "exp_oq"), _entry(layer, "inv_oq")
    as_it_is = (x.type, Rounding.RND, Overflow.SAT)
    address = _address(layer, "exp_iq", x.type.integer + 1) if stable else as_it_is
    total = _address(layer, "inv_iq", exp.integer + x.shape[-1].bit_length())
    try:
        return Softmax(
            x.type, address[0], exp, total[0], inverse, exact_product(exp, inverse), stable=stable,
            scale=exact_constant(scale), float32=True, difference_rounding=address[1], difference_overflow=address[2],
            sum_rounding=total[1], sum_overflow=total[2],
        )  # fmt: skip
    except BitsmithError as error:
        raise at_layer(layer, error) from None


def _numbers(a: Attributes) -> tuple[bool, float]:
    """``stable`` and ``input_scaler``."""
    scale = a.number("input_scaler", 1.0) or 0.0
    if np.float32(scale) <= 0:
        a.refuse("input_scaler", scale, "a number above 0")
    return a.flag("stable", True), scale


def quantized_floats(layer: Layer, x: Array) -> Any:
    """As HGQ2 computes it, in float64."""
    layer = plain_layer(layer)
    stable, scale = _numbers(Attributes(layer.name, layer.config))
    x = _through(quantizer(layer, "iq"), x)
    if stable:
        x = _through(quantizer(layer, "exp_iq"), x.max(axis=-1, keepdims=True) - x)
    exps = _through(quantizer(layer, "exp_oq"), np.exp(np.minimum((-x if stable else x) * scale, 300.0)))
    total = _through(quantizer(layer, "inv_iq"), exps.sum(axis=-1, keepdims=True))
    inverse = _through(quantizer(layer, "inv_oq"), FUNCTIONS["reciprocal_float32"](total))
    return _through(quantizer(layer, "oq"), exps * inverse)


def _through(q: HgqQuantizer | None, x: Array) -> Array:
    return x if q is None else q.values(x)


def quantized_softmax(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """The nodes of one.

    Left out where an argmax follows that finds the same in its input: no step of it wraps around.
    """
    layer = plain_layer(layer)
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    axes = a.get("axes")
    given = list(axes) if isinstance(axes, (list, tuple)) else [axes]
    if given not in ([-1], [len(x.shape)]) or isinstance(given[0], bool):
        a.refuse("axes", axes, f"[-1], [{len(x.shape)}]: the last axis")
    stable, scale = _numbers(a)
    a.flag("allow_heterogeneous_table", False)
    a.harmless(*(f"{role}_conf" for role in _PLACES))
    a.finish()
    x = retyped(build, layer, x, "iq")
    found = {role: quantizer(layer, role) for role in _PLACES if stable or role != "exp_iq"}  # every one is taken
    for role, q in found.items():
        if role.endswith("oq") and q is not None and not q.used.any():
            return retyped(build, layer, by_quantizer(build, layer, x, q, role), "oq")  # all results are 0
    op = _operator(layer, x, stable, scale)
    if build.decision == layer.key and op.keeps_order(x.shape[-1]):
        return x
    return retyped(build, layer, build.add(layer, op, x, shape=x.shape), "oq")
