"""The logarithm of a softmax, as a layer or as a function; left out where an argmax follows."""

from __future__ import annotations

from math import log

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ...sim.ops.log_softmax import LogSoftmax
from ..read.build import Builder, Tensor, at_layer
from ..read.network import Layer
from .activation_floats import named_by_class
from .per_step import last_axis
from .registry import converts
from .softmax import TABLE_BITS


def log_softmax(build: Builder, layer: Layer, x: Tensor, suffix: str = "") -> Tensor:
    """The node; its tables follow from the result's fraction bits and the table's address bits, as a softmax's do.

    The exponentials have as many bits more as their sum has above 1, so that their roundings add up to no more.
    """
    if build.decision == layer.key:
        return x
    to = build.result(layer, required=True, inner=suffix)
    assert to is not None
    bits = build.config.bitsmith.table_bits or TABLE_BITS
    classes = x.shape[-1]
    whole, fraction = classes.bit_length(), max(to.type.fraction, 1) + 2
    fine = fraction + whole
    reach = max((fine * 7 // 10).bit_length(), 1)  # exp(-2**reach) < 2**-fine
    difference = Fixed(False, reach, min(bits - reach, max(x.type.fraction, 1 - reach)))
    top = max(int(log(classes)).bit_length(), 0)
    try:
        op = LogSoftmax(
            x.type, difference, Fixed(False, 1, fine), Fixed(False, whole, bits - whole), Fixed(False, top, fraction),
            to.type, to.rounding, to.overflow,
        )  # fmt: skip
    except BitsmithError as error:
        raise at_layer(layer, error) from None
    return build.add(layer, op, x, suffix=suffix, shape=x.shape)


@converts("LogSoftmax", floats=named_by_class, each_step=last_axis)
def convert_log_softmax(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    a.only("axis", -1, len(x.shape))
    a.finish()
    return log_softmax(build, layer, x)
