"""Streaming maximum over windows."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from ...sim.ops.max_pool2d import MaxPool2D
from .core import delay
from .geometry import Geometry
from .layout import Layout
from .role import StreamRole, whole_strides
from .tree import reduce_tree, tree_stages
from .window import WindowCore


class MaxPoolCore(WindowCore):
    """One comparison tree for each channel of each lane; what lies outside the image is the type's smallest value."""

    def __init__(self, name: str, op: MaxPool2D, layout: Layout) -> None:
        geometry = Geometry(layout, op.pool, op.strides, op.padding)
        super().__init__(name, geometry, layout.channels, layout.type, fill=layout.type.raw_min)

    @property
    def compute_latency(self) -> int:
        taps = self.geometry.kernel
        return tree_stages(taps[0] * taps[1])

    def compute(
        self, m: Module, start: Value, windows: list[list[list[Value]]], masks: list[list[Value]]
    ) -> tuple[Value, Value]:
        results = []
        for lane, window in enumerate(windows):
            for channel, values in enumerate(zip(*window)):
                top = reduce_tree(m, list(values), larger, f"max_{lane}_{channel}", named=True)
                out = Signal(self.output.type.width, name=f"max_{lane}_{channel}")
                m.d.comb += out.eq(top)
                results.append(out)
        return delay(m, start, self.compute_latency, "valid"), Cat(*results)


def larger(a: Value, b: Value) -> Value:
    return Mux(a > b, a, b)


def core(name: str, op: MaxPool2D, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> MaxPoolCore:
    return MaxPoolCore(name, op, layouts[0])


ROLE = StreamRole(core, lanes=whole_strides)
