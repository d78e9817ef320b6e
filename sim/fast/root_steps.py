"""The fast step of gdn: blocks of pixels that stay in the cache, from the squares to the rounding behind the gain.

Everything is float64 that holds exact integers, but for the root itself (``Root.root``, int64). What is exact and why:

* A square is an integer of at most 2**53 (``gdn_step`` checks), so is its rounding.
* gamma is never negative and neither is a square, so every partial sum of the product and of beta, in any order, is at
  most the whole: exact where ``Accumulator.magnitude`` is at most 2**53. Where it is more, the squares are split into
  ``high * 2**split + low``; ``high`` and ``low`` times a column of gamma's sum are at most 2**53, so both products are
  exact, and they are joined in int64, which holds the whole by the accumulator's own limit of 62 bits.
* m and h of ``s = m * 4**h`` are bits of the float64 s itself: its exponent and its 53 leading bits, none of them lost.
* The root has at most 32 bits and is scaled by a power of two; the gain is one rounding of that, with at most 53 bits.
* x times the gain is at most 2**53 by its type, and the activation behind it is exact as everywhere (``Epilogue``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..cast import Cast
from ..fixed import Fixed, IntArray
from ..graph import Node
from ..op import Spec
from ..ops.activation import Activation, Kind
from ..ops.gdn import GDN
from ..root import Root
from .bands import blocks
from .epilogue import Epilogue, carrier, magnitude
from .registry import fused
from .steps import Array, Buffers, Run, Step, tensor_dtype

_LEADING = 52  # bits of a float64 behind the leading one
_EXPONENT_BIAS = 1023
_EXACT = 1 << 53


@dataclass(frozen=True)
class GDNStep(Step):
    """GDN, then an activation (optional). ``split``: bits of the squares' lower part; None: sums are exact whole."""

    op: GDN
    epilogue: Epilogue | None
    split: int | None

    def bind(self, buffers: Buffers) -> Run:
        out, source = self.new_output(buffers), buffers[self.inputs[0]]
        contiguous = source.flags.c_contiguous
        copy = source if contiguous else buffers.new(source.shape, source.dtype)
        channels = self.op.channels
        pixels, places = copy.reshape(-1, channels), out.reshape(-1, channels)
        parts = [(pixels[block], places[block]) for block in blocks(len(pixels), channels)]

        def run() -> None:
            if not contiguous:
                np.copyto(copy, source)
            for x, y in parts:
                np.copyto(y, self._block(x.astype(np.float64)), casting="unsafe")

        return run

    def _block(self, x: Array) -> Array:
        """(pixels, channels) of outputs, in units of the epilogue's output, of inputs in float64."""
        squares = x * x
        if self._square:
            squares *= 2.0**self._square.exponent
            self._square.apply(squares)
        root = self.op.root
        m, h = normalize(self._sum(squares), root) if self.split is None else root.normalize(self._split_sum(squares))
        y: Array = root.root(m) * self._scales[h]
        self._gain.apply(y)
        y = np.multiply(y, x, out=y if y.shape == x.shape else None)
        if self.epilogue:
            if self.epilogue.exponent:
                y *= 2.0**self.epilogue.exponent
            self.epilogue.apply(y)
        return y

    def _sum(self, squares: Array) -> Array:
        gamma, beta = self._weights
        s: Array = squares @ gamma
        s += beta
        return s

    def _split_sum(self, squares: Array) -> IntArray:
        assert self.split is not None
        high = np.floor(squares * 2.0**-self.split)
        low = squares - high * 2.0**self.split
        sums, n = self.op.accumulator, self.op.gains
        gamma = self.op.gamma[:, :n].astype(np.float64)
        s = ((high @ gamma).astype(np.int64) << self.split) + (low @ gamma).astype(np.int64)
        return (s << sums.product_shift) + (self.op.beta[:n] << sums.bias_shift)

    @cached_property
    def _weights(self) -> tuple[Array, Array]:
        """gamma and beta of each gain, aligned."""
        sums, n = self.op.accumulator, self.op.gains
        return self.op.gamma[:, :n] * 2.0**sums.product_shift, self.op.beta[:n] * 2.0**sums.bias_shift

    @cached_property
    def _square(self) -> Epilogue | None:
        cast = self.op.square
        return None if cast is None else _rounding(self.op.exact_square, cast)

    @cached_property
    def _gain(self) -> Epilogue:
        """The gain of a scaled root."""
        root = self.op.root
        bits = root.width + 1 + root.most
        return _rounding(Fixed(False, bits - root.scaled_fraction, root.scaled_fraction), root.gain)

    @cached_property
    def _scales(self) -> Array:
        """The factors that bring a root to units of the gain, by h."""
        root = self.op.root
        h = np.arange(root.most + 1)
        return np.ldexp(1.0, (h if root.inverse else root.most - h) + self._gain.exponent)


def normalize(s: Array, root: Root) -> tuple[IntArray, IntArray]:
    """``root.normalize`` of integers below 2**53 in float64, from their bits."""
    bits = s.view(np.int64)
    h = bits >> _LEADING
    h += root.odd - _EXPONENT_BIAS  # the exponent of s << odd
    m = bits & ((1 << _LEADING) - 1)
    m |= 1 << _LEADING
    m <<= h & 1
    m >>= _LEADING - root.fraction
    h >>= 1
    return m, h


def gdn_step(inputs: tuple[str, ...], output: str, spec: Spec, op: GDN, epilogue: Epilogue | None) -> GDNStep | None:
    """The step, or None where a value inside is not exact."""
    if tensor_dtype(op.input_type).kind != "f":
        return None
    step = GDNStep(inputs, output, spec, op, epilogue, None)
    needs = [_reach(t) for t in (op.exact_square, op.square_type, op.gain.type, op.product_type)]
    needs += [e.needs() for e in (step._square, epilogue) if e]
    exponents = [abs(e.exponent) for e in (step._square, step._gain, epilogue) if e]
    if carrier(max(needs), max(exponents)) is None:
        return None
    if op.accumulator.magnitude < _EXACT:
        return step
    split = find_split(op)
    return None if split is None else GDNStep(inputs, output, spec, op, epilogue, split)


@fused(GDN, takes_in=(Activation,))
def fused_gdn(chain: list[Node], specs: dict[str, Spec], epilogue: Epilogue | None) -> Step | None:
    first, last = chain[0], chain[-1].name
    assert isinstance(first.op, GDN)
    return gdn_step(first.inputs, last, specs[last], first.op, epilogue)


def find_split(op: GDN) -> int | None:
    """Bits of the squares' lower part with which both products are exact in float64, if there are."""
    column = int(max(op.gamma.sum(axis=0, dtype=object)))
    largest = op.square_type.raw_max
    split = -(-largest.bit_length() // 2)
    return split if max((1 << split) - 1, largest >> split) * column <= _EXACT else None


def _rounding(source: Fixed, cast: Cast) -> Epilogue:
    return Epilogue(Activation(source, Kind.LINEAR, cast.type, cast.rounding, cast.overflow))


def _reach(type: Fixed) -> int:
    return magnitude(type.raw_min, type.raw_max)
