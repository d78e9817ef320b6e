"""The entropy coder's tables: integers that sum right, near the probabilities they stand for, and strictly read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bitsmith.models.lic import tables
from bitsmith.models.lic.tables import SCALES, TOTAL, Table, Tables
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed

SCALE_TYPE = Fixed(False, 8, 8)
Z = [[0.1, 0.2, 0.3, 0.2, 0.1], [1.0], [0.25, 0.25, 0.0, 0.5]]
FIRST = [-2, 0, 5]


@pytest.fixture(scope="module")
def made() -> Tables:
    return tables.make(FIRST, Z, SCALE_TYPE)


def every(made: Tables) -> list[Table]:
    return [*made.y, *made.z]


def test_every_table_is_positive_and_sums_to_the_total(made: Tables) -> None:
    assert (len(made.y), len(made.z)) == (SCALES, len(Z))
    for table in every(made):
        assert min(table.frequencies) >= 1
        assert sum(table.frequencies) == TOTAL


def test_the_scales_are_compressais() -> None:
    """From 0.11 to 256, each the same factor larger than the one before."""
    s = tables.scales()
    assert s[0] == pytest.approx(0.11)
    assert s[-1] == pytest.approx(256)
    np.testing.assert_allclose(s[1:] / s[:-1], (256 / 0.11) ** (1 / 63))


@pytest.mark.parametrize("k", range(SCALES))
def test_a_gaussian_table_has_the_gaussians_frequencies(made: Tables, k: int) -> None:
    """Against Python's own normal distribution; each of n frequencies gives up at most n p to the least of 1."""
    table, normal = made.y[k], NormalDist(0, float(tables.scales()[k]))
    symbols = range(table.first, table.first + table.escape)
    n = len(table.frequencies)
    for symbol, frequency in zip(symbols, table.frequencies):
        low = 0.0 if symbol == -128 else normal.cdf(symbol - 0.5)
        high = 1.0 if symbol == 127 else normal.cdf(symbol + 0.5)
        assert abs(frequency - (high - low) * TOTAL) <= 2 + n * (high - low)
    if table.first > -128:
        rarer = normal.cdf(table.first - 0.5) - normal.cdf(table.first - 1.5)
        assert rarer * TOTAL < 0.5 <= (normal.cdf(table.first + 0.5) - normal.cdf(table.first - 0.5)) * TOTAL
    outside = (table.first > -128) * 2 * normal.cdf(table.first - 0.5)
    assert abs(table.frequencies[-1] - outside * TOTAL) <= 2 + n * outside


