"""The sum of two streams."""

from __future__ import annotations

from dataclasses import replace

from ...sim.ops.add import Add
from .join import JoinCore
from .layout import Layout


def core(name: str, op: Add, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> JoinCore:
    output = replace(layouts[0], type=op.output_type)
    left, right = op.shifts
    return JoinCore(name, layouts, output, lambda parts: [(a << left) + (b << right) for a, b in zip(*parts)])
