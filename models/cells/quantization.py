"""From the trained float student to the starting point of quantization-aware training (numpy only).

Batch norm is folded into the convolution before it; the ranges of neighbouring layers are equalized, which a ReLU
and a maximum allow (Nagel et al., "Data-free quantization", 2019); then each quantizer gets the integer bits of least
squared error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Weights = list[FloatArray]
"""conv1 kernel and bias, conv2 kernel and bias, dense kernel and bias: the order of ``Model.get_weights``."""


@dataclass(frozen=True)
class Bits:
    """Width and integer bits (sign not counted) of one quantizer, in QKeras's order."""

    bits: int
    integer: int = 0

    def largest(self, signed: bool) -> float:
        """The largest value that it can give."""
        return 2.0**self.integer - 2.0 ** (self.integer + int(signed) - self.bits)


@dataclass(frozen=True)
class StudentBits:
    """The quantizers of Student 2, tensor by tensor; all scales are powers of two (alpha = 1).

    Above 10 bits, QKeras gives values that no fixed-point type has (google/qkeras#60), so no width goes beyond.
    """

    pixels: Bits = Bits(8)
    conv1_kernel: Bits = Bits(6)
    conv1_bias: Bits = Bits(10)
    relu1: Bits = Bits(8)
    conv2_kernel: Bits = Bits(6)
    conv2_bias: Bits = Bits(10)
    relu2: Bits = Bits(8)
    dense_kernel: Bits = Bits(6)
    dense_bias: Bits = Bits(10)


def fold(
    kernel: FloatArray, gamma: FloatArray, beta: FloatArray, mean: FloatArray, variance: FloatArray, epsilon: float
) -> tuple[FloatArray, FloatArray]:
    """Kernel and bias of the one convolution that equals a convolution without bias and its batch norm."""
    scale = gamma / np.sqrt(variance + np.float32(epsilon))
    return kernel * scale, beta - mean * scale


def equalize(weights: Weights) -> Weights:
    """The same function with balanced ranges: what divides a channel multiplies the next layer's input."""
    kernel1, bias1, kernel2, bias2, dense, dense_bias = (w.copy() for w in weights)
    channels = kernel2.shape[3]
    by_channel = dense.reshape(-1, channels, dense.shape[1])  # flatten keeps the channel fastest
    for _ in range(10):
        scale = _balance(kernel1, (0, 1, 2), kernel2, (0, 1, 3))
        kernel1, bias1, kernel2 = kernel1 / scale, bias1 / scale, kernel2 * scale[:, None]
        scale = _balance(kernel2, (0, 1, 2), by_channel, (0, 2))
        kernel2, bias2, by_channel = kernel2 / scale, bias2 / scale, by_channel * scale[:, None]
    return [kernel1, bias1, kernel2, bias2, by_channel.reshape(dense.shape), dense_bias]


def center_logits(weights: Weights, limit: float | None = None) -> Weights:
    """The same probabilities from logits that sum to zero, weight by weight; ``limit`` bounds the dense kernel.

    With two classes the second column is then exactly the negative of the first, so the largest logit z tells the
    confidence by itself: p = 1 / (1 + exp(-2 z)). That makes a threshold on it a threshold on the confidence. QKeras's
    signed range is not symmetric, hence the limit: its largest positive value.
    """
    *rest, kernel, bias = weights
    # In float64 the mean of two float32 is exact, and so the two differences are exact opposites.
    centred = [w.astype(np.float64) - w.mean(axis=-1, keepdims=True, dtype=np.float64) for w in (kernel, bias)]
    if limit is not None:
        centred[0] = np.clip(centred[0], -limit, limit)
    return [*rest, *(w.astype(np.float32) for w in centred)]


def best_integer(values: NDArray[np.floating], bits: int, signed: bool) -> int:
    """Integer bits (sign not counted) with the least squared error of ``bits`` wide values, rounded and saturated."""
    flat = np.asarray(values, np.float64).ravel()
    return min(range(16), key=lambda integer: _squared_error(flat, bits, integer, signed))


def choose_integers(bits: StudentBits, weights: Weights, relu1: FloatArray, relu2: FloatArray) -> StudentBits:
    """The same widths with the integer bits that suit these weights and measured activations."""
    names = ("conv1_kernel", "conv1_bias", "conv2_kernel", "conv2_bias", "dense_kernel", "dense_bias")
    chosen = {
        name: Bits(getattr(bits, name).bits, best_integer(w, getattr(bits, name).bits, signed=True))
        for name, w in zip(names, weights)
    }
    for name, activation in (("relu1", relu1), ("relu2", relu2)):
        width = getattr(bits, name).bits
        chosen[name] = Bits(width, best_integer(activation, width, signed=False))
    return StudentBits(pixels=bits.pixels, **chosen)


def _balance(
    left: FloatArray, left_axes: tuple[int, ...], right: FloatArray, right_axes: tuple[int, ...]
) -> FloatArray:
    """Per channel sqrt(range out / range in); 1 where a channel is dead on either side."""
    out, into = np.abs(left).max(axis=left_axes), np.abs(right).max(axis=right_axes)
    alive = (out > 0) & (into > 0)
    ratio: FloatArray = np.sqrt(np.where(alive, out, 1) / np.where(alive, into, 1)).astype(np.float32)
    return ratio


def _squared_error(values: NDArray[np.float64], bits: int, integer: int, signed: bool) -> float:
    step = 2.0 ** (integer + int(signed) - bits)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    rounded = np.clip(np.rint(values / step), low, high) * step
    return float(np.square(values - rounded).sum())
