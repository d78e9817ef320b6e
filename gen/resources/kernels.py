"""A constant matrix in its three strategies: the multipliers, adders, tables and registers of ``MatrixKernel``."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np

from ...hw.rtl.adder_graph import Adder, AdderGraph
from ...hw.rtl.adders import Bounds, ranges, stage_of
from ...hw.rtl.matrix import MatrixKernel, weight_words
from ...hw.rtl.sharing import split
from ...hw.rtl.tiles import TileKernel
from ...hw.rtl.tree import LEVELS_PER_STAGE, tree_stages
from ...sim.fixed import IntArray
from .cost import (
    DSP_WIDE,
    Resources,
    adder,
    constant_multiplier,
    counter,
    logic,
    memory,
    multiplexer,
    multiplier,
    registers,
    shift_register,
    table,
    total,
)


def kernel(module: MatrixKernel | TileKernel) -> Resources:
    """One instance of the kernel."""
    if isinstance(module, TileKernel):
        return tiles(module)
    build = {"latency": _latency, "resource": _resource, "distributed_arithmetic": _distributed}
    return build[module.spec.strategy](module)


def tree(terms: int, bits: int) -> Resources:
    """An adder tree of ``terms`` numbers of ``bits`` bits: a bit more at each level, registers every few levels."""
    found, level = Resources(), 0
    while terms > 1:
        level += 1
        found += adder((bits + level) * (terms // 2))
        terms = ceil(terms / 2)
        if level % LEVELS_PER_STAGE == 0 or terms == 1:
            found += registers((bits + level) * terms)
    return found


def _latency(module: MatrixKernel) -> Resources:
    spec, bits = module.spec, module.spec.x_type.width
    found = Resources()
    for group in spec.matrix:
        found += total(constant_products(sorted({int(w) for w in row if w}), bits) for row in group)
        for column in group.T:
            widest = bits + int(np.abs(column).max(initial=0)).bit_length()
            found += tree(int(np.count_nonzero(column)) + 1, widest)
    return found + registers(module.latency)


def constant_products(weights: list[int], bits: int) -> Resources:
    """One input's registered products; all shifts of the input share one register."""
    shifts = [w for w in weights if w > 0 and w & (w - 1) == 0]
    others = [w for w in weights if w not in shifts]
    stored = sum(bits + abs(w).bit_length() for w in others) + (bits if shifts else 0)
    return total(constant_multiplier(bits, w) for w in others) + registers(stored)


