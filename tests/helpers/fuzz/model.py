"""A recipe as a Keras model in a file, with its configuration."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hgq_models  # noqa: F401  puts HGQ2 on the path
import numpy as np

from bitsmith.gen.read import read_network_file
from bitsmith.sim.graph import Graph

from . import hgq, onnx_grow
from .grow import Grow, drawn
from .recipe import Recipe
from .signed import SIGNED

EXACT_BITS = {"tf_keras": 50, "keras": 50, "hgq": 23, "onnx": 23}
"""Of a tensor that float64 holds whatever the order of a sum; HGQ2 and qonnx compute in float32."""
PACKAGES = {"hgq": "hgq", "onnx": "qonnx"}
"""What a library needs beside what the tests have anyway."""


@dataclass(frozen=True)
class Made:
    """``exact``: the networks that Keras, or qonnx, computes exactly. ``model`` is Keras's, None of ONNX."""

    path: Path
    config: dict[str, Any]
    model: Any
    grown: Mapping[int, Grow]
    exact: set[int]

    @property
    def near(self) -> tuple[set[str], set[str], set[str]]:
        """Of all networks the layers that are blurred, curves and hinted (see ``Grow``)."""
        networks = self.grown.values()
        blurred, curves = {x for g in networks for x in g.blurred}, {x for g in networks for x in g.curves}
        return blurred, curves, {x for g in networks for x in g.hinted}


def libraries(name: str) -> tuple[Any, Any]:
    """Keras that computes in float64, and QKeras; HGQ2 computes in float32."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    if name == "hgq":
        k, q = hgq.packages()
        k.backend.set_floatx("float32")
        k.backend.clear_session()
        return k, q
    if name == "keras":
        import keras

        keras.backend.set_floatx("float64")
        keras.backend.clear_session()
        return keras, None
    import tensorflow
    import tf_keras
    from tensorflow.python.ops import array_ops
    from tensorflow.python.util import nest

    nest.is_sequence, array_ops.unstack = nest.is_nested, tensorflow.unstack  # for QKeras's recurrent layers
    array_ops.stack = tensorflow.stack
    import qkeras

    import bitsmith.layers

    tf_keras.backend.set_floatx("float64")
    tf_keras.backend.clear_session()
    assert bitsmith.layers.GDN, "registered"
    return tf_keras, qkeras


def prefix(number: int) -> str:
    return f"n{number}_"


def missing(recipe: Recipe) -> str:
    """The package without which nothing of this library is made; empty where all is there."""
    package = PACKAGES.get(recipe["library"], "")
    return package if package and find_spec(package) is None else ""


def make(recipe: Recipe, folder: Path) -> Made:
    """Build the model, draw its weights, save it."""
    if recipe["library"] == "onnx":
        return _onnx(recipe, folder)
    k, q = libraries(recipe["library"])
    grown, outputs = {}, []
    for network in recipe["networks"]:
        g = Grow(k, q, prefix(network["id"]), bool(network["quantized"]), recipe["library"])
        x, y = _grown(g, network)
        outputs.append(k.layers.Activation("linear", name=f"{g.prefix}out")(y) if y is x else y)
        grown[network["id"]] = g
    inputs = [x for g in grown.values() for x in g.inputs]
    model = k.Model(inputs, outputs, name=f"fuzz{recipe['seed']}")
    _draw_weights(model, grown, recipe["library"])
    path = folder / ("model.h5" if _in_h5(recipe, model) else "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    names = {layer.name for layer in getattr(model, "operations", model.layers)}  # keras.ops are no layers of Keras's
    return Made(path, configuration(recipe, grown, names), model, grown, {n for n, g in grown.items() if g.exact})


def _grown(g: Any, network: dict[str, Any]) -> tuple[Any, Any]:
    """A network's input and output."""
    embeds = bool(network["layers"]) and network["layers"][0]["kind"] == "embed"
    x = g.input(tuple(network["shape"]), network["type"], whole=embeds)
    return x, g.layers(x, network["layers"])


def _onnx(recipe: Recipe, folder: Path) -> Made:
    grown, outputs = {}, []
    for network in recipe["networks"]:
        g = onnx_grow.GrowOnnx(None, None, prefix(network["id"]), True)
        x, y = _grown(g, network)
        outputs.append(g.add("Relu", y) if y is x else y)
        grown[network["id"]] = g
    path = onnx_grow.written(grown.values(), outputs, folder / "model.onnx")
    return Made(path, configuration(recipe, grown, set()), None, grown, {n for n, g in grown.items() if g.exact})


def _in_h5(recipe: Recipe, model: Any) -> bool:
    """Keras cannot load an Attention or an operation of such a file; the other kind of file has no script's classes."""
    names = {type(layer).__name__ for layer in model.layers}
    if len(getattr(model, "operations", model.layers)) > len(model.layers):
        return False
    return bool(names & set(SIGNED)) or (recipe["seed"] % 2 == 1 and "Attention" not in names)


def classes(path: Path, numbers: Iterable[int]) -> dict[int, list[str]]:
    """What the reader calls each network's layers, as README's table has it."""
    layers = read_network_file(path).layers
    return {n: [layer.class_name for layer in layers if layer.name.startswith(prefix(n))] for n in numbers}


def _draw_weights(model: Any, grown: dict[int, Grow], library: str) -> None:
    grids = {name: grid for g in grown.values() for name, grid in g.grids.items()}
    for layer in model.layers:
        found = grids.get(layer.name)
        if library == "hgq":
            hgq.draw_weights(layer, found.seed if found else 1)
            continue
        rng = np.random.default_rng([found.seed if found else 1, len(layer.weights)])
        values = []
        for variable in layer.weights:
            name = str(getattr(variable, "path", variable.name))
            kept = "seed" in name or "iteration" in name or "count" in name or type(layer).__name__ == "Normalization"
            values.append(
                np.asarray(variable) if kept else drawn(found, name.split("/")[-1], tuple(variable.shape), rng)
            )
        if values:
            layer.set_weights(values)


def configuration(recipe: Recipe, grown: Mapping[int, Grow], names: set[str]) -> dict[str, Any]:
    """The recipe's, with sections of the layers that are in the model, and types of inputs without a quantizer."""
    given: dict[str, Any] = recipe["config"]
    hls = dict(given.get("HLSConfig", {}))
    sections = {name: section for g in grown.values() for name, section in g.sections.items()
                if names & {name, name.rpartition("_")[0]}}  # fmt: skip
    types = {name: t for g in grown.values() for name, t in g.types.items()}
    own = given.get("Bitsmith", {}) | ({"input": types} if types else {})
    if not any(layer["kind"] in ("rnn", "states") for network in recipe["networks"] for layer in network["layers"]):
        own.pop("interleaved_sequences", None)
    return given | {"HLSConfig": hls | ({"LayerName": sections} if sections else {}), "Bitsmith": own}


def inexact(made: Made, graph: Graph, library: str) -> set[int]:
    """The exact networks that have a tensor which Keras's numbers do not hold with room to spare."""
    wide = [name for name, spec in graph.specs().items() if spec.type.width > EXACT_BITS[library]]
    return {n for n in made.exact if any(name.startswith(prefix(n)) for name in wide)}
