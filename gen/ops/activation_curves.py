"""Keras's functions of one value, by their names: which formula or table each is."""

from __future__ import annotations

from dataclasses import dataclass

from ...sim.errors import BitsmithError
from ...sim.fixed import Constant
from ...sim.ops.activation import Kind
from ..classes import short
from ..quantize.activation import HALF, ONE, ZERO, exact_constant
from ..quantize.steps import STEPS
from ..read.network import Layer


@dataclass(frozen=True)
class Curve:
    """A Keras function: what comes before the rounding."""

    kind: Kind
    slope: Constant = ONE
    offset: Constant = ZERO
    lower: Constant | None = None
    upper: Constant | None = None
    function: str = ""
    flat: int = 0
    """For tables: beyond ``2**flat`` the function is flat on both sides; 0 where it is not."""


_FLAT = {"sigmoid": 5, "tanh": 4}
TABLES = (
    *("softsign", "softplus", "elu", "selu", "swish", "exp", "gelu", "gelu_tanh", "mish", "hard_swish", "log_sigmoid"),
    *("tanh_shrink", "soft_shrink", "hard_shrink", "sparse_plus", "squareplus", *_FLAT),
)
SPELLINGS = {
    "silu": "swish",
    "exponential": "exp",
    "hard_silu": "hard_swish",
    "absolute": "abs",
    "celu": "elu",  # they differ where alpha is not 1, and a name alone has alpha=1
}
"""Other names of the same functions."""
_HARD_TANH = Curve(Kind.HARD_TANH, lower=Constant(-1), upper=ONE)
_HALVES = Curve(Kind.HARD_SIGMOID, slope=HALF, offset=HALF, lower=ZERO, upper=ONE)
QKERAS_FUNCTIONS = {
    "hard_sigmoid": _HALVES,
    "hard_tanh": _HARD_TANH,
    "smooth_sigmoid": Curve(Kind.HARD_SIGMOID, slope=Constant(3, 4), offset=HALF, lower=ZERO, upper=ONE),
    "smooth_tanh": Curve(Kind.HARD_TANH, slope=Constant(3, 3), lower=Constant(-1), upper=ONE),
}
"""By their names in a QKeras layer; plain Keras's hard_sigmoid has another slope."""
_FORMULAS = {
    "relu": Curve(Kind.RELU),
    "relu1": Curve(Kind.RELU, upper=ONE),  # no function of Keras's: hls4ml takes it by this name
    "relu6": Curve(Kind.RELU, upper=Constant(6)),
    "abs": Curve(Kind.ABSOLUTE),
    "leaky_relu": Curve(Kind.LEAKY_RELU, slope=exact_constant(0.2)),
    "hard_tanh": _HARD_TANH,
    "sparse_sigmoid": _HALVES,
}
FUNCTIONS = ("linear", *_FORMULAS, "hard_sigmoid", "softmax", "log_softmax", "round", *TABLES, *SPELLINGS, *STEPS)
"""Every name that an ``activation=`` may have."""
_NEAREST = {
    "glu": "it halves the channels: give its two halves layers of their own, and multiply one by sigmoid of the other",
    "sparsemax": "use softmax",
    "threshold": "use a ReLU layer with threshold",
}
"""What a function that is not supported can be replaced by."""


def curve(name: str, layer: Layer, keras3: bool, attribute: str = "activation") -> Curve:
    """The function of an activation's name; BitsmithError for an unknown one, which names the ``attribute``."""
    name = SPELLINGS.get(name, name)
    if layer.class_name.startswith("Q") and name in QKERAS_FUNCTIONS:
        return QKERAS_FUNCTIONS[name]
    if name == "hard_sigmoid":
        slope = exact_constant(1 / 6 if keras3 else 0.2)
        return Curve(Kind.HARD_SIGMOID, slope=slope, offset=Constant(1, 1), lower=ZERO, upper=ONE)
    if name in _FORMULAS:
        return _FORMULAS[name]
    if name in TABLES:
        return Curve(Kind.TABLE, function=name, flat=_FLAT.get(name, 0))
    cure = _NEAREST.get(name, f"supported: {', '.join(FUNCTIONS)} and quantizers")
    raise BitsmithError(f"{attribute}={short(name)} on '{layer.name}' is not supported; {cure}")
