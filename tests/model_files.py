"""Model files made by hand with h5py: what Keras would write, and what it never would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

Layers = list[tuple[str, dict[str, Any], dict[str, ArrayLike]]]
"""Class name, config, weights by name."""

BITS4 = {"class_name": "quantized_bits", "config": {"bits": 4, "integer": 0, "alpha": 1}}


def input_layer(*shape: int, name: str = "pixels") -> tuple[str, dict[str, Any], dict[str, ArrayLike]]:
    return "InputLayer", {"name": name, "batch_input_shape": [None, *shape]}, {}


def quantize(name: str = "quantize") -> tuple[str, dict[str, Any], dict[str, ArrayLike]]:
    return "QActivation", {"name": name, "activation": "quantized_relu(4,0)"}, {}


def dense(
    name: str = "dense", inputs: int = 3, units: int = 2, **changes: Any
) -> tuple[str, dict[str, Any], dict[str, ArrayLike]]:
    config = {"name": name, "units": units, "kernel_quantizer": BITS4, "bias_quantizer": BITS4, "use_bias": True}
    kernel = np.linspace(-0.9, 0.8, inputs * units).reshape(inputs, units)
    return "QDense", config | changes, {"kernel": kernel, "bias": np.linspace(0.1, 0.4, units)}


def model_json(layers: Layers, name: str = "network") -> str:
    items = [{"class_name": class_name, "config": config} for class_name, config, _ in layers]
    return json.dumps({"class_name": "Sequential", "config": {"name": name, "layers": items}})


def write_h5(path: Path, layers: Layers, name: str = "network") -> Path:
    """A Sequential as Keras 2 writes it."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = model_json(layers, name)
        weights = file.create_group("model_weights")
        for _, config, values in layers:
            if not values:
                continue
            group = weights.create_group(config["name"].replace("/", "|")) if ".." in config["name"] else None
            group = weights.create_group(config["name"]) if group is None else group
            group.attrs["weight_names"] = [f"w/{key}:0".encode() for key in values]
            for key, value in values.items():
                group.create_dataset(f"w/{key}:0", data=np.asarray(value, dtype=np.float32))
    return path
