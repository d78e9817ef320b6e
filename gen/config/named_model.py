"""The files of the model that a configuration of hls4ml names: in one, or in JSON and weights (KerasJson, KerasH5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from ...sim.errors import BitsmithError

Files = tuple[Path, Optional[Path]]  # noqa: UP045  evaluated on Python 3.10 too
"""The model's file, and that of the weights of one in JSON."""
_WHOLE = ("KerasModel", "OnnxModel", "KerasH5")


def in_file(config: Path) -> Files:
    """What a YAML file names, from its own folder; BitsmithError where it names nothing."""
    from ..files.yaml_file import load_yaml

    data = load_yaml(config)
    return files_of(data if isinstance(data, dict) else {}, config.parent, f"{config}: ")


def files_of(config: dict[str, Any], folder: Path, where: str = "") -> Files:
    """What a configuration names; paths are from ``folder``. A whole model is one file, one in JSON has two."""
    given = {key: _path(config[key], key, folder, where) for key in ("KerasJson", *_WHOLE) if config.get(key)}
    wholes = [key for key in given if key in _WHOLE]
    if "KerasJson" in given:
        if wholes != ["KerasH5"]:
            raise BitsmithError(
                f"{where}KerasJson needs KerasH5, the file of its weights, and no other model beside it"
            )
        return given["KerasJson"], given["KerasH5"]
    if len(wholes) != 1:
        what = f"{len(wholes)} models ({', '.join(wholes)})" if wholes else "no model"
        raise BitsmithError(f"{where}the configuration names {what}; name one, e.g. 'KerasModel: model.h5'")
    return given[wholes[0]], None


def _path(value: Any, key: str, folder: Path, where: str) -> Path:
    if not isinstance(value, (str, Path)) or "\0" in str(value):
        raise BitsmithError(f"{where}{key} is no file's path; give one, e.g. '{key}: model.h5'")
    return folder / value
