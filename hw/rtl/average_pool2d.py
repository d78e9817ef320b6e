"""Streaming average over windows: adder tree, then the exact division."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value

from ...sim.ops.average_pool2d import AveragePool2D
from ...sim.window import window_counts
from .core import delay
from .divide import LATENCY, divide
from .geometry import Geometry
from .layout import Layout
from .role import StreamRole, whole_strides
from .tree import reduce_tree, tree_stages
from .window import WindowCore


class AveragePoolCore(WindowCore):
    """Padded places are 0 and not counted: a window at the edge is divided by its own count."""

    def __init__(self, name: str, op: AveragePool2D, layout: Layout) -> None:
        geometry = Geometry(layout, op.pool, op.strides, op.padding)
        super().__init__(name, geometry, layout.channels, op.output_type)
        self.op = op
        shape = (layout.height, layout.width, layout.channels)
        self.counts = [int(c) for c in np.unique(window_counts(shape, op.pool, op.strides, op.padding))]

    @property
    def _tree(self) -> int:
        return tree_stages(self.op.pool[0] * self.op.pool[1])

    @property
    def compute_latency(self) -> int:
        return self._tree + LATENCY

    def compute(
        self, m: Module, start: Value, windows: list[list[list[Value]]], masks: list[list[Value]]
    ) -> tuple[Value, Value]:
        results: list[Value] = []
        for lane, (window, mask) in enumerate(zip(windows, masks)):
            count = self._count(m, mask, lane)
            for channel, values in enumerate(zip(*window)):
                total = reduce_tree(m, list(values), lambda a, b: a + b, f"sum_{lane}_{channel}")
                results.append(self._mean(m, total, count, f"mean_{lane}_{channel}"))
        return delay(m, start, self.compute_latency, "valid"), Cat(*results)

    def _count(self, m: Module, mask: list[Value], lane: int) -> Value | None:
        """How many of a window's places lie in the image, when the mean leaves; None where all windows are whole."""
        if len(self.counts) == 1:
            return None
        return delay(m, sum(mask[1:], mask[0] + 0), self.compute_latency, f"count_{lane}")

    def _mean(self, m: Module, total: Value, count: Value | None, name: str) -> Value:
        op = self.op
        result: Value | None = None
        for c in self.counts:
            mean = divide(m, total, op.division(c), op.output_type, op.overflow, f"{name}_of_{c}")
            result = mean if result is None or count is None else Mux(count == c, mean, result)
        assert result is not None
        out = Signal(op.output_type.width, name=name)
        m.d.comb += out.eq(result)
        return out


def core(name: str, op: AveragePool2D, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> AveragePoolCore:
    return AveragePoolCore(name, op, layouts[0])


ROLE = StreamRole(core, lanes=whole_strides)
