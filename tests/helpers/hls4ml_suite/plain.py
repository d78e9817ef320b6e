"""Layers by themselves: activation functions, normalizations, embeddings, dense layers."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from .case import Kit, Layers, Model, stacked

VECTOR, IMAGE = (8,), (8, 8, 3)


def _named(name: str) -> Layers:
    return lambda layers, q: [layers.Activation(name, name=f"a_{name}")]


ACTIVATIONS: dict[str, Layers] = {
    "relu": lambda layers, q: [layers.ReLU()],
    "leaky_relu": lambda layers, q: [layers.LeakyReLU(alpha=1.5)],
    "leaky_relu_act": _named("leaky_relu"),
    "threshold_relu": lambda layers, q: [layers.ThresholdedReLU(theta=0.75)],
    "elu": lambda layers, q: [layers.ELU(alpha=1.25)],
    "prelu": lambda layers, q: [layers.PReLU()],
    **{name: _named(name) for name in ("selu", "softplus", "softsign", "tanh", "sigmoid", "hard_sigmoid")},
}
MODELS: list[Model] = [
    stacked("test_activations", f"{name} {shape}", shape, layers, low=-1.0)
    for (name, layers), shape in product(ACTIVATIONS.items(), (VECTOR, IMAGE))
    if (name, shape) != ("prelu", IMAGE)
]


def _batch_norm(both: bool) -> Layers:
    return lambda layers, q: [layers.BatchNormalization(center=both, scale=both)]


MODELS += [
    stacked("test_batchnorm", f"center and scale {both}", (16,), _batch_norm(both), precision="fixed<32,1>",
            weighted=False)  # others do not fit
    for both in (True, False)
]  # fmt: skip
MODELS += [
    stacked("test_layernorm", f"epsilon {epsilon}", (10, 8), layers)
    for epsilon, layers in (
        (0.001, lambda layers, q: [layers.LayerNormalization()]),
        (0.01, lambda layers, q: [layers.LayerNormalization(epsilon=1e-2)]),
    )
]


def _softmax(layers: Any, q: Any) -> Any:
    return [layers.Activation("softmax", name="softmax")]


def _tables(table: str, accum: str = "", inverse: str = "") -> dict[str, str]:
    text = f"fixed<{table}, RND, SAT>"
    return {"exp_table_t": text, "inv_table_t": text, "accum_t": accum or text, "inv_inp_t": inverse or text}


SOFTMAX = (
    ("16,6", VECTOR, _tables("18,8")),
    ("16,6", VECTOR, _tables("18,8", "fixed<19,9>", "fixed<18,8>")),
    ("16,6", VECTOR, _tables("9,6")),
    ("9,6", VECTOR, _tables("18,8")),
    ("16,6", IMAGE, _tables("18,8")),
)
MODELS += [
    stacked(
        "test_softmax",
        f"{bits} {shape} tables {number}",
        shape,
        _softmax,
        low=-6.0,
        high=6.0,
        changes={"x": {"Precision": {"result": f"fixed<{bits}>"}}, "softmax": tables},
    )
    for number, (bits, shape, tables) in enumerate(SOFTMAX)
]
MODELS += [
    stacked(
        "test_softmax",
        "skipped",
        (10,),
        lambda layers, q: [layers.Dense(14, name="dense"), layers.Activation("softmax", name="softmax")],
        changes={"softmax": {"skip": True}},
    )
]
MODELS += [
    stacked(
        "test_softsign",
        f"{shape}",
        shape,
        lambda layers, q: [layers.Activation("softsign", name="softsign")],
        precision="fixed<20,4>",
        changes={"softsign": {"table_t": "fixed<20,4>", "table_size": 2048}},
    )
    for shape in (VECTOR, IMAGE)
]
MODELS += [
    stacked(
        "test_embed",
        "embedding",
        (100,),
        lambda layers, q: [layers.Embedding(13, 8, name="embedding")],
        high=9.0,
        whole=True,
        changes={"x": {"Precision": {"result": "uint<4>"}}},
    )
]


def _dense_elu(layers: Any, q: Any) -> Any:
    return [layers.Dense(2, name="Dense"), layers.Activation("elu", name="Activation")]


MODELS += [
    stacked("test_bram_factor", "dense, elu", (1,), _dense_elu),
    stacked("test_keras_api", "dense", (1,), _dense_elu),
    stacked("test_trace", "linear", (1,), _dense_elu),
    stacked(
        "test_trace",
        "relu",
        (1,),
        lambda layers, q: [layers.Dense(2, "relu", name="Dense"), layers.Activation("elu", name="Activation")],
    ),
    stacked("test_keras_h5_loader", "relu", (10,), lambda layers, q: [layers.Activation("relu")]),
    stacked("test_backend_config", "dense", (1,), lambda layers, q: [layers.Dense(2, "relu")]),
    stacked("test_writer_config", "dense", (15,), lambda layers, q: [layers.Dense(10)]),
    stacked("test_report", "dense", (16,), lambda layers, q: [layers.Dense(5, "relu", name="fc1")]),
    stacked("test_pipeline_style", "dense", (10,), lambda layers, q: [layers.Dense(8)], reuse=2),
    stacked("test_pipeline_style", "conv", (10, 4), lambda layers, q: [layers.Conv1D(8, 2)], reuse=2),
]
API: dict[str, Layers] = {
    "relu": lambda layers, q: [layers.Activation("relu", name="relu")],
    "leaky_relu": lambda layers, q: [layers.LeakyReLU(alpha=1.0)],
    "elu": lambda layers, q: [layers.ELU(alpha=1.0)],
    "prelu": lambda layers, q: [layers.PReLU()],
    "sigmoid": lambda layers, q: [layers.Activation("sigmoid", name="sigmoid")],
}
"""Behind a dense layer."""


def behind_dense(function: Layers) -> Layers:
    return lambda layers, q: [layers.Dense(64, name="Dense"), *function(layers, q)]


MODELS += [stacked("test_keras_api", f"activation {n}", (1,), behind_dense(f)) for n, f in API.items()]


def _two_dense(layers: Any, q: Any) -> Any:
    return [layers.Dense(7, "relu"), layers.Dense(2, "relu")]


MODELS += [stacked("test_multi_dense", f"{s}", s, _two_dense) for s in ((4, 3), (4, 1), (2, 3, 2), (1, 3, 1))]
MODELS += [
    stacked("test_dense_unrolled", "parsing", (16,), lambda layers, q: [layers.Dense(8, name="dense")],
            precision="fixed<32,16>", reuse=8),
    *(stacked("test_dense_unrolled", f"dense, reuse {n}", (16,), lambda layers, q: [layers.Dense(12, name="dense")],
              precision="fixed<32,16>", reuse=n) for n in (1, 2, 4, 8, 16, 32, 48, 64, 96, 192)),
]  # fmt: skip


def _auto_dense(layers: Any, q: Any) -> Any:
    return [
        layers.Dense(8, "relu", name="first_layer"),
        layers.BatchNormalization(name="first_bn"),
        layers.Dense(6, "relu", name="middle_layer"),
        layers.BatchNormalization(name="middle_bn"),
        layers.Dense(4, "relu", name="last_layer"),
    ]


MODELS += [stacked("test_auto_precision", "dense", (4,), _auto_dense)]


def _one_weight(fraction: int) -> Any:
    """One weight, 2**-fraction."""

    def build(kit: Kit) -> Any:
        model = kit.stack((1,), kit.layers.Dense(1, use_bias=False, name="dense"))
        model.layers[-1].set_weights([np.array([[2.0**-fraction]])])
        return model

    return build


MODELS += [
    Model(
        "test_weight_writer",
        f"{'' if sign else 'u'}fixed<{sign + i + f},{sign + i}>",
        _one_weight(f),
        weighted=False,
        changes={"dense": {"Precision": {"weight": f"{'' if sign else 'u'}fixed<{sign + i + f},{sign + i}>"}}},
    )
    for sign, i, f in product((0, 1), (4, 8, 10), (-2, 0, 2, 7, 14))
]
