"""GDN in CompressAI's parametrization, its twin FixedGDN, and tensorflow_compression's GDN with a square root."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...sim.cast import Cast
from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, FloatArray, Overflow, Rounding, quantize
from ...sim.ops.batch_norm import BatchNorm
from ...sim.root import Form
from ..config.layer import GDN_CLASSES, Precision
from ..config.schema import Config
from ..quantize.weights import WeightGrid, dyadic, on_type
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.linear import own_type
from ..read.network import Layer
from . import gdn_layer_norm as ln
from .batch_norm import scaled
from .gdn_types import Choices, beta_type, gamma_type, operator, parameter
from .per_step import last_axis
from .registry import converts

THEIRS = GDN_CLASSES[2]
ROLES = ("beta", "gamma", "gain", "square")
"""Kinds of ``Precision`` of a gdn, each taken where it is named itself; ``gdn_types`` says what counts without."""
_PARAMETERS = ("beta_min", "reparam_offset", "alpha_parameter", "epsilon_parameter", "rectify", "beta_parameter",
               "gamma_parameter")  # fmt: skip
"""What ``_parameters`` asks for."""
Grids = tuple[WeightGrid, WeightGrid]


def normalized(layer: Layer, x: FloatArray) -> FloatArray:
    beta, gamma = _parameters(Attributes(layer.name, layer.config), layer, x.shape[-1])
    norm = (x * x) @ gamma + beta
    y: FloatArray = x * np.sqrt(norm) if layer.config.get("inverse") else x / np.sqrt(norm)
    return y


def described(layer: Layer, config: Config) -> str:
    """How a layer's gain is found, for people; empty for what cannot be read."""
    try:
        c = _choices(config, layer, Attributes(layer.name, layer.config), layer.config.get("inverse") is True)
    except BitsmithError:
        return ""
    newton = ", newton" if c.newton else ""
    return f"{'inverse, ' if c.inverse else ''}{c.form.value}, {c.segments} segments, {c.width} bits{newton}"


