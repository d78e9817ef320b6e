"""What the reference computes, as Verilog expressions on a frame's elements: what a proof compares hardware with.

Nothing here knows an operator. ``moved`` asks ``compute`` where each place goes, ``affine`` for its constants and
factors, and ``tabulated`` for its results on every frame that there can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bitsmith.hw.rtl.layout import Layout
from bitsmith.sim.fixed import IntArray
from bitsmith.sim.op import Operator, Spec

MOST_BITS = 16
"""Of all inputs together, for a table of every frame."""
Beats = list[list[str]]


def in_beats(values: list[str], output: Layout) -> Beats:
    """Expressions in the order of the output tensor as they leave; void lanes are "": anything."""
    return [["" if k < 0 else values[k] for k in row] for row in output.index()]


def moved(op: Operator, specs: tuple[Spec, ...], output: Layout) -> Beats:
    """An operator that computes nothing: ``op`` on types of 16 bits, whose values are here places, 0 for a zero."""
    places, start = [], 1
    for spec in specs:
        size = int(np.prod(spec.shape))
        places.append(np.arange(start, start + size).reshape(1, *spec.shape))
        start += size
    names = ["0"] + [f"x{k}_{i}" for k, spec in enumerate(specs) for i in range(int(np.prod(spec.shape)))]
    return in_beats([names[int(v)] for v in op.compute(*places).ravel()], output)


def affine(op: Operator, specs: tuple[Spec, ...], output: Layout) -> Beats:
    """A constant and a sum of factors times elements, for each output; what is not this is refused."""
    sizes = [int(np.prod(spec.shape)) for spec in specs]
    names = [f"x{k}_{i}" for k, size in enumerate(sizes) for i in range(size)]
    constants = _results(op, specs, np.zeros((1, sum(sizes)), np.int64))[0]
    factors = _results(op, specs, np.eye(sum(sizes), dtype=np.int64)) - constants
    trial = np.random.default_rng(1).integers(0, 2, (64, sum(sizes)))
    assert np.array_equal(_results(op, specs, trial), trial @ factors + constants), "not a sum"
    bits = output.type.width + 1
    texts = []
    for constant, column in zip(constants, factors.T):
        terms = [literal(int(constant), bits)]
        terms += [f"{literal(int(f), bits)} * {_number(names[i], i, specs, sizes)}" for i, f in enumerate(column) if f]
        texts.append(" + ".join(terms))
    return in_beats(texts, output)


def tabulated(op: Operator, specs: tuple[Spec, ...], output: Layout) -> Beats:
    """A table for each bit of an output, on those bits that it depends on."""
    ranges, names = _ranges(specs)
    every = np.stack([axis.ravel() for axis in np.meshgrid(*ranges, indexing="ij")], axis=1)
    results = _results(op, specs, every)
    widths = [spec.type.width for spec in specs for _ in range(int(np.prod(spec.shape)))]
    address = [f"{name}[{bit}]" for name, width in zip(names, widths) for bit in reversed(range(width))]
    return in_beats([table(column, address, output.type.width) for column in results.T], output)


def table(values: IntArray, address: Sequence[str], width: int) -> str:
    """The low ``width`` bits of ``values``, one for each number that the bits ``address``, the highest first, make."""
    bits = [_choice([(int(v) >> k) & 1 for v in values], address) for k in range(width)]
    return f"{{{', '.join(reversed(bits))}}}"


def _choice(flags: Sequence[int], address: Sequence[str]) -> str:
    """Decisions, a bit of the address after another."""
    if len(set(flags)) == 1:
        return f"1'd{flags[0]}"
    middle = len(flags) // 2
    low, high = flags[:middle], flags[middle:]
    if low == high:
        return _choice(low, address[1:])
    return f"({address[0]} ? {_choice(high, address[1:])} : {_choice(low, address[1:])})"


def _ranges(specs: tuple[Spec, ...]) -> tuple[list[IntArray], list[str]]:
    """Of each element, its values in the order of its bits as an unsigned number; its name."""
    ranges, names = [], []
    for k, spec in enumerate(specs):
        width = spec.type.width
        raw = np.arange(1 << width)
        values = np.where(raw > spec.type.raw_max, raw - (1 << width), raw)
        size = int(np.prod(spec.shape))
        ranges += [values] * size
        names += [f"x{k}_{i}" for i in range(size)]
    assert sum(len(v).bit_length() - 1 for v in ranges) <= MOST_BITS, "too many frames for a table"
    return ranges, names


def _results(op: Operator, specs: tuple[Spec, ...], flat: NDArray[np.int64]) -> IntArray:
    """(frames, elements of the output) from (frames, elements of all inputs)."""
    ends = np.cumsum([int(np.prod(spec.shape)) for spec in specs])[:-1]
    parts = [part.reshape(len(flat), *spec.shape) for part, spec in zip(np.split(flat, ends, axis=1), specs)]
    return op.compute(*parts).reshape(len(flat), -1)


def _number(name: str, index: int, specs: tuple[Spec, ...], sizes: list[int]) -> str:
    """The element as a signed number."""
    k = int(np.searchsorted(np.cumsum(sizes), index, side="right"))
    return name if specs[k].type.signed else f"$signed({{1'b0, {name}}})"


def literal(value: int, bits: int) -> str:
    return f"-{bits}'sd{-value}" if value < 0 else f"{bits}'sd{value}"
