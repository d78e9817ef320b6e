"""Ways to join tensors value by value: shapes that fit together and some that do not, for every operator that joins."""

from __future__ import annotations

from collections.abc import Callable

from definitions import Real
from hardware import Case

from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Operator, Shape, Spec
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.max_pool2d import MaxPool2D

S8, U8, S6, U4 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 2, 3), Fixed(False, 3, 1)
TYPES = (S6, U8, S8, S6)
Make = Callable[[tuple[Fixed, ...]], Operator]
Shapes = dict[str, tuple[Shape, ...]]
SHAPES: Shapes = {
    "one shape": ((3, 4, 2), (3, 4, 2)),
    "vectors": ((5,), (5,)),
    "a vector and one value": ((5,), (1,)),
    "a value for each channel": ((3, 4, 2), (1, 1, 2)),
    "a vector for each channel": ((2,), (3, 4, 2)),
    "a value for each place": ((3, 4, 2), (3, 4, 1)),
    "one value": ((3, 4, 2), (1, 1, 1)),
    "a value for each row": ((3, 1, 2), (3, 4, 2)),
    "a value for each column": ((3, 4, 2), (1, 4, 2)),
    "a sequence and a vector": ((1, 6, 3), (3,)),
    "three": ((3, 4, 2), (3, 4, 1), (2,)),
    "three, the whole last": ((2,), (3, 4, 1), (3, 4, 2)),
    "four": ((2, 2, 3), (2, 2, 3), (2, 2, 3), (3,)),
}
WIDE: Shapes = {
    "4 pixels, width no multiple": ((2, 10, 3), (2, 10, 3)),
    "4 pixels, held": ((3, 6, 2), (3, 1, 2)),
    "4 pixels, a vector": ((7,), (7,)),
}
FEW = ("one shape", "a vector and one value", "a vector for each channel", "a value for each row", "4 pixels, held",
       "three, the whole last", "unsigned, other fractions", "fractions far apart", "one bit each",
       "more than 32 bits")  # fmt: skip
"""One of each kind. How shapes go together is in code that all joins share, and goes through all ways with multiply."""


def few_cases(make: Make, most: int = 4) -> dict[str, Case]:
    """``cases`` of each kind; the others are for the tests that are marked slow."""
    return {name: case for name, case in cases(make, most).items() if name in FEW}


def cases(make: Make, most: int = 4) -> dict[str, Case]:
    """Every way to broadcast, of up to so many tensors; pixels at once, other lanes, other types."""

    def case(shapes: tuple[Shape, ...], types: tuple[Fixed, ...] = TYPES, pixels: int = 1) -> Case:
        types = types[: len(shapes)]
        return Case(make(types), tuple(Spec(*entry) for entry in zip(shapes, types)), pixels)

    found = {name: case(shapes) for name, shapes in SHAPES.items() if len(shapes) <= most}
    found |= {name: case(shapes, pixels=4) for name, shapes in WIDE.items()}
    image = Spec((4, 12, 2), S8)
    cut = MaxPool2D(S8, (2, 2), (2, 2)), Crop(S8, (0, 2), (0, 6), (0, 2))
    pair = ((2, 3, 2), (2, 3, 2))
    return found | {
        "4 pixels, other lanes": Case(make((S8, S8)), (image, image), 4, before=cut),
        "unsigned, other fractions": case(pair, (U8, U4)),
        "fractions far apart": case(pair, (Fixed(True, 9, -3), Fixed(False, -2, 10))),
        "one bit each": case(pair, (Fixed(False, 1, 0), Fixed(True, 0, 0))),
        "more than 32 bits": case(pair, (Fixed(True, 20, 8), Fixed(True, 3, 24))),
    }


def spread(*x: Real) -> list[Real]:
    """Arrays with a batch axis that numpy broadcasts."""
    rank = max(v.ndim for v in x)
    return [v.reshape(len(v), *(1,) * (rank - v.ndim), *v.shape[1:]) for v in x]


def refused(make: Make) -> dict[str, tuple[Callable[[], object], str]]:
    """Shapes and numbers of tensors that no join takes."""

    def of(*shapes: Shape) -> Callable[[], object]:
        return lambda: make((S8,) * len(shapes)).infer(*(Spec(shape, S8) for shape in shapes))

    return {
        "sizes that differ": (of((3, 4, 2), (3, 3, 2)), "one must have the whole shape"),
        "none with the whole shape": (of((3, 1, 2), (1, 4, 2)), "one must have the whole shape"),
        "one tensor": (of((3, 4, 2)), "1 inputs; give two"),
        "another type": (lambda: make((S8, S6)).infer(Spec((2,), S8), Spec((2,), S8)), "expected fixed<6,3>"),
    }
