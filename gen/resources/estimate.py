"""``bitsmith estimate``: cycles, exact, and resources, estimated, of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...hw.rtl.core import Core
from ...sim.errors import BitsmithError
from ..config.schema import Config, parse_config
from ..files.folder import open_build, write_json
from ..files.graph_file import load_graph
from ..files.hashes import demand
from ..rtl.choices import keeping_busy, plan_for
from ..rtl.schedule import Schedule
from ..rtl.stages import Plan, PlannedStage

# Part of the cycles in which a recurrent layer's arithmetic should take up work.
BUSY = 0.95


def estimate(folder: str | Path, image: tuple[int, int] | None = None) -> dict[str, Any]:
    """What is written to ``DIR/estimate.json``, too.

    ``latency_cycles``: from the first input beat's transfer to the last output beat's, both counted;
    ``interval_cycles``: the mean from frame to frame in the steady state, with a source that always has a beat and a
    sink that always takes it; ``steady_frames``: from the end of which frame to that of which one it is taken;
    ``frame_ends``: for each output, when the last beat of each frame leaves, the first input beat coming in cycle 0.
    All are what a simulation shows, to the cycle. ``layers`` has a row for each stage, ``resources`` the sums and
    their ``source``: the formulas of ``gen.resources`` (``gen.synth.estimate`` has synthesis's). A row's ``chosen_by``
    says who chose its strategy, reuse factor and pixels per cycle: ``LayerName``, ``LayerType``, ``Bitsmith`` or
    ``Model`` of the configuration, or ``planner``.

    A network with recurrent layers adds ``sequences``, which stand side by side in a frame (latency and interval are
    those of such a frame), ``sequences_per_second`` at the configured clock, ``advice``, lines for people, and in the
    rows of its recurrent layers ``utilization``, the part of an interval in which the arithmetic takes up work in
    steady state, and ``recurrence_cycles``, from a sequence's step to its next. With ``image``, (height, width) in
    pixels of one sequence each, also ``image`` and ``frames_per_second``: images a second, the last frame of each
    filled up.

    A gdn's row adds what is proven of its gain for every sum it can meet: it is off by no more than ``gain_error`` of
    itself plus ``gain_rounding``, unless ``gain_saturates``, that is, unless the largest is too large for its type.

    BitsmithError where the folder is no build, or an ``image`` is given for a network that has no recurrent layer.
    """
    path = Path(folder)
    data = estimate_plan(*open_plan(path), image)
    write_json(path / "estimate.json", data)
    return data


def open_plan(folder: Path) -> tuple[Plan, Config]:
    """The plan that a build was made from, found again from its graph and its configuration.

    BitsmithError where one of them was changed since.
    """
    mark = open_build(folder)
    demand(folder, mark, ["graph.json"])
    config = parse_config(mark.get("config"), str(folder / "bitsmith.json"))
    return plan_for(load_graph(folder / "graph.json"), config), config


def estimate_plan(plan: Plan, config: Config, image: tuple[int, int] | None = None) -> dict[str, Any]:
    """The same for a plan, by formula."""
    from . import SOURCE

    network = plan.network()
    schedule = network.settled(network.depths())
    rows = [_row(plan, stage, schedule) for stage in plan.stages]
    return {
        "clock_mhz": round(1000 / config.clock_period_ns, 3),
        "latency_cycles": schedule.latency,
        "interval_cycles": schedule.interval,
        "steady_frames": list(schedule.steady),
        "frame_ends": plan.frame_ends(schedule),
        **_rates(plan, config, schedule, image),
        "layers": rows,
        "resources": {**sum_rows(rows), "source": SOURCE},
    }


def sum_rows(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """LUTs, flip-flops, DSP blocks and block RAMs of all rows."""
    return {key: sum(row[key] for row in rows) for key in ("lut", "ff", "dsp", "bram")}


def _row(plan: Plan, stage: PlannedStage, schedule: Schedule) -> dict[str, Any]:
    from . import of_fifo, of_stage, total

    depths = fifo_depths(plan, stage, schedule)
    cost = of_stage(stage) + total(of_fifo(stage.layout.stored, depth) for depth in depths)
    return {
        "name": stage.name,
        "operator": operators(plan, stage),
        "strategy": stage.strategy or "-",
        "reuse_factor": stage.reuse,
        "pixels_per_cycle": max(port.layout.lanes for port in stage.core.inputs),
        "chosen_by": _chosen_by(stage),
        "busy_cycles": schedule.busy[stage.name],
        "latency_cycles": stage.stage().timing.latency,
        "fifo_depth": max(depths),
        **cost.to_json(),
        **_recurrence(stage, schedule),
        **_remarks(plan, stage),
    }


def _chosen_by(stage: PlannedStage) -> dict[str, str]:
    """Which section of the configuration chose what, or the planner."""
    found = {"pixels_per_cycle": stage.lanes_from.value}
    if stage.decided is None:
        return found
    return {
        "strategy": stage.decided.strategy_from.value,
        "reuse_factor": stage.decided.reuse_from.value,
        **found,
    }


def _remarks(plan: Plan, stage: PlannedStage) -> dict[str, float | bool]:
    from . import remarks_on

    return {key: value for name in stage.nodes for key, value in remarks_on(plan.graph.node(name).op).items()}


def operators(plan: Plan, stage: PlannedStage) -> str:
    """The stems of a stage's nodes, or what kind of core it is where it has none of its own."""
    stems = [plan.graph.node(name).op.stem for name in stage.nodes]
    return " + ".join([stage.part, *stems] if stage.part else stems)


def fifo_depths(plan: Plan, stage: PlannedStage, schedule: Schedule) -> list[int]:
    """The depths of the buffers behind a stage, one for each reader."""
    keys = [
        (f"output:{stage.name}", 0) if name.startswith("output:") else (name, port)
        for name, port in plan.buffered(stage)
    ]
    return [schedule.depths[key] for key in keys]


# recurrent networks -----------------------------------------------------------------------------


def _rates(plan: Plan, config: Config, schedule: Schedule, image: tuple[int, int] | None) -> dict[str, Any]:
    """Sequences and images a second; nothing for a network that is not recurrent."""
    if image and min(image) < 1:
        raise BitsmithError(
            f"an image of {image[0]} x {image[1]} has no pixel; give a height and a width of at least 1"
        )
    if not plan.sequences:
        if image:
            raise BitsmithError("the network has no recurrent layer: a frame is its whole input; leave the image out")
        return {}
    frames = 1e9 / config.clock_period_ns / schedule.interval
    found: dict[str, Any] = {"sequences": plan.sequences, "sequences_per_second": round(frames * plan.sequences, 3)}
    if image:
        needed = -(-image[0] * image[1] // plan.sequences)
        found |= {"image": list(image), "frames_per_second": round(frames / needed, 3)}
    return {**found, "advice": _advice(plan, config, schedule)}


def _recurrence(stage: PlannedStage, schedule: Schedule) -> dict[str, float]:
    core = stage.core
    if not core.recurrence:
        return {}
    return {"utilization": round(_utilization(core, schedule), 4), "recurrence_cycles": core.recurrence}


def _utilization(core: Core, schedule: Schedule) -> float:
    return core.inputs[0].layout.beats * core.reuse / schedule.interval


def _advice(plan: Plan, config: Config, schedule: Schedule) -> list[str]:
    """A line for each recurrent layer that waits more than it should, for itself or for a slower stage."""
    shares = {s.name: _utilization(s.core, schedule) for s in plan.stages if s.core.recurrence}
    idle = {name: share for name, share in shares.items() if share < BUSY}
    needed = keeping_busy(plan.model, config) if idle else 0
    return [
        f"{name}: busy {share:.1%} of the time; {_why(plan, name, needed, schedule)}" for name, share in idle.items()
    ]


def _why(plan: Plan, name: str, needed: int, schedule: Schedule) -> str:
    core = plan.stage(name).core
    if core.wait and plan.sequences < needed:
        return f"interleaved_sequences: {needed} would keep it busy"
    if core.wait:
        return "its sequences cannot stand side by side"
    slowest = max(schedule.busy, key=lambda stage: schedule.busy[stage])
    return f"'{slowest}' takes {schedule.busy[slowest]} of {schedule.interval} cycles"
