"""Rows, columns and channels of an image; the others are taken and dropped."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Value

from ...sim.ops.crop import Crop
from .geometry import Geometry
from .layout import Layout
from .role import StreamRole
from .window import WindowCore


class CropCore(WindowCore):
    """Windows of one pixel on an image with less than no padding: what is cut from the left shifts the lanes."""

    compute_latency = 0

    def __init__(self, name: str, op: Crop, layout: Layout) -> None:
        rows = (-op.rows[0], op.rows[1] - layout.height)
        columns = (-op.columns[0], op.columns[1] - layout.width)
        channels = op.channels[1] - op.channels[0]
        super().__init__(name, Geometry(layout, (1, 1), padding=(rows, columns)), channels, layout.type)
        self.channels = op.channels

    def compute(
        self, m: Module, start: Value, windows: list[list[list[Value]]], masks: list[list[Value]]
    ) -> tuple[Value, Value]:
        first, end = self.channels
        return start, Cat(*(value for (pixel,) in windows for value in pixel[first:end]))


def core(name: str, op: Crop, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> CropCore:
    return CropCore(name, op, layouts[0])


ROLE = StreamRole(core)
