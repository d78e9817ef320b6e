"""The entropy coder: everything comes back, and the words follow from integers alone."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lic_codecs import BYTE, SCALE

from bitsmith.models.lic import tables
from bitsmith.models.lic.coder import Reader, Writer
from bitsmith.models.lic.tables import TOTAL, Table
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, IntArray

pytest.importorskip("constriction")

Y = tables.make([0], [[1.0]], SCALE).y
SIXTEEN, WIDEST, BIT = Fixed(True, 15, 0), Fixed(True, 62, 0), Fixed(False, 1, 0)


def coded(messages: list[tuple[Table, IntArray, Fixed]]) -> bytes:
    writer = Writer()
    for table, values, type in messages:
        writer.put(table, values, type)
    return writer.finish()


def check_back(messages: list[tuple[Table, IntArray, Fixed]]) -> None:
    reader = Reader(coded(messages))
    for table, values, type in messages:
        np.testing.assert_array_equal(reader.take(table, values.size, type), values.ravel())
    reader.finish()


@pytest.mark.parametrize("k", range(len(Y)))
def test_every_table_codes_every_integer(k: int) -> None:
    """All of 8 bits, then what no table knows: 16 bits, and both ends of 63."""
    rng = np.random.default_rng(k)
    bytes_, wide = np.arange(-128, 128), rng.integers(-(1 << 15), 1 << 15, 50)
    ends = np.array([WIDEST.raw_min, WIDEST.raw_max, 0, -1])
    check_back([(Y[k], rng.permutation(bytes_), BYTE), (Y[k], wide, SIXTEEN), (Y[k], ends, WIDEST)])


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, len(Y) - 1), st.lists(st.integers(-(1 << 15), (1 << 15) - 1), max_size=30)),
        max_size=12,
    )
)
def test_any_messages_come_back(given: list[tuple[int, list[int]]]) -> None:
    check_back([(Y[k], np.array(values, np.int64), SIXTEEN) for k, values in given])


class Plain:
    """The asymmetric numeral system in Python's own integers, from its definition (Duda 2009): no float, no package.

    64-bit state, 32-bit words, frequencies in units of 2^-24, as constriction's documentation says.
    """

    def __init__(self, data: bytes) -> None:
        self.words = list(struct.unpack(f"<{len(data) // 4}I", data))
        self.state = 0
        while self.words and self.state < 1 << 32:
            self.state = self.state << 32 | self.words.pop()

    def take(self, frequencies: list[int]) -> int:
        """A symbol; ``frequencies`` sum to 2^24."""
        at, left, symbol = self.state % (1 << 24), 0, 0
        while left + frequencies[symbol] <= at:
            left, symbol = left + frequencies[symbol], symbol + 1
        self.state = (self.state >> 24) * frequencies[symbol] + at - left
        if self.state < 1 << 32 and self.words:
            self.state = self.state << 32 | self.words.pop()
        return symbol

    def values(self, table: Table, count: int, type: Fixed) -> list[int]:
        """As the format says: all symbols, then what escaped, 16 bits at a time, the lowest first."""
        symbols = [self.take([256 * f for f in table.frequencies]) for _ in range(count)]
        escaped = [i for i, symbol in enumerate(symbols) if symbol == table.escape]
        found = [table.first + symbol for symbol in symbols]
        rest = [type.raw_min] * len(escaped)
        for low in range(0, type.width, 16):
            bits = min(16, type.width - low)
            pieces = [self.take([1 << (24 - bits)] * (1 << bits)) for _ in escaped]
            rest = [r + (piece << low) for r, piece in zip(rest, pieces)]
        for i, value in zip(escaped, rest):
            found[i] = value
        return found


@pytest.mark.parametrize(
    "kind", [BYTE, BIT, Fixed(False, 9, 0), Fixed(True, 16, 0)], ids=["8 bits", "1 bit", "9 bits", "17 bits"]
)
def test_the_words_are_those_of_the_integers(kind: Fixed) -> None:
    """Decoded from the tables' integers without any float: so no machine's arithmetic can read them otherwise."""
    rng = np.random.default_rng(kind.width)
    odd = [Table(-1, (1, 1, TOTAL - 2)), Table(0, (TOTAL - 1, 1)), Table(3, tuple([1] * 4095 + [TOTAL - 4095]))]
    messages = []
    for table in [*Y[::7], *odd]:
        spread = rng.normal(0, max(1, table.escape / 6), 40).round().astype(np.int64) + table.first + table.escape // 2
        messages.append((table, np.clip(spread, kind.raw_min, kind.raw_max), kind))
    plain = Plain(coded(messages))
    for table, values, type in messages:
        assert plain.values(table, len(values), type) == values.tolist()
    assert (plain.words, plain.state) == ([], 0)


def test_the_length_is_the_entropys() -> None:
    """Symbols drawn from a table cost what its frequencies say, and two words at most."""
    table = Y[30]
    p = np.array(table.frequencies[:-1]) / sum(table.frequencies[:-1])
    values = np.random.default_rng(3).choice(np.arange(table.first, table.first + table.escape), 20_000, p=p)
    bits = -np.log2(np.array(table.frequencies)[values - table.first] / TOTAL).sum()
    assert bits <= 8 * len(coded([(table, values, BYTE)])) <= bits + 64


def test_nothing_costs_nothing() -> None:
    assert coded([]) == coded([(Y[5], np.empty(0, np.int64), BYTE)]) == b""


def test_words_that_are_none() -> None:
    with pytest.raises(BitsmithError, match="damaged"):
        Reader(b"\0\0\0\0")  # constriction's words never end in zero
    with pytest.raises(BitsmithError, match="damaged"):
        Reader(b"abc")
    reader = Reader(coded([(Y[9], np.arange(-5, 5), BYTE)]))
    reader.take(Y[9], 4, BYTE)
    with pytest.raises(BitsmithError, match="damaged"):
        reader.finish()  # six symbols were never asked for
    certain = Table(5, (TOTAL - 1, 1))
    with pytest.raises(BitsmithError, match="damaged"):
        Reader(coded([(certain, np.array([5]), BYTE)])).take(certain, 1, BIT)  # 5 is no bit
