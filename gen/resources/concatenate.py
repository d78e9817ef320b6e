"""Streams side by side: wires."""

from __future__ import annotations

from ...hw.rtl.concatenate import ConcatenateCore
from .formulas import counts
from .join import handshake

counts(ConcatenateCore)(handshake)
