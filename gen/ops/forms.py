"""How an operator stands in another graph: with sequences side by side, or for images of another size.

An operator that is ``per_pixel`` stays as it is in both, one with ``any_size`` in the second, and one with a field
``interleaved`` in the first. All others register their form in their own module; without one, the passes refuse them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from ...sim.errors import BitsmithError
from ...sim.op import Operator, Shape

Interleave = Callable[[Any, Shape, int], Operator]
"""Of an operator, its first input's shape and the number of sequences."""
Resize = Callable[[Any, Shape, Shape], Operator]
"""Of an operator, its first input's old and new shape."""
INTERLEAVED: dict[type[Operator], Interleave] = {}
RESIZED: dict[type[Operator], Resize] = {}
Form = TypeVar("Form", Interleave, Resize)


def interleaves(*operators: type[Operator]) -> Callable[[Interleave], Interleave]:
    """Register the form for sequences side by side (``passes/interleave.py``)."""
    return _registers(INTERLEAVED, operators)


def resizes(*operators: type[Operator]) -> Callable[[Resize], Resize]:
    """Register the form for images of another size (``passes/resize.py``)."""
    return _registers(RESIZED, operators)


def _registers(table: dict[type[Operator], Form], operators: tuple[type[Operator], ...]) -> Callable[[Form], Form]:
    def register(form: Form) -> Form:
        table.update(dict.fromkeys(operators, form))
        return form

    return register


NO_FORM = "where Verilog takes several sequences at once; make two networks of it, with this layer outside"
"""Why a layer is refused beside recurrent ones, and what helps."""


def interleaved_shape(shape: Shape, sequences: int) -> Shape:
    """(1, steps, channels) to (steps, sequences, channels), (channels,) to (1, sequences, channels)."""
    if len(shape) == 1:
        return (1, sequences, *shape)
    if shape[0] != 1:
        raise BitsmithError(f"is an image {shape} in a network with recurrent layers, {NO_FORM}")
    return (shape[1], sequences, shape[2])


def turned(op: Operator, *pairs: str) -> Operator:
    """The operator with rows and columns exchanged in these fields: the steps of a sequence become rows."""
    swapped = {name: getattr(op, name)[::-1] for name in pairs}
    result: Operator = replace(op, **swapped)  # type: ignore[type-var]
    return result


def turned_window(op: Operator, *pairs: str) -> Operator:
    """The same with a kernel."""
    kernel = {"kernel": op.kernel.swapaxes(0, 1)}  # type: ignore[attr-defined]
    result: Operator = replace(turned(op, *pairs), **kernel)  # type: ignore[type-var]
    return result
