"""Keras 2, imported late, and its model files."""

from __future__ import annotations

import io
import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError, install_extra


def require_training_extra() -> None:
    """BitsmithError where TensorFlow, tf_keras or QKeras is missing; found without importing them."""
    for package in ("tensorflow", "tf_keras", "qkeras"):
        if find_spec(package) is None:
            raise BitsmithError(f"training needs {package}, which is missing; {install_extra('train')}")


def keras() -> Any:
    """tf_keras, with the legacy switch that QKeras needs."""
    require_training_extra()
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tf_keras

    return tf_keras


def save(model: Any, path: Path) -> None:
    """An .h5 file without optimizer state. It is made in memory: on a full disk the HDF5 library ends the process."""
    import h5py

    buffer = io.BytesIO()
    with warnings.catch_warnings(), h5py.File(buffer, "w") as file:
        # Keras calls .h5 legacy; QKeras and hls4ml are at home in it. QKeras's quantizers serve as constraints, too.
        warnings.simplefilter("ignore", UserWarning)
        model.save(file, include_optimizer=False, save_format="h5")
    path.write_bytes(buffer.getvalue())
