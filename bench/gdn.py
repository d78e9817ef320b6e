"""``python -m bitsmith.bench.gdn [DIR]``: our root and reciprocal against an exact square root and divider.

Both take the sum of a generalized divisive normalization and give ``1 / sqrt(sum)`` in the same type, one each cycle;
Yosys measures both in one run. The weights are random and shaped like trained ones: synthetic.
"""

from __future__ import annotations

import argparse
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed

from ..gen.files.folder import write_json
from ..hw.rtl.core import Hardware, shape_of
from ..hw.rtl.root import RootUnit
from ..sim.cast import Cast
from ..sim.errors import BitsmithError
from ..sim.fixed import Fixed, quantize
from ..sim.ops.gdn import GDN
from ..sim.root import Form, Root
from .modules import synthesize

LIMIT = 0.25  # of the rival's LUTs
CHANNELS, SEED, PROCESSES = 128, 1, 2
CASES = ((8, 18), (8, 26), (16, 32))  # bits of the layer's input, bits inside and of the gain
FORMS = {
    "two tables": (Form.SQUARE_ROOT_RECIPROCAL, False),
    "one table": (Form.RECIPROCAL_SQUARE_ROOT, False),
    "two tables, Newton": (Form.SQUARE_ROOT_RECIPROCAL, True),
    "one table, Newton": (Form.RECIPROCAL_SQUARE_ROOT, True),
}
NEWTON_FROM = 24  # bits inside from which 64 lines leave a Newton step something to gain


def layer(channels: int, bits: int, width: int, form: Form, newton: bool, inverse: bool = False) -> GDN:
    """A layer whose input, gamma and beta have ``bits`` bits; weights as training leaves them, drawn at random."""
    rng = np.random.default_rng(SEED)
    x, gamma, beta = Fixed(True, 3, bits - 4), Fixed(False, 0, bits), Fixed(False, 2, bits - 2)
    weights = rng.exponential(0.3 / channels, (channels, channels)) + 0.1 * np.eye(channels)
    offsets = rng.uniform(0.5, 2, channels)
    first = Cast(Fixed(False, 2, 8))
    op = GDN(x, quantize(weights, gamma), gamma, quantize(offsets, beta), beta, first, inverse, form, 64, width, newton)
    return replace(op, gain=op.fitting_gain(width))


def gain_of(bits: int, width: int, form: Form, newton: bool) -> Root:
    """From the sum to the gain in a layer of 128 channels."""
    return layer(CHANNELS, bits, width, form, newton).root


class ExactGain(Hardware):
    """The rival: ``RootUnit``'s ports, an integer square root and behind it a divider, both non-restoring and exact.

    ``gain`` is ``2**n / isqrt(s * 4**k)`` rounded half up, ``latency`` cycles behind ``s``. ``k`` is the least with
    which what the root cuts off moves no gain by more than half a step, so ``gain`` is less than a step off. To round
    every gain correctly the root would have to be far wider: this is the smallest rival. Each stage finds one bit with
    one adder (Parhami, "Computer Arithmetic", chapters 13 and 21).
    """

    def __init__(self, root: Root) -> None:
        self.root = root
        self.s = Signal(shape_of(root.source), name="s")
        self.gain = Signal(shape_of(root.gain.type), name="gain")

    def ports(self) -> list[Signal]:
        return [self.s, self.gain]

    @cached_property
    def k(self) -> int:
        """Bits of the square root behind the integer ones."""
        largest = math.ldexp(self.root.range[1], self.root.gain.type.fraction)
        return max(0, math.ceil(math.log2(2 * largest / math.sqrt(self.root.low << self.root.odd))))

    @property
    def n(self) -> int:
        """The dividend's exponent for twice the gain."""
        half = (self.root.source.fraction + self.root.odd) // 2
        return self.root.gain.type.fraction + self.k + half + 1

    @property
    def root_bits(self) -> int:
        return self.root.most + 1 + self.k

    @property
    def latency(self) -> int:
        """A cycle for each bit of the root and of the quotient, and one for rounding."""
        return self.root_bits + len(self.gain) + 1 + 1

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        root = self._square_root(m)
        quotient = self._quotient(m, root)
        m.d.comb += self.gain.eq(_register(m, ((quotient + 1) >> 1)[: len(self.gain)], "rounded"))
        return m

    def _square_root(self, m: Module) -> Value:
        waiting: Value = Signal(2 * (self.root.most + 1), name="aligned")
        m.d.comb += waiting.eq(self.s << self.root.odd)
        rest: Value = Const(0, signed(1))
        found: Value = Const(0, 0)
        for k in range(self.root_bits):
            # 4 * rest + two bits - (4 * found + 1), or + (4 * found + 3) where the rest is negative
            taken, negative = waiting[-2:] if len(waiting) else Const(0, 2), rest[-1]
            term = Cat(Const(3, 2), Mux(negative, found, ~found)[: len(found)], ~negative).as_signed()
            total = (Cat(taken, rest).as_signed() + term)[: k + 3].as_signed()
            rest = _register(m, total, f"root_rest_{k}")
            found = _register(m, Cat(~total[-1], found), f"root_{k}")
            waiting = _register(m, waiting[:-2], f"root_waiting_{k}") if len(waiting) > 2 else Const(0, 0)
        return found

    def _quotient(self, m: Module, divisor: Value) -> Value:
        """``2**n // divisor``."""
        steps = len(self.gain) + 1
        rest: Value = Const(1 << (self.n - steps), signed(len(divisor) + 1))
        found: Value = Const(0, 0)
        for k in range(steps):
            # 2 * rest - divisor, or + divisor where the rest is negative; the carry goes in with both lowest bits
            negative, bits = rest[-1], len(divisor)
            term = Cat(~negative, Mux(negative, divisor, ~divisor)[:bits], ~negative).as_signed()
            total = ((Cat(~negative, Const(0, 1), rest).as_signed() + term) >> 1)[: bits + 1].as_signed()
            rest = _register(m, total, f"rest_{k}")
            found = _register(m, Cat(~total[-1], found), f"quotient_{k}")
            divisor = _register(m, divisor, f"divisor_{k}")
        return found


