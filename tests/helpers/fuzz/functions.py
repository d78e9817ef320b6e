"""Functions of one value: layers, names for ``Activation``, operations of Keras 3 and of TensorFlow; softmax."""

from __future__ import annotations

from typing import Any

from .grow import Grow, Params, Tensor
from .kinds import kind, of, plain, qkeras

SMOOTH = (
    "sigmoid", "tanh", "softplus", "softsign", "elu", "selu", "gelu", "swish", "exponential", "hard_sigmoid", "mish",
)  # fmt: skip
EXACT = ("relu", "relu6", "abs", "round")
OPERATIONS = {
    "Relu": "relu", "Relu6": "relu6", "Absolute": "abs", "Round": "round", "LeakyRelu": "leaky_relu", "Elu": "elu",
    "Exp": "exp", "Gelu": "gelu", "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu", "HardTanh": "hard_tanh",
    "LogSigmoid": "log_sigmoid", "Selu": "selu", "Sigmoid": "sigmoid", "Silu": "silu", "Softplus": "softplus",
    "Softsign": "softsign", "Tanh": "tanh",
}  # fmt: skip
"""Keras 3's operations by the class that a file has for each."""
TENSORFLOW = ("abs", "round", "nn.relu", "nn.relu6", "exp", "sigmoid", "math.softplus", "tanh", "nn.elu", "nn.selu",
              "nn.softsign")  # fmt: skip
STEPPED = 4
"""Of TENSORFLOW, the first ones need no table."""


@kind("function", 1, 2, 3, weight=2, keeps=True, makes={
    "ReLU": of(alt=0), "LeakyReLU": of(alt=2), "Activation": of(alt=4), "QActivation": qkeras(alt=0),
    "ThresholdedReLU": of(alt=7, libraries=("tf_keras",)),
})  # fmt: skip
def function(g: Grow, x: Tensor, p: Params) -> Tensor:
    """Functions of one value that are exact."""
    name, layers = g.name("f"), g.k.layers
    g.section(name, p)
    made = (
        lambda: layers.ReLU(name=name), lambda: layers.ReLU(max_value=1.5, name=name), lambda: _leaky(g, name),
        lambda: layers.ReLU(threshold=0.25, name=name), lambda: layers.Activation("relu", name=name),
        lambda: layers.Activation("linear", name=name), lambda: layers.Activation("relu6", name=name),
        lambda: getattr(layers, "ThresholdedReLU", lambda _, name: layers.ReLU(name=name))(0.75, name=name),
    )  # fmt: skip
    return g.rounded(made[p["alt"]]()(x), p, name)


def _leaky(g: Grow, name: str) -> Any:
    given = {"alpha": 0.25} if g.k.__name__.startswith("tf_") else {"negative_slope": 0.25}
    return g.k.layers.LeakyReLU(name=name, **given)


@kind("table", 1, 2, 3, weight=2.5, keeps=True, exact=False, makes={"ELU": of(alt=7)})
def table(g: Grow, x: Tensor, p: Params) -> Tensor:
    """Functions of one value that are tables."""
    name = g.name("f")
    g.section(name, p)
    if p["alt"] == 7:
        return g.untyped(g.k.layers.ELU(0.5, name=name)(x), p, name)
    return g.untyped(g.k.layers.Activation(SMOOTH[p["r"] % len(SMOOTH)], name=name)(x), p, name)


@kind("operation", 1, 2, 3, weight=2, keeps=True, exact=False, libraries=("keras",), makes={
    name: plain(op=name) for name in OPERATIONS
})  # fmt: skip
def operation(g: Grow, x: Tensor, p: Params) -> Tensor:
    """A function of ``keras.ops``, which is a layer of its own in a functional model."""
    name = g.name("op")
    ops, chosen = g.k.ops, p.get("op") or list(OPERATIONS)[p["r"] % len(OPERATIONS)]
    function = getattr(ops, OPERATIONS[chosen], None) or ops.absolute
    y = function(x, negative_slope=0.25) if chosen == "LeakyRelu" else function(x)
    y._keras_history.operation.name = name
    g.section(name, p)
    if OPERATIONS[chosen] in EXACT:
        return g.rounded(y, p, name)
    return g.untyped(y, p, name)


@kind("lambda", 1, 2, 3, keeps=True, exact=False, libraries=("tf_keras",), makes={"TFOpLambda": of()})
def lambda_(g: Grow, x: Tensor, p: Params) -> Tensor:
    """A function of TensorFlow, which Keras 2 makes a layer."""
    import tensorflow

    name, chosen, function = g.name("op"), p["r"] % len(TENSORFLOW), tensorflow
    for part in TENSORFLOW[chosen].split("."):
        function = getattr(function, part)
    y = function(x)
    y.node.layer._name = name
    g.section(name, p)
    return g.rounded(y, p, name) if chosen < STEPPED else g.untyped(y, p, name)


@kind("softmax", 1, 2, 3, weight=1.5, keeps=True, exact=False, makes={
    "Softmax": of(alt=3), "LogSoftmax": plain(alt=1, libraries=("keras",)),
})  # fmt: skip
def softmax(g: Grow, x: Tensor, p: Params) -> Tensor:
    name = g.name("softmax")
    if x.shape[-1] < 2:
        return x
    g.section(name, p)
    g.blur(name)
    if p["alt"] == 1 and not g.k.__name__.startswith("tf_"):
        y = g.k.ops.log_softmax(x)
        y._keras_history.operation.name = name
        return g.untyped(y, p, name)
    if p["alt"] in (1, 2):
        return g.untyped(g.k.layers.Activation("log_softmax", name=name)(x), p, name)
    layer = g.k.layers.Softmax(name=name) if p["alt"] % 2 else g.k.layers.Activation("softmax", name=name)
    return g.untyped(layer(x), p, name)


@kind("products", 2, weight=0.7, keeps=False, recurrent=False, libraries=("keras",), makes={"Matmul": plain()})
def products(g: Grow, x: Tensor, p: Params) -> Tensor:
    """A sequence times itself on its side, as ``keras.ops.matmul``."""
    turned = g.k.layers.Permute((2, 1), name=g.name("permute"))(x)
    y, name = g.k.ops.matmul(x, turned), g.name("matmul")
    y._keras_history.operation.name = name
    g.section(name, p)
    return g.rounded(y, p, name)
