"""The level keras: the model's own outputs, as Keras computes them in floats, beside the reference's integers.

It says how far a model is from its fixed-point form. Nothing in the hardware is compared, so it informs and does not
fail, unless ``exact`` asks for equality: what a model whose every tensor is quantized must have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray, IntArray, to_float
from ...sim.op import Spec
from .job import Job, argmax_threshold, classes
from .trials import Outcome


def level(job: Job) -> Outcome:
    """Every frame. ``mismatches`` counts the frames in which any value is not exactly the reference's."""
    right = decisions(job) if classes(job.graph) else job.expected
    specs = job.graph.specs()
    wrong = np.zeros(job.frames, dtype=bool)
    figures: dict[str, Any] = {}
    outcome = Outcome(job.frames, required=job.exact)
    for name, values in zip(job.graph.outputs, outputs(job), strict=True):
        if not np.isfinite(values).all():
            frame = int(np.argwhere(~np.isfinite(values))[0][0])
            outcome.problems.append(f"Keras gives NaN or infinity in '{name}', first in frame {frame}")
        figures[name], differs = _compared(right[name], values, specs[name], bool(classes(job.graph)))
        wrong |= differs
    outcome.mismatches, outcome.figures = int(wrong.sum()), figures
    return outcome


def outputs(job: Job) -> list[FloatArray]:
    """Keras's outputs with the graph's shapes; behind an argmax the class, (frames, 1)."""
    found = job.keras_outputs
    shapes = [job.graph.specs()[name].shape for name in job.graph.outputs]
    if classes(job.graph):
        return [np.argmax(y, axis=-1)[..., np.newaxis].astype(np.float64) for y in found]
    for y, shape in zip(found, shapes, strict=True):
        if y[0].size != np.prod(shape, dtype=int):
            raise BitsmithError(f"an output has shape {y.shape[1:]} in Keras and {shape} in the build; build it again")
    return [y.reshape(len(y), *shape) for y, shape in zip(found, shapes)]


def decisions(job: Job) -> dict[str, IntArray]:
    """What the reference decides where nothing is rejected: Keras knows no threshold."""
    specs = {**dict(job.graph.inputs), **job.graph.specs()}
    least = min(specs[node.inputs[0]].type.raw_min for node in job.graph.nodes if node.op.has_threshold)
    if argmax_threshold(job.graph) == least:
        return job.expected
    raw = (job.inputs[name] for name, _ in job.graph.inputs)
    return dict(zip(job.graph.outputs, job.reference.with_threshold(least).predict_raw(*raw)))


def _compared(raw: IntArray, values: FloatArray, spec: Spec, decided: bool) -> tuple[dict[str, Any], Any]:
    """The figures of one output, and which frames differ. Classes have no distance, so these have no differences."""
    real = to_float(raw, spec.type)
    equal = values == real
    differs = ~equal.reshape(len(equal), -1).all(axis=1)
    found = {"values": int(equal.size), "equal": int(equal.sum()), "equal_share": float(equal.mean())}
    if decided:
        return found, differs
    step = 2.0**-spec.type.fraction
    distance = np.where(np.isfinite(values), np.abs(values - real), -1.0)
    place = tuple(int(k) for k in np.unravel_index(int(distance.argmax()), distance.shape))
    if distance[place] < 0:
        return {**found, "step": step, "within_half_step": 0.0, "largest_difference": None}, differs
    near = (distance >= 0) & (distance <= step / 2)
    return {
        **found,
        "step": step,
        "within_half_step": float(near.mean()),
        "largest_difference": float(distance[place]),
        "largest_steps": float(distance[place] / step),
        "worst": {
            "frame": place[0],
            "index": list(place[1:]),
            "keras": float(values[place]),
            "reference": float(real[place]),
        },
    }, differs
