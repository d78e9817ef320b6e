"""Layers to a graph: each layer's converter in execution order, then the decision, then the checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...sim.check import check_graph
from ...sim.errors import BitsmithError, TooWide
from ...sim.graph import Graph
from ...sim.ops.activation import Activation, Kind
from ..classes import whose
from ..config.echoes import Echoes
from ..config.fit import check_layers
from ..config.schema import Config
from ..ops import CONVERTERS, MOVES, SEVERAL
from ..ops.argmax import append_argmax
from ..passes.fuse_crops import fuse_crops
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor, at_layer
from ..read.hgq import is_hgq
from ..read.inputs import check_image, convert_input
from ..read.integers import with_values
from ..read.network import Layer, Network
from ..read.policy import check_policies
from .fold_batch_norm import fold_batch_norm
from .hints import hint
from .hls4ml_classes import functions_inside, hls4ml_classes, own_classes

_INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
"""Dtypes that an input may have beside those of weights."""


def convert(network: Network, config: Config) -> Graph:
    """The checked graph of a network; BitsmithError for what is not supported, which names the model and the layer."""
    return converted(network, config)[1]


def converted(network: Network, config: Config, make: type[Builder] = Builder) -> tuple[Builder, Graph]:
    """The same, and the builder that made it."""
    check_settings(network, config)
    with naming(network):
        check_image(network, config.bitsmith.image)
        return _convert(network, config, make)


@contextmanager
def naming(network: Network) -> Iterator[None]:
    """Puts the model's file in front of a refusal."""
    try:
        yield
    except BitsmithError as error:
        text = str(error)
        raise BitsmithError(text if text.startswith(network.source) else f"{network.source}: {text}") from None


def _convert(network: Network, config: Config, make: type[Builder]) -> tuple[Builder, Graph]:
    check_network(network)
    config = config.known_as({layer.name: own_classes(layer) for layer in network.layers})
    folded, last = fold_batch_norm(network, config), decision(network, config)
    build = make(folded, config, last, moves=frozenset(MOVES))
    for layer in build.network.layers:
        build.tensors[layer.key] = convert_layer(build, layer)
    for layer in network.layers:
        layer.check_taken()
    return build, finish(build)


def check_settings(network: Network, config: Config) -> None:
    """BitsmithError for a configuration that names layers or asks for a decision that the model does not have."""
    inputs = [layer.name for layer in network.layers if layer.class_name == "InputLayer"]
    names = [layer.name for layer in network.layers]
    theirs = {name for layer in network.layers for name in hls4ml_classes(layer)}
    functions = {layer.name: functions_inside(layer) for layer in network.layers}
    echoes = Echoes(network.groups, {layer.name for layer in network.layers if is_hgq(layer)}, names)
    check_layers(config, names, [layer.class_name for layer in network.layers], inputs, theirs, functions, echoes)
    if config.bitsmith.output == "argmax" and len(network.outputs) != 1:
        raise BitsmithError(f"Bitsmith.output: argmax needs one output; the model has {len(network.outputs)}")
    if config.bitsmith.output != "argmax" and config.bitsmith.threshold is not None:
        raise BitsmithError(
            "Bitsmith.threshold has no meaning without 'output: argmax'; add it or remove the threshold"
        )


def decision(network: Network, config: Config) -> str | None:
    """The layer whose softmax is left out before an argmax: the last that computes anything."""
    if config.bitsmith.output != "argmax":
        return None
    layers = {key: layer for layer in network.layers for key in layer.outputs}
    last = layers.get(network.outputs[0])
    while last is not None and last.class_name == "Dropout" and last.inputs:
        last = layers.get(last.inputs[0])
    return None if last is None else last.key


def convert_layer(build: Builder, layer: Layer) -> Tensor:
    """One layer's nodes."""
    if layer.class_name == "InputLayer":
        return convert_input(build, layer)
    inputs = tuple(build.tensors[key] for key in layer.inputs)
    several = layer.class_name in SEVERAL
    if not inputs or (len(inputs) != 1 and not several):
        takes = "one or more" if several else "one"
        raise BitsmithError(f"'{layer.name}' ({layer.class_name}) is called on {len(inputs)} tensors; it takes {takes}")
    try:
        y = _converted(build, layer, inputs)
    except BitsmithError as error:
        raise at_layer(layer, error) from None
    return build.rounded_by_name(layer, y) if layer.class_name in MOVES else y


def _converted(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """The layer's nodes; where exact inputs make its own result too wide, behind inputs with the default's steps; where
    that does not help, with these steps inside of the layer as well."""
    make, undo = CONVERTERS[layer.class_name], build.undone()
    try:
        return make(build, layer, inputs)
    except TooWide as error:
        last = error
        undo()
    narrow = tuple(build.narrowed(layer, x, f"input{i}") for i, x in enumerate(inputs))
    undo = build.undone()
    for tight in (False, True) if narrow != inputs else (True,):
        with build.narrowing(tight):
            try:
                return make(build, layer, narrow)
            except TooWide as error:
                last = error
                undo()
    raise last


def finish(build: Builder) -> Graph:
    """Outputs, argmax and checks."""
    outputs = [build.with_zeros(build.tensors[key]) for key in build.network.outputs]
    if build.config.bitsmith.output == "argmax":
        graph = build.graph((append_argmax(build, outputs[0]).name,))
    else:
        graph = fuse_crops(build.graph(tuple(tensor.name for tensor in _distinct(build, outputs))))
    check_graph(graph)
    return graph


def _distinct(build: Builder, outputs: list[Tensor]) -> list[Tensor]:
    """The outputs as nodes that differ: a copy in the place of an input, and of what is an output already."""
    taken, found = {name for name, _ in build.inputs}, []
    for key, x in zip(build.network.outputs, outputs):
        if x.name in taken:
            layer = next(layer for layer in build.network.layers if key in layer.outputs)
            x = build.add(layer, Activation(x.type, Kind.LINEAR, x.type), x, suffix="copy", shape=x.shape)
        taken.add(x.name)
        found.append(x)
    return found


def check_network(network: Network) -> None:
    """BitsmithError for a layer class that has no converter, for what no layer supports, and for a tensor that no layer
    gives."""
    for layer in network.layers:
        check_class(layer)
    for layer in network.layers:
        check_attributes(layer)
    network.check_tensors()


def check_layer(layer: Layer) -> None:
    """The same for one layer, whatever its tensors are."""
    check_class(layer)
    check_attributes(layer)


def check_attributes(layer: Layer) -> None:
    """BitsmithError for a dtype policy that is not supported, for what no layer supports, and for integer weights that
    make no sense."""
    if (
        layer.class_name != "InputLayer" or layer.config.get("dtype") not in _INTEGERS
    ):  # an input's type is not its dtype
        check_policies(layer.name, layer.class_name, layer.config)
    Attributes(layer.name, layer.config).check_general(layer.class_name)
    with_values(layer)


def check_class(layer: Layer) -> None:
    """BitsmithError for a layer class that has no converter, with the reason or what computes the same."""
    name, where = layer.class_name, f"'{layer.name}'"
    if name in CONVERTERS or name == "InputLayer":
        return
    if ">" in name:
        raise BitsmithError(
            f"{where} is {whose(name)}, which is not supported; supported are layers of Keras and QKeras, Bitsmith's "
            "FixedGRU, GDN and FixedGDN, and tensorflow_compression's GDN"
        )
    raise BitsmithError(f"{where} is a {name}, which is not supported; {hint(name)}")
