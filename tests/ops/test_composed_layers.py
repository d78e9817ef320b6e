"""Keras's layers that become several operators: what the reader makes of them has hardware, and it is exact."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from layer_configs import window
from model_files import call, entry, functional, item, write_functional
from test_networks import proven

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model

IMAGE = (5, 6, 4)
CONFIG = {
    "Bitsmith": {"input": "fixed<6,3>"},
    "HLSConfig": {"Model": {"Precision": {"default": "fixed<8,4,RND_CONV,SAT>", "scale": "fixed<12,3,RND_CONV,SAT>"}}},
}


def inside(class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"layer": {"class_name": class_name, "config": {"name": "inside"} | config}}


LAYERS: dict[str, tuple[str, dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "bilinear": ("UpSampling2D", {"size": [2, 2], "interpolation": "bilinear"}, {}),
    "bilinear_rounded": ("UpSampling2D", {"size": [3, 2], "interpolation": "bilinear"}, {}),
    "groups": (
        "Conv2D",
        window(2, filters=6, groups=2, padding="same"),
        {"kernel": (3, 3, 2, 6), "bias": (6,)},
    ),
    "rows": ("Concatenate", {"axis": 1}, {}),
    "columns": ("Concatenate", {"axis": -2}, {}),
    "normalized": ("LayerNormalization", {"axis": -1, "epsilon": 0.01}, {"gamma": (4,), "beta": (4,)}),
    "each": (
        "TimeDistributed",
        inside("Conv1D", window(1, filters=2)),
        {"kernel": (3, 4, 2), "bias": (2,)},
    ),
    "each_mean": ("TimeDistributed", inside("GlobalAveragePooling1D", {}), {}),
    "heads": (
        "EinsumDense",
        {"equation": "abcd,de->abce", "output_shape": [5, 6, 3], "bias_axes": "e"} | {"activation": "gelu"},
        {"kernel": (4, 3), "bias": (3,)},
    ),
}


def model(path: Path) -> Path:
    """All of them on one image."""
    layers = [entry("x", *IMAGE)]
    rng, weights = np.random.default_rng(5), {}
    for name, (class_name, config, shapes) in LAYERS.items():
        tensors = ("x", "x") if class_name == "Concatenate" else ("x",)
        layers.append(item(class_name, name, config, call(*tensors)))
        weights[name] = {key: rng.normal(0, 0.5, shape) for key, shape in shapes.items()}
    return write_functional(path, functional(layers, [["x", 0, 0]], [[name, 0, 0] for name in LAYERS]), weights)  # type: ignore[arg-type]


def test_they_have_hardware(tmp_path: Path, need: Callable[..., None]) -> None:
    need("g++", "verilator")
    graph = read_model(model(tmp_path / "m.h5"), parse_config(CONFIG))
    assert len(graph.outputs) == len(LAYERS)
    proven(graph, CONFIG, ("hls", "rtl"), tmp_path / "build", frames=6)
