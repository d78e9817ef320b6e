"""A model of the corpus under the configuration that hls4ml writes for it: taken or refused, equal to Keras or not."""

from __future__ import annotations

import traceback
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hgq_models import randomize as randomize_hgq
from hls4ml_configs import keras_2, quiet
from numpy.typing import NDArray
from reading import recurrent_qkeras

from bitsmith.gen.build import build
from bitsmith.gen.config.schema import Config, parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.verify import verify
from bitsmith.gen.verify.keras_model import KerasModel
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import FloatArray, quantize, to_float
from bitsmith.sim.graph import Graph

from .bound import Bound, Leaves, Unbounded
from .case import HGQ, KERAS_2, Kit, Model

FRAMES, VALUES, VECTORS = 12, 250, 6
"""Frames beside Keras at least, more of them where an input has fewer values; frames through the hardware."""
EQUAL, WITHIN, DIFFERS = "equal", "within", "DIFFERS"
REFUSED, CRASHED, UNREAD, OPEN = "refused", "CRASHED", "not by hls4ml", "no bound"
"""``UNREAD``: hls4ml itself writes no configuration for the model. ``OPEN``: accepted, and no bound is known."""


@dataclass(frozen=True)
class Result:
    """What became of a model, and why."""

    model: Model
    kind: str
    reason: str = ""


def kit(model: Model) -> Kit:
    """The packages that a model is built with; a visible skip where one is missing."""
    if model.library == KERAS_2:
        k, q = recurrent_qkeras()
        return Kit(k, k.layers, q)
    import keras

    keras.backend.clear_session()
    if model.library != HGQ:
        return Kit(keras, keras.layers)
    import hgq.layers

    return Kit(keras, keras.layers, hgq.layers)


def made(model: Model) -> Any:
    """The Keras model with its weights, the same in every run."""
    built = model.build(kit(model))
    seed = zlib.crc32(model.key.encode())
    if model.library == HGQ:
        randomize_hgq(built, seed)
    elif model.weighted:
        rng = np.random.default_rng(seed)
        weights = [_weight(str(getattr(v, "path", v.name)), tuple(v.shape), rng) for v in built.weights]
        if model.steps is not None:
            weights = [np.ldexp(np.rint(np.ldexp(w, model.steps)), -model.steps) for w in weights]
        built.set_weights(weights)
    return built


