"""Roots by piecewise-linear tables: the lines are the best ones, the proven error holds and is not idle, and the steps
are those of a slow definition in Python's integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsmith.sim.cast import Cast
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.piecewise import PiecewiseLinear
from bitsmith.sim.root import Form, Root, bit_length, gain_type

SEED = 20261122
FUNCTIONS = ("square_root", "reciprocal", "reciprocal_square_root")
KINDS = list(product(Form, (False, True), (False, True)))  # form, inverse, newton
KIND_NAMES = [f"{f.value}{', inverse' * i}{', newton' * n}" for f, i, n in KINDS]


def root(
    form: Form,
    inverse: bool,
    newton: bool,
    width: int = 32,
    segments: int = 64,
    high: int = 2**24 - 1,
    fraction: int = 12,
) -> Root:
    """Sums from 1 to ``high``; a gain of 16 bits that holds the largest."""
    source = Fixed.holding(0, high, fraction)
    ends = math.sqrt(high / 2**fraction), math.sqrt(2**fraction)
    gain = Cast(gain_type(ends[0] if inverse else ends[1], 16))
    return Root(source, 1, high, gain, inverse, form, segments, width, newton)


def sums(r: Root, count: int) -> IntArray:
    """Random magnitudes, and around each power of two."""
    rng = np.random.default_rng(SEED)
    bits = r.high.bit_length()
    spread = np.exp2(rng.uniform(0, math.log2(r.high), count)).astype(np.int64)
    edges = np.concatenate([[2**k - 1, 2**k, 2**k + 1] for k in range(bits + 1)])
    return np.unique(np.clip(np.concatenate([spread, edges, [r.low, r.high]]), r.low, r.high))


def relative_error(r: Root, s: IntArray) -> float:
    """The largest of the root before it is rounded to the gain's type; float64 adds less than 2**-50."""
    m, h = r.normalize(s)
    found = np.ldexp(r.root(m).astype(np.float64), (h if r.inverse else -h) - r.fraction)
    exact = np.sqrt(np.ldexp(s.astype(np.float64), r.odd))
    return float(np.abs(found / (exact if r.inverse else 1 / exact) - 1).max())


# --- the slow definition: one sum at a time, in Python's integers, whose // is the floor ------------------------------


def slow_line(table: PiecewiseLinear, x: int) -> int:
    """The line's value at ``x``: which octave, which of its equal segments, how far into it."""
    one, each = 1 << table.fraction, table.segments // table.octaves
    octave = 1 if x >= 2 * one else 0
    size = one << octave
    k, rest = divmod((x - size) * each, size)  # segments from the octave's start; the rest in units of 1 / size
    d = (rest << table.offset_bits) // size
    line = int(table.intercepts[octave * each + k]) + int(table.slopes[octave * each + k]) * d
    return line // (1 << table.shift)