def _resource(module: MatrixKernel) -> Resources:
    spec = module.spec
    groups, inputs, outputs = spec.matrix.shape
    rows, columns = split(spec.matrix.shape[2], spec.reuse)
    found = counter(spec.reuse) + multiplexer(rows, groups * inputs // rows * spec.x_type.width)
    found += registers(groups * inputs // rows * spec.x_type.width)
    for group in spec.matrix:
        found += products(weight_words(group, rows, columns), spec.x_type.width, shared_product)
        widest = spec.x_type.width + int(abs(group).max(initial=0)).bit_length()
        found += tree(inputs // rows, widest) * (outputs // columns)
    stages = 3 + tree_stages(inputs // rows)
    return found + accumulators(groups * outputs, spec.y_type.width) + registers(4 * stages)


def products(words: IntArray, bits: int, each: Callable[[IntArray, int], Resources]) -> Resources:
    """A product for each of (phases, inputs, outputs) weights; those of one input with equal weights are one."""
    rows = [np.unique(words[:, k, :], axis=1).T for k in range(words.shape[1])]
    return total(each(weights, bits) for row in rows for weights in row)


def shared_product(weights: IntArray, bits: int) -> Resources:
    """A table of weights, a multiplier and the registers of both."""
    width = _width(weights)
    if len(np.unique(weights)) == 1:
        return constant_multiplier(bits, int(weights[0])) + registers(bits + width)
    return table(weights, width) + multiplier(bits, width) + registers(bits + 2 * width)


def logic_product(weights: IntArray, bits: int) -> Resources:
    """The same as a sum of shifted copies: an adder for each bit of the weight."""
    width = _width(weights)
    return table(weights, width) + adder(width * (bits + 1)) + registers(bits + 2 * width)


def _width(weights: IntArray) -> int:
    """Bits of the signed numbers."""
    return int(max(weights.max(), -weights.min() - 1, 0)).bit_length() + 1


def accumulators(count: int, bits: int) -> Resources:
    """``count`` registers that start from a constant or add."""
    return Resources(lut=2 * count * bits, ff=count * bits)


def _distributed(module: MatrixKernel) -> Resources:
    spec = module.spec
    graph = module.graph()
    outputs, width = len(graph.outputs), spec.y_type.width
    found = adder_graph(graph, module.digit_range(), module.graph_stages())
    if spec.reuse == 1:
        return found + logic(outputs * width / 2) + registers(outputs * width + module.latency)
    digits = graph.inputs * (module.digit + int(spec.x_type.signed))
    found += multiplexer(spec.reuse, digits) + registers(digits) + counter(spec.reuse)
    return found + accumulators(outputs, width) + logic(outputs * width / 2) + registers(3 * module.latency)


def adder_graph(graph: AdderGraph, bounds: Bounds, stages: int) -> Resources:
    """Its carry chains, and a register for each bit that a later stage reads."""
    lows, highs = ranges(graph, bounds)
    signs = [low < 0 for low in lows.tolist()]
    widths = [max(-lo - 1, hi).bit_length() + (lo < 0) for lo, hi in zip(lows.tolist(), highs.tolist())]
    depths = graph.depths()
    needed: list[set[int]] = [set() for _ in widths]
    luts, inverted = 0, set()
    for k, add in enumerate(graph.adders, graph.inputs):
        low, high = _overlap(add, widths, signs)
        luts += max(0, min(widths[k], high) - low)
        if add.subtract:  # an inverter for each bit of a term that meets no other bit, shared by all that need it
            inverted |= {(add.b, bit) for bit in range(max(0, low - add.shift_b))}
            inverted |= {(add.a, bit - add.shift_a) for bit in range(high, widths[k])}
        for source in (add.a, add.b):
            needed[source].add(stage_of(depths[k]))
    for output in graph.outputs:
        if output.source >= 0:
            needed[output.source].add(stages)
    waits = ((widths[k], [s - stage_of(depths[k]) for s in sorted(wanted)]) for k, wanted in enumerate(needed))
    return logic(luts + len(inverted)) + total(_waiting(bits, steps) for bits, steps in waits)


def _overlap(add: Adder, widths: list[int], signs: list[bool]) -> tuple[int, int]:
    """From the first to behind the last bit in which both terms vary: each takes a LUT before the carry chain."""
    tops = [widths[k] + shift for k, shift in ((add.a, add.shift_a), (add.b, add.shift_b))]
    ends = [max(tops) if signs[k] else top for k, top in zip((add.a, add.b), tops)]
    return max(add.shift_a, add.shift_b), min(ends)


def _waiting(bits: int, steps: list[int]) -> Resources:
    """A value read after so many registers: a chain, from one reader to the next."""
    chains = [later - sooner for sooner, later in zip([0, *steps], steps)]
    return total(shift_register(bits, length) for length in chains)


def tiles(module: TileKernel) -> Resources:
    """One instance: inputs chosen and registered twice, weights in a memory, packed products, trees, accumulators."""
    spec, bits, taken = module.spec, module.spec.x_type.width, module.taken
    outputs, width = spec.matrix.shape[2], spec.y_type.width
    weight = int(abs(spec.matrix).max()).bit_length() + 1
    pairs = -(-module.at_once // 2) if module.packing else module.at_once
    word = (2 * weight + 1 if module.packing else weight) * pairs * taken
    found: Resources = counter(module.cycles) + multiplexer(module.rows, taken * bits) + registers(2 * taken * bits)
    found += memory(module.cycles, word, registered=True) + registers(word)
    found += memory(module.cycles, module.columns.bit_length() + module.rows.bit_length() + 1, registered=True)
    product = multiplier(DSP_WIDE, bits) if module.packing else multiplier(bits, weight)
    found += (product + registers(bits + weight * (1 + bool(module.packing)))) * module.multipliers
    found += tree(taken, bits + weight) * module.at_once
    return found + accumulators(outputs, width) + registers(4 * (3 + tree_stages(taken)))