def _weight(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """Sums of values up to 1 stay small, and a normalization's factors below 1."""
    if "variance" in name:
        return rng.uniform(1.1, 2.0, shape)
    if "gamma" in name:
        return rng.uniform(0.3, 0.8, shape)
    if "alpha" in name:
        return rng.uniform(0, 0.5, shape)
    if "recurrent_kernel" in name:  # sums of a step's errors do not grow from step to step
        return rng.uniform(-2, 2, shape) / shape[0]
    spread = min(1.0, np.sqrt(3 / np.prod(shape[:-1]))) if len(shape) > 1 else 0.4
    return rng.uniform(-spread, spread, shape)


def configuration(model: Model, built: Any) -> dict[str, Any]:
    """What hls4ml's ``config_from_keras_model`` writes, with the test's own changes."""
    import hls4ml

    named = {"granularity": "name", "backend": "Vitis", "default_precision": model.precision,
             "default_reuse_factor": model.reuse}  # fmt: skip
    make = hls4ml.utils.config_from_keras_model
    if model.library == KERAS_2:
        with keras_2():
            found = quiet(make, built, **named)
    else:
        found = quiet(make, built, **named)
    for name, section in model.changes.items():
        own = found["LayerName"][name]
        types = section.get("Precision", {})
        whole = own["Precision"] | types if isinstance(types, dict) else types
        found["LayerName"][name] = own | dict(section) | {"Precision": whole}
    return {"HLSConfig": found}


def attempt(model: Model) -> Result | tuple[Any, Graph, Config]:
    """The Keras model, its graph and the configuration, planned; or why not."""
    built = made(model)
    try:
        written = configuration(model, built)
    except Exception as error:  # hls4ml raises what it likes
        return Result(model, UNREAD, f"{type(error).__name__}: {error}".splitlines()[0])
    try:
        config = parse_config(written)
        graph = read_model(built, config)
        plan_for(graph, config)
    except BitsmithError as error:
        return Result(model, REFUSED, str(error))
    except Exception:
        return Result(model, CRASHED, " ".join(traceback.format_exc().splitlines()[-3:]))
    return built, graph, config


def compared(model: Model) -> Result:
    """A model's result, whatever it is."""
    found = attempt(model)
    if isinstance(found, Result):
        return found
    built, graph, _ = found
    try:
        return beside_keras(model, built, graph)
    except Exception:
        return Result(model, CRASHED, " ".join(traceback.format_exc().splitlines()[-3:]))


def beside_keras(model: Model, built: Any, graph: Graph) -> Result:
    """An accepted model's outputs beside Keras's."""
    raw = inputs(model, graph)
    given: list[FloatArray] = [to_float(x, spec.type) for x, (_, spec) in zip(raw, graph.inputs)]
    theirs = KerasModel(built, graph, model.name).predict(given, lambda done: None)
    specs = graph.specs()
    ours = [to_float(y, specs[name].type) for y, name in zip(Reference(graph).predict_raw(*raw), graph.outputs)]
    wanted = [y.reshape(x.shape) for x, y in zip(ours, theirs, strict=True)]
    off = max(float(np.abs(x - y).max()) for x, y in zip(ours, wanted))
    if off == 0:
        return Result(model, EQUAL, f"{sum(len(np.unique(y)) for y in wanted)} different values")
    if model.exact:
        return Result(model, DIFFERS, f"by {off:g} at most, where every value must be equal")
    try:
        bounds = [e for _, e in bound(model, built).outputs(graph, raw)]
    except Unbounded as error:
        return Result(model, OPEN, f"of {error}; {off:g} off at most")
    except Leaves as error:
        return Result(model, DIFFERS, f"a value leaves its type: {error}")
    share = max(float((np.abs(x - y) / np.maximum(e, 1e-300)).max()) for x, y, e in zip(ours, wanted, bounds))
    kind = WITHIN if share <= 1 else DIFFERS
    return Result(model, kind, f"{off:g} off at most, bound {max(float(e.max()) for e in bounds):g}, {share:.2f} of it")


def bound(model: Model, built: Any) -> Bound:
    """What is known of the model's weights; where a normalization is folded into others, these are on no grid."""
    names = " ".join(str(getattr(v, "path", v.name)) for v in built.weights)
    free = not model.weighted or "variance" in names
    return Bound(0 if model.quantized else None if free else model.steps, model.quantized)


def inputs(model: Model, graph: Graph) -> list[NDArray[Any]]:
    """Random raw inputs, in the test's range, that float32 holds."""
    rng = np.random.default_rng(zlib.crc32(model.key.encode()))
    frames = max(FRAMES, VALUES // max(int(np.prod(spec.shape)) for _, spec in graph.inputs))
    found = []
    for _, spec in graph.inputs:
        values = rng.uniform(model.low, model.high, (frames, *spec.shape))
        steps = 0 if model.whole else min(spec.type.fraction, 10)
        low, high = (int(end) >> (spec.type.fraction - steps) for end in (spec.type.raw_min, spec.type.raw_max))
        found.append(quantize(np.ldexp(np.clip(np.rint(np.ldexp(values, steps)), low, high), -steps), spec.type))
    return found


def proved(model: Model, folder: Path) -> dict[str, Any]:
    """The report of ``verify``, C simulation and Verilog beside the reference, of a build in ``folder``."""
    found = attempt(model)
    assert not isinstance(found, Result), found
    _, graph, config = found
    build(graph, config, folder, vectors=VECTORS)
    return verify(folder, ["hls", "rtl"])
