"""A model's JSON as a flat list of layers in execution order, nested models opened up, every call its own layer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ...sim.errors import BitsmithError
from .hdf5 import FloatArray
from .weights import DIRECTIONS, Place, Weights, WeightSource

MODELS = ("Sequential", "Functional", "Model")
STATES = {"GRU": 1, "QGRU": 1, "LSTM": 2, "QLSTM": 2, "SimpleRNN": 1, "QSimpleRNN": 1, "FixedGRU": 1}
"""Recurrent layers, and how many states each carries from step to step."""
BIDIRECTIONAL = ("Bidirectional", "QBidirectional")
MAX_DEPTH = 16


@dataclass(frozen=True)
class Layer:
    """One call of one layer. ``key`` is unique; ``inputs`` are keys of other layers' outputs."""

    key: str
    name: str
    class_name: str
    config: dict[str, Any]
    inputs: tuple[str, ...]
    weights: Weights = field(default_factory=dict)
    folded: str = ""
    """The name of a batch normalization that was folded into this layer."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The key of each tensor that the layer gives: its own, then ``key:1`` … for the states it returns."""
        return self.key, *(f"{self.key}:{i + 1}" for i in range(_returned_states(self.class_name, self.config)))

    def weight(self, index: int, names: tuple[str, ...], shape: tuple[int, ...]) -> FloatArray:
        """A variable by name, or by number in ``.keras`` files; BitsmithError where it is missing or misshapen."""
        found = next((self.weights[key] for key in (*names, str(index)) if key in self.weights), None)
        if found is None:
            raise BitsmithError(f"'{self.name}': the file holds no {names[0]}; save the whole model again")
        if found.shape != shape:
            raise BitsmithError(
                f"'{self.name}': {names[0]} has shape {found.shape}, expected {shape}; save the model again"
            )
        return found


@dataclass(frozen=True)
class Network:
    """Layers in execution order; the input layers are among them."""

    name: str
    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def consumers(self, key: str) -> list[Layer]:
        return [layer for layer in self.layers if key in layer.inputs]

    def used(self, key: str) -> bool:
        """Whether anything reads a tensor, or it is an output."""
        return key in self.outputs or bool(self.consumers(key))


def inner_layer(config: Any, name: str = "layer") -> tuple[str, dict[str, Any]]:
    """Class name and configuration of the layer inside TimeDistributed or Bidirectional; empty where there is none."""
    inner = config.get(name) if isinstance(config, dict) else None
    return (inner["class_name"], inner["config"]) if isinstance(inner, dict) and _is_layer(inner) else ("", {})


def _returned_states(class_name: str, config: dict[str, Any]) -> int:
    """How many tensors a layer gives besides its output."""
    count = 1
    if class_name in BIDIRECTIONAL:
        count, (class_name, config) = 2, inner_layer(config)
    return count * STATES.get(class_name, 0) if config.get("return_state") is True else 0


def read_network(model: dict[str, Any], weights: WeightSource, path: object) -> Network:
    """The network of a model's JSON; BitsmithError where it has no layers or its edges make no sense."""
    if model.get("class_name") not in MODELS:
        raise BitsmithError(
            f"{path}: a model of class '{model.get('class_name')}' is not supported; supported: {', '.join(MODELS)}"
        )
    walk = _Walk(weights, path)
    inputs, outputs = walk.model(model["class_name"], model["config"], Place(), None, "")
    name = str(model["config"].get("name") or "model")
    return Network(name, tuple(walk.layers), inputs, outputs)


