"""The smallest of several streams."""

from __future__ import annotations

from ...hw.rtl.minimum import MinimumCore
from .formulas import counts
from .maximum import picked

counts(MinimumCore)(picked)
