"""Element-wise functions with one rounding: the operator that brings an exact accumulator to a declared type."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError
from ..fixed import Constant, Fixed, IntArray, Overflow, Rounding, requantize
from ..op import Operator, Spec
from ..params import freeze_enum
from ..table import address, lookup, table
from ..watch import Limited, Split, watched

ONE, ZERO = Constant(1), Constant(0)


class Kind(str, Enum):
    """What happens before the rounding."""

    LINEAR = "linear"
    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    THRESHOLDED_RELU = "thresholded_relu"
    ABSOLUTE = "absolute"
    HARD_SIGMOID = "hard_sigmoid"
    HARD_TANH = "hard_tanh"
    TABLE = "table"


_HARD = (Kind.HARD_SIGMOID, Kind.HARD_TANH)
_SPLIT = (Kind.RELU, Kind.LEAKY_RELU, Kind.THRESHOLDED_RELU, Kind.ABSOLUTE)


@dataclass(frozen=True, eq=False)
class Activation(Operator):
    """``y = round(clip(g(x), lower, upper))``: the product and the limits are exact, then one rounding and overflow.

    ========================== ===========================================================================
    linear                     ``g(x) = x``: a bare requantization (QKeras quantized_bits)
    relu                       ``g(x) = max(x, 0)``; relu6 has ``upper = 6``
    leaky_relu                 ``g(x) = x`` where x >= 0, else ``slope * x``
    thresholded_relu           ``g(x) = x`` where x >= offset, else 0; the offset is the threshold, not below 0
    absolute                   ``g(x) = |x|``: one more value than a signed input has above zero
    hard_sigmoid, hard_tanh    ``g(x) = slope * x + offset`` with both limits. QKeras's hard sigmoid: slope 0.5,
                               offset 0.5, limits 0 and 1; its hard tanh: slope 1, offset 0, limits -1 and 1.
                               Keras 2: slope 0.2; Keras 3: slope 1/6 (both as the nearest ``Constant``)
    table                      ``y = table(function, table_type, ...)[x rounded to table_type]``, see sim/table.py;
                               the slope is that of elu below zero
    ========================== ===========================================================================

    Any shape; the output has the input's shape and ``output_type``.
    """

    stem: ClassVar[str] = "activation"
    per_pixel: ClassVar[bool] = True

    input_type: Fixed
    kind: Kind
    output_type: Fixed
    rounding: Rounding = Rounding.RND_CONV
    overflow: Overflow = Overflow.SAT
    slope: Constant = ONE
    offset: Constant = ZERO
    lower: Constant | None = None
    upper: Constant | None = None
    function: str = ""
    table_type: Fixed | None = None

    def __post_init__(self) -> None:
        freeze_enum(self, "kind", Kind)
        freeze_enum(self, "rounding", Rounding)
        freeze_enum(self, "overflow", Overflow)
        self._check_fields()
        if self.kind is Kind.TABLE:
            self.table  # noqa: B018  a bad table is an error now, not later
        else:
            self.exact_type  # noqa: B018

    def _check_fields(self) -> None:
        if (self.kind is Kind.TABLE) != bool(self.function) or (self.kind is Kind.TABLE) != (
            self.table_type is not None
        ):
            raise BitsmithError("activation: function and table_type belong to kind 'table' and only there; give both")
        if self.slope != ONE and self.kind not in (*_HARD, Kind.LEAKY_RELU, Kind.TABLE):
            raise BitsmithError(f"activation: kind '{self.kind.value}' has no slope; leave it out")
        if self.offset != ZERO and self.kind not in (*_HARD, Kind.THRESHOLDED_RELU):
            raise BitsmithError(f"activation: kind '{self.kind.value}' has no offset; leave it out")
        most = self.input_type.raw_max << (self.exact_fraction - self.input_type.fraction)
        if self.kind is Kind.THRESHOLDED_RELU and not 0 <= self.aligned(self.offset) <= most:
            raise BitsmithError(f"activation: the threshold must be a value from 0 to the largest of {self.input_type}")
        if self.kind in _HARD and (self.lower is None or self.upper is None):
            raise BitsmithError(f"activation: kind '{self.kind.value}' needs both limits; give lower and upper")
        if self.lower is not None and self.upper is not None and float(self.lower) > float(self.upper):
            raise BitsmithError("activation: the lower limit is above the upper; exchange them")

    @property
    def exact_fraction(self) -> int:
        """Fraction bits of the value before the rounding: no product or limit loses a bit."""
        limits = [c.fraction for c in (self.lower, self.upper) if c is not None]
        offset = [self.offset.fraction] if self.offset != ZERO else []
        return max(self.input_type.fraction, self.input_type.fraction + self.slope.fraction, *limits, *offset)

    @cached_property
    def exact_type(self) -> Fixed:
        """The type that holds every value before the limits are applied (not for kind table)."""
        ends = [self._slope_and_offset(x) for x in (self.input_type.raw_min, 0, self.input_type.raw_max)]
        limits = [self.aligned(c) for c in (self.lower, self.upper) if c is not None]
        return Fixed.holding(min(*ends, *limits), max(*ends, *limits), self.exact_fraction)

    def aligned(self, constant: Constant) -> int:
        """The constant as a raw integer with ``exact_fraction``, in which a zero takes no bits."""
        return constant.raw << (self.exact_fraction - constant.fraction) if constant.raw else 0

    def _slope_and_offset(self, x: int) -> int:
        plain = x << (self.exact_fraction - self.input_type.fraction)
        scaled = (self.slope.raw * x) << (self.exact_fraction - self.input_type.fraction - self.slope.fraction)
        if self.kind is Kind.RELU:
            return max(plain, 0)
        if self.kind is Kind.THRESHOLDED_RELU:
            return plain if plain >= self.aligned(self.offset) else 0
        if self.kind is Kind.ABSOLUTE:
            return abs(plain)
        if self.kind is Kind.LEAKY_RELU:
            return plain if x >= 0 else scaled
        return scaled + self.aligned(self.offset) if self.kind in _HARD else plain

    def exact(self, x: IntArray, limited: bool = True) -> IntArray:
        """The value before the rounding, raw with ``exact_fraction`` (no table): with its limits, or without."""
        plain = x << (self.exact_fraction - self.input_type.fraction)
        if watched() and self.bends:
            self._show_sides(x)
        if self.kind in (Kind.LEAKY_RELU, *_HARD):
            scaled = (x * self.slope.raw) << (self.exact_fraction - self.input_type.fraction - self.slope.fraction)
            hard = self.kind in _HARD
            plain = scaled + self.aligned(self.offset) if hard else np.where(x < 0, scaled, plain)
        if self.kind is Kind.RELU:
            plain = np.maximum(plain, 0)
        if self.kind is Kind.THRESHOLDED_RELU:
            plain = np.where(plain >= self.aligned(self.offset), plain, 0)
        if self.kind is Kind.ABSOLUTE:
            plain = np.abs(plain)
        lower, upper = (self.aligned(c) if c is not None and limited else None for c in (self.lower, self.upper))
        if (watcher := watched()) and (lower, upper) != (None, None):
            watcher(plain, Limited(lower, upper, self.exact_step))
        if lower is not None:
            plain = np.maximum(plain, lower)
        return plain if upper is None else np.minimum(plain, upper)

    @property
    def exact_step(self) -> int:
        """How far apart two values lie before the limits, at the least (raw, not for kind table)."""
        up = self.exact_fraction - self.input_type.fraction
        plain, scaled = 1 << up, abs(self.slope.raw) << (up - self.slope.fraction)
        return max(scaled, 1) if self.kind in _HARD else min(plain, scaled or plain)

    @property
    def bends(self) -> bool:
        """Whether its two sides are different functions; limits are no sides."""
        return self.kind in _SPLIT

    def _show_sides(self, x: IntArray) -> None:
        """To who watches: where the function bends."""
        watcher, up = watched(), self.exact_fraction - self.input_type.fraction
        assert watcher is not None, "it was asked for"
        at = -(-self.aligned(self.offset) >> up)  # the first input that is not below
        watcher(x, Split(at, 1) if self.kind is Kind.THRESHOLDED_RELU else Split(0))

    @cached_property
    def table(self) -> IntArray:
        """The entries (kind table only), indexed by the bits of ``table_type``."""
        assert self.table_type is not None
        given = {n: float(c) for n, c in (("lower", self.lower), ("upper", self.upper)) if c is not None}
        if self.slope != ONE:
            given["slope"] = float(self.slope)
        return table(self.function, self.table_type, self.output_type, self.rounding, self.overflow, **given)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        return Spec(inputs[0].shape, self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        if self.table_type is not None:
            return lookup(self.table, address(inputs[0], self.input_type.fraction, self.table_type))
        return requantize(self.exact(inputs[0]), self.exact_fraction, self.output_type, self.rounding, self.overflow)
