"""Many samples of all kinds at once: a layer alone is small, and a million of its inputs are seconds of work."""

from __future__ import annotations

import numpy as np

from ....sim.fixed import IntArray
from ....sim.op import Spec

KINDS = 6


def samples(spec: Spec, count: int, rng: np.random.Generator) -> IntArray:
    """(count, *shape) in turn: uniform, small, sparse, the ends of the range, one value everywhere and a value for each
    place, both of which go evenly through the range."""
    low, high = spec.type.raw_min, spec.type.raw_max
    size = int(np.prod(spec.shape))
    x = rng.integers(low, high, (count, size), endpoint=True)
    kind = (np.arange(count) % KINDS)[:, np.newaxis]
    x = np.where((kind == 1) | (kind == 2), x >> rng.integers(0, spec.type.width, (count, 1)), x)
    share = rng.random((count, 1))
    chosen = rng.random((count, size)) < share**2
    x = np.where((kind == 2) & ~chosen, min(max(0, low), high), x)
    x = np.where(kind == 3, np.where(chosen, low, high), x)
    x = np.where(kind == 4, _even(low, high, count, 1, rng), x)
    x = np.where(kind == 5, _even(low, high, count, size, rng), x)
    found: IntArray = np.clip(x, low, high).reshape(count, *spec.shape)
    return found


def _even(low: int, high: int, count: int, places: int, rng: np.random.Generator) -> IntArray:
    """(count, places): values in equal steps, from a place of its own each."""
    at = (np.arange(count)[:, np.newaxis] + rng.integers(0, count, places)) % count
    apart, rest = divmod(high - low, max(1, count - 1))
    found: IntArray = low + at * apart + at * rest // max(1, count - 1)
    return found + rng.integers(0, max(1, apart // 2 + 1))
