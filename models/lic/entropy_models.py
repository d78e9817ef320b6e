"""What a symbol costs: the factorized prior of z and the Gaussian conditional of y (Ballé et al. 2018).

Both give a value v the probability of the interval v ± 1/2, for v with uniform noise (training) and v rounded alike.
Rates are bits.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...layers.gdn import lower_bound

Tensor = Any
FILTERS = (1, 3, 3, 3, 1)
"""Widths of the small monotone network that is each channel's cumulative distribution."""
START_SCALE = 10.0
"""The prior begins about so many integers wide."""
LEAST_SCALE = 0.11
"""Of the Gaussian: a narrower one has all its mass in one integer (CompressAI's bound)."""
LEAST_PROBABILITY = 1e-9


class FactorizedPrior:
    """z's distribution, channel by channel, as a monotone network (Ballé et al. 2018, appendix 6.1).

    ``variables`` holds, per layer, the matrix (C, out, in) before softplus, the bias (C, out, 1) and, but for the last
    layer, the factor (C, out, 1) before tanh.
    """

    def __init__(self, channels: int, seed: int = 1) -> None:
        import tensorflow as tf

        rng = np.random.RandomState(seed)
        self.channels, self.variables = channels, []
        for inner, outer in pairwise(FILTERS):
            start = np.log(np.expm1(START_SCALE ** (-1 / (len(FILTERS) - 1)) / outer))
            layer = [np.full((channels, outer, inner), start), rng.uniform(-0.5, 0.5, (channels, outer, 1))]
            layer += [np.zeros((channels, outer, 1))] if outer > 1 else []
            self.variables += [tf.Variable(values, dtype=tf.float32) for values in layer]

    def logits(self, points: Tensor) -> Tensor:
        """The logits (C, n) of the cumulative distribution at the points (C, n)."""
        import tensorflow as tf

        x, rest = points[:, None, :], list(self.variables)
        while rest:
            matrix, bias, *rest = rest
            x = tf.matmul(tf.nn.softplus(matrix), x) + bias
            if rest:
                factor, *rest = rest
                x += tf.tanh(factor) * tf.tanh(x)
        return x[:, 0, :]

    def cumulative(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """P(z <= point) at points (C, n)."""
        import tensorflow as tf

        logits = self.logits(tf.constant(points, tf.float32)).numpy().astype(np.float64)
        result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logits))
        return result

    def bits(self, z: Tensor) -> Tensor:
        """All bits of z (batch, h, w, C), one number."""
        import tensorflow as tf

        points = tf.transpose(tf.reshape(z, (-1, self.channels)))
        low, high = self.logits(points - 0.5), self.logits(points + 0.5)
        sign = -tf.stop_gradient(tf.sign(low + high))  # both taken in the tail where a sigmoid is exact
        return _bits(tf.abs(tf.sigmoid(sign * high) - tf.sigmoid(sign * low)))


def gaussian_bits(y: Tensor, scales: Tensor) -> Tensor:
    """All bits of y under zero-mean Gaussians of these scales (the same shape), one number."""
    import tensorflow as tf

    inverse, magnitude = 1.0 / lower_bound(scales, LEAST_SCALE), tf.abs(y)
    return _bits(_normal((0.5 - magnitude) * inverse) - _normal((-0.5 - magnitude) * inverse))


def _normal(x: Tensor) -> Tensor:
    """The standard normal cumulative distribution."""
    import tensorflow as tf

    return 0.5 * tf.math.erfc(-x * 0.5**0.5)


def _bits(probability: Tensor) -> Tensor:
    import tensorflow as tf

    return -tf.reduce_sum(tf.math.log(lower_bound(probability, LEAST_PROBABILITY))) / np.log(2.0)
