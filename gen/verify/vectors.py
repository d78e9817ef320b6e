"""Test vectors: which integers go in, and where a build keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray, IntArray, quantize, to_float
from ...sim.graph import Graph
from ...sim.op import Spec
from ..files.input_file import as_array, check_file
from .batch import Batch
from .reach.search import reaching

AGAIN = "run 'bitsmith build' again"


def extremes(spec: Spec) -> IntArray:
    """(4, *shape): the least value everywhere, the largest, both in a checkerboard, and zero."""
    low, high = spec.type.raw_min, spec.type.raw_max
    board = np.indices(spec.shape).sum(axis=0) % 2
    zero = min(max(0, low), high)
    return np.stack(
        [np.full(spec.shape, low), np.full(spec.shape, high), np.where(board, high, low), np.full(spec.shape, zero)]
    )


def random(spec: Spec, count: int, rng: np.random.Generator) -> IntArray:
    """(count, *shape): uniform over the type, each frame scaled down by 0 to 3 bits: not everything saturates."""
    full = rng.integers(spec.type.raw_min, spec.type.raw_max, (count, *spec.shape), endpoint=True)
    return full >> rng.integers(0, 4, (count, *[1] * len(spec.shape)))


def make(inputs: tuple[tuple[str, Spec], ...], count: int, seed: int) -> Batch:
    """``count`` frames for every input: the extremes first, then random ones."""
    rng = np.random.default_rng(seed)
    return {n: np.concatenate([extremes(s), random(s, max(count - 4, 0), rng)])[:count] for n, s in inputs}


def of_graph(graph: Graph, count: int, seed: int) -> Batch:
    """``count`` frames: the extremes, of few frames half of them; then those that reach most; then random ones."""
    plain = make(graph.inputs, count, seed)
    first = min(4, count // 2)
    extreme = {name: raw[:first] for name, raw in plain.items()}
    found = reaching(graph, extreme, count - first, np.random.default_rng([seed, count]))
    return {n: np.concatenate([extreme[n], found[n], raw[first:]])[:count] for n, raw in plain.items()}


def save(folder: Path, inputs: Batch, outputs: Batch) -> None:
    """Write ``input_<name>.npy`` and ``output_<name>.npy``: raw integers, (frames, *shape)."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, batch in (("input", inputs), ("output", outputs)):
        for name, raw in batch.items():
            np.save(folder / f"{kind}_{name}.npy", raw)


def stored(folder: Path, kind: str, specs: Iterable[tuple[str, Spec]]) -> Batch | None:
    """The build's vectors of one kind, or None where it has none for every name.

    BitsmithError that names the file where one is damaged, or holds what cannot be.
    """
    paths = {name: (folder / f"{kind}_{name}.npy", spec) for name, spec in specs}
    if not all(path.is_file() for path, _ in paths.values()):
        return None
    batch = {name: _stored(path, name, spec) for name, (path, spec) in paths.items()}
    if len({len(raw) for raw in batch.values()}) > 1:
        raise BitsmithError(f"'{folder}' holds {kind}s of different lengths: {AGAIN}")
    return batch


def _stored(path: Path, name: str, spec: Spec) -> IntArray:
    try:
        array = load(path)
        if array.dtype.kind not in "iu" or array.shape[1:] != spec.shape:
            raise BitsmithError(f"it holds {array.dtype} of shape {array.shape}")
        return _raw(array, name, spec)
    except BitsmithError as error:
        raise BitsmithError(f"'{path}' is no file of the build's vectors ({error}): {AGAIN}") from error


def load(path: Path) -> Any:
    """One .npy array, or a dict of those of an .npz; BitsmithError where it is none. Pickles are refused."""
    check_file(path, "a .npy file, or a .npz of several")
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return dict(loaded) if hasattr(loaded, "keys") else loaded
    except Exception as error:  # numpy's reader raises whatever a damaged header makes it stumble over
        raise BitsmithError(f"'{path}' is no .npy file of numbers ({error}); save one with numpy.save") from error


def given(inputs: Any, specs: tuple[tuple[str, Spec], ...]) -> Batch:
    """A user's inputs as raw integers (frames, *shape) by input name.

    ``inputs`` is the path of a .npy or .npz, an array, or a dict of arrays. Integers are taken as raw; floats are
    rounded half to even and saturated to the input's type.
    """
    loaded = load(Path(inputs)) if isinstance(inputs, (str, Path)) else inputs
    arrays = dict(loaded) if hasattr(loaded, "keys") else {specs[0][0]: loaded}
    names = [name for name, _ in specs]
    if set(arrays) != set(names):
        raise BitsmithError(
            f"inputs for {sorted(arrays)} were given; the model has {names}: pass a .npz with these names"
        )
    batch = {name: _raw(as_array(arrays[name], f"input '{name}'"), name, spec) for name, spec in specs}
    if len({len(array) for array in batch.values()}) != 1:
        raise BitsmithError(
            f"the inputs hold {[len(a) for a in batch.values()]} frames; give every input the same number"
        )
    return batch


def real(inputs: Any, raw: Batch, specs: tuple[tuple[str, Spec], ...]) -> dict[str, FloatArray]:
    """The same frames as real numbers: a user's floats as they were before they were rounded to ``raw``, else what the
    integers stand for."""
    loaded = load(Path(inputs)) if isinstance(inputs, (str, Path)) else inputs
    arrays = dict(loaded) if hasattr(loaded, "keys") else {specs[0][0]: loaded}
    found: dict[str, FloatArray] = {}
    for name, spec in specs:
        given = np.asarray(arrays.get(name))[: len(raw[name])]
        floats = given.dtype.kind == "f"
        found[name] = given.reshape(raw[name].shape).astype(np.float64) if floats else to_float(raw[name], spec.type)
    return found


def _raw(array: Any, name: str, spec: Spec) -> IntArray:
    if array.shape[1:] != spec.shape and array.shape[1:] == spec.shape[:-1] and spec.shape[-1] == 1:
        array = array[..., np.newaxis]
    if array.ndim == 0 or len(array) == 0 or array[0].size != np.prod(spec.shape, dtype=int):
        raise BitsmithError(f"input '{name}' has shape {array.shape}; give (frames, {', '.join(map(str, spec.shape))})")
    array = array.reshape(len(array), *spec.shape)
    if array.dtype.kind == "f":
        return quantize(array, spec.type)
    if array.dtype.kind not in "iub":
        raise BitsmithError(f"input '{name}' holds {array.dtype}; give integers (raw) or floats")
    if array.min() < spec.type.raw_min or array.max() > spec.type.raw_max:
        raise BitsmithError(
            f"input '{name}' holds {array.min()} to {array.max()}; its raw integers are "
            f"{spec.type.raw_min} to {spec.type.raw_max}: give floats to have them rounded"
        )
    raw: IntArray = array.astype(np.int64)
    return raw
