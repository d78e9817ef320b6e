"""What ``bitsmith inspect`` shows: layers, shapes, types, quantizers, parameters, and what is not supported and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..sim.errors import BitsmithError
from ..sim.fixed import Fixed, Overflow, Rounding
from ..sim.op import Spec
from .classes import OWN
from .config.given import read_config
from .config.schema import Config, Precision
from .convert import read_any
from .convert.fold_batch_norm import fold_batch_norm
from .convert.hls4ml_classes import own_classes
from .convert.layers import check_layer, check_settings, convert, convert_layer, decision
from .ops import DESCRIPTIONS, MOVES
from .quantize.quantizers import parse_quantizer
from .read import one_line
from .read.build import Builder, Tensor, value_of
from .read.inputs import check_image
from .read.network import Layer, Lost, Network, inner_layer

_PROBES = tuple(Precision(Fixed(True, i, f), Rounding.RND_CONV, Overflow.SAT) for i, f in ((7, 8), (19, 12), (4, 5)))
"""Types to go on with where some are missing, so that every other reason and all shapes are found; never shown. The
first that a layer's weights fit into, and whose products can be computed, serves."""
_NARROW = Fixed(True, 5, 6)
_WIDEST = 16
"""A tensor whose type is not known has as many bits at the most, so that what is behind it can be computed."""


@dataclass
class _Probe(Builder):
    """A builder that notes what has no type, and goes on."""

    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    """By layer and role."""
    unknown: set[str] = field(default_factory=set)
    """Keys of the tensors whose types are not known."""
    probe: Precision = _PROBES[0]

    def missing(self, layer: Layer, role: str, reason: str) -> Precision:
        self.reasons.setdefault(layer.name, {}).setdefault(role, one_line(BitsmithError(reason)))
        return self.probe

    def convert(self, layer: Layer) -> None:
        """One layer; its tensors are unknown where a type was missing in it or in front of it."""
        known = dict(self.reasons.get(layer.name, {}))
        self.tensors[layer.key] = self._tried(layer)
        if self.unknown.isdisjoint(layer.inputs) and known == self.reasons.get(layer.name, {}):
            return
        for key in layer.outputs:
            if key in self.tensors:
                self.unknown.add(key)
                self.tensors[key] = _narrow(self.tensors[key])

    def _tried(self, layer: Layer) -> Tensor:
        first = found = self._attempt(layer, _PROBES[0])
        for probe in _PROBES[1:]:
            if isinstance(found, BitsmithError) and layer.name in self.reasons:  # else another probe changes nothing
                found = self._attempt(layer, probe)
        if isinstance(found, Tensor):
            return found
        assert isinstance(first, BitsmithError)
        raise first

    def _attempt(self, layer: Layer, probe: Precision) -> Tensor | BitsmithError:
        self.probe = probe
        try:
            return convert_layer(self, layer)
        except BitsmithError as error:
            return error


def _narrow(tensor: Tensor) -> Tensor:
    if tensor.type.width <= _WIDEST:
        return tensor
    return replace(tensor, spec=Spec(tensor.spec.shape, _NARROW), repeated=None)


def inspect(
    model: Any, config: Path | str | dict[str, Any] | Config | None = None, weights: Path | str | None = None
) -> dict[str, Any]:
    """A summary as plain data of a model file's path or of a Keras model in memory; ``weights`` belong to one in JSON.

    ``supported`` says whether the layers can be built, given types; ``problems`` lists every layer that stands in the
    way with its reason, ``missing`` everything that has no type yet, with the way to give it one. ``build`` accepts
    model and configuration where both are empty. BitsmithError only where the file cannot be read at all.
    """
    network = read_any(model, None if weights is None else Path(weights), whole=False)
    settings = read_config(config)
    build, problems = _try(network, settings)
    missing = [(name, reason) for name, found in build.reasons.items() for reason in found.values()]
    problems = {part.name: one_line(BitsmithError(part.reason)) for part in network.lost if part.reason} | problems
    if not problems:
        problems = _whole(network, settings, bool(missing))
    rows = [_row(layer, build, problems) for layer in network.layers]
    for row, layer in zip(rows, network.layers):
        if describe := DESCRIPTIONS.get(layer.class_name):
            row["activation"] = describe(layer, settings) or row["activation"]
    for part in reversed(network.lost):
        rows.insert(part.at, _lost(part))
    return {
        "model": network.name,
        "file": str(model) if isinstance(model, (str, Path)) else network.name,
        "weights": None if weights is None else str(weights),
        "supported": not problems,
        "problems": _listed(problems.items()),
        "missing": _listed(missing),
        "inputs": list(network.inputs),
        "outputs": list(network.outputs),
        "parameters": sum(row["parameters"] for row in rows),
        "layers": rows,
    }


