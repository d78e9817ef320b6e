"""The graph while it is being read: tensors with their Keras shapes, unique names, configured precisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from ...sim.errors import BitsmithError, TooWide
from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.graph import Graph, Node
from ...sim.names import FIFOS, TRACE, safe_name
from ...sim.op import Operator, Shape, Spec
from ...sim.ops.activation import Activation, Kind
from ...sim.ops.flatten import Flatten
from ...sim.ops.repeat_vector import RepeatVector
from ...sim.ops.zero_padding2d import ZeroPadding2D
from ...sim.params import NO_PADDING, Padding
from ..config.schema import Precision
from ..quantize.activation import plain_type
from ..quantize.quantizers import is_quantizer, parse_quantizer
from .attributes import LARGEST, Attributes
from .hgq import ATTRIBUTES, input_quantizers, is_hgq, is_proxy
from .network import Layer, Network
from .precisions import Precisions


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph, its shape in Keras (no batch axis), and zeros that the next layer must put around it.

    ``padded_by`` is the layer that these zeros come from; ``shape`` counts them, ``spec`` does not.
    ``repeated`` is the vector that every step of a sequence equals, where there is one (RepeatVector).
    """

    name: str
    shape: Shape
    spec: Spec
    padding: Padding = NO_PADDING
    padded_by: Layer | None = None
    repeated: Tensor | None = None

    @property
    def type(self) -> Fixed:
        return self.spec.type


def graph_shape(shape: Shape, where: str) -> Shape:
    """A Keras shape inside a graph: sequences are images of height 1; BitsmithError beyond three axes."""
    if len(shape) == 2:
        return (1, *shape)
    if len(shape) in (1, 3):
        return shape
    raise BitsmithError(f"'{where}': a tensor of shape {shape} is not supported; supported: 1 to 3 axes and the batch")


