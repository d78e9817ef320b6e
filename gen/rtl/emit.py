"""Writes ``rtl/``: a file for each layer, the top, the tracing top, and ``ports.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...hw.rtl.fifo import Fifo
from ...hw.rtl.layout import Layout
from ...sim.op import Shape
from ..ir import Graph
from ..schedule import Schedule
from .choices import plan_for
from .plan import Plan
from .top import Top
from .verilog import to_verilog


def emit(graph: Graph, config: Any, out_dir: Path) -> Schedule:
    """``out_dir``/rtl for the graph; returns the predicted times."""
    return emit_plan(plan_for(graph, config), out_dir / "rtl")


def emit_plan(plan: Plan, rtl: Path) -> Schedule:
    """The plan's Verilog in the folder ``rtl``."""
    network = plan.network()
    depths = network.depths()
    schedule = network.solve(depths)
    rtl.mkdir(parents=True, exist_ok=True)
    name = plan.graph.name
    top, trace = Top(plan, depths), Top(plan, depths, trace=True)
    top_text = to_verilog(top, name)
    files = {f"{name}_trace.v": to_verilog(trace, f"{name}_trace"), **_modules(plan, top.fifos), f"{name}.v": top_text}
    for file, text in files.items():
        (rtl / file).write_text(text)
    sources = [file for file in files if file != f"{name}_trace.v"]
    (rtl / "ports.json").write_text(json.dumps(_ports(plan, top, trace, sources), indent=1) + "\n")
    return schedule


def _modules(plan: Plan, fifos: dict[str, Fifo]) -> dict[str, str]:
    files: dict[str, str] = {}
    for stage in plan.stages:
        kernels = [to_verilog(kernel, name, shared=stage.core.output.lanes > 1) for name, kernel in stage.core.kernels().items()]
        files[f"{stage.core.name}.v"] = "\n".join([to_verilog(stage.core, stage.core.name), *kernels])
        for module in stage.pointwise:
            files[f"{module.name}.v"] = to_verilog(module, module.name)
    files[f"{plan.graph.name}_fifos.v"] = "\n".join(to_verilog(fifo, name) for name, fifo in fifos.items())
    return files


def _ports(plan: Plan, top: Top, trace: Top, files: list[str]) -> dict[str, Any]:
    specs = plan.graph.specs()
    ins = [_port(n, p.prefix, specs[n].shape, p.layout, p.element) for n, p in top.inputs.items()]
    outs = [_port(n, p.prefix, specs[n].shape, p.layout, p.element) for n, p in top.outputs.items()]
    traces = []
    for node, (_, _, layout) in trace.traces.items():
        traces.append(_port(node, f"trace_{node}", specs[node].shape, layout, layout.type.width))
    return {
        "top": plan.graph.name,
        "trace_top": f"{plan.graph.name}_trace",
        "files": files,
        "inputs": ins,
        "outputs": outs,
        "traces": traces,
        "threshold": None if top.threshold is None else len(top.threshold),
    }


def _port(name: str, prefix: str, shape: Shape, layout: Layout, element: int) -> dict[str, Any]:
    return {
        "name": name,
        "prefix": prefix,
        "shape": list(shape),
        "layout": [layout.height, layout.width, layout.channels, layout.lanes],
        "signed": layout.type.signed,
        "width": layout.type.width,
        "integer": layout.type.integer,
        "fraction": layout.type.fraction,
        "container": element,
        "lanes": layout.lanes,
        "beats": layout.beats,
        "elements": layout.elements,
    }
