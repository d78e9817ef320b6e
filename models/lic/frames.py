"""Frames larger than the hardware's image: cut into overlapping patches, and put together again from their insides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError

Image = NDArray[Any]
PATCH, OVERLAP = 256, 56
"""The paper's (Mazouz et al. 2025, IV-A1). It says "56×56 stride", which would be 200 patches of a 720p frame; an
overlap of 56 pixels, so a stride of 200, makes 28."""


@dataclass(frozen=True)
class Patches:
    """Where the patches of a frame of ``height`` × ``width`` pixels lie; neighbours share ``overlap`` pixels or more.

    The last patch of a row or column ends where the frame does, so it shares more. A frame smaller than a patch is
    filled up by repeating its last row and column.
    """

    height: int
    width: int
    patch: int = PATCH
    overlap: int = OVERLAP

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.patch) < 1 or not 0 <= self.overlap < self.patch:
            raise BitsmithError(
                f"a frame of {self.width} × {self.height} in patches of {self.patch} that share {self.overlap}; "
                "give positive sizes and an overlap smaller than a patch"
            )

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """The first row of each patch, from top to bottom."""
        return self._starts(self.height)

    @cached_property
    def columns(self) -> tuple[int, ...]:
        """The first column of each patch, from left to right."""
        return self._starts(self.width)

    @property
    def count(self) -> int:
        return len(self.rows) * len(self.columns)

    def cut(self, frame: Image) -> Image:
        """(height, width, channels) to (count, patch, patch, channels), row by row."""
        if frame.shape[:2] != (self.height, self.width) or frame.ndim != 3:
            raise BitsmithError(f"a frame of shape {frame.shape}; give ({self.height}, {self.width}, channels)")
        missing = [(0, max(self.patch - n, 0)) for n in (self.height, self.width)]
        whole = np.pad(frame, (*missing, (0, 0)), mode="edge")
        size = self.patch
        return np.stack([whole[row : row + size, column : column + size] for row, column in self._places()])

    def join(self, patches: Image) -> Image:
        """The frame of ``cut``'s patches: each pixel from the patch in which it lies deepest.

        So every seam runs through the middle of an overlap.
        """
        if patches.shape[:3] != (self.count, self.patch, self.patch) or patches.ndim != 4:
            raise BitsmithError(
                f"patches of shape {patches.shape}; give ({self.count}, {self.patch}, {self.patch}, channels)"
            )
        frame = np.empty((self.height, self.width, patches.shape[3]), patches.dtype)
        seams = [self._seams(starts, size) for starts, size in ((self.rows, self.height), (self.columns, self.width))]
        parts = ((rows, columns) for rows in pairwise(seams[0]) for columns in pairwise(seams[1]))
        for patch, (row, column), ((top, bottom), (left, right)) in zip(patches, self._places(), parts):
            frame[top:bottom, left:right] = patch[top - row : bottom - row, left - column : right - column]
        return frame

    def _places(self) -> list[tuple[int, int]]:
        return [(row, column) for row in self.rows for column in self.columns]

    def _starts(self, size: int) -> tuple[int, ...]:
        stride, last = self.patch - self.overlap, max(size - self.patch, 0)
        return (*range(0, last, stride), last)

    def _seams(self, starts: tuple[int, ...], size: int) -> list[int]:
        """Where one patch's pixels end and the next one's begin, the frame's two edges included."""
        return [0, *((before + self.patch + after) // 2 for before, after in pairwise(starts)), size]
