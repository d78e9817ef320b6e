"""Model files as JSON and HDF5: ``.h5`` and ``.keras``. Nothing in a file is executed, nothing is unpacked to disk."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from ..files.input_file import check_file
from .hdf5 import read_attribute
from .weights import NamedWeights, NumberedWeights, WeightSource

MAX_CONFIG_BYTES = 64 << 20
MAX_WEIGHT_BYTES = 1 << 30
MAX_FILE_BYTES = 2 * MAX_WEIGHT_BYTES
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Container:
    """What a model file holds: its JSON and where the weights are."""

    model: dict[str, Any]
    weights: WeightSource


def open_container(path: Path) -> Container:
    """Read ``path``; BitsmithError where it is missing, no model, damaged or unreasonably large."""
    check_file(path, "a .h5 or .keras file", MAX_FILE_BYTES)
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except (OSError, ValueError) as error:
        raise BitsmithError(f"{path}: cannot be read ({error}); check its permissions") from None
    if not head:
        raise BitsmithError(f"{path} is empty; save the model again")
    if head == _HDF5_SIGNATURE:
        return _open_h5(path)
    if head[:2] == b"PK":
        return _open_keras(path)
    raise BitsmithError(f"{path} is neither HDF5 nor a .keras zip; save the model with model.save('x.h5')")


def _open_h5(path: Path) -> Container:
    root = _hdf5(path, path)
    text = read_attribute(root, "model_config", str(path))
    if text is None:
        raise BitsmithError(f"{path} holds weights but no model; save it with model.save, not save_weights")
    weights = root.get("model_weights", root)
    return Container(parse_json(text, path), NamedWeights(weights))


def _open_keras(path: Path) -> Container:
    try:
        with zipfile.ZipFile(path) as archive:
            text = _member(archive, "config.json", MAX_CONFIG_BYTES, path)
            data = _member(archive, "model.weights.h5", MAX_WEIGHT_BYTES, path)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise BitsmithError(f"{path} is a damaged or truncated zip ({error}); save the model again") from None
    return Container(parse_json(text, path), NumberedWeights(_hdf5(io.BytesIO(data), path)))


def _member(archive: zipfile.ZipFile, name: str, limit: int, path: Path) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise BitsmithError(f"{path} has no {name} inside; save it with model.save('x.keras')") from None
    if info.file_size > limit:
        raise BitsmithError(f"{path}: {name} would unpack to {info.file_size} bytes; the limit is {limit}")
    with archive.open(info) as file:
        data = file.read(limit + 1)  # the size in the header may lie
    if len(data) > limit:
        raise BitsmithError(f"{path}: {name} unpacks to more than {limit} bytes; that is the limit")
    return data


def _hdf5(source: Path | io.BytesIO, path: Path) -> Any:
    import h5py

    try:
        return h5py.File(source, "r")
    except (OSError, RuntimeError, ValueError):
        raise BitsmithError(f"{path} is a damaged or truncated HDF5 file; save the model again") from None


def parse_json(text: Any, path: Path | str) -> dict[str, Any]:
    """A model's JSON as a dictionary with class_name and config; BitsmithError for anything else."""
    try:
        model = json.loads(text if isinstance(text, (str, bytes)) else str(text))
    except (ValueError, RecursionError):
        raise BitsmithError(f"{path}: the model's configuration is no JSON; save the model again") from None
    if not isinstance(model, dict) or not isinstance(model.get("config"), (dict, list)):
        raise BitsmithError(f"{path}: the JSON describes no model; save a whole Keras model")
    if isinstance(model["config"], list):  # Keras before 2.2.3 wrote a Sequential as a bare list
        model["config"] = {"name": "sequential", "layers": model["config"]}
    return model
