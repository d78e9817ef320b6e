"""GlobalMaxPooling in one and two dimensions."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...sim.op import Operator, Shape
from ...sim.ops.global_max_pool2d import GlobalMaxPool2D
from ...sim.ops.max_pool2d import MaxPool2D
from ...sim.params import NO_PADDING
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .forms import interleaves
from .registry import converts
from .retype import also_in_hgq
from .window import check_rank, dimensions
from .window_floats import over_places


def keep_axes(build: Builder, layer: Layer, x: Tensor, y: Tensor, keep: bool) -> Tensor:
    """``keepdims=True``: the vector as an image of one pixel."""
    return build.reshape(layer, y, (*(1,) * (len(x.shape) - 1), x.shape[-1]), "keepdims") if keep else y


@also_in_hgq("QGlobalMaxPooling1D", "QGlobalMaxPooling2D", floats=partial(over_places, function=np.maximum))
@converts("GlobalMaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPool2D", "GlobalMaxPool1D",
          floats=partial(over_places, function=np.maximum), moves=True)  # fmt: skip
def convert_global_max_pool2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    check_rank(layer, x, dimensions(layer))
    keep = a.flag("keepdims", False)
    a.finish()
    return keep_axes(build, layer, x, build.add(layer, GlobalMaxPool2D(x.type), x), keep)


@interleaves(GlobalMaxPool2D)
def interleaved(op: GlobalMaxPool2D, x: Shape, sequences: int) -> Operator:
    return MaxPool2D(op.input_type, (x[1], 1), (x[1], 1), NO_PADDING)
