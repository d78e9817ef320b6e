"""Softmax over the last axis by two tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray, Overflow, Rounding, requantize
from ..op import Operator, Spec
from ..params import freeze_enum
from ..table import address, lookup, table


@dataclass(frozen=True, eq=False)
class Softmax(Operator):
    """``y[i] = round(exp(x[i] - max x) * reciprocal(sum_j exp(x[j] - max x)))``, any shape, over the last axis.

    1. ``d[i] = max x - x[i]``, exact and never negative; rounded and saturated to ``difference_type`` (unsigned).
    2. ``e[i] = exp_table[d[i]]`` of ``exp_type`` (unsigned), the nearest value of ``exp(-d)``.
    3. ``s = sum e``, exact; rounded and saturated to ``sum_type`` (unsigned).
    4. ``r = reciprocal_table[s]`` of ``reciprocal_type`` (unsigned), the nearest value of ``1 / s``.
    5. ``y[i] = e[i] * r``, exact, then one rounding and overflow to ``output_type``.

    The largest input always has the largest output (unless ``overflow`` is WRAP or SAT_ZERO and 1 does not fit): each
    step is monotone in x[i], and r is common to all. Two different inputs can still meet in one output, where they
    round to one d, one e or one y; then the largest is shared, and an argmax that takes the first may name another
    index than the argmax of the logits. It names the same one for certain where no other output equals the largest.
    A decision is therefore better taken from the logits, and ``argmax`` is.
    """

    stem: ClassVar[str] = "softmax"
    per_pixel: ClassVar[bool] = True

    input_type: Fixed
    difference_type: Fixed
    exp_type: Fixed
    sum_type: Fixed
    reciprocal_type: Fixed
    output_type: Fixed
    rounding: Rounding = Rounding.RND_CONV
    overflow: Overflow = Overflow.SAT

    def __post_init__(self) -> None:
        freeze_enum(self, "rounding", Rounding)
        freeze_enum(self, "overflow", Overflow)
        for name in ("difference_type", "exp_type", "sum_type", "reciprocal_type"):
            if getattr(self, name).signed:
                raise BitsmithError(f"softmax: {name} {getattr(self, name)} is signed; its values are never negative")
        if self.exp_type.width + self.reciprocal_type.width > 62:
            raise BitsmithError("softmax: exp_type times reciprocal_type needs more than 62 bits; use narrower tables")
        self.exp_table, self.reciprocal_table  # noqa: B018  a bad table is an error now, not later

    @cached_property
    def exp_table(self) -> IntArray:
        """Entries of ``exp(-d)``, indexed by raw ``difference_type``."""
        return table("exp_negative", self.difference_type, self.exp_type)

    @cached_property
    def reciprocal_table(self) -> IntArray:
        """Entries of ``1 / s``, indexed by raw ``sum_type``; 1/0 is the largest value."""
        return table("reciprocal", self.sum_type, self.reciprocal_type)

    def total_type(self, classes: int) -> Fixed:
        """The exact type of step 3's sum."""
        return Fixed.holding(0, self.exp_type.raw_max * classes, self.exp_type.fraction)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        self.total_type(inputs[0].shape[-1])
        return Spec(inputs[0].shape, self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x = inputs[0]
        difference = x.max(axis=-1, keepdims=True) - x
        e = lookup(self.exp_table, address(difference, self.input_type.fraction, self.difference_type))
        total = address(e.sum(axis=-1, keepdims=True), self.exp_type.fraction, self.sum_type)
        product = e * lookup(self.reciprocal_table, total)
        fraction = self.exp_type.fraction + self.reciprocal_type.fraction
        return requantize(product, fraction, self.output_type, self.rounding, self.overflow)
