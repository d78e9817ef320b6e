"""HGQ2's quantizers of tensors: the layer Quantizer, and those in front of and behind every other layer of HGQ2."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ...sim.errors import BitsmithError
from ..quantize.hgq import HgqQuantizer, operator
from ..read.build import Builder, Tensor
from ..read.hgq import PACKAGE, input_quantizers, plain_layer, proxy_quantizer, quantizer
from ..read.network import Layer
from .floats import Array
from .registry import Converter, FloatForm, converts


def retyped(build: Builder, layer: Layer, x: Tensor, role: str) -> Tensor:
    """The tensor behind one of the layer's quantizers; as it is where there is none, or where that changes nothing."""
    return by_quantizer(build, layer, x, quantizer(layer, role), role)


def by_quantizer(build: Builder, layer: Layer, x: Tensor, q: HgqQuantizer | None, role: str) -> Tensor:
    """The node of a quantizer."""
    if q is None:
        return x
    try:
        op = operator(q, x.spec, x.shape)
    except BitsmithError as error:
        raise BitsmithError(f"'{layer.name}': its quantizer{f' {role}' if role else ''}: {error}") from None
    return x if op is None else build.add(layer, op, x, suffix=role, shape=x.shape)


def _as_it_is(layer: Layer) -> Layer:
    return layer


def also_in_hgq(
    *class_names: str, floats: FloatForm, prepare: Callable[[Layer], Layer] = _as_it_is, several: bool = False
) -> Callable[[Converter], Converter]:
    """Register a Keras layer's converter for HGQ2's layers of the same arithmetic, with quantizers around it.

    ``prepare`` gives the layer with the attributes and weights that the converter knows; ``several``: it takes more
    than one tensor, each with a quantizer of its own.
    """

    def register(convert: Converter) -> Converter:
        @wraps(convert)
        def between(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
            layer = plain_layer(layer)
            try:
                roles = [f"iq{k}" for k in range(len(inputs))] if several else ["iq"]
                given = tuple(retyped(build, layer, build.plain(layer, x), role) for x, role in zip(inputs, roles))
            except BitsmithError:
                convert(build, prepare(layer), inputs)  # an attribute that nobody knows may be why, and is said first
                raise
            return retyped(build, layer, convert(build, prepare(layer), given), "oq")

        def form(layer: Layer, *x: Array) -> Any:
            found, layer = input_quantizers(layer), plain_layer(layer)
            return floats(prepare(layer), *(part if q is None else q.values(part) for q, part in zip(found, x)))

        converts(*(f"{PACKAGE}{name}" for name in class_names), floats=form, several=several)(between)
        return convert

    return register


def _values(layer: Layer, x: Array) -> Array:
    (q,) = input_quantizers(layer)
    return x if q is None else q.values(x)


@converts(f"{PACKAGE}Quantizer", floats=_values)
def convert_quantizer(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    a = build.attributes(layer)
    a.harmless("config")
    a.finish()
    return retyped(build, layer, build.plain(layer, inputs[0]), "")


@converts("FixedPointQuantizer", "HGQ>FixedPointQuantizer", floats=_values)
def convert_proxy_quantizer(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """A quantizer of a proxy model; what it overrides are hls4ml's own types, which follow from its bits."""
    a, x = build.attributes(layer), build.plain(layer, inputs[0])
    for name in ("RND", "SAT", "fusible"):
        a.get(name)
    a.harmless("shape", "overrides")
    a.finish()
    return by_quantizer(build, layer, x, proxy_quantizer(layer), "")
