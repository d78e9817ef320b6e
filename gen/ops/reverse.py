"""Bidirectional: a layer that reads a sequence forwards, one that reads it reversed, and their outputs merged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ...sim.ops.add import Add
from ...sim.ops.batch_norm import BatchNorm
from ...sim.ops.multiply import Multiply
from ..classes import BIDIRECTIONAL, LAYER, STATES, is_layer
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.network import Layer, inner_layer
from ..read.weights import DIRECTED_LAYERS
from .concatenate import side_by_side
from .floats import Array
from .recurrent import KINDS, convert_cell, reverse
from .recurrent_floats import results, returned, sequences
from .registry import converts


def both_ways(layer: Layer, x: Array, *initial: Array) -> dict[str, Array]:
    """Every output of the layer by its key, and the states of all steps."""
    mode, classes = bidirectional(Attributes(layer.name, layer.config))
    halves = initial[: len(initial) // 2], initial[len(initial) // 2 :]
    both = [
        (direction, sequences(direction, class_name, [x, *half]))
        for direction, class_name, half in zip(directions(layer), classes, halves)
    ]
    forward, backward = (returned(direction, found) for direction, found in both)
    pair = forward[0], backward[0][:, ::-1] if backward[0].ndim == 3 else backward[0]
    return results(layer, [*MERGES[mode](*pair), *forward[1:], *backward[1:]], [found for _, found in both])


MERGES: dict[str | None, Callable[[Array, Array], tuple[Array, ...]]] = {
    "concat": lambda a, b: (np.concatenate([a, b], axis=-1),),
    "sum": lambda a, b: (a + b,),
    "ave": lambda a, b: ((a + b) / 2,),
    "mul": lambda a, b: (a * b,),
    None: lambda a, b: (a, b),
}
"""By ``merge_mode``: what the layer gives in the place of its two directions."""


@converts(*BIDIRECTIONAL, floats=both_ways, several=True)
def convert_bidirectional(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    mode, classes = bidirectional(build.attributes(layer))
    x, *initial = inputs
    keys = layer.outputs[: 2 if mode is None else 1], layer.outputs[2 if mode is None else 1 :]
    states, count = [build.network.used(key) for key in keys[1]], STATES[classes[0]]
    used = [build.network.used(key) for key in (keys[0][0], keys[0][-1])]  # of one tensor, twice
    if len({STATES[name] for name in classes}) > 1 and (states or initial):
        raise BitsmithError(
            f"'{layer.name}': {classes[0]} and {classes[1]} have different states, and none of them can be given or "
            "returned; make both of one class"
        )
    if len(initial) not in (0, 2 * count):
        raise BitsmithError(f"'{layer.name}' is called with {len(initial)} states; it has {2 * count}")
    parts: list[tuple[Tensor, ...]] = []
    for i, (direction, class_name) in enumerate(zip(directions(layer), classes)):
        mine = slice(i * len(states) // 2, (i + 1) * len(states) // 2)
        given = initial[i * len(initial) // 2 : (i + 1) * len(initial) // 2]
        wanted = (used[i], *states[mine])
        if mode is None and not any(wanted):
            layer.taken.update(id(value) for value in direction.weights.values())
            continue
        parts.append(convert_cell(build, direction, class_name, (x, *given), wanted))
        build.tensors |= dict(zip(keys[1][mine], parts[-1][1:]))
    forward, backward = parts[0][0], parts[-1][0]
    if not any(used):
        return forward
    if len(backward.shape) == 2 and used[1]:
        backward = reverse(build, layer, backward, "ordered")
    if mode is None:
        build.tensors[keys[0][1]] = backward
        return forward
    return _merge(build, layer, mode, forward, backward)


def bidirectional(a: Attributes) -> tuple[str | None, tuple[str, str]]:
    """How the outputs are merged, and the classes of the two layers inside."""
    mode = a.only("merge_mode", *MERGES)
    values = {name: a.get(name) for name in ("layer", "backward_layer")}
    for name, value in values.items():
        if not (is_layer(value) or (value is None and name == "backward_layer")):
            a.refuse(name, value, LAYER)
    a.finish()
    forward = inner_layer(values)[0]
    classes = forward, inner_layer(values, "backward_layer")[0] or forward
    for name, class_name in zip(values, classes):
        if class_name not in KINDS:
            a.refuse(name, class_name, ", ".join(KINDS))
    return mode, classes


def directions(layer: Layer) -> tuple[Layer, Layer]:
    """The two layers inside, with their own weights; errors and configuration know them by the outer name."""
    forward = inner_layer(layer.config)[1]
    opposite = forward | {"go_backwards": not forward.get("go_backwards", False)}
    configs = forward, inner_layer(layer.config, "backward_layer")[1] or opposite
    first, second = (
        replace(
            layer,
            key=f"{layer.key}_{part.removesuffix('_layer')}",
            direction=part.removesuffix("_layer"),
            config=config,
            weights={n.removeprefix(f"{part}/"): w for n, w in layer.weights.items() if n.startswith(f"{part}/")},
        )
        for part, config in zip(DIRECTED_LAYERS, configs)
    )
    return first, second


def _merge(build: Builder, layer: Layer, mode: str, forward: Tensor, backward: Tensor) -> Tensor:
    """Concatenation on the channels, the product, the sum, or half the sum; all exact."""
    if mode == "mul":
        return build.add(layer, Multiply((forward.type, backward.type)), forward, backward, shape=forward.shape)
    if mode == "concat":
        return side_by_side(build, layer, [forward, backward])
    total = Add((forward.type, backward.type))
    y = build.add(layer, total, forward, backward, suffix="" if mode == "sum" else "sum", shape=forward.shape)
    if mode == "sum":
        return y
    ones, zeros = (np.full(y.shape[-1], n, dtype=np.int64) for n in (1, 0))
    half = BatchNorm(y.type, ones, Fixed(False, 0, 1), zeros, Fixed(False, 1, 0))
    return build.add(layer, half, y, shape=y.shape)
