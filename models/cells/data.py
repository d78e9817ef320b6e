"""The cell sorter's data sets by name: ``synthetic``, ``digits`` and ``lymphomnist``. No TensorFlow here.

All images are raw unsigned bytes (n, 48, 48, 1); the network's pixels are raw / 256. Labels are the indices of the
network's outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError, install_extra
from . import idx, synthetic

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
NAMES = ("synthetic", "digits", "lymphomnist")

SYNTHETIC_SEED = 20260
"""First seed of the synthetic sets: training, validation and test follow each other. Fixed, so that the committed
model's test set can be made again; ``--seed`` of a training run does not touch it."""
SYNTHETIC_COUNTS = (16000, 2000, 2000)
CELL_CLASSES = (0, 1)
"""Student 2's two classes among LymphoMNIST's labels: B against T4, as in the paper."""
DIGIT_CLASSES = (3, 8)
DIGITS_TEST = Path(__file__).parent / "digits_test.npy"


@dataclass(frozen=True)
class Split:
    """Raw images (n, 48, 48, 1) and their labels (n,)."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def pixels(self) -> NDArray[np.float32]:
        """The network's input in [0, 1), on the grid 1/256."""
        return self.images.astype(np.float32) / np.float32(256)


@dataclass(frozen=True)
class Dataset:
    """Three disjoint splits; the title says what they are; what is ``turnable`` has no upright position."""

    name: str
    title: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    turnable: bool = True


def load(name: str, path: Path | None = None, classes: tuple[int, ...] | None = None, quick: bool = False) -> Dataset:
    """A data set by name; ``classes`` picks source labels (by default B against T4, or 3 against 8).

    ``quick`` takes a small part. ``path`` is LymphoMNIST's folder; the other two need none.
    """
    if name == "synthetic":
        counts = (4000, 500, 500) if quick else SYNTHETIC_COUNTS
        return _synthetic(_checked(classes or CELL_CLASSES, len(synthetic.CLASSES)), counts)
    if name == "digits":
        return _digits(_checked(classes or DIGIT_CLASSES, 10))
    if name == "lymphomnist":
        if path is None:
            raise BitsmithError("the data set lymphomnist needs --path DIR, the folder with its four IDX files")
        return _lymphomnist(Path(path), _checked(classes or CELL_CLASSES, len(idx.LABELS)), quick)
    raise BitsmithError(f"no data set is called '{name}'; choose {', '.join(NAMES)}")


def test_images(
    name: str,
    count: int,
    path: Path | None = None,  # noqa: PT028  its name is no pytest test's
) -> tuple[Images, Labels]:
    """The first ``count`` raw test images (n, 48, 48, 1) and labels: the very ones that the accuracy was measured on.

    The synthetic set goes on beyond its 2,000; the others end, which is an error that says where.
    """
    if count < 1:
        raise BitsmithError(f"{count} test images make no test; ask for at least 1")
    synthetic_set = name == "synthetic"
    split = _synthetic_split(CELL_CLASSES, count, SYNTHETIC_SEED + 2) if synthetic_set else load(name, path).test
    if count > len(split):
        raise BitsmithError(f"the test set of '{name}' has {len(split)} images, not {count}; ask for {len(split)}")
    return split.images[:count], split.labels[:count]


test_images.__test__ = False  # type: ignore[attr-defined]


def proof_images(synthetic_count: int = 1000) -> Images:
    """What ``make demo`` compares the hardware on: synthetic test images, then real ones, the 179 held-out digits.

    The digits' own 8x8 pixels lie beside this file (scikit-learn's, from UCI's optdigits, CC BY 4.0), so that the
    proof needs no scikit-learn.
    """
    stored = np.load(DIGITS_TEST, allow_pickle=False)
    return np.concatenate([test_images("synthetic", synthetic_count)[0], _enlarge(stored.astype(float))[..., None]])


def _checked(classes: tuple[int, ...], available: int) -> tuple[int, ...]:
    if len(classes) < 2 or len(set(classes)) != len(classes) or not all(0 <= c < available for c in classes):
        raise BitsmithError(f"classes {list(classes)} are not two or more different labels of 0 to {available - 1}")
    return classes


def _synthetic(classes: tuple[int, ...], counts: tuple[int, int, int]) -> Dataset:
    names = tuple(synthetic.CLASSES[c].name for c in classes)
    train, validation, test = (_synthetic_split(classes, n, SYNTHETIC_SEED + k) for k, n in enumerate(counts))
    return Dataset("synthetic", f"synthetic cell images: {' against '.join(names)}", names, train, validation, test)


def _synthetic_split(classes: tuple[int, ...], count: int, seed: int) -> Split:
    labels = np.arange(count, dtype=np.int64) % len(classes)
    return Split(synthetic.synthetic_images(np.asarray(classes)[labels], 0, seed), labels)


def _digits(classes: tuple[int, ...]) -> Dataset:
    """scikit-learn's digits (real scans, 8x8, 17 levels): first half for training, second half for the test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise BitsmithError(f"the digits come with scikit-learn; {install_extra('train')}") from None
    source = load_digits()
    images, labels = _chosen(_enlarge(source.images)[..., None], source.target, classes)
    half, held_out = len(labels) // 2, len(labels) // 12
    parts = (slice(0, half - held_out), slice(half - held_out, half), slice(half, None))
    names = tuple(f"digit {c}" for c in classes)
    title = f"scikit-learn's handwritten digits enlarged to 48x48: {' against '.join(names)}"
    train, validation, test = (Split(images[part], labels[part]) for part in parts)
    return Dataset("digits", title, names, train, validation, test, turnable=False)


def _enlarge(images: NDArray[np.float64]) -> Images:
    """(n, 8, 8) of 0 to 16 to (n, 48, 48) of 0 to 255, bilinear, edges held."""
    position = np.clip((np.arange(synthetic.SIZE) + 0.5) / 6 - 0.5, 0, 7)
    weights = np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(8)[None, :]))
    large = weights @ images @ weights.T
    return np.floor(large * (255 / 16) + 0.5).astype(np.uint8)


def _lymphomnist(folder: Path, classes: tuple[int, ...], quick: bool) -> Dataset:
    """One ninth of the training images is held out for validation, as in the paper's 80/10/10."""
    arrays = idx.read_lymphomnist(folder)
    take = slice(0, 4000) if quick else slice(None)
    pools = []
    for split in ("train", "test"):
        images, labels = _chosen(arrays[f"{split}_images"], arrays[f"{split}_labels"].astype(np.int64), classes)
        pools.append(Split(idx.downscale_64_to_48(images[take])[..., None], labels[take]))
    order = np.random.RandomState(SYNTHETIC_SEED).permutation(len(pools[0]))
    held_out, kept = np.split(order, [len(order) // 9])
    names = tuple(idx.LABELS[c] for c in classes)
    train, validation = (Split(pools[0].images[part], pools[0].labels[part]) for part in (kept, held_out))
    return Dataset("lymphomnist", f"LymphoMNIST: {' against '.join(names)}", names, train, validation, pools[1])


def _chosen(images: Images, labels: Labels, classes: tuple[int, ...]) -> tuple[Images, Labels]:
    """Only the chosen source labels, renumbered in their order."""
    kept = np.isin(labels, classes)
    renumbered = np.array([classes.index(int(label)) for label in labels[kept]], np.int64)
    if len(set(renumbered.tolist())) != len(classes):
        raise BitsmithError(f"the data set lacks images of some of the classes {list(classes)}; choose others")
    return images[kept], renumbered