def _register(m: Module, value: Value, name: str) -> Signal:
    register = Signal(value.shape(), name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return register


def measure(cases: list[tuple[int, int]], folder: Path) -> list[dict[str, Any]]:
    """A row for the rival and for each of our forms, by case; LUTs as a share of the rival's."""
    units: list[tuple[dict[str, Any], Root, Hardware]] = []
    for bits, width in cases:
        for name, (form, newton) in FORMS.items():
            root = gain_of(bits, width, form, newton)
            if name == "two tables":
                units.append((_row(bits, width, "exact"), root, ExactGain(root)))
            if not newton or width >= NEWTON_FROM:
                units.append((_row(bits, width, name), root, RootUnit(root)))
    with ThreadPoolExecutor(PROCESSES) as pool:
        names = [f"unit_{k}" for k in range(len(units))]
        found = list(pool.map(lambda unit, name: synthesize(unit[2], name, folder), units, names))
    rows = [row | _figures(root, unit) | cells for (row, root, unit), cells in zip(units, found)]
    return [row | _verdict(row, rows) for row in rows]


def _row(bits: int, width: int, form: str) -> dict[str, Any]:
    return {"input_bits": bits, "width": width, "form": form}


def _figures(root: Root, unit: Any) -> dict[str, Any]:
    """``off``: the proven relative error of the root, as a power of two; the rival has none beside its rounding."""
    off = round(math.log2(root.error), 1) if isinstance(unit, RootUnit) else None
    return {"sum_bits": root.source.width, "gain": str(root.gain.type), "latency": unit.latency, "off": off}


def _verdict(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The share of the rival's LUTs, and whether it is small enough; None for the rival itself."""
    if row["form"] == "exact":
        return {"share": None, "met": None}
    same = ("input_bits", "width")
    rival = next(r for r in rows if r["form"] == "exact" and all(r[key] == row[key] for key in same))
    share = row["lut"] / rival["lut"]
    return {"share": share, "met": share <= LIMIT}


def show(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="1 / sqrt(sum) on xcu, by Yosys (an estimate); random weights (synthetic)")
    for heading in ("input", "sum", "gain", "form", "LUT", "FF", "DSP", "cycles", "error", "of exact LUTs", ""):
        table.add_column(heading, justify="left" if heading in ("form", "gain") else "right")
    for row in rows:
        error = "-" if row["off"] is None else f"2^{row['off']}"
        share = "-" if row["share"] is None else f"{row['share']:.3f}"
        told = {None: "", True: "met", False: "MISSED"}[row["met"]]
        sizes = [f"{row[key]:,}" for key in ("lut", "ff", "dsp", "latency")]
        sums = [str(row["input_bits"]), str(row["sum_bits"]), row["gain"]]
        table.add_row(*sums, row["form"], *sizes, error, share, told, end_section=row is rows[-1])
    Console(width=120).print(table)


def main() -> int:
    """0 where each of our forms takes at most a quarter of the exact one's LUTs, else 1."""
    parser = argparse.ArgumentParser(prog="bitsmith.bench.gdn", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/bench_gdn"))
    parser.add_argument("--width", type=int, help="only the cases of this many bits inside")
    given = parser.parse_args()
    cases = [case for case in CASES if given.width in (None, case[1])]
    try:
        rows = measure(cases, given.folder)
    except BitsmithError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_json(given.folder / "gdn.json", {"limit": LIMIT, "rows": rows})
    show(rows)
    print(f"written to {given.folder / 'gdn.json'}")
    return int(any(row["met"] is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
