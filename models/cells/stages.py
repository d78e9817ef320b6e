"""One training stage: a model, a view of the images, what it imitates (labels or a teacher), checkpoints, resume."""

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
from .data import Split
from .mixing import View
from .network import keras

FloatArray = NDArray[np.float32]
BATCH = 64


@dataclass(frozen=True)
class Stage:
    """What one stage does. ``imitate`` gives the teacher's logits of a view; without it the labels are learnt."""

    name: str
    epochs: int
    learning_rate: float
    view: View
    imitate: Callable[[Any], Any] | None = None
    temperature: float = 2.0


@dataclass(frozen=True)
class Cost:
    """Wall-clock and processor seconds of all the epochs that are in the weights, also those before a resume."""

    epochs: int
    seconds: float
    cpu_seconds: float


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Mean cross entropy of integer labels against logits."""
    import tensorflow as tf

    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def distillation_loss(teacher_logits: Any, student_logits: Any, temperature: float) -> Any:
    """T^2 * KL(softmax(teacher / T) || softmax(student / T)), mean over the batch (Hinton et al. 2015).

    Both arguments are logits: the softmax is applied here, once.
    """
    import tensorflow as tf

    teacher = tf.nn.log_softmax(teacher_logits / temperature)
    student = tf.nn.log_softmax(student_logits / temperature)
    divergence = tf.reduce_sum(tf.exp(teacher) * (teacher - student), axis=1)
    return tf.reduce_mean(divergence) * temperature**2


def run(stage: Stage, model: Any, split: Split, seed: int, folder: Path, report: Report) -> Cost:
    """Train ``model`` in place; each epoch ends with a checkpoint in ``folder``, where a later call goes on.

    The order and the views of an epoch depend only on seed, stage and epoch, so a resumed run sees the same images.
    """
    import tensorflow as tf

    steps = len(split) // BATCH
    schedule = keras().optimizers.schedules.CosineDecay(stage.learning_rate, max(1, stage.epochs * steps))
    optimizer = keras().optimizers.legacy.Adam(schedule)
    done = tf.Variable(0, dtype=tf.int64, trainable=False)
    spent = tf.Variable([0.0, 0.0], dtype=tf.float64, trainable=False)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, epoch=done, spent=spent)
    manager = tf.train.CheckpointManager(checkpoint, str(folder / stage.name), max_to_keep=1)
    checkpoint.restore(manager.latest_checkpoint).expect_partial()
    announce(stage.name, manager.latest_checkpoint, int(done.numpy()), stage.epochs, "epoch", report)
    step = _step(stage, model, optimizer)
    for epoch in range(int(done.numpy()), stage.epochs):
        started = np.array([time.monotonic(), time.process_time()])
        rng = np.random.RandomState([seed, zlib.crc32(stage.name.encode()), epoch])
        losses = [float(step(*batch)) for batch in _batches(stage, split, rng)]
        done.assign(epoch + 1)
        spent.assign_add(np.array([time.monotonic(), time.process_time()]) - started)
        save_checkpoint(manager)
        report(stage.name, epoch + 1, stage.epochs, float(np.mean(losses)))
    return Cost(int(done.numpy()), *(float(seconds) for seconds in spent.numpy()))


def predict(model: Any, split: Split) -> NDArray[np.float64]:
    """Logits (n, classes) of a whole split."""
    pixels = split.pixels()
    # Called directly: Model.predict logs an error for each model under deterministic ops.
    parts = [model(pixels[start : start + 256], training=False).numpy() for start in range(0, len(split), 256)]
    return np.concatenate(parts).astype(np.float64)


def _step(stage: Stage, model: Any, optimizer: Any) -> Callable[[FloatArray, NDArray[np.int64]], Any]:
    import tensorflow as tf

    def loss(images: Any, labels: Any) -> Any:
        logits = model(images, training=True)
        if stage.imitate is None:
            return cross_entropy(labels, logits)
        return distillation_loss(tf.stop_gradient(stage.imitate(images)), logits, stage.temperature)

    @tf.function  # type: ignore[misc, unused-ignore]
    def step(images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(images, labels)
        optimizer.apply_gradients(
            zip(tape.gradient(value, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return value

    return step  # type: ignore[no-any-return, unused-ignore]


def _batches(stage: Stage, split: Split, rng: np.random.RandomState) -> Iterator[tuple[FloatArray, NDArray[np.int64]]]:
    """The epoch's whole batches; a mixed view has no label of its own, and a stage that mixes imitates a teacher."""
    order = _balanced_order(split.labels, rng)
    for start in range(0, len(order) - BATCH + 1, BATCH):
        chosen = order[start : start + BATCH]
        images = split.images[chosen].astype(np.float32) / np.float32(256)
        yield stage.view(images, rng), split.labels[chosen]


def _balanced_order(labels: NDArray[np.int64], rng: np.random.RandomState) -> NDArray[np.int64]:
    """A permutation where the classes are equally frequent, else a weighted sample that makes them so (the paper's)."""
    counts = np.bincount(labels)
    if counts.min() == counts.max():
        return rng.permutation(len(labels))
    share = 1.0 / counts[labels]
    return rng.choice(len(labels), len(labels), p=share / share.sum())
