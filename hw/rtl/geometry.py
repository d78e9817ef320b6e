"""Where the windows of a streamed image lie, and in which step each output beat comes.

One step takes one beat. Steps count linearly through a frame (row * beats per row + beat); an output beat comes a
constant number of steps
behind the beat that it is aligned with, so the last ones may fall behind the frame's last beat: these steps flush,
they take no input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError
from .layout import Layout

Padding = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Geometry:
    """Where windows lie and in which step each output beat comes."""

    layout: Layout
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: Padding = ((0, 0), (0, 0))
    dilation: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        if not lanes_fit(self.layout.lanes, self.strides[1]):
            raise BitsmithError(
                f"{self.layout.lanes} pixels per cycle do not fit a stride of {self.strides[1]}; use fewer"
            )
        if self.height < 1 or self.width < 1:
            raise BitsmithError("the window is larger than its padded input")
        for axis, padding in enumerate(self.padding):
            if 0 < sum(padding) >= self.span[axis]:
                raise BitsmithError(f"padding {padding} is no smaller than the window ({self.span[axis]}); use less")

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns that one window covers."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    @property
    def height(self) -> int:
        return (self.layout.height + sum(self.padding[0]) - self.span[0]) // self.strides[0] + 1

    @property
    def width(self) -> int:
        return (self.layout.width + sum(self.padding[1]) - self.span[1]) // self.strides[1] + 1

    @property
    def lanes(self) -> int:
        """Pixels in an output beat."""
        return max(1, self.layout.lanes // self.strides[1])

    @property
    def every(self) -> int:
        """Input beats from one output beat to the next within a row."""
        return max(1, self.strides[1] // self.layout.lanes)

    @property
    def columns(self) -> int:
        """Input columns that one output beat looks at."""
        return (self.lanes - 1) * self.strides[1] + self.span[1]

    @property
    def out_beats(self) -> int:
        """Output beats in a row."""
        return -(-self.width // self.lanes)

    @property
    def _reach(self) -> int:
        """The last column of the first output beat's windows."""
        return self.columns - 1 - self.padding[1][0]

    @property
    def last_lane(self) -> int:
        """The lane, in the newest beat, of the windows' last column."""
        return self._reach % self.layout.lanes

    @property
    def warm_up(self) -> int:
        """Steps before the first output beat's own."""
        return (self.span[0] - 1 - self.padding[0][0]) * self.layout.beats_per_row + self._reach // self.layout.lanes

    @property
    def steps(self) -> int:
        """Steps in a frame, flushing ones included."""
        per_row = self.layout.beats_per_row
        last = self.warm_up + (self.height - 1) * self.strides[0] * per_row + (self.out_beats - 1) * self.every
        return max(self.layout.beats, last + 1)

    def emits(self) -> NDArray[np.bool_]:
        """(steps,) True where an output beat comes."""
        n = np.arange(self.steps) - self.warm_up
        row, beat = n // self.layout.beats_per_row, n % self.layout.beats_per_row
        row_ok = (row % self.strides[0] == 0) & (row // self.strides[0] < self.height)
        return (n >= 0) & row_ok & (beat % self.every == 0) & (beat // self.every < self.out_beats)

    def edge_columns(self) -> list[int]:
        """Which of the windows' columns can lie outside the image."""
        (left, right), end = self.padding[1], (self.out_beats - 1) * self.every
        return [
            c for c in range(self.columns) if (left and self.first_beat(c) > 0) or (right and self.last_beat(c) < end)
        ]

    def first_beat(self, column: int) -> int:
        """The first beat of a row whose window column ``column`` is not left of the image."""
        return max(0, -((column - self.padding[1][0]) // self.layout.lanes))

    def last_beat(self, column: int) -> int:
        """The last beat of a row whose window column ``column`` is not right of the image."""
        return (self.layout.width - 1 - column + self.padding[1][0]) // self.layout.lanes

    def edge_rows(self) -> list[int]:
        """Which of the kernel's rows can lie outside the image."""
        (top, bottom), end = self.padding[0], (self.height - 1) * self.strides[0]
        return [
            k for k in range(self.kernel[0]) if (top and self.first_row(k) > 0) or (bottom and self.last_row(k) < end)
        ]

    def first_row(self, k: int) -> int:
        return max(0, self.padding[0][0] - k * self.dilation[0])

    def last_row(self, k: int) -> int:
        return self.layout.height - 1 + self.padding[0][0] - k * self.dilation[0]


def lanes_fit(lanes: int, stride: int) -> bool:
    """Whether output beats fall on whole beats."""
    return lanes % stride == 0 or stride % lanes == 0
