"""Largest value of the image, per channel."""

from __future__ import annotations

from amaranth.hdl import Value

from ...sim.ops.global_max_pool2d import GlobalMaxPool2D
from .fold import FoldCore
from .layout import Layout
from .max_pool2d import larger
from .role import StreamRole


class GlobalMaxPoolCore(FoldCore):
    def combine(self, a: Value, b: Value) -> Value:
        return larger(a, b)


def core(name: str, op: GlobalMaxPool2D, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> GlobalMaxPoolCore:
    type_ = layouts[0].type
    return GlobalMaxPoolCore(name, layouts[0], type_, type_, type_.raw_min)


ROLE = StreamRole(core)
