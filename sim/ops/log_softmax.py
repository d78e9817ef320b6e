"""The logarithm of a softmax over the last axis, by two tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray, Overflow, Rounding, requantize
from ..interval import checked
from ..op import Operator, Spec
from ..params import freeze_enum
from ..table import address, lookup, table


@dataclass(frozen=True, eq=False)
class LogSoftmax(Operator):
    """``y[i] = round(-(max x - x[i]) - log(sum_j exp(x[j] - max x)))``, any shape, over the last axis.

    1. ``d[i] = max x - x[i]``, exact and never negative.
    2. ``e[i] = exp_table[d[i]]`` of ``exp_type`` (unsigned), the nearest value of ``exp(-d)``, d rounded and saturated
       to ``difference_type`` (unsigned).
    3. ``s = sum e``, exact; rounded and saturated to ``sum_type`` (unsigned).
    4. ``l = log_table[s]`` of ``log_type`` (unsigned), the nearest value of ``log s``, 0 for sums below 1.
    5. ``y[i] = -(d[i] + l)``, exact, then one rounding and overflow to ``output_type``.

    The order of the inputs is that of the outputs, but for those that round to one value or are saturated.
    """

    stem: ClassVar[str] = "log_softmax"
    per_pixel: ClassVar[bool] = True

    input_type: Fixed
    difference_type: Fixed
    exp_type: Fixed
    sum_type: Fixed
    log_type: Fixed
    output_type: Fixed
    rounding: Rounding = Rounding.RND_CONV
    overflow: Overflow = Overflow.SAT

    def __post_init__(self) -> None:
        freeze_enum(self, "rounding", Rounding)
        freeze_enum(self, "overflow", Overflow)
        for name in ("difference_type", "exp_type", "sum_type", "log_type"):
            if getattr(self, name).signed:
                raise BitsmithError(
                    f"log_softmax: {name} {getattr(self, name)} is signed; its values are never negative"
                )
        self.exp_table, self.log_table  # noqa: B018  a bad table is an error now, not later
        self.exact_type  # noqa: B018  and so is a type that is too wide

    @cached_property
    def exp_table(self) -> IntArray:
        """Entries of ``exp(-d)``, indexed by raw ``difference_type``."""
        return table("exp_negative", self.difference_type, self.exp_type)

    @cached_property
    def log_table(self) -> IntArray:
        """Entries of ``log s``, indexed by raw ``sum_type``."""
        return table("log", self.sum_type, self.log_type)

    @property
    def exact_difference(self) -> Fixed:
        """The type of step 1's differences."""
        return checked(0, self.input_type.raw_max - self.input_type.raw_min, self.input_type.fraction)

    @property
    def exact_type(self) -> Fixed:
        """The type of step 5's sums ``-(d + l)``."""
        d, log = self.exact_difference, self.log_type
        fraction = max(d.fraction, log.fraction)
        most = (d.raw_max << (fraction - d.fraction)) + (log.raw_max << (fraction - log.fraction))
        return checked(-most, 0, fraction)

    def total_type(self, classes: int) -> Fixed:
        """The exact type of step 3's sum."""
        return checked(0, self.exp_type.raw_max * classes, self.exp_type.fraction)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        self.total_type(inputs[0].shape[-1])
        return Spec(inputs[0].shape, self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x, exact = inputs[0], self.exact_type
        difference = x.max(axis=-1, keepdims=True) - x
        e = lookup(self.exp_table, address(difference, self.input_type.fraction, self.difference_type))
        total = address(e.sum(axis=-1, keepdims=True), self.exp_type.fraction, self.sum_type)
        log = lookup(self.log_table, total) << (exact.fraction - self.log_type.fraction)
        y = -((difference << (exact.fraction - self.input_type.fraction)) + log)
        return requantize(y, exact.fraction, self.output_type, self.rounding, self.overflow)
