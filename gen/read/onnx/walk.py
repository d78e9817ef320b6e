"""The walk over an ONNX graph: what is known of each tensor, the layers so far, and how tensors are brought into order.

Each operator has a function in the other modules of this package (``handles``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from ....sim.errors import BitsmithError
from ....sim.fixed import FloatArray
from ..attributes import Attributes
from ..network import Layer
from .proto import Model, Node
from .values import BATCH, ONE, Const, Value

Handler = Callable[["Walk", Node, Attributes, list["Value | Const | None"]], "Value | Const"]
Read = TypeVar("Read", bound=Handler)
HANDLERS: dict[str, Handler] = {}
"""By the operator's name."""


def handles(*ops: str) -> Callable[[Read], Read]:
    """Register the function that reads operators."""

    def register(handler: Read) -> Read:
        HANDLERS.update(dict.fromkeys(ops, handler))
        return handler

    return register


@dataclass
class Walk:
    """The state of the walk."""

    model: Model
    quantized: bool
    """Whether the graph has quantizers: then constants that have none keep every bit."""
    values: dict[str, Value | Const] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    made: dict[tuple[str, str], Value] = field(default_factory=dict)
    """What was brought into order once, so that several readers share it."""
    once: set[str] = field(default_factory=set)
    """Layers ``Affine`` that only one operator of the graph reads."""

    @property
    def batch(self) -> int:
        """The batch's size in the file, 1 where it is open."""
        return self.model.inputs[0][1][0] or 1

    def single(self, name: str) -> bool:
        return self.model.readers.get(name, 0) <= 1

    def emit(
        self, name: str, class_name: str, config: dict[str, Any], *inputs: Value, **weights: FloatArray
    ) -> str:  # fmt: skip
        """A new layer; its key, which is its name."""
        key = name
        while key in self.layers:
            key += "_"
        kept = {n: np.asarray(w, dtype=np.float64) for n, w in weights.items()}
        for n, w in kept.items():
            if not (np.abs(w) <= np.finfo(np.float32).max).all():
                raise BitsmithError(f"'{name}': {n} is beyond float32, or no number; train the model again")
        self.layers[key] = Layer(key, key, class_name, {"name": key, **config}, tuple(v.key for v in inputs), kept)
        return key

    def behind(self, x: Value, name: str, class_name: str, config: dict[str, Any] | None = None) -> Value:
        """A layer that computes place by place: everything known of its input holds for its output."""
        return replace(x, key=self.emit(name, class_name, config or {}, x))

    def plain(self, x: Value) -> Value:
        """The value with nothing pending: a layer ``Affine`` where there is."""
        if not x.pending:
            return x
        known = self.made.get((x.key, f"affine {x.origin}"))
        if known is not None and known.labels == x.labels:
            return known
        channels = x.shape[-1]
        scale = np.broadcast_to(np.ones(1) if x.scale is None else x.scale, (channels,))
        offset = np.broadcast_to(np.zeros(1) if x.offset is None else x.offset, (channels,))
        y = replace(x, key=self.emit(x.origin, "Affine", {}, x, scale=scale, offset=offset), scale=None, offset=None)
        self.made[x.key, f"affine {x.origin}"] = y
        self.once |= {y.key} if x.single else set()
        return y

    def natural(self, x: Value, name: str) -> Value:
        """Our axes in ONNX's order."""
        if x.order is not None and x.before is not None:
            shape, dims = x.before
            x = self.plain(x)
            reshaped = self.emit(f"{name}_unflatten", "Reshape", {"target_shape": list(shape)}, x)
            whole = Value(reshaped, shape, (BATCH, *range(len(shape))))
            permuted = self.emit(f"{name}_permute", "Permute", {"dims": [d + 1 for d in dims]}, whole)
            turned = Value(permuted, tuple(shape[d] for d in dims), whole.labels)
            return Value(self.emit(f"{name}_flatten", "Flatten", {}, turned), x.shape, x.labels)
        return self.arranged(x, tuple(sorted(x.axes)), name)

    def arranged(self, x: Value, axes: tuple[int, ...], name: str) -> Value:
        """Our axes are these axes of ONNX's, in this order; those that were left out have size 1."""
        if x.axes == axes:
            return x
        if x.order is not None:
            x = self.natural(x, name)
        if any(part is not None and part.size > 1 for part in (x.scale, x.offset)):
            x = self.plain(x)
        tag = f"arranged {axes} {x.labels} {x.pending} {x.origin}"
        if (x.key, tag) not in self.made:
            self.made[x.key, tag] = self._turned(self._with_axes(x, axes, name), axes, name)
        return self.made[x.key, tag]

    def _with_axes(self, x: Value, axes: tuple[int, ...], name: str) -> Value:
        """The same order, with the axes of size 1 that are asked for and without the others."""
        dims = x.dims
        gone = [axis for axis in x.axes if axis not in axes]
        if any(dims[axis] != 1 for axis in gone):
            raise BitsmithError(f"'{name}': its input of shape {dims} has more axes than it takes")
        kept = [axis for axis in axes if axis not in x.axes] + [axis for axis in x.axes if axis in axes]
        if tuple(kept) == x.axes:
            return x
        shape = tuple(dims[axis] for axis in kept)
        key = self.emit(f"{name}_reshape", "Reshape", {"target_shape": list(shape)}, x)
        return replace(x, key=key, shape=shape, labels=_labels(x, tuple(kept)))

    def _turned(self, x: Value, axes: tuple[int, ...], name: str) -> Value:
        if x.axes == axes:
            return x
        dims = [x.labels[axis] for axis in axes]
        key = self.emit(f"{name}_permute", "Permute", {"dims": [d + 1 for d in dims]}, x)
        return replace(x, key=key, shape=tuple(x.shape[d] for d in dims), labels=_labels(x, axes))

    def channels(self, x: Value, axis: int, name: str) -> Value:
        """ONNX's ``axis`` is our last one; a vector that has it as one of size 1 gets it."""
        axis %= len(x.labels)
        if x.labels[axis] == BATCH:
            raise BitsmithError(f"'{name}' works along axis {axis}, which is the batch; that is not supported")
        if x.axes and x.axes[-1] == axis:
            return x
        return self.arranged(x, (*(a for a in sorted(x.axes) if a != axis), axis), name)

    def image(self, x: Value, last: bool, name: str, factor: bool = False, each: bool = False) -> Value:
        """An image or a sequence, channels last; ``last``: in ONNX too. ``factor``: one that is pending may stay, and
        with ``each`` also one for each channel."""
        rank = len(x.labels)
        if rank not in (3, 4) or x.labels[0] != BATCH:
            raise BitsmithError(f"'{name}': an input of shape {x.dims} is no image and no sequence; give 3 or 4 axes")
        axes = tuple(range(1, rank)) if last else (*range(2, rank), 1)
        kept = factor and x.offset is None and x.scale is not None and (each or x.scale.size == 1)
        return replace(self.arranged(x if kept else self.plain(x), axes, name), image=True)


def _labels(x: Value, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Labels where our axes are these of ONNX's."""
    return tuple(BATCH if b == BATCH else axes.index(a) if a in axes else ONE for a, b in enumerate(x.labels))
