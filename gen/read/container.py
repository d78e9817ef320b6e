"""Model files as JSON and HDF5: ``.h5``, ``.keras``, and ``.json`` with a file of weights.

Nothing in a file is executed, nothing is unpacked to disk.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from ..files.input_file import check_file, read_file
from .hdf5 import child, read_attribute
from .weights import NamedWeights, NumberedWeights, WeightSource

MAX_CONFIG_BYTES = 64 << 20
MAX_WEIGHT_BYTES = 1 << 30
MAX_FILE_BYTES = 2 * MAX_WEIGHT_BYTES
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Container:
    """What a model file holds: its JSON and where the weights are."""

    model: dict[str, Any]
    weights: WeightSource


def open_container(path: Path, weights: Path | None = None) -> Container:
    """Read the model in ``path``, and its ``weights`` where they are in a file of their own.

    BitsmithError where a file is missing, none of its kind, damaged or unreasonably large, or where a whole model
    comes with weights, or a model's JSON without.
    """
    kind = _kind(path, "a .h5, .keras or .json file")
    if kind == "json":
        return _open_json(path, weights)
    if kind == "hdf5" and read_attribute(root := _hdf5(path, path), "model_config", str(path)) is None:
        raise BitsmithError(_only_weights(path, root, weights))
    check_whole(path, weights)
    return _open_h5(path) if kind == "hdf5" else _open_keras(path)


def check_whole(path: Path, weights: Path | None) -> None:
    """BitsmithError where a whole model comes with a file of weights."""
    if weights is not None:
        raise BitsmithError(f"{path} is a whole model with its weights; leave out --weights {weights}")


def _only_weights(path: Path, root: Any, weights: Path | None) -> str:
    if weights is not None:
        return f"{path} holds weights but no model; the model's JSON comes first: MODEL.json --weights {path}"
    return (
        f"{path} holds weights but no model; name the model's JSON, and these as its weights: "
        f"MODEL.json --weights {path} (in Python: weights=), or save a whole model with model.save, not save_weights"
    )


def _kind(path: Path, what: str) -> str:
    """``hdf5``, ``zip`` or ``json``, by the file's first bytes."""
    check_file(path, what, MAX_FILE_BYTES)
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except (OSError, ValueError) as error:
        raise BitsmithError(f"{path}: cannot be read ({error}); check its permissions") from None
    if not head:
        raise BitsmithError(f"{path} is empty; save the model again")
    if head.startswith(_HDF5_SIGNATURE):
        return "hdf5"
    if head.startswith(b"PK"):
        return "zip"
    if head.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"{"):
        return "json"
    raise BitsmithError(
        f"{path} is neither HDF5 nor a .keras zip nor a model's JSON; save the model with model.save('x.h5')"
    )


def _open_json(path: Path, weights: Path | None) -> Container:
    """A model's JSON with its weights: hls4ml's KerasJson and KerasH5."""
    if weights is None:
        raise BitsmithError(
            f"{path} holds a model without its weights; add them: --weights FILE.h5 (in Python: weights=), "
            "the file that hls4ml calls KerasH5"
        )
    kind = _kind(weights, "a .h5 file of weights")
    if kind == "json":
        raise BitsmithError(f"--weights {weights} is JSON and holds no weights; give the .h5 file of save_weights")
    model = parse_json(read_file(path, "a model's JSON", MAX_CONFIG_BYTES).removeprefix(_BYTE_ORDER_MARK), path)
    if kind == "zip":
        return Container(model, NumberedWeights(_zipped_weights(weights), weights))
    root = _hdf5(weights, weights)
    if NumberedWeights.recognizes(root):
        return Container(model, NumberedWeights(root, weights))
    return Container(model, NamedWeights(_named(root, weights), weights))


def _open_h5(path: Path) -> Container:
    root = _hdf5(path, path)
    text = read_attribute(root, "model_config", str(path))
    return Container(parse_json(text, path), NamedWeights(_named(root, path)))


def _named(root: Any, path: Path) -> Any:
    """The group of the layers' weights, in a whole model's file or in one of weights alone."""
    inside = child(root, "model_weights", str(path))
    return root if inside is None else inside


def _open_keras(path: Path) -> Container:
    text = _unzipped(path, "config.json", MAX_CONFIG_BYTES)
    return Container(parse_json(text, path), NumberedWeights(_zipped_weights(path)))


def _zipped_weights(path: Path) -> Any:
    return _hdf5(io.BytesIO(_unzipped(path, "model.weights.h5", MAX_WEIGHT_BYTES)), path)


def _unzipped(path: Path, name: str, limit: int) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return _member(archive, name, limit, path)
    except BitsmithError:
        raise
    except Exception as error:  # zipfile raises whatever a damaged file makes it stumble over, LZMAError and others
        raise BitsmithError(f"{path} is a damaged or truncated zip ({error}); save the model again") from None


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


def keras_version(path: Path) -> str:
    """The version of Keras that wrote the file; empty where it does not say. ``path`` is one ``open_container`` takes.

    BitsmithError where it is not.
    """
    open_container(path)
    if not zipfile.is_zipfile(path):
        found = read_attribute(_hdf5(path, path), "keras_version", str(path))
        return found.decode(errors="replace") if isinstance(found, bytes) else str(found or "")
    with zipfile.ZipFile(path) as archive:
        if "metadata.json" not in archive.namelist():
            return ""
        text = _member(archive, "metadata.json", MAX_CONFIG_BYTES, path)
    try:
        return str(json.loads(text)["keras_version"])
    except (ValueError, LookupError, TypeError, RecursionError):
        raise BitsmithError(f"{path}: its metadata.json does not say its Keras; save the model again") from None
