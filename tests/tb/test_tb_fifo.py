"""The FIFO's bench on several depths; it finds a FIFO that is spoilt."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rigs import edit

from bitsmith.gen.rtl.emit import checked
from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.testbench import emit
from bitsmith.gen.tools import iverilog, yosys
from bitsmith.gen.verify.cocotb_bench import run
from bitsmith.hw.rtl import fifo
from bitsmith.hw.rtl.fifo import Fifo
from bitsmith.hw.rtl.fifo_check import CHECK

Need = Callable[..., None]


def emitted(folder: Path, width: int, depth: int) -> Path:
    path = folder / "fifo.v"
    fifo = Fifo(width, depth)
    path.write_text(checked(to_verilog({"fifo": fifo})["fifo"], "fifo", fifo))
    return path


def results(path: Path, width: int, depth: int, latency: int) -> dict[str, str]:
    folder = path.parent / "bench"
    emit(Top(path.parent, "fifo", (path.name,), (), (), (), None), folder)
    device = {"FIFO_WIDTH": str(width), "FIFO_DEPTH": str(depth), "FIFO_LATENCY": str(latency)}
    return run(folder, "icarus", {"RTL": "..", "COCOTB_TEST_MODULES": "bitsmith.tb.fifo", **device})


def result(path: Path, width: int, depth: int, latency: int) -> str:
    """What the bench and the buffer's own checks have to say."""
    return "".join(results(path, width, depth, latency).values())


@pytest.mark.parametrize(
    ("width", "depth", "latency"), [(8, 1, 1), (1, 2, 1), (12, 5, 3), (130, 16, 6), (8, 3, 7), (9, 67, 5)]
)
def test_every_beat_in_order(width: int, depth: int, latency: int, tmp_path: Path, need: Need) -> None:
    need("iverilog")
    assert result(emitted(tmp_path, width, depth), width, depth, latency) == ""


@pytest.mark.parametrize(("depth", "latency"), [(2, 1), (3, 7), (5, 2), (16, 6)])
def test_a_block_ram_keeps_the_same_times(
    depth: int, latency: int, tmp_path: Path, need: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small ones are full and empty all the time."""
    need("iverilog")
    monkeypatch.setattr(fifo, "DEEP", 1)
    path = emitted(tmp_path, 8, depth)
    assert "r_tdata = past ?" in path.read_text()
    assert result(path, 8, depth, latency) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [("assign room = credits != 3'd0;", "assign room = 1;"), ("if (w_tvalid)", "if (w_tvalid & ~r_tready)")],
)
def test_a_spoilt_fifo_is_found(old: str, new: str, tmp_path: Path, need: Need) -> None:
    need("iverilog")
    path = emitted(tmp_path, 12, 5)
    edit(path, old, new)
    assert result(path, 12, 5, 3) != ""


BENCH = """
module bench;
  reg clk = 0, rst = 1, take = 0, one = 0, two = 0, ready = 0;
  reg [11:0] data = 0;
  wire room, valid;
  wire [11:0] out;
  integer k;
  fifo dut(.clk(clk), .rst(rst), .reserve(take & room), .room(room), .w_tvalid(two), .w_tdata(data),
    .r_tvalid(valid), .r_tready(ready), .r_tdata(out));
  initial begin
    for (k = 0; k < 400; k = k + 1) begin
      #5 clk = 1;
      #1 two = one; one = take & room & ~rst; rst = k < 3; take = k % 50 < 20; ready = k % 50 > 30 || k % 7 == 0;
      #4 clk = 0;
    end
    $finish;
  end
endmodule
"""
# What is spoilt, and what the buffer itself says then.
CHECKS = {
    "nothing": ("", "", ""),
    "always room": ("room = credits != 3'd0;", "room = 1'h1;", "over 5 places granted"),
    "no room": ("room = credits != 3'd0;", "room = 1'h0;", "a free place is not granted"),
    "one place less": ("room = credits != 3'd0;", "room = credits > 3'h1;", "a free place is not granted"),
    "a credit more": ("<= 3'd5;", "<= 3'd6;", "over 5 places granted"),
    "always a beat": ("r_tvalid = level != 3'd0;", "r_tvalid = 1'h1;", "popped while empty"),
    "a beat stays": ("r_tvalid = level != 3'd0;", "r_tvalid = level > 3'h1;", "a beat is held back"),
}


@pytest.mark.parametrize("spoilt", CHECKS)
def test_a_buffer_checks_itself(spoilt: str, tmp_path: Path, need: Need) -> None:
    """The checks inside the buffer find it, in a simulation that compares nothing."""
    need("iverilog")
    old, new, said = CHECKS[spoilt]
    path = emitted(tmp_path, 12, 5)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new) + BENCH)
    iverilog().run(["-g2005", f"-D{CHECK}", "-o", "bench", "fifo.v"], tmp_path, "Icarus Verilog")
    done = subprocess.run(["vvp", "-n", "bench"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if "problem" in line] == [f"problem fifo: {said}"] * bool(said)


def test_synthesis_sees_no_checks(tmp_path: Path, need: Need) -> None:
    """The same cells with and without the text."""
    need("yosys")
    fifo = Fifo(12, 5)
    bare = to_verilog({"fifo": fifo})["fifo"]
    counts = []
    for k, text in enumerate((bare, checked(bare, "fifo", fifo))):
        (tmp_path / f"{k}.v").write_text(text)
        script = f"read_verilog {k}.v; synth -top fifo; tee -q -o {k}.json stat -json"
        yosys().run(["-q", "-p", script], tmp_path, "Yosys")
        counts.append(json.loads((tmp_path / f"{k}.json").read_text())["design"]["num_cells_by_type"])
    assert counts[0] == counts[1]
