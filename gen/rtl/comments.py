"""The comment in front of each module: what it is made from, what goes in and out, and when."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any

from ...hw.rtl.core import Pointwise
from ...hw.rtl.layout import Layout
from .plan import Plan, PlannedStage

WIDTH = 114
LONGEST_LABEL = 80
TOP = (
    "The whole network: every layer's module, and a buffer behind each. aresetn is synchronous. tlast_error is set, "
    "and stays, where an input's tlast was not at a frame's last beat."
)


def comments(plan: Plan, called: Mapping[str, str], top: str, trace: str, fifos: Mapping[str, Any]) -> dict[str, str]:
    """By module; ``called`` are the modules' names in Verilog."""
    found = {top: comment(f"{top}: model '{safe(plan.graph.name)}'", [TOP])}
    found[trace] = comment(f"{trace}: {top} with every layer's stream as an output, for comparing layer by layer", [])
    for stage in plan.stages:
        names = stage.nodes[: len(stage.nodes) - len(stage.pointwise)]
        found[stage.core.name] = comment(_title(plan, called[stage.core.name], names), _core(plan, stage))
        for name, module in stage.core.kernels().items():
            found[name] = comment(f"{called[name]}: a part of {called[stage.core.name]}", [module.about()])
        for module in stage.pointwise:
            found[module.name] = comment(_title(plan, called[module.name], [module.name]), _pointwise(module))
    for name, fifo in fifos.items():
        found[name] = comment(called[name], [fifo.about()])
    return found


def comment(title: str, paragraphs: list[str]) -> str:
    """Lines of a comment."""
    texts = [line for text in (title, *filter(None, paragraphs)) for line in textwrap.wrap(text, WIDTH)]
    return "".join(f"// {line}\n" for line in texts)


def safe(label: str) -> str:
    """A model's own name as it can stand in a comment: one line of printable ASCII that ends no comment."""
    plain = re.sub(r"[^ -~]|\\", "?", label).replace("*/", "*?").replace("/*", "?*")
    return plain if len(plain) <= LONGEST_LABEL else f"{plain[:LONGEST_LABEL]}..."


def _title(plan: Plan, module: str, names: list[str]) -> str:
    nodes = [node for node in plan.graph.nodes if node.name in names]
    if not nodes:
        return f"{module}: between two layers"
    node = nodes[0]
    label = plan.graph.labels.get(node.layer, plan.graph.labels.get(node.name, node.layer or node.name))
    kind = f" ({safe(node.class_name)})" if node.class_name else ""
    return f"{module}: layer '{safe(label)}'{kind}, operator {node.op.stem}"


def _core(plan: Plan, stage: PlannedStage) -> list[str]:
    core, cycles = stage.core, int(stage.core.steps().cost.sum())
    decided = any(name in plan.decided for name in stage.nodes)
    shared = f"Strategy {stage.strategy}, reuse factor {stage.reuse}. " if decided else ""
    return [
        *(f"Input {port.tdata.name.removesuffix('_tdata')}: {_stream(port.layout)}" for port in core.inputs),
        f"Output m: {_stream(core.output)}",
        f"{shared}A frame's steps take {_cycles(cycles)}. A beat can be read from the buffer behind the module "
        f"{_cycles(core.latency)} after its step.",
        core.about(),
    ]


def _pointwise(module: Pointwise) -> list[str]:
    return [
        f"Input i: {_stream(module.layout)}",
        f"Output o: {_stream(module.output)}",
        f"A beat leaves {_cycles(module.latency)} after it came; nothing stalls. {module.about()}".strip(),
    ]


def _stream(layout: Layout) -> str:
    pixels = f"{layout.lanes} pixels" if layout.lanes > 1 else "1 pixel"
    shape = f"{layout.height} x {layout.width} x {layout.channels}"
    return f"{shape} of {layout.type}, {pixels} in a beat of {layout.bits} bits"


def _cycles(number: int) -> str:
    return f"{number} cycles" if number != 1 else "1 cycle"
