"""``GDN``, generalized divisive normalization in CompressAI's parametrization, and ``FixedGDN``, its twin in integers.

Per pixel, over the channels (Ballé et al. 2016, with the square root; the inverse multiplies by it)::

    y_i = x_i / sqrt(beta_i + sum_j gamma[j, i] x_j^2)

The variables ``beta`` (C,) and ``gamma`` (C_in j, C_out i) hold v = sqrt(max(p + o^2, o^2)) for a parameter p, and the
layer takes p = max(v, sqrt(minimum + o^2))^2 - o^2, o being 2^-18: beta is at least 1e-6, gamma at least 0.

``FixedGDN`` rounds x, beta and gamma to their types (half to even, saturated; a beta is at least one step of its type).
The sum, the gain that x is multiplied with, and the product are those of ``sim.ops.gdn.GDN``. The gradients are the
formula's at the rounded values, straight through each rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..gen.ops.gdn_types import Choices, operator
from ..gen.quantize.weights import WeightGrid
from ..sim.cast import Cast
from ..sim.errors import BitsmithError
from ..sim.ops.gdn import GDN as GDNOperator
from .fixed import Tensor, fake_quant, parse, to_grid
from .root import gains

if TYPE_CHECKING:
    from typing import Any as Layer
else:
    Layer = object

PACKAGE = "Bitsmith"
GAMMA = 0.1
"""gamma starts as so much of the identity, beta as 1."""
TYPES: dict[str, str | None] = {
    "input_type": "fixed<8,4>",
    "beta_type": "ufixed<27,2>",
    "gamma_type": "ufixed<18,0>",
    "gain_type": "ufixed<27,2>",
    "square_type": None,
    "output_type": None,
}
"""FixedGDN's types and their defaults, None where all stays exact. ``gen.ops.gdn_types.fixed_types`` finds those that
fit trained parameters."""
EXACT_BITS = 52
"""float64 holds whole numbers of so many bits exactly, and one more that ``root`` takes."""


@lru_cache(maxsize=1)
def gdn() -> Any:
    """The Keras layer class ``Bitsmith>GDN``: tf_keras is imported here, and the class is registered with it."""
    return _layer("GDN", _GDN)


@lru_cache(maxsize=1)
def fixed_gdn() -> Any:
    """The Keras layer class ``Bitsmith>FixedGDN``, in the same way."""
    return _layer("FixedGDN", _FixedGDN)


def _layer(name: str, base: type) -> Any:
    import tf_keras

    layer = type(name, (base, tf_keras.layers.Layer), {"__doc__": __doc__, "__module__": __name__})
    return tf_keras.saving.register_keras_serializable(PACKAGE)(layer)


class _GDN(Layer):
    """The layer without its Keras base, which :func:`gdn` adds."""

    def __init__(
        self, inverse: bool = False, beta_min: float = 1e-6, reparam_offset: float = 2.0**-18, **options: Any
    ) -> None:
        super().__init__(**options)
        if not isinstance(inverse, bool):
            raise BitsmithError(f"inverse={inverse} on '{self.name}' is not supported; supported: True, False")
        if not (beta_min > 0 and reparam_offset > 0):
            raise BitsmithError(f"beta_min and reparam_offset on '{self.name}' are no positive numbers; leave them out")
        self.inverse, self.beta_min, self.reparam_offset = inverse, float(beta_min), float(reparam_offset)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{n: getattr(self, n) for n in ("inverse", "beta_min", "reparam_offset")}}

    def build(self, input_shape: Any) -> None:
        """beta (C,), then gamma (C, C), both as they are stored."""
        shape = tuple(input_shape)
        if shape[-1] is None:
            raise BitsmithError(f"'{self.name}' has the input shape {shape}; fix the number of channels")
        self.beta = self.add_weight("beta", shape[-1:], initializer=lambda shape, **_: self.stored(np.ones(shape)))
        start = self.stored(GAMMA * np.eye(shape[-1]))
        self.gamma = self.add_weight("gamma", 2 * shape[-1:], initializer=lambda *_, **__: start)
        super().build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """(..., C) to the same shape."""
        import tensorflow as tf

        beta, gamma = self.parameters()
        norm = tf.tensordot(tf.square(inputs), gamma, 1) + beta
        return inputs * (tf.sqrt(norm) if self.inverse else tf.math.rsqrt(norm))

    def parameters(self) -> tuple[Tensor, Tensor]:
        """beta and gamma themselves, from the variables."""
        return self._parameter(self.beta, self.beta_min), self._parameter(self.gamma, 0.0)

    def stored(self, parameters: Any) -> Any:
        """What a variable holds for these parameters, as numpy."""
        pedestal = self.reparam_offset**2
        return np.sqrt(np.maximum(np.asarray(parameters) + pedestal, pedestal))

    def _parameter(self, variable: Tensor, minimum: float) -> Tensor:
        import tensorflow as tf

        pedestal = self.reparam_offset * self.reparam_offset
        return tf.square(lower_bound(variable, math.sqrt(minimum + pedestal))) - pedestal


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """max(x, bound). Below the bound the gradient passes where it leads back up, so that nothing is stuck there."""
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[misc, unused-ignore]
    def bounded(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        def gradient(upstream: Tensor) -> Tensor:
            return tf.where((x >= bound) | (upstream < 0), upstream, tf.zeros_like(upstream))

        return tf.maximum(x, tf.constant(bound, x.dtype)), gradient

    return bounded(x)


class _FixedGDN(_GDN):
    """The twin without its Keras base. It computes in float64 and int64 and gives the layer's dtype.

    Its values are exact with an ``output_type`` that this dtype holds, or else with ``dtype="float64"``. BitsmithError,
    when it is built, where a square, a sum or a product of these types takes more than 52 bits.
    """

    def __init__(
        self, inverse: bool = False, form: str = GDNOperator.form.value,
        segments: int = GDNOperator.segments, width: int = GDNOperator.width, newton: bool = GDNOperator.newton,
        **options: Any,
    ) -> None:  # fmt: skip
        names = {name: options.pop(name, default) for name, default in TYPES.items()}
        super().__init__(inverse, **options)
        for name, text in names.items():
            if text is None and TYPES[name] is not None:
                raise BitsmithError(f"FixedGDN needs a {name}, e.g. {TYPES[name]}")
        self.types = {name: parse(text) for name, text in names.items() if text is not None}
        self.choices: dict[str, Any] = {"form": form, "segments": segments, "width": width, "newton": newton}
        self.type_names = names
        self._widest(1)

    def get_config(self) -> dict[str, Any]:
        """Flat: each type is a string, or None, under its own name."""
        return {**super().get_config(), **self.choices, **self.type_names}

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.operator = self._widest(tuple(input_shape)[-1])

    def call(self, inputs: Tensor) -> Tensor:
        """(..., C), rounded to the input's type, to the same shape."""
        import tensorflow as tf

        x = fake_quant(tf.cast(inputs, tf.float64), self.types["input_type"])
        beta, gamma = self.parameters()
        squares = tf.square(x)
        if "square_type" in self.types:
            squares = fake_quant(squares, self.types["square_type"])
        y = x * self._gain(tf.tensordot(squares, gamma, 1) + beta)
        return tf.cast(fake_quant(y, self.types["output_type"]) if "output_type" in self.types else y, inputs.dtype)

    def parameters(self) -> tuple[Tensor, Tensor]:
        """beta and gamma, rounded to their types, in float64."""
        import tensorflow as tf

        beta, gamma = (tf.cast(variable, tf.float64) for variable in (self.beta, self.gamma))
        beta = _at_least_one_step(self._parameter(beta, self.beta_min), self.types["beta_type"])
        return beta, fake_quant(self._parameter(gamma, 0.0), self.types["gamma_type"])

    def _gain(self, sums: Tensor) -> Tensor:
        """The operator's gain of exact sums; the gradient is the real root's."""
        import tensorflow as tf

        root, power = self.operator.root, 0.5 if self.inverse else -0.5

        @tf.custom_gradient  # type: ignore[misc, unused-ignore]
        def gain(sums: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            raw = gains(root, tf.cast(sums * 2.0**root.source.fraction, tf.int64))
            value = tf.cast(raw, tf.float64) * 2.0**-root.gain.type.fraction
            return value, lambda upstream: upstream * power * tf.pow(sums, power - 1)

        return gain(sums)

    def _widest(self, channels: int) -> GDNOperator:
        """The operator whose weights are the largest of their types: every other's sums are inside of its."""
        t = self.types
        beta = WeightGrid(np.full(channels, t["beta_type"].raw_max), t["beta_type"])
        gamma = WeightGrid(np.full((channels, channels), t["gamma_type"].raw_max), t["gamma_type"])
        square = Cast(t["square_type"]) if "square_type" in t else None
        choices = Choices(self.inverse, **self.choices)
        try:
            op = operator(t["input_type"], beta, gamma, choices, Cast(t["gain_type"]), square)
        except BitsmithError as error:
            raise BitsmithError(f"'{self.name}': {error}") from None
        for name, type in {"square": op.exact_square, "sum": op.accumulator.type, "output": op.product_type}.items():
            if type.width > EXACT_BITS:
                raise BitsmithError(
                    f"'{self.name}': the exact {name} takes up to {type.width} bits and a layer computes with "
                    f"{EXACT_BITS} at most (float64); use narrower types"
                )
        return op


def _at_least_one_step(beta: Tensor, type: Any) -> Tensor:
    """beta on its grid, never zero; straight through."""
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[misc, unused-ignore]
    def positive(beta: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        return tf.maximum(to_grid(beta, type), tf.constant(2.0**-type.fraction, beta.dtype)), lambda upstream: upstream

    return positive(beta)
