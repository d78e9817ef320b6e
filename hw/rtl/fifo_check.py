"""What a simulation checks inside of every buffer, as text: a simulator's command starts without Amaranth."""

from __future__ import annotations

CHECK = "BITSMITH_CHECK"
"""The macro that a simulation defines to have every buffer checked."""
CHECKS = """\
`ifdef {macro}
  // For simulation: the buffer's promises, held to counters of their own. Synthesis never sees this.
  reg [{high}:0] check_held = 0, check_coming = 0;
  reg check_failed = 0;
  always @(posedge clk)
    if (rst) begin
      check_held <= {width}'d0;
      check_coming <= {width}'d0;
    end else if (!check_failed) begin
      check_held <= check_held + {{{zeros}, w_tvalid}} - {{{zeros}, r_tvalid & r_tready}};
      check_coming <= check_coming + {{{zeros}, reserve}} - {{{zeros}, w_tvalid}};
      check_failed <= 1;
      if (w_tvalid && check_held == {places}) $display("problem {name}: pushed while all {depth} places are full");
      else if (w_tvalid && !reserve && check_coming == {none})
        $display("problem {name}: pushed without a place reserved");
      else if (r_tvalid && r_tready && check_held == {none}) $display("problem {name}: popped while empty");
      else if (!r_tvalid && check_held != {none}) $display("problem {name}: a beat is held back");
      else if (reserve && !room) $display("problem {name}: a place taken that was not granted");
      else if (room && check_held + check_coming >= {places}) $display("problem {name}: over {depth} places granted");
      else if (!room && check_held + check_coming < {places}) $display("problem {name}: a free place is not granted");
      else check_failed <= 0;
    end
`endif
"""


def checks(name: str, depth: int) -> str:
    """Verilog to stand in the module ``name``, a buffer of ``depth`` places; it prints ``problem …`` once."""
    width = (2 * depth + 1).bit_length()
    sizes = {"high": width - 1, "width": width, "zeros": f"{width - 1}'d0", "none": f"{width}'d0"}
    return CHECKS.format(macro=CHECK, name=name, depth=depth, places=f"{width}'d{depth}", **sizes)
