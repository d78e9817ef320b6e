"""Two products in one multiplier, as ``hw/rtl/tiles.py`` packs and parts them, with weights that are free.

A tile's weights are constants in a memory; here they are inputs, so that a proof speaks of all of them. That a packed
factor times x is both products side by side is the distributive law and no matter of a proof; what the hardware adds to
it is how the factor is put together (``factor``) and how sums of such products are taken apart (``apart``). Both know
no multiplier, so they are proven for every width. ``whole`` has the multipliers too, for small ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal, signed
from formal import Harness, instance

from bitsmith.hw.rtl.core import Hardware, elements
from bitsmith.hw.rtl.matrix import MatrixSpec
from bitsmith.hw.rtl.tiles import Packing, TileKernel
from bitsmith.sim.fixed import Fixed

WIDE = 60
"""Bits of a sum, more than any has."""


def packing(weight: Fixed, x: Fixed) -> Packing | None:
    """How weights of the whole range share a multiplier."""
    return Packing.of(np.array([weight.raw_min, weight.raw_max]), x)


class Packed(Hardware):
    """``terms`` tiles' products of one pair of outputs, ``factor`` and ``x`` lowest first; their sums, taken apart.

    ``summed``: what goes in are not factors and numbers but, for each term, a sum of so many products.
    """

    def __init__(self, weight: Fixed, x: Fixed, terms: int, summed: int = 0) -> None:
        ends = np.array([[[weight.raw_min, weight.raw_max]] * terms])
        spec = MatrixSpec(ends, np.zeros((1, 2), np.int64), 0, x, Fixed(True, WIDE - 1, 0), "resource", 1)
        self.kernel, self.terms, self.x_type, self.summed = TileKernel(spec), terms, x, summed
        assert self.kernel.packing is not None
        self.field = self.kernel.packing.field
        self.low = self.kernel._low_bits
        upper = Fixed.holding(weight.raw_min - 1, max(weight.raw_max, 0), 0)
        self.upper = upper.width
        self.factor = Signal(terms * (self.low + self.upper), name="factor")
        self.x = Signal(terms * x.width, name="x")
        self.product_bits = self.field + self.upper + x.width + 1 + summed.bit_length()
        self.given = Signal(terms * self.product_bits, name="given")
        self.product = Signal(signed(self.product_bits), name="product")
        self.sums = [Signal(signed(WIDE), name=name) for name in ("lower", "higher")]

    def ports(self) -> list[Signal]:
        return [self.given if self.summed else self.factor, self.x, self.product, *self.sums]

    def elaborate(self, platform: Any) -> Module:
        m, width = Module(), self.low + self.upper
        terms = [Signal(signed(self.product_bits), name=f"term_{k}", reset_less=True) for k in range(self.terms)]
        for k, x in enumerate(elements(self.x, self.x_type)):
            number = Signal(x.shape(), name=f"number_{k}")
            m.d.comb += number.eq(x)
            if self.summed:
                part = self.given[k * self.product_bits : (k + 1) * self.product_bits]
                m.d.sync += terms[k].eq(part.as_signed())
            else:
                factor = self.factor[k * width : (k + 1) * width].as_signed()
                m.d.comb += terms[k].eq(self.kernel._product(m, number, [factor], k)[0])
        m.d.comb += [s.eq(v) for s, v in zip(self.sums, self.kernel._apart(m, terms, "end"))]
        m.d.comb += self.product.eq(terms[0])
        return m


def _started(module: Packed, first: str) -> Harness:
    h = Harness(memory=1)
    h.body.append(f"wire signed [{WIDE - 1}:0] lower, higher; wire signed [{module.product_bits - 1}:0] product;")
    h.body.append(instance("packed", first, "x", "product", "lower", "higher"))
    h.register("valid", 1, "1")
    return h


def _later(h: Harness, name: str, value: str) -> None:
    h.body.append(f"reg signed [{WIDE - 1}:0] {name} = 0; always @(posedge clk) {name} <= {value};")


def _weights(h: Harness, module: Packed, weight: Fixed) -> None:
    """Every pair of weights, and the factor that ``Packing.upper`` makes of them."""
    parts: list[str] = []
    for k in range(module.terms):
        for n in range(2):
            h.free[f"free{k}_{n}"] = weight.width
            h.wire(f"w{k}_{n}", _number(f"free{k}_{n}", weight), module.low, signed=True)
        h.wire(f"upper{k}", f"w{k}_1 - $signed({{1'b0, w{k}_0[{module.low - 1}]}})", module.upper, signed=True)
        parts = [f"upper{k}, w{k}_0", *parts]
    h.wire("factor", f"{{{', '.join(parts)}}}", len(module.factor))


def _number(name: str, type_: Fixed) -> str:
    return f"$signed({name})" if type_.signed else f"$signed({{1'b0, {name}}})"


def factor(module: Packed, weight: Fixed) -> Harness:
    """A factor times one is both weights, the upper one ``field`` bits higher."""
    h = _started(module, "factor")
    _weights(h, module, weight)
    h.wire("x", "1", len(module.x))
    h.wire("wide0", "w0_0", WIDE, signed=True)
    h.wire("wide1", "w0_1", WIDE, signed=True)
    _later(h, "both", f"(wide1 <<< {module.field}) + wide0")
    h.properties["a factor is both weights"] = "!valid || product == both"
    return h


def apart(module: Packed, weight: Fixed) -> Harness:
    """Whatever two sums of products can be, side by side, is taken apart into both."""
    h, x = _started(module, "given"), module.x_type
    ends = [module.summed * w * v for w in (weight.raw_min, weight.raw_max) for v in (x.raw_min, x.raw_max)]
    bits = Fixed.holding(min(*ends, -1), max(*ends, 1), 0).width
    given: list[str] = []
    fits: list[str] = []
    for k in range(module.terms):
        for n in range(2):
            h.free[f"free{k}_{n}"] = bits
            h.wire(f"p{k}_{n}", f"$signed(free{k}_{n})", WIDE, signed=True)
            fits.append(f"p{k}_{n} >= {min(ends)} && p{k}_{n} <= {max(ends)}")
        h.wire(f"both{k}", f"(p{k}_1 <<< {module.field}) + p{k}_0", WIDE, signed=True)
        given = [f"both{k}[{module.product_bits - 1}:0]", *given]
    h.wire("given", f"{{{', '.join(given)}}}", len(module.given))
    h.wire("x", "0", len(module.x))
    h.register("fit", 1, " && ".join(fits))
    for n, name in enumerate(("lower", "higher")):
        _later(h, f"sum{n}", " + ".join(f"p{k}_{n}" for k in range(module.terms)))
        h.properties[f"the {name} sum"] = f"!valid || !fit || {name} == sum{n}"
    return h


def whole(module: Packed, weight: Fixed) -> Harness:
    """Both products of every two weights with every number, multiplied by themselves."""
    h = _started(module, "factor")
    _weights(h, module, weight)
    h.free["x"] = len(module.x)
    for n, name in enumerate(("lower", "higher")):
        terms = []
        for k in range(module.terms):
            part = f"x[{(k + 1) * module.x_type.width - 1}:{k * module.x_type.width}]"
            h.wire(f"product{k}_{n}", f"w{k}_{n} * {_number(part, module.x_type)}", WIDE, signed=True)
            terms.append(f"product{k}_{n}")
        _later(h, f"sum{n}", " + ".join(terms))
        h.properties[f"the {name} product"] = f"!valid || {name} == sum{n}"
    return h
