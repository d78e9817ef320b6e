"""The cell sorter's data: the synthetic generator, the digits, LymphoMNIST's files, the two scalings."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsmith.models.cells import data, idx, synthetic
from bitsmith.sim.errors import BitsmithError

Bytes = NDArray[np.uint8]


def idx_bytes(array: Bytes, kind: int = 8) -> bytes:
    """The IDX format by its definition, written apart from the reader."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


def made_lymphomnist(folder: Path, suffix: str = "", pack: Callable[[bytes], bytes] = bytes) -> dict[str, Bytes]:
    rng = np.random.default_rng(5)
    made = {}
    for split, count in (("train", 90), ("test", 12)):
        made[f"{split}_images"] = rng.integers(0, 256, (count, 64, 64), np.uint8)
        made[f"{split}_labels"] = (np.arange(count) % 3).astype(np.uint8)
    for name, array in made.items():
        (folder / f"{name}{suffix}").write_bytes(pack(idx_bytes(array)))
    return made


def test_the_same_numbers_make_the_same_synthetic_image() -> None:
    image = synthetic.synthetic_image(1, 7, seed=3)
    assert image.shape == (48, 48)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, synthetic.synthetic_image(1, 7, seed=3))
    for other in ((1, 7, 4), (1, 8, 3), (0, 7, 3)):
        assert (image != synthetic.synthetic_image(*other)).any()


def test_synthetic_cells_look_like_cells() -> None:
    """Darker in the middle than at the border, no clipping, ordered in size (radius of gyration) as defined."""
    labels = np.arange(180, dtype=np.int64) % 3
    images = synthetic.synthetic_images(labels, 0, seed=11)[..., 0].astype(float)
    border = np.concatenate([images[:, :4].reshape(180, -1), images[:, -4:].reshape(180, -1)], axis=1).mean(axis=1)
    middle = images[:, 20:28, 20:28].mean(axis=(1, 2))
    assert (middle < border).all()
    assert images.min() > 0
    assert images.max() < 255
    darkness = np.maximum(0.92 * border[:, None, None] - images, 0)
    axis = np.arange(48) - 23.5
    squared_radius = axis[:, None] ** 2 + axis[None, :] ** 2
    gyration = np.sqrt((darkness * squared_radius).sum(axis=(1, 2)) / darkness.sum(axis=(1, 2)))
    by_class = [gyration[labels == c].mean() for c in range(3)]
    assert by_class[1] < by_class[2] < by_class[0], by_class


def test_the_first_test_images_do_not_depend_on_how_many_are_asked_for() -> None:
    few, labels = data.test_images("synthetic", 5)
    many, more_labels = data.test_images("synthetic", 12)
    np.testing.assert_array_equal(few, many[:5])
    np.testing.assert_array_equal(labels, more_labels[:5])
    assert few.shape == (5, 48, 48, 1)
    assert few.dtype == np.uint8
    assert set(more_labels.tolist()) == {0, 1}


@pytest.fixture(scope="module")
def quick_set() -> data.Dataset:
    """Five thousand images take seconds, so they are drawn once."""
    return data.load("synthetic", quick=True)


def test_no_test_image_is_trained_on(quick_set: data.Dataset) -> None:
    dataset = quick_set
    seen = {image.tobytes() for split in (dataset.train, dataset.validation) for image in split.images}
    assert not seen & {image.tobytes() for image in dataset.test.images}
    assert "synthetic" in dataset.title
    assert all("synthetic" in name for name in dataset.class_names)


def test_quick_and_full_share_their_test_images(quick_set: data.Dataset) -> None:
    images = quick_set.test.images
    np.testing.assert_array_equal(images, data.test_images("synthetic", len(images))[0])


def test_digits_are_scikit_learns() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    source = datasets.load_digits()
    dataset = data.load("digits")
    parts = (dataset.train, dataset.validation, dataset.test)
    wanted = source.target[np.isin(source.target, (3, 8))]
    found = np.concatenate([part.labels for part in parts])
    np.testing.assert_array_equal(np.where(found == 0, 3, 8), wanted)
    # Each 6x6 block's middle pixels average to the 8x8 source within the reach of linear interpolation's weights:
    # a constant image stays constant and its level is 255/16 of the source's.
    flat = data._enlarge(np.full((1, 8, 8), 12.0))
    np.testing.assert_array_equal(flat, np.full((1, 48, 48), 191))  # floor(12 * 255 / 16 + 0.5) = floor(191.75)
    corner = data._enlarge(source.images[:1])[0, 0, 0]
    assert corner == np.floor(source.images[0, 0, 0] * 255 / 16 + 0.5)


