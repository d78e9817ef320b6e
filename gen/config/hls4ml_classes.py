"""hls4ml's names for classes of layers: its configuration calls them so under ``LayerType``."""

from __future__ import annotations

ACTIVATION = "Activation"
_FUNCTIONS = {"softmax": "Softmax", "hard_sigmoid": "HardActivation", "elu": "ELU", "leaky_relu": "LeakyReLU",
              "hard_tanh": "HardActivation", "ternary": "TernaryTanh"}  # fmt: skip


def function_class(name: str) -> str:
    """hls4ml's class for an activation function."""
    return _FUNCTIONS.get(name, ACTIVATION)
