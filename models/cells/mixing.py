"""One view for teacher and student: the dihedral group, then MixUp or CutMix, all on the input.

"Consistent and patient": Beyer et al., "Knowledge distillation: a good teacher is patient and consistent" (2022).
MixUp: Zhang et al. 2018. CutMix: Yun et al. 2019. Both networks then see the very same mixed pixels; outputs are
never mixed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
View = Callable[[FloatArray, np.random.RandomState], FloatArray]


def turn(images: FloatArray, rng: np.random.RandomState) -> FloatArray:
    """Each image (n, side, side, 1) turned and mirrored at random: a cell has no upright position."""
    which = rng.randint(0, 8, len(images))
    out = np.empty_like(images)
    for element in range(8):
        chosen = which == element
        turned = np.rot90(images[chosen], element % 4, axes=(1, 2))
        out[chosen] = turned[:, :, ::-1] if element >= 4 else turned
    return out


def mixup(images: FloatArray, rng: np.random.RandomState, alpha: float = 0.8) -> FloatArray:
    """Convex combination with another image of the batch; one lambda ~ Beta(alpha, alpha) per image."""
    share = rng.beta(alpha, alpha, (len(images), 1, 1, 1)).astype(np.float32)
    other = images[rng.permutation(len(images))]
    mixed: FloatArray = share * images + (np.float32(1) - share) * other
    return mixed


def cutmix(images: FloatArray, rng: np.random.RandomState, alpha: float = 1.0) -> FloatArray:
    """A rectangle of 1 - lambda of the area, lambda ~ Beta(alpha, alpha), replaced by another image's."""
    count, side = images.shape[:2]
    extent = np.rint(side * np.sqrt(1.0 - rng.beta(alpha, alpha, count))).astype(int)
    top, left = (rng.randint(0, side - extent + 1) for _ in range(2))
    axis = np.arange(side)
    rows = (axis >= top[:, None]) & (axis < (top + extent)[:, None])
    columns = (axis >= left[:, None]) & (axis < (left + extent)[:, None])
    inside = (rows[:, :, None] & columns[:, None, :])[..., None]
    return np.where(inside, images[rng.permutation(count)], images)


def shifted(images: FloatArray, rng: np.random.RandomState, reach: int = 3) -> FloatArray:
    """Each image moved by up to ``reach`` pixels in both directions, edges held: for what must stay upright."""
    side = images.shape[1]
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    corners = rng.randint(0, 2 * reach + 1, (len(images), 2))
    return np.stack([image[y : y + side, x : x + side] for image, (y, x) in zip(padded, corners, strict=True)])


def plain_view(turnable: bool) -> View:
    """The view for learning labels: turned where the pictures have no upright position, else only moved."""
    return turn if turnable else shifted


def mixed_view(turnable: bool) -> View:
    """The view for distillation: the plain one, then per batch in equal shares nothing, MixUp or CutMix."""
    plain = plain_view(turnable)

    def view(images: FloatArray, rng: np.random.RandomState) -> FloatArray:
        images = plain(images, rng)
        mix = (None, mixup, cutmix)[rng.randint(0, 3)]
        return mix(images, rng) if mix else images

    return view