def test_enlarging_interpolates_between_neighbours() -> None:
    """A step from 0 to 16 between two columns: the 6 new pixels around the edge are 1/12, 3/12 … 11/12 of 255."""
    step = np.zeros((1, 8, 8))
    step[:, :, 4:] = 16
    row = data._enlarge(step)[0, 20, 21:27]
    np.testing.assert_array_equal(row, np.floor(np.array([1, 3, 5, 7, 9, 11]) / 12 * 255 + 0.5))


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), ("-ubyte.gz", gzip.compress)])
def test_lymphomnist_files_are_read(tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    made = made_lymphomnist(tmp_path, suffix, pack)
    read = idx.read_lymphomnist(tmp_path)
    assert set(read) == set(made)
    for name, array in made.items():
        np.testing.assert_array_equal(read[name], array)


def test_lymphomnist_as_a_data_set(tmp_path: Path) -> None:
    """B against T4 without T8; one ninth of the training images is for validation; nothing is lost or doubled."""
    made = made_lymphomnist(tmp_path)
    dataset = data.load("lymphomnist", tmp_path)
    kept = made["test_labels"] < 2
    np.testing.assert_array_equal(dataset.test.labels, made["test_labels"][kept])
    expected = idx.downscale_64_to_48(made["test_images"][kept])[..., None]
    np.testing.assert_array_equal(dataset.test.images, expected)
    assert (len(dataset.train), len(dataset.validation)) == (54, 6)
    trained = {im.tobytes() for part in (dataset.train, dataset.validation) for im in part.images}
    assert trained == {im.tobytes() for im in idx.downscale_64_to_48(made["train_images"][made["train_labels"] < 2])}
    pair = data.load("lymphomnist", tmp_path, classes=(2, 0))
    assert pair.class_names == ("T8", "B")


def test_downscaling_is_the_mean_over_the_area() -> None:
    """Another way to the same: repeat each pixel 3 times each way, then average 4 by 4."""
    images = np.random.default_rng(7).integers(0, 256, (5, 64, 64), np.uint8)
    fine = images.astype(np.int64).repeat(3, axis=1).repeat(3, axis=2)
    sixteen = fine.reshape(5, 48, 4, 48, 4).sum(axis=(2, 4))
    np.testing.assert_array_equal(idx.downscale_64_to_48(images), (sixteen + 8) // 16)


ONE = np.zeros((2, 3), np.uint8)
BROKEN = {
    "empty": (b"", "not an IDX file"),
    "text": (b"hello", "not an IDX file"),
    "floats": (idx_bytes(ONE, kind=0x0D), "only unsigned bytes"),
    "header": (idx_bytes(ONE)[:9], "broken IDX header"),
    "scalar": (b"\0\0\x08\0", "broken IDX header"),
    "short": (idx_bytes(ONE)[:-1], "asks for 18"),
    "long": (idx_bytes(ONE) + b"x", "asks for 18"),
    "gzip": (gzip.compress(idx_bytes(ONE))[:-9], "damaged gzip"),
    "huge": (struct.pack(">BBBB3I", 0, 0, 8, 3, *(2**32 - 1,) * 3), "asks for"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_malformed_idx_file_is_one_line(tmp_path: Path, case: str) -> None:
    content, message = BROKEN[case]
    path = tmp_path / "train_images"
    path.write_bytes(content)
    with pytest.raises(BitsmithError, match=message) as error:
        idx.read_idx(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_wrong_lymphomnist_folders_are_errors(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="no folder"):
        idx.read_lymphomnist(tmp_path / "absent")
    with pytest.raises(BitsmithError, match="no file train_images"):
        idx.read_lymphomnist(tmp_path)
    with pytest.raises(BitsmithError, match="--path"):
        data.load("lymphomnist")
    made_lymphomnist(tmp_path)
    (tmp_path / "test_labels").write_bytes(idx_bytes(np.full(12, 3, np.uint8)))
    with pytest.raises(BitsmithError, match="label 3"):
        idx.read_lymphomnist(tmp_path)
    (tmp_path / "test_labels").write_bytes(idx_bytes(np.zeros(11, np.uint8)))
    with pytest.raises(BitsmithError, match=r"\(11,\)"):
        idx.read_lymphomnist(tmp_path)
    (tmp_path / "train_images").write_bytes(idx_bytes(np.zeros((90, 48, 48), np.uint8)))
    with pytest.raises(BitsmithError, match=r"LymphoMNIST's is \(n, 64, 64\)"):
        idx.read_lymphomnist(tmp_path)


def test_wrong_requests_are_errors() -> None:
    pytest.importorskip("sklearn")
    for call, message in (
        (lambda: data.load("cifar"), "synthetic, digits, lymphomnist"),
        (lambda: data.load("synthetic", classes=(0, 3)), "0 to 2"),
        (lambda: data.load("synthetic", classes=(1, 1)), "different labels"),
        (lambda: data.test_images("synthetic", 0), "at least 1"),
        (lambda: data.test_images("digits", 1000), "ask for 179"),
    ):
        with pytest.raises(BitsmithError, match=message):
            call()


def test_the_proof_ends_with_the_held_out_digits() -> None:
    pytest.importorskip("sklearn")
    images = data.proof_images(3)
    digits, _ = data.test_images("digits", 179)
    np.testing.assert_array_equal(images[3:], digits)
    np.testing.assert_array_equal(images[:3], data.test_images("synthetic", 3)[0])
