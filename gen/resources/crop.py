"""Crop: windows of one pixel."""

from __future__ import annotations

from ...hw.rtl.crop import CropCore
from .formulas import counts
from .window import window

counts(CropCore)(window)
