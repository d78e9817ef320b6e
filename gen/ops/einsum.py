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

_FORM = "a dense layer over the last axes, e.g. abc,cd->abd, ...x,xy->...y or ab,c->abc"


class Form(NamedTuple):
    """The kernel, its axes that are summed over first, how many these are, and the bias for each output (units,)."""

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
    summed, new, letters = _letters(a, len(shape) + 1)
    kernel, taken = layer.variable("kernel", "0"), shape[len(shape) - len(summed) :]
    if kernel.ndim == 2 and is_integers(layer.config.get("kernel_quantizer")):
        if letters != summed + new:  # which of the axes Keras packs together is known for this order only
            a.refuse("equation", a.get("equation"), "a kernel's summed axes first, where its weights are integers")
        kernel = _unflattened(a, kernel, tuple(taken), len(new))
    elif kernel.ndim == len(letters):
        kernel = kernel.transpose([letters.index(letter) for letter in summed + new])
    if kernel.ndim != len(letters) or kernel.shape[: len(summed)] != tuple(taken):
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


def _letters(a: Attributes, rank: int) -> tuple[str, str, str]:
    """The letters that are summed over, those of the new axes, and the kernel's; ``rank`` counts the batch.

    None is summed over where every value is multiplied with every weight.
    """
    equation = a.get("equation")
    text = equation.replace(" ", "") if isinstance(equation, str) else ""
    left, _, output = text.partition("->")
    given, _, kernel = left.partition(",")
    if given.startswith("...") and output.startswith("..."):
        given, output, free = given[3:], output[3:], True
    else:
        free = False
    summed = "".join(letter for letter in given if letter not in output)
    new = "".join(letter for letter in output if letter not in given)
    names = given + new
    fits = len(given) <= rank - 1 if free else len(given) == rank
    if not (
        new and fits and len(summed) < rank and names.isalpha() and len(set(names)) == len(names)
        and sorted(kernel) == sorted(summed + new) and output == given.removesuffix(summed) + new
    ):  # fmt: skip
        a.refuse("equation", equation, _FORM)
    return summed, new, kernel
