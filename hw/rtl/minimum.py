"""The smallest of several streams."""

from __future__ import annotations

from amaranth.hdl import Mux, Value

from .maximum import MaximumCore
from .role import JoinRole


class MinimumCore(MaximumCore):
    def pick(self, a: Value, b: Value) -> Value:
        return Mux(a < b, a, b)


ROLE = JoinRole(MinimumCore)
