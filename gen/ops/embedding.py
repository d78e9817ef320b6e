"""Embedding: each integer of the input becomes a row of a table."""

from __future__ import annotations

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Overflow, Rounding
from ...sim.ops.embedding import Embedding
from ...sim.table import MAX_ADDRESS_BITS
from ..config.schema import Precision
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.inputs import index_of
from ..read.linear import weight_grid
from ..read.network import Layer
from .floats import Array
from .registry import converts


def embedded(layer: Layer, x: Array) -> Array:
    rows = layer.variable("embeddings", "0")
    return rows[np.clip(np.rint(x), 0, len(rows) - 1).astype(np.int64)]


@converts("Embedding", floats=embedded)
def convert_embedding(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """The index is brought to the fewest bits that hold every row's, where the input has another type."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    rows, outputs = a.integer("input_dim"), a.integer("output_dim")
    _check_mask(a)
    a.harmless("input_length")
    a.finish()
    index = index_of(rows)
    if index.width > MAX_ADDRESS_BITS:
        raise BitsmithError(
            f"input_dim={rows} on '{layer.name}' is not supported; supported: up to {1 << MAX_ADDRESS_BITS} rows"
        )
    grid = weight_grid(
        build, layer, layer.weight(0, ("embeddings",), (rows, outputs)), None, "embeddings", "embeddings"
    )
    x = build.round(layer, x, Precision(index, Rounding.RND, Overflow.SAT), "index")
    x = build.reshape(layer, x, (*x.shape, 1), "index")
    shape = (*x.shape[:-1], outputs)
    y = build.add(layer, Embedding(index, grid.raw, grid.type), x, shape=shape)
    to = build.result(layer)
    return y if to is None else build.round(layer, y, to, "round")


def _check_mask(a: Attributes) -> None:
    value = a.get("mask_zero", False)
    if value is not False:
        a.refuse("mask_zero", value, "False: every sequence has all its steps here, and no step is left out")
