"""One training: a network, its curves, what it imitates, checkpoints, resume.

The loss, which the paper leaves open ("a combined loss function"): with y the network's curves, s the true decays, t
the teacher's curves and alpha the teacher's share, all over a batch of B curves of T samples,

    L = (1 - alpha) · Σ (y - s)² / (B·T)  +  alpha · Σ (y - t)² / (B·T)

Without a teacher alpha is 0. The teacher's curves are its outputs for the same TPSFs, computed once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.loop import Cost, Run, adam, descent, train
from ..training.run_folder import Report

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

    optimizer = adam(stage.learning_rate, stage.steps, CLIP_NORM)
    step = descent(
        lambda tpsf, sfd, teacher: combined_loss(model(tpsf, training=True), sfd, teacher, stage.alpha),
        model.trainable_variables,
        optimizer,
    )
    curves = (tpsf, sfd, sfd if teacher is None else teacher)

    def block(rng: np.random.RandomState, done: int) -> tuple[int, float]:
        count = min(BLOCK, stage.steps - done)
        chosen = rng.randint(0, len(tpsf), (count, BATCH))
        return count, float(np.mean([float(step(*(tf.constant(x[i, :, None]) for x in curves))) for i in chosen]))

    whole = Run(stage.name, stage.steps, "step", seed, folder, report)
    return train(whole, block, model=model, optimizer=optimizer)
