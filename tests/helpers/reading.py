"""Helpers for the tests that hold the reader to Keras itself: random weights, saving, exact comparison."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.sim.fixed import quantize, to_float
from bitsmith.sim.graph import Graph

FloatArray = NDArray[Any]


def legacy_keras() -> tuple[Any, Any]:
    """tf_keras and qkeras, or a visible skip."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tf_keras = pytest.importorskip("tf_keras")
    qkeras = pytest.importorskip("qkeras")
    tf_keras.backend.clear_session()
    return tf_keras, qkeras


def recurrent_qkeras() -> tuple[Any, Any]:
    """tf_keras and qkeras with the two names that its recurrent layers miss in a TensorFlow of today put back."""
    k, q = legacy_keras()
    import tensorflow as tf
    from tensorflow.python.ops import array_ops
    from tensorflow.python.util import nest

    nest.is_sequence, array_ops.unstack = nest.is_nested, tf.unstack
    return k, q


def library(name: str) -> Any:
    """tf_keras, or Keras 3."""
    if name == "tf_keras":
        return legacy_keras()[0]
    keras = pytest.importorskip("keras")
    keras.backend.clear_session()
    return keras


def save(model: Any, path: Path) -> None:
    """Save, without Keras's warning that .h5 is a legacy format: reading it is what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.save(path)


def randomize(model: Any, seed: int, spread: float = 0.5) -> None:
    """Weights that mean something: variances positive, the rest normal."""
    rng = np.random.default_rng(seed)
    weights = []
    for variable in model.weights:
        name = str(getattr(variable, "path", variable.name))
        shape = tuple(variable.shape)
        if "variance" in name:
            weights.append(rng.uniform(0.25, 2.0, shape))
        elif "iteration" in name:
            weights.append(np.asarray(variable))
        else:
            weights.append(rng.normal(0.0, spread, shape))
    model.set_weights(weights)


def evaluate(graph: Graph, *inputs: FloatArray) -> list[FloatArray]:
    """The graph's outputs as real numbers; the inputs are quantized as QKeras does it."""
    values = {name: quantize(x, spec.type).reshape(-1, *spec.shape) for (name, spec), x in zip(graph.inputs, inputs)}
    for node in graph.nodes:
        values[node.name] = node.op.compute(*(values[name] for name in node.inputs))
    specs = graph.specs()
    return [to_float(values[name], specs[name].type) for name in graph.outputs]


def batch(graph: Graph, count: int = 5, seed: int = 7, spread: float = 1.0) -> list[FloatArray]:
    """Random inputs on the grids of the graph's inputs, some of them at the ends of the range."""
    rng = np.random.default_rng(seed)
    result = []
    for _, spec in graph.inputs:
        raw = rng.integers(spec.type.raw_min, spec.type.raw_max + 1, (count, *spec.shape))
        raw[0] = spec.type.raw_max
        raw[1] = spec.type.raw_min
        result.append(to_float((raw * spread).astype(np.int64), spec.type))
    return result


def assert_float32_is_exact(graph: Graph) -> None:
    """Every tensor fits float32's 24 bits, so that Keras computes without rounding, in whatever order."""
    for name, spec in graph.specs().items():
        assert spec.type.width - spec.type.signed <= 24, f"{name} is {spec.type}"


def keras_shape(x: FloatArray, shape: Any) -> FloatArray:
    return x.reshape(len(x), *shape[1:])


def assert_equal_to_keras(
    model: Any, path: Path, config: dict[str, Any] | None = None, exact: bool = True, count: int = 5
) -> Graph:
    """Save, read back without Keras, and compare every output value; returns the graph."""
    save(model, path)
    graph = read_model(path, parse_config(config or {}))
    if exact:
        assert_float32_is_exact(graph)
    inputs = batch(graph, count)
    shapes = [tuple(t.shape) for t in model.inputs]
    expected = model([keras_shape(x, s).astype(np.float32) for x, s in zip(inputs, shapes)])
    outputs = expected if isinstance(expected, (list, tuple)) else [expected]
    for got, want in zip(evaluate(graph, *inputs), outputs, strict=True):
        wanted = np.asarray(want, dtype=np.float64)
        np.testing.assert_array_equal(got.reshape(wanted.shape), wanted)
        assert np.unique(wanted).size > 1, "a constant output proves nothing"
    return graph
