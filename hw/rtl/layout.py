"""How a tensor travels as a stream of beats."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ...sim.fixed import Fixed, IntArray
from ...sim.op import Shape, Spec


@dataclass(frozen=True)
class Layout:
    """A (height, width, channels) image, ``lanes`` pixels of one row in each beat.

    A row starts a new beat; lanes behind its end are void: their value means nothing. Within a beat pixel 0 is lowest
    and the channel runs fastest.
    """

    height: int
    width: int
    channels: int
    lanes: int
    type: Fixed
    own: tuple[Fixed | None, ...] | None = field(default=None, compare=False)
    """A narrower type of each channel, None where it is always zero: known of what ``retype`` sends, of little else."""

    def __post_init__(self) -> None:
        assert self.own is None or len(self.own) == self.channels, "own types of another tensor"
        assert all(t is None or self.type.contains(t) for t in self.own or ()), "own types wider than the tensor's"

    @classmethod
    def of_input(cls, spec: Spec, lanes: int) -> Layout:
        """The layout of a top-level input: a vector is a row of pixels of one channel."""
        if len(spec.shape) == 1:
            return cls(1, spec.shape[0], 1, min(lanes, spec.shape[0]), spec.type)
        height, width, channels = _as_image(spec.shape)
        return cls(height, width, channels, min(lanes, width), spec.type)

    @classmethod
    def of_vector(cls, spec: Spec) -> Layout:
        """A vector in one beat."""
        return cls(1, 1, spec.shape[0], 1, spec.type)

    @property
    def beats_per_row(self) -> int:
        return -(-self.width // self.lanes)

    @property
    def beats(self) -> int:
        return self.height * self.beats_per_row

    @property
    def elements(self) -> int:
        """Elements in one beat, void ones included."""
        return self.lanes * self.channels

    @property
    def bits(self) -> int:
        return self.elements * self.type.width

    @property
    def kept(self) -> tuple[Fixed | None, ...] | None:
        """``own``, where that leaves fewer bits than the beat has, and one at least."""
        return self.own if self.own and any(self.own) and self._own_bits() < self.bits else None

    @property
    def stored(self) -> int:
        """Bits of a beat that a buffer must keep: zeros below and signs above a channel's own type are none."""
        return self.bits if self.kept is None else self._own_bits()

    def _own_bits(self) -> int:
        return self.lanes * sum(type_.width for type_ in self.own or () if type_ is not None)

    def with_type(self, type_: Fixed) -> Layout:
        return replace(self, type=type_, own=None)

    def index(self) -> NDArray[np.int64]:
        """(beats, elements): the flat index of each element in the tensor, -1 where the lane is void."""
        row, beat, lane, channel = np.ogrid[: self.height, : self.beats_per_row, : self.lanes, : self.channels]
        column = beat * self.lanes + lane
        flat = (row * self.width + column) * self.channels + channel
        return np.where(column < self.width, flat, -1).reshape(self.beats, self.elements).astype(np.int64)

    def pack(self, raw: IntArray) -> IntArray:
        """(frames, *shape) integers to (frames, beats, elements); void lanes are 0."""
        index = self.index()
        flat = raw.reshape(len(raw), -1)
        return np.where(index >= 0, flat[:, np.maximum(index, 0)], 0)

    def unpack(self, beats: IntArray, shape: Shape) -> IntArray:
        """(frames, beats, elements) back to (frames, *shape)."""
        index = self.index().ravel()
        flat = np.zeros((len(beats), self.height * self.width * self.channels), dtype=np.int64)
        flat[:, index[index >= 0]] = beats.reshape(len(beats), -1)[:, index >= 0]
        return flat.reshape(len(beats), *shape)


def _as_image(shape: Shape) -> tuple[int, int, int]:
    height, width, channels = shape
    return height, width, channels
