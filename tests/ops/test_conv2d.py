"""The operator contract (contract.py) for convolution's parameters."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real, real, windows
from hardware import Case, draw, plan_alone

from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.conv2d import Conv2D

U8, S6, W6, B8 = Fixed(False, 0, 8), Fixed(True, 2, 3), Fixed(True, 0, 5), Fixed(True, 2, 5)
SAME3 = ((1, 1), (1, 1))
Size = tuple[int, int, int, int]


def conv(size: Size, x: Fixed = U8, w: Fixed = W6, b: Fixed = B8, **more: Any) -> Conv2D:
    """Random weights over their whole range."""
    return Conv2D(x, draw(w, *size), w, draw(b, size[3]), b, **more)


def case(size: Size, height: int, width: int, pixels: int = 1, x: Fixed = U8, **more: Any) -> Case:
    """One convolution on a height × width image, in the default strategy."""
    return Case(conv(size, x, **more), (Spec((height, width, size[2]), x),), pixels)


def shared(strategy: str, reuse: int, pixels: int = 1) -> Case:
    """3×3, 2→4 channels, 5×6 places, with a reuse factor."""
    layer = {"Strategy": strategy, "ReuseFactor": reuse}
    return Case(conv((3, 3, 2, 4), S6, padding=SAME3), (Spec((5, 6, 2), S6),), pixels, layer)


def of(kernel: IntArray, bias: IntArray | None = None) -> Case:
    """On a 4×5 image, these very weights."""
    b = draw(B8, kernel.shape[3]) if bias is None else bias
    return Case(Conv2D(S6, kernel, W6, b, B8), (Spec((4, 5, kernel.shape[2]), S6),))


def without(kernel: IntArray, channel: int) -> IntArray:
    """One output channel's weights all zero."""
    kernel[..., channel] = 0
    return kernel


EXTREMES = np.where(np.indices((3, 3, 2, 2)).sum(axis=0) % 2, W6.raw_min, W6.raw_max)
COARSE_X, FINE_X = Fixed(True, 6, -2), Fixed(False, -2, 10)
WIDE_X, WIDE_W = Fixed(True, 12, 8), Fixed(True, 3, 14)


