"""Integers to compressed words and back: constriction's asymmetric numeral system on integer frequencies.

constriction takes probabilities as floats and computes the cumulative frequency of symbol i of n, in units of 2^-24, as
``floor(sum(p[:i]) * (2^24 - n) / sum(p)) + i``. Given ``p = 256 f - 1`` with integers f that sum to 2^16, the sum is
2^24 - n, the factor exactly 1, and the result ``256 * sum(f[:i])``: every step is exact in float64, on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray
from .packages import package
from .tables import TOTAL, Table

PRECISION_BITS = 24
_UNIT = (1 << PRECISION_BITS) // TOTAL
_PIECE = 16
DAMAGED = "the compressed data is damaged; get the file again"


class Writer:
    """Collects values in the order in which the ``Reader`` will ask for them."""

    def __init__(self) -> None:
        self._messages: list[tuple[Any, NDArray[np.int32]]] = []

    def put(self, table: Table, values: IntArray, type: Fixed) -> None:
        """Values of one table; what it has no symbol for follows in full, ``type.width`` bits each."""
        index = values.ravel() - table.first
        escaped = (index < 0) | (index >= table.escape)
        self._add(_model(table), np.where(escaped, table.escape, index))
        rest = values.ravel()[escaped] - type.raw_min
        for low, bits in _pieces(type):
            self._add(_uniform(bits), (rest >> low) & ((1 << bits) - 1))

    def finish(self) -> bytes:
        """The compressed words, little-endian. The coder is a stack: the last value goes in first."""
        coder = package("constriction").stream.stack.AnsCoder()
        for model, symbols in reversed(self._messages):
            coder.encode_reverse(symbols, model)
        words: NDArray[np.uint32] = coder.get_compressed()
        return words.astype("<u4").tobytes()

    def _add(self, model: Any, symbols: IntArray) -> None:
        if len(symbols):
            self._messages.append((model, symbols.astype(np.int32)))


class Reader:
    """The values of ``Writer.finish``'s words; BitsmithError where they are not such words."""

    def __init__(self, data: bytes) -> None:
        try:
            words = np.frombuffer(data, "<u4").astype(np.uint32)
            self._coder: Any = package("constriction").stream.stack.AnsCoder(words)
        except ValueError:
            raise BitsmithError(DAMAGED) from None

    def take(self, table: Table, count: int, type: Fixed) -> IntArray:
        """``count`` values that ``Writer.put`` was given with the same table and type."""
        index = self._take(_model(table), count)
        values = index + table.first
        escaped = index == table.escape
        values[escaped] = self._rest(int(escaped.sum()), type)
        if count and not type.raw_min <= int(values.min()) <= int(values.max()) <= type.raw_max:
            raise BitsmithError(DAMAGED)
        return values

    def finish(self) -> None:
        """BitsmithError unless every word is used up."""
        if not self._coder.is_empty():
            raise BitsmithError(DAMAGED)

    def _rest(self, count: int, type: Fixed) -> IntArray:
        rest = np.zeros(count, np.int64)
        for low, bits in _pieces(type):
            rest |= self._take(_uniform(bits), count) << low
        return rest + type.raw_min

    def _take(self, model: Any, count: int) -> IntArray:
        symbols = self._coder.decode(model, count) if count else np.empty(0)
        return np.asarray(symbols).astype(np.int64)


@lru_cache(1024)
def _model(table: Table) -> Any:
    """The table as constriction's model; each frequency counts ``256 f`` of 2^24 (see above)."""
    weights = np.array(table.frequencies, np.float64) * _UNIT - 1
    return package("constriction").stream.model.Categorical(weights, perfect=False)


@lru_cache(1024)
def _uniform(bits: int) -> Any:
    """Plain bits: each value counts 2^(24 - bits)."""
    return package("constriction").stream.model.Uniform(1 << bits)


def _pieces(type: Fixed) -> list[tuple[int, int]]:
    """(lowest bit, bits) of the pieces in which a value of the type is written in full, at most 16 bits each."""
    return [(low, min(_PIECE, type.width - low)) for low in range(0, type.width, _PIECE)]
