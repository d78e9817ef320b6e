"""The entropy coder's frequencies, in integers alone, so that encoder and decoder agree on every machine.

Two kinds: a table for each channel of z (the factorized prior), and 64 for y (the Gaussian conditional with the 64
scales of CompressAI), picked by comparing the raw scale with integer thresholds. Probabilities are floats only in
``make``, when a trained codec is exported; the file that ``write`` makes is the truth from then on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...gen.files.input_file import read_file
from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray

FORMAT = 1
TOTAL = 1 << 16
"""The frequencies of a table sum to this."""
SCALES = 64
SMALLEST, LARGEST = 0.11, 256.0
"""CompressAI's range of scales; the 64 lie evenly in their logarithm."""
EIGHT_BITS = Fixed(True, 7, 0)
MOST_SYMBOLS = 4096
MOST_BYTES = 1 << 24


@dataclass(frozen=True)
class Table:
    """``frequencies[i]`` of ``TOTAL`` belong to the symbol ``first + i``, the last to the escape: any other integer."""

    first: int
    frequencies: tuple[int, ...]

    @property
    def escape(self) -> int:
        """The index of the escape, one behind the last symbol's."""
        return len(self.frequencies) - 1


@dataclass(frozen=True)
class Tables:
    """A table for each channel of z, one for each of the scales of y, and how a raw scale finds its own."""

    z: tuple[Table, ...]
    y: tuple[Table, ...]
    thresholds: tuple[int, ...]
    scale_type: Fixed

    def index(self, scales: IntArray) -> IntArray:
        """Which of the 64 tables each raw scale uses: the number of thresholds below it."""
        found: IntArray = np.searchsorted(np.array(self.thresholds), scales, side="left").astype(np.int64)
        return found

    def to_json(self) -> str:
        """Deterministic text, a table a line."""
        head = {"format": FORMAT, "total": TOTAL, "scale_type": str(self.scale_type), "thresholds": self.thresholds}
        lines = [f'"{key}": {json.dumps(value)}' for key, value in head.items()]
        for name, tables in (("y", self.y), ("z", self.z)):
            rows = (json.dumps({"first": t.first, "frequencies": t.frequencies}) for t in tables)
            lines.append(f'"{name}": [\n' + ",\n".join(rows) + "\n]")
        return "{\n" + ",\n".join(lines) + "\n}\n"


def scales() -> NDArray[np.float64]:
    """CompressAI's 64 scales: exp(linspace(log 0.11, log 256, 64))."""
    return np.exp(np.linspace(math.log(SMALLEST), math.log(LARGEST), SCALES))


def write(
    path: Path,
    z_first: Sequence[int],
    z_probabilities: Sequence[ArrayLike],
    scale_type: Fixed,
    y_type: Fixed = EIGHT_BITS,
) -> Tables:
    """Write entropy.json, whole or not at all, and return its tables; arguments and errors as in ``make``."""
    from ...gen.files.folder import write_text

    tables = make(z_first, z_probabilities, scale_type, y_type)
    write_text(Path(path), tables.to_json())
    return tables


def make(
    z_first: Sequence[int], z_probabilities: Sequence[ArrayLike], scale_type: Fixed, y_type: Fixed = EIGHT_BITS
) -> Tables:
    """The tables of a trained codec.

    ``z_probabilities[c][i]`` is the probability of the integer ``z_first[c] + i`` in channel c of z; what they leave of
    1 is the escape's. ``scale_type`` is the type of hyper_synthesis's output, ``y_type`` that of y, whose extremes take
    the Gaussian's tails, as saturation does. BitsmithError for what are no probabilities.
    """
    if len(z_first) != len(z_probabilities) or not len(z_first):
        raise BitsmithError(f"{len(z_first)} first symbols for {len(z_probabilities)} channels of z; give one for each")
    if scale_type.signed:
        raise BitsmithError(f"the scales have type {scale_type}; a scale is positive, so give an unsigned type")
    z = tuple(_table(f"z[{c}]", int(f), p) for c, (f, p) in enumerate(zip(z_first, z_probabilities)))
    y = tuple(_gaussian(k, float(scale), y_type) for k, scale in enumerate(scales()))
    return Tables(z, y, _thresholds(scale_type), scale_type)


def _table(where: str, first: int, probabilities: ArrayLike) -> Table:
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 1 or not 1 <= len(p) < MOST_SYMBOLS:
        raise BitsmithError(f"{where}: probabilities of shape {p.shape}; give 1 to {MOST_SYMBOLS - 1} in one axis")
    if not np.isfinite(p).all() or p.min() < 0 or p.sum() > 1 + 1e-4:
        raise BitsmithError(f"{where}: probabilities from {p.min():.6g} that sum to {p.sum():.6g}; give 0 to 1")
    whole = np.append(p, max(0.0, 1.0 - float(p.sum())))
    return Table(first, frequencies(whole / whole.sum()))


