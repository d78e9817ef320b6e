"""What ``bitsmith inspect`` shows: layers, shapes, types, quantizers, parameters, and what is not supported and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..sim.errors import BitsmithError
from .config import Config, load_config, parse_config
from .ops.gdn import described
from .passes.fold_batch_norm import fold_batch_norm
from .quantizers import parse_quantizer
from .read import one_line, read_network_file
from .read.build import Builder, Tensor, value_of
from .read.convert import check_class, convert, convert_layer
from .read.network import Layer, Network, inner_layer

_PROBE = {"HLSConfig": {"Model": {"Precision": "fixed<32,16,RND_CONV,SAT>"}}, "Bitsmith": {"input": "fixed<16,8>"}}
"""Types that let the shapes of a model without types be found; they are never shown."""


def inspect(model: Path | str, config: Path | str | None = None) -> dict[str, Any]:
    """A summary as plain data.

    ``supported`` says whether ``build`` would accept model and configuration; ``problems`` lists every layer that
    stands in the way with its reason. BitsmithError only where the file cannot be read at all.
    """
    network = read_network_file(Path(model))
    settings = load_config(Path(config)) if config is not None else Config()
    tensors, problems = _try(network, settings)
    if not problems:
        problems = _whole(network, settings)
    shapes = tensors if not problems else _try(network, parse_config(_PROBE))[0] | tensors
    rows = [_row(layer, shapes.get(layer.key), tensors.get(layer.key), problems) for layer in network.layers]
    for row, layer in zip(rows, network.layers):
        row["activation"] = described(layer, settings) or row["activation"]
    return {
        "model": network.name,
        "file": str(model),
        "supported": not problems,
        "problems": [{"layer": name, "reason": reason} for name, reason in problems.items()],
        "inputs": list(network.inputs),
        "outputs": list(network.outputs),
        "parameters": sum(row["parameters"] for row in rows),
        "layers": rows,
    }


def _try(network: Network, config: Config) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Convert as many layers as possible: the tensors that could be made, and the reasons by layer name."""
    problems: dict[str, str] = {}
    for layer in network.layers:
        if reason := _refusal(layer):
            problems[layer.name] = reason
    try:
        build = Builder(fold_batch_norm(network, config), config)
    except BitsmithError as error:
        return {}, problems | {network.name: one_line(error)}
    for layer in build.network.layers:
        if layer.name in problems or any(key not in build.tensors for key in layer.inputs):
            continue
        try:
            build.tensors[layer.key] = convert_layer(build, layer)
        except BitsmithError as error:
            problems[layer.name] = one_line(error)
    for layer in network.layers:  # a folded normalization stands for the layer it went into
        if layer.class_name == "BatchNormalization" and layer.key not in build.tensors and layer.inputs:
            before = build.tensors.get(layer.inputs[0])
            build.tensors |= {} if before is None or layer.name in problems else {layer.key: before}
    return build.tensors, problems


def _refusal(layer: Layer) -> str:
    """Why the layer's class is not supported; empty where it is."""
    try:
        check_class(layer)
    except BitsmithError as error:
        return one_line(error)
    return ""


def _whole(network: Network, config: Config) -> dict[str, str]:
    """What only shows when all of it is converted: the configuration's layer names, outputs, argmax."""
    try:
        convert(network, config)
    except BitsmithError as error:
        return {network.name: one_line(error)}
    return {}


def _row(layer: Layer, shape: Tensor | None, tensor: Tensor | None, problems: dict[str, str]) -> dict[str, Any]:
    return {
        "name": layer.key,
        "class": layer.class_name,
        "shape": None if shape is None else list(shape.shape),
        "type": None if tensor is None else str(tensor.type),
        "quantizers": quantizers(layer),
        "activation": _activation(layer),
        "parameters": sum(w.size for name, w in layer.weights.items() if w.ndim),
        "supported": layer.name not in problems,
        "reason": problems.get(layer.name),
    }


def quantizers(layer: Layer) -> dict[str, str]:
    """The layer's quantizers in short form, by what they quantize; those of the layer inside it too."""
    found = {}
    if layer.class_name in ("FixedGRU", "FixedGDN"):
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
