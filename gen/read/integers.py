"""Integer weights of Keras's ``quantize("int8")`` and ``quantize("int4")`` as the values that they stand for.

The value of an integer n is n / s in int8, and in int4 with one scale for each output; in int4 with blocks it is
(n - z) * s, with a scale s and a zero point z for each block of inputs. A kernel keeps its integers (n, or n - z) and a
factor for each output (and block): the float32 nearest to 1 / s, or s itself. Rows of an Embedding are what Keras
divides them to, in float32: they are a layer's result, and get a type as any other one. The integers that Keras makes
of a layer's *inputs* have no part in this: their scale depends on each frame, and the input's fixed type stands in its
place.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray
from ..classes import short
from ..quantize.integers import integers, useful
from .integer_variables import Stored, new_axes
from .network import Layer, Network
from .policy import integers_of
from .weights import Weights


def as_values(network: Network) -> Network:
    """The network with the values of its integer weights; a layer that makes no sense stays, for ``with_values``."""
    return replace(network, layers=tuple(_tried(layer) for layer in network.layers))


def _tried(layer: Layer) -> Layer:
    try:
        return with_values(layer)
    except BitsmithError:
        return layer


def with_values(layer: Layer) -> Layer:
    """A layer of integer weights as one of float32, with a quantizer of its kernel; any other layer as it is.

    BitsmithError where its variables make no sense.
    """
    how = integers_of(layer.class_name, layer.config)
    if how is None:
        return layer
    if layer.class_name == "EinsumDense" and not new_axes(equation := layer.config.get("equation")):
        raise BitsmithError(
            f"equation={short(equation)} on '{layer.name}' is not supported; supported in int{how.bits}: a kernel "
            "whose last axes are the new ones, e.g. abc,cd->abd"
        )
    stored = Stored(layer, how)
    values, own = _rows(stored) if layer.class_name == "Embedding" else _kernel(stored)
    config = {key: value for key, value in layer.config.items() if key != "quantization_config"}
    dtype = {"class_name": "DTypePolicy", "config": {"name": how.source}}
    weights: Weights = stored.others() | {stored.main: np.asarray(values, dtype=np.float64)}
    return replace(layer, config=config | own | {"dtype": dtype}, weights=weights)


def _rows(stored: Stored) -> tuple[Any, dict[str, Any]]:
    """The rows of an Embedding, in Keras's order and precision."""
    of: Any = np.float32 if stored.how.source == "float32" else np.float64
    raw = stored.levels()
    rows, columns = raw.shape
    if not stored.how.block:
        return of(raw) / of(stored.scales(rows))[:, None], {}
    blocks = ceil(columns / stored.how.block)
    place = stored.places(columns, blocks)
    scale, zero = stored.scales(rows, blocks)[:, place], stored.zeros(rows, blocks)[:, place]
    return of(raw - zero) * of(scale), {}


def _kernel(stored: Stored) -> tuple[FloatArray, dict[str, Any]]:
    """A kernel's values, exact products of integers and factors, and the quantizer that finds both again."""
    shaped, sizes, (bits, block, _) = stored.levels(), stored.outputs, stored.how
    raw = shaped.reshape(-1, int(np.prod(sizes)))
    rows, columns = raw.shape
    if not block:
        scales = stored.scales(*(sizes if bits == 8 else (columns,))).reshape(-1)
        factors = useful((1 / scales).astype(np.float32).astype(np.float64), raw, None)
        return (raw * factors).reshape(shaped.shape), {"kernel_quantizer": integers(bits, factors)}
    blocks = ceil(rows / block)
    place = stored.places(rows, blocks)
    raw = raw - stored.zeros(blocks, columns)[place]  # -15 to 15
    factors = useful(stored.scales(blocks, columns), raw, block)
    own = integers(bits + 1, factors, block) if blocks > 1 else integers(bits + 1, factors[0])
    return (raw * factors[place]).reshape(shaped.shape), {"kernel_quantizer": own}
