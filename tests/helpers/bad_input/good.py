"""Whole files of every kind, as bytes: what is broken is a copy of them."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from model_files import (
    conv2d,
    dense,
    flatten,
    gru,
    input_layer,
    keras_zip,
    model_json,
    numbered,
    quantize,
    write_h5,
)

CONFIG = """\
Backend: Vitis
ClockPeriod: 5
ClockUncertainty: 12.5%
IOType: io_stream
Part: xcu250-figd2104-2L-e
HLSConfig:
  Model: {Precision: 'fixed<16,6>', ReuseFactor: 1, Strategy: Latency}
  LayerName:
    dense: {Precision: {result: 'fixed<9,2>'}, ReuseFactor: 2, Strategy: Resource}
  LayerType:
    QDense: {Precision: {result: 'fixed<12,4>'}}
Bitsmith:
  input: fixed<8,2>
  pixels_per_cycle: 1
"""
GRU_CONFIG = "HLSConfig: {Model: {Precision: 'fixed<16,6>', ReuseFactor: 1}}\nBitsmith: {input: 'fixed<8,4>'}\n"
VERIFIED = {
    "model": "network", "vectors": 8, "seed": 0, "problems": [],
    "levels": {
        "rtl": {
            "compared": 8, "mismatches": 0, "seconds": 0.38, "problems": [], "required": True,
            "figures": {
                "dense": {
                    "values": 16, "equal": 16, "equal_share": 1.0, "within_half_step": 1.0,
                    "largest_difference": 0.0, "largest_steps": 0.0, "step": 0.0078125,
                }
            },
        }
    },
    "labels": {
        "frames": 8, "classes": 2, "keras": None,
        "reference": {"accuracy": 1.0, "correct": 8, "rejected": 0, "accuracy_of_accepted": None},
    },
    "first_divergence": None,
    "cycles": {
        "latency_cycles": 15, "interval_cycles": 3, "predicted_latency_cycles": 15, "predicted_interval_cycles": 3,
        "timed_frames": 4, "equal": True,
    },
    "passed": True,
}  # fmt: skip
"""A verify.json; no simulation is needed to have one."""
_HGQ = """
import sys; sys.path[:0] = sys.argv[2].split(":")
from hgq_models import stacked
from hgq.layers import QDense
stacked((3,), [QDense(4, name="first", activation="relu"), QDense(2, name="second")], 1).save(sys.argv[1])
"""


@dataclass(frozen=True)
class Good:
    """Files by name, and a folder that holds a whole build, ``out``."""

    files: dict[str, bytes]
    build: Path

    def put(self, folder: Path, *names: str) -> None:
        """Copies of these files in ``folder``."""
        for name in names:
            (folder / name).write_bytes(self.files[name])

    def copy_build(self, folder: Path) -> Path:
        """A copy of the whole build."""
        shutil.copytree(self.build, folder / "out", symlinks=True)
        return folder / "out"

    @property
    def models(self) -> list[str]:
        """The names of all whole models."""
        return sorted(name for name in self.files if name.endswith((".h5", ".keras", ".onnx")) and name != "w.h5")


def make(folder: Path, hgq: bool = False) -> Good:
    """Everything but the build; ``hgq``: a model of HGQ2, too, where it is installed (a process of its own)."""
    images = [input_layer(6, 6, 1), quantize(), conv2d(), quantize("q"), flatten(), dense("last", 64, 2)]
    written = {
        "model.h5": write_h5(folder / "model.h5", [input_layer(3), quantize(), dense()]),
        "image.h5": write_h5(folder / "image.h5", images),
        "gru.h5": write_h5(folder / "gru.h5", [input_layer(5, 3), gru()]),
    }
    files = {name: path.read_bytes() for name, path in written.items()}
    layers = [input_layer(3), quantize(), dense()]
    files |= {"model.keras": keras_zip(model_json(layers), numbered()), "model.json": model_json(layers).encode()}
    files |= {"w.h5": weights_only(), "config.yaml": CONFIG.encode(), "gru.yaml": GRU_CONFIG.encode()}
    files |= {"x.npy": npy(np.arange(12).reshape(4, 3) / 16), "labels.npy": npy(np.array([0, 1, 0, 1]))}
    files |= {"verify.json": json.dumps(VERIFIED).encode()} | _onnx()
    return Good(files | (_hgq(folder) if hgq else {}), folder / "out")


def npy(array: Any) -> bytes:
    """The bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def weights_only() -> bytes:
    """What ``save_weights`` writes for the small model."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        group = file.create_group("dense")
        group.attrs["weight_names"] = [b"w/kernel:0", b"w/bias:0"]
        group.create_dataset("w/kernel:0", data=np.full((3, 2), 0.5, np.float32))
        group.create_dataset("w/bias:0", data=np.zeros(2, np.float32))
    return buffer.getvalue()


def _onnx() -> dict[str, bytes]:
    """A plain ONNX model and one of QONNX; nothing where the package is missing."""
    try:
        from onnx_graphs import Op, model, quant
    except ImportError:
        return {}
    weights = {"w": np.full((3, 2), 0.5), "b": np.zeros(2), "s": 0.125, "bits": 4.0}
    plain = [Op("MatMul", ("x", "w"), "m"), Op("Add", ("m", "b"), "a"), Op("Relu", ("a",), "y")]
    quantized = [quant("x", "s", "bits", "q"), quant("w", "s", "bits", "wq"), Op("MatMul", ("q", "wq"), "y")]
    try:
        protos = {"plain.onnx": model(plain, weights, (1, 3)), "model.onnx": model(quantized, weights, (1, 3))}
    except ImportError:
        return {}
    return {name: proto.SerializeToString() for name, proto in protos.items()}


def _hgq(folder: Path) -> dict[str, bytes]:
    """A model of HGQ2; nothing where it is not installed."""
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    path = folder / "hgq.keras"
    command = [sys.executable, "-c", _HGQ, str(path), ":".join(sys.path)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    return {"hgq.keras": path.read_bytes()} if done.returncode == 0 and path.is_file() else {}
