"""A network that Keras and QKeras compute, too: a model file, frames, and what Keras gives for them.

``python -m mutation.trained FOLDER`` makes these, in a process of its own: TensorFlow starts threads, and no process
that has some is forked soundly. Every layer is one that Keras in float64 computes exactly.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from bitsmith.gen.build import build_project, load
from bitsmith.gen.config.given import read_config
from bitsmith.gen.verify import keras_model, vectors
from bitsmith.sim.fixed import FloatArray, to_float
from bitsmith.sim.graph import Graph

TRAINED = "trained"
FRAMES, SEED = 64, 1
Layer = dict[str, Any]
ROUNDED = {"q": ["bits", 3, 1], "w": [4, 1]}
RELU = {"kind": "function", "alt": 0, "r": 9, **ROUNDED}


def _network(number: int, shape: list[int], bits: list[int], *layers: Layer, quantized: int = 1) -> Layer:
    return {"id": number, "shape": shape, "type": bits, "quantized": quantized, "layers": list(layers)}


RECIPE: Layer = {
    "seed": 3,
    "library": "tf_keras",
    "config": {"Bitsmith": {"pixels_per_cycle": 1}},
    "networks": [
        _network(0, [4], [4, 1], {"kind": "dense", "n": 2, "r": 1, **ROUNDED}),
        _network(1, [2, 4, 1], [2, 0], {"kind": "conv", "n": 2, "k": [2, 2], "r": 2, **ROUNDED, "q": ["relu", 3, 1]}),
        _network(2, [2, 2, 1], [4, 1], {"kind": "average_pool", "k": [2, 2], "r": 3, **ROUNDED, "q": ["bits", 4, 1]}),
        _network(3, [2, 4, 1], [2, 0], {"kind": "depthwise", "k": [2, 2], "r": 4, **ROUNDED, "q": ["leaky", 4, 1]}),
        _network(4, [4], [4, 1], {"kind": "function", "alt": 3, "r": 5, **ROUNDED, "q": ["ternary", 2, 0]}),
        _network(5, [2, 2, 1], [4, 1], {"kind": "transposed", "k": [2, 2], "s": [2, 2], "n": 1, "r": 6, **ROUNDED}),
        _network(6, [4], [4, 1], {"kind": "fork", "join": "Multiply", "branches": [[RELU], []], "r": 2, **ROUNDED}),
        _network(7, [4], [4, 1], {"kind": "dense", "n": 2, "r": 7, "alt": 1, "w": [4, 1]}, quantized=0),
        _network(8, [2, 2, 2], [2, 0], {"kind": "global_pool", "r": 8, **ROUNDED, "q": ["bits", 4, 1]}),
    ],
}


@dataclass(frozen=True)
class Trained:
    """The model's file, its configuration, real inputs by name in one .npz, and Keras's outputs for them."""

    path: Path
    config: dict[str, Any]
    inputs: Path
    outputs: list[FloatArray]

    def graph(self) -> Graph:
        return load(self.path, self.config)

    def build(self, folder: Path) -> None:
        build_project(self.path, self.config, folder, seed=SEED)

    def instead_of_keras(self) -> Any:
        """A context in which the level keras has these outputs, and no Keras runs."""
        return mock.patch.object(keras_model, "load", return_value=Known(self.outputs))


@dataclass(frozen=True)
class Known:
    """In the place of ``keras_model.KerasModel``."""

    outputs: list[FloatArray]

    def predict(self, inputs: list[FloatArray], say: Callable[[int], None]) -> list[FloatArray]:
        """What Keras gave for the frames of the .npz."""
        return self.outputs


def trained(folder: Path) -> Trained:
    """Makes the model, in another process."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mutation.trained", str(folder)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    known = json.loads((folder / "known.json").read_text())
    with np.load(folder / "outputs.npz") as outputs:
        found = [outputs[f"y{k}"] for k in range(known["outputs"])]
    return Trained(Path(known["path"]), known["config"], folder / "inputs.npz", found)


def _make(folder: Path) -> None:
    from fuzz.model import make

    made = make(RECIPE, folder)
    graph = load(made.path, read_config(made.config))
    batch = vectors.of_graph(graph, FRAMES, SEED)
    real = {name: to_float(batch[name], spec.type) for name, spec in graph.inputs}
    _save(folder / "inputs.npz", real)
    model = keras_model.KerasModel(keras_model._loaded(made.path, "tf_keras", _registered), graph, made.path.name)
    outputs = model.predict(list(real.values()), lambda _: None)
    _save(folder / "outputs.npz", {f"y{k}": y for k, y in enumerate(outputs)})
    known = {"path": str(made.path), "config": made.config, "outputs": len(outputs), "exact": sorted(made.exact)}
    (folder / "known.json").write_text(json.dumps(known))


def _save(path: Path, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def _registered() -> None:
    import bitsmith.layers  # noqa: F401


if __name__ == "__main__":
    _make(Path(sys.argv[1]))
