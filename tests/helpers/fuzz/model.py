"""A recipe as a Keras model in a file, with its configuration."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bitsmith.sim.graph import Graph

from .grow import Grow, drawn
from .recipe import Recipe

EXACT_BITS = 50
"""Of a tensor that float64 holds whatever the order of a sum."""


@dataclass(frozen=True)
class Made:
    """``classes``: the Keras classes of each network's layers; ``exact``: the networks that Keras computes exactly."""

    path: Path
    config: dict[str, Any]
    classes: dict[int, list[str]]
    exact: set[int]


def libraries(name: str) -> tuple[Any, Any]:
    """Keras that computes in float64, and QKeras."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
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


def make(recipe: Recipe, folder: Path) -> Made:
    """Build the model, draw its weights, save it."""
    k, q = libraries(recipe["library"])
    grown, outputs = {}, []
    for network in recipe["networks"]:
        g = Grow(k, q, prefix(network["id"]), bool(network["quantized"]))
        embeds = bool(network["layers"]) and network["layers"][0]["kind"] == "embed"
        x = g.input(tuple(network["shape"]), network["type"], whole=embeds)
        y = g.layers(x, network["layers"])
        outputs.append(k.layers.Activation("linear", name=f"{g.prefix}out")(y) if y is x else y)
        grown[network["id"]] = g
    inputs = [x for g in grown.values() for x in g.inputs]
    model = k.Model(inputs, outputs, name=f"fuzz{recipe['seed']}")
    _draw_weights(model, grown)
    attends = any(type(layer).__name__ == "Attention" for layer in model.layers)  # Keras cannot load its .h5
    path = folder / ("model.h5" if recipe["seed"] % 2 and not attends else "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    classes = {n: [type(layer).__name__ for layer in model.layers if layer.name.startswith(g.prefix)]
               for n, g in grown.items()}  # fmt: skip
    names = {layer.name for layer in model.layers}
    return Made(path, configuration(recipe, grown, names), classes, {n for n, g in grown.items() if g.exact})


def _draw_weights(model: Any, grown: dict[int, Grow]) -> None:
    grids = {name: grid for g in grown.values() for name, grid in g.grids.items()}
    for layer in model.layers:
        found = grids.get(layer.name)
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


def configuration(recipe: Recipe, grown: dict[int, Grow], names: set[str]) -> dict[str, Any]:
    """The recipe's, with sections of the layers that are in the model, and types of inputs without a quantizer."""
    given: dict[str, Any] = recipe["config"]
    hls = dict(given.get("HLSConfig", {}))
    sections = {name: section for g in grown.values() for name, section in g.sections.items()
                if names & {name, name.rpartition("_")[0]}}  # fmt: skip
    types = {name: t for g in grown.values() for name, t in g.types.items()}
    own = given.get("Bitsmith", {}) | ({"input": types} if types else {})
    if not any(layer["kind"] == "rnn" for network in recipe["networks"] for layer in network["layers"]):
        own.pop("interleaved_sequences", None)
    return given | {"HLSConfig": hls | ({"LayerName": sections} if sections else {}), "Bitsmith": own}


def inexact(made: Made, graph: Graph) -> set[int]:
    """The exact networks that have a tensor which float64 does not hold with room to spare."""
    wide = [name for name, spec in graph.specs().items() if spec.type.width > EXACT_BITS]
    return {n for n in made.exact if any(name.startswith(prefix(n)) for name in wide)}
