"""Fixed-point types, rounding and overflow: against ap_fixed itself (g++), fxpmath and exact fractions."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept import compiled
from numpy.testing import assert_array_equal

from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Constant, Fixed, IntArray, Overflow, Rounding, quantize, requantize, to_float, to_fxp

MODES = [(rounding, overflow) for rounding in Rounding for overflow in Overflow]
SEED = 20261121
RAW = st.integers(-(1 << 63), (1 << 63) - 1)


def types(most: int = 63) -> st.SearchStrategy[Fixed]:
    def make(signed: bool, width: int, fraction: int) -> Fixed:
        return Fixed(signed, width - int(signed) - fraction, fraction)

    return st.builds(make, st.booleans(), st.integers(1, most), st.integers(-20, 80))


def exact(value: Fraction, target: Fixed, rounding: Rounding, overflow: Overflow) -> int:
    """ap_fixed's meaning in exact fractions, from UG1399's prose and not from the code under test."""
    scaled = value * Fraction(2) ** target.fraction
    below, above = scaled.__floor__(), scaled.__ceil__()
    zero, away = (above, below) if scaled < 0 else (below, above)
    tie = {
        Rounding.RND: above,
        Rounding.RND_MIN_INF: below,
        Rounding.RND_ZERO: zero,
        Rounding.RND_INF: away,
        Rounding.RND_CONV: below if below % 2 == 0 else above,
    }
    if rounding is Rounding.TRN:
        raw = below
    elif rounding is Rounding.TRN_ZERO:
        raw = zero
    elif scaled - below == above - scaled:
        raw = tie[rounding]
    else:
        raw = below if scaled - below < above - scaled else above
    symmetric = overflow is Overflow.SAT_SYM and target.signed and target.width > 1
    low = -target.raw_max if symmetric else target.raw_min
    if low <= raw <= target.raw_max:
        return raw
    if overflow is Overflow.WRAP:
        return (raw - target.raw_min) % (1 << target.width) + target.raw_min
    return 0 if overflow is Overflow.SAT_ZERO else low if raw < low else target.raw_max


# --- ap_fixed through g++ ---------------------------------------------------------------------------------------------

# Each pair is one template instantiation: a source type, a target type. Small ones are compared exhaustively.
SMALL = [
    ("fixed<7,3>", "fixed<4,2>"),
    ("fixed<7,3>", "ufixed<3,2>"),
    ("ufixed<7,3>", "fixed<4,1>"),
    ("ufixed<6,2>", "ufixed<4,3>"),
    ("fixed<6,2>", "fixed<1,1>"),
    ("fixed<6,6>", "fixed<5,3>"),
    ("fixed<6,-1>", "fixed<3,1>"),
    ("fixed<5,8>", "fixed<6,7>"),
]
WIDE = [
    ("fixed<60,20>", "fixed<33,10>"),
    ("fixed<60,20>", "ufixed<24,9>"),
    ("ufixed<62,30>", "fixed<45,25>"),
    ("fixed<40,12>", "fixed<63,13>"),
]

PROGRAM = r"""
#include "ap_fixed.h"
#include "ap_int.h"
#include <cstdint>
#include <cstdio>
#include <vector>

static std::vector<int64_t> read() {
    int64_t count = 0;
    if (std::fread(&count, 8, 1, stdin) != 1) return {};
    std::vector<int64_t> raw(count);
    if (std::fread(raw.data(), 8, count, stdin) != (size_t)count) return {};
    return raw;
}

template <class S, class T> void convert(const std::vector<int64_t> &raws) {
    for (int64_t raw : raws) {
        S source = 0;
        source.range(S::width - 1, 0) = ap_uint<S::width>((unsigned long long)raw);
        T target = source;
        uint64_t bits = target.range(T::width - 1, 0).to_uint64();
        std::fwrite(&bits, 8, 1, stdout);
    }
}

