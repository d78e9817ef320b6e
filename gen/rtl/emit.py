"""Writes ``rtl/``: a file for each layer, the top, the tracing top, and ``ports.json``."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...hw.rtl.fifo import Fifo
from ...hw.rtl.layout import Layout
from ...sim.errors import BitsmithError
from ...sim.names import FIFOS, TRACE
from ...sim.op import Shape
from ..progress import Say, silent
from .comments import comments
from .schedule import Schedule
from .stages import Plan
from .top import Top
from .verilog import HEADER, to_verilog

Depths = Mapping[tuple[str, int], int]
"""Places of each buffer, by who reads it."""


def emit_plan(plan: Plan, rtl: Path, say: Say = silent) -> Schedule:
    """The plan's Verilog in the folder ``rtl``."""
    return _emit(plan, plan.network().depths(), rtl, say, None)


def emit_around(plan: Plan, depths: Depths, rtl: Path, built: Path) -> Schedule:
    """The same with buffers of such ``depths``; the layers' files that a folder ``built`` has are copied from there."""
    return _emit(plan, depths, rtl, silent, built)


def _emit(plan: Plan, depths: Depths, rtl: Path, say: Say, built: Path | None) -> Schedule:
    network = plan.network()
    schedule = network.settled(depths)
    name = plan.top
    top, trace = Top(plan, depths), Top(plan, depths, trace=True)
    files = _files(plan, top)
    files[f"{name}{TRACE}.v"] = {f"{name}{TRACE}": trace}
    names = {n: plan.module(n) for file in files.values() for n in file if n not in (name, f"{name}{TRACE}")}
    ready = _ready(files, built, (name, f"{name}{TRACE}", f"{name}{FIFOS}"))
    modules = {n: module for file, found in files.items() if file not in ready for n, module in found.items()}
    about = comments(plan, names, name, f"{name}{TRACE}", top.fifos())
    texts = to_verilog(modules, _shared(plan), say, about, names)
    texts |= {n: checked(texts[n], names[n], fifo) for n, fifo in top.fifos().items()}
    rtl.mkdir(parents=True, exist_ok=True)
    for file, modules in files.items():
        if file in ready:
            shutil.copyfile(ready[file], rtl / file)
        else:
            (rtl / file).write_text(HEADER + "\n" + "\n".join(texts[n] for n in modules))
    sources = [file for file in files if file != f"{name}{TRACE}.v"]
    ports = _ports(plan, top, trace, sources) | {
        "quiet_cycles": schedule.latency + network.interval,
        "frame_ends": plan.frame_ends(schedule),
    }
    (rtl / "ports.json").write_text(json.dumps(ports, indent=1) + "\n")
    return schedule


def _ready(files: Iterable[str], built: Path | None, around: tuple[str, ...]) -> dict[str, Path]:
    """The layers' files that are there; what stands ``around`` them is another plan's."""
    if built is None:
        return {}
    found = {file: built / file for file in files if file.removesuffix(".v") not in around}
    return {file: path for file, path in found.items() if path.is_file()}


def checked(verilog: str, name: str, fifo: Fifo) -> str:
    """A buffer's Verilog with its checks in it."""
    body, end, rest = verilog.rpartition("endmodule")
    return f"{body}{fifo.checks(name)}{end}{rest}"


def _files(plan: Plan, top: Top) -> dict[str, dict[str, Any]]:
    """Which modules stand in which file. BitsmithError where two would be called the same."""
    name = plan.top
    files: list[tuple[str, dict[str, Any]]] = []
    for stage in plan.stages:
        core = stage.core
        files.append((plan.module(core.name), {core.name: core, **core.kernels()}))
        files += [(plan.module(module.name), {module.name: module}) for module in stage.pointwise]
    called = [n for file, found in files for n in {file, *map(plan.module, found)}]
    called += [f"{name}{FIFOS}", *map(plan.module, top.fifos()), name, f"{name}{TRACE}"]
    for twice, count in Counter(called).items():
        if count > 1:
            raise BitsmithError(f"two modules would be called '{twice}'; rename the layer or the model of this name")
    files += [(f"{name}{FIFOS}", top.fifos()), (name, {name: top})]
    return {f"{file}.v": modules for file, modules in files}


def _shared(plan: Plan) -> frozenset[str]:
    """Modules with several instances: every kernel of a core with lanes, and a recurrent layer's functions."""
    return frozenset(name for stage in plan.stages for name in stage.core.repeated())


def _ports(plan: Plan, top: Top, trace: Top, files: list[str]) -> dict[str, Any]:
    specs, number = plan.model.specs(), plan.sequences
    ins = [_port(n, p.prefix, specs[n].shape, p.layout, p.element, number) for n, p in top.inputs.items()]
    outs = [_port(n, p.prefix, specs[n].shape, p.layout, p.element, number) for n, p in top.outputs.items()]
    traces = []
    for tensor, (data, _, layout) in trace.traces.items():
        shape = specs[tensor].shape if tensor in specs else (1, layout.height, layout.channels)
        prefix = data.name.removesuffix("_tdata")
        traces.append(_port(tensor, prefix, shape, layout, layout.type.width, number))
    deciding: list[Any] = [node.op for node in plan.graph.nodes if node.op.has_threshold]
    return {
        "top": plan.top,
        "trace_top": f"{plan.top}{TRACE}",
        "files": files,
        "inputs": ins,
        "outputs": outs,
        "traces": traces,
        "threshold": None if top.threshold is None else len(top.threshold),
        "default_threshold": next((op.threshold for op in deciding), None),
    }


def _port(name: str, prefix: str, shape: Shape, layout: Layout, element: int, sequences: int) -> dict[str, Any]:
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
        "sequences": sequences,
    }
