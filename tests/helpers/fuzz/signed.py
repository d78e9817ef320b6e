"""Dense layers of signs: hls4ml takes them by their names, and they come from scripts of their users (decision 13)."""

from __future__ import annotations

from typing import Any

from .grow import Grow, Params, Tensor
from .kinds import kind, plain

SIGNED = ("BinaryDense", "TernaryDense")
"""Keras keeps such classes by their plain names in .h5 files only."""


def classes() -> dict[str, Any]:
    """The two classes in tf_keras by the definition that scripts copy, in float64."""
    import tensorflow as tf
    import tf_keras

    class BinaryDense(tf_keras.layers.Dense):  # type: ignore[misc]
        def __init__(self, units: int, H: float = 1.0, **given: Any) -> None:
            super().__init__(units, **given)
            self.H = H

        def values(self) -> Any:
            half = tf.clip_by_value(self.kernel / self.H / 2 + 0.5, 0, 1)
            return self.H * (2 * tf.round(half) - 1)

        def call(self, inputs: Any) -> Any:
            y = tf.linalg.matmul(inputs, self.values())
            return y + self.bias if self.use_bias else y

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "H": self.H}

    class TernaryDense(BinaryDense):
        def values(self) -> Any:
            w = self.kernel / self.H
            return self.H * (tf.cast(w > 0.5, w.dtype) - tf.cast(w <= -0.5, w.dtype))

    return {"BinaryDense": BinaryDense, "TernaryDense": TernaryDense}


def register() -> None:
    """Makes them known to Keras, which loads a file."""
    import tf_keras

    tf_keras.utils.get_custom_objects().update(classes())


@kind("signed", 1, 2, keeps=True, libraries=("tf_keras",), makes={name: plain(name=name) for name in SIGNED})
def signed(g: Grow, x: Tensor, p: Params) -> Tensor:
    chosen = p.get("name") or SIGNED[p["r"] % 2]
    units = p["n"] if x.shape[-1] <= 64 else min(p["n"], 2)
    return g.weighted(x, "signed", classes()[chosen], p, "bias", units=units, use_bias=p["alt"] != 2)
