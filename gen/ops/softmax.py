"""Softmax, as a layer or as a function; left out where an argmax follows."""

from __future__ import annotations

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ...sim.ops.softmax import Softmax
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor, at_layer
from ..read.network import Layer
from .activation_floats import named_by_class
from .floats import Array
from .per_step import last_axis
from .registry import converts
from .softmax_hgq import quantized_floats, quantized_softmax

TABLE_BITS = 12
"""Address bits of both tables unless ``Bitsmith: table_bits`` says otherwise."""


def softmax(build: Builder, layer: Layer, x: Tensor, suffix: str = "") -> Tensor:
    """The softmax node; its tables follow from the result's fraction bits and the table's address bits.

    Differences are kept up to the point where exp is below half a step of the result; exp and the sum's reciprocal
    have two bits more than the result.
    """
    if build.decision == layer.key:
        return x
    to = build.result(layer, required=True, inner=suffix)
    assert to is not None
    bits = build.config.bitsmith.table_bits or TABLE_BITS
    fraction = max(to.type.fraction, 1) + 2
    reach = max((fraction * 7 // 10).bit_length(), 1)  # exp(-2**reach) < 2**-fraction
    classes = x.shape[-1]
    whole = classes.bit_length()
    difference = Fixed(False, reach, min(bits - reach, max(x.type.fraction, 1 - reach)))
    try:
        op = Softmax(
            x.type, difference, Fixed(False, 1, fraction), Fixed(False, whole, bits - whole),
            Fixed(False, 1, fraction), to.type, to.rounding, to.overflow,
        )  # fmt: skip
    except BitsmithError as error:
        raise at_layer(layer, error) from None
    return build.add(layer, op, x, suffix=suffix, shape=x.shape)


def _heads(a: Attributes) -> int:
    """So many parts of the channels have a softmax each: of attention, not Keras's."""
    return a.sizes("heads", 1, 1)[0]


def softmax_of_heads(layer: Layer, x: Array) -> Array:
    heads = _heads(Attributes(layer.name, layer.config))
    return named_by_class(layer, x.reshape(*x.shape[:-1], heads, -1)).reshape(x.shape)


@converts("Softmax", floats=softmax_of_heads, each_step=last_axis)
def convert_softmax(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    heads = _heads(a)
    a.only("axis", -1, len(x.shape))
    a.finish()
    if heads == 1:
        return softmax(build, layer, x)
    if len(x.shape) != 2 or x.shape[1] % heads:
        raise BitsmithError(f"'{layer.name}': a softmax of {heads} heads on shape {x.shape}; give (steps, heads * n)")
    each = build.reshape(layer, x, (x.shape[0], heads, x.shape[1] // heads), "heads")
    return build.reshape(layer, softmax(build, layer, each), x.shape, "rows")


@converts("hgq>QSoftmax", floats=quantized_floats)
def convert_quantized(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    return quantized_softmax(build, layer, inputs)
