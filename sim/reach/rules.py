"""How bounds go through operators: what comes out, and what comes to each step inside, in the steps' order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..cast import Cast
from ..fixed import IntArray
from ..op import Operator, Spec
from ..ops.activation import Activation, Kind
from ..ops.add import Add
from ..ops.average_pool2d import AveragePool2D
from ..ops.batch_norm import BatchNorm
from ..ops.conv2d import Conv2D
from ..ops.dense import Dense
from ..ops.depthwise_conv2d import DepthwiseConv2D
from ..ops.global_average_pool2d import GlobalAveragePool2D
from ..ops.global_max_pool2d import GlobalMaxPool2D
from ..ops.max_pool2d import MaxPool2D
from ..ops.prelu import PReLU
from ..ops.retype import Retype
from ..rounding import Rounding
from ..table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING
from ..window import window_counts
from .bound import Bound, addresses, rounded

Steps = list["Bound | None"]
Found = tuple["Bound | None", Steps]
Rule = Callable[[Any, list[Bound], list[Spec]], Found]
LARGEST = 1 << 22
"""Tensors of more elements are not followed element by element."""
RULES: dict[type[Operator], Rule] = {}


def rule(*kinds: type[Operator]) -> Callable[[Rule], Rule]:
    """Registers the rule of some operators; a bound of None is the output's whole type."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register


def moved(op: Operator, sources: list[Bound], inputs: list[Spec]) -> Bound:
    """Values that are handed on, at most with zeros beside them."""
    parts = []
    for part in ("low", "high", "step"):
        arrays = [np.broadcast_to(getattr(x, part), spec.shape)[np.newaxis] for x, spec in zip(sources, inputs)]
        moved_to = op.compute(*arrays)[0]
        parts.append(moved_to.reshape(-1, moved_to.shape[-1]))
    low, high, step = parts
    least = low.min(axis=0)
    return Bound(least, high.max(axis=0), np.gcd(np.gcd.reduce(step, axis=0), np.gcd.reduce(low - least, axis=0)))


def _sum(terms: IntArray, op: Any, low: IntArray, high: IntArray, step: IntArray) -> Bound:
    """``sum(terms * x) + bias`` over the first two axes of terms; x's ends and steps have shapes that fit to terms."""
    acc = op.accumulator
    ends = terms * low, terms * high
    apart = np.gcd.reduce((terms * step).reshape(-1, terms.shape[-1]), axis=0) << acc.product_shift
    least, most = (
        (each.sum(axis=(0, 1)) << acc.product_shift) + (op.bias << acc.bias_shift)
        for each in (np.minimum(*ends), np.maximum(*ends))
    )
    return Bound(least, most, apart)


def _with_zero(x: Bound, padded: bool) -> tuple[IntArray, IntArray, IntArray]:
    """A bound's ends and step where zeros come beside its values."""
    if not padded:
        return x.low, x.high, x.step
    return np.minimum(x.low, 0), np.maximum(x.high, 0), np.gcd(x.step, x.low)


@rule(Dense)
def _dense(op: Dense, sources: list[Bound], inputs: list[Spec]) -> Found:
    (x,) = sources
    low, high, step = (part.reshape(1, -1, 1) for part in (x.low, x.high, x.step))
    return _sum(op.kernel[np.newaxis], op, low, high, step), []


@rule(Conv2D)
def _conv2d(op: Conv2D, sources: list[Bound], inputs: list[Spec]) -> Found:
    terms = op.kernel.reshape(-1, *op.kernel.shape[2:])
    low, high, step = (part.reshape(1, -1, 1) for part in _with_zero(sources[0], bool(np.any(op.padding))))
    return _sum(terms, op, low, high, step), []


@rule(DepthwiseConv2D)
def _depthwise(op: DepthwiseConv2D, sources: list[Bound], inputs: list[Spec]) -> Found:
    kh, kw, channels, multiplier = op.kernel.shape
    terms = op.kernel.reshape(kh * kw, 1, channels * multiplier)
    every = [np.broadcast_to(part, channels) for part in _with_zero(sources[0], bool(np.any(op.padding)))]
    low, high, step = (np.repeat(part, multiplier).reshape(1, 1, -1) for part in every)
    return _sum(terms, op, low, high, step), []


@rule(BatchNorm)
def _batch_norm(op: BatchNorm, sources: list[Bound], inputs: list[Spec]) -> Found:
    (x,) = sources
    low, high, next_ = (op.compute(end[np.newaxis])[0] for end in (x.low, x.high, x.low + x.step))
    return Bound(np.minimum(low, high), np.maximum(low, high), np.abs(next_ - low)), []