int main() {
%s
    return 0;
}
"""


def conversions() -> list[tuple[Fixed, Fixed, IntArray]]:
    rng = np.random.default_rng(SEED)
    cases = []
    for source_text, target_text in SMALL:
        source, target = Fixed.parse(source_text)[0], Fixed.parse(target_text)[0]
        cases.append((source, target, np.arange(source.raw_min, source.raw_max + 1)))
    for source_text, target_text in WIDE:
        source, target = Fixed.parse(source_text)[0], Fixed.parse(target_text)[0]
        shift = max(source.fraction - target.fraction, 0)
        spread = rng.integers(source.raw_min, source.raw_max, 2000, endpoint=True) >> rng.integers(
            0, source.width, 2000
        )
        ties = (rng.integers(-500, 500, 400) << shift) + (1 << shift >> 1)
        edges = np.array([source.raw_min, source.raw_min + 1, source.raw_max - 1, source.raw_max])
        raw = np.concatenate([spread, ties, ties + 1, ties - 1, edges])
        cases.append((source, target, raw[(raw >= source.raw_min) & (raw <= source.raw_max)]))
    return cases


def run_ap_fixed(folder: Path) -> list[IntArray]:
    """The raw results of every case in every mode pair, in order, by the ap_types that hls4ml brings along."""
    spec = find_spec("hls4ml")
    if spec is None or spec.origin is None:
        pytest.fail("this test needs hls4ml; install it (the project requires it)")
    headers = Path(spec.origin).parent / "templates" / "vivado" / "ap_types"
    lines = []
    for source, target, _ in conversions():
        lines.append("    { auto raws = read();")
        for rounding, overflow in MODES:
            lines.append(f"    convert<{source.ap_type()}, {target.ap_type(rounding, overflow)}>(raws);")
        lines.append("    }")
    (folder / "oracle.cpp").write_text(PROGRAM % "\n".join(lines))
    types = [str(path) for path in sorted(headers.rglob("*")) if path.is_file()]
    flags = ["-std=c++11", "-O0", "-w", f"-I{headers}"]
    compiled(flags, ["oracle.cpp"], ["oracle.cpp", *types], folder, folder / "oracle")
    data = b"".join(np.int64(len(raw)).tobytes() + raw.astype("<i8").tobytes() for _, _, raw in conversions())
    done = subprocess.run([folder / "oracle"], input=data, capture_output=True, check=True)
    bits = np.frombuffer(done.stdout, "<i8")
    results = []
    for _, target, raw in conversions():
        for _ in MODES:
            part, bits = bits[: len(raw)], bits[len(raw) :]
            spare = 64 - target.width if target.signed else 0
            results.append((part << spare) >> spare)  # sign extension of the target's bits
    assert len(bits) == 0
    return results


def test_every_mode_pair_equals_ap_fixed(tmp_path: Path) -> None:
    results = iter(run_ap_fixed(tmp_path))
    compared = 0
    for source, target, raw in conversions():
        for rounding, overflow in MODES:
            ours = requantize(raw, source.fraction, target, rounding, overflow)
            label = f"{source} -> {target.ap_type(rounding, overflow)}"
            assert_array_equal(ours, next(results), err_msg=label)
            compared += len(raw)
            if abs(raw).max() < 1 << 53 and max(-target.raw_min, target.raw_max) <= 1 << 53:
                as_float = requantize(raw.astype(np.float64), source.fraction, target, rounding, overflow)
                assert as_float.dtype == np.float64
                assert_array_equal(as_float.astype(np.int64), ours, err_msg=f"float64 {label}")
            if abs(raw).max() < 1 << 24:
                as_float = requantize(raw.astype(np.float32), source.fraction, target, rounding, overflow)
                assert as_float.dtype == np.float32
                assert_array_equal(as_float.astype(np.int64), ours, err_msg=f"float32 {label}")
    assert compared > 100_000


# --- exact fractions --------------------------------------------------------------------------------------------------


@given(RAW, st.integers(-20, 140), types(), st.sampled_from(MODES))
@settings(max_examples=1500, deadline=None, derandomize=True)
def test_requantize_is_exact_for_every_int64(
    raw: int, source_fraction: int, target: Fixed, modes: tuple[Rounding, Overflow]
) -> None:
    value = Fraction(raw) / Fraction(2) ** source_fraction
    assert int(requantize(np.array([raw]), source_fraction, target, *modes)[0]) == exact(value, target, *modes)


@given(st.integers(-(1 << 53), 1 << 53), st.integers(-20, 140), types(53), st.sampled_from(MODES))
@settings(max_examples=1500, deadline=None, derandomize=True)
def test_requantize_on_floats_is_exact(
    raw: int, source_fraction: int, target: Fixed, modes: tuple[Rounding, Overflow]
) -> None:
    value = Fraction(raw) / Fraction(2) ** source_fraction
    ours = requantize(np.array([float(raw)]), source_fraction, target, *modes)
    assert Fraction(float(ours[0])) == exact(value, target, *modes)
    assert not np.signbit(ours[ours == 0]).any()


@given(st.floats(allow_nan=False, allow_infinity=False), types(), st.sampled_from(MODES))
@settings(max_examples=1500, deadline=None, derandomize=True)
def test_quantize_is_exact_for_every_double(x: float, target: Fixed, modes: tuple[Rounding, Overflow]) -> None:
    assert int(quantize(np.array([x]), target, *modes)[0]) == exact(Fraction(x), target, *modes)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), types(), st.sampled_from(MODES))
@settings(max_examples=1000, deadline=None, derandomize=True)
def test_quantize_is_exact_for_every_single(x: float, target: Fixed, modes: tuple[Rounding, Overflow]) -> None:
    assert int(quantize(np.array([x], np.float32), target, *modes)[0]) == exact(Fraction(x), target, *modes)


@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf])
def test_quantize_refuses_what_is_not_finite(x: float) -> None:
    with pytest.raises(BitsmithError, match="finite"):
        quantize([0.0, x], Fixed(True, 3, 4))


def test_quantize_refuses_what_is_no_number() -> None:
    for bad in (["a"], [1 + 2j], [None]):
        with pytest.raises(BitsmithError, match="cannot be quantized"):
            quantize(np.array(bad), Fixed(True, 3, 4))


def test_quantize_takes_integers_booleans_and_nothing() -> None:
    assert_array_equal(quantize([True, False], Fixed(False, 1, 2)), [4, 0])
    assert_array_equal(quantize(np.array([3, -300], np.int16), Fixed(True, 7, 0)), [3, -128])
    assert_array_equal(quantize(np.array([2**64 - 1], np.uint64), Fixed(False, 8, 0)), [255])
    assert quantize(np.zeros((0, 3)), Fixed(True, 3, 4)).shape == (0, 3)


def test_a_float_carrier_that_is_too_short_is_refused() -> None:
    with pytest.raises(BitsmithError, match="float32"):
        requantize(np.zeros(1, np.float32), 0, Fixed(True, 30, 0))


# --- fxpmath ----------------------------------------------------------------------------------------------------------

FXP_ROUNDING = {
    Rounding.TRN: "floor",
    Rounding.TRN_ZERO: "fix",
    Rounding.RND_CONV: "around",
}
FXP_OVERFLOW = {Overflow.SAT: "saturate", Overflow.WRAP: "wrap"}


@pytest.mark.parametrize("rounding", FXP_ROUNDING)
@pytest.mark.parametrize("overflow", FXP_OVERFLOW)
def test_fxpmath_agrees(rounding: Rounding, overflow: Overflow) -> None:
    make: Any = import_module("fxpmath").Fxp
    x = np.random.default_rng(SEED).normal(0, 6, 4000)
    x = np.concatenate([x, np.arange(-64, 64) / 8])
    for target in (Fixed(True, 3, 2), Fixed(False, 4, 1), Fixed(True, 0, 5)):
        theirs = make(
            x,
            signed=target.signed,
            n_word=target.width,
            n_frac=target.fraction,
            rounding=FXP_ROUNDING[rounding],
            overflow=FXP_OVERFLOW[overflow],
        )
        assert_array_equal(quantize(x, target, rounding, overflow), np.asarray(theirs.val, np.int64))


def test_results_can_be_handed_out_as_fxp() -> None:
    type = Fixed(True, 3, 4)
    raw = np.arange(type.raw_min, type.raw_max + 1).reshape(16, 16)
    fxp = to_fxp(raw, type)
    assert (fxp.n_word, fxp.n_frac, fxp.signed) == (8, 4, True)
    assert_array_equal(np.asarray(fxp.val, np.int64), raw)
    assert_array_equal(fxp.get_val(), to_float(raw, type))


# --- types and their text ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "type", "rounding", "overflow"),
    [
        ("ap_fixed<16,6>", Fixed(True, 5, 10), Rounding.TRN, Overflow.WRAP),
        ("fixed<16,6,RND,SAT>", Fixed(True, 5, 10), Rounding.RND, Overflow.SAT),
        (" ap_ufixed< 8, 0, AP_RND_CONV, AP_SAT > ", Fixed(False, 0, 8), Rounding.RND_CONV, Overflow.SAT),
        ("ap_fixed<8,2,AP_TRN_ZERO,AP_SAT_SYM,0>", Fixed(True, 1, 6), Rounding.TRN_ZERO, Overflow.SAT_SYM),
        ("ufixed<4,-2>", Fixed(False, -2, 6), Rounding.TRN, Overflow.WRAP),
        ("ap_fixed<4,10>", Fixed(True, 9, -6), Rounding.TRN, Overflow.WRAP),
        ("ap_int<8>", Fixed(True, 7, 0), Rounding.TRN, Overflow.WRAP),
        ("uint<3>", Fixed(False, 3, 0), Rounding.TRN, Overflow.WRAP),
    ],
)
def test_parse(text: str, type: Fixed, rounding: Rounding, overflow: Overflow) -> None:
    assert Fixed.parse(text) == (type, rounding, overflow)
    assert Fixed.parse(type.ap_type(rounding, overflow)) == (type, rounding, overflow)
    assert Fixed.parse(str(type))[0] == type


@pytest.mark.parametrize(
    "text",
    [
        "",
        "auto",
        "float",
        "fixed<16>",
        "fixed<16,6",
        "fixed<a,6>",
        "fixed<0,0>",
        "fixed<64,6>",
        "fixed<8,4,ROUND>",
        "fixed<8,4,RND,CLIP>",
        "fixed<8,4,RND,SAT,1>",
        "fixed<8,4,RND,SAT,0,0>",
        "int<8,4>",
        "fixed<8,999999>",
        "fixed<1e3,2>",
        "std::vector<8,4>",
        "fixed<8,4>; exit",
    ],
)
def test_parse_refuses_in_one_line(text: str) -> None:
    with pytest.raises(BitsmithError) as caught:
        Fixed.parse(text)
    assert "\n" not in str(caught.value)


def test_ap_type_is_what_vitis_reads() -> None:
    assert Fixed(False, 0, 8).ap_type(Rounding.RND_CONV, Overflow.SAT) == "ap_ufixed<8,0,AP_RND_CONV,AP_SAT>"
    assert Fixed(True, 5, 10).ap_type() == "ap_fixed<16,6,AP_TRN,AP_WRAP>"
    assert str(Fixed(True, 5, 10)) == "fixed<16,6>"


@given(st.integers(-(1 << 61), 1 << 61), st.integers(-(1 << 61), 1 << 61), st.integers(-9, 9))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_holding_is_the_smallest(a: int, b: int, fraction: int) -> None:
    low, high = min(a, b), max(a, b)
    type = Fixed.holding(low, high, fraction)
    assert type.raw_min <= low
    assert high <= type.raw_max
    assert type.fraction == fraction
    assert type.signed == (low < 0)
    if type.width > 1:
        smaller = Fixed(type.signed, type.integer - 1, fraction)
        assert low < smaller.raw_min or high > smaller.raw_max


def test_holding_small_ranges() -> None:
    assert Fixed.holding(0, 0, 3) == Fixed(False, -2, 3)
    assert Fixed.holding(-1, 0, 0) == Fixed(True, 0, 0)
    assert Fixed.holding(-8, 7, 0) == Fixed(True, 3, 0)
    assert Fixed.holding(-9, 7, 0) == Fixed(True, 4, 0)
    assert Fixed.holding(3, 5, 0) == Fixed(False, 3, 0)


def test_contains() -> None:
    assert Fixed(True, 4, 4).contains(Fixed(False, 4, 2))
    assert not Fixed(True, 3, 4).contains(Fixed(False, 4, 2))
    assert not Fixed(False, 8, 4).contains(Fixed(True, 1, 1))
    assert not Fixed(True, 8, 1).contains(Fixed(True, 1, 2))


@pytest.mark.parametrize(
    ("signed", "integer", "fraction"), [(True, 0, -1), (False, 0, 0), (True, 60, 3), (False, 300, -299)]
)
def test_impossible_types_are_refused(signed: bool, integer: int, fraction: int) -> None:
    with pytest.raises(BitsmithError):
        Fixed(signed, integer, fraction)


def test_constants_are_exact() -> None:
    assert Constant.of(0.2, 12) == Constant(819, 12)
    assert float(Constant(819, 12)) == 819 / 4096
    assert float(Constant(3, -1)) == 6.0
    with pytest.raises(BitsmithError, match="finite"):
        Constant.of(float("nan"), 3)
