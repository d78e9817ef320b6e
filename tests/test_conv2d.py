"""The contract with convolution's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from hardware import Case

from bitsmith.gen.build import build
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.conv2d import Conv2D

U8, S6, W6, B8 = Fixed(False, 0, 8), Fixed(True, 2, 3), Fixed(True, 0, 5), Fixed(True, 2, 5)


def conv(kernel: tuple[int, int, int, int], input_type: Fixed = U8, **more: Any) -> Conv2D:
    """Random weights over their whole range, the same ones for the same shape."""
    rng = np.random.default_rng(sum(kernel))
    weights = rng.integers(W6.raw_min, W6.raw_max, kernel, endpoint=True)
    bias = rng.integers(B8.raw_min, B8.raw_max, kernel[3:], endpoint=True)
    return Conv2D(input_type, weights, W6, bias, B8, **more)


class TestConv2D(OperatorContract):
    cases: ClassVar = {
        "valid": Case(conv((3, 3, 2, 3)), (Spec((6, 7, 2), U8),)),
        "same, signed": Case(conv((3, 3, 1, 2), S6, padding=((1, 1), (1, 1))), (Spec((5, 5, 1), S6),)),
        "4 pixels, width no multiple": Case(conv((3, 3, 1, 2)), (Spec((5, 10, 1), U8),), 4),
        "stride 2, lopsided padding": Case(
            conv((3, 3, 2, 2), strides=(2, 2), padding=((0, 1), (0, 1))), (Spec((6, 6, 2), U8),), 2
        ),
        "dilation 2": Case(conv((3, 3, 1, 1), dilation=(2, 2)), (Spec((8, 8, 1), U8),)),
        "a sequence": Case(conv((1, 3, 3, 2)), (Spec((1, 9, 3), U8),)),
        "1×1": Case(conv((1, 1, 3, 4)), (Spec((3, 3, 3), U8),)),
        "shared multipliers": Case(
            conv((3, 3, 2, 4)), (Spec((5, 5, 2), U8),), layer={"Strategy": "resource", "ReuseFactor": 9}
        ),
        "adder graphs": Case(conv((3, 3, 2, 4)), (Spec((5, 5, 2), U8),), layer={"Strategy": "distributed_arithmetic"}),
    }
    bad: ClassVar = {
        "stride 0": (lambda: conv((3, 3, 1, 1), strides=(0, 1)), "strides"),
        "weights too wide": (
            lambda: Conv2D(U8, np.full((1, 1, 1, 1), 32), W6, np.zeros(1, dtype=int), B8),
            "kernel",
        ),
        "bias of another length": (
            lambda: Conv2D(U8, np.zeros((1, 1, 1, 2), dtype=int), W6, np.zeros(1, dtype=int), B8),
            "bias",
        ),
        "channels that do not fit": (lambda: conv((3, 3, 2, 1)).infer(Spec((5, 5, 3), U8)), "3 channels, the kernel 2"),
        "an image too small": (lambda: conv((3, 3, 1, 1)).infer(Spec((2, 5, 1), U8)), "conv2d"),
    }

    def float_result(self, op: Conv2D, *x_float: Any) -> Any:
        """The sum of the docstring, place by place."""
        x = np.pad(x_float[0], ((0, 0), *op.padding, (0, 0)))
        kernel, bias = np.ldexp(op.kernel, -op.kernel_type.fraction), np.ldexp(op.bias, -op.bias_type.fraction)
        (sh, sw), (dh, dw), (kh, kw) = op.strides, op.dilation, kernel.shape[:2]
        rows = (x.shape[1] - (kh - 1) * dh - 1) // sh + 1
        columns = (x.shape[2] - (kw - 1) * dw - 1) // sw + 1
        y = np.empty((len(x), rows, columns, kernel.shape[3]))
        for h, w in np.ndindex(rows, columns):
            window = x[:, h * sh : h * sh + (kh - 1) * dh + 1 : dh, w * sw : w * sw + (kw - 1) * dw + 1 : dw]
            y[:, h, w] = np.einsum("nijc,ijco->no", window, kernel) + bias
        return y


def test_an_illegal_reuse_factor_prints_the_legal_ones(tmp_path: Path) -> None:
    case = Case(conv((3, 3, 2, 4)), (Spec((5, 5, 2), U8),), layer={"Strategy": "resource", "ReuseFactor": 5})
    with pytest.raises(BitsmithError, match=r"\b5\b.*\b9\b") as caught:
        build(case.graph, case.config, tmp_path / "build", vectors=1)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "build").exists()
