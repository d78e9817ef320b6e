"""The reference beside qonnx, on the same frames of a file's batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bitsmith.gen.verify import vectors
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.graph import Graph

from .onnx_grow import FRAMES, executed


def differences(path: Path, graph: Graph, seed: int) -> dict[str, float]:
    """By output, how far the reference is from what qonnx computes."""
    import onnx

    proto = onnx.load(str(path)).graph
    raw = vectors.make(graph.inputs, FRAMES, seed)
    types = dict(graph.inputs)
    given = {x.name: _turned(raw[x.name], types[x.name].type, _shape(x)) for x in proto.input}
    theirs = executed(path, given)
    found: dict[str, float] = {}
    specs = graph.specs()
    ours = Reference(graph).predict_raw(*(raw[name] for name, _ in graph.inputs))
    for output, name, values in zip(proto.output, graph.outputs, ours, strict=True):
        found[output.name] = _difference(to_float(values, specs[name].type), np.asarray(theirs[output.name]))
    return found


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim[1:])


def _turned(raw: Any, type_: Fixed, shape: tuple[int, ...]) -> Any:
    """Ours in ONNX's shape; where ours has the channels last they come to the front."""
    x = to_float(raw, type_)
    x = x[:, 0] if x.ndim == 4 and len(shape) == 2 else x
    return x if x.shape[1:] == shape else np.moveaxis(x, -1, 1).reshape(len(x), *shape)


def _difference(ours: Any, theirs: Any) -> float:
    """Images and sequences with the channels last, or as they are in the file."""
    ours = ours[:, 0] if ours.ndim == 4 and theirs.ndim == 3 else ours
    tried = [y for y in (ours, np.moveaxis(ours, -1, 1)) if y.shape == theirs.shape] or [ours.reshape(theirs.shape)]
    return min(float(np.abs(y - theirs).max()) for y in tried)
