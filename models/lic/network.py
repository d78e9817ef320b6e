"""The scale hyperprior of Ballé et al. 2018, float and fixed point, as Keras models. Keras is imported late.

=============== ====================================================================================================
analysis        pixels to y and z: three 5x5 convolutions of stride 2, each with GDN, and a fourth for y; then from
                the magnitude of y a 3x3 and two 5x5 of stride 2 with ReLU between for z
hyper_synthesis z to the scales of y: two 5x5 transposed convolutions of stride 2 and a 3x3, each with ReLU
synthesis       y to pixels: four 5x5 transposed convolutions of stride 2, inverse GDN between
=============== ====================================================================================================

Padding is k // 2 on all sides, output padding 1, spelt out: Keras's own "same" pads otherwise. The magnitude is that
of y in float, and in fixed point that of y rounded, which is what hardware has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..training import keras as training
from .entropy_models import FactorizedPrior

Weights = dict[str, list[NDArray[np.floating]]]
"""Each layer's weights in Keras's order by the layer's name, and the prior's as ``prior``."""
START_GAIN = 8.0
"""How much larger than usual conv4 starts, and how much smaller deconv1: y is rounded to integers in between."""


@dataclass(frozen=True)
class Widths:
    """Channels of each layer; a student has one number for all but ``latent``, pruning makes them differ."""

    analysis: tuple[int, int, int]
    synthesis: tuple[int, int, int]
    hyper_analysis: tuple[int, int]
    hyper_synthesis: tuple[int, int]
    latent: int
    """Of y: the same in a teacher and its students."""
    side: int
    """Of z."""

    @classmethod
    def uniform(cls, filters: int, latent: int) -> Widths:
        """N filters in every layer but the one that makes y."""
        three, two = (filters,) * 3, (filters,) * 2
        return cls(three, three, two, two, latent, filters)  # type: ignore[arg-type, unused-ignore]


class Kit(Protocol):
    """Makes the layers, float or fixed, by name."""

    def entrance(self, name: str) -> Any: ...

    def conv(self, name: str, filters: int, size: int, stride: int) -> Any: ...

    def deconv(self, name: str, filters: int) -> Any: ...

    def normalization(self, name: str, inverse: bool) -> Any: ...

    def relu(self, name: str) -> Any: ...

    def exit(self, name: str) -> Any: ...


class FloatKit:
    """Keras's own layers and GDN."""

    def __init__(self, gdn: bool = True) -> None:
        self.gdn, self.layers = gdn, keras().layers

    def entrance(self, name: str) -> Any:
        return self.layers.Activation("linear", name=name)

    exit = entrance

    def conv(self, name: str, filters: int, size: int, stride: int) -> Any:
        start = self._start(START_GAIN if name == "conv4" else 1.0)
        return self.layers.Conv2D(filters, size, strides=stride, kernel_initializer=start, name=name)

    def deconv(self, name: str, filters: int) -> Any:
        start = self._start(1 / START_GAIN if name == "deconv1" else 1.0)
        return self.layers.Conv2DTranspose(filters, 5, strides=2, kernel_initializer=start, name=name)

    def normalization(self, name: str, inverse: bool) -> Any:
        from ...layers.gdn import gdn

        return gdn()(inverse=inverse, name=name) if self.gdn else self.relu(name)

    def relu(self, name: str) -> Any:
        return self.layers.ReLU(name=name)

    @staticmethod
    def _start(gain: float) -> Any:
        return keras().initializers.VarianceScaling(gain**2, "fan_avg", "uniform")


@dataclass(frozen=True)
class Codec:
    """A network's models with shared layers; ``latents`` gives y and z before they are rounded, to train with."""

    analysis: Any
    latents: Any
    hyper_synthesis: Any
    synthesis: Any
    prior: FactorizedPrior
    widths: Widths

    def layers(self) -> Iterator[Any]:
        """Every layer that has weights."""
        for model in (self.analysis, self.hyper_synthesis, self.synthesis):
            yield from (layer for layer in model.layers if layer.weights)

    def variables(self) -> list[Any]:
        """All trained variables."""
        return [variable for layer in self.layers() for variable in layer.trainable_weights] + self.prior.variables

    def weights(self) -> Weights:
        """As they are stored; a fixed codec's kernels are stored before their quantizers' scale."""
        return {
            **{layer.name: layer.get_weights() for layer in self.layers()},
            "prior": [variable.numpy() for variable in self.prior.variables],
        }

    def set_weights(self, weights: Weights) -> None:
        """The reverse of :meth:`weights`."""
        for layer in self.layers():
            layer.set_weights(weights[layer.name])
        for variable, values in zip(self.prior.variables, weights["prior"], strict=True):
            variable.assign(values)

    def parameters(self) -> int:
        """How many numbers the networks hold; the prior's, which become tables, do not count."""
        return int(sum(np.prod(variable.shape) for layer in self.layers() for variable in layer.weights))


