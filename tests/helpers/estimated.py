"""A formula of resources beside what Yosys finds: an estimate is between half and twice."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from hardware import Case, side_by_side
from kept import cells

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.resources import count
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.synth.yosys import resources


def assert_estimated(
    cases: Mapping[str, Case], pixels: int, work: Path, model: Mapping[str, object] | None = None,
    stages: Collection[str] = (),
) -> None:  # fmt: skip
    """For each case's own module, at so many pixels per cycle; ``model`` is hls4ml's section for all layers,
    ``stages`` are others that the planner puts around them."""
    graphs = {name: case.graph(name) for name, case in cases.items()}
    layers = {name: dict(case.layer) for name, case in cases.items() if case.layer and model is None}
    hls = {"Model": dict(model or {}), "LayerName": layers}
    config = {"Bitsmith": {"pixels_per_cycle": pixels}, "HLSConfig": hls}
    planned = plan_for(side_by_side(graphs), parse_config(config))
    emit_plan(planned, work / "rtl")
    names = {name: planned.module(name) for name in (*cases, *stages)}
    found = cells(Top.load(work / "rtl"), names.values(), work / "synth")
    modules = {module.name: module for stage in planned.stages for module in (stage.core, *stage.pointwise)}
    for name in names:
        formula, yosys = count(modules[name]).to_json(), resources(found[names[name]])
        for key, n in yosys.items():
            assert n / 2 <= formula[key] <= 2 * n, (name, key, formula, yosys)