def test_small_scales_are_symmetric_and_the_largest_reach_over_the_type(made: Tables) -> None:
    for table in made.y[:40]:
        assert table.first == -(table.escape // 2)
        left, right = table.frequencies[: table.escape // 2], table.frequencies[table.escape // 2 + 1 : -1]
        assert all(abs(a - b) <= 1 for a, b in zip(left, reversed(right)))
    assert (made.y[-1].first, made.y[-1].escape) == (-128, 256)


@pytest.mark.parametrize("scale_type", [SCALE_TYPE, Fixed(False, 2, 3), Fixed(False, 10, 0), Fixed(False, 4, 12)])
def test_a_scale_finds_the_table_that_is_nearest_in_its_logarithm(scale_type: Fixed) -> None:
    made = tables.make(FIRST, Z, scale_type)
    raw = np.arange(1, scale_type.raw_max + 1)
    logs = np.log(raw * 2.0**-scale_type.fraction)
    nearest = np.abs(logs[:, None] - np.log(tables.scales())).argmin(axis=1)
    np.testing.assert_array_equal(made.index(raw), nearest)
    assert made.index(np.array([0])) == 0


def test_z_by_hand(made: Tables) -> None:
    """One certain symbol leaves the escape its 1. Of 2^16 each of five gets 1, then a share of the other 65,531: two
    get 16,382.75, one 32,765.5, rounded down; the two that are missing go to the largest remainders.
    """
    assert made.z[1] == Table(0, (TOTAL - 1, 1))
    assert made.z[2] == Table(5, (16384, 16384, 1, 32766, 1))
    assert made.z[0].frequencies[-1] == pytest.approx(0.1 * TOTAL, abs=2)


@settings(max_examples=200)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_any_probabilities_make_a_table(weights: list[float]) -> None:
    p = np.array(weights) / max(1.0, sum(weights))
    made = tables.make([-3], [p], SCALE_TYPE).z[0]
    assert len(made.frequencies) == len(weights) + 1
    assert min(made.frequencies) >= 1
    assert sum(made.frequencies) == TOTAL
    whole = np.append(p, max(0.0, 1 - p.sum()))
    assert np.abs(np.array(made.frequencies) - whole * TOTAL).max() <= 2 + len(made.frequencies) * whole.max()


@pytest.mark.parametrize(
    ("first", "probabilities", "scale_type", "said"),
    [
        ([0], [], SCALE_TYPE, "1 first symbols for 0 channels"),
        ([], [], SCALE_TYPE, "0 first symbols"),
        ([0], [[]], SCALE_TYPE, r"z\[0\]: probabilities of shape \(0,\)"),
        ([0], [[[0.5]]], SCALE_TYPE, "in one axis"),
        ([0, 0], [[1.0], [0.5, -0.1]], SCALE_TYPE, r"z\[1\]: probabilities from -0\.1"),
        ([0], [[0.5, math.nan]], SCALE_TYPE, "give 0 to 1"),
        ([0], [[0.9, 0.9]], SCALE_TYPE, r"sum to 1\.8"),
        ([0], [[1.0]], Fixed(True, 8, 8), "unsigned"),
    ],
)
def test_what_is_no_probability_is_refused(first: Any, probabilities: Any, scale_type: Fixed, said: str) -> None:
    with pytest.raises(BitsmithError, match=said):
        tables.make(first, probabilities, scale_type)


# files ------------------------------------------------------------------------------------------


def test_written_and_read_back(tmp_path: Path, made: Tables) -> None:
    path = tmp_path / "entropy.json"
    assert tables.write(path, FIRST, Z, SCALE_TYPE) == made
    assert tables.read(path) == made
    assert path.read_text() == made.to_json()
    assert [p.name for p in tmp_path.iterdir()] == ["entropy.json"]


def change(data: Any, *path: Any, to: Any) -> None:
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = to


BROKEN = {
    "another format": (("format",), 2, "format 1"),
    "another total": (("total",), 1 << 15, "total of 65536"),
    "no list": (("y",), {}, "y: not a list"),
    "a table too few": (("y",), [], "0 for y"),
    "no table for z": (("z",), [], "0 tables for z"),
    "a sum that is not right": (("z", 0, "frequencies", 0), 7, r"z\[0\]: the least frequency is 7 and the sum"),
    "a zero": (("y", 3, "frequencies", 0), 0, r"y\[3\]: the least frequency is 0"),
    "a float": (("y", 3, "frequencies", 0), 1.0, r"y\[3\]\.frequencies: not all are integers"),
    "a truth value": (("z", 1, "frequencies", 1), True, "not all are integers"),
    "one symbol": (("z", 1, "frequencies"), [TOTAL], "1 frequencies"),
    "too many": (("z", 1, "frequencies"), [1] * 5000, "5000 frequencies"),
    "far away": (("z", 1, "first"), 1 << 41, "from 2199023255552"),
    "no first": (("z", 1), {"frequencies": [1, TOTAL - 1]}, r"z\[1\]: not an object of first, frequencies"),
    "thresholds out of order": (("thresholds", 5), 0, "rising order"),
    "a threshold below zero": (("thresholds", 0), -1, "from -1"),
    "thresholds that end early": (("thresholds", 63), (1 << 16) - 2, "not to 65535"),
    "a type that is none": (("scale_type",), "float", "cannot read the type"),
    "signed scales": (("scale_type",), "fixed<17,9>", "scales of type fixed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_changed_file_is_one_line_that_names_it(tmp_path: Path, made: Tables, name: str) -> None:
    place, to, said = BROKEN[name]
    data = json.loads(made.to_json())
    change(data, *place, to=to)
    path = tmp_path / "entropy.json"
    path.write_text(json.dumps(data))
    with pytest.raises(BitsmithError, match=said) as error:
        tables.read(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}', b"null"])
def test_what_is_no_such_file_is_one_line(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "entropy.json"
    path.write_bytes(text)
    with pytest.raises(BitsmithError, match="export the codec again"):
        tables.read(path)
    with pytest.raises(BitsmithError, match="cannot read"):
        tables.read(tmp_path / "absent.json")
