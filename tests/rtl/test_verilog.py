"""What is emitted is Verilog-2005: Icarus and Yosys read it as that, and it is defined from time 0 on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib.memory import Memory
from hardware import Case, icarus_says
from hardware import Hardware as Contract

from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.tools import Tool, iverilog, yosys
from bitsmith.hw.rtl.core import Hardware
from bitsmith.sim.op import Operator

Need = Callable[..., None]
STEMS = sorted(stem for stem, kind in Operator.registry.items() if ".sim.ops." in kind.__module__)


def first_case(stem: str) -> Case:
    """The first case of the operator's contract."""
    module = vars(import_module(f"test_{stem}"))
    contracts = [kind for name, kind in module.items() if name.startswith("Test") and hasattr(kind, "steps_off")]
    cases: Mapping[str, Case] = contracts[0].cases
    return next(case for case in cases.values() if case.pixels_per_cycle == 1)


@pytest.fixture(scope="module")
def tops(tmp_path_factory: pytest.TempPathFactory) -> list[Top]:
    """Every operator once, the operators that fit together in one design; without and with traces."""
    every = Contract({stem: first_case(stem) for stem in STEMS}, tmp_path_factory.mktemp("every operator"))
    found = [Top.load(every.emitted(group)[0]) for group in every.groups]
    return [top for one in found for top in (one.without_traces(), one.traced())]


def test_yosys_reads_every_operator_as_plain_verilog(tops: list[Top], need: Need, tmp_path: Path) -> None:
    need("yosys")
    for k, top in enumerate(tops):
        work = tmp_path / str(k)
        work.mkdir()
        for path in top.sources():
            (work / path.name).write_text(path.read_text())
        files = " ".join(path.name for path in top.sources())
        yosys().run(["-q", "-p", f"read_verilog {files}; hierarchy -check -top {top.name}"], work, "Yosys")


def test_icarus_reads_every_operator_as_verilog_2005(tops: list[Top], need: Need) -> None:
    """With all warnings, and there are none; the contract does this with every case."""
    need("iverilog")
    for top in tops:
        assert icarus_says(top) == ""


class Still(Hardware):
    """Signals that no event sets: made of constants, of registers' initial values, of a memory's contents."""

    def __init__(self) -> None:
        shapes = {"constant": 4, "choice": 8, "part": 8, "later": 4, "word": 8, "unread": 4}
        self.signals = {name: Signal(width, name=name) for name, width in shapes.items()}

    def ports(self) -> list[Signal]:
        return list(self.signals.values())

    def elaborate(self, platform: Any) -> Module:
        m, s = Module(), self.signals
        state, index, two = Signal(2, init=2, name="state"), Signal(2, init=1), Const(2, 2)
        with m.Switch(two), m.Case(2):
            m.d.comb += s["constant"].eq(9)
        with m.Switch(state):
            with m.Case("-0"):
                m.d.comb += s["choice"].eq(0xA5)
            with m.Default():
                m.d.sync += state.eq(2)
        with m.If(state[1]):
            m.d.comb += [s["part"][:4].eq(3), s["part"][4:].eq(state)]
        with m.If(state == 2):
            m.d.sync += s["later"].eq(s["later"] + 5)
        m.submodules.memory = memory = Memory(shape=8, depth=4, init=[1, 77, 3, 4])
        read = memory.read_port(domain="comb")
        m.d.comb += [read.addr.eq(index), s["word"].eq(read.data)]
        with m.If(s["word"] == 77):
            m.d.comb += s["unread"].eq(6)
        return m


AT_START = {"constant": 9, "choice": 0xA5, "part": 0x23, "later": 0, "word": 77, "unread": 6}
BENCH = """module bench;
  reg clk = 0, rst = 0;
  wire [3:0] constant, later, unread;
  wire [7:0] choice, part, word;
  still still(.clk(clk), .rst(rst), .constant(constant), .choice(choice), .part(part), .later(later), .word(word),
              .unread(unread));
  initial begin
    #1 $display("%b %b %b %b %b %b", constant, choice, part, later, word, unread);
    #1 clk = 1;
    #1 $display("%b", later);
  end
endmodule
"""


def run_icarus(folder: Path, verilog: str, bench: str) -> list[str]:
    """The words that ``bench`` shows."""
    (folder / "still.v").write_text(verilog)
    (folder / "bench.v").write_text(bench)
    iverilog().run(["-g2005", "-o", "program", "still.v", "bench.v"], folder, "Icarus")
    return Tool(("vvp",)).run(["-n", "program"], folder, "vvp").split()


def test_what_no_event_sets_has_its_value_at_time_0(tmp_path: Path, need: Need) -> None:
    need("iverilog")
    verilog = to_verilog({"still": Still()})["still"]
    *start, later = run_icarus(tmp_path, verilog, BENCH)  # later: after an edge of the clock, without a reset
    assert [int(bits, 2) for bits in start] == list(AT_START.values())
    assert int(later, 2) == 5


class Nothing(Hardware):
    """A value of no bits wherever a value can stand."""

    def __init__(self) -> None:
        names = ["any", "all", "xor", "bool", "less", "equal", "chosen", "choice", "sum", "inverted"]
        self.signals = {name: Signal(2, name=f"of_{name}") for name in names}
        self.x = Signal(4, name="x")

    def ports(self) -> list[Signal]:
        return [self.x, *self.signals.values()]

    def elaborate(self, platform: Any) -> Module:
        m, s, none = Module(), self.signals, self.x[:0]
        parts = {"any": none.any(), "all": none.all(), "xor": none.xor(), "bool": none.bool(), "less": none < 1}
        parts |= {"equal": none == 0, "sum": none + 1, "inverted": ~none}
        parts |= {"chosen": Mux(none, 1, 2)}
        m.d.comb += [s[name].eq(value) for name, value in parts.items()]
        with m.If(none):
            m.d.comb += s["choice"].eq(1)
        with m.Else():
            m.d.comb += s["choice"].eq(3)
        return m


def test_a_value_of_no_bits_has_no_verilog(tmp_path: Path, need: Need) -> None:
    """Verilog has no constants of 0 bits; what is computed from none is known."""
    need("iverilog")
    verilog, names = to_verilog({"still": Nothing()})["still"], list(Nothing().signals)
    ports = ", ".join(f".of_{name}({name}_is)" for name in names)
    wires = "\n".join(f"wire [1:0] {name}_is;" for name in names)
    show = f'$display("{" ".join(["%d"] * len(names))}", {", ".join(f"{name}_is" for name in names)});'
    bench = f"module bench;\n{wires}\nstill still(.x(4'd5), {ports});\ninitial #1 {show}\nendmodule\n"
    found = dict(zip(names, map(int, run_icarus(tmp_path, verilog, bench))))
    known = {"any": 0, "all": 1, "xor": 0, "bool": 0, "less": 1, "equal": 1}
    assert found == known | {"chosen": 2, "choice": 3, "sum": 1, "inverted": 0}


def test_a_register_computes_its_next_value_itself() -> None:
    """As people write it: no signal and no block of its own for what comes next."""
    verilog = to_verilog({"still": Still()})["still"]
    assert "always @*" not in verilog
    assert re.search(r"always @\(posedge clk\)\n(    .*\n)+?    +later <= later \+ 4'd5;", verilog), verilog
