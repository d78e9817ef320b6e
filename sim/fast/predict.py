"""The reference predictor: a graph of integers on whole batches, fast and exact."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray, Overflow, Rounding, quantize
from ..graph import Graph
from ..op import Spec
from .blas import one_thread_each
from .plan import make_plan
from .steps import Buffers, Run

Array = NDArray[Any]
Load = Callable[[Array, Array, Fixed], None]

_CACHE_BYTES = 8 << 20  # buffers of one chunk of images: about what a core's own caches hold
_MOST_IMAGES, _MOST_THREADS, _MOST_BINDINGS = 128, 16, 32


@dataclass(frozen=True)
class _Binding:
    """Buffers for a fixed number of images and the steps bound to them."""

    buffers: Buffers
    runs: list[Run]


class Reference:
    """Computes a graph's integers. Inputs and outputs have a leading batch axis; integers are raw (see ``Fixed``).

    ``predict_raw`` may reorder work and compute with floats where that is proven exact; ``trace_raw`` computes every
    tensor plainly in int64. Both give the same integers. May be called from several threads at once.
    """

    def __init__(self, graph: Graph, threads: int | None = None) -> None:
        """``threads`` defaults to the processors this process may use, at most 16."""
        self.graph = graph
        self.specs: dict[str, Spec] = graph.specs()
        self.threads = threads or min(processors(), _MOST_THREADS)
        self._steps = make_plan(graph)
        self._lock = threading.Lock()
        self._free: list[_Binding] = []
        self._chunk = max(1, min(_MOST_IMAGES, _CACHE_BYTES // max(1, self._bind(1).buffers.bytes)))

    def predict(
        self, *x_float: ArrayLike, rounding: Rounding = Rounding.RND_CONV, overflow: Overflow = Overflow.SAT
    ) -> tuple[IntArray, ...]:
        """Raw outputs (int64, one array for each output of the graph) for real inputs, one array for each input.

        Inputs are quantized to the graph's input types; values off the grid are rounded and saturated as said. Raises
        BitsmithError for NaN, infinities and shapes that do not fit.
        """

        def load(target: Array, x: Array, type: Fixed) -> None:
            target[...] = quantize(x, type, rounding, overflow)

        return self._run(self._shaped(x_float), load)

    def predict_raw(self, *raw: ArrayLike) -> tuple[IntArray, ...]:
        """Raw outputs (int64, one array for each output of the graph); BitsmithError for inputs that don't fit."""
        return self._run(self._checked(raw), lambda target, x, type: np.copyto(target, x, casting="unsafe"))

    def trace_raw(self, *raw: ArrayLike) -> dict[str, IntArray]:
        """Every tensor of the graph by name, inputs included, by the operators' own ``compute`` in graph order."""
        tensors: dict[str, IntArray] = {}
        for (name, _), x in zip(self.graph.inputs, self._checked(raw)):
            tensors[name] = x.astype(np.int64)
        for node in self.graph.nodes:
            tensors[node.name] = node.op.compute(*(tensors[name] for name in node.inputs))
        return tensors

    def with_threshold(self, threshold: int) -> Reference:
        """The same reference with another raw threshold wherever there is one, as hardware takes one at run time."""
        graph: Any = self.graph
        nodes = tuple(
            replace(node, op=replace(node.op, threshold=threshold)) if node.op.has_threshold else node
            for node in graph.nodes
        )
        return Reference(replace(graph, nodes=nodes), self.threads)

    def _shaped(self, given: Sequence[ArrayLike]) -> list[Array]:
        """Arrays of the graph's input shapes and one batch size; a sequence may come as Keras has it."""
        arrays, inputs = [np.asarray(x) for x in given], self.graph.inputs
        if len(arrays) != len(inputs):
            names = ", ".join(name for name, _ in inputs)
            raise BitsmithError(f"{len(arrays)} inputs given, the model has {len(inputs)}; give {names}")
        arrays = [x[:, np.newaxis] if (1, *x.shape[1:]) == spec.shape else x for x, (_, spec) in zip(arrays, inputs)]
        for x, (name, spec) in zip(arrays, inputs):
            if x.shape[1:] != spec.shape or x.ndim == 0:
                raise BitsmithError(f"input '{name}' has shape {x.shape}; give (batch, {str(spec.shape)[1:-1]})")
        if len({len(x) for x in arrays}) > 1:
            raise BitsmithError(
                f"inputs have {', '.join(str(len(x)) for x in arrays)} images; give the same number of each"
            )
        return arrays

    def _checked(self, raw: Sequence[ArrayLike]) -> list[Array]:
        """Integers inside the types of the graph's inputs."""
        arrays = self._shaped(raw)
        for x, (name, spec) in zip(arrays, self.graph.inputs):
            if x.dtype.kind not in "iu":
                raise BitsmithError(
                    f"input '{name}' has dtype {x.dtype}; give raw integers, or use predict for real values"
                )
            if x.size and not spec.type.raw_min <= int(x.min()) <= int(x.max()) <= spec.type.raw_max:
                raise BitsmithError(
                    f"input '{name}' holds raw {int(x.min())}..{int(x.max())}, outside {spec.type}; "
                    f"give {spec.type.raw_min} to {spec.type.raw_max}"
                )
        return arrays

    def _run(self, arrays: list[Array], load: Load) -> tuple[IntArray, ...]:
        batch = len(arrays[0])
        results = tuple(np.empty((batch, *self.specs[name].shape), np.int64) for name in self.graph.outputs)
        if batch == 0:
            return results
        chunk = min(self._chunk, -(-batch // self.threads))
        # The last chunk starts early rather than being short: some images are computed twice, to the same integers.
        starts = [min(start, batch - chunk) for start in range(0, batch, chunk)]
        pending = iter(starts)

        def work() -> None:
            binding = self._take(chunk)
            for start in pending:
                self._run_chunk(binding, slice(start, start + chunk), arrays, results, load)
            self._give(binding)

        with one_thread_each() as free:
            workers = min(self.threads if free else 1, len(starts))
            if workers == 1:
                work()
            else:
                with ThreadPoolExecutor(workers) as pool:
                    for future in [pool.submit(work) for _ in range(workers)]:
                        future.result()
        return results

    def _run_chunk(
        self, binding: _Binding, at: slice, arrays: list[Array], results: tuple[IntArray, ...], load: Load
    ) -> None:
        for (name, spec), x in zip(self.graph.inputs, arrays):
            load(binding.buffers[name], x[at], spec.type)
        for run in binding.runs:
            run()
        for name, result in zip(self.graph.outputs, results):
            result[at] = binding.buffers[name]

    def _bind(self, images: int) -> _Binding:
        buffers = Buffers(images)
        for name, spec in self.graph.inputs:
            buffers.add(name, spec)
        return _Binding(buffers, [step.bind(buffers) for step in self._steps])

    def _take(self, images: int) -> _Binding:
        """A binding that no other thread has."""
        with self._lock:
            at = next((i for i, binding in enumerate(self._free) if binding.buffers.images == images), None)
            if at is not None:
                return self._free.pop(at)
        return self._bind(images)

    def _give(self, binding: _Binding) -> None:
        with self._lock:
            self._free.append(binding)
            del self._free[:-_MOST_BINDINGS]


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
