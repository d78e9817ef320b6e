"""``make mutate``: every fault has one kind and one place in the count, and a run that was stopped goes on."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from mutation.__main__ import NETWORKS, SHARES, shares
from mutation.record import Record
from mutation.results import COLUMNS, EQUAL, KINDS, Result, missing, table
from mutation.verilog import of_text

FIFO = """\
module t_fifo (
  input  clk,
  input  rst,
  input  reserve,
  output wire room
);
  reg [1:0] credits = 2'd2;
  reg write_place = 1'b0;
  wire write_following = (write_place == 1'b1) ? 1'b0 : write_place + 1'b1;
  always @(posedge clk)
    if (rst) begin
      credits <= 2'd2;
      write_place <= 1'b0;
    end else begin
      credits <= credits - {1'b0, reserve};
      write_place <= write_following;
    end
  assign room = credits != 2'd0;
endmodule
"""
FLAG = """\
module t (
  input  clk,
  input  rst,
  input  s_axis_tlast,
  output reg  tlast_error = 1'b0
);
  always @(posedge clk)
    if (rst)
      tlast_error <= 1'b0;
    else begin
      if (s_axis_tlast != 1'b1)
        tlast_error <= 1'b1;
    end
endmodule
"""
DONE = Result("rtl t: swap | a -> b", "rtl-t-1", "rtl", "t", "swap", "rtl data", "wrong integers", 0.5)


def test_the_parts_of_a_buffer_are_kinds() -> None:
    kinds = {(site.holder, site.kind) for site in of_text("t_fifo.v", FIFO)}
    assert ("credits", "fifo credits") in kinds
    assert ("write_following", "fifo depth") in kinds
    assert ("write_place", "reset removed") in kinds


def test_the_error_flag_is_a_kind() -> None:
    """Stuck at either value, raised where all is right, not raised; and nothing that changes nothing."""
    sites = of_text("t.v", FLAG)
    found = [(site.holder, site.value, site.fault) for site in sites if site.kind == "error flag"]
    assert ("tlast_error", "1'b1", "1'b0") in found
    assert ("tlast_error", "1'b0", None) in found
    assert ("", "s_axis_tlast != 1'b1", "s_axis_tlast == 1'b1") in found
    assert all(value != fault for _, value, fault in found)


@pytest.mark.parametrize("count", [100, 500])
def test_so_many_as_are_asked_for(count: int) -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    assert sum(sum(shares(part, count).values()) for part in SHARES) == count
    assert {name for part in SHARES for name in shares(part, count)} == set(NETWORKS)


def test_the_table_has_every_fault_in_one_column() -> None:
    every = [replace(DONE, code=str(k), end=end) for k, end in enumerate(COLUMNS)]
    head, *_, last = table(every).splitlines()
    assert all(column in head for column in (*EQUAL.values(), "HOLE"))
    assert Counter(last.split()) == {"all": 1, str(len(COLUMNS)): 1, "1": len(COLUMNS)}
    assert missing(every, "rtl") == sorted({*KINDS["rtl"]} - {"swap"})


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    first = Record(path, {"seed": 1})
    first.save([DONE], 2.0, 4.0)
    second = Record(path, {"seed": 1})
    assert second.resume() == ""
    assert second.known == {DONE.code: DONE}
    second.save([replace(DONE, code="rtl-t-2")], 1.0, 1.5)
    kept = json.loads(path.read_text())
    assert [one["code"] for one in kept["mutants"]] == ["rtl-t-1", "rtl-t-2"], "stopped again before the first was due"
    assert (kept["processor_seconds"], kept["wall_seconds"]) == (3.0, 5.5)


def test_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    Record(path, {"seed": 1, "sources": "a"}).save([DONE], 2.0, 4.0)
    assert "other sources; begin without --resume" in Record(path, {"seed": 1, "sources": "b"}).resume()
    assert "no file of an earlier run" in Record(tmp_path / "none.json", {"seed": 1}).resume()
