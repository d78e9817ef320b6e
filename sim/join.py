"""What the operators share that join two or more tensors value by value."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from .errors import BitsmithError
from .fixed import Fixed, IntArray
from .op import Operator, Shape, Spec


@dataclass(frozen=True, eq=False)
class Join(Operator):
    """Two or more tensors, each with a type of its own. At least one has the output's shape.

    Another may have 1 in the place of a size, and a vector (c,) beside an image is (1, 1, c): its values stand for all
    rows, columns or channels.
    """

    per_pixel: ClassVar[bool] = True
    two: ClassVar[bool] = False
    """Whether it takes two tensors and no more."""

    input_types: tuple[Fixed, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_types", tuple(self.input_types))
        count = len(self.input_types)
        if count < 2 or (self.two and count > 2):
            raise BitsmithError(f"{self.stem}: {count} inputs; give two{'' if self.two else ' or more'}")
        self.output_type  # noqa: B018  a type that is too wide is an error now, not later

    @property
    @abstractmethod
    def output_type(self) -> Fixed:
        """The type of the result."""

    @property
    def shifts(self) -> tuple[int, ...]:
        """How far each input is shifted left to meet the finest fraction."""
        finest = max(t.fraction for t in self.input_types)
        return tuple(finest - t.fraction for t in self.input_types)

    def aligned(self, inputs: Sequence[IntArray]) -> list[IntArray]:
        """The inputs' integers with the finest fraction."""
        return [x << shift for x, shift in zip(inputs, self.shifts)]

    @abstractmethod
    def combine(self, *inputs: IntArray) -> IntArray:
        """The output's integers, of arrays that numpy broadcasts."""

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, self.input_types)
        return Spec(joined_shape(self.stem, [spec.shape for spec in inputs]), self.output_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        return self.combine(*same_rank(inputs))


def same_rank(arrays: Sequence[IntArray]) -> list[IntArray]:
    """The arrays with as many axes as the one that has most: axes of 1 behind the batch axis."""
    rank = max(x.ndim for x in arrays)
    return [x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in arrays]


def broadcast(shapes: Sequence[Shape]) -> Shape | None:
    """The shape that all are broadcast to, or None where there is none."""
    rank = max(len(shape) for shape in shapes)
    axes = list(zip(*((1,) * (rank - len(shape)) + shape for shape in shapes)))
    whole = tuple(max(sizes) for sizes in axes)
    return whole if all(size in (1, most) for most, sizes in zip(whole, axes) for size in sizes) else None


def joined_shape(what: str, shapes: Sequence[Shape]) -> Shape:
    """The output's shape; BitsmithError where the inputs do not fit together."""
    whole = broadcast(shapes)
    if whole is None or whole not in [(1,) * (len(whole) - len(shape)) + shape for shape in shapes]:
        raise BitsmithError(
            f"{what}: inputs of shapes {', '.join(map(str, shapes))}; one must have the whole shape, "
            "the others the same sizes or 1"
        )
    return whole
