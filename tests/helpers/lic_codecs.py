"""Small codecs with random integers for weights: not trained, so they compress badly, but every path is walked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from bitsmith.models.lic import tables
from bitsmith.models.lic.codec import PIXEL, Codec, Networks
from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.conv2d_transpose import Conv2DTranspose
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.gdn import GDN

WEIGHT, BIAS, BYTE, INNER = Fixed(True, 0, 7), Fixed(True, 2, 6), Fixed(True, 7, 0), Fixed(True, 2, 5)
SCALE = Fixed(False, 6, 6)
CHANNELS, LATENTS, BLOCK = 4, 6, 64


class Chain:
    """A graph that grows a layer at a time behind its last tensor."""

    def __init__(self, name: str, shape: tuple[int, ...], type: Fixed, seed: int) -> None:
        self.name, self.rng = name, np.random.default_rng(seed)
        self.specs = {"x": Spec(shape, type)}
        self.nodes: list[Node] = []
        self.last = "x"

    def graph(self, *outputs: str) -> Graph:
        return Graph(self.name, (("x", self.specs["x"]),), tuple(self.nodes), outputs or (self.last,))

    @property
    def spec(self) -> Spec:
        return self.specs[self.last]

    def add(self, op: Operator) -> str:
        name = f"{op.stem}_{len(self.nodes)}"
        self.specs[name] = op.infer(self.spec)
        self.nodes.append(Node(name, op, (self.last,), name))
        self.last = name
        return name

    def weights(self, *shape: int) -> IntArray:
        return self.rng.integers(WEIGHT.raw_min, WEIGHT.raw_max, shape, endpoint=True)

    def conv(self, size: int, filters: int, stride: int = 1, type: Fixed = WEIGHT) -> None:
        half = size // 2
        padding = ((half, half), (half, half))
        kernel, bias = self.weights(size, size, self.spec.shape[2], filters), self.weights(filters)
        self.add(Conv2D(self.spec.type, kernel, type, bias, BIAS, (stride, stride), padding))

    def deconv(self, filters: int) -> None:
        """5×5, stride 2, as Keras has it: the whole sum, then Cropping2D(((2, 1), (2, 1)))."""
        kernel, bias = self.weights(5, 5, self.spec.shape[2], filters), self.weights(filters)
        self.add(Conv2DTranspose(self.spec.type, kernel, WEIGHT, bias, BIAS, (2, 2)))
        (rows, columns, _) = self.spec.shape
        self.add(Crop(self.spec.type, (2, rows - 1), (2, columns - 1), (0, filters)))

    def round(self, type: Fixed, kind: Kind = Kind.LINEAR) -> str:
        return self.add(Activation(self.spec.type, kind, type))

    def gdn(self, inverse: bool = False) -> None:
        channels = self.spec.shape[2]
        gamma, beta = np.abs(self.weights(channels, channels)) % 128, 1 + np.abs(self.weights(channels))
        gain = Cast(Fixed(False, 3, 8))
        self.add(GDN(self.spec.type, gamma, WEIGHT, beta, BIAS, gain, inverse, segments=16))
        self.round(INNER)


def analysis(
    seed: int = 1, y_type: Fixed = BYTE, z_type: Fixed = BYTE, size: int = BLOCK, last: Fixed = WEIGHT
) -> Graph:
    chain = Chain("analysis", (size, size, 3), PIXEL, seed)
    for layer in range(3):
        chain.conv(5, CHANNELS, 2)
        chain.round(INNER)
        if layer == 0:
            chain.gdn()
    chain.conv(5, LATENTS, 2, last)
    exact = chain.last
    y = chain.round(y_type)
    chain.last = exact
    chain.round(Fixed(False, 5, 3), Kind.ABSOLUTE)
    chain.conv(3, CHANNELS)
    chain.round(Fixed(False, 5, 3), Kind.RELU)
    for _ in range(2):
        chain.conv(5, CHANNELS, 2)
        z = chain.round(z_type)
    return chain.graph(y, z)


def hyper_synthesis(seed: int = 2, z_type: Fixed = BYTE, scale: Fixed = SCALE, size: int = BLOCK) -> Graph:
    chain = Chain("hyper_synthesis", (size // 64, size // 64, CHANNELS), z_type, seed)
    for _ in range(2):
        chain.deconv(CHANNELS)
        chain.round(Fixed(False, 5, 3), Kind.RELU)
    chain.conv(3, LATENTS)
    chain.round(scale, Kind.RELU)
    return chain.graph()


def synthesis(seed: int = 3, y_type: Fixed = BYTE, size: int = BLOCK) -> Graph:
    chain = Chain("synthesis", (size // 16, size // 16, LATENTS), y_type, seed)
    for layer in range(3):
        chain.deconv(CHANNELS)
        chain.round(INNER)
        if layer == 2:
            chain.gdn(inverse=True)
    chain.deconv(3)
    chain.round(PIXEL)
    return chain.graph()


def codec(y_type: Fixed = BYTE, z_type: Fixed = BYTE, **changes: Any) -> Codec:
    """A codec of random weights; ``changes`` replace networks. Its tables for z know five symbols, the rest escape."""
    parts: dict[str, Any] = {
        "analysis": analysis(y_type=y_type, z_type=z_type),
        "hyper_synthesis": hyper_synthesis(z_type=z_type),
        "synthesis": synthesis(y_type=y_type),
    }
    z = [[0.1, 0.2, 0.3, 0.2, 0.1]] * CHANNELS
    coded = tables.make([-2 + c for c in range(CHANNELS)], z, SCALE)
    return Codec(Networks(**(parts | changes)), coded)


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise on a ramp."""
    ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2)[:, :, None]
    return ((ramp + np.random.default_rng(seed).integers(0, 90, (height, width, 3))) % 256).astype(np.uint8)


