"""Another order of the axes."""

from __future__ import annotations

from ..cores import Core, cpp, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    x, y = place.x[0], place.y
    height, width, channels = x.shape
    strides = [(width * channels, channels, 1)[axis] for axis in place.op.axes]
    rows, columns, out_channels = y.shape
    values = sizes(pixels=height * width, channels=channels, rows=rows, columns=columns, out_channels=out_channels)
    steps = sizes(row_step=strides[0], column_step=strides[1], channel_step=strides[2])
    return Core("permute", [typedef("x_t", cpp(x.type)), *values, *steps], ["permute.hpp", "pixels.hpp"])