class TestConv2D(OperatorContract):
    cases: ClassVar = {
        "valid": case((3, 3, 2, 3), 6, 7),
        "same, signed, 1 channel": case((3, 3, 1, 2), 5, 5, x=S6, padding=SAME3),
        "5 to 7 channels": case((2, 2, 5, 7), 4, 4),
        "1×1 kernel": case((1, 1, 3, 4), 3, 3),
        "1×1 image": case((1, 1, 3, 2), 1, 1),
        "1×1 image, same": case((3, 3, 3, 2), 1, 1, padding=SAME3),
        "as large as the image": case((4, 3, 1, 2), 4, 3),
        "1×3": case((1, 3, 2, 2), 3, 6),
        "3×1": case((3, 1, 2, 2), 6, 3),
        "stride 2": case((3, 3, 2, 2), 7, 7, strides=(2, 2)),
        "same, stride 2": case((3, 3, 2, 2), 6, 6, strides=(2, 2), padding=((0, 1), (0, 1))),
        "same, stride 3": case((3, 3, 1, 2), 7, 8, strides=(3, 3), padding=((1, 1), (0, 1))),
        "strides beyond the kernel": case((2, 2, 1, 2), 8, 8, strides=(3, 3)),
        "strides that differ": case((2, 3, 1, 2), 7, 8, strides=(1, 2)),
        "lopsided padding": case((3, 4, 1, 2), 5, 6, padding=((2, 0), (0, 3))),
        "dilation 2": case((3, 3, 1, 1), 8, 8, dilation=(2, 2)),
        "dilation 2 and 3, same": case((3, 2, 1, 2), 6, 7, dilation=(2, 3), padding=((2, 2), (1, 2))),
        "a sequence": case((1, 3, 3, 2), 1, 9),
        "a sequence, dilation 4, causal": case((1, 3, 2, 2), 1, 11, dilation=(1, 4), padding=((0, 0), (8, 0))),
        "a sequence, stride 2": case((1, 3, 3, 2), 1, 12, strides=(1, 2), padding=((0, 0), (0, 1))),
        "a channel without weights": of(without(draw(W6, 3, 3, 2, 3), 1)),
        "no weights": of(np.zeros((3, 3, 2, 2), dtype=np.int64)),
        "no weights, no bias": of(np.zeros((2, 2, 2, 2), dtype=np.int64), np.zeros(2, dtype=np.int64)),
        "weights at both ends": of(EXTREMES),
        "a finer bias": case((2, 2, 2, 2), 3, 4, b=Fixed(True, 0, 16)),
        "a coarser bias": case((2, 2, 2, 2), 3, 4, b=Fixed(True, 6, -2)),
        "one bit": case((3, 3, 2, 2), 4, 5, x=Fixed(False, 1, 0), w=Fixed(False, 1, 0)),
        "one signed bit": case((3, 3, 2, 2), 4, 5, x=Fixed(True, 0, 0), w=Fixed(True, 0, 0)),
        "negative integer part": case((2, 2, 2, 2), 3, 4, x=FINE_X),
        "negative fraction": case((2, 2, 2, 2), 3, 4, x=COARSE_X, w=Fixed(True, 5, -1)),
        "a wide accumulator": case((2, 2, 2, 2), 3, 4, x=WIDE_X, w=WIDE_W),
        "resource, 3": shared("resource", 3),
        "resource, 8": shared("resource", 8),
        "resource, each product alone": shared("resource", 72),
        "adder graphs": shared("distributed_arithmetic", 1),
        "adder graphs, 3 digits": shared("distributed_arithmetic", 3),
        "adder graphs, bit by bit": shared("distributed_arithmetic", 6),
        "4 pixels, width no multiple": case((3, 3, 1, 2), 5, 10, 4),
        "4 pixels, same": case((3, 3, 2, 2), 4, 9, 4, padding=SAME3),
        "4 pixels, stride 2": case((3, 3, 1, 2), 5, 11, 4, strides=(2, 2), padding=((1, 1), (1, 1))),
        "4 pixels, stride 3": case((3, 3, 1, 2), 7, 11, 4, strides=(3, 3), padding=((1, 1), (1, 1))),
        "4 pixels, dilation 3": case((2, 3, 1, 2), 4, 13, 4, dilation=(1, 3)),
        "4 pixels, a sequence": case((1, 4, 2, 2), 1, 14, 4, padding=((0, 0), (1, 2))),
        "4 pixels, resource": shared("resource", 6, 4),
        "4 pixels, adder graphs": shared("distributed_arithmetic", 2, 4),
        "16 pixels, width 5": case((3, 3, 1, 2), 4, 5, 16, padding=SAME3),
        "16 pixels, width 5, stride 2": case((3, 3, 1, 2), 5, 5, 16, strides=(2, 2)),
        "16 pixels, width 21": case((3, 3, 1, 1), 4, 21, 16, padding=((1, 1), (0, 2))),
        "16 pixels, stride 2": case((2, 2, 1, 1), 4, 37, 16, strides=(2, 2)),
        "16 pixels, width 1": case((3, 1, 2, 2), 5, 1, 16),
    }
    bad: ClassVar = {
        "stride 0": (lambda: conv((3, 3, 1, 1), strides=(0, 1)), "strides"),
        "a weight too large": (
            lambda: Conv2D(U8, np.full((1, 1, 1, 1), 32), W6, np.zeros(1, dtype=int), B8),
            r"kernel holds raw 32\.\.32",
        ),
        "bias of another length": (
            lambda: Conv2D(U8, np.zeros((1, 1, 1, 2), dtype=int), W6, np.zeros(1, dtype=int), B8),
            "bias has shape",
        ),
        "channels that do not fit": (lambda: conv((3, 3, 2, 1)).infer(Spec((5, 5, 3), U8)), "3 channels, the kernel 2"),
        "an image too small": (lambda: conv((3, 3, 1, 1)).infer(Spec((2, 5, 1), U8)), "reaches over 3"),
        "an accumulator too wide": (lambda: conv((3, 3, 2, 1), Fixed(True, 30, 0), Fixed(True, 30, 0)), "accumulator"),
        "reuse 5 with resource": (
            lambda: plan_alone(shared("resource", 5)),
            "legal: 1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 36, 72",
        ),
        "reuse 4 with adder graphs": (
            lambda: plan_alone(shared("distributed_arithmetic", 4)),
            "legal: 1, 2, 3, 6",
        ),
        "reuse 2 with latency": (lambda: plan_alone(shared("latency", 2)), "legal: 1$"),
    }

    def float_result(self, op: Conv2D, *x_float: Real) -> Real:
        """Every window times the kernel, and the bias."""
        kernel = real(op.kernel, op.kernel_type)
        seen = windows(x_float[0], (kernel.shape[0], kernel.shape[1]), op.strides, op.padding, op.dilation)
        return np.asarray(np.einsum("nrwijc,ijco->nrwo", seen, kernel) + real(op.bias, op.bias_type))
