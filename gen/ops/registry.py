"""What is known of a Keras layer's class: its converter, its form in floats, and what both need.

Each module of this package registers its own classes, where it defines what they become.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from ...sim.op import Shape
from ..config.schema import Config
from ..read.build import Builder, Tensor
from ..read.network import Layer

Converter = Callable[[Builder, Layer, tuple[Tensor, ...]], Tensor]
"""Adds a layer's operators behind its inputs and gives the layer's output."""
FloatForm = Callable[..., Any]
"""``form(layer, *inputs)``: what the layer computes before its ``activation=``, of float64 arrays with a batch axis.

A layer that gives several tensors returns all of them by their keys, its activations applied.
"""

Describe = Callable[[Layer, Config], str]
"""What ``bitsmith inspect`` says of a layer in the place of its activation; empty where there is nothing to say."""


EachStep = Callable[[Layer, Shape], Layer]
"""Of a layer inside of TimeDistributed and the outer input's shape: the layer that does the same on all of it."""


class Norm(Enum):
    """How a class stands to batch normalization, which is folded into weights before they are quantized."""

    BEHIND = "one behind it is folded into its weights"
    INSIDE = "it has one of its own, which is folded as QKeras does"


CONVERTERS: dict[str, Converter] = {}
FLOAT_FORMS: dict[str, FloatForm] = {}
SEVERAL: set[str] = set()
"""Classes that take more than one tensor; recurrent ones an initial state."""
DESCRIPTIONS: dict[str, Describe] = {}
MOVES: set[str] = set()
"""Classes that hand on values as they are, in another place or order: the result has the input's type."""
NORMS: dict[str, Norm] = {}
Theirs = Callable[[dict[str, Any]], tuple[str, ...]]
"""hls4ml's classes for a layer, by its attributes."""
HLS4ML: dict[str, Theirs] = {}
"""Where hls4ml calls a class otherwise."""
EACH_STEP: dict[str, EachStep] = {}
"""Classes without a window that TimeDistributed may have inside."""


def converts(
    *class_names: str,
    floats: FloatForm,
    several: bool = False,
    moves: bool = False,
    norm: Norm | None = None,
    each_step: EachStep | None = None,
    describe: Describe | None = None,
    hls4ml: str | Theirs = "",
) -> Callable[[Converter], Converter]:
    """Register a converter for Keras and QKeras classes, with their form in floats."""

    def register(converter: Converter) -> Converter:
        CONVERTERS.update(dict.fromkeys(class_names, converter))
        FLOAT_FORMS.update(dict.fromkeys(class_names, floats))
        SEVERAL.update(class_names if several else ())
        MOVES.update(class_names if moves else ())
        NORMS.update({} if norm is None else dict.fromkeys(class_names, norm))
        theirs: Theirs = (lambda config: (hls4ml,)) if isinstance(hls4ml, str) else hls4ml
        HLS4ML.update(dict.fromkeys(class_names, theirs) if hls4ml else {})
        EACH_STEP.update({} if each_step is None else dict.fromkeys(class_names, each_step))
        DESCRIPTIONS.update({} if describe is None else dict.fromkeys(class_names, describe))
        return converter

    return register