@dataclass
class _Walk:
    """Collects layers; a model is walked once for each call of it."""

    weights: WeightSource
    path: object
    layers: list[Layer] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    def model(
        self, class_name: str, config: Any, place: Place, given: tuple[str, ...] | None, suffix: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Add a model's layers; ``given`` are the tensors a nested model is called on. Input and output keys."""
        if len(place.names) > MAX_DEPTH:
            raise BitsmithError(f"{self.path}: models nested deeper than {MAX_DEPTH} are not supported; flatten them")
        layers = config.get("layers") if isinstance(config, dict) else None
        if not isinstance(layers, list) or not layers or not all(_is_layer(item) for item in layers):
            where = f"'{place}'" if place.names else "the model"
            raise BitsmithError(f"{self.path}: {where} has no layers; save a whole Keras model")
        places = _places(layers, place)
        if class_name == "Sequential":
            return self._sequential(config, layers, places, given, suffix)
        return self._functional(config, layers, places, given, suffix)

    def _sequential(
        self, config: Any, layers: list[Any], places: list[Place], given: tuple[str, ...] | None, suffix: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if given is None and layers[0]["class_name"] != "InputLayer":
            layers, places = _with_input(config, layers, places, self.path)
        tensors = given
        inputs: tuple[str, ...] = given or ()
        for item, place in zip(layers, places):
            if item["class_name"] == "InputLayer" and given is not None:
                continue
            tensors = self._call(item, place, tensors or (), suffix)
            inputs = inputs or tensors
        return inputs, tensors or ()

    def _functional(
        self, config: Any, layers: list[Any], places: list[Place], given: tuple[str, ...] | None, suffix: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        names = [str(item.get("name", item["config"].get("name"))) for item in layers]
        inputs = _references(config.get("input_layers"))
        done: dict[tuple[str, int], tuple[str, ...]] = {}
        if given is not None:
            if len(given) != len(inputs):
                raise BitsmithError(f"{self.path}: a nested model is called on {len(given)} tensors, not {len(inputs)}")
            done = {(name, 0): (key,) for (name, _, _), key in zip(inputs, given)}
        calls = _calls(layers, names)
        pending = [(i, n) for i in range(len(layers)) for n in range(len(calls[i])) if (names[i], n) not in done]
        ranks = _node_ranks(calls, names, _references(config.get("output_layers")))
        while pending:
            ready = [(i, n) for i, n in pending if all(_resolve(r, ranks) in done for r in calls[i][n])]
            if not ready:
                raise BitsmithError(f"{self.path}: '{names[pending[0][0]]}' waits for a tensor that no layer makes")
            i, n = ready[0]
            tensors = tuple(_tensor(r, done, ranks, self.path) for r in calls[i][n])
            done[names[i], n] = self._call(layers[i], places[i], tensors, suffix + (f"@{n}" if n else ""))
            pending.remove((i, n))
        outputs = [_tensor(r, done, ranks, self.path) for r in _references(config.get("output_layers"))]
        return tuple(_tensor(r, done, ranks, self.path) for r in inputs), tuple(outputs)

    def _call(self, item: Any, place: Place, tensors: tuple[str, ...], suffix: str) -> tuple[str, ...]:
        if item["class_name"] in MODELS:
            return self.model(item["class_name"], item["config"], place, tensors, suffix)[1]
        key = f"{place}{suffix}"
        if key in self.keys:
            raise BitsmithError(f"{self.path}: two layers are called '{key}'; give each its own name")
        self.keys.add(key)
        class_name = str(item["class_name"]).removeprefix("Bitsmith>")  # our own trainable layers
        weights = self._weights(class_name, place) if tensors else {}
        layer = Layer(key, place.names[-1], class_name, item["config"], tensors, weights)
        self.layers.append(layer)
        return layer.outputs

    def _weights(self, class_name: str, place: Place) -> Weights:
        """A layer's weights; those of Bidirectional with the direction before their names."""
        if class_name not in BIDIRECTIONAL:
            return self.weights.of(place)
        parts = {part: self.weights.of(place, part) for part in DIRECTIONS}
        return {f"{part}/{name}": value for part, weights in parts.items() for name, value in weights.items()}


def _is_layer(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("class_name"), str) and isinstance(item.get("config"), dict)


def _places(layers: list[Any], parent: Place) -> list[Place]:
    """Each layer's place; ``.keras`` groups are class names in snake case, numbered from the second on."""
    used: dict[str, int] = {}
    places = []
    for item in layers:
        group = _snake_case(item.get("registered_name") or item["class_name"])
        used[group] = used.get(group, -1) + 1
        name = str(item["config"].get("name") or item.get("name") or group)
        places.append(parent.into(name, f"{group}_{used[group]}" if used[group] else group))
    return places


def _snake_case(name: str) -> str:
    name = re.sub(r"\W+", "", name.split(">")[-1])
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _with_input(config: Any, layers: list[Any], places: list[Place], path: object) -> tuple[list[Any], list[Place]]:
    """A Sequential that was saved without its input layer: the shape stands with the first layer or the model."""
    first = layers[0]["config"]
    shape = first.get("batch_input_shape") or first.get("batch_shape") or config.get("build_input_shape")
    if not isinstance(shape, list):
        raise BitsmithError(f"{path}: the model has no input shape; build it (model.build) before it is saved")
    item = {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": shape}}
    return [item, *layers], [Place(("input",), ("input_layer",)), *places]


Reference = tuple[str, int, int]


def _references(data: Any) -> list[Reference]:
    """``[name, node, tensor]`` triples at any depth of lists, and Keras 3's tensors inside arguments."""
    if isinstance(data, dict):
        if data.get("class_name") == "__keras_tensor__":
            return _references(data["config"].get("keras_history"))
        if "args" in data:
            return _references(data["args"]) + _references(list((data.get("kwargs") or {}).values()))
        return [r for value in data.values() for r in _references(value)]
    if not isinstance(data, list):
        return []
    if len(data) >= 3 and isinstance(data[0], str) and type(data[1]) is int and type(data[2]) is int:
        state = data[3].get("initial_state") if len(data) > 3 and isinstance(data[3], dict) else None
        return [(data[0], data[1], data[2]), *_references(state)]
    return [r for value in data for r in _references(value)]


def _calls(layers: list[Any], names: list[str]) -> list[list[list[Reference]]]:
    """For each layer, for each of its calls, the tensors it is called on; an input layer has one call on nothing."""
    calls: list[list[list[Reference]]] = []
    for item, name in zip(layers, names):
        nodes = item.get("inbound_nodes") or []
        if item["class_name"] == "InputLayer" or not nodes:
            calls.append([[]])
            continue
        calls.append([_references(node) for node in nodes])
        if any(not references for references in calls[-1]):
            raise BitsmithError(f"layer '{name}' is called on something that is no tensor; that is not supported")
        for node in nodes:
            _check_arguments(name, _arguments(node))
    return calls


def _arguments(node: Any) -> dict[str, Any]:
    """The keyword arguments of a call: Keras 3 writes ``{"args", "kwargs"}``, Keras 2 a dictionary in each triple."""
    if isinstance(node, dict):
        return node.get("kwargs") or {}
    while isinstance(node, list) and node and isinstance(node[0], list):
        node = node[0]
    return node[3] if isinstance(node, list) and len(node) > 3 and isinstance(node[3], dict) else {}


def _check_arguments(name: str, arguments: dict[str, Any]) -> None:
    """BitsmithError for arguments that change what a recurrent layer computes and are no tensors of the model."""
    for argument in ("mask", "constants"):
        if arguments.get(argument) is not None:
            raise BitsmithError(f"layer '{name}' is called with {argument}=; that is not supported, leave it out")
    state = arguments.get("initial_state")
    if state is not None and not _references(state):
        raise BitsmithError(
            f"layer '{name}' is called with an initial_state of numbers; make it an input of the model or leave it out"
        )


def _node_ranks(
    calls: list[list[list[Reference]]], names: list[str], outputs: list[Reference]
) -> dict[tuple[str, int], int]:
    """Which call a node index means: nested models count nodes outside of this model too, so indices are ranked."""
    seen: dict[str, set[int]] = {}
    for name, node, _ in [*outputs, *(r for layer in calls for call in layer for r in call)]:
        seen.setdefault(name, set()).add(node)
    ranks: dict[tuple[str, int], int] = {}
    for name, call in zip(names, calls):
        nodes = sorted(seen.get(name, {0}))
        for rank, node in enumerate(nodes):
            ranks[name, node] = node if nodes[-1] < len(call) else min(rank, len(call) - 1)
    return ranks


def _resolve(reference: Reference, ranks: dict[tuple[str, int], int]) -> tuple[str, int]:
    return reference[0], ranks.get(reference[:2], reference[1])


def _tensor(
    reference: Reference, done: dict[tuple[str, int], tuple[str, ...]], ranks: dict[tuple[str, int], int], path: object
) -> str:
    tensors = done.get(_resolve(reference, ranks), ())
    if reference[2] >= len(tensors):
        raise BitsmithError(f"{path}: no tensor {reference[2]} of layer '{reference[0]}'; save the model again")
    return tensors[reference[2]]