def slow_gain(r: Root, s: int) -> int:
    """The raw gain of a raw sum; every cut is a floor to ``fraction`` bits, the last rounding is to even."""
    one, f = 2**r.fraction, r.source.fraction
    s, f = (2 * s, f + 1) if f % 2 else (s, f)
    h = (s.bit_length() - 1) // 2
    assert 4**h <= s < 4 ** (h + 1)
    m = s * one // 4**h
    found = slow_root(r, m)
    power = (h - f // 2) * (1 if r.inverse else -1) + r.gain.type.fraction - r.fraction
    t = r.gain.type
    return min(max(nearest_even(found, power), t.raw_min), t.raw_max)


def nearest_even(value: int, power: int) -> int:
    """``value * 2**power`` as an integer."""
    if power >= 0:
        return value << power
    down, rest = divmod(value, 1 << -power)
    half = 1 << (-power - 1)
    return down + (rest > half or (rest == half and down % 2 == 1))


def slow_root(r: Root, m: int) -> int:
    """m's root; with a Newton step the tables see and give 16 fraction bits at the most."""
    one = 1 << r.fraction
    if not r.newton:
        return slow_roots(r, m, one)[0 if r.inverse else 1]
    small = min(one, 1 << 16)
    q, y = slow_roots(r, m * small // one, small)
    if r.inverse:
        q = min(max(q, small), 2 * small - 1)
        rest = (m * small**2 - q**2 * one) // small**2  # m - q**2
        return q * (one // small) + y * rest // (2 * small)
    rest = (one * small - (m * y // small) * y) // small  # 1 - m * y * y
    return y * (one // small) + y * rest // (2 * small)


def slow_roots(r: Root, m: int, one: int) -> tuple[int, int]:
    """m's square root and its reciprocal, by the tables; 0 for what is not needed."""
    if r.form is Form.RECIPROCAL_SQUARE_ROOT:
        reciprocal = slow_line(r.tables["reciprocal_square_root"], m)
        return m * reciprocal // one, reciprocal
    square_root = slow_line(r.tables["square_root"], m)
    if r.inverse and not r.newton:
        return square_root, 0
    return square_root, slow_line(r.tables["reciprocal"], min(max(square_root, one), 2 * one - 1))


@pytest.mark.parametrize(("form", "inverse", "newton"), KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("width", [8, 16, 17, 24, 32])
def test_the_steps_are_the_definition_s(form: Form, inverse: bool, newton: bool, width: int) -> None:
    for fraction, high in ((12, 2**24 - 1), (11, 3 * 2**20), (-3, 900), (30, 2**26 + 5)):
        r = root(form, inverse, newton, width, 16, high, fraction)
        s = sums(r, 150)
        assert r(s).tolist() == [slow_gain(r, int(one)) for one in s]


# --- the tables -------------------------------------------------------------------------------------------------------

EXACT: dict[str, Callable[[Decimal], Decimal]] = {
    "square_root": lambda x: x.sqrt(),
    "reciprocal": lambda x: 1 / x,
    "reciprocal_square_root": lambda x: 1 / x.sqrt(),
}
SLOPES: dict[str, Callable[[Decimal], Decimal]] = {  # where the function's derivative is this
    "square_root": lambda s: 1 / (4 * s * s),
    "reciprocal": lambda s: 1 / (-s).sqrt(),
    "reciprocal_square_root": lambda s: (1 / (4 * s * s)) ** (Decimal(1) / 3),
}


def segments_of(table: PiecewiseLinear) -> Iterator[tuple[int, Decimal, Decimal]]:
    """Number, start and end of each."""
    each = table.segments // table.octaves
    for k in range(table.segments):
        size = 2 ** (k // each)
        start = size * (1 + Decimal(k % each) / each)
        yield k, start, start + Decimal(size) / each


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("segments", "width"), [(4, 8), (16, 12), (64, 18), (64, 32), (256, 27)])
def test_every_line_is_the_best_one_for_its_slope(function: str, segments: int, width: int) -> None:
    """In 50 digits: the slope is the chord's, rounded; the intercept lies half way between the two parallels that touch
    the function, within one unit (float64 made it)."""
    table = PiecewiseLinear(function, segments, width)
    with localcontext() as context:
        context.prec = 50
        for k, start, end in segments_of(table):
            places = Decimal(2) ** table.offset_bits
            unit = Decimal(2) ** (table.fraction + table.shift)
            f = EXACT[function]
            slope = (f(end) - f(start)) / places * unit
            assert abs(int(table.slopes[k]) - slope) <= Decimal("0.5000001")
            stored = int(table.slopes[k]) * places / (end - start) / unit
            touch = min(max(SLOPES[function](stored), start), end)
            distances = [f(x) - stored * (x - start) for x in (start, touch, end)]
            middle = (max(distances) + min(distances)) / 2 * unit
            rounding = (1 << table.shift) // 2
            assert abs(int(table.intercepts[k]) - rounding - middle) <= 1


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("segments", [16, 64, 256])
def test_the_best_line_beats_the_chord_by_a_bit(function: str, segments: int) -> None:
    """The chord's error is all on one side: half of it is the best line's, but for what the slope's rounding costs."""
    table = PiecewiseLinear(function, segments, 32)
    worst = 0.0
    for _, start, end in segments_of(table):
        a, b = float(start), float(end)
        x = np.linspace(a, b, 2001)
        f = np.vectorize(lambda v: float(EXACT[function](Decimal(v))))(np.array([a, b]))
        chord = f[0] + (f[1] - f[0]) * (x - a) / (b - a)
        exact = {"square_root": np.sqrt(x), "reciprocal": 1 / x, "reciprocal_square_root": 1 / np.sqrt(x)}[function]
        worst = max(worst, float(np.abs(chord / exact - 1).max()))
    assert 0.9 <= math.log2(worst / table.line_error) <= 1.05


@pytest.mark.parametrize(
    ("segments", "bits"),
    [(32, (14.1, 13.0, 12.5)), (64, (16.0, 15.0, 14.5)), (128, (18.0, 17.0, 16.4)), (256, (20.0, 19.0, 18.4))],
)
def test_the_errors_are_those_that_theory_gives(segments: int, bits: tuple[float, ...]) -> None:
    """Computed beforehand and elsewhere, in bits: square root, reciprocal, reciprocal square root. Those lines have the
    least relative error, ours the least absolute one: an eighth of a bit apart at the most."""
    for function, expected in zip(FUNCTIONS, bits):
        line_error = PiecewiseLinear(function, segments, 32).line_error
        assert abs(-math.log2(line_error) - expected) < 0.13, function


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("width", [8, 9, 12, 14])
def test_a_table_on_every_argument(function: str, width: int) -> None:
    """All of the domain: the error holds, comes close to its bound, and results stay between ``low`` and ``high``."""
    for segments in (4, 8, 16):
        table = PiecewiseLinear(function, segments, width)
        x = np.arange(1 << table.fraction, (1 << table.fraction) * 2**table.octaves)
        y, v = table(x), np.ldexp(x.astype(np.float64), -table.fraction)
        exact = {"square_root": np.sqrt(v), "reciprocal": 1 / v, "reciprocal_square_root": 1 / np.sqrt(v)}[function]
        error = np.abs(np.ldexp(y.astype(np.float64), -table.fraction) / exact - 1).max()
        assert table.error / 2 <= error <= table.error
        assert (int(y.min()), int(y.max())) == (table.low, table.high)


# --- the proven error -------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(KINDS),
    st.integers(8, 32),
    st.sampled_from([4, 8, 16, 32, 64, 128, 256]),
    st.integers(1, 44),
    st.integers(-4, 30),
    st.integers(0, 2**30),
)
def test_the_error_is_never_exceeded(
    kind: tuple[Form, bool, bool], width: int, segments: int, bits: int, fraction: int, seed: int
) -> None:
    high = (1 << bits) - 1
    r = root(*kind, width, min(segments, 2 ** (width - 3)), high, fraction)
    rng = np.random.default_rng(seed)
    random = np.exp2(rng.uniform(0, bits, 400)).astype(np.int64)
    s = np.unique(np.concatenate([np.clip(random, 1, high), sums(r, 100)]))
    assert relative_error(r, s) <= r.error + 2.0**-50


@pytest.mark.parametrize(("form", "inverse", "newton"), KINDS, ids=KIND_NAMES)
def test_the_error_on_every_mantissa(form: Form, inverse: bool, newton: bool) -> None:
    """Widths at which every m can be tried; sums so long that bits of them are cut."""
    for width, segments in ((8, 4), (10, 8), (12, 16), (14, 8)):
        r = root(form, inverse, newton, width, segments, 2**20 - 1, 0)
        s = np.arange(2**18, 2**20)
        assert relative_error(r, s) <= r.error


@pytest.mark.parametrize(("form", "inverse", "newton"), KINDS, ids=KIND_NAMES)
def test_the_error_is_not_idle(form: Form, inverse: bool, newton: bool) -> None:
    """A bound that is never half used would be a bad one: some width and number of segments uses it for each form."""
    used = []
    for width, segments in product((12, 16, 20, 27, 32), (4, 16, 64, 256)):
        r = root(form, inverse, newton, width, segments)
        used.append(relative_error(r, sums(r, 20_000)) / r.error)
    assert max(used) <= 1
    assert max(used) >= 0.5


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("form", Form)
def test_a_newton_step_squares_the_error(form: Form, inverse: bool) -> None:
    plain, newton = (root(form, inverse, n, 32, 64).error for n in (False, True))
    assert newton < 2 * plain**2 + 2.0**-26
    assert relative_error(root(form, inverse, True, 32, 64), sums(root(form, inverse, True), 5000)) < 2.0**-26


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_bits_of_a_number() -> None:
    values = [n for k in range(62) for n in (2**k - 1, 2**k, 2**k + 1) if 0 < n < 2**62]
    assert bit_length(np.array(values)).tolist() == [n.bit_length() for n in values]


@given(st.floats(2.0**-20, 2.0**20), st.integers(2, 24))
def test_a_gain_type_is_the_finest_that_holds(high: float, width: int) -> None:
    t = gain_type(high, width)
    assert t.width == width
    wanted, finer = high * (1 + 2.0**-7), Fixed(False, t.integer - 1, width - t.integer + 1)
    assert finer.raw_max * 2.0**-finer.fraction < wanted <= t.raw_max * 2.0**-t.fraction


TABLE_ERRORS = {
    "an unknown function": (("cube_root", 64, 32), "no lines for the function 'cube_root'; known are square_root"),
    "7 bits": (("square_root", 64, 7), "an internal width of 7 bits; use 8 to 32"),
    "33 bits": (("square_root", 64, 33), "an internal width of 33 bits; use 8 to 32"),
    "48 segments": (("square_root", 48, 32), "48 segments; use a power of two from 4 to 1024"),
    "2 segments": (("square_root", 2, 32), "2 segments; use a power of two from 4"),
    "1 segment": (("reciprocal", 1, 32), "1 segments; use a power of two from 2"),
    "2048 segments": (("reciprocal", 2048, 32), "2048 segments; use a power of two from 2 to 1024"),
    "more segments than places": (("reciprocal", 64, 8), "64 segments need more than 8 bits inside"),
}


@pytest.mark.parametrize("name", TABLE_ERRORS)
def test_tables_that_are_refused(name: str) -> None:
    arguments, message = TABLE_ERRORS[name]
    with pytest.raises(BitsmithError, match=message):
        PiecewiseLinear(*arguments)


def test_roots_that_are_refused() -> None:
    u16, form = Fixed(False, 8, 8), Form.RECIPROCAL_SQUARE_ROOT
    with pytest.raises(BitsmithError, match="can be zero"):
        Root(u16, 0, 100, Cast(u16), False, form, 64, 32, False)
    with pytest.raises(BitsmithError, match=r"signed and a root is not; use ufixed"):
        Root(u16, 1, 100, Cast(Fixed(True, 7, 8)), False, form, 64, 32, False)
    with pytest.raises(BitsmithError, match="48 segments"):
        Root(u16, 1, 100, Cast(u16), False, form, 48, 32, False)
    wide = Fixed(False, 61, 0)
    with pytest.raises(BitsmithError, match="62 is the most; use a narrower input"):
        Root(wide, 1, 2**60, Cast(u16), False, form, 64, 32, False)
