"""Dense layers: shared products, trees, and an accumulator for each output."""

from __future__ import annotations

import numpy as np

from ...hw.rtl.dense import DenseCore, DenseGraphCore
from .cost import Resources, counter, logic, multiplexer, registers
from .formulas import counts
from .kernels import accumulators, adder_graph, logic_product, products, shared_product, tree


@counts(DenseCore)
def _(core: DenseCore) -> Resources:
    layout, bits, width = core.inputs[0].layout, core.output.type.width, core.inputs[0].layout.type.width
    taken, words = layout.elements // core.rows, core.weights()
    each = logic_product if core.logic_multipliers else shared_product
    sums: Resources = tree(taken, width + int(np.abs(words).max(initial=0)).bit_length()) * int(words.shape[2])
    front = registers(layout.bits + taken * width) + multiplexer(core.rows, taken * width)
    control = counter(layout.beats) * 2 + counter(core.reuse) * 2 + counter(layout.beats * core.reuse)
    return (
        products(words, width, each)
        + sums
        + front
        + control
        + accumulators(core.output.channels, bits)
        + registers(4 * core.stages)
    )


@counts(DenseGraphCore)
def _(core: DenseGraphCore) -> Resources:
    bits = core.output.channels * core.output.type.width
    inputs = sum(type_.width for type_ in core.own if type_ is not None)
    found = adder_graph(core.graph, core.bounds, core.stages)
    return found + logic(bits / 2) + registers(bits + inputs + core.latency)
