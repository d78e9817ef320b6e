"""Models of HGQ2 with random weights and bits, and the comparison with its own forward pass."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sim_graphs import random_inputs

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import to_float
from bitsmith.sim.graph import Graph

Layers = Iterable[Any]
SEED = 5
sys.path.append(str(Path(sys.prefix) / "hgq2"))  # where `make test` puts HGQ2 (requirements-hgq.txt)


def stacked(shape: tuple[int, ...], layers: Layers, seed: int) -> Any:
    """A Keras 3 model of these layers with random weights and bits; every layer's result is an output."""
    import keras

    x = keras.layers.Input(shape)
    results = [x]
    for layer in layers:
        results.append(layer(results[-1]))
    model = keras.Model(x, results[1:])
    randomize(model, seed)
    return model


def randomize(model: Any, seed: int) -> None:
    """Random weights, and bits that differ in every element that has its own: some have none, some are halves."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        shape, name = tuple(variable.shape), variable.path.split("/")[-1]
        if "fixed_point_quantizer" in variable.path:
            if name != "i_decay_speed":
                variable.assign(_bits(rng, name, shape))
        elif name in ("beta", "ebops") and shape == ():
            continue
        elif name == "moving_variance":
            variable.assign(rng.uniform(0.3, 2.0, shape))
        else:
            variable.assign(rng.normal(0, 0.8, shape))


def _bits(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if name == "k":
        return np.where(rng.random(shape) < 0.7, 1, 0)
    middle, none = {"i": (1, 1), "f": (3, -5), "b": (4, 0)}[name]
    whole = rng.integers(middle - 2, middle + 2, shape, endpoint=True) + rng.choice([-0.5, -0.3, 0.0, 0.3, 0.5], shape)
    return np.where(rng.random(shape) < 0.1, none, whole)


def graph_of(path: Path, input_type: str | None = None) -> Graph:
    """The graph of a file, with the input's type given or as the quantizers have it."""
    return read_model(path, parse_config({"Bitsmith": {"input": input_type}} if input_type else {}))


def mismatches(model: Any, graph: Graph, frames: int = 400, predict: bool = False) -> tuple[int, int]:
    """How many outputs differ from HGQ2's, bit for bit, and how many different values there are."""
    raw = random_inputs(graph, frames, SEED)
    specs = graph.specs()
    ours = [to_float(y, specs[name].type) for y, name in zip(Reference(graph).predict_raw(*raw), graph.outputs)]
    theirs = forward(model, [to_float(x, specs[name].type) for x, (name, _) in zip(raw, graph.inputs)], predict)
    pairs = [(mine.reshape(their.shape), their) for mine, their in zip(ours, theirs, strict=True)]
    return sum(int((a != b).sum()) for a, b in pairs), sum(len(np.unique(b)) for _, b in pairs)


def forward(model: Any, inputs: Sequence[NDArray[Any]], predict: bool) -> list[NDArray[Any]]:
    """HGQ2's own forward pass in float32."""
    given = [x.reshape(len(x), *tensor.shape[1:]).astype(np.float32) for x, tensor in zip(inputs, model.inputs)]
    data = given if len(given) > 1 else given[0]
    found = model.predict(data, verbose=0, batch_size=len(given[0])) if predict else model(data, training=False)
    return [np.asarray(y, dtype=np.float64) for y in (found if isinstance(found, (list, tuple)) else [found])]
