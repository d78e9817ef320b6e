"""What a build holds for a cocotb user: `make -C DIR/tb`, and the level that runs the same bench."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rigs import NASTY, adder_build, adder_graph, edit

from bitsmith.gen.build import build
from bitsmith.gen.files import hashes
from bitsmith.gen.files.folder import check_target, open_build
from bitsmith.gen.verify import verify
from bitsmith.sim.errors import BitsmithError

Need = Callable[..., None]
OUTPUT = Path("vectors") / "output_twice.npy"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cocotb") / "build"
    build(adder_graph(), {}, folder, seed=3, vectors=8)
    return folder


@pytest.fixture
def built(whole: Path, tmp_path: Path) -> Path:
    """A build that a test may spoil."""
    shutil.copytree(whole, tmp_path / "build")
    return tmp_path / "build"


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What somebody types, in the environment's own shell and nothing of Bitsmith's."""
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        ["make", "-C", str(folder / "tb"), "SIM=icarus", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_bench_needs_cocotb_and_numpy_alone(built: Path) -> None:
    tree = ast.parse((built / "tb" / "bench.py").read_text())
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in found} - set(sys.stdlib_module_names) == {"cocotb", "numpy"}


def test_make_in_a_folder_of_any_name(built: Path, tmp_path: Path, need: Need) -> None:
    """It passes, leaves a waveform, and the folder is still the build that it was; an edited vector fails it."""
    need("iverilog")
    folder = built.rename(tmp_path / NASTY)
    done = make(folder, "WAVES=1", "FRAMES=3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "latency 16 cycles, interval 10.0 cycles" in done.stdout
    assert (folder / "tb" / "sim_build" / "icarus_waves" / "adder.fst").stat().st_size > 0
    assert hashes.changed(folder, open_build(folder)) == []
    check_target(folder)

    right = np.load(folder / OUTPUT)
    wrong = right.copy()
    wrong[2, 1, 3, 0] ^= 1
    np.save(folder / OUTPUT, wrong)
    done = make(folder, "WAVES=1", "FRAMES=3")
    assert done.returncode != 0
    place = "output 'twice', frame 2 (vector 2), element [1, 3, 0]"
    assert f"{place}: expected {wrong[2, 1, 3, 0]}, found {right[2, 1, 3, 0]}" in done.stdout
    assert done.stdout.count(place) > done.stdout.count("vector 1)")

    assert make(folder, "clean").returncode == 0
    assert {path.name for path in (folder / "tb").iterdir()} == {"Makefile", "bench.py", "top.vlt"}


# Of one compiled simulation: what a stream would do wrong, done by the bench's own source or sink, and what it says.
STREAMS = {
    "a dropped input beat": (  # of a vector that is all the same: its last place holds the next one's first
        "self.queue.popleft()",
        "self.queue.popleft(), self.count or self.queue.popleft()",
        "output 'twice', frame 0 (vector 0), element [1, 4, 0]: expected",
    ),
    "a dropped output beat": (
        "if ready:\n",
        "if ready and random.random() < 0.9:\n",
        "AssertionError: output 'twice', frame ",
    ),
    "the last beat never comes": (
        "if ready:\n",
        "if ready and self.count + 1 < self.beats * self.frames:\n",
        "m_axis moved 79 beats, 10 a frame",
    ),
    "a wrong input tlast": ("beat == self.beats - 1))", "beat == 1))", "tlast_error is set though"),
    "a wrong output tlast": (
        "self.take(*beat)",
        "self.take(beat[0], 1 - beat[1])",
        "m_axis_tlast is 1 on beat 0 of frame 0, which has 10",
    ),
    "an output that changes while it waits": (
        "beat = number(self.tdata), ",
        "beat = number(self.tdata) ^ (not ready), ",
        "m_axis_tdata or tlast changed while waiting for tready",
    ),
}


@pytest.fixture(scope="module")
def compiled(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that was simulated once."""
    folder = tmp_path_factory.mktemp("compiled") / "build"
    shutil.copytree(whole, folder)
    assert make(folder, "FRAMES=8").returncode == 0
    return folder


@pytest.mark.parametrize("wrong", STREAMS)
def test_a_stream_that_does_wrong_is_found(wrong: str, compiled: Path, need: Need) -> None:
    need("iverilog")
    bench = compiled / "tb" / "bench.py"
    before = bench.read_text()
    old, new, said = STREAMS[wrong]
    edit(bench, old, new)
    try:
        done = make(compiled, "FRAMES=8")
    finally:
        bench.write_text(before)
    assert done.returncode != 0, done.stdout
    assert said in done.stdout, done.stdout + done.stderr


def test_a_buffer_that_complains_fails(built: Path, need: Need) -> None:
    """Its words are the simulator's, so no test of the bench sees them."""
    need("iverilog")
    edit(built / "rtl" / "adder_fifos.v", "check_failed <= 1;", 'check_failed <= 1; $display("problem fifo: shown");')
    done = make(built, "FRAMES=1", "COCOTB_TESTCASE=full_speed")
    assert done.returncode != 0
    assert "PASS=1 FAIL=0" in done.stdout


def test_no_cocotb_is_one_line(built: Path) -> None:
    done = make(built, "PYTHON=/bin/false")
    assert done.returncode != 0
    assert "'/bin/false' has no cocotb: activate the environment that has it, or name its Python" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("asked", "answer", "line"),
    [
        ("--libpython", "exit 1", "cocotb needs the shared library of"),
        ("--makefiles", "echo /a folder/makefiles", "make cannot read cocotb's makefiles in '/a folder/makefiles'"),
    ],
)
def test_a_python_that_cocotb_cannot_use_is_one_line(
    asked: str, answer: str, line: str, built: Path, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *{asked}*) {answer}; exit;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    done = make(built, f"PYTHON={python}")
    assert done.returncode != 0
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_copy_of_the_folder_runs_elsewhere(built: Path, tmp_path: Path, need: Need) -> None:
    need("iverilog")
    shutil.copytree(built / "tb", tmp_path / "board" / "tb")
    shutil.rmtree(built / "tb")
    places = (f"RTL={built / 'rtl'}", f"VECTORS={built / 'vectors'}")
    done = make(tmp_path / "board", *places, "FRAMES=1", "COCOTB_TESTCASE=full_speed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS=1 FAIL=0" in done.stdout


def test_the_level_runs_the_same(built: Path, need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in verify.json, leaves nothing in ``tb/``, and compares as many as FRAMES says."""
    need("iverilog")
    monkeypatch.setenv("SIM", "icarus")
    monkeypatch.setenv("FRAMES", "6")
    report = verify(built, ["cocotb"])
    assert report["passed"]
    level = report["levels"]["cocotb"]
    assert (level["compared"], level["mismatches"], level["problems"]) == (6, 0, [])
    assert json.loads((built / "verify.json").read_text()) == report
    assert {path.name for path in (built / "tb").iterdir()} == {"Makefile", "bench.py", "top.vlt"}
    assert {path.name for path in (built / "sim").iterdir()} == {"cocotb.log"}


def test_the_level_names_the_layer(built: Path, need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a flipped bit in the Verilog, on frames that come from other inputs than the build's."""
    need("iverilog", "verilator", "g++")
    monkeypatch.setenv("SIM", "icarus")
    edit(built / "rtl" / "adder_plus_three.v", "product_0 + 6'd3", "product_0 + 6'd2")
    zeros = np.zeros((2, 2, 5, 1), dtype=np.int64)
    report = verify(built, ["cocotb"], inputs=zeros)
    assert not report["passed"]
    assert report["levels"]["cocotb"]["mismatches"] == 1
    text = "output 'twice', frame 0 (vector 0), element [0, 0, 0]: expected 6, found 4"
    assert f"full_speed: {text}" in report["levels"]["cocotb"]["problems"]
    found = report["first_divergence"]
    assert (found["level"], found["node"], found["expected"], found["got"]) == ("cocotb", "plus_three", 3, 2)


def test_an_edited_bench_is_told(built: Path, need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that compares nothing does not pass, either."""
    need("iverilog")
    monkeypatch.setenv("SIM", "icarus")
    edit(built / "tb" / "bench.py", "assert found == expected", "assert found == found")
    report = verify(built, ["cocotb"])
    assert not report["passed"]
    assert report["problems"] == [f"'{built / 'tb' / 'bench.py'}' {hashes.CHANGED}"]


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("SIM", "questa", "SIM=questa is no simulator that Bitsmith starts; one of verilator, icarus"),
        ("FRAMES", "0", "FRAMES=0 is no number of frames; give 1 or more"),
        ("FRAMES", "many", "FRAMES=many is no number of frames; give 1 or more"),
    ],
)
def test_what_the_environment_says_wrong_is_one_line(
    variable: str, value: str, line: str, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(BitsmithError) as raised:
        verify(built, ["cocotb"])
    assert str(raised.value) == line


def test_a_build_of_before_is_built_again(tmp_path: Path, need: Need) -> None:
    need("verilator")
    folder = adder_build(tmp_path / "build")
    with pytest.raises(BitsmithError, match=r"tb/Makefile' is missing: run 'bitsmith build' again$"):
        verify(folder, ["cocotb"])


def test_what_does_not_compile_is_one_line_with_its_log(
    built: Path, need: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("iverilog")
    monkeypatch.setenv("SIM", "icarus")
    edit(built / "rtl" / "adder_twice.v", "endmodule", "")
    with pytest.raises(BitsmithError) as raised:
        verify(built, ["cocotb"])
    log = built / "sim" / "cocotb.log"
    assert "could not run on icarus" in str(raised.value)
    assert f"(the log is '{log}')" in str(raised.value)
    assert "syntax error" in log.read_text()
