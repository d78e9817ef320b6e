"""The operator contract (contract.py) for depthwise convolution's parameters."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real, real, windows
from hardware import Case, draw, plan_alone

from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.depthwise_conv2d import DepthwiseConv2D

U8, S6, W6, B8 = Fixed(False, 0, 8), Fixed(True, 2, 3), Fixed(True, 0, 5), Fixed(True, 2, 5)
SAME3 = ((1, 1), (1, 1))
Size = tuple[int, int, int, int]


def depthwise(size: Size, x: Fixed = U8, w: Fixed = W6, b: Fixed = B8, **more: Any) -> DepthwiseConv2D:
    """Random weights over their whole range."""
    return DepthwiseConv2D(x, draw(w, *size), w, draw(b, size[2] * size[3]), b, **more)


def case(size: Size, height: int, width: int, pixels: int = 1, x: Fixed = U8, **more: Any) -> Case:
    return Case(depthwise(size, x, **more), (Spec((height, width, size[2]), x),), pixels)


def shared(strategy: str, reuse: int, pixels: int = 1) -> Case:
    """3×2, 3 channels of 2 kernels each, 4×6 places, with a reuse factor."""
    layer = {"Strategy": strategy, "ReuseFactor": reuse}
    return Case(depthwise((3, 2, 3, 2), S6, padding=((1, 1), (0, 1))), (Spec((4, 6, 3), S6),), pixels, layer)


def of(kernel: IntArray) -> Case:
    """On a 4×5 image, these very weights."""
    channels = kernel.shape[2] * kernel.shape[3]
    return Case(DepthwiseConv2D(S6, kernel, W6, draw(B8, channels), B8), (Spec((4, 5, kernel.shape[2]), S6),))


def without(kernel: IntArray, channel: int) -> IntArray:
    kernel[:, :, channel] = 0
    return kernel


EXTREMES = np.where(np.indices((2, 2, 3, 2)).sum(axis=0) % 2, W6.raw_min, W6.raw_max)
# A layer that hls4ml got wrong: 8 bits, integer 3, input (16, 35, 1).
EIGHT = Fixed(True, 3, 4)


class TestDepthwiseConv2D(OperatorContract):
    cases: ClassVar = {
        "hls4ml 1472": case((3, 3, 1, 1), 16, 35, x=EIGHT, w=EIGHT, b=EIGHT, padding=SAME3),
        "3 channels": case((3, 3, 3, 1), 5, 6),
        "5 channels, same": case((3, 3, 5, 1), 4, 5, x=S6, padding=SAME3),
        "7 kernels for 1 channel": case((2, 2, 1, 7), 4, 4),
        "2 kernels each": case((3, 3, 3, 2), 5, 5),
        "1×1": case((1, 1, 3, 2), 3, 3),
        "1×1 image, same": case((3, 3, 3, 1), 1, 1, padding=SAME3),
        "1×3": case((1, 3, 2, 1), 3, 6),
        "3×1, stride 2": case((3, 1, 2, 1), 7, 6, strides=(2, 2)),
        "same, stride 2": case((3, 3, 3, 1), 6, 6, strides=(2, 2), padding=((0, 1), (0, 1))),
        "stride 3": case((2, 2, 2, 1), 8, 8, strides=(3, 3)),
        "lopsided padding": case((3, 4, 2, 1), 5, 6, padding=((2, 0), (0, 3))),
        "dilation 2": case((3, 3, 2, 1), 7, 8, dilation=(2, 2), padding=((2, 2), (2, 2))),
        "a sequence": case((1, 3, 3, 2), 1, 9, padding=((0, 0), (2, 0))),
        "a channel without weights": of(without(draw(W6, 3, 3, 3, 1), 1)),
        "no weights": of(np.zeros((2, 2, 3, 1), dtype=np.int64)),
        "weights at both ends": of(EXTREMES),
        "a finer bias": case((2, 2, 3, 1), 3, 4, b=Fixed(True, 0, 16)),
        "a coarser bias": case((2, 2, 3, 1), 3, 4, b=Fixed(True, 6, -2)),
        "one bit": case((3, 3, 3, 1), 4, 5, x=Fixed(False, 1, 0), w=Fixed(False, 1, 0)),
        "one signed bit": case((3, 3, 3, 1), 4, 5, x=Fixed(True, 0, 0), w=Fixed(True, 0, 0)),
        "negative integer part": case((2, 2, 3, 1), 3, 4, x=Fixed(False, -2, 10)),
        "a wide accumulator": case((2, 2, 2, 2), 3, 4, x=Fixed(True, 12, 8), w=Fixed(True, 3, 14)),
        "resource, 2": shared("resource", 2),
        "resource, 3": shared("resource", 3),
        "resource, each product alone": shared("resource", 12),
        "adder graphs": shared("distributed_arithmetic", 1),
        "adder graphs, 2 digits": shared("distributed_arithmetic", 2),
        "adder graphs, bit by bit": shared("distributed_arithmetic", 6),
        "8 pixels, width no multiple": case((3, 3, 3, 1), 4, 11, 8, padding=SAME3),
        "8 pixels, width 5": case((3, 3, 2, 1), 4, 5, 8),
        "8 pixels, stride 2": case((3, 3, 1, 2), 5, 19, 8, strides=(2, 2), padding=SAME3),
        "8 pixels, stride 3": case((3, 3, 1, 1), 7, 11, 8, strides=(3, 3)),
        "8 pixels, resource": shared("resource", 6, 8),
        "8 pixels, adder graphs": shared("distributed_arithmetic", 3, 8),
    }
    bad: ClassVar = {
        "stride 0": (lambda: depthwise((3, 3, 1, 1), strides=(1, 0)), "strides"),
        "dilation 0": (lambda: depthwise((3, 3, 1, 1), dilation=(0, 1)), "dilation"),
        "negative padding": (lambda: depthwise((3, 3, 1, 1), padding=((-1, 0), (0, 0))), "padding"),
        "bias of another length": (
            lambda: DepthwiseConv2D(U8, draw(W6, 3, 3, 3, 2), W6, draw(B8, 3), B8),
            r"bias has shape \(3,\), expected \(6\)",
        ),
        "channels that do not fit": (
            lambda: depthwise((3, 3, 2, 1)).infer(Spec((5, 5, 3), U8)),
            "3 channels, the kernel 2",
        ),
        "reuse 5 with resource": (lambda: plan_alone(shared("resource", 5)), "legal: 1, 2, 3, 4, 6, 12$"),
        "reuse 4 with adder graphs": (lambda: plan_alone(shared("distributed_arithmetic", 4)), "legal: 1, 2, 3, 6$"),
    }

    def float_result(self, op: DepthwiseConv2D, *x_float: Real) -> Real:
        """Each channel's windows times its own kernels."""
        kernel = real(op.kernel, op.kernel_type)
        seen = windows(x_float[0], (kernel.shape[0], kernel.shape[1]), op.strides, op.padding, op.dilation)
        y = np.einsum("nrwijc,ijcm->nrwcm", seen, kernel)
        return np.asarray(y.reshape(*y.shape[:3], -1) + real(op.bias, op.bias_type))
