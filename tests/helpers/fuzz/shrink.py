"""From a recipe that fails to a small one that fails in the same stage: greedily, the largest steps first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from .kinds import PLAIN
from .recipe import Layer, Network, Recipe

Fails = Callable[[Recipe], bool]


def shrink(recipe: Recipe, fails: Fails, seconds: float = 600, clock: Callable[[], float] = time.monotonic) -> Recipe:
    """The smallest recipe that is found in the time: fewer networks, fewer layers, smaller numbers, plain settings."""
    end = clock() + seconds
    for steps in (_networks, _layers, _numbers, _settings):
        recipe = _down(recipe, steps, fails, lambda: clock() < end)
    return recipe


def _down(recipe: Recipe, steps: Any, fails: Fails, more: Callable[[], bool]) -> Recipe:
    """The first step that still fails is taken, until none does."""
    found = True
    while found and more():
        found = False
        for candidate in steps(recipe):
            if not more():
                break
            if fails(candidate):
                recipe, found = candidate, True
                break
    return recipe


def _networks(recipe: Recipe) -> Iterator[Recipe]:
    networks = recipe["networks"]
    if len(networks) > 1:
        yield from (recipe | {"networks": [n]} for n in networks)
        yield from (recipe | {"networks": [n for n in networks if n is not out]} for out in networks)


def _layers(recipe: Recipe) -> Iterator[Recipe]:
    yield from _each(recipe, _fewer)


def _fewer(network: Network) -> Iterator[Network]:
    for layers in _without(network["layers"]):
        yield network | {"layers": layers}


def _without(layers: list[Layer]) -> Iterator[list[Layer]]:
    """One half, then one layer less; a fork becomes one of its branches, or has a smaller one."""
    half = len(layers) // 2
    if half > 1:
        yield from (layers[:half], layers[half:])
    for k in reversed(range(len(layers))):
        before, layer, after = layers[:k], layers[k], layers[k + 1 :]
        yield before + after
        for i, branch in enumerate(layer.get("branches", ())):
            yield before + branch + after
            for less in _without(branch):
                branches = [less if j == i else b for j, b in enumerate(layer["branches"])]
                yield [*before, layer | {"branches": branches}, *after]


def _numbers(recipe: Recipe) -> Iterator[Recipe]:
    yield from _each(recipe, _smaller)


def _smaller(network: Network) -> Iterator[Network]:
    if any(n > 1 for n in network["shape"]):
        yield network | {"shape": [1] * len(network["shape"])}
    for key in ("shape", "type"):
        for value in _halved(network[key], 1 if key == "shape" else 0):
            yield network | {key: value}
    for layers in _simpler(network["layers"]):
        yield network | {"layers": layers}


def _simpler(layers: list[Layer]) -> Iterator[list[Layer]]:
    for k, layer in enumerate(layers):
        for one in _plainer(layer):
            yield [*layers[:k], one, *layers[k + 1 :]]


def _plainer(layer: Layer) -> Iterator[Layer]:
    """All numbers as in the plainest layer, else each, else half of it; no strategy, no input of its own."""
    bare = layer | {key: value for key, value in PLAIN.items() if key in layer}
    if bare != layer:
        yield bare
    for key, plain in PLAIN.items():
        if key in layer and layer[key] != plain:
            yield layer | {key: plain}
            if key in ("n", "k", "s"):
                yield from (layer | {key: value} for value in _halved(layer[key], 1))
    if "strategy" in layer:
        yield {key: value for key, value in layer.items() if key != "strategy"}
    if layer.get("own"):
        yield layer | {"own": False}
    for i, branch in enumerate(layer.get("branches", ())):
        for less in _simpler(branch):
            yield layer | {"branches": [less if j == i else b for j, b in enumerate(layer["branches"])]}


def _halved(value: Any, least: int) -> Iterator[Any]:
    if isinstance(value, int):
        if value // 2 >= least and value // 2 < value:
            yield value // 2
        return
    for k, one in enumerate(value):
        for half in _halved(one, least):
            yield [*value[:k], half, *value[k + 1 :]]


def _settings(recipe: Recipe) -> Iterator[Recipe]:
    """Without all keys of the configuration, else without one at a time."""
    config = recipe["config"]
    if len(config) > 1:
        yield recipe | {"config": {}}
    for key in config:
        yield recipe | {"config": {k: v for k, v in config.items() if k != key}}
    for key in config.get("Bitsmith", {}):
        own = {k: v for k, v in config["Bitsmith"].items() if k != key}
        yield recipe | {"config": config | {"Bitsmith": own}}


def _each(recipe: Recipe, change: Callable[[Network], Iterator[Network]]) -> Iterator[Recipe]:
    networks = recipe["networks"]
    for k, network in enumerate(networks):
        for changed in change(network):
            yield recipe | {"networks": [*networks[:k], changed, *networks[k + 1 :]]}
