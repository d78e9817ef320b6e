"""Lanes that are cut to types of their own."""

from __future__ import annotations

import numpy as np

from ...hw.rtl.retype import RetypePointwise
from ...sim.fixed import Fixed
from ...sim.ops.retype import Retype
from ...sim.rounding import Overflow, Rounding
from .cost import Resources, counter, logic, multiplexer, registers, total
from .formulas import counts


@counts(RetypePointwise)
def _(module: RetypePointwise) -> Resources:
    op, beats = module.op, len(module.kinds)
    lanes = [_lane(op, [op.types[k] for k in np.unique(column)], beats) for column in module.kinds.T]
    return total(lanes) + registers(module.latency) + (counter(beats) if beats > 1 else Resources())


def _lane(op: Retype, choices: list[Fixed | None], beats: int) -> Resources:
    """What one value takes: its roundings, the choice between them, and a register of the bits that can differ."""
    used = [type_ for type_ in choices if type_ is not None]
    kept = max((type_.width for type_ in used), default=0)
    picked = multiplexer(len(choices), kept) + logic(beats / 64) if len(choices) > 1 else Resources()
    return total(logic(_luts(op, type_)) for type_ in used) + picked + registers(kept)


def _luts(op: Retype, type_: Fixed) -> float:
    """A carry chain's first LUT where the value is rounded, and those that see whether bits below the half are set;
    comparisons and a choice where it saturates, a mask for the sign."""
    cut = op.input_type.fraction - type_.fraction
    rounds = op.rounding is not Rounding.TRN and cut > 0
    sticky = rounds and op.rounding is not Rounding.RND
    saturates = op.overflow is not Overflow.WRAP and not type_.contains(op.input_type)
    above = max(op.input_type.integer - type_.integer, 0)
    luts = rounds + sticky * max(cut - 1, 0) / 5
    return luts + (above / 3 + type_.width if saturates else 0)
