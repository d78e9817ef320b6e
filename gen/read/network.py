"""A model's JSON as a flat list of layers in execution order, nested models opened up, every call its own layer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...sim.errors import BitsmithError
from ..classes import BIDIRECTIONAL, MODELS, class_name, config_of, is_layer, short, whose
from .attention import MULTI, expanded
from .layer import Layer, inner_layer
from .policy import readable
from .references import Made, node_ranks, read_calls, references, resolve, tensor
from .weights import ATTENTION_LAYERS, DIRECTED_LAYERS, Place, Weights, WeightSource

__all__ = ["Layer", "Network", "inner_layer", "read_network"]
MAX_DEPTH = 16
_BACKWARD = DIRECTED_LAYERS[1]
_INSIDE: dict[str, tuple[str, ...]] = {**dict.fromkeys(BIDIRECTIONAL, DIRECTED_LAYERS), MULTI: tuple(ATTENTION_LAYERS)}
"""The layers inside of a layer whose weights are theirs."""


class Lost(NamedTuple):
    """A part of a model that is no layer here, for ``inspect``."""

    name: str
    class_name: str
    reason: str
    """Empty where it only stands behind another that was lost."""
    at: int
    """How many layers stand before it."""


@dataclass(frozen=True)
class Network:
    """Layers in execution order, the input layers among them; inputs and outputs in the model's own order.

    ``source`` is the file or the model in memory, for messages.
    """

    name: str
    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    source: str = ""
    lost: tuple[Lost, ...] = ()
    """Only where it was read to be inspected."""
    groups: frozenset[str] = frozenset()
    """Names of the models inside of the model, which were opened up."""

    def consumers(self, key: str) -> list[Layer]:
        return [layer for layer in self.layers if key in layer.inputs]

    def used(self, key: str) -> bool:
        """Whether anything reads a tensor, or it is an output."""
        return key in self.outputs or bool(self.consumers(key))

    def check_inputs(self) -> None:
        """BitsmithError unless the model's inputs are its input layers, each of them once."""
        for i, key in enumerate(self.inputs):
            if key in self.inputs[:i]:
                raise BitsmithError(f"{self.source}: '{key}' is an input of the model twice; give it once")
        layers = {layer.key for layer in self.layers if layer.class_name == "InputLayer"}
        if wrong := sorted(layers.symmetric_difference(self.inputs)):
            raise BitsmithError(
                f"{self.source}: '{wrong[0]}' is not both an input of the model and an InputLayer; save the model again"
            )

    def check_tensors(self) -> None:
        """BitsmithError where something reads a tensor that no layer gives."""
        made = {key for layer in self.layers for key in layer.outputs}
        for key in (*(key for layer in self.layers for key in layer.inputs), *self.outputs):
            if key not in made:
                name, _, index = key.rpartition(":")
                raise BitsmithError(f"{self.source}: no tensor {index} of layer '{name}'; save the model again")


def read_network(model: dict[str, Any], weights: WeightSource, path: object) -> Network:
    """The network of a model's JSON; BitsmithError where it has no layers or its edges make no sense."""
    found = class_name(model) if is_layer(model) else model.get("class_name")
    if found not in MODELS:
        raise BitsmithError(f"{path}: a model of class '{found}' is not supported; supported: {', '.join(MODELS)}")
    _check_version(model, path)
    walk = _Walk(weights, path)
    inputs, outputs = walk.model(found, model["config"], Place(), None, "")
    weights.check(walk.places, path)
    name = str(model["config"].get("name") or "model")
    network = Network(name, tuple(walk.layers), inputs, outputs, str(path), groups=frozenset(walk.groups))
    network.check_inputs()
    if not outputs:
        raise BitsmithError(f"{path}: the model has no output (output_layers); save the model again")
    return network


_KERAS_1 = ("nb_filter", "nb_row", "filter_length", "border_mode", "W_regularizer", "dim_ordering")
"""Attributes that Keras 2 calls otherwise."""


def _check_version(model: dict[str, Any], path: object) -> None:
    """BitsmithError for a model of Keras 1, whose attributes and weights have other names."""
    layers = model["config"].get("layers") if isinstance(model["config"], dict) else None
    configs = [config_of(item) for item in layers if isinstance(item, dict)] if isinstance(layers, list) else []
    old = any(name in config for config in configs for name in _KERAS_1)
    if str(model.get("keras_version")).startswith("1.") or old:
        raise BitsmithError(
            f"{path} was written by Keras 1; load it in Keras 2 (2.0 to 2.3 read it), save it there, and take that"
        )


