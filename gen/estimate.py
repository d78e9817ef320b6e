"""``bitsmith estimate``: cycles, exact, and resources, estimated, of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..sim.errors import BitsmithError
from .config import Config, parse_config
from .folder import open_build, write_json
from .ir import Graph
from .rtl.choices import plan_for
from .rtl.plan import Plan, PlannedStage
from .schedule import Schedule

ESTIMATES = ("formula", "yosys")


def estimate(folder: str | Path, resources: str = "formula") -> dict[str, Any]:
    """What is written to ``DIR/estimate.json``, too.

    ``latency_cycles``: from the first input beat's transfer to the last output beat's, both counted;
    ``interval_cycles``: from frame to frame, with a source that always has a beat and a sink that always takes it.
    Both are what a simulation shows, to the cycle. ``layers`` has a row for each stage, ``resources`` the sums and
    their ``source``: the formulas of ``gen.resources`` or, with ``yosys``, synthesis. BitsmithError where the folder
    is no build.
    """
    if resources not in ESTIMATES:
        raise BitsmithError(f"unknown source of resources '{resources}'; one of {', '.join(ESTIMATES)}")
    path = Path(folder)
    data = estimate_plan(*open_plan(path))
    if resources == "yosys":
        from .synth_yosys import into_estimate

        data = into_estimate(data, path)
    write_json(path / "estimate.json", data)
    return data


def open_plan(folder: Path) -> tuple[Plan, Config]:
    """The plan that a build was made from, found again from its graph and its configuration."""
    config = parse_config(open_build(folder).get("config"), str(folder / "bitsmith.json"))
    return plan_for(Graph.load(folder / "graph.json"), config), config


def estimate_plan(plan: Plan, config: Config) -> dict[str, Any]:
    """The same for a plan, by formula."""
    from .resources import SOURCE

    network = plan.network()
    schedule = network.solve(network.depths())
    rows = [_row(plan, stage, schedule) for stage in plan.stages]
    return {
        "clock_mhz": round(1000 / config.clock_period_ns, 3),
        "latency_cycles": schedule.latency,
        "interval_cycles": schedule.interval,
        "layers": rows,
        "resources": {**sum_rows(rows), "source": SOURCE},
    }


def sum_rows(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """LUTs, flip-flops, DSP blocks and block RAMs of all rows."""
    return {key: sum(row[key] for row in rows) for key in ("lut", "ff", "dsp", "bram")}


def _row(plan: Plan, stage: PlannedStage, schedule: Schedule) -> dict[str, Any]:
    from .resources import of_fifo, of_stage, total

    depths = fifo_depths(plan, stage, schedule)
    cost = of_stage(stage) + total(of_fifo(stage.layout.bits, depth) for depth in depths)
    return {
        "name": stage.name,
        "operator": operators(plan, stage),
        "strategy": stage.strategy if stage.strategy and _shared(plan, stage) else "-",
        "reuse_factor": stage.reuse,
        "pixels_per_cycle": max(port.layout.lanes for port in stage.core.inputs),
        "busy_cycles": schedule.busy[stage.name],
        "latency_cycles": stage.stage().timing.latency,
        "fifo_depth": max(depths),
        **cost.to_json(),
    }


def operators(plan: Plan, stage: PlannedStage) -> str:
    """The stems of a stage's nodes, or what kind of core it is where it has none of its own."""
    stems = [plan.graph.node(name).op.stem for name in stage.nodes]
    own = [] if len(stage.nodes) > len(stage.pointwise) else [type(stage.core).__name__.removesuffix("Core").lower()]
    return " + ".join([*own, *stems])


def _shared(plan: Plan, stage: PlannedStage) -> bool:
    from .rtl.plan import SHARED

    return bool(stage.nodes) and plan.graph.node(stage.nodes[0]).op.stem in SHARED


def fifo_depths(plan: Plan, stage: PlannedStage, schedule: Schedule) -> list[int]:
    """The depths of the buffers behind a stage, one for each reader."""
    keys = [
        (f"output:{stage.name}", 0) if name.startswith("output:") else (name, port)
        for name, port in plan.buffered(stage)
    ]
    return [schedule.depths[key] for key in keys]
