"""What every operator is: frozen parameters, a shape-and-type rule, and ``compute`` on integers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from .errors import BitsmithError
from .fixed import Fixed, IntArray

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Spec:
    """Shape (channels last, no batch axis) and type of one tensor."""

    shape: Shape
    type: Fixed


class Operator(ABC):
    """A frozen dataclass with the parameters of one operator; subclasses register under their ``stem``.

    Subclasses are ``@dataclass(frozen=True, eq=False)``: equality and hash come from here and see through arrays.
    """

    stem: ClassVar[str]
    registry: ClassVar[dict[str, type[Operator]]] = {}
    per_pixel: ClassVar[bool] = False
    """Whether each pixel of the output depends only on the inputs' pixels at its place; what is broadcast is at all."""
    any_size: ClassVar[bool] = False
    """Whether the same parameters serve images of any height and width. Every operator that is ``per_pixel`` does."""
    moves: ClassVar[bool] = False
    """Whether it hands on values as they are, and at most zeros beside them."""
    has_threshold: ClassVar[bool] = False
    """Whether its field ``threshold`` is only a default: hardware takes it at run time, as an input of its own."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "stem" in cls.__dict__:
            Operator.registry[cls.stem] = cls

    @abstractmethod
    def infer(self, *inputs: Spec) -> Spec:
        """The output's shape and type; BitsmithError where the inputs don't fit."""

    @abstractmethod
    def compute(self, *inputs: IntArray) -> IntArray:
        """The output's integers; every array has a leading batch axis."""

    def _key(self) -> tuple[Any, ...]:
        return (type(self), *(_comparable(getattr(self, f.name)) for f in fields(self)))  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operator) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def expect(self, inputs: tuple[Spec, ...], types: tuple[Fixed, ...], rank: int | None = None) -> None:
        """BitsmithError unless there is one input of each type, in order, with ``rank`` axes where that is given."""
        if len(inputs) != len(types):
            raise BitsmithError(f"{self.stem}: {len(inputs)} inputs, expected {len(types)}; check the graph's edges")
        for spec, expected in zip(inputs, types):
            if spec.type != expected:
                raise BitsmithError(
                    f"{self.stem}: the input has type {spec.type}, expected {expected}; "
                    "put a linear activation before it"
                )
            if rank is not None and len(spec.shape) != rank:
                raise BitsmithError(
                    f"{self.stem}: the input has shape {spec.shape}, expected {rank} axes; flatten it first"
                )


def _comparable(value: Any) -> Any:
    return (value.shape, value.dtype.str, value.tobytes()) if isinstance(value, np.ndarray) else value
