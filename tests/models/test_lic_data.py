"""The images of lic: dead leaves with natural statistics, the natural test images, and a user's folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bitsmith.models.lic import data
from bitsmith.models.lic.dead_leaves import KINDS, dead_leaves, radii
from bitsmith.sim.errors import BitsmithError

pillow = pytest.importorskip("PIL.Image")


def saved(path: Path, height: int, width: int, mode: str = "RGB") -> Path:
    """A picture of random bytes."""
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    pillow.fromarray(np.random.RandomState(3).randint(0, 256, shape, np.uint8)).save(path)
    return path


def test_dead_leaves_follow_from_their_seed_alone() -> None:
    images, kinds = dead_leaves(9, 24, 5)
    again, _ = dead_leaves(9, 24, 5)
    other, _ = dead_leaves(9, 24, 6)
    np.testing.assert_array_equal(images, again)
    assert images.shape == (9, 24, 24, 3)
    assert images.dtype == np.uint8
    assert (images != other).mean() > 0.5
    assert kinds.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0]
    assert (images[0] != images[8]).any()  # one kind, two images


def test_radii_have_the_density_of_the_inverse_cube() -> None:
    """The share above r is (r^-2 - b^-2) / (a^-2 - b^-2) for radii from a to b."""
    drawn = radii(200_000, 2.0, 100.0, np.random.RandomState(1))
    assert drawn.min() >= 2.0
    assert drawn.max() <= 100.0
    for r in (3.0, 5.0, 20.0):
        expected = (r**-2 - 100.0**-2) / (2.0**-2 - 100.0**-2)
        assert (drawn > r).mean() == pytest.approx(expected, abs=5 * (expected / 200_000) ** 0.5)


def test_dead_leaves_are_heavy_tailed_and_look_alike_at_two_scales() -> None:
    """Gradients have far more large values than a Gaussian (kurtosis 3), and hardly change when the image is halved.

    White noise of the same size would have kurtosis 3, and half the deviation after averaging 2×2.
    """
    images = dead_leaves(len(KINDS), 128, 11)[0].astype(float).mean(axis=-1)
    halved = images.reshape(len(images), 64, 2, 64, 2).mean(axis=(2, 4))
    fine, coarse = (np.diff(scale, axis=2) for scale in (images, halved))
    assert (fine**4).mean() / (fine**2).mean() ** 2 > 8
    assert 0.9 < coarse.std() / fine.std() < 1.5


def test_crops_are_pieces_of_the_images_turned_or_mirrored() -> None:
    images = np.arange(2 * 8 * 8 * 3, dtype=np.uint16).reshape(2, 8, 8, 3).astype(np.uint8)
    pool = data.Pool(images, np.array([4, 7]))
    crops, kinds = pool.crops(40, 8, np.random.RandomState(2))
    assert crops.dtype == np.float32
    assert set(kinds) == {4, 7}
    for crop, kind in zip(np.rint(crops * 256).astype(np.uint8), kinds):
        whole = images[[4, 7].index(kind)]
        turned = [np.rot90(side, k) for side in (whole, whole[:, ::-1]) for k in range(4)]
        assert any((crop == one).all() for one in turned)


def test_the_natural_test_images_are_there_and_cut() -> None:
    pytest.importorskip("skimage")
    pytest.importorskip("sklearn")
    images = data.test_images()
    assert list(images) == [Path(name).stem for name in (*data.SCIKIT_IMAGE, *data.SCIKIT_LEARN)]
    for image in images.values():
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert not image.shape[0] % data.UNIT
        assert not image.shape[1] % data.UNIT
    grey = images["camera"]
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_an_image_is_cut_to_its_middle() -> None:
    image = np.zeros((131, 70, 3), np.uint8)
    image[1:129, 3:67] = 9
    cut = data.cut(image)
    assert cut.shape == (128, 64, 3)
    assert (cut == 9).all()


def test_a_folder_of_images_is_read_in_order(tmp_path: Path) -> None:
    saved(tmp_path / "b.jpg", 64, 130)
    saved(tmp_path / "a.PNG", 65, 64, "L")
    (tmp_path / "notes.txt").write_text("no image")
    images = data.read_folder(tmp_path)
    assert list(images) == ["a.PNG", "b.jpg"]
    assert images["a.PNG"].shape == (64, 64, 3)
    assert images["b.jpg"].shape == (64, 128, 3)
    np.testing.assert_array_equal(images["a.PNG"][..., 0], images["a.PNG"][..., 1])


def test_bad_folders_are_one_line(tmp_path: Path) -> None:
    cases = {"absent": "cannot read", "empty": "has no image", "small": "at least 64x64", "broken": "no picture"}
    for name in list(cases)[1:]:
        (tmp_path / name).mkdir()
    saved(tmp_path / "small" / "a.png", 63, 200)
    (tmp_path / "broken" / "a.png").write_bytes(b"no image at all")
    for name, words in cases.items():
        with pytest.raises(BitsmithError, match=words) as caught:
            data.read_folder(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


def test_a_truncated_image_is_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", 80, 80)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(BitsmithError, match="a.png"):
        data.read_folder(tmp_path)
