"""The images of ``lic``: synthetic dead leaves to train on, natural images to test on. No TensorFlow here.

An image is (height, width, 3) uint8; the network's pixels are raw / 256. Grey images become three equal channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError, install_extra
from .dead_leaves import KINDS, dead_leaves
from .images import read_image

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
UNIT = 64
"""The hyperprior halves an image six times, so its sides are multiples of this."""
POOL_SIDE = 160
POOL_SEED, PROOF_SEED = 4100, 4300
"""Of the training images; another training seed draws other crops of the same images."""
SUFFIXES = (".png", ".jpg", ".jpeg")
SCIKIT_IMAGE = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
SCIKIT_LEARN = ("china.jpg", "flower.jpg")


@dataclass(frozen=True)
class Pool:
    """Synthetic training images (n, side, side, 3) and the kind of leaves in each (its place in KINDS)."""

    images: Image
    kinds: NDArray[np.int64]

    def crops(self, count: int, side: int, rng: np.random.RandomState) -> tuple[FloatArray, NDArray[np.int64]]:
        """(count, side, side, 3) pixels in [0, 1), each turned or mirrored at random, and their kinds."""
        chosen = rng.randint(0, len(self.images), count)
        return np.stack([self._crop(self.images[i], side, rng) for i in chosen]), self.kinds[chosen]

    @staticmethod
    def _crop(image: Image, side: int, rng: np.random.RandomState) -> FloatArray:
        row, column = rng.randint(0, image.shape[0] - side + 1, 2)
        part = np.rot90(image[row : row + side, column : column + side], rng.randint(4))
        return pixels(part[:, ::-1] if rng.randint(2) else part)


def pixels(image: Image) -> FloatArray:
    """The network's input, raw / 256."""
    return image.astype(np.float32) / np.float32(256)


def training_pool(count: int) -> Pool:
    """The first ``count`` synthetic images of the training set."""
    return Pool(*dead_leaves(max(count, len(KINDS)), POOL_SIDE, POOL_SEED))


def test_images() -> dict[str, Image]:
    """The natural test images by name, as they come inside scikit-image and scikit-learn, cut by :func:`cut`."""
    places = [(_inside("skimage", "data"), name) for name in SCIKIT_IMAGE]
    places += [(_inside("sklearn", "datasets/images"), name) for name in SCIKIT_LEARN]
    return {Path(name).stem: cut(read_image(folder / name)) for folder, name in places}


test_images.__test__ = False  # type: ignore[attr-defined]


def read_folder(folder: Path) -> dict[str, Image]:
    """Every PNG and JPEG image of a folder (Kodak, CLIC, one's own) by file name, in that order, cut by :func:`cut`.

    BitsmithError for no folder, none with an image in it, and a file that is no image or too small.
    """
    try:
        files = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise BitsmithError(
            f"cannot read '{folder}': {error.strerror}; give a folder with PNG or JPEG images"
        ) from None
    if not files:
        raise BitsmithError(f"'{folder}' has no image; put PNG or JPEG files there")
    return {path.name: cut(read_image(path), f"'{path}'") for path in files}


def cut(image: Image, where: str = "the image") -> Image:
    """The middle of an image, its sides the largest multiples of UNIT; BitsmithError where it has not one."""
    height, width = (side // UNIT * UNIT for side in image.shape[:2])
    if not height or not width:
        raise BitsmithError(f"{where} has {image.shape[1]}x{image.shape[0]} pixels; give at least {UNIT}x{UNIT}")
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def _inside(package: str, folder: str) -> Path:
    """A folder of an installed package, which is not imported."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise BitsmithError(f"the test images come inside {package}, which is missing; {install_extra('lic')}")
    return Path(next(iter(spec.submodule_search_locations))) / folder


def proof_images() -> FloatArray:
    """(2, 256, 256, 3): synthetic dead leaves that no training has seen, as the networks take them."""
    return pixels(dead_leaves(len(KINDS), 256, PROOF_SEED)[0][:2])
