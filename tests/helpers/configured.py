"""Small networks whose configuration is varied, and what each level made of it; nothing is compiled."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from model_files import (
    Layers,
    bidirectional,
    conv2d,
    dense,
    flatten,
    gru,
    input_layer,
    lstm,
    quantize,
    separable,
    simple_rnn,
    write_h5,
)
from numpy.typing import ArrayLike
from test_read_gdn import layer as gdn_layer

from bitsmith.gen.build import layers as layer_rows
from bitsmith.gen.config.schema import Config, parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.hls import emit
from bitsmith.gen.report import rows
from bitsmith.gen.resources.estimate import estimate_plan
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.verify import vectors
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph

Decision = tuple[str, int]
_TYPED = {"Model": {"Precision": "fixed<8,2,RND,SAT>"}}
_SCALED = {"class_name": "quantized_bits", "config": {"bits": 4, "integer": 0, "alpha": "auto"}}
_NORMALIZED: dict[str, ArrayLike] = {
    "gamma": [1.25, 0.75],
    "beta": [0.1, 0.2],
    "moving_mean": [0.1, 0.3],
    "moving_variance": [1.0, 2.0],
}
_EIGHT = {"class_name": "quantized_bits", "config": {"bits": 8, "integer": 2, "alpha": 1}}
_PARTS = ("gamma", "beta", "mean", "variance")
_QUANTIZED_NORM: dict[str, Any] = {"name": "qnorm"} | {f"{part}_quantizer": _EIGHT for part in _PARTS}
_DISTRIBUTED = {"name": "distributed", "layer": {"class_name": "QDense", "config": dense("dense")[1]}}
_CONVOLUTIONS = [conv2d(), quantize("q2"), separable(), quantize("q3"), flatten(), dense("dense", 32, 6)]
_EMBEDDING = {"name": "embedding", "input_dim": 4, "output_dim": 2, "mask_zero": False}
_ROWS = np.linspace(-0.7, 0.9, 8, dtype=np.float32).reshape(4, 2)

NETWORKS: dict[str, tuple[Layers, dict[str, Any]]] = {
    "image": ([input_layer(8, 8, 1), quantize(), *_CONVOLUTIONS], {}),
    "vector": ([input_layer(6), quantize(), dense("dense", 6, 4)], {}),
    "resized": ([input_layer(8, 8, 1), quantize(), conv2d()], {}),
    "recurrent": ([input_layer(5, 3), gru()], _TYPED),
    "gru": ([input_layer(5, 3), gru(reset_after=False)], _TYPED),
    "lstm": ([input_layer(5, 3), lstm()], _TYPED),
    "rnn": ([input_layer(5, 3), simple_rnn()], _TYPED),
    "bidirectional": ([input_layer(5, 3), bidirectional()], _TYPED),
    "quantized norm": ([input_layer(2), quantize(), ("QBatchNormalization", _QUANTIZED_NORM, _NORMALIZED)], _TYPED),
    "up": ([input_layer(4, 4, 2), quantize(), ("UpSampling2D", {"name": "up", "size": [2, 2]}, {})], {}),
    "distributed": ([input_layer(5, 3), quantize(), ("TimeDistributed", _DISTRIBUTED, dense("dense")[2])], {}),
    "float": ([input_layer(6, 6, 4), separable(quantizer=None)], _TYPED),
    "scaled": ([input_layer(6), quantize(), dense("dense", 6, 4, kernel_quantizer=_SCALED)], {}),
    "normalized": ([input_layer(2), ("BatchNormalization", {"name": "norm"}, _NORMALIZED)], _TYPED),
    "embedding": ([input_layer(4), ("Embedding", _EMBEDDING, {"embeddings:0": _ROWS})], _TYPED),
    "gdn": ([input_layer(4, 5, 3), quantize(), gdn_layer()], {}),
}
"""Layers, and what stands under HLSConfig without which there is no type."""


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    """Configurations, one after another, section by section."""
    found: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(found.get(key), dict)
            found[key] = merged(found[key], value) if both else value
    return found


def read(network: str, folder: Path, settings: dict[str, Any]) -> tuple[Graph, Config]:
    """The network's graph, and the configuration with ``settings``."""
    layers, needed = NETWORKS[network]
    config = parse_config(merged({"HLSConfig": needed}, settings))
    return read_model(write_h5(folder / f"{network}.h5", layers), config), config


def project(graph: Graph, config: Config, folder: Path) -> Path:
    """The HLS project with two frames of zeros."""
    frames = {name: np.zeros((2, *spec.shape), np.int64) for name, spec in graph.inputs}
    outputs = Reference(graph).predict_raw(*frames.values())
    vectors.save(folder / "vectors", frames, dict(zip(graph.outputs, outputs)))
    emit(graph, config, folder, folder / "vectors")
    return folder / "hls"


def in_verilog(graph: Graph, config: Config) -> dict[str, Decision]:
    """Strategy and reuse factor of every node that has multipliers, as the Verilog is made."""
    stages = {stage.name: stage for stage in plan_for(graph, config).stages}
    names = [name for name, stage in stages.items() if stage.strategy and stage.nodes]
    return {name: (stages[name].strategy, stages[name].reuse) for name in names}


def in_estimate(graph: Graph, config: Config) -> dict[str, Decision]:
    """The same, as ``estimate`` says it and ``report`` shows it."""
    found = estimate_plan(plan_for(graph, config), config)
    shown = rows({"layers": layer_rows(graph)}, found)
    return {row["name"]: (row["strategy"], row["reuse_factor"]) for row in shown if row.get("strategy", "-") != "-"}


def in_hls(hls: Path) -> dict[str, Decision]:
    """Strategy (``resource`` or ``latency``; none for our cores) and reuse factor that stand in the HLS project."""
    text = (hls / "firmware" / "parameters.h").read_text().partition("insert layer-config\n")[2]
    parts = re.split(r"^// (\w+)$", text, flags=re.MULTILINE)[1:]
    found = {}
    for name, struct in zip(parts[::2], parts[1::2]):
        factors = {int(n) for n in re.findall(r"reuse_factor = (\d+);", struct)}
        strategies = set(re.findall(r"strategy = nnet::(\w+);", struct))
        assert len(factors) <= 1, f"{name} has several: {factors}"
        assert len(strategies) <= 1, f"{name} has several: {strategies}"
        if factors:
            found[name] = ("".join(strategies), factors.pop())
    return found