# a folder as training leaves it ----------------------------------------------------------------------


def _bits(bits: int, integer: int) -> dict[str, Any]:
    return {"class_name": "quantized_bits", "config": {"bits": bits, "integer": integer, "alpha": 1}}


def _conv(name: str, source: str, size: int, channels: int, filters: int) -> dict[str, Any]:
    config = {"filters": filters, "kernel_size": [size, size], "padding": "same", "use_bias": True}
    config |= {"kernel_quantizer": _bits(8, 0), "bias_quantizer": _bits(8, 0), "strides": [1, 1]}
    weights = np.random.default_rng(len(name)).uniform(-0.9, 0.9, (size, size, channels, filters))
    return {"class_name": "QConv2D", "name": name, "config": {"name": name} | config, "source": source, "w": weights}


def _round(name: str, source: str, quantizer: str) -> dict[str, Any]:
    config = {"name": name, "activation": quantizer}
    return {"class_name": "QActivation", "name": name, "config": config, "source": source}


def _write_h5(path: Path, channels: int, layers: list[dict[str, Any]], outputs: tuple[str, ...]) -> None:
    """A functional model as Keras 2 writes it."""
    entry = {"name": "x", "batch_input_shape": [None, BLOCK, BLOCK, channels]}
    items: list[dict[str, Any]] = [{"class_name": "InputLayer", "name": "x", "config": entry, "inbound_nodes": []}]
    with h5py.File(path, "w") as file:
        weights = file.create_group("model_weights")
        for layer in layers:
            nodes = [[[layer["source"], 0, 0, {}]]]
            items.append({key: layer[key] for key in ("class_name", "name", "config")} | {"inbound_nodes": nodes})
            if "w" in layer:
                group = weights.create_group(layer["name"])
                values = {"kernel": layer["w"], "bias": np.linspace(-0.2, 0.2, layer["w"].shape[3])}
                group.attrs["weight_names"] = [f"w/{key}:0".encode() for key in values]
                for key, value in values.items():
                    group.create_dataset(f"w/{key}:0", data=value.astype(np.float32))
        ends = {"input_layers": [["x", 0, 0]], "output_layers": [[name, 0, 0] for name in outputs]}
        config = {"name": path.stem, "layers": items, **ends}
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})


def write_folder(folder: Path) -> Path:
    """A codec of random weights as files; its latents are as large as the image, so it compresses nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    y = [_conv("first", "x", 3, 3, 2), _round("y", "first", "quantized_bits(8,3,alpha=1)")]
    whole = [_conv("second", "y", 3, 2, 2), _round("y_hat", "second", "quantized_bits(8,7,alpha=1)")]
    z = [_conv("third", "y", 1, 2, 1), _round("z_hat", "third", "quantized_bits(6,5,alpha=1)")]
    _write_h5(folder / "analysis.h5", 3, [*y, *whole, *z], ("y_hat", "z_hat"))
    scales = [_conv("scale", "x", 3, 1, 2), _round("positive", "scale", "quantized_relu(8,4)")]
    _write_h5(folder / "hyper_synthesis.h5", 1, scales, ("positive",))
    image = [_conv("last", "x", 5, 2, 3), _round("image", "last", "quantized_relu(8,0)")]
    _write_h5(folder / "synthesis.h5", 2, image, ("image",))
    tables.write(folder / "entropy.json", [-1], [[0.2, 0.5, 0.2]], Fixed(False, 4, 4))
    return folder
