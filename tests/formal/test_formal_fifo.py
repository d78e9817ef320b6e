"""The buffer behind every core, for every run: order, what waits, and the handshake of reserve and room."""

from __future__ import annotations

import pytest
from formal import Prove, marked, spoilt
from formal_fifo import fifo_harness

from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.hw.rtl import fifo
from bitsmith.hw.rtl.fifo import Fifo

BLOCK = 1
"""Every buffer deeper than this is made for block RAM in the tests of those."""


@pytest.mark.parametrize("depth", marked((1, 2, 3, 4, 5, 8), (2,)))
def test_every_beat_in_order(depth: int, proof: Prove) -> None:
    device = Fifo(2, depth)
    verdict = proof(f"FIFO of {depth}", fifo_harness(device), to_verilog({"fifo": device}))
    assert verdict.proven, verdict


@pytest.mark.parametrize("depth", marked((2, 3, 5), (2,)))
def test_every_beat_in_order_through_block_ram(depth: int, proof: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fifo, "DEEP", BLOCK)
    device = Fifo(2, depth)
    emitted = to_verilog({"fifo": device})
    assert "past ?" in emitted["fifo"]
    verdict = proof(f"FIFO of {depth}, block RAM", fifo_harness(device), emitted)
    assert verdict.proven, verdict


# What is spoilt, and which promise is broken then.
ROOM, SHOWN = "room says what is free", "a beat can be read in the next cycle, and nothing else"
STAYS, ORDER = "a beat that waits stays as it is", "every beat comes once, in order"
SPOILT = {
    "a credit too few at power-up": ([("credits = 2'd3", "credits = 2'd2")], ROOM),
    "a credit too few after a reset": ([("credits <= 2'd3", "credits <= 2'd2")], ROOM),
    "room is always there": ([("credits != 2'd0", "1'h1")], ROOM),
    "a place is never used": ([("credits != 2'd0", "credits > 2'd1")], ROOM),
    "a reset forgets the places taken": ([("credits <= 2'd3;", "credits <= credits;")], ROOM),
    "a pop without a beat's leaving": ([("pop = r_tvalid & r_tready", "pop = r_tready")], ROOM),
    "a beat is held back": ([("level != 2'd0", "level > 2'd1")], SHOWN),
    "the payload is not held": ([("r_tdata = storage_read", "r_tdata = w_tvalid ? w_tdata : storage_read")], None),
    "the reader's place runs on": ([("else if (pop)\n      read_place", "else if (r_tready)\n      read_place")], None),
    "the last place is left out": ([("read_place == 2'd2", "read_place == 2'd1")], None),
    "a beat is lost when another leaves": (
        [("if (w_tvalid)\n      storage", "if (w_tvalid & ~pop)\n      storage")],
        None,
    ),
}
IN_CI = ("a credit too few at power-up", "the last place is left out")


@pytest.mark.parametrize("name", marked(SPOILT, IN_CI))
def test_a_planted_bug_is_found(name: str, proof: Prove) -> None:
    edits, broken = SPOILT[name]
    device = Fifo(2, 3)
    verdict = proof(f"FIFO of 3: {name}", fifo_harness(device), spoilt(to_verilog({"fifo": device}), *edits))
    assert not verdict.proven
    assert verdict.broken in ((STAYS, ORDER) if broken is None else (broken,))
