"""How often a classifier is right: the reference's and Keras's largest output against labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import IntArray
from ...sim.graph import Graph
from ..files.input_file import as_array
from .job import Job, classes
from .vectors import load


def read(labels: Any, graph: Graph, frames: int) -> IntArray:
    """One class a frame, (frames,), from a .npy file's path or an array, (frames,) or (frames, 1), of integers.

    BitsmithError where there is another number of them, another kind, a class that the model does not have, or where
    the model is no classifier.
    """
    count = _classes(graph)
    array = load(Path(labels)) if isinstance(labels, (str, Path)) else as_array(labels, "the labels")
    if not isinstance(array, np.ndarray):
        raise BitsmithError("the labels are a .npz; save the one array with numpy.save")
    if array.dtype.kind not in "iu":
        raise BitsmithError(f"the labels are {array.dtype}; give integers, 0 to {count - 1}")
    if array.ndim == 2 and array.shape[1] == count > 1:
        raise BitsmithError(f"the labels have shape {array.shape}; give the classes, numpy.argmax(y, axis=1)")
    if array.ndim == 0 or array.size != len(array) or array.ndim > 2:
        raise BitsmithError(f"the labels have shape {array.shape}; give one class for each frame")
    if len(array) != frames:
        raise BitsmithError(f"there are {len(array)} labels and {frames} inputs; give one label for each input")
    if array.min() < 0 or array.max() >= count:
        raise BitsmithError(f"the labels are {array.min()} to {array.max()}; the model has {count} classes from 0")
    return array.reshape(-1).astype(np.int64)


def _classes(graph: Graph) -> int:
    """How many classes the graph tells apart; BitsmithError where it is no classifier."""
    shapes = [graph.specs()[name].shape for name in graph.outputs]
    count = classes(graph) or (shapes[0][0] if len(shapes) == 1 and len(shapes[0]) == 1 else 0)
    if len(shapes) != 1 or count < 2:
        shown = ", ".join(map(str, shapes))
        raise BitsmithError(f"labels are for a model with one output of two classes or more; this one has {shown}")
    return count


def accuracy(job: Job) -> dict[str, Any] | None:
    """Top-1 figures of the reference and, where it was computed, of Keras; None without labels.

    ``accuracy`` is the share of all frames that is right: a rejected frame is not. ``accuracy_of_accepted`` leaves
    rejected ones out; it is None where nothing was accepted.
    """
    if job.labels is None:
        return None
    count = _classes(job.graph)
    (raw,) = job.expected.values()
    chosen = raw.reshape(-1) if classes(job.graph) else raw.argmax(axis=-1)
    found = {"frames": job.frames, "classes": count, "reference": _figures(chosen, job.labels, count), "keras": None}
    if job.keras is not None:
        found["keras"] = _figures(job.keras_outputs[0].reshape(job.frames, -1).argmax(axis=-1), job.labels, count)
    return found


def _figures(chosen: IntArray, labels: IntArray, count: int) -> dict[str, Any]:
    correct, rejected = int((chosen == labels).sum()), int((chosen == count).sum())
    accepted = len(labels) - rejected
    return {
        "correct": correct,
        "rejected": rejected,
        "accuracy": correct / len(labels),
        "accuracy_of_accepted": correct / accepted if accepted else None,
    }
