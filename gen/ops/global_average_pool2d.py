"""GlobalAveragePooling in one and two dimensions, and QKeras's."""

from __future__ import annotations

from math import prod

from ...sim.op import Operator, Shape
from ...sim.ops.average_pool2d import AveragePool2D
from ...sim.ops.global_average_pool2d import GlobalAveragePool2D
from ...sim.params import NO_PADDING
from ..read.build import Builder, Tensor
from ..read.network import Layer
from .activation import apply_activation
from .average_pool2d import mean_precision, reciprocal, times_sum
from .forms import interleaves
from .global_max_pool2d import keep_axes
from .registry import converts
from .retype import also_in_hgq
from .window import check_rank, dimensions
from .window_floats import over_places


@also_in_hgq("QGlobalAveragePooling1D", "QGlobalAveragePooling2D", floats=over_places)
@converts("GlobalAveragePooling2D", "GlobalAveragePooling1D", "GlobalAvgPool2D", "GlobalAvgPool1D",
          "QGlobalAveragePooling2D", floats=over_places)  # fmt: skip
def convert_global_average_pool2d(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    check_rank(layer, x, dimensions(layer))
    keep = a.flag("keepdims", False)
    quantizer, activation = a.quantizer("average_quantizer"), a.function("activation", None)
    a.finish()
    height, width = x.spec.shape[:2]
    count = prod((height, width))
    if quantizer is not None:
        factor = reciprocal(build, layer, quantizer, count)
        y = times_sum(build, layer, x, factor, (height, width), (1, 1))
        y = build.reshape(layer, y, (x.shape[-1],), "vector")
    else:
        p = mean_precision(build, layer, x.type, count, True, activation)
        y = build.add(layer, GlobalAveragePool2D(x.type, p.type, p.rounding, p.overflow), x)
    return keep_axes(build, layer, x, apply_activation(build, layer, y, activation), keep)


@interleaves(GlobalAveragePool2D)
def interleaved(op: GlobalAveragePool2D, x: Shape, sequences: int) -> Operator:
    window = (x[1], 1)
    return AveragePool2D(op.input_type, window, window, NO_PADDING, op.output_type, op.rounding, op.overflow)
