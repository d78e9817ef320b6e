"""One training of a codec: the rate-distortion loss, what it imitates, checkpoints, resume.

L = R + lambda · D, with R in bits per pixel and D the mean squared error in levels of 8 bits (Ballé et al. 2018). The
rate is taken at y and z with uniform noise. The decoder sees the noise, too, where a network starts from random
weights, and in any later training y and z rounded, straight through (Minnen & Singh 2020). With a teacher,

    L = alpha · latent + beta · perceptual + 0.5 · (R + lambda · D)

in two phases (see ``distillation``).
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..run_folder import Report, announce, save_checkpoint
from .data import FloatArray, Pool
from .distillation import Phases, Teacher
from .entropy_models import gaussian_bits
from .network import Codec, keras

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
class Cost:
    """Steps, their wall-clock and processor seconds (also those before a resume), and the last block's mean loss."""

    steps: int
    seconds: float
    cpu_seconds: float
    loss: float
    switched: int
    """The step at which distillation changed its phase; -1 where there is none."""


@dataclass(frozen=True)
class Pass:
    """What one batch came to."""

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
) -> Cost:
    """Train ``codec`` in place; each block ends with a checkpoint in ``folder``, where a later call goes on.

    Which crops a block sees depends only on seed, stage and block, so a resumed run sees the same ones.
    """
    import tensorflow as tf

    schedule = keras().optimizers.schedules.CosineDecay(stage.learning_rate, stage.steps)
    optimizer = keras().optimizers.legacy.Adam(schedule, clipnorm=CLIP_NORM)
    variables, phases = codec.variables(), Phases(stage.steps)
    done, spent = tf.Variable(0, dtype=tf.int64), tf.Variable([0.0, 0.0], dtype=tf.float64)
    loss, latent = (tf.Variable(0.0, dtype=tf.float64) for _ in range(2))
    kept = {"variables": variables, "optimizer": optimizer, "phases": phases.state}
    checkpoint = tf.train.Checkpoint(**kept, done=done, spent=spent, loss=loss)
    manager = tf.train.CheckpointManager(checkpoint, str(folder / stage.name), max_to_keep=1)
    checkpoint.restore(manager.latest_checkpoint).expect_partial()
    announce(stage.name, manager.latest_checkpoint, int(done), stage.steps, "step", report)
    step = _step(stage, codec, teacher, phases, optimizer, variables)
    while int(done) < stage.steps:
        started = np.array([time.monotonic(), time.process_time()])
        found = [step(*map(tf.constant, drawn)).numpy() for drawn in _block(stage, pool, seed, int(done))]
        for variable, mean in zip((loss, latent), np.mean(found, axis=0)):
            variable.assign(mean)
        done.assign_add(len(found))
        phases.after(int(done), float(latent))
        spent.assign_add(np.array([time.monotonic(), time.process_time()]) - started)
        save_checkpoint(manager)
        report(stage.name, int(done), stage.steps, float(loss))
    seconds, cpu_seconds = (float(value) for value in spent.numpy())
    return Cost(int(done), seconds, cpu_seconds, float(loss), phases.switched if teacher else -1)


def _block(stage: Stage, pool: Pool, seed: int, done: int) -> Iterator[tuple[FloatArray, NDArray[np.int32]]]:
    """Crops and the noise's seed for each step up to the next checkpoint."""
    rng = np.random.RandomState([seed, zlib.crc32(stage.name.encode()), done])
    shape = LARGE if stage.rounded or done >= SHARE_OF_SMALL * stage.steps else SMALL
    for _ in range(min(BLOCK, stage.steps - done)):
        yield pool.crops(*shape, rng)[0], rng.randint(0, 2**31 - 1, 2).astype(np.int32)


def _step(
    stage: Stage, codec: Codec, teacher: Teacher | None, phases: Phases, optimizer: Any, variables: list[Any]
) -> Callable[[Tensor, Tensor], Tensor]:
    """Pixels and the noise's seed to [loss, latent loss], after the weights have moved."""
    import tensorflow as tf

    @tf.function  # type: ignore[misc, unused-ignore]
    def step(pixels: Tensor, seed: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            own = forward(codec, pixels, stage.rounded, seed)
            loss, latent = own.rate + stage.trade * own.distortion, tf.constant(0.0)
            if teacher is not None:
                loss, latent = teacher.loss(pixels, own.latent, own.image, loss, phases.weights())
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return tf.stack([loss, latent])

    return step  # type: ignore[no-any-return, unused-ignore]
