"""Resources by formula: what a synthesizer makes of each core's parameters, without running one. An estimate."""

from .cost import Resources, total
from .formulas import count, remarks_on
from .stages import of_fifo, of_stage

SOURCE = "formula (an estimate)"

__all__ = ["SOURCE", "Resources", "count", "of_fifo", "of_stage", "remarks_on", "total"]
