"""Resources by formula: what a synthesizer makes of each core's parameters, without running one. An estimate."""

from . import gdn, recurrent  # noqa: F401  register their formulas with count
from .cost import Resources, total
from .stages import count, of_fifo, of_stage

SOURCE = "formula (an estimate)"

__all__ = ["SOURCE", "Resources", "count", "of_fifo", "of_stage", "total"]