@rule(Add)
def _add(op: Add, sources: list[Bound], inputs: list[Spec]) -> Found:
    if not all(len(x.low) == 1 for x in sources) and len({len(x.low) for x in sources} - {1}) > 1:
        return None, []
    low, high = (sum(op.aligned([getattr(x, end) for x in sources])) for end in ("low", "high"))
    steps = op.aligned([x.step for x in sources])
    return Bound(np.asarray(low), np.asarray(high), np.gcd(*steps)), []


@rule(MaxPool2D, GlobalMaxPool2D)
def _max_pool(op: Any, sources: list[Bound], inputs: list[Spec]) -> Found:
    return sources[0], []


@rule(PReLU)
def _prelu(op: PReLU, sources: list[Bound], inputs: list[Spec]) -> Found:
    return None, [sources[0]]


@rule(Retype)
def _retype(op: Retype, sources: list[Bound], inputs: list[Spec]) -> Found:
    if not op.per_pixel:
        return None, []
    used = [kind for kind, type_ in enumerate(op.types) if type_ is not None]
    ups = [0 if type_ is None else op.output_type.fraction - type_.fraction for type_ in op.types]
    rows = [(0, 0, 0) if t is None else (t.raw_min << up, t.raw_max << up, 1 << up) for t, up in zip(op.types, ups)]
    own = Bound(*np.array(rows, dtype=np.int64).T[:, op.kinds])
    return own, [sources[0].at(np.flatnonzero(op.kinds == kind)) for kind in used]


@rule(AveragePool2D)
def _average_pool(op: AveragePool2D, sources: list[Bound], inputs: list[Spec]) -> Found:
    counts = np.unique(window_counts(inputs[0].shape, op.pool, op.strides, op.padding))
    return _means(op, sources[0], [int(count) for count in counts])


@rule(GlobalAveragePool2D)
def _global_average(op: GlobalAveragePool2D, sources: list[Bound], inputs: list[Spec]) -> Found:
    height, width, _ = inputs[0].shape
    return _means(op, sources[0], [height * width])


def _means(op: Any, x: Bound, counts: list[int]) -> Found:
    """Divisions of sums of so many values, and then the overflow."""
    sums = [Bound(x.low * count, x.high * count, x.step) for count in counts]
    ends = [[division.exact(end) for end in (s.low, s.high)] for s, division in zip(sums, map(op.division, counts))]
    means = Bound.between(np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0))
    found = rounded(means, op.output_type.fraction, Cast(op.output_type, Rounding.TRN, op.overflow))
    return found, [*sums, means]


@rule(Activation)
def activation(op: Activation, sources: list[Bound], inputs: list[Spec]) -> Found:
    """A function of one value: bent at its threshold, and straight or flat elsewhere; or a table."""
    (x,) = sources
    if op.table_type is not None:
        to = Cast(op.table_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW)
        address = addresses(x, op.input_type.fraction, to)
        return entries(op.table, address), [x, address]
    free, exact = _exact(op, x, limited=False), _exact(op, x, limited=True)
    steps: Steps = [x] if op.bends else []
    steps += [free] if (op.lower, op.upper) != (None, None) else []
    return rounded(exact, op.exact_fraction, Cast(op.output_type, op.rounding, op.overflow)), [*steps, exact]


def _exact(op: Activation, x: Bound, limited: bool) -> Bound:
    """The value before the rounding: its extremes are at the ends and where the function bends."""
    places = [x.low, x.high, *(np.clip(bend, x.low, x.high) for bend in (-1, 0, 1))]
    found = np.stack([op.exact(place, limited) for place in places])
    low, high = found.min(axis=0), found.max(axis=0)
    if op.kind not in (Kind.LINEAR, Kind.RELU) or (op.lower, op.upper) != (None, None):
        return Bound.between(low, high)
    up = op.exact_fraction - op.input_type.fraction
    step, start = x.step << up, x.low << up
    if op.kind is Kind.RELU:  # zeros come beside the values' own grid
        step = np.where(x.low < 0, np.gcd(step, start), step)
    return Bound(low, high, step)


def entries(table: IntArray, address: Bound) -> Bound:
    """The least and the largest entry that an address reaches, of each channel."""
    beside = [int(table[end & (len(table) - 1)]) for end in address.ends]
    known: dict[tuple[int, int], list[int]] = {}
    for c in range(len(address.low)):
        low, high, _ = address.channel(c)
        if (low, high) not in known:
            entries = table[np.arange(low, high + 1) & (len(table) - 1)]
            known[low, high] = [min([int(entries.min()), *beside]), max([int(entries.max()), *beside])]
    low, high = np.array([known[address.channel(c)[:2]] for c in range(len(address.low))]).T
    return Bound.between(low, high)
