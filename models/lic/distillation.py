"""A student learns a larger codec's latents and images, in two phases, as in the paper.

First alpha is ten times beta, so that y comes near the teacher's; when that has reached a plateau, or after half of the
steps, beta is ten times alpha for the image. gamma, the share of the rate-distortion loss, stays 0.5. (So the paper's
text; its Table I has the phases the other way round.) Here both terms are relative to the teacher's mean squares, which
makes them independent of the units of y and of the features, and both weights are a tenth of the paper's 1 and 0.1: of
the few forms tried here this one cost least.

The paper's perceptual features are a ResNet-50's, trained on ImageNet, which is not at hand. Here they are those of a
small network that is trained to tell the eight kinds of synthetic dead leaves from one another. The paper's student
keeps the teacher's hyperprior; here it has its own, of its own width.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from .data import Pool
from .dead_leaves import KINDS
from .network import Codec, keras

Tensor = Any
EARLY, LATE = (0.1, 0.01), (0.01, 0.1)
"""(alpha, beta) of the two phases."""
GAMMA = 0.5
PATIENCE, LEAST_GAIN = 3, 0.01
"""A plateau: so many blocks without a latent loss lower by this share."""
FEATURE_WIDTHS = (16, 32, 64)
FEATURE_BATCH, FEATURE_SIDE = 16, 64


class Phases:
    """Which weights count now. ``state`` (phase, best latent loss, blocks without a gain, step of change) is saved."""

    def __init__(self, steps: int) -> None:
        import tensorflow as tf

        self.steps, self.state = steps, tf.Variable([0.0, np.inf, 0.0, -1.0], dtype=tf.float32, trainable=False)

    @property
    def switched(self) -> int:
        """The step of the change; -1 before it."""
        return int(self.state[3])

    def weights(self) -> tuple[Tensor, Tensor]:
        """alpha and beta."""
        late = self.state[0]
        alpha, beta = (first + late * (second - first) for first, second in zip(EARLY, LATE))
        return alpha, beta

    def after(self, done: int, latent: float) -> None:
        """A block has ended with this mean latent loss."""
        phase, best, stale, step = (float(value) for value in self.state.numpy())
        stale = 0.0 if latent < best * (1 - LEAST_GAIN) else stale + 1
        if not phase and (stale >= PATIENCE or done >= self.steps / 2):
            phase, step = 1.0, float(done)
        self.state.assign([phase, min(best, latent), stale, step])


class Teacher:
    """What a student imitates: the teacher's codec and the features of images."""

    def __init__(self, codec: Codec, features: Any) -> None:
        self.codec, self.features = codec, features

    def loss(
        self, pixels: Tensor, latent: Tensor, image: Tensor, own: Tensor, weights: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The whole loss, where ``own`` is R + lambda D, and its latent part."""
        import tensorflow as tf

        y = tf.stop_gradient(self.codec.latents(pixels, training=False)[0])
        teachers = tf.stop_gradient(self.codec.synthesis(tf.round(y), training=False))
        near = relative(y, latent)
        alpha, beta = weights
        return alpha * near + beta * perceptual(self.features, teachers, image) + GAMMA * own, near


def perceptual(features: Any, teachers: Tensor, image: Tensor) -> Tensor:
    """The mean over the maps of how far ours are from the teacher's."""
    import tensorflow as tf

    return tf.reduce_mean([relative(*maps) for maps in zip(features(teachers), features(image))])


def relative(theirs: Tensor, ours: Tensor) -> Tensor:
    """The mean squared difference in parts of the teacher's mean square."""
    import tensorflow as tf

    theirs = tf.stop_gradient(theirs)
    return tf.reduce_mean(tf.square(theirs - ours)) / (tf.reduce_mean(tf.square(theirs)) + 1e-6)


def feature_network() -> Any:
    """Pixels to three maps, and the kinds' logits last."""
    k = keras()
    pixels = x = k.Input((None, None, 3), name="pixels")
    maps = []
    for place, width in enumerate(FEATURE_WIDTHS):
        start = k.initializers.HeNormal(seed=place)
        x = k.layers.Conv2D(width, 3, strides=2, activation="relu", kernel_initializer=start)(x)
        maps.append(x)
    logits = k.layers.Dense(len(KINDS))(k.layers.GlobalAveragePooling2D()(x))
    return k.Model(pixels, [*maps, logits], name="features")


def train_features(network: Any, pool: Pool, steps: int, seed: int) -> float:
    """Train it in place to tell the kinds apart; its share of right answers on the last tenth of the images."""
    import tensorflow as tf

    optimizer = keras().optimizers.legacy.Adam(2e-3)
    rng = np.random.RandomState([seed, zlib.crc32(b"features")])
    border = len(pool.images) * 9 // 10
    kept, held = Pool(pool.images[:border], pool.kinds[:border]), Pool(pool.images[border:], pool.kinds[border:])

    @tf.function  # type: ignore[misc, unused-ignore]
    def step(pixels: Tensor, kinds: Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = network(pixels, training=True)[-1]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(kinds, logits))
        weights = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    for _ in range(steps):
        step(*(tf.constant(part) for part in kept.crops(FEATURE_BATCH, FEATURE_SIDE, rng)))
    crops, kinds = held.crops(512, FEATURE_SIDE, rng)
    return float((network(crops)[-1].numpy().argmax(axis=1) == kinds).mean())


def maps_of(network: Any) -> Callable[[Tensor], list[Tensor]]:
    """The feature maps alone."""
    only = keras().Model(network.input, network.output[:-1])
    return lambda pixels: only(pixels, training=False)
