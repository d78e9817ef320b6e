"""The FIFO's bench on several depths; it finds a FIFO that is spoilt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rigs import edit

from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.gen.verify.icarus import evaluated_at_start
from bitsmith.hw.rtl import fifo
from bitsmith.hw.rtl.fifo import Fifo
from bitsmith.tb.run import run_bench

Need = Callable[..., None]


def emitted(folder: Path, width: int, depth: int) -> Path:
    path = folder / "fifo.v"
    path.write_text(evaluated_at_start(to_verilog({"fifo": Fifo(width, depth)})["fifo"]))
    return path


def result(path: Path, width: int, depth: int, latency: int) -> str:
    device = {"FIFO_WIDTH": str(width), "FIFO_DEPTH": str(depth), "FIFO_LATENCY": str(latency)}
    return run_bench([path], "fifo", "bitsmith.tb.fifo", path.parent / "bench", "icarus", device, {})["every_pace"]


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
    ("old", "new"), [("assign room = | credits;", "assign room = 1;"), ("if (w_tvalid)", "if (w_tvalid & ~r_tready)")]
)
def test_a_spoilt_fifo_is_found(old: str, new: str, tmp_path: Path, need: Need) -> None:
    need("iverilog")
    path = emitted(tmp_path, 12, 5)
    edit(path, old, new)
    assert result(path, 12, 5, 3) != ""