@dataclass
class Builder(Precisions):
    """Collects the nodes of one graph; converters in ``gen/ops`` call it."""

    decision: str | None = None
    """Key of the layer behind which an argmax comes: its softmax is left out."""
    nodes: list[Node] = field(default_factory=list)
    inputs: list[tuple[str, Spec]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    typed: set[str] = field(default_factory=set)
    """Keys of the layers whose result has a type that the configuration gives."""
    padded: dict[str, Tensor] = field(default_factory=dict)
    """Tensors with the zeros of a padding layer, by its key."""
    tight: bool = False
    """Whether the layer that is being converted has no more exact values inside than it must (``between``)."""
    moves: frozenset[str] = frozenset()
    """Classes that hand on values as they are."""

    @property
    def proxy(self) -> bool:
        """Whether the model is a proxy model of HGQ's, whose weights are integers and a shift as they are."""
        return any(is_proxy(layer) for layer in self.network.layers)

    def attributes(self, layer: Layer) -> Attributes:
        """The layer's attributes; BitsmithError for what no layer supports."""
        a = Attributes(layer.name, layer.config)
        a.check_general(layer.class_name)
        a.harmless(*(ATTRIBUTES if is_hgq(layer) else ()))
        return a

    def name(self, label: str) -> str:
        """A new safe name; the label is kept for people to read."""
        name = safe_name(label, self.labels)
        self.labels[name] = label
        return name

    def input(self, layer: Layer, shape: Shape, type: Fixed) -> Tensor:
        """A new input of the graph."""
        spec = Spec(graph_shape(shape, layer.name), type)
        name = self.name(layer.key)
        self.inputs.append((name, spec))
        return Tensor(name, shape, spec)

    def add(self, layer: Layer, op: Operator, *inputs: Tensor, suffix: str = "", shape: Shape | None = None) -> Tensor:
        """A new node behind ``inputs``; errors name the layer. ``shape`` is the Keras shape where it is not plain."""
        try:
            spec = op.infer(*(tensor.spec for tensor in inputs))
        except BitsmithError as error:
            raise at_layer(layer, error) from None
        if prod(spec.shape) > LARGEST:
            raise BitsmithError(f"'{layer.name}': {spec.shape} are more than {LARGEST} values; use smaller sizes")
        name = self.name(f"{layer.key}_{suffix}" if suffix else layer.key)
        self.nodes.append(Node(name, op, tuple(tensor.name for tensor in inputs), layer.name, layer.class_name))
        sequence = shape is None and inputs and len(inputs[0].shape) == 2 and len(spec.shape) == 3
        return Tensor(name, shape or (spec.shape[1:] if sequence else spec.shape), spec)

    def plain(self, layer: Layer, tensor: Tensor) -> Tensor:
        """``with_zeros`` for a converter's input."""
        return self.with_zeros(tensor)

    def with_zeros(self, tensor: Tensor) -> Tensor:
        """The tensor with the zeros that are pending around it: one operator, however many layers read it."""
        if tensor.padded_by is None or tensor.padding == NO_PADDING:
            return tensor
        key = tensor.padded_by.key
        if key not in self.padded:
            zeros = ZeroPadding2D(tensor.type, tensor.padding)
            self.padded[key] = self.add(tensor.padded_by, zeros, tensor, shape=tensor.shape)
        return self.padded[key]

    def reshape(self, layer: Layer, tensor: Tensor, shape: Shape, suffix: str = "") -> Tensor:
        """Another Keras shape; no node where the graph's shape stays."""
        target = graph_shape(shape, layer.name)
        if target == tensor.spec.shape:
            return replace(tensor, shape=shape, repeated=None)
        return self.add(layer, Flatten(tensor.type, target), tensor, suffix=suffix, shape=shape)

    def round(self, layer: Layer, tensor: Tensor, to: Precision, suffix: str = "") -> Tensor:
        """The tensor rounded to a precision; no node where it has that type already."""
        if tensor.type == to.type:
            return tensor
        op = Activation(tensor.type, Kind.LINEAR, to.type, to.rounding, to.overflow)
        return self.add(layer, op, tensor, suffix=suffix)

    def rounded_by_name(self, layer: Layer, tensor: Tensor) -> Tensor:
        """The result of a layer that only moves values, rounded where the layer's own section, or its class's, has a
        type for it."""
        to = self.config.precision(layer.name, layer.class_name, "result", model=False)
        if to is None or tensor.type == to.type:
            return tensor
        return replace(self.round(layer, self.with_zeros(tensor), to, "round"), shape=tensor.shape)

    def undone(self) -> Callable[[], None]:
        """A function that takes back what is added from now on."""
        nodes, labels, tensors, padded = list(self.nodes), dict(self.labels), dict(self.tensors), dict(self.padded)

        def undo() -> None:
            self.nodes[:], self.labels, self.tensors, self.padded = nodes, labels, tensors, padded

        return undo

    def narrowed(self, layer: Layer, tensor: Tensor, suffix: str) -> Tensor:
        """The tensor with no finer steps than the model's default has; the range stays, so nothing overflows.

        As it is where it has a type that somebody gave it, or the model brings types of its own.
        """
        default = self.config.hls.model.lookup("default")
        given = {name for name, _ in self.inputs} | {
            self.tensors[key].name for key in self.typed if key in self.tensors
        }
        if default is None or tensor.type.fraction <= default.type.fraction or self.quantized or tensor.name in given:
            return tensor
        t = tensor.type
        to = Precision(Fixed(t.signed, t.integer, default.type.fraction), default.rounding, Overflow.SAT)
        return replace(self.round(layer, self.with_zeros(tensor), to, suffix), shape=tensor.shape)

    @contextmanager
    def narrowing(self, tight: bool) -> Iterator[None]:
        """Where ``tight``, a layer's parts give each other no finer steps than the default has."""
        self.tight = tight
        try:
            yield
        finally:
            self.tight = False

    def between(self, layer: Layer, tensor: Tensor, suffix: str) -> Tensor:
        """What one part of a layer gives the next: exact, or ``narrowed`` where that has been found too wide."""
        return self.narrowed(layer, tensor, suffix) if self.tight else tensor

    def result(self, layer: Layer, required: bool = False, inner: str = "") -> Precision | None:
        """What the layer's result is rounded to: its own entry (or that of ``<layer>_<inner>``, hls4ml's name for the
        activation inside it, or of its class there), else the type's, else the model's; None leaves it exact.

        Where one is required: else the type of the quantizer behind it, else ``missing``.
        """
        found = self.inside(layer, inner) if inner else None
        if found is None and layer.folded in self.config.hls.layer_name:
            found = self.config.hls.layer_name[layer.folded].lookup("result")
        found = found or self.precision(layer, "result", required)
        if found is not None:
            self.typed.add(layer.key)
        if found is None and required:
            found = self._behind(layer) or self.missing(
                layer,
                "result",
                f"'{layer.name}' needs a type for its result; give HLSConfig.LayerName.{layer.name}.Precision.result "
                "or put quantized_bits(…, alpha=1) or quantized_relu behind it, and nothing else",
            )
        return found

    def _behind(self, layer: Layer) -> Precision | None:
        """The type of the quantizer behind a layer, where nothing sees the layer's result but through it."""
        found = quantizers_behind(self.network, layer)
        return found.pop() if len(found) == 1 and layer.key not in self.network.outputs else None

    def missing(self, layer: Layer, role: str, reason: str) -> Precision:
        """The type to go on with where model and configuration give none: BitsmithError here, as nothing is guessed."""
        raise BitsmithError(reason)

    def graph(self, outputs: tuple[str, ...]) -> Graph:
        """The finished graph with these nodes as outputs, its inputs in the model's order, not that of its layers.

        A repetition is left out where every reader took the vector itself.
        """
        specs = dict(self.inputs)
        inputs = tuple((name, specs[name]) for key in self.network.inputs for name in (self.tensors[key].name,))
        read = {name for node in self.nodes for name in node.inputs} | set(outputs)
        gone = {n.name for n in self.nodes if isinstance(n.op, RepeatVector) and n.name not in read}
        nodes = tuple(node for node in self.nodes if node.name not in gone)
        used = {name: label for name, label in self.labels.items() if name != label and name not in gone}
        tensors = [name for name, _ in inputs] + [node.name for node in nodes]
        name = safe_name(self.network.name, {t.removesuffix(s) for t in tensors for s in ("", TRACE, FIFOS)})
        return Graph(name, inputs, nodes, outputs, used)


_NARROWER = (
    "; make what it takes narrower: fewer bits for its weights, a quantizer in front of it, or "
    "HLSConfig.LayerName.….Precision.result for the layer in front"
)


def at_layer(layer: Layer, error: BitsmithError) -> BitsmithError:
    """The error with the layer's name, and the cure where exact values take more bits than there are."""
    text = str(error) if f"'{layer.name}'" in str(error) else f"'{layer.name}': {error}"
    if not isinstance(error, TooWide):
        return BitsmithError(text)
    return TooWide(text if "narrower" in text else text + _NARROWER)


def quantizers_behind(network: Network, layer: Layer) -> set[Precision | None]:
    """The types of the plain quantizers behind a layer; None stands for every other layer there."""
    return {found for reader in network.consumers(layer.key) for found in _quantizer_types(reader, layer.key)}


def _quantizer_types(layer: Layer, key: str) -> list[Precision | None]:
    if not is_hgq(layer):
        return [_quantizer_type(layer)]
    found = input_quantizers(layer, key)
    return [Precision(q.one_type, q.rounding, q.overflow) if q and q.one_type else None for q in found]


def _quantizer_type(layer: Layer) -> Precision | None:
    activation = layer.config.get("activation") if layer.class_name == "QActivation" else None
    q = parse_quantizer(activation, f"'{layer.name}' (activation)") if is_quantizer(activation) else None
    plain = plain_type(q)
    return None if plain is None else Precision(plain[0], Rounding.RND_CONV, plain[1])


def value_of(data: Any) -> Any:
    """An attribute that may be wrapped as ``{"class_name": …, "config": …}``: its class name, a function's own name."""
    if not isinstance(data, dict) or "class_name" not in data:
        return data
    return data.get("config") if data["class_name"] == "function" else data["class_name"]