@converts(*GDN_CLASSES, floats=normalized, describe=described)
def convert_gdn(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    inverse, own = a.flag("inverse", False), _own_types(a) if layer.class_name == "FixedGDN" else None
    choices = _choices(build.config, layer, a, inverse)
    a.finish(*_PARAMETERS)
    beta, gamma = _parameters(a, layer, x.shape[-1])
    types = _types(build, layer, own)
    x = x if own is None else build.round(layer, x, own["input"], "input")
    grids = (_fitting if own is None else _trained)(layer, x.type, beta, gamma, types)
    gain, square = (Cast(*types[role]) if role in types else None for role in ("gain", "square"))
    op = operator(x.type, *grids, choices, gain, square)
    y, to = build.add(layer, op, x), types.get("output") or build.result(layer)
    return y if to is None else build.round(layer, y, to, "round")


def _parameters(a: Attributes, layer: Layer, channels: int) -> tuple[FloatArray, FloatArray]:
    theirs = "alpha_parameter" in layer.config or layer.class_name == THEIRS
    if theirs:
        a.only("alpha_parameter", 2)
        a.only("epsilon_parameter", 0.5)
        a.only("rectify", False)
    bounds = {name: _bounds_of_theirs(a, name) if theirs else _bounds(a, name) for name in ("beta", "gamma")}
    found = []
    for index, (name, shape) in enumerate((("beta", (channels,)), ("gamma", (channels, channels)))):
        stored = layer.weight(index, (name, f"reparam_{name}"), shape)
        with np.errstate(over="ignore"):  # infinite is refused when it is quantized
            found.append(parameter(stored, *bounds[name]))
    return found[0], found[1]


def _bounds(a: Attributes, name: str) -> tuple[float, float]:
    """Least parameter and offset of the variable; a GDN without them stores something that is not known here."""
    return _positive(a, "beta_min") if name == "beta" else 0.0, _positive(a, "reparam_offset")


def _positive(a: Attributes, attribute: str) -> float:
    value = a.number(attribute, None)
    if value is None or not 0 <= value < math.inf:
        a.refuse(attribute, value, "a number, as Bitsmith's GDN writes it (CompressAI's parametrization)")
    return float(value or 0.0)


def _bounds_of_theirs(a: Attributes, name: str) -> tuple[float, float]:
    """The same of tensorflow_compression's GDNParameter, the only one whose variable is stored so."""
    value: Any = a.get(f"{name}_parameter")
    config = value.get("config") if isinstance(value, dict) else None
    if not isinstance(config, dict) or not str(value.get("class_name")).endswith("GDNParameter"):
        a.refuse(f"{name}_parameter", value, "GDNParameter")
    inner = Attributes(a.layer, config or {})
    return (_positive(inner, "minimum"), _positive(inner, "offset"))


def _choices(config: Config, layer: Layer, a: Attributes, inverse: bool) -> Choices:
    """FixedGDN's attributes, else what stands under ``Bitsmith`` for the layer, its class or the model."""
    given = config.gdn(layer.name, layer.class_name)
    if layer.class_name != "FixedGDN":
        return Choices(inverse, **given)
    form = Form(a.choice("form", sorted(Form)))
    own: dict[str, Any] = {
        "form": form,
        "segments": a.integer("segments"),
        "width": a.integer("width"),
        "newton": a.flag("newton", False),
    }
    named = [item for section in config.own(layer.name, layer.class_name) for item in section.gdn().items()]
    for name, value in named:
        if value != own[name]:
            model = form.value if name == "form" else own[name]
            raise BitsmithError(
                f"'{layer.name}': the model gives {name}={model}; remove Bitsmith.{name} from the configuration"
            )
    return Choices(inverse, **own)


def _own_types(a: Attributes) -> dict[str, Precision]:
    """FixedGDN's types; whatever it rounds goes half to even and saturates."""
    found = {role: own_type(a, f"{role}_type", role in ("square", "output")) for role in ("input", *ROLES, "output")}
    return {role: precision for role, precision in found.items() if precision is not None}


def _types(build: Builder, layer: Layer, own: dict[str, Precision] | None) -> dict[str, Precision]:
    """FixedGDN's types, else the configured ones; BitsmithError where the layer's section contradicts FixedGDN's."""
    config = build.config
    if own is None:
        given = {role: config.given(layer.name, layer.class_name, role) for role in ROLES}
        return {role: precision for role, precision in given.items() if precision is not None}
    for role, key in {**dict(zip(ROLES, ROLES)), "result": "output"}.items():
        named = config.named(layer.name, layer.class_name, role)
        if role == "result" and key not in own:
            continue  # what is exact may be rounded behind it
        if named is not None and (key not in own or own[key].type != named.type):
            model = own[key].type if key in own else "an exact tensor"
            raise BitsmithError(
                f"'{layer.name}': the model gives {model} for {role}; remove Precision.{role} from the configuration"
            )
    return own


def _fitting(layer: Layer, x: Fixed, beta: FloatArray, gamma: FloatArray, types: dict[str, Precision]) -> Grids:
    """Parameters rounded to configured types or to those that fit them; none may be lost."""
    g_type = types.get("gamma") or Precision(gamma_type(gamma), Rounding.RND_CONV, Overflow.SAT)
    squares = types["square"].type.fraction if "square" in types else 2 * x.fraction
    fitting = beta_type(beta, squares + g_type.type.fraction)
    b_type = types.get("beta") or Precision(fitting, Rounding.RND_CONV, Overflow.SAT)
    b_grid = on_type(beta, *b_type, f"'{layer.name}': beta")
    if b_grid.raw.min() < 1:
        i = int(np.argmin(b_grid.raw))
        raise BitsmithError(
            f"'{layer.name}': beta[{i}] = {beta[i]:g} becomes zero in {b_type.type}, and it must be positive; "
            f"give HLSConfig.LayerName.{layer.name}.Precision.beta more fraction bits"
        )
    return b_grid, on_type(gamma, *g_type, f"'{layer.name}': gamma")


def _trained(layer: Layer, x: Fixed, beta: FloatArray, gamma: FloatArray, types: dict[str, Precision]) -> Grids:
    """FixedGDN's own integers: saturated, and no beta below one step."""
    b_type, g_type = types["beta"].type, types["gamma"].type
    return WeightGrid(np.maximum(quantize(beta, b_type), 1), b_type), WeightGrid(quantize(gamma, g_type), g_type)


def layer_normalized(layer: Layer, x: FloatArray) -> FloatArray:
    gamma, beta, epsilon = ln.parameters(layer, Attributes(layer.name, layer.config), x.shape[-1], x.ndim - 1)
    d = x - x.mean(axis=-1, keepdims=True)
    y: FloatArray = gamma * d / np.sqrt((d * d).mean(axis=-1, keepdims=True) + epsilon) + beta
    return y


@converts("LayerNormalization", floats=layer_normalized, each_step=last_axis)
def convert_layer_normalization(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """The gdn of what differs from the mean, all channels in one sum (``gdn_layer_norm``)."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    channels = x.shape[-1]
    a.finish("axis", "epsilon", "scale", "center", "rms_scaling")
    ln.check_channels(layer, channels)
    gamma, beta, epsilon = ln.parameters(layer, a, channels, len(x.shape))
    k, r = ln.stretch(channels)
    d = ln.differences(build, layer, x)
    d = build.round(layer, d, Precision(ln.narrow(d.type), Rounding.RND_CONV, Overflow.SAT), "difference_round")
    sums = WeightGrid(np.ones((channels, channels), dtype=np.int64), Fixed(False, 1 - k, k))
    least = np.full(channels, r**3 * epsilon)
    type = beta_type(least, 2 * d.type.fraction + k)
    grid = WeightGrid(np.maximum(quantize(least, type), 1), type)
    choices = Choices(False, **build.config.gdn(layer.name, layer.class_name))
    z = build.add(layer, operator(d.type, grid, sums, choices), d, suffix="normalized", shape=x.shape)
    z = build.round(layer, z, Precision(ln.normalized_type(channels), Rounding.RND_CONV, Overflow.SAT), "narrow")
    if layer.weights:
        return scaled(build, layer, z, gamma * np.sqrt(r), beta)
    if r != 1:
        zeros = np.zeros(channels, dtype=np.int64)
        times, times_type = dyadic(np.full(channels, np.float32(np.sqrt(r)), dtype=np.float64), f"'{layer.name}'")
        z = build.add(layer, BatchNorm(z.type, times, times_type, zeros, Fixed(False, 1, 0)), z, shape=x.shape)
    to = build.result(layer)
    return z if to is None else build.round(layer, z, to, "round")
