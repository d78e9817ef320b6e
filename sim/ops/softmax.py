"""Softmax over the last axis by two tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Constant, Fixed, IntArray, Overflow, Rounding, requantize
from ..op import Operator, Spec
from ..params import freeze_enum
from ..table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING, lookup, table

ONE = Constant(1)


@dataclass(frozen=True, eq=False)
class Softmax(Operator):
    """``y[i] = round(exp(x[i] - max x) * reciprocal(sum_j exp(x[j] - max x)))``, any shape, over the last axis.

    1. ``d[i] = max x - x[i]``, exact and never negative; rounded and saturated to ``difference_type``.
    2. ``e[i] = exp_table[d[i]]`` of ``exp_type`` (unsigned), the nearest value of ``exp(-d)``.
    3. ``s = sum e``, exact; rounded and saturated to ``sum_type``.
    4. ``r = reciprocal_table[s]`` of ``reciprocal_type`` (unsigned), the nearest value of ``1 / s``.
    5. ``y[i] = e[i] * r``, exact, then one rounding and overflow to ``output_type``.

    Not ``stable``: ``d = x`` in step 1 and ``exp(d)`` in step 2. The exponent is multiplied by ``scale``. ``float32``:
    the tables are those of HGQ2, which computes them in float32 and adds 1e-7 to the sum. Other roundings and overflows
    than to nearest and saturating may be given for steps 1 and 3; only where they wrap may their types be signed.

    By these steps the largest input always has the largest output (unless an overflow wraps and the values do not fit,
    or ``overflow`` is SAT_ZERO and 1 does not fit): each
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
    stable: bool = True
    scale: Constant = ONE
    float32: bool = False
    difference_rounding: Rounding = ADDRESS_ROUNDING
    difference_overflow: Overflow = ADDRESS_OVERFLOW
    sum_rounding: Rounding = ADDRESS_ROUNDING
    sum_overflow: Overflow = ADDRESS_OVERFLOW

    def __post_init__(self) -> None:
        for part in ("", "difference_", "sum_"):
            freeze_enum(self, f"{part}rounding", Rounding)
            freeze_enum(self, f"{part}overflow", Overflow)
        wraps = {"sum_type": self.sum_overflow, "difference_type": self.difference_overflow}
        for name in ("difference_type", "exp_type", "sum_type", "reciprocal_type"):
            free = wraps.get(name) is Overflow.WRAP or (name == "difference_type" and not self.stable)
            if getattr(self, name).signed and not free:
                raise BitsmithError(f"softmax: {name} {getattr(self, name)} is signed; its values are never negative")
        if self.scale != ONE and not self.float32:
            raise BitsmithError(f"softmax: scale {float(self.scale)} without float32 has no table; leave it at 1")
        if self.exp_type.width + self.reciprocal_type.width > 62:
            raise BitsmithError("softmax: exp_type times reciprocal_type needs more than 62 bits; use narrower tables")
        self.exp_table, self.reciprocal_table  # noqa: B018  a bad table is an error now, not later

    @cached_property
    def exp_table(self) -> IntArray:
        """Entries of ``exp(-d)``, or of ``exp(d)`` where not stable, indexed by raw ``difference_type``."""
        function = f"exp{'_negative' if self.stable else ''}{self._precision}"
        return table(function, self.difference_type, self.exp_type, slope=float(self.scale))

    @cached_property
    def reciprocal_table(self) -> IntArray:
        """Entries of ``1 / s``, indexed by raw ``sum_type``; 1/0 is the largest value."""
        return table(f"reciprocal{self._precision}", self.sum_type, self.reciprocal_type)

    @property
    def _precision(self) -> str:
        return "_float32" if self.float32 else ""

    def total_type(self, classes: int) -> Fixed:
        """The exact type of step 3's sum."""
        return Fixed.holding(0, self.exp_type.raw_max * classes, self.exp_type.fraction)

    def keeps_order(self, classes: int) -> bool:
        """Whether the largest of so many inputs certainly has the largest output: nothing wraps around."""
        x = self.input_type
        exponents = (0, x.raw_max - x.raw_min) if self.stable else (x.raw_min, x.raw_max)
        totals = (0, int(self.exp_table.max()) * classes)
        return all(
            overflow is not Overflow.WRAP or _reaches(to, ends, fraction)
            for to, overflow, ends, fraction in (
                (self.difference_type, self.difference_overflow, exponents, x.fraction),
                (self.sum_type, self.sum_overflow, totals, self.exp_type.fraction),
            )
        )

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        self.total_type(inputs[0].shape[-1])
        return Spec(inputs[0].shape, self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x = inputs[0]
        exact = x.max(axis=-1, keepdims=True) - x if self.stable else x
        ways = (self.difference_rounding, self.difference_overflow)
        e = lookup(self.exp_table, requantize(exact, self.input_type.fraction, self.difference_type, *ways))
        total, ways = e.sum(axis=-1, keepdims=True), (self.sum_rounding, self.sum_overflow)
        total = requantize(total, self.exp_type.fraction, self.sum_type, *ways)
        product = e * lookup(self.reciprocal_table, total)
        fraction = self.exp_type.fraction + self.reciprocal_type.fraction
        return requantize(product, fraction, self.output_type, self.rounding, self.overflow)


def _reaches(to: Fixed, ends: tuple[int, int], fraction: int) -> bool:
    """Whether raw values between the ``ends`` stay in the range of ``to``, in whose steps they are rounded."""
    finest = max(to.fraction, fraction)
    low, high = (raw << (finest - fraction) for raw in ends)
    step = finest - to.fraction
    return low >= to.raw_min << step and high <= to.raw_max << step
