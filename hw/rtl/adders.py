"""An adder graph as logic, with registers between its stages."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Const, Module, Signal, Value, signed

from ...sim.fixed import IntArray
from .adder_graph import AdderGraph, EachBounds
from .core import noted
from .tree import LEVELS_PER_STAGE

Bounds = tuple[int, int] | EachBounds
"""The least and the largest of all inputs, or of each."""


def emit_graph(m: Module, graph: AdderGraph, x: list[Value], bounds: Bounds, stages: int) -> list[Value]:
    """The graph's outputs, ``stages`` cycles after its inputs; values that are needed later wait in registers."""
    lows, highs = ranges(graph, bounds)
    depths = graph.depths()
    values: list[Value] = list(x)
    waiting: dict[tuple[int, int], Value] = {}

    def label(index: int) -> str:
        return f"x_{index}" if index < graph.inputs else f"sum_{index - graph.inputs}"

    def at(index: int, stage: int) -> Value:
        """Value ``index`` as it can be used in pipeline stage ``stage``."""
        own = stage_of(depths[index])
        if stage <= own:
            return values[index]
        if (index, stage) not in waiting:
            before = at(index, stage - 1)
            register = Signal(before.shape(), name=f"{label(index)}_stage_{stage}", reset_less=True)
            m.d.sync += register.eq(before)
            waiting[index, stage] = register
        return waiting[index, stage]

    for k, add in enumerate(graph.adders, graph.inputs):
        stage = stage_of(depths[k])
        a, b = at(add.a, stage) << add.shift_a, at(add.b, stage) << add.shift_b
        out = Signal(_range_shape(int(lows[k]), int(highs[k])), name=label(k))
        if k == graph.inputs:
            noted(out, "The adder graph: two terms, shifted, in each sum; what is needed later waits in registers.")
        m.d.comb += out.eq(a - b if add.subtract else a + b)
        values.append(out)
    results = []
    for o in graph.outputs:
        if o.source < 0:
            results.append(Const(0, 1))
            continue
        value = at(o.source, stages)
        scaled = value << o.shift if o.shift >= 0 else value >> -o.shift
        results.append(-scaled if o.negate else scaled)
    return results


def ranges(graph: AdderGraph, bounds: Bounds) -> tuple[IntArray, IntArray]:
    """The least and the largest that each value can be, for inputs within ``bounds``: of all, or of each."""
    ends = graph.rows()[:, :, None] * np.array(bounds)
    return ends.min(axis=2).sum(axis=1), ends.max(axis=2).sum(axis=1)


def stage_of(depth: int) -> int:
    """Adders of depth 1 … LEVELS_PER_STAGE work before the first register."""
    return max(0, (depth - 1) // LEVELS_PER_STAGE)


def _range_shape(lo: int, hi: int) -> Any:
    width = max((lo + 1 if lo < 0 else lo).bit_length(), hi.bit_length())
    return signed(width + 1) if lo < 0 else max(width, 1)
