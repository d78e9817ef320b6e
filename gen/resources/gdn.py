"""Divisive normalization and the order of transposed convolutions: their formulas."""

from __future__ import annotations

import numpy as np

from ...hw.rtl.conv2d_transpose import OrderCore
from ...hw.rtl.gdn import GDNCore, GDNKernel
from ...hw.rtl.root import LEVELS, RootUnit
from .cost import Resources, counter, logic, memory, multiplexer, multiplier, registers, shift_register, table
from .kernels import kernel
from .stages import count


@count.register
def _(core: GDNCore) -> Resources:
    layout = core.inputs[0].layout
    control = counter(core.kernel.cycles) + registers(layout.bits) + logic(4)
    return control + pixel(core.kernel) * layout.lanes


def pixel(module: GDNKernel) -> Resources:
    """Squares, gamma's product, roots, and the last products; what turns choose and collect."""
    op, channels = module.op, module.op.channels
    x, s, g, y = (t.width for t in (op.input_type, op.accumulator.type, op.gain.type, op.product_type))
    turns, square = module.turns, op.square_type.width
    unit = multiplier(x, x) + multiplier(x, g) + registers(x + square + g + 2 * y) + root(module.root)
    unit += multiplexer(turns, x + s + x) if turns > 1 else Resources()
    late = memory(module.latency // module.cycles + 2, channels * x, registered=True)
    kept = registers(channels * (2 * square + s + y)) + counter(turns) * 4 if turns > 1 else Resources()
    return unit * module.units + kernel(module.matrix) + late + kept + shift_register(1, module.latency, True)


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


@count.register
def _(core: OrderCore) -> Resources:
    layout, pixels = core.inputs[0].layout, core.rows.stride * core.columns.stride
    found = counter(core.rows.places) + counter(core.columns.places) + counter(pixels) + logic(12)
    if core.rows.stride > 1:
        found += memory(core.columns.places, layout.bits, registered=True) + registers(layout.bits) + logic(layout.bits)
    return found + multiplexer(pixels, core.output.bits) + registers(core.output.bits)
