"""Streams joined on their channels."""

from __future__ import annotations

from dataclasses import replace

from ...sim.ops.concatenate import Concatenate
from .join import JoinCore
from .layout import Layout


def core(name: str, op: Concatenate, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> JoinCore:
    output = replace(layouts[0], channels=sum(layout.channels for layout in layouts))
    return JoinCore(name, layouts, output, lambda parts: [value for part in parts for value in part])
