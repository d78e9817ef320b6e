"""Frames of many kinds, from which those are chosen that reach something, and changes of frames that came near."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....sim.fixed import IntArray
from ....sim.op import Spec

Family = Callable[[Spec, np.random.Generator], IntArray]
Change = Callable[[IntArray, IntArray, Spec, np.random.Generator], IntArray]


def _uniform(spec: Spec, rng: np.random.Generator) -> IntArray:
    return rng.integers(spec.type.raw_min, spec.type.raw_max, spec.shape, endpoint=True)


def _scaled(spec: Spec, rng: np.random.Generator) -> IntArray:
    """Small values: by as many bits as the type has."""
    return _uniform(spec, rng) >> int(rng.integers(0, spec.type.width))


def _sparse(spec: Spec, rng: np.random.Generator) -> IntArray:
    return np.where(rng.random(spec.shape) < rng.random() ** 2, _uniform(spec, rng), _zero(spec))


def _extreme(spec: Spec, rng: np.random.Generator) -> IntArray:
    """Each value the least or the largest, one more often than the other."""
    return np.where(rng.random(spec.shape) < rng.random(), spec.type.raw_min, spec.type.raw_max)


def _by_channel(spec: Spec, rng: np.random.Generator) -> IntArray:
    """A level for each channel, and a little noise."""
    levels = rng.integers(spec.type.raw_min, spec.type.raw_max, spec.shape[-1], endpoint=True)
    noise = rng.integers(-2, 2, spec.shape, endpoint=True)
    return _inside(levels + noise * int(rng.integers(0, 2)), spec)


def _blocks(spec: Spec, rng: np.random.Generator) -> IntArray:
    """A coarse random image, enlarged: neighbours are alike."""
    size = int(rng.integers(2, 9))
    places = np.ix_(*(np.arange(n) // (size if k < len(spec.shape) - 1 else 1) for k, n in enumerate(spec.shape)))
    blocks: IntArray = _uniform(spec, rng)[places]
    return blocks


def _level(spec: Spec, rng: np.random.Generator) -> IntArray:
    """A narrow band of values at any place of the range."""
    middle = int(rng.integers(spec.type.raw_min, spec.type.raw_max, endpoint=True))
    spread = max(1, (spec.type.raw_max - spec.type.raw_min) >> int(rng.integers(1, 8)))
    return _inside(middle + rng.integers(-spread, spread, spec.shape, endpoint=True), spec)


FAMILIES: tuple[Family, ...] = (_uniform, _scaled, _sparse, _extreme, _by_channel, _blocks, _level)


def pool(spec: Spec, count: int, rng: np.random.Generator) -> IntArray:
    """(count, *shape) of all families in turn."""
    found = np.zeros((count, *spec.shape), dtype=np.int64)
    for k in range(count):
        found[k] = FAMILIES[k % len(FAMILIES)](spec, rng)
    return found


# changes of a frame; ``other`` is another one ------------------------------------------------------------------


def _one(x: IntArray, other: IntArray, spec: Spec, rng: np.random.Generator) -> IntArray:
    """One value by a few steps."""
    x.flat[int(rng.integers(x.size))] += int(rng.choice([-1, 1])) << int(rng.integers(0, max(1, spec.type.width - 1)))
    return _inside(x, spec)


def _few(x: IntArray, other: IntArray, spec: Spec, rng: np.random.Generator) -> IntArray:
    """Some values anew."""
    at = rng.integers(x.size, size=1 + int(rng.integers(0, max(1, min(8, x.size)))))
    x.flat[at] = rng.integers(spec.type.raw_min, spec.type.raw_max, len(at), endpoint=True)
    return x


def _mixed(x: IntArray, other: IntArray, spec: Spec, rng: np.random.Generator) -> IntArray:
    """A stretch of another frame."""
    first, last = np.sort(rng.integers(0, x.size + 1, 2))
    x.flat[first:last] = other.flat[first:last]
    return x


def _drawn(x: IntArray, other: IntArray, spec: Spec, rng: np.random.Generator) -> IntArray:
    """Some values to an end of the range."""
    at = rng.random(x.shape) < rng.random() ** 3
    return np.where(at, rng.choice([spec.type.raw_min, spec.type.raw_max], x.shape), x)


def _shifted(x: IntArray, other: IntArray, spec: Spec, rng: np.random.Generator) -> IntArray:
    """Every value by as much."""
    return _inside(x + (int(rng.choice([-1, 1])) << int(rng.integers(0, max(1, spec.type.width - 1)))), spec)


CHANGES: tuple[Change, ...] = (_one, _one, _few, _mixed, _drawn, _shifted)


def changed(x: IntArray, other: IntArray, spec: Spec, rng: np.random.Generator) -> IntArray:
    """One of the changes of one frame (*shape)."""
    return CHANGES[int(rng.integers(len(CHANGES)))](x.copy(), other, spec, rng)


def _zero(spec: Spec) -> int:
    return min(max(0, spec.type.raw_min), spec.type.raw_max)


def _inside(x: IntArray, spec: Spec) -> IntArray:
    return np.clip(x, spec.type.raw_min, spec.type.raw_max)
