"""One training of a codec: the rate-distortion loss, what it imitates, checkpoints, resume.

L = R + lambda · D, with R in bits per pixel and D the mean squared error in levels of 8 bits (Ballé et al. 2018). The
rate is taken at y and z with uniform noise. The decoder sees the noise, too, where a network starts from random
weights, and in any later training y and z rounded, straight through (Minnen & Singh 2020). With a teacher,

    L = alpha · latent + beta · perceptual + 0.5 · (R + lambda · D)

in two phases (see ``distillation``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.loop import Cost, Run, adam, descent, train
from ..training.run_folder import Report
from .data import FloatArray, Pool
from .distillation import Phases, Teacher
from .entropy_models import gaussian_bits
from .network import Codec

Tensor = Any
SMALL, LARGE = (16, 64), (6, 128)
"""Crops of a step and their side: many small ones while a network starts, then larger ones, that z has neighbours."""
SHARE_OF_SMALL = 0.75
BLOCK = 100
"""Steps between two checkpoints."""
CLIP_NORM = 1.0
"""Of each weight tensor's gradient."""


@dataclass(frozen=True)
class Stage:
    """What one training does; the learning rate falls to zero as a cosine. ``rounded`` is what the decoder sees."""

    name: str
    steps: int
    learning_rate: float
    trade: float
    """lambda."""
    rounded: bool


@dataclass(frozen=True)
class Pass:
    """A codec's results for one batch, with their rate and distortion."""

    rate: Tensor
    """Bits per pixel."""
    distortion: Tensor
    latent: Tensor
    """y before it is rounded."""
    image: Tensor


def forward(codec: Codec, pixels: Tensor, rounded: bool, seed: Tensor) -> Pass:
    """Pixels (batch, h, w, 3) through the codec, as it trains; ``seed`` (2,) integers of the noise."""
    import tensorflow as tf

    y, z = codec.latents(pixels, training=True)
    noisy = [
        value + tf.random.stateless_uniform(tf.shape(value), seed + place, -0.5, 0.5)
        for place, value in enumerate((y, z))
    ]
    y_seen, z_seen = (straight_round(y), straight_round(z)) if rounded else noisy
    bits = gaussian_bits(noisy[0], codec.hyper_synthesis(z_seen, training=True)) + codec.prior.bits(noisy[1])
    image = codec.synthesis(y_seen, training=True)
    pixels_count = tf.cast(tf.size(pixels) // 3, tf.float32)
    return Pass(bits / pixels_count, tf.reduce_mean(tf.square(256.0 * (image - pixels))), y, image)


def straight_round(x: Tensor) -> Tensor:
    """Rounded to 8-bit integers, saturated; the gradient of the identity."""
    import tensorflow as tf

    return x + tf.stop_gradient(tf.clip_by_value(tf.round(x), -128.0, 127.0) - x)


def run(
    stage: Stage, codec: Codec, pool: Pool, teacher: Teacher | None, seed: int, folder: Path, report: Report
) -> tuple[Cost, int]:
    """Train ``codec`` in place; each block ends with a checkpoint in ``folder``, where a later call goes on.

    Which crops a block sees depends only on seed, stage and block, so a resumed run sees the same ones. Returns what it
    cost, and the step at which distillation changed its phase (-1 where there is none).
    """
    import tensorflow as tf

    optimizer = adam(stage.learning_rate, stage.steps, CLIP_NORM)
    variables, phases = codec.variables(), Phases(stage.steps)
    step = descent(lambda pixels, noise: _losses(stage, codec, teacher, phases, pixels, noise), variables, optimizer)

    def block(rng: np.random.RandomState, done: int) -> tuple[int, float]:
        found = [[float(x) for x in step(*map(tf.constant, drawn))] for drawn in _block(stage, pool, rng, done)]
        loss, latent = np.mean(np.array(found, np.float32), axis=0)
        phases.after(done + len(found), float(latent))
        return len(found), float(loss)

    whole = Run(stage.name, stage.steps, "step", seed, folder, report)
    cost = train(whole, block, variables=variables, optimizer=optimizer, phases=phases.state)
    return cost, phases.switched if teacher else -1


def _block(
    stage: Stage, pool: Pool, rng: np.random.RandomState, done: int
) -> Iterator[tuple[FloatArray, NDArray[np.int32]]]:
    """Crops and the noise's seed for each step up to the next checkpoint."""
    shape = LARGE if stage.rounded or done >= SHARE_OF_SMALL * stage.steps else SMALL
    for _ in range(min(BLOCK, stage.steps - done)):
        yield pool.crops(*shape, rng)[0], rng.randint(0, 2**31 - 1, 2).astype(np.int32)


def _losses(
    stage: Stage, codec: Codec, teacher: Teacher | None, phases: Phases, pixels: Tensor, noise: Tensor
) -> list[Tensor]:
    """What is descended, and the latent loss; ``noise`` is its seed."""
    import tensorflow as tf

    own = forward(codec, pixels, stage.rounded, noise)
    loss = own.rate + stage.trade * own.distortion
    if teacher is None:
        return [loss, tf.constant(0.0)]
    return list(teacher.loss(pixels, own.latent, own.image, loss, phases.weights()))
