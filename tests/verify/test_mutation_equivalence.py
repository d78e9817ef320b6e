"""What passes ``verify``: where two machines differ in data that is not valid only, they are shown to be equal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from formal import Harness, prove
from mutation.equivalence import OTHER, PARENT, SAME, TOP, WHERE_VALID, compared
from mutation.expression import expression
from mutation.rest import around
from mutation.verilog import of_text

Need = Callable[..., None]
PORTS = """(
  input  clk,
  input  rst,
  input  s_tvalid,
  input  [1:0] s_tdata,
  output wire m_tvalid,
  output wire [1:0] m_tdata
);
"""
SUM = f"""\
module t_sum_x {PORTS}\
  reg live_1 = 1'b0;
  reg valid_1 = 1'b0;
  reg valid_2 = 1'b0;
  always @(posedge clk)
    if (rst) begin
      live_1 <= 1'b0;
      valid_1 <= 1'b0;
      valid_2 <= 1'b0;
    end else begin
      live_1 <= s_tvalid;
      valid_1 <= s_tvalid;
      valid_2 <= valid_1;
    end
  reg [1:0] x = 2'd0;
  reg [1:0] y = 2'd0;
  always @(posedge clk) begin
    x <= s_tdata;
    if (live_1)
      y <= x;
  end
  assign m_tvalid = valid_2;
  assign m_tdata = y;
endmodule
"""
TOP_TEXT = """\
module t (
  input  aclk,
  input  aresetn,
  input  [1:0] s_axis_sum_x_tdata,
  input  s_axis_sum_x_tvalid,
  input  s_axis_sum_x_tlast,
  output wire s_axis_sum_x_tready,
  output wire m_axis_sum_x_tvalid,
  output wire [1:0] m_axis_sum_x_tdata
);
  wire clk = aclk;
  wire rst = ~aresetn;
  wire sum_x_tvalid;
  wire [1:0] sum_x_tdata;
  assign s_axis_sum_x_tready = 1'b1;

  t_sum_x sum_x (
    .clk(clk),
    .rst(rst),
    .s_tvalid(s_axis_sum_x_tvalid),
    .s_tdata(s_axis_sum_x_tdata),
    .m_tvalid(sum_x_tvalid),
    .m_tdata(sum_x_tdata)
  );
  reg taken = 1'b0;
  reg [1:0] kept = 2'd0;
  always @(posedge clk) begin
    taken <= sum_x_tvalid;
    if (sum_x_tvalid)
      kept <= kept + sum_x_tdata;
  end
  assign m_axis_sum_x_tvalid = taken;
  assign m_axis_sum_x_tdata = kept;
endmodule
"""
READS_ALWAYS = TOP_TEXT.replace("    if (sum_x_tvalid)\n", "")


@pytest.mark.parametrize(("top", "result", "scope"), [(TOP_TEXT, SAME, WHERE_VALID), (READS_ALWAYS, OTHER, TOP)])
def test_a_register_that_is_reset_to_another_value(
    top: str, result: str, scope: str, tmp_path: Path, need: Need
) -> None:
    """It lets data through that is not valid, which is the same machine only where nobody reads that."""
    need("yosys")
    rtl = tmp_path / "rtl"
    rtl.mkdir()
    for name, text in {"t_sum_x.v": SUM, "t.v": top, "t_trace.v": ""}.items():
        (rtl / name).write_text(text)
    site = next(one for one in of_text("t_sum_x.v", SUM) if one.kind == "reset value" and one.holder == "live_1")
    found = compared(site, rtl, tmp_path / "proof", 60)
    assert (found.result, found.scope) == (result, scope)


CELL = f"""\
module t_cell_x {PORTS}\
  wire unread;
  t_sum_x sum (
    .clk(clk),
    .rst(rst),
    .s_tvalid(s_tvalid),
    .s_tdata(s_tdata),
    .m_tvalid(unread),
    .m_tdata(m_tdata)
  );
  assign m_tvalid = 1'b1;
endmodule
"""


@pytest.mark.slow
def test_an_output_that_the_module_around_does_not_read(tmp_path: Path, need: Need) -> None:
    need("yosys")
    texts = {"t_sum_x.v": SUM, "t_cell_x.v": CELL, "t.v": TOP_TEXT.replace("t_sum_x", "t_cell_x"), "t_trace.v": ""}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    every = of_text("t_sum_x.v", SUM)
    site = next(one for one in every if one.kind == "reset removed" and one.holder == "valid_2")
    found = compared(site, tmp_path, tmp_path / "proof", 60)
    assert (found.result, found.scope) == (SAME, PARENT)


def test_a_top_without_its_module() -> None:
    cut = around(TOP_TEXT, "t_sum_x", SUM)
    assert "t_sum_x sum_x" not in cut
    assert "  input [1:0] cut_m_tdata,\n" in cut
    assert "  assign sum_x_tdata = cut_m_tdata;\n" in cut
    assert "  assign seen_s_tvalid = s_axis_sum_x_tvalid;\n" in cut
    assert around(TOP_TEXT + TOP_TEXT, "t_sum_x", SUM) == "", "of two nobody knows which one"
    assert around(TOP_TEXT, "t", SUM) == ""


def test_a_statement_whose_value_is_the_same(tmp_path: Path, need: Need) -> None:
    """One more and one less are the same in a bit, and not in two; operands have their signs and widths."""
    need("yosys")
    found: dict[str, bool] = {}
    for key, harness in statements():
        found[key] = prove(harness, {}, tmp_path / str(len(found)), 60).proven
    assert found == {"bit - 1'b1": True, "pair - 2'd1": False, "$unsigned(small) * 4'sd3": False}


STATEMENTS = """\
module t (
  input  clk
);
  wire bit = 1'b0;
  wire [1:0] pair = 2'd0;
  wire signed [1:0] small = 2'sd0;
  reg [1:0] storage [0:3];
  wire one = bit + 1'b1;
  wire [1:0] two = pair + 2'd1;
  wire [3:0] product = $signed(small) * 4'sd3;
  wire [1:0] three = storage[pair] + 2'd1;
endmodule
"""


def statements() -> list[tuple[str, Harness]]:
    """A fault in each of some statements; none in what reads a memory."""
    kinds = ("operator", "signedness")
    wanted = ("bit - 1'b1", "pair - 2'd1", "$unsigned(small) * 4'sd3", "storage[pair] - 2'd1")
    sites = [s for s in of_text("t.v", STATEMENTS) if s.kind in kinds and s.fault in wanted]
    assert len(sites) == len(wanted)
    found = [(str(site.fault), expression(site, STATEMENTS)) for site in sites]
    return [(fault, harness) for fault, harness in found if harness is not None]
