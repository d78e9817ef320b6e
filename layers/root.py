"""``sim.root.Root`` on int64 tensors: the same integers step by step, so that a layer can train with them."""

from __future__ import annotations

import numpy as np

from ..sim.fixed import Fixed
from ..sim.piecewise import PiecewiseLinear
from ..sim.root import Form, Root
from .fixed import Tensor

_MANTISSA, _BIAS = 52, 1023  # of a float64


def gains(root: Root, s: Tensor) -> Tensor:
    """``root(s)`` of an int64 tensor of positive sums below 2**52; ``root`` rounds with RND_CONV and SAT."""
    m, h = _normalized(root, s)
    return _scaled(root, _root(root, m), h)


def _normalized(root: Root, s: Tensor) -> tuple[Tensor, Tensor]:
    import tensorflow as tf

    aligned = _left(s, root.odd)
    # A float64 that is exact has the place of the highest bit in its exponent.
    exponent = _right(tf.bitcast(tf.cast(aligned, tf.float64), tf.int64), _MANTISSA) - _BIAS
    h = _right(exponent, 1)
    up, down = tf.maximum(root.fraction - 2 * h, 0), tf.maximum(2 * h - root.fraction, 0)
    return _right(_left(aligned, up), down), h


def _root(root: Root, m: Tensor) -> Tensor:
    """``m ** -0.5``, inverse ``m ** 0.5``."""
    q, r = _looked_up(root, _right(m, root.fraction - root.seed))
    return _step(root, q, r, m) if root.newton else q if root.inverse else r


def _looked_up(root: Root, m: Tensor) -> tuple[Tensor, Tensor]:
    """(square root, its reciprocal) by the tables."""
    if root.form is Form.RECIPROCAL_SQUARE_ROOT:
        r = _line(root.tables["reciprocal_square_root"], m)
        return (_right(m * r, root.seed) if root.inverse else r), r
    q = _line(root.tables["square_root"], m)
    return q, _line(root.tables["reciprocal"], _clamped(root, q)) if "reciprocal" in root.tables else q


def _clamped(root: Root, q: Tensor) -> Tensor:
    import tensorflow as tf

    return tf.clip_by_value(q, 1 << root.seed, (2 << root.seed) - 1)


def _step(root: Root, q: Tensor, r: Tensor, m: Tensor) -> Tensor:
    """One Newton step."""
    f, seed = root.fraction, root.seed
    if root.inverse:
        value = _clamped(root, q)
        rest = _right(_left(m, 2 * seed - f) - value * value, 2 * seed - f)
    else:
        value = r
        rest = _right((1 << (f + seed)) - _right(m * r, seed) * r, seed)
    return _left(value, f - seed) + _right(r * rest, seed + 1)


def _line(table: PiecewiseLinear, x: Tensor) -> Tensor:
    """``table(x)``."""
    import tensorflow as tf

    k, d = _address(table, x)
    intercept, slope = (tf.gather(tf.constant(np.array(values)), k) for values in (table.intercepts, table.slopes))
    return _right(intercept + slope * d, table.shift)


def _address(table: PiecewiseLinear, x: Tensor) -> tuple[Tensor, Tensor]:
    import tensorflow as tf

    rest = (1 << table.offset_bits) - 1
    if table.octaves == 1:
        inside = x - (1 << table.fraction)
        return _right(inside, table.offset_bits), tf.bitwise.bitwise_and(inside, rest)
    upper = _right(x, table.fraction + 1)
    mantissa = tf.bitwise.bitwise_and(tf.where(upper > 0, x, _left(x, 1)), (1 << (table.fraction + 1)) - 1)
    k = _left(upper, table.segment_bits) + _right(mantissa, table.offset_bits)
    return k, tf.bitwise.bitwise_and(mantissa, rest)


def _scaled(root: Root, value: Tensor, h: Tensor) -> Tensor:
    """The root of the whole sum, rounded to the gain's type."""
    wide = _left(value, h if root.inverse else root.most - h)
    return _rounded(wide, root.scaled_fraction - root.gain.type.fraction, root.gain.type)


def _rounded(x: Tensor, shift: int, to: Fixed) -> Tensor:
    """``x * 2**-shift`` of positive integers below 2**62, half to even, saturated."""
    import tensorflow as tf

    if shift <= 0:
        most = to.raw_max >> min(-shift, 63)
        return tf.where(x > most, tf.constant(to.raw_max, tf.int64), _left(tf.minimum(x, most), min(-shift, 63)))
    down = min(shift, 63)  # below 2**62 is below half of that
    whole = _right(x, down)
    rest, half = x - _left(whole, down), 1 << (down - 1)
    up = (rest > half) | ((rest == half) & (tf.bitwise.bitwise_and(whole, 1) == 1))
    return tf.minimum(whole + tf.cast(up, tf.int64), to.raw_max)


def _left(x: Tensor, bits: Tensor | int) -> Tensor:
    import tensorflow as tf

    return tf.bitwise.left_shift(x, tf.cast(bits, tf.int64))


def _right(x: Tensor, bits: Tensor | int) -> Tensor:
    import tensorflow as tf

    return tf.bitwise.right_shift(x, tf.cast(bits, tf.int64))
