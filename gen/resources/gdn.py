"""Divisive normalization: its formula, and what is proven of its gain."""

from __future__ import annotations

import math

import numpy as np

from ...hw.rtl.gdn import GDNCore, GDNKernel
from ...hw.rtl.root import LEVELS, RootUnit
from ...sim.ops.gdn import GDN
from ...sim.rounding import Rounding
from .cost import Resources, counter, logic, memory, multiplexer, multiplier, registers, shift_register, table
from .formulas import Remarks, counts, remarks
from .kernels import kernel


@counts(GDNCore)
def _(core: GDNCore) -> Resources:
    layout = core.inputs[0].layout
    control = counter(core.kernel.cycles) + registers(layout.bits) + logic(4)
    return control + pixel(core.kernel) * layout.lanes


def pixel(module: GDNKernel) -> Resources:
    """Squares, gamma's product, roots, and the last products; what turns choose and collect."""
    op, channels = module.op, module.op.channels
    x, s, g, y = (t.width for t in (op.input_type, op.accumulator.type, op.gain.type, op.product_type))
    turns, square = module.turns, op.square_type.width
    unit = multiplier(x, x) + multiplier(x, g) + registers(x + square + g + 2 * y)
    unit += multiplexer(turns, x + x) if turns > 1 else Resources()
    roots = root(module.root) + (multiplexer(turns, s) if turns > 1 and op.gains > 1 else Resources())
    late = memory(module.latency // module.cycles + 2, channels * x, registered=True)
    kept = registers(channels * (2 * square + y) + op.gains * s) + counter(turns) * 4 if turns > 1 else Resources()
    found = unit * module.units + roots * module.roots + kernel(module.matrix)
    return found + late + kept + shift_register(1, module.latency, True)


def root(module: RootUnit) -> Resources:
    """Two shifters, the tables with their products, and the Newton step's three."""
    spec, width = module.root, module.root.width
    kept, bits = spec.gain.type.width + 2, 2 * (spec.most + 1)
    into, out = (-(-n.bit_length() // LEVELS) for n in (2 * module.spread + 1, module.spread))
    found = logic(into * (bits + bits // 4) + out * kept + spec.gain.type.width)
    found += registers(into * bits + out * kept + spec.gain.type.width) + shift_register(out * LEVELS, 8)
    for lines in spec.tables.values():
        start, slope = (int(np.abs(x).max()).bit_length() for x in (lines.intercepts, lines.slopes))
        found += table(lines.intercepts, start) + table(lines.slopes, slope + 1)
        found += multiplier(lines.offset_bits, slope + 1) + logic(start)
        found += registers(2 * start + 2 * slope + 2 + 2 * lines.offset_bits + width)
    if spec.newton:
        factor = spec.seed + 1
        found += multiplier(factor, factor) if spec.inverse else multiplier(width, factor) * 2
        found += multiplier(factor, module.rest_bits) + shift_register(width + factor, 8)
        found += logic(module.rest_bits + width) + registers(3 * width + module.rest_bits)
    return found


@remarks(GDN)
def gain(op: GDN) -> Remarks:
    """What is proven of its gain, with the error rounded up."""
    error, cast = op.root.error, op.gain
    digits = 2 - math.floor(math.log10(error))
    step = 2.0**-cast.type.fraction
    cut = cast.rounding in (Rounding.TRN, Rounding.TRN_ZERO)
    return {
        "gain_error": math.ceil(error * 10**digits) / 10**digits,
        "gain_rounding": step if cut else step / 2,
        "gain_saturates": op.root.range[1] * (1 + error) > cast.type.raw_max * step,
    }
