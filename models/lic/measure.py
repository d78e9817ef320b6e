"""Rate and distortion on test images: of codecs, of their files, and of JPEG and JPEG 2000 (Pillow).

PSNR is over all three channels of 8-bit images, 10 log10(255² / MSE). A mean is over images, of bits per pixel and of
decibels. An estimated rate is the entropy model's; a real one is a file's size, its header included.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Image, pixels, read_folder, test_images
from .entropy_models import gaussian_bits
from .network import Codec
from .packages import package

Found = dict[str, Any]
JPEG_QUALITIES = (2, 5, 8, 12, 16, 20, 30, 40, 50, 65, 80, 90, 95)
JPEG2000_RATIOS = (400, 300, 200, 150, 100, 70, 50, 35, 25, 18, 12, 8, 5)
"""Uncompressed to compressed size."""


def images(folder: Path | None) -> dict[str, Image]:
    """The user's own, or the natural images inside scikit-image and scikit-learn."""
    return test_images() if folder is None else read_folder(folder)


def codec(network: Codec, tests: dict[str, Image]) -> Found:
    """Estimated rate and PSNR of each image, coded whole."""
    return _summed({name: _coded(network, image) for name, image in tests.items()})


def files(folder: Path, tests: dict[str, Image]) -> Found:
    """Real rate and PSNR of an exported codec, each image encoded to a file and decoded from it, in integers."""
    from .codec import Codec as Exported

    exported, found = Exported.load(folder), {}
    for name, image in tests.items():
        data = exported.encode(image)
        found[name] = {"bpp": _bpp(len(data), image), "psnr": psnr(image, exported.decode(data))}
    return _summed(found)


def jpeg(tests: dict[str, Image]) -> list[Found]:
    """One point for each of JPEG_QUALITIES."""
    return [_pillow(tests, quality, format="JPEG", quality=quality, optimize=True) for quality in JPEG_QUALITIES]


def jpeg2000(tests: dict[str, Image]) -> list[Found]:
    """One point for each of JPEG2000_RATIOS."""
    settings: dict[str, Any] = {"format": "JPEG2000", "quality_mode": "rates", "irreversible": True}
    return [_pillow(tests, ratio, quality_layers=[ratio], **settings) for ratio in JPEG2000_RATIOS]


def psnr(image: Image, other: Image) -> float:
    """Decibels; infinite for equal images."""
    error = float(np.square(image.astype(np.float64) - other).mean())
    return float(10 * np.log10(255.0**2 / error)) if error else float("inf")


def _coded(network: Codec, image: Image) -> Found:
    y, z = (_integers(part) for part in network.latents(pixels(image)[None], training=False))
    scales = network.hyper_synthesis(z, training=False)
    bits = float(gaussian_bits(y, scales) + network.prior.bits(z))
    raw = np.rint(network.synthesis(y, training=False).numpy()[0] * 256)
    decoded = np.clip(raw, 0, 255).astype(np.uint8)
    return {"bpp": bits / (image.shape[0] * image.shape[1]), "psnr": psnr(image, decoded)}


def _integers(values: Any) -> NDArray[np.float32]:
    """Rounded to 8 bits, saturated."""
    rounded: NDArray[np.float32] = np.clip(np.rint(values.numpy()), -128, 127)
    return rounded


def _pillow(tests: dict[str, Image], setting: int, **options: Any) -> Found:
    pillow, found = package("PIL.Image"), {}
    for name, image in tests.items():
        buffer = io.BytesIO()
        pillow.fromarray(image).save(buffer, **options)
        size = buffer.tell()
        buffer.seek(0)
        with pillow.open(buffer) as decoded:
            found[name] = {"bpp": _bpp(size, image), "psnr": psnr(image, np.asarray(decoded, np.uint8))}
    whole = _summed(found)
    return {"setting": setting, "bpp": whole["bpp"], "psnr": whole["psnr"]}


def _bpp(size: int, image: Image) -> float:
    return 8.0 * size / (image.shape[0] * image.shape[1])


def _summed(found: Found) -> Found:
    return {
        "bpp": float(np.mean([one["bpp"] for one in found.values()])),
        "psnr": float(np.mean([one["psnr"] for one in found.values()])),
        "images": found,
    }
