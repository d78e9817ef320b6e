"""Sliding windows: their geometry as ONNX writes it, pools, zeros around an image, and nearest neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ....sim.errors import BitsmithError
from ...classes import short
from ..attributes import LARGEST, Attributes
from .constants import Given, constant, integers, tensor
from .proto import Node
from .values import ONE, Const, Value
from .walk import Walk, handles


def geometry(a: Attributes, x: Value, size: tuple[int, ...]) -> dict[str, Any]:
    """Strides, dilation and zeros as attributes of a layer on a channels-last tensor."""
    d = len(size)
    strides, dilation = list(a.sizes("strides", d, 1)), list(a.sizes("dilations", d, 1))
    return {"strides": strides, "dilation_rate": dilation, "pads": _flat(zeros(a, x, size, strides, dilation), d)}


def _flat(pads: list[list[int]], d: int) -> Any:
    return pads[0] if d == 1 else pads


def zeros(a: Attributes, x: Value, size: tuple[int, ...], strides: list[int], dilation: list[int]) -> list[list[int]]:
    """Zeros in front and behind, of each place's axis."""
    d, word = len(size), a.get("auto_pad", "NOTSET")
    pads = a.get("pads", [0] * 2 * d)
    if not isinstance(pads, list) or len(pads) != 2 * d or not all(type(n) is int and 0 <= n <= LARGEST for n in pads):
        a.refuse("pads", pads, f"{2 * d} whole numbers, none negative")
    if word in ("NOTSET", "VALID", ""):
        return [[0, 0]] * d if word == "VALID" else [[pads[i], pads[i + d]] for i in range(d)]
    if word not in ("SAME_UPPER", "SAME_LOWER"):
        a.refuse("auto_pad", word, "NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    found = []
    for n, k, s, g in zip(x.shape, size, strides, dilation):
        total = max((-(-n // s) - 1) * s + (k - 1) * g + 1 - n, 0)
        less, more = total // 2, total - total // 2
        found.append([less, more] if word == "SAME_UPPER" else [more, less])
    return found


def places_after(config: dict[str, Any], shape: tuple[int, ...], size: list[int]) -> tuple[int, ...]:
    """Height and width of a convolution's output."""
    pads = config["pads"] if len(shape) == 2 else [config["pads"]]
    steps, gaps = config["strides"], config["dilation_rate"]
    reach = [(k - 1) * g + 1 for k, g in zip(size, gaps)]
    return tuple((n + sum(p) - r) // s + 1 for n, p, r, s in zip(shape, pads, reach, steps))


def check_group(a: Attributes, channels: int, outputs: int, inputs: int) -> int:
    """The number of groups; BitsmithError where channels and weights do not agree."""
    group = a.get("group", 1)
    if type(group) is not int or group < 1 or inputs * group != channels or outputs % group:
        a.refuse("group", group, f"what fits {channels} channels and weights of {inputs} inputs and {outputs} outputs")
    return int(group)


@handles("MaxPool")
def read_pool(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    x = tensor(given)
    positive = node.op == "MaxPool" and (x.scale is None or bool((x.scale > 0).all()))
    x = walk.image(x, node.channels_last, node.name, factor=positive, each=positive)
    factor, origin = x.scale, x.origin  # a positive one passes through a maximum
    x = replace(x, scale=None)
    d = len(x.shape) - 1
    size = a.sizes("kernel_shape", d)
    a.only("storage_order", 0)
    a.only("dilations", 1)
    strides = list(a.sizes("strides", d, 1))
    pads = zeros(a, x, size, strides, [1] * d)
    counted = node.op == "AveragePool" and a.get("count_include_pad", 0) and any(map(any, pads))
    if a.get("ceil_mode", 0):
        pads = [_ceiled(n, k, s, p) for n, k, s, p in zip(x.shape, size, strides, pads)]
        if counted:
            a.refuse("ceil_mode", 1, "0 together with count_include_pad")
    if counted:
        x, pads = _padded(walk, x, pads, f"{node.name}_pad"), [[0, 0]] * d
    kind = "MaxPooling" if node.op == "MaxPool" else "AveragePooling"
    config = {"pool_size": list(size), "strides": strides, "pads": _flat(pads, d)}
    shape = tuple((n + sum(p) - k) // s + 1 for n, k, s, p in zip(x.shape, size, strides, pads))
    y = replace(x, key=walk.emit(node.name, f"{kind}{d}D", config, x), shape=(*shape, x.shape[-1]))
    return y if factor is None else replace(y, scale=factor, origin=origin)


def _ceiled(n: int, k: int, s: int, pads: list[int]) -> list[int]:
    """More places behind, so that a last window that is cut off counts; one that begins behind the image does not."""
    left = n + sum(pads) - k
    more = -left % s
    if more and (left + more) >= n + pads[0]:
        more = 0
    return [pads[0], pads[1] + more]


@handles("GlobalMaxPool")
def read_global_pool(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    x = walk.image(tensor(given), node.channels_last, node.name)
    kind = node.op.removesuffix("Pool")
    key = walk.emit(node.name, f"{kind}Pooling{len(x.shape) - 1}D", {}, x)
    last = len(x.shape) - 1
    return replace(
        x, key=key, shape=x.shape[-1:], labels=tuple({last: 0}.get(n, ONE if n >= 0 else n) for n in x.labels)
    )


@handles("ReduceMean")
def read_reduce_mean(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    """Over all places of an image: a global pool."""
    x, axes = tensor(given), integers(given, 1, a, "axes")
    rank = len(x.labels)
    a.only("noop_with_empty_axes", 0)
    over = sorted(axis % rank for axis in axes or ())
    places = [list(range(2, rank)), list(range(1, rank - 1))]
    if rank not in (3, 4) or over not in places:
        a.refuse("axes", axes, "all places of an image")
    y = read_global_pool(
        walk, replace_op(node, over == places[1] and over != places[0]), Attributes(node.name, {}), given
    )
    if a.get("keepdims", 1):
        return y
    return replace(y, labels=tuple(label for i, label in enumerate(y.labels) if i not in over))


def replace_op(node: Node, last: bool) -> Node:
    """A global average in place of the node."""
    domain = "qonnx.custom_op.channels_last" if last else ""
    return replace(node, op="GlobalAveragePool", domain=domain)


@handles("Pad")
def read_pad(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    a.only("mode", "constant")
    x, pads, value = tensor(given), integers(given, 1, a, "pads"), constant(given, 2, "value")
    fill = a.number("value", 0.0) if value is None else float(value.array.reshape(-1)[0]) if value.array.size else 0.0
    rank = len(x.labels)
    if fill != 0 or pads is None or len(pads) != 2 * rank or min(pads) < 0 or (len(given) > 3 and given[3] is not None):
        a.refuse("pads", pads, f"zeros around, two whole numbers for each of {rank} axes")
    around = {axis: [pads[axis], pads[axis + rank]] for axis in range(rank)} if pads else {}
    moved = [axis for axis, p in around.items() if any(p)]
    if not moved:
        return x
    places = _places(x, moved)
    if rank not in (3, 4) or not set(moved) <= set(places):
        a.refuse("pads", pads, "zeros around the places of an image")
    x = walk.image(x, places[0] == 1, node.name)
    return _padded(walk, x, [around[axis] for axis in places], node.name)


def _places(x: Value, moved: list[int]) -> list[int]:
    """ONNX's axes of an image's places: behind the channels, unless our channels are last there, too, and stay."""
    rank = len(x.labels)
    last = bool(x.axes) and x.axes[-1] == rank - 1 and moved[-1] < rank - 1
    return list(range(1, rank - 1)) if last else list(range(2, rank))


def _padded(walk: Walk, x: Value, pads: list[list[int]], name: str) -> Value:
    d = len(pads)
    key = walk.emit(name, f"ZeroPadding{d}D", {"padding": _flat(pads, d)}, x)
    shape = tuple(n + sum(p) for n, p in zip(x.shape, pads))
    return replace(x, key=key, shape=(*shape, x.shape[-1]))


@handles("Upsample", "Resize")
def read_resize(walk: Walk, node: Node, a: Attributes, given: Given) -> Value:
    """Nearest neighbours with whole factors."""
    x, dims = tensor(given), tensor(given).dims
    mode, at = a.get("mode", "nearest"), a.get("coordinate_transformation_mode", "half_pixel")
    nearest = a.get("nearest_mode", "round_prefer_floor")
    a.harmless("cubic_coeff_a", "extrapolation_value", "exclude_outside", "antialias", "keep_aspect_ratio_policy")
    if node.op == "Upsample":
        at, nearest = "asymmetric", "floor"
    found = _factors(node, a, given, dims)
    whole = [int(f) for f in found]
    if mode != "nearest" or len(found) != len(dims) or any(f != w or w < 1 for f, w in zip(found, whole)):
        a.refuse("mode, scales", (mode, found), "nearest, with whole factors")
    if not all(_is_repeated(n, f, at, nearest) for n, f in zip(dims, whole)):
        a.refuse("coordinate_transformation_mode", f"{at}, {nearest}", "what repeats every pixel (asymmetric, floor)")
    places = [i for i, f in enumerate(whole) if f > 1]
    if not places:
        return x
    last = _places(x, places)[0] == 1
    if len(dims) not in (3, 4) or not set(places) <= set(_places(x, places)):
        a.refuse("scales", found, "factors of the places of an image")
    x = walk.image(x, last, node.name)
    factors = whole[1:-1] if last else whole[2:]
    key = walk.emit(node.name, f"UpSampling{len(factors)}D", {"size": factors, "interpolation": "nearest"}, x)
    return replace(x, key=key, shape=(*(n * f for n, f in zip(x.shape, factors)), x.shape[-1]))


def _factors(node: Node, a: Attributes, given: Given, dims: tuple[int, ...]) -> list[float]:
    """How often each axis is repeated, from scales or from sizes."""
    value = a.get("scales")
    index = 1 if len(given) < 3 else 2
    scales = constant(given, index, "scales") if value is None else None
    sizes = constant(given, 3, "sizes")
    if scales is not None and scales.array.size:
        value = scales.array.reshape(-1).tolist()
    elif sizes is not None and sizes.array.size == len(dims):
        value = [float(m) / n for m, n in zip(sizes.array.reshape(-1).tolist(), dims)]
    if not isinstance(value, list) or not all(isinstance(f, (int, float)) and 0 < f < LARGEST for f in value):
        raise BitsmithError(f"scales {short(value)} are not supported; give a positive number for each axis")
    return [float(f) for f in value]


def _is_repeated(size: int, factor: int, at: Any, nearest: Any) -> bool:
    """Whether ONNX's rule gives each pixel ``factor`` times."""
    if factor == 1:
        return True
    x = np.arange(min(size, 8) * factor)
    moves = {"asymmetric": x / factor, "half_pixel": (x + 0.5) / factor - 0.5}
    moves["pytorch_half_pixel"] = moves["half_pixel"]
    rounds: dict[str, Callable[[Any], Any]] = {
        "floor": np.floor,
        "round_prefer_floor": lambda v: np.ceil(v - 0.5),
        "round_prefer_ceil": lambda v: np.floor(v + 0.5),
    }
    if not isinstance(at, str) or not isinstance(nearest, str) or at not in moves or nearest not in rounds:
        return False
    return bool((np.clip(rounds[nearest](moves[at]), 0, None) == x // factor).all())


@handles("Concat")
def read_concat(walk: Walk, node: Node, a: Attributes, given: Given) -> Value | Const:
    """On the channels; of constants, on any axis."""
    axis = a.get("axis", 1)
    if all(isinstance(x, Const) for x in given):
        arrays = [x.array for x in given if isinstance(x, Const)]
        try:
            return Const(np.concatenate(arrays, axis=axis))
        except (ValueError, TypeError, np.exceptions.AxisError) as error:
            raise BitsmithError(f"its constants do not fit ({str(error)[:60]}); export the model again") from None
    values = [walk.plain(tensor(given, i)) for i in range(len(given))]
    rank = len(values[0].labels)
    if type(axis) is not int or not -rank <= axis < rank or any(len(x.labels) != rank for x in values):
        a.refuse("axis", axis, "the channels")
    values = [walk.channels(walk.natural(x, node.name) if x.order is not None else x, axis, node.name) for x in values]
    first = values[0]
    values = [walk.arranged(x, first.axes, f"{node.name}_{i}") for i, x in enumerate(values)]
    if len(values) == 1:
        return first
    shape = (*first.shape[:-1], sum(x.shape[-1] for x in values))
    return replace(first, key=walk.emit(node.name, "Concatenate", {"axis": -1}, *values), shape=shape)
