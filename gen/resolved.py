"""A configuration that says everything: each layer's types, strategy and reuse factor as they are resolved.

Read again with the same model it gives the same graph, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent
from typing import Any

from ..sim.fixed import Overflow, Rounding
from ..sim.graph import Graph
from .classes import BIDIRECTIONAL, STATES
from .config.fit import is_derived
from .config.schema import Config, Precision, load_config
from .convert.hls4ml_classes import functions_inside
from .convert.layers import converted
from .inspect import quantizers
from .read import read_network_file
from .read.build import Builder
from .read.network import Layer, Network
from .rtl.choices import plan_for
from .rtl.sharing import legal_for
from .rtl.stages import Plan

SPELLED = {"latency": "Latency", "resource": "Resource", "distributed_arithmetic": "DistributedArithmetic"}
_MOST_LEGAL = 24
"""Reuse factors that a comment lists."""


@dataclass
class _Recorder(Builder):
    """A builder that notes which type it was given for what."""

    noted: dict[str, dict[str, str]] = field(default_factory=dict)
    """By layer and kind of ``Precision``."""

    def precision(self, layer: Layer, role: str, required: bool = False, name: str | None = None) -> Precision | None:
        found = super().precision(layer, role, required, name)
        recurrent = layer.class_name in (*STATES, *BIDIRECTIONAL)
        self._note(layer, "state" if recurrent and role == "result" and required else role, found)
        return found

    def result(self, layer: Layer, required: bool = False, inner: str = "") -> Precision | None:
        before = dict(self.noted.get(layer.name, {}))
        found = super().result(layer, required, inner)
        if inner and self.inside(layer, inner) is not None:  # a section of its own says it
            self.noted[layer.name] = before
        else:
            self._note(layer, "result", found)
        return found

    def _note(self, layer: Layer, role: str, found: Precision | None) -> None:
        kinds = self.noted.setdefault(layer.name, {})
        kind = self.kinds(layer, role)[0]
        if found is not None or kind not in kinds:
            kinds[kind] = written(found)


def written(precision: Precision | None) -> str:
    """A type as a configuration has it; ``auto`` for none."""
    if precision is None:
        return "auto"
    type, rounding, overflow = precision
    modes = "" if (rounding, overflow) == (Rounding.TRN, Overflow.WRAP) else f",{rounding.value},{overflow.value}"
    return f"{str(type)[:-1]}{modes}>"


@dataclass(frozen=True)
class Resolved:
    """The configuration as plain data, and what is to be said of each section under ``LayerName``."""

    config: dict[str, Any]
    comments: dict[str, list[str]]


def resolve(model: Path, config: Path | None = None) -> Resolved:
    """The whole configuration of a model; BitsmithError where it cannot be built."""
    network = read_network_file(Path(model))
    return resolved(network, load_config(Path(config)) if config is not None else Config())


def resolved(network: Network, config: Config) -> Resolved:
    """The same of a model that has been read."""
    build, graph = converted(network, config, _Recorder)
    assert isinstance(build, _Recorder)
    plan = plan_for(graph, config)
    data = config.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    sections: dict[str, Any] = data.setdefault("HLSConfig", {}).setdefault("LayerName", {})
    classes = {layer.name: layer.class_name for layer in network.layers}
    functions = {layer.name: functions_inside(layer) for layer in network.layers}
    for name in [name for name in sections if name not in classes and not is_derived(name, classes, functions)]:
        del sections[name]  # an echo of hls4ml's (config.echoes): nothing, or what its layer's section asks for
    comments: dict[str, list[str]] = {}
    for layer in network.layers:
        types = dict(build.noted.get(layer.name, {}))
        if layer.class_name == "InputLayer" and config.input_precision(layer.name) is None:
            types["result"] = str(build.tensors[layer.key].type)
        _add_types(sections, layer.name, types)
        comments.setdefault(layer.name, []).extend(_described(layer, graph))
    for name, choice in plan.decided.items():
        label = graph.labels.get(name, name)
        if label in classes or is_derived(label, classes):
            section = sections.setdefault(label, {})
            section |= {"Strategy": SPELLED[choice.strategy], "ReuseFactor": choice.reuse}
            comments.setdefault(label, []).append(_legal(plan, name, choice.strategy))
    defaults = {"Backend": config.backend, "ClockPeriod": config.clock_period_ns, "IOType": config.io_type}
    return Resolved(defaults | data, comments)


def _add_types(sections: dict[str, Any], name: str, types: dict[str, str]) -> None:
    """Types beside those that the section gives itself; ``auto`` there becomes what it was resolved to."""
    if not types:
        return
    section = sections.setdefault(name, {})
    given = section.get("Precision", {})
    precision = dict(given) if isinstance(given, dict) else {"default": given}
    for kind, text in types.items():
        if precision.get(kind, "auto") == "auto":
            precision[kind] = text
    section["Precision"] = precision


def _described(layer: Layer, graph: Graph) -> list[str]:
    """The layer's class and quantizers, and the type of each of its tensors."""
    specs = graph.specs()
    parts = [f"{what} {quantizer}" for what, quantizer in quantizers(layer).items()]
    tensors = [f"{graph.labels.get(n.name, n.name)} {specs[n.name].type}" for n in graph.nodes if n.layer == layer.name]
    return [f"{layer.class_name}: {'; '.join([*parts, *tensors])}" if parts or tensors else layer.class_name]


def _legal(plan: Plan, name: str, strategy: str) -> str:
    """The reuse factors of the core that multiplies: a transposed convolution has another one behind it."""
    own = [s for s in plan.stages if s.decided and (name in s.nodes or s.name == f"{name}_{s.part}")]
    op = next(node.op for node in plan.graph.nodes if node.name == name)
    legal = legal_for(op, own[0].core.inputs[0].layout, strategy)
    shown = ", ".join(map(str, legal[:_MOST_LEGAL])) + (", …" if len(legal) > _MOST_LEGAL else "")
    return f"legal reuse factors: {shown}; 1 leaves the choice to Bitsmith"


def text_of(found: Resolved, model: str, printable: Any) -> str:
    """YAML with comments; ``printable`` makes one line of a name."""
    import yaml

    def dumped(data: Any) -> str:
        return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000))

    top = {key: value for key, value in found.config.items() if key not in ("HLSConfig", "Bitsmith")}
    rest = {key: value for key, value in found.config["HLSConfig"].items() if key != "LayerName"}
    lines = [f"# {printable(model)}: every layer as it is built", dumped(top), "HLSConfig:\n"]
    lines += [indent(dumped(rest), "  ")] if rest else []
    lines += ["  LayerName:\n"]
    for name, section in found.config["HLSConfig"]["LayerName"].items():
        lines += [f"    # {printable(comment)}\n" for comment in found.comments.get(name, [])]
        lines += [indent(dumped({name: section}), "    ")]
    if "Bitsmith" in found.config:
        lines += [dumped({"Bitsmith": found.config["Bitsmith"]})]
    return lines[0] + "\n" + "".join(lines[1:])