def _listed(reasons: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"layer": name, "reason": reason} for name, reason in reasons]


def _try(network: Network, config: Config) -> tuple[_Probe, dict[str, str]]:
    """Convert as many layers as possible: what could be made, and the reasons by layer name."""
    problems = {layer.name: reason for layer in network.layers if (reason := _reason(check_layer, layer))}
    config = config.known_as({layer.name: own_classes(layer) for layer in network.layers})
    try:
        folded, last = fold_batch_norm(network, config), decision(network, config)
        build = _Probe(folded, config, last, moves=frozenset(MOVES))
    except BitsmithError as error:
        return _Probe(network, config), problems | {network.name: one_line(error)}
    for layer in build.network.layers:
        if layer.name in problems or any(key not in build.tensors for key in layer.inputs):
            continue
        if reason := _reason(build.convert, layer):
            problems[layer.name] = reason
    for layer in network.layers:
        if layer.class_name == "BatchNormalization" and layer.key not in build.tensors and layer.inputs:
            _stand_in(build, layer, problems)
        if layer.key in build.tensors and (reason := _reason(Layer.check_taken, layer)):
            problems.setdefault(layer.name, reason)
    return build, problems


def _stand_in(build: _Probe, norm: Layer, problems: dict[str, str]) -> None:
    """A folded normalization has the tensor of the layer it went into."""
    before = build.tensors.get(norm.inputs[0])
    if before is not None and norm.name not in problems:
        build.tensors[norm.key] = before
        build.unknown |= {norm.key} if norm.inputs[0] in build.unknown else set()


def _reason(step: Callable[[Layer], None], layer: Layer) -> str:
    """Why a step refuses a layer; empty where it does not."""
    try:
        step(layer)
    except BitsmithError as error:
        return one_line(error)
    return ""


def _whole(network: Network, config: Config, untyped: bool) -> dict[str, str]:
    """What only shows when all of it is converted: the configuration's layer names, outputs, argmax."""
    try:
        if not untyped:
            convert(network, config)
        check_settings(network, config)
        check_image(network, config.bitsmith.image)
        network.check_tensors()
    except BitsmithError as error:
        return {network.name: one_line(error)}
    return {}


def _row(layer: Layer, build: _Probe, problems: dict[str, str]) -> dict[str, Any]:
    tensor = build.tensors.get(layer.key)
    return {
        "name": layer.key,
        "class": layer.class_name,
        "shape": None if tensor is None else list(tensor.shape),
        "type": None if tensor is None or layer.key in build.unknown else str(tensor.type),
        "quantizers": quantizers(layer),
        "activation": _activation(layer),
        "parameters": sum(w.size for name, w in layer.weights.items() if w.ndim and "quantizer/" not in name),
        "supported": layer.name not in problems,
        "reason": problems.get(layer.name),
    }


def _lost(part: Lost) -> dict[str, Any]:
    """The row of what is no layer."""
    nothing: dict[str, Any] = {"shape": None, "type": None, "quantizers": {}, "activation": None, "parameters": 0}
    reason = one_line(BitsmithError(part.reason)) or None
    name, class_name = (one_line(BitsmithError(text)) for text in (part.name, part.class_name))
    return {"name": name, "class": class_name, **nothing, "supported": reason is None, "reason": reason}


def quantizers(layer: Layer) -> dict[str, str]:
    """The layer's quantizers in short form, by what they quantize; those of the layer inside it too."""
    found = {}
    if layer.class_name in OWN:
        return {name.removesuffix("_type"): str(v) for name, v in layer.config.items() if name.endswith("_type") and v}
    for name, value in (layer.config | inner_layer(layer.config)[1]).items():
        if name.endswith("_quantizer") and value is not None:
            try:
                found[name.removesuffix("_quantizer")] = str(parse_quantizer(value, layer.name))
            except BitsmithError:
                found[name.removesuffix("_quantizer")] = str(value_of(value))
    return found


def _activation(layer: Layer) -> str | None:
    value = layer.config.get("activation")
    if value is None or value_of(value) == "linear":
        return None
    try:
        return str(parse_quantizer(value, layer.name))
    except BitsmithError:
        return str(value_of(value))
