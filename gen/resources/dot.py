"""The scalar product of two streams: multipliers, a tree, an accumulator."""

from __future__ import annotations

from ...hw.rtl.dot import DotCore
from ...sim.interval import exact_product
from .cost import Resources, counter, logic, multiplexer, multiplier, registers
from .formulas import counts
from .kernels import tree


@counts(DotCore)
def _(core: DotCore) -> Resources:
    a, b = (port.layout.type.width for port in core.inputs)
    product, lanes, bits = exact_product(*core.op.input_types).width, core.output.lanes, core.output.type.width
    each = multiplier(a, b) + registers(a + b + product)
    found = each * core.image.elements + tree(core.terms, product) * lanes
    found += (registers(bits) + (logic(bits) if core.beats > 1 else logic(0))) * lanes
    chosen = sum(port.layout.type.width for port, held in zip(core.inputs, core.held) if held) * core.image.elements
    return found + counter(core.beats) + multiplexer(core.beats, chosen) + registers(2 * core.latency)
