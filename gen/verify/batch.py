"""Frames by tensor."""

from __future__ import annotations

from ...sim.fixed import IntArray

Batch = dict[str, IntArray]
"""Raw integers (frames, *shape) by the tensor's name."""
