"""The product of two streams of rows: banks of memory, multipliers, trees, and what collects a row's phases."""

from __future__ import annotations

from ...hw.rtl.matmul import MatmulCore
from ...sim.interval import exact_product
from .cost import Resources, counter, kept, logic, multiplexer, multiplier, registers
from .formulas import counts
from .kernels import tree


@counts(MatmulCore)
def _(core: MatmulCore) -> Resources:
    op, (left, right) = core.op, (port.layout for port in core.inputs)
    a, b, bits = left.type.width, right.type.width, core.output.type.width
    product = exact_product(*op.input_types).width
    banks = (kept(core.depth, right.bits) + registers(right.bits)) * core.banks
    each = multiplier(a, b) + registers(product)
    sums = each * (core.terms * core.sums) + tree(core.terms, product) * core.sums
    chosen = op.heads * core.terms * a
    taken = registers(left.bits + 2 * chosen) + (Resources() if op.transposed else multiplexer(core.reuse, chosen))
    collected = registers(core.output.bits) if core.reuse > 1 else Resources()
    if core.reuse > 1 and not op.transposed:
        collected += logic(core.output.bits)
    control = counter(core.held) + counter(core.rows) + counter(core.reuse) + registers(2 * core.latency + bits)
    return banks + sums + taken + collected + control
