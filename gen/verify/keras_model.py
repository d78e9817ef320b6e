"""The Keras model that a build was made from: found, held to the build's SHA-256, loaded by Keras, and computed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError, install_extra
from ...sim.fixed import FloatArray
from ...sim.graph import Graph
from ...sim.op import Shape
from ..config.schema import parse_config
from ..convert import read_model
from ..files.hashes import of_file
from ..read import one_line, read_network_file
from ..read.container import keras_version
from ..read.hgq import is_hgq, is_proxy
from .origin import Origin

BATCH = 64


class KerasModel:
    """A loaded model whose inputs and outputs have the graph's shapes; values are real numbers, batch first."""

    def __init__(self, model: Any, graph: Graph, name: str) -> None:
        self._model, self._graph, self.name = model, graph, name
        tensors, specs = list(model.inputs), [spec for _, spec in graph.inputs]
        if len(tensors) != len(specs):
            raise BitsmithError(f"'{name}' has {len(tensors)} inputs and the build {len(specs)}; build it again")
        self._shapes = [_keras_shape(spec.shape, tuple(t.shape)[1:], name) for t, spec in zip(tensors, specs)]
        self._types = [str(getattr(t.dtype, "name", t.dtype)) for t in tensors]

    def predict(self, inputs: list[FloatArray], say: Callable[[int], None]) -> list[FloatArray]:
        """Each output as float64, shaped as Keras gives it; ``say`` gets the number of frames that are done.

        BitsmithError where Keras fails.
        """
        found: list[list[FloatArray]] = []
        for start in range(0, len(inputs[0]), BATCH):
            say(start)
            part = [x[start : start + BATCH] for x in inputs]
            given = [x.reshape(len(x), *s).astype(t) for x, s, t in zip(part, self._shapes, self._types)]
            with _kept_to_one_line(f"Keras cannot compute '{self.name}'"):
                outputs = _flat(self._model(given if len(given) > 1 else given[0], training=False))
                found.append([np.asarray(y, dtype=np.float64) for y in outputs])
        return [np.concatenate(parts) for parts in zip(*found)]


def _flat(outputs: Any) -> list[Any]:
    """In the model's order: a dictionary goes by its sorted keys, as in Keras."""
    if isinstance(outputs, dict):
        return [y for key in sorted(outputs) for y in _flat(outputs[key])]
    if isinstance(outputs, (list, tuple)):
        return [y for inner in outputs for y in _flat(inner)]
    return [outputs]


def _keras_shape(shape: Shape, keras: tuple[int | None, ...], name: str) -> Shape:
    """The graph's shape in Keras: a sequence is an image of height 1 in a graph."""
    fitting = [s for s in (shape, shape[1:]) if len(s) == len(keras) and all(b in (None, a) for a, b in zip(s, keras))]
    if not fitting or np.prod(fitting[0], dtype=int) != np.prod(shape, dtype=int):
        raise BitsmithError(f"'{name}' takes {keras} in Keras and the build {shape}; build it without Bitsmith: image")
    return fitting[0]


def load(origin: Origin, home: Path, mark: dict[str, Any], graph: Graph) -> KerasModel:
    """The model that the build in ``home`` was made of; ``mark`` is its bitsmith.json.

    A file must have the SHA-256 that the build recorded, and the reader of Bitsmith must accept it, before Keras sees
    it. A model in memory must give the build's own graph. BitsmithError in every other case, and where a package is
    missing.
    """
    if origin.model is not None and not isinstance(origin.model, (str, Path)):
        if _read(origin.model, mark).to_json() != graph.to_json():
            raise BitsmithError("the model in memory is not the one that was built; give its file, or build it again")
        return KerasModel(origin.model, graph, one_line(ValueError(getattr(origin.model, "name", "model"))))
    path = _file(origin.model, home, mark)
    if of_file(path) != mark.get("sha256"):
        raise BitsmithError(
            f"'{path}' is not the file that '{home}' was built from: its SHA-256 is another; build it again, "
            "or give that file"
        )
    if mark.get("weights_sha256") or path.suffix.lower() == ".onnx":
        what = "an ONNX file" if path.suffix.lower() == ".onnx" else "a JSON with its weights"
        raise BitsmithError(
            f"the level keras takes a whole model of Keras's, not {what}; build from an .h5 or .keras file"
        )
    library = _library(path)
    _read(path, mark)
    hgq = _needs_hgq(path)
    return KerasModel(_loaded(path, library, origin.register, hgq), graph, path.name)


