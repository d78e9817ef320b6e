"""EinsumDense: equations that are a dense layer over the last axes."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray
from ...sim.op import Shape
from ..quantize.integers import is_integers
from ..read.attributes import Attributes
from ..read.network import Layer

_FORM = "a dense layer over the last axes, e.g. abc,cd->abd or ...x,xy->...y"


class Form(NamedTuple):
    """The kernel as it is stored, how many of its axes are summed over, and the bias for each output (units,)."""

    kernel: FloatArray
    summed: int
    bias: FloatArray | None

    @property
    def outputs(self) -> Shape:
        """The new axes."""
        return tuple(self.kernel.shape[self.summed :])

    @property
    def units(self) -> int:
        return prod(self.outputs)

    def kept(self, shape: Shape) -> Shape:
        """The axes of an input (batch or not) in front of those that are summed over."""
        return tuple(shape[: len(shape) - self.summed])


def einsum_form(layer: Layer, a: Attributes, shape: Shape) -> Form:
    """Of a layer on an input of ``shape`` (without the batch); BitsmithError for an equation that is something else."""
    summed, new = _letters(a, len(shape) + 1)
    kernel, taken = layer.variable("kernel", "0"), shape[len(shape) - len(summed) :]
    if kernel.ndim == 2 and is_integers(layer.config.get("kernel_quantizer")):
        kernel = _unflattened(a, kernel, tuple(taken), len(new))
    if kernel.ndim != len(summed) + len(new) or kernel.shape[: len(summed)] != tuple(taken):
        raise BitsmithError(
            f"'{layer.name}': equation={a.get('equation')} takes {shape} and the kernel has shape {kernel.shape}; "
            "save the model again"
        )
    _check_shape(a, tuple(kernel.shape[len(summed) :]))
    axes = a.get("bias_axes")
    if axes is None and ("bias" in layer.weights or "1" in layer.weights):
        a.refuse("bias_axes", axes, "the axes of the bias that the file holds")
    if axes is None:
        return Form(kernel, len(summed), None)
    if not isinstance(axes, str) or not axes or not set(axes) <= set(new):
        a.refuse("bias_axes", axes, f"None, or some of the new axes {new}")
    bias, outputs = layer.variable("bias", "1"), kernel.shape[len(summed) :]
    wanted = tuple(n if letter in axes else 1 for letter, n in zip(new, outputs))
    first = next(i for i, letter in enumerate(new) if letter in axes)
    if bias.shape != wanted[first:]:
        raise BitsmithError(
            f"'{layer.name}': bias has shape {bias.shape}, with bias_axes={axes} it has {wanted[first:]}; "
            "save the model again"
        )
    return Form(kernel, len(summed), np.broadcast_to(bias, outputs).ravel())


def _unflattened(a: Attributes, kernel: Any, taken: Shape, new: int) -> Any:
    """A kernel that Keras keeps as (inputs, outputs), in int4, in its own shape; as it is where that does not fit."""
    given = a.get("output_shape")
    outputs = tuple(given[-new:]) if isinstance(given, (list, tuple)) else (given,)
    fits = all(type(n) is int for n in outputs) and kernel.shape == (prod(taken), prod(outputs))
    return kernel.reshape(*taken, *outputs) if fits else kernel


def _check_shape(a: Attributes, outputs: Shape) -> None:
    """BitsmithError where ``output_shape``, if it is there, does not end in the new axes; None stands for any size."""
    given = a.get("output_shape")
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    last = items[-len(outputs) :]
    same = all(n is None or (type(n) is int and n == size) for n, size in zip(last, outputs))
    if given is not None and (not same or len(last) < len(outputs)):
        a.refuse("output_shape", given, f"a shape that ends in {outputs}, as the kernel has it")


def _letters(a: Attributes, rank: int) -> tuple[str, str]:
    """The letters that are summed over and those of the new axes; ``rank`` counts the batch."""
    equation = a.get("equation")
    text = equation.replace(" ", "") if isinstance(equation, str) else ""
    left, _, output = text.partition("->")
    given, _, kernel = left.partition(",")
    if given.startswith("...") and output.startswith("..."):
        given, output, free = given[3:], output[3:], True
    else:
        free = False
    summed = next((given[i:] for i in range(len(given)) if kernel.startswith(given[i:])), "")
    new = kernel[len(summed) :]
    names = given + new
    fits = len(given) <= rank - 1 if free else len(given) == rank
    if not (
        summed and new and fits and len(summed) < rank and names.isalpha() and len(set(names)) == len(names)
        and output == given[: len(given) - len(summed)] + new
    ):  # fmt: skip
        a.refuse("equation", equation, _FORM)
    return summed, new