def frequencies(p: NDArray[np.float64]) -> tuple[int, ...]:
    """Integers of at least 1 that sum to ``TOTAL``, near ``p * TOTAL``: by largest remainder, the first of equals."""
    share = p * (TOTAL - len(p))
    whole = np.floor(share).astype(np.int64)
    missing = TOTAL - len(p) - int(whole.sum())
    whole[np.argsort(whole - share, kind="stable")[:missing]] += 1
    return tuple((whole + 1).tolist())


def _gaussian(k: int, scale: float, type: Fixed) -> Table:
    """The rounded normal distribution of one scale; what is rarer than half a unit of frequency is left to the escape.

    P(x) = Phi((x + 1/2) / s) - Phi((x - 1/2) / s) (Ballé et al. 2018, eq. 6, with mean 0).
    """
    reach = 0
    while _mass(reach + 1, scale) * TOTAL >= 0.5:
        reach += 1
    low, high = max(type.raw_min, -reach), min(type.raw_max, reach)
    p = np.array([_mass(x, scale) for x in range(low, high + 1)])
    if low == type.raw_min:
        p[0] = _above(-low - 0.5, scale)
    if high == type.raw_max:
        p[-1] = _above(high - 0.5, scale)
    return _table(f"y[{k}]", low, p)


def _mass(x: int, scale: float) -> float:
    """From |x|: the difference of two small tails keeps its digits where that of two near 1 loses them."""
    return _above(abs(x) - 0.5, scale) - _above(abs(x) + 0.5, scale)


def _above(x: float, scale: float) -> float:
    return 0.5 * math.erfc(x / (scale * math.sqrt(2)))


def _thresholds(type: Fixed) -> tuple[int, ...]:
    """The largest raw scale of each table: half way, in the logarithm, to the next (CompressAI always takes the next).

    The last table has all that are larger.
    """
    s = scales()
    middle = np.sqrt(s[:-1] * s[1:])
    raw = [min(math.floor(math.ldexp(m, type.fraction)), type.raw_max) for m in middle.tolist()]
    return (*raw, type.raw_max)


# reading ----------------------------------------------------------------------------------------


def read(path: Path) -> Tables:
    """The tables of entropy.json; BitsmithError, one line that names the file, for what ``write`` never makes."""
    text = read_file(Path(path), "the folder of an exported codec", MOST_BYTES)
    try:
        return from_json(text)
    except BitsmithError as error:
        raise BitsmithError(f"{path}: {error}; export the codec again") from None


def from_json(text: bytes) -> Tables:
    """The tables of ``to_json``; BitsmithError where a table does not sum to ``TOTAL``, has a zero, and so on."""
    if len(text) > MOST_BYTES:
        raise BitsmithError(f"larger than {MOST_BYTES:,} bytes")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise BitsmithError("no JSON") from None
    wanted = {"format", "total", "scale_type", "thresholds", "y", "z"}
    if not isinstance(data, dict) or set(data) != wanted:
        raise BitsmithError(f"not an object of {', '.join(sorted(wanted))}")
    if (data["format"], data["total"]) != (FORMAT, TOTAL):
        raise BitsmithError(f"not in format {FORMAT} with a total of {TOTAL}")
    kind = Fixed.parse(str(data["scale_type"]))[0]
    z, y = (tuple(_read_table(f"{n}[{i}]", t) for i, t in enumerate(_list(n, data[n]))) for n in ("z", "y"))
    if not z or len(y) != SCALES:
        raise BitsmithError(f"{len(z)} tables for z and {len(y)} for y; z needs one a channel, y {SCALES}")
    return Tables(z, y, _read_thresholds(data["thresholds"], kind), kind)


def _read_table(where: str, data: Any) -> Table:
    if not isinstance(data, dict) or set(data) != {"first", "frequencies"}:
        raise BitsmithError(f"{where}: not an object of first, frequencies")
    counts = _integers(f"{where}.frequencies", data["frequencies"])
    (first,) = _integers(f"{where}.first", [data["first"]])
    if not 2 <= len(counts) <= MOST_SYMBOLS or abs(first) > 1 << 40:
        raise BitsmithError(f"{where}: {len(counts)} frequencies from {first}; a table has 2 to {MOST_SYMBOLS}")
    if min(counts) < 1 or sum(counts) != TOTAL:
        raise BitsmithError(f"{where}: the least frequency is {min(counts)} and the sum {sum(counts)}, not {TOTAL}")
    return Table(first, counts)


def _read_thresholds(data: Any, type: Fixed) -> tuple[int, ...]:
    values = _integers("thresholds", data)
    if type.signed or len(values) != SCALES or list(values) != sorted(values):
        raise BitsmithError(f"{len(values)} thresholds for scales of type {type}; {SCALES} are needed, in rising order")
    if values[0] < 0 or values[-1] != type.raw_max:
        raise BitsmithError(f"the thresholds reach from {values[0]} to {values[-1]}, not to {type.raw_max}")
    return values


def _integers(where: str, data: Any) -> tuple[int, ...]:
    values = _list(where, data)
    if not all(type(value) is int for value in values):
        raise BitsmithError(f"{where}: not all are integers")
    return tuple(values)


def _list(where: str, data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise BitsmithError(f"{where}: not a list")
    return data
