"""Streaming depthwise convolution: one small matrix for each channel."""

from __future__ import annotations

from amaranth.hdl import Value

from ...sim.fixed import IntArray
from ...sim.ops.depthwise_conv2d import DepthwiseConv2D
from .conv2d import MatrixWindowCore, frame_steps, inside, outside
from .geometry import Geometry
from .layout import Layout
from .matrix import MatrixSpec, legal_reuse
from .role import Sharing, StreamRole, whole_strides

__all__ = ["core", "inside", "outside", "reuse_factors"]  # the planner asks the module for all four


class DepthwiseCore(MatrixWindowCore):
    """The kernel's inputs run channel by channel."""

    def arrange(self, window: list[list[Value]]) -> list[Value]:
        return [tap[channel] for channel in range(len(window[0])) for tap in window]


def products(op: DepthwiseConv2D) -> tuple[int, ...]:
    """(channels, taps, multiplier)."""
    kh, kw, cin, multiplier = op.kernel.shape
    return cin, kh * kw, multiplier


def matrix(op: DepthwiseConv2D) -> IntArray:
    kh, kw, cin, multiplier = op.kernel.shape
    by_channel: IntArray = op.kernel.reshape(kh * kw, cin, multiplier).transpose(1, 0, 2)
    return by_channel


def core(name: str, op: DepthwiseConv2D, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> DepthwiseCore:
    accumulator = op.accumulator
    kh, kw, cin, multiplier = op.kernel.shape
    geometry = Geometry(layouts[0], (kh, kw), op.strides, inside(op), op.dilation)
    bias = (op.bias << accumulator.bias_shift).reshape(cin, multiplier)
    spec = MatrixSpec(matrix(op), bias, accumulator.product_shift, op.input_type, accumulator.type, strategy, reuse)
    return DepthwiseCore(name, geometry, spec, cin * multiplier)


def reuse_factors(op: DepthwiseConv2D, strategy: str, layout: Layout) -> list[int]:
    return legal_reuse(strategy, products(op), op.input_type)


ROLE = StreamRole(
    core,
    lanes=whole_strides,
    frame_steps=frame_steps,
    outside=outside,
    sharing=Sharing(reuse_factors, weights=lambda op: op.kernel, part="depthwise"),
)
