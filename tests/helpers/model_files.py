"""Model files made by hand with h5py: what Keras would write, and what it never would."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

Layer = tuple[str, dict[str, Any], dict[str, ArrayLike]]
"""Class name, config, weights by name."""
Layers = list[Layer]

BITS4 = {"class_name": "quantized_bits", "config": {"bits": 4, "integer": 0, "alpha": 1}}


def input_layer(*shape: int, name: str = "pixels") -> Layer:
    return "InputLayer", {"name": name, "batch_input_shape": [None, *shape]}, {}


def quantize(name: str = "quantize") -> Layer:
    return "QActivation", {"name": name, "activation": "quantized_relu(4,0)"}, {}


def dense(name: str = "dense", inputs: int = 3, units: int = 2, **changes: Any) -> Layer:
    config = {"name": name, "units": units, "kernel_quantizer": BITS4, "bias_quantizer": BITS4, "use_bias": True}
    kernel = np.linspace(-0.9, 0.8, inputs * units).reshape(inputs, units)
    return "QDense", config | changes, {"kernel": kernel, "bias": np.linspace(0.1, 0.4, units)}


def conv2d(name: str = "conv", inputs: int = 1, filters: int = 4) -> Layer:
    """A 3x3 QConv2D without padding."""
    config = {"name": name, "filters": filters, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"}
    config |= {"kernel_quantizer": BITS4, "bias_quantizer": BITS4, "use_bias": True, "dilation_rate": [1, 1]}
    kernel = np.linspace(-0.9, 0.8, 9 * inputs * filters).reshape(3, 3, inputs, filters)
    return "QConv2D", config, {"kernel": kernel, "bias": np.linspace(0.1, 0.4, filters)}


def separable(name: str = "separable", inputs: int = 4, filters: int = 2, quantizer: Any = BITS4) -> Layer:
    """A 3x3 QSeparableConv2D; without a quantizer a SeparableConv2D."""
    config = {"name": name, "filters": filters, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"}
    if quantizer is not None:
        config |= {f"{part}_quantizer": quantizer for part in ("depthwise", "pointwise", "bias")}
    kernels = {"depthwise_kernel": (3, 3, inputs, 1), "pointwise_kernel": (1, 1, inputs, filters)}
    values = {key: np.linspace(-0.9, 0.8, int(np.prod(shape))).reshape(shape) for key, shape in kernels.items()}
    return f"{'Q' if quantizer else ''}SeparableConv2D", config, {**values, "bias": np.zeros(filters)}


def gru(name: str = "gru", inputs: int = 3, units: int = 4, reset_after: bool = True) -> Layer:
    """A plain GRU; a configuration gives it types."""
    bias = (2, 3 * units) if reset_after else (3 * units,)
    return "GRU", {"name": name, "units": units, "reset_after": reset_after}, _recurrent(3, inputs, units, bias)


def lstm(name: str = "lstm", inputs: int = 3, units: int = 4) -> Layer:
    """A plain LSTM; a configuration gives it types."""
    return "LSTM", {"name": name, "units": units}, _recurrent(4, inputs, units, (4 * units,))


def simple_rnn(name: str = "rnn", inputs: int = 3, units: int = 4) -> Layer:
    """A plain SimpleRNN."""
    return "SimpleRNN", {"name": name, "units": units}, _recurrent(1, inputs, units, (units,))


def bidirectional(name: str = "both", inputs: int = 3, units: int = 4) -> Layer:
    """Two plain GRUs."""
    inner = {"class_name": "GRU", "config": {"name": "gru", "units": units, "reset_after": True}}
    both = {
        f"{name}/{direction}_gru/{key}": value
        for direction in ("forward", "backward")
        for key, value in _recurrent(3, inputs, units, (2, 3 * units)).items()
    }
    return "Bidirectional", {"name": name, "merge_mode": "concat", "layer": inner}, both


def _recurrent(gates: int, inputs: int, units: int, bias: tuple[int, ...]) -> dict[str, ArrayLike]:
    shapes = {"kernel": (inputs, gates * units), "recurrent_kernel": (units, gates * units), "bias": bias}
    return {key: np.linspace(-0.5, 0.5, int(np.prod(shape))).reshape(shape) for key, shape in shapes.items()}


def flatten(name: str = "flatten") -> Layer:
    return "Flatten", {"name": name}, {}


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


def item(class_name: str, name: str, config: dict[str, Any], *nodes: Any, **outer: Any) -> dict[str, Any]:
    """A layer of a Functional model's JSON; ``nodes`` are its calls."""
    return {
        "class_name": class_name,
        "name": name,
        "config": {"name": name} | config,
        "inbound_nodes": list(nodes),
    } | outer


def entry(name: str, *shape: int) -> dict[str, Any]:
    return item("InputLayer", name, {"batch_input_shape": [None, *shape], "dtype": "float32"})


def call(*names: str | tuple[str, int], **named: Any) -> Any:
    """A call on tensors: layers' outputs, or ``(layer, number)``; as Keras 2 writes it."""
    pairs = [name if isinstance(name, tuple) else (name, 0) for name in names]
    return [[name, 0, index, named if i == 0 else {}] for i, (name, index) in enumerate(pairs)]


def functional(layers: list[dict[str, Any]], inputs: Any, outputs: Any, name: str = "network") -> dict[str, Any]:
    """A Functional model's JSON; ``inputs`` and ``outputs`` are ``[layer, 0, tensor]`` in any structure."""
    ends = {"input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "config": {"name": name, "layers": layers} | ends}


def write_functional(path: Path, model: dict[str, Any], weights: dict[str, dict[str, ArrayLike]]) -> Path:
    """A Functional model as Keras 2 writes it; ``weights`` by layer and variable."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        for layer, values in weights.items():
            for key, value in values.items():
                file.create_dataset(f"model_weights/{layer}/w/{key}:0", data=np.asarray(value, dtype=np.float32))
    return path


def keras_zip(config: str | bytes | None, weights: bytes | None, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ``.keras`` file; None leaves a part out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, part in (("config.json", config), ("model.weights.h5", weights)):
            if part is not None:
                archive.writestr(name, part)
    return buffer.getvalue()


def numbered() -> bytes:
    """The weights of a small ``.keras`` file."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        group = file.create_group("layers/q_dense/vars")
        group.create_dataset("0", data=np.full((3, 2), 0.5))
        group.create_dataset("1", data=np.zeros(2))
    return buffer.getvalue()
