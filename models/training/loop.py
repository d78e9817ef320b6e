"""The training loop of all applications: blocks of steps, a checkpoint after each, and a later call goes on there."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .keras import keras
from .run_folder import Report, announce, save_checkpoint

Block = Callable[[np.random.RandomState, int], tuple[int, float]]
"""Trains up to the next checkpoint, given random numbers and what is done: what it did, and its mean loss."""


@dataclass(frozen=True)
class Run:
    """One training: its name, the ``total`` of its ``unit`` ("step" or "epoch"), the seed, where checkpoints lie."""

    name: str
    total: int
    unit: str
    seed: int
    folder: Path
    report: Report

    def generator(self, done: int) -> np.random.RandomState:
        """The random numbers of a block: they depend on seed, name and place only, so a resumed run draws the same."""
        return np.random.RandomState([self.seed, zlib.crc32(self.name.encode()), done])


@dataclass(frozen=True)
class Cost:
    """Steps or epochs, wall-clock and processor seconds (also those before a resume), the last block's mean loss."""

    done: int
    seconds: float
    cpu_seconds: float
    loss: float

    def of(self, unit: str) -> dict[str, Any]:
        """For a file of results."""
        return {f"{unit}s": self.done, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds, "loss": self.loss}


def adam(rate: float, updates: int, clip_norm: float | None = None) -> Any:
    """Adam whose learning rate falls to zero as a cosine; ``clip_norm`` limits each tensor's gradient."""
    schedule = keras().optimizers.schedules.CosineDecay(rate, max(1, updates))
    return keras().optimizers.legacy.Adam(schedule, **({} if clip_norm is None else {"clipnorm": clip_norm}))


def descent(loss: Callable[..., Any], variables: list[Any], optimizer: Any) -> Callable[..., Any]:
    """A compiled step: ``loss(*batch)``, after the weights have moved against its gradient.

    Where ``loss`` gives a list, its first is descended, and all are returned.
    """
    import tensorflow as tf

    @tf.function  # type: ignore[misc, unused-ignore]
    def step(*batch: Any) -> Any:
        with tf.GradientTape() as tape:
            found = loss(*batch)
            value = found[0] if isinstance(found, list) else found
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return found

    return step  # type: ignore[no-any-return, unused-ignore]


def train(run: Run, block: Block, **tracked: Any) -> Cost:
    """Call ``block`` until all is done. ``tracked``: the weights, the optimizer, whatever else a checkpoint holds."""
    import tensorflow as tf

    done, loss = (tf.Variable(0, dtype=t, trainable=False) for t in (tf.int64, tf.float64))
    spent = tf.Variable([0.0, 0.0], dtype=tf.float64, trainable=False)
    checkpoint = tf.train.Checkpoint(**tracked, done=done, spent=spent, loss=loss)
    manager = tf.train.CheckpointManager(checkpoint, str(run.folder / run.name), max_to_keep=1)
    checkpoint.restore(manager.latest_checkpoint).expect_partial()
    announce(run.name, manager.latest_checkpoint, int(done), run.total, run.unit, run.report)
    while int(done) < run.total:
        started = np.array([time.monotonic(), time.process_time()])
        count, mean = block(run.generator(int(done)), int(done))
        done.assign_add(count)
        loss.assign(mean)
        spent.assign_add(np.array([time.monotonic(), time.process_time()]) - started)
        save_checkpoint(manager)
        run.report(run.name, int(done), run.total, float(loss))
    seconds, cpu_seconds = (float(value) for value in spent.numpy())
    return Cost(int(done), seconds, cpu_seconds, float(loss))