def _needs_hgq(path: Path) -> bool:
    """Whether the model has layers of HGQ2; BitsmithError where that is missing, and for a proxy model of HGQ 1."""
    layers = read_network_file(path).layers
    if any(is_proxy(layer) for layer in layers):
        raise BitsmithError(
            "the level keras cannot compute a proxy model of HGQ 1, whose package is not loaded; leave the level out"
        )
    if not any(is_hgq(layer) for layer in layers):
        return False
    if find_spec("hgq") is None:
        raise BitsmithError(
            "the level keras needs hgq for a model of HGQ2, which is missing; pip install hgq2~=0.2.0 (Python 3.11 "
            "and later), or set PYTHONPATH to the folder that has it"
        )
    return True


def _file(given: Any, home: Path, mark: dict[str, Any]) -> Path:
    """The file that was given, else one with the recorded name here or beside the build folder."""
    if given is not None:
        return Path(given)
    name = mark.get("file")
    if not isinstance(name, str) or Path(name).name != name:
        raise BitsmithError(f"'{home}' does not say which file it was built from; give the model with --model")
    places = [Path(name), Path(os.path.realpath(home)).parent / name]
    found = next((place for place in places if place.is_file() and of_file(place) == mark.get("sha256")), None)
    if found is None:
        raise BitsmithError(f"the level keras needs '{name}', the file that was built; give it with --model {name}")
    return found


def _read(model: Any, mark: dict[str, Any]) -> Graph:
    """The graph that the build's configuration makes of the model: what the reader refuses never gets to Keras."""
    config = mark.get("config")
    return read_model(model, parse_config(config if isinstance(config, dict) else None))


def _library(path: Path) -> str:
    """The package that wrote the file, by the version in it. BitsmithError where it, or TensorFlow, is missing."""
    library = "keras" if keras_version(path).startswith("3") else "tf_keras"
    for package in ("tensorflow", library, *(("qkeras",) if library == "tf_keras" else ())):
        if find_spec(package) is None:
            raise BitsmithError(f"the level keras needs {package}, which is missing; {install_extra('train')}")
    return library


def _loaded(path: Path, library: str, register: Callable[[], object], hgq: bool = False) -> Any:
    with _kept_to_one_line(f"Keras cannot load '{path}'"):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if hgq:  # its layers register themselves
            import_module("hgq.layers")
        if library == "keras":
            return import_module("keras").models.load_model(path, compile=False)
        os.environ["TF_USE_LEGACY_KERAS"] = "1"  # QKeras is written for Keras 2
        objects = _qkeras_objects()
        register()
        return import_module("tf_keras").models.load_model(path, custom_objects=objects, compile=False)


def _qkeras_objects() -> dict[str, Any]:
    """QKeras's classes by name; the names that its layers miss in a newer TensorFlow are put back."""
    tensorflow = import_module("tensorflow")
    nest, array_ops = (import_module(f"tensorflow.python.{n}") for n in ("util.nest", "ops.array_ops"))
    if not hasattr(nest, "is_sequence"):
        nest.is_sequence = nest.is_nested  # type: ignore[attr-defined]
    for name in ("stack", "unstack"):  # of QConv2DTranspose, of the recurrent layers
        if not hasattr(array_ops, name):
            setattr(array_ops, name, getattr(tensorflow, name))
    objects: dict[str, Any] = {}
    import_module("qkeras.utils")._add_supported_quantized_objects(objects)
    return objects


@contextmanager
def _kept_to_one_line(what: str) -> Iterator[None]:
    """Keras's own warnings are not ours to pass on; whatever it raises is one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except BitsmithError:
        raise
    except Exception as error:  # Keras raises what it likes
        text = one_line(error)[:120]
        raise BitsmithError(f"{what} ({type(error).__name__}: {text}); try the versions it was saved with") from error
