"""Streams joined on their channels."""

from __future__ import annotations

from dataclasses import replace

from amaranth.hdl import Module, Value

from ...sim.ops.concatenate import Concatenate
from .join import JoinCore
from .layout import Layout
from .role import JoinRole


class ConcatenateCore(JoinCore):
    def __init__(self, name: str, op: Concatenate, layouts: tuple[Layout, ...]) -> None:
        channels = sum(layout.channels for layout in layouts)
        super().__init__(name, layouts, replace(layouts[0], channels=channels, own=None))

    def combine(self, m: Module, parts: list[list[Value]], name: str) -> list[Value]:
        return [value for part in parts for value in part]


ROLE = JoinRole(ConcatenateCore)
