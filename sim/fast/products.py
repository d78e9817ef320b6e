"""Products in floats: which dtype is exact for them, and their parameters in it."""

from __future__ import annotations

import numpy as np

from ..ops.conv2d import Conv2D
from ..ops.conv2d_transpose import Conv2DTranspose
from ..ops.dense import Dense
from .epilogue import DType, Epilogue, carrier, magnitude
from .steps import Array, tensor_dtype

Product = Conv2D | Conv2DTranspose | Dense


def product_dtype(op: Product, epilogue: Epilogue | None) -> DType | None:
    """The float dtype that holds inputs, weights, every partial sum and the epilogue exactly, if there is one."""
    if tensor_dtype(op.input_type).kind != "f":
        return None
    needs = [op.accumulator.magnitude]
    needs += [magnitude(t.raw_min, t.raw_max) for t in (op.input_type, op.kernel_type, op.bias_type)]
    needs += [epilogue.needs()] if epilogue else []
    return carrier(max(needs), op.accumulator.product_shift + (epilogue.exponent if epilogue else 0))


def product_parameters(op: Product, matrix: Array, epilogue: Epilogue | None, dtype: DType) -> tuple[Array, Array]:
    """The kernel as a ``matrix`` and the bias, in ``dtype`` and in units of the epilogue's output."""
    exponent, sums = epilogue.exponent if epilogue else 0, op.accumulator
    weights = matrix * 2.0 ** (sums.product_shift + exponent)
    bias = op.bias * 2.0 ** (sums.bias_shift + exponent)
    return np.ascontiguousarray(weights, dtype), bias.astype(dtype)
