"""One training: a network, its curves, what it imitates, checkpoints, resume.

The loss, which the paper leaves open ("a combined loss function"): with y the network's curves, s the true decays, t
the teacher's curves and alpha the teacher's share, all over a batch of B curves of T samples,

    L = (1 - alpha) · Σ (y - s)² / (B·T)  +  alpha · Σ (y - t)² / (B·T)

Without a teacher alpha is 0. The teacher's curves are its outputs for the same TPSFs, computed once.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..cells.network import keras
from ..run_folder import Report, announce, save_checkpoint

Curves = NDArray[np.float32]
BATCH = 128
BLOCK = 100
"""Steps between two checkpoints."""
CLIP_NORM = 1.0
"""Of each weight tensor's gradient: seventy steps back through a GRU, a single one can be huge."""


@dataclass(frozen=True)
class Stage:
    """What one training does; the learning rate falls to zero as a cosine. ``alpha`` is the teacher's share."""

    name: str
    steps: int
    learning_rate: float
    alpha: float = 0.0


@dataclass(frozen=True)
class Cost:
    """Steps, their wall-clock and processor seconds (also those before a resume), and the last block's mean loss."""

    steps: int
    seconds: float
    cpu_seconds: float
    loss: float


def combined_loss(curves: Any, truth: Any, teacher: Any, alpha: float) -> Any:
    """L of this file's head."""
    import tensorflow as tf

    return (1.0 - alpha) * tf.reduce_mean((curves - truth) ** 2) + alpha * tf.reduce_mean((curves - teacher) ** 2)


def run(
    stage: Stage,
    model: Any,
    tpsf: Curves,
    sfd: Curves,
    teacher: Curves | None,
    seed: int,
    folder: Path,
    report: Report,
) -> Cost:
    """Train ``model`` in place on (n, 70) curves; each block ends with a checkpoint, where a later call goes on.

    Which curves a block sees depends only on seed, stage and block, so a resumed run sees the same ones.
    """
    import tensorflow as tf

    schedule = keras().optimizers.schedules.CosineDecay(stage.learning_rate, stage.steps)
    optimizer = keras().optimizers.legacy.Adam(schedule, clipnorm=CLIP_NORM)
    done, loss = (tf.Variable(0, dtype=t, trainable=False) for t in (tf.int64, tf.float64))
    spent = tf.Variable([0.0, 0.0], dtype=tf.float64, trainable=False)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, done=done, spent=spent, loss=loss)
    manager = tf.train.CheckpointManager(checkpoint, str(folder / stage.name), max_to_keep=1)
    checkpoint.restore(manager.latest_checkpoint).expect_partial()
    announce(stage.name, manager.latest_checkpoint, int(done), stage.steps, "step", report)
    step = _step(stage, model, optimizer)
    targets = sfd if teacher is None else teacher
    while int(done) < stage.steps:
        started = np.array([time.monotonic(), time.process_time()])
        rng = np.random.RandomState([seed, zlib.crc32(stage.name.encode()), int(done)])
        count = min(BLOCK, stage.steps - int(done))
        chosen = rng.randint(0, len(tpsf), (count, BATCH))
        losses = [float(step(*(tf.constant(x[i, :, None]) for x in (tpsf, sfd, targets)))) for i in chosen]
        done.assign_add(count)
        loss.assign(np.mean(losses))
        spent.assign_add(np.array([time.monotonic(), time.process_time()]) - started)
        save_checkpoint(manager)
        report(stage.name, int(done), stage.steps, float(loss))
    seconds, cpu_seconds = (float(value) for value in spent.numpy())
    return Cost(int(done), seconds, cpu_seconds, float(loss))


def _step(stage: Stage, model: Any, optimizer: Any) -> Callable[[Any, Any, Any], Any]:
    import tensorflow as tf

    @tf.function  # type: ignore[misc, unused-ignore]
    def step(tpsf: Any, sfd: Any, teacher: Any) -> Any:
        with tf.GradientTape() as tape:
            value = combined_loss(model(tpsf, training=True), sfd, teacher, stage.alpha)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    return step  # type: ignore[no-any-return, unused-ignore]
