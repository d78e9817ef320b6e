"""What an estimate says of recurrent networks: rates, utilization, advice, and resources held to Yosys's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hardware import Case, side_by_side
from recurrences import S8, STEPS, UNITS, Network, specs
from test_gru import gru
from test_lstm import lstm
from test_simple_rnn import simple_rnn

from bitsmith.cli.estimate import pixels, text
from bitsmith.gen.build import build
from bitsmith.gen.config.schema import Config, parse_config
from bitsmith.gen.resources import Resources, count
from bitsmith.gen.resources.cost import kept
from bitsmith.gen.resources.estimate import BUSY, estimate, estimate_plan
from bitsmith.gen.resources.recurrent import products
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.rtl.plan import Plan
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.synth.yosys import module_cells, resources
from bitsmith.hw.rtl.recurrent import RecurrentCore
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.repeat_vector import RepeatVector
from bitsmith.sim.ops.reverse import Reverse
from bitsmith.sim.recurrent import Recurrent

Need = Callable[..., None]
IMAGE = (512, 512)


def planned(graph: Graph, layers: dict[str, Any] | None = None, **ours: Any) -> tuple[Plan, Config]:
    settings = {"ClockPeriod": 4, "Bitsmith": ours, "HLSConfig": {"LayerName": layers or {}}}
    config = parse_config(settings)
    return plan_for(graph, config), config


def alone(op: Recurrent) -> Graph:
    return replace(Case(op, specs(op, STEPS)).graph("y"), name="alone")


def row(data: dict[str, Any], name: str = "y") -> dict[str, Any]:
    return next(layer for layer in data["layers"] if layer["name"] == name)


# rates ------------------------------------------------------------------------------------------


def test_rates_follow_from_the_cycles() -> None:
    """A step of 7 sequences takes as long as a sequence waits for itself; behind the last step nothing waits."""
    data = estimate_plan(*planned(alone(gru()), interleaved_sequences=7), IMAGE)
    recurrence = row(data)["recurrence_cycles"]
    assert recurrence > 7
    interval = (STEPS - 1) * recurrence + 7
    assert (data["sequences"], data["interval_cycles"]) == (7, interval)
    assert row(data)["utilization"] == pytest.approx(STEPS * 7 / interval, abs=1e-4)
    assert data["sequences_per_second"] == pytest.approx(7 * 250e6 / interval, abs=1e-3)
    assert data["image"] == [512, 512]
    assert data["frames_per_second"] == pytest.approx(250e6 / (37450 * interval), abs=1e-3)  # 262,144 / 7 = 37,449.1


def test_only_recurrent_layers_have_a_recurrence() -> None:
    net = Network("two")
    net.recurrent("g", gru, "x")
    data = estimate_plan(*planned(net.graph("g_out")))
    assert set(row(data, "g")) - set(row(data, "g_gates")) == {"utilization", "recurrence_cycles"}
    assert "image" not in data
    assert "frames_per_second" not in data


# advice -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "strategy", "pixels"),
    [(gru(), "distributed_arithmetic", 1), (lstm(), "latency", 1), (simple_rnn(), "latency", 2)],
)
def test_the_advice_keeps_the_arithmetic_busy(op: Recurrent, strategy: str, pixels: int) -> None:
    ours: dict[str, Any] = {"strategy": strategy, "pixels_per_cycle": pixels}
    idle = estimate_plan(*planned(alone(op), **ours, interleaved_sequences=2))
    assert row(idle)["utilization"] < BUSY
    (line,) = idle["advice"]
    found = re.fullmatch(r"y: busy [\d.]+% of the time; interleaved_sequences: (\d+) would keep it busy", line)
    assert found
    busy = estimate_plan(*planned(alone(op), **ours, interleaved_sequences=int(found[1])))
    assert row(busy)["utilization"] >= BUSY
    assert busy["advice"] == []


def test_a_slower_neighbour_is_named() -> None:
    """To turn a sequence round takes twice its beats, so the layer behind is busy half of the time."""
    net = Network("turned")
    net.recurrent("g", gru, net.add("turn", Reverse(S8), "x"))
    data = estimate_plan(*planned(net.graph("g_out"), {"g": {"ReuseFactor": 1}}))
    cycles = data["interval_cycles"]
    assert cycles == 2 * STEPS * data["sequences"]
    assert data["advice"] == [f"g: busy 50.0% of the time; 'turn' takes {cycles} of {cycles} cycles"]


def test_sequences_that_cannot_stand_side_by_side() -> None:
    net = Network("flat")
    net.add("flat", Flatten(S8, (STEPS * UNITS,)), net.recurrent("g", gru, "x"))
    data = estimate_plan(*planned(net.graph("flat")))
    assert data["sequences"] == 1
    (line,) = data["advice"]
    assert line.endswith("its sequences cannot stand side by side")


# what people read -------------------------------------------------------------------------------


def test_the_build_and_the_command_say_it(tmp_path: Path) -> None:
    build(alone(simple_rnn()), {"ClockPeriod": 4, "Bitsmith": {"interleaved_sequences": 2}}, tmp_path / "y", vectors=2)
    data = estimate(tmp_path / "y", image=(3, 5))
    assert json.loads((tmp_path / "y" / "estimate.json").read_text()) == data
    lines = text(data).splitlines()
    rates = next(line for line in lines if "a second" in line)
    assert rates.startswith("2 sequences in a frame, ")
    assert "; 3 x 5 pixels: " in rates
    assert rates.endswith(" at 250.0 MHz")
    assert data["advice"][0] in lines
    assert "utilization" in lines[0]


@pytest.mark.parametrize("size", ["512", "0x5", "5x0", "axb", "512x512x3", "-1x4", "1000000x1"])
def test_a_size_that_is_none_is_one_line(size: str) -> None:
    with pytest.raises(BitsmithError, match="--image '.*' is no size; write height x width"):
        pixels(size)
    assert pixels("512x640") == (512, 640)


def test_an_image_has_pixels() -> None:
    with pytest.raises(BitsmithError, match="an image of 0 x 5 has no pixel"):
        estimate_plan(*planned(alone(simple_rnn())), (0, 5))


# resources --------------------------------------------------------------------------------------


def cores() -> dict[str, Graph]:
    """Each core once, and each cell; x is 7 bits of 5 steps, so that nothing else is in the way."""
    type_ = Fixed(True, 2, 4)
    image, vector = Spec((1, STEPS, 3), type_), Spec((3,), type_)
    cases = {
        "gru": Case(gru(4), specs(gru(4), STEPS)),
        "inner": Case(gru(4, reset_after=False), specs(gru(4), STEPS)),
        "lstm": Case(lstm(4, initial_type=S8), specs(lstm(4, initial_type=S8), STEPS)),
        "rnn": Case(simple_rnn(6), specs(simple_rnn(6), STEPS)),
        "again": Case(RepeatVector(type_, STEPS), (vector,), before=(Activation(type_, Kind.LINEAR, type_),)),
        "turn": Case(Reverse(type_), (image,)),
        "cut": Case(Crop(type_, (0, 1), (STEPS - 1, STEPS), (1, 3)), (image,)),
    }
    return {name: case.graph(name) for name, case in cases.items()}


LAYERS = {
    "gru": {"Strategy": "latency"},
    "inner": {"Strategy": "distributed_arithmetic"},
    "lstm": {"Strategy": "resource", "ReuseFactor": 8},
    "rnn": {"Strategy": "distributed_arithmetic", "ReuseFactor": 2},
}


@pytest.mark.slow
def test_formulas_are_estimates_of_what_yosys_finds(tmp_path: Path, need: Need) -> None:
    need("yosys")
    graphs = cores()
    plan, _ = planned(side_by_side(graphs), LAYERS, interleaved_sequences=20)
    emit_plan(plan, tmp_path / "rtl")
    names = {name: plan.module(name) for name in graphs}
    cells = module_cells(Top.load(tmp_path / "rtl"), tmp_path / "synth", lambda line: None, only=names.values())
    for name in graphs:
        core = plan.stage(name).core
        formula, yosys = count(core).to_json(), resources(cells[names[name]])
        # An estimate: half and twice are the bounds within which it is still one.
        for key, found in yosys.items():
            assert found / 2 <= formula[key] <= 2 * found, (name, key, formula, yosys)


def test_products_by_hand() -> None:
    """8 by 12 bits: a DSP block with its registers and the sum; 3 by 4: 12 LUTs, 7 registers and a sum of 21 bits."""
    sum_ = Fixed(True, 4, 16)
    assert products(5, Fixed(True, 0, 7), Fixed(True, 3, 8), (sum_,)) == Resources(dsp=5)
    assert products(1, Fixed(False, 0, 3), Fixed(True, 0, 3), (sum_,)) == Resources(lut=12 + 21, ff=7 + 21)
    assert kept(1, 9) == Resources(ff=18)


@pytest.mark.parametrize("strategy", ["latency", "resource", "distributed_arithmetic"])
@pytest.mark.parametrize(("op", "products_a_unit"), [(gru(), 2), (lstm(), 3), (simple_rnn(), 0)])
def test_a_cell_multiplies_gates_and_states_in_dsp_blocks(op: Recurrent, products_a_unit: int, strategy: str) -> None:
    plan, _ = planned(alone(op), strategy=strategy)
    core = plan.stage("y").core
    assert isinstance(core, RecurrentCore)
    assert count(core.cell).dsp == products_a_unit * UNITS
