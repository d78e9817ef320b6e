"""One training stage: a model, a view of the images, what it imitates (labels or a teacher), checkpoints, resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.loop import Cost, Run, adam, descent, train
from ..training.run_folder import Report
from .data import Split
from .mixing import View

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
    optimizer = adam(stage.learning_rate, stage.epochs * (len(split) // BATCH))
    step = descent(lambda images, labels: _loss(stage, model, images, labels), model.trainable_variables, optimizer)

    def epoch(rng: np.random.RandomState, _: int) -> tuple[int, float]:
        return 1, float(np.mean([float(step(*batch)) for batch in _batches(stage, split, rng)]))

    whole = Run(stage.name, stage.epochs, "epoch", seed, folder, report)
    return train(whole, epoch, model=model, optimizer=optimizer)


def predict(model: Any, split: Split) -> NDArray[np.float64]:
    """Logits (n, classes) of a whole split."""
    pixels = split.pixels()
    # Called directly: Model.predict logs an error for each model under deterministic ops.
    parts = [model(pixels[start : start + 256], training=False).numpy() for start in range(0, len(split), 256)]
    return np.concatenate(parts).astype(np.float64)


def _loss(stage: Stage, model: Any, images: Any, labels: Any) -> Any:
    import tensorflow as tf

    logits = model(images, training=True)
    if stage.imitate is None:
        return cross_entropy(labels, logits)
    return distillation_loss(tf.stop_gradient(stage.imitate(images)), logits, stage.temperature)


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
