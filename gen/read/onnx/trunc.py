"""QONNX's Trunc, of both versions: an average's sum, or another tensor, without its lowest bits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ....sim.errors import BitsmithError
from ....sim.fixed import FloatArray
from ...classes import short
from ..attributes import Attributes
from .constants import Given, required, tensor
from .elementwise import per_channel
from .proto import Node
from .quant import divided, flag, one_width, positive, rounding_of, whole_zeros
from .values import Value, powers_of_two
from .walk import Walk, handles


class Parts(NamedTuple):
    """The constants of a Trunc, and what its result's step is: ``scale * 2**shift``, or as version 2 gives it."""

    scale: FloatArray
    zero: FloatArray
    shift: int
    output_scale: FloatArray
    config: dict[str, Any]


@handles("Trunc")
def read_trunc(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    x = tensor(given)
    version = walk.model.versions.get(node.domain, 1)
    inputs = 6 if version >= 2 else 5
    if len(given) != inputs:
        raise BitsmithError(
            f"Trunc of version {version} has {inputs} inputs, and here are {len(given)}; give the opset of "
            f"its domain '{node.domain}' that it was written for, or export the model again"
        )
    p = _second(a, given) if version >= 2 else _first(a, given)
    plain = p.scale.size == 1 and powers_of_two(p.scale) and not p.zero.any()
    if plain:
        y = _cut(walk, node, walk.plain(x), p, float(p.scale.reshape(-1)[0]))
        factor = p.output_scale / (p.scale * 2.0**p.shift)
        if (factor == 1).all():
            return y
        y, factor = per_channel(walk, y, factor, node.name)
        return y.composed(factor, np.zeros(1), f"{node.name}_scale")
    x, scale = per_channel(walk, x, p.scale, node.name)
    x, zero = per_channel(walk, x, p.zero, node.name)
    x, output_scale = per_channel(walk, x, p.output_scale, node.name)
    y = _cut(walk, node, divided(walk, x, scale, zero, node.name), p, 1.0)
    # version 1 takes the zero point off as it is, version 2 with its lowest bits cut off
    back = zero * 2.0**-p.shift if version >= 2 else zero
    return y.composed(output_scale * 2.0**-p.shift, -back * output_scale, f"{node.name}_scale")


def _cut(walk: Walk, node: Node, x: Value, p: Parts, scale: float) -> Value:
    config = {**p.config, "scale": scale, "shift": p.shift}
    return walk.behind(x, node.name, "QActivation", {"activation": {"class_name": "Trunc", "config": config}})


def _first(a: Attributes, given: Given) -> Parts:
    """The first version: as many bits fewer as its two widths say, the same scale, and no limits."""
    a.harmless("signed", "narrow")  # qonnx does not look at them
    scale, zero = _grid(given)
    shift = one_width(given, 3, "input's bit width") - one_width(given, 4, "output's bit width")
    return Parts(scale, zero, shift, scale, {"clipped": False, "rounding_mode": rounding_of(a, "FLOOR")})


def _second(a: Attributes, given: Given) -> Parts:
    """The second: from scale to scale, with limits."""
    scale, zero = _grid(given)
    one_width(given, 3, "input's bit width")
    output = positive(required(given, 4, "output scale"))
    try:
        shifts = np.round(np.log2(output / scale.astype(np.float32)))  # in qonnx's precision
    except ValueError:
        raise BitsmithError(f"scales {scale.shape} and {output.shape} do not fit one another") from None
    if (shifts != shifts.flat[0]).any() or abs(shifts.flat[0]) > 32:
        raise BitsmithError(
            f"output scales of {short((2.0**shifts).reshape(-1)[:4].tolist())} times its scales are not supported; "
            "supported: one power of two for all, up to 2^32"
        )
    signed, narrow = flag(a, "signed", 1), flag(a, "narrow", 0)
    bits = one_width(given, 5, "output's bit width")
    if signed and narrow and bits == 1:
        raise BitsmithError("one signed bit that is narrow leaves nothing but 0; export the model again")
    config = {
        "clipped": True,
        "bits": bits,
        "signed": signed,
        "narrow": narrow,
        "rounding_mode": rounding_of(a, "FLOOR"),
    }
    return Parts(scale, zero, int(shifts.flat[0]), output.astype(np.float64), config)


def _grid(given: Given) -> tuple[FloatArray, FloatArray]:
    """Scale and zero point."""
    scale = positive(required(given, 1, "scale")).astype(np.float64)
    zero = whole_zeros(required(given, 2, "zero point"))
    if scale.size > 1 and zero.size > 1 and scale.shape != zero.shape:
        raise BitsmithError(f"scales {scale.shape} and zero points {zero.shape} are not of one shape")
    return scale, zero
