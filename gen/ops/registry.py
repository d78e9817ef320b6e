"""Which converter makes a Keras layer into operators. Converters register themselves where they are defined."""

from __future__ import annotations

from collections.abc import Callable

from ..read.build import Builder, Tensor
from ..read.network import Layer

Converter = Callable[[Builder, Layer, tuple[Tensor, ...]], Tensor]
"""Adds a layer's operators behind its inputs and gives the layer's output."""

CONVERTERS: dict[str, Converter] = {}


def converts(*class_names: str) -> Callable[[Converter], Converter]:
    """Register a converter for Keras and QKeras classes."""

    def register(converter: Converter) -> Converter:
        CONVERTERS.update(dict.fromkeys(class_names, converter))
        return converter

    return register