@dataclass
class _Walk:
    """Collects layers; a model is walked once for each call of it."""

    weights: WeightSource
    path: object
    layers: list[Layer] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    """Of the layers of the outermost model."""
    groups: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)

    def model(
        self, kind: str, config: Any, place: Place, given: tuple[str, ...] | None, suffix: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Add a model's layers; ``given`` are the tensors a nested model is called on. Input and output keys."""
        if len(place.names) > MAX_DEPTH:
            raise BitsmithError(f"{self.path}: models nested deeper than {MAX_DEPTH} are not supported; flatten them")
        layers = config.get("layers") if isinstance(config, dict) else None
        where = f"'{place}'" if place.names else "the model"
        if not isinstance(layers, list) or not layers:
            raise BitsmithError(f"{self.path}: {where} has no layers; save a whole Keras model")
        for i, item in enumerate(layers):
            _check_layer(item, f"{self.path}: layers[{i}] of {where}")
        places = _places(layers, place)
        self.places = self.places or places
        if kind == "Sequential":
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
        inputs = references(config.get("input_layers"))
        done: Made = {}
        if given is not None:
            if len(given) != len(inputs):
                raise BitsmithError(f"{self.path}: a nested model is called on {len(given)} tensors, not {len(inputs)}")
            done = {(name, 0): (key,) for (name, _, _), key in zip(inputs, given)}
        calls = read_calls(layers, names, self.path)
        pending = [(i, n) for i in range(len(layers)) for n in range(len(calls[i])) if (names[i], n) not in done]
        ranks = node_ranks(calls, names, references(config.get("output_layers")))
        while pending:
            ready = [(i, n) for i, n in pending if all(resolve(r, ranks) in done for r in calls[i][n])]
            if not ready:
                raise BitsmithError(f"{self.path}: '{names[pending[0][0]]}' waits for a tensor that no layer makes")
            i, n = ready[0]
            tensors = tuple(tensor(r, done, ranks, self.path) for r in calls[i][n])
            done[names[i], n] = self._call(layers[i], places[i], tensors, suffix + (f"@{n}" if n else ""))
            pending.remove((i, n))
        outputs = [tensor(r, done, ranks, self.path) for r in references(config.get("output_layers"))]
        return tuple(tensor(r, done, ranks, self.path) for r in inputs), tuple(outputs)

    def _call(self, item: Any, place: Place, tensors: tuple[str, ...], suffix: str) -> tuple[str, ...]:
        name = class_name(item)
        if name in MODELS:
            self.groups.add(place.names[-1])
            return self.model(name, item["config"], place, tensors, suffix)[1]
        key = f"{place}{suffix}"
        if key in self.keys:
            raise BitsmithError(f"{self.path}: two layers are called '{key}'; give each its own name")
        self.keys.add(key)
        weights = self._weights(name, place, item["config"]) if tensors and readable(name, item["config"]) else {}
        layer = Layer(key, place.names[-1], name, item["config"], tensors, weights, cure=self.weights.cure)
        found = expanded(layer)
        inner = [part.key for part in found if part.key != key]
        if taken := sorted(self.keys.intersection(inner)):
            raise BitsmithError(f"{self.path}: a layer is called '{taken[0]}', as a part of '{key}' is; rename it")
        self.keys.update(inner)
        self.layers.extend(found)
        return layer.outputs

    def _weights(self, name: str, place: Place, config: dict[str, Any]) -> Weights:
        """The weights of a layer of class ``name``; those of layers inside of it with the part before their names."""
        if name not in _INSIDE:
            return self.weights.of(place)
        parts = {part: self.weights.of(place, part) for part in _INSIDE[name]}
        own = inner_layer(config, _BACKWARD)[1].get("name")
        if isinstance(own, str) and not parts.get(_BACKWARD, True):
            parts[_BACKWARD] = self.weights.inside(place, own)
        return {f"{part}/{name}": value for part, weights in parts.items() for name, value in weights.items()}


def _check_layer(item: Any, where: str) -> None:
    """BitsmithError unless this is a layer, with names that are text."""
    if not is_layer(item):
        name = f" ({short(item.get('name'))})" if isinstance(item, dict) else ""
        raise BitsmithError(f"{where}{name} is no layer with class_name and config; save the model again")
    for name in (item["config"].get("name"), item.get("name")):
        if not isinstance(name, (str, type(None))):
            raise BitsmithError(f"{where} ({whose(class_name(item))}): name={short(name)} is no text; save it again")


def _places(layers: list[Any], parent: Place) -> list[Place]:
    """Each layer's place; ``.keras`` groups are class names in snake case, numbered from the second on."""
    used: dict[str, int] = {}
    places = []
    for item in layers:
        registered = item.get("registered_name")
        group = _snake_case(registered if registered and isinstance(registered, str) else item["class_name"])
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