def keras() -> Any:
    """tf_keras, and the name that QConv2DTranspose looks for where TensorFlow no longer has it."""
    k = training.keras()
    import tensorflow as tf
    from tensorflow.python.ops import array_ops

    array_ops.stack = tf.stack
    return k


def codec(widths: Widths, kit: Kit, size: int | None = None, seed: int = 1) -> Codec:
    """The models with layers of this kit, for square images of ``size`` pixels (any size where it is None)."""
    parts = (None if size is None else size // scale for scale in (1, 64, 16))
    image, z, y = (keras().Input((part, part, channels), name=name) for part, channels, name in zip(
        parts, (3, widths.side, widths.latent), ("image", "z_in", "y_in")))  # fmt: skip
    latents, integers = _analysis(image, widths, kit)
    return Codec(
        keras().Model(image, integers, name="analysis"),
        keras().Model(image, latents, name="latents"),
        keras().Model(z, _hyper_synthesis(z, widths, kit), name="hyper_synthesis"),
        keras().Model(y, _synthesis(y, widths, kit), name="synthesis"),
        FactorizedPrior(widths.side, seed),
        widths,
    )


def _analysis(image: Any, widths: Widths, kit: Kit) -> tuple[list[Any], list[Any]]:
    """[y, z] before they are rounded, and rounded."""
    import tensorflow as tf

    x = kit.entrance("pixels")(image)
    for place, filters in enumerate(widths.analysis, 1):
        x = kit.conv(f"conv{place}", filters, 5, 2)(_padded(x, 2, f"pad{place}"))
        x = kit.normalization(f"gdn{place}", False)(x)
    y = kit.conv("conv4", widths.latent, 5, 2)(_padded(x, 2, "pad4"))
    rounded = kit.exit("y")(y)
    h = keras().layers.Activation(tf.abs, name="magnitude")(rounded)
    for place, (filters, size) in enumerate(zip((*widths.hyper_analysis, widths.side), (3, 5, 5)), 1):
        name = f"hyper_conv{place}"
        h = kit.conv(name, filters, size, 1 if size == 3 else 2)(_padded(h, size // 2, f"hyper_pad{place}"))
        h = h if place == 3 else kit.relu(f"hyper_relu{place}")(h)
    return [y, h], [rounded, kit.exit("z")(h)]


def _hyper_synthesis(z: Any, widths: Widths, kit: Kit) -> Any:
    h = kit.entrance("side")(z)
    for place, filters in enumerate(widths.hyper_synthesis, 1):
        h = _cropped(kit.deconv(f"hyper_deconv{place}", filters)(h), f"hyper_crop{place}")
        h = kit.relu(f"hyper_relu{place + 2}")(h)
    h = kit.conv("hyper_conv4", widths.latent, 3, 1)(_padded(h, 1, "hyper_pad4"))
    return kit.relu("scales")(h)


def _synthesis(y: Any, widths: Widths, kit: Kit) -> Any:
    x = kit.entrance("latent")(y)
    for place, filters in enumerate(widths.synthesis, 1):
        x = _cropped(kit.deconv(f"deconv{place}", filters)(x), f"crop{place}")
        x = kit.normalization(f"igdn{place}", True)(x)
    return kit.exit("reconstruction")(_cropped(kit.deconv("deconv4", 3)(x), "crop4"))


def _padded(x: Any, by: int, name: str) -> Any:
    return keras().layers.ZeroPadding2D(by, name=name)(x)


def _cropped(x: Any, name: str) -> Any:
    """(2n + 3) to 2n: a padding of 2 and an output padding of 1."""
    return keras().layers.Cropping2D(((2, 1), (2, 1)), name=name)(x)
