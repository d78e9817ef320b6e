"""Reader of LymphoMNIST's IDX files (the format of MNIST): big-endian header, then unsigned bytes."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...sim.errors import BitsmithError

FILES = ("train_images", "train_labels", "test_images", "test_labels")
LABELS = ("B", "T4", "T8")
_UNSIGNED_BYTE = 8


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes, plain or gzipped.

    BitsmithError where the file is missing, no IDX file, of another type, or not as long as its header says.
    """
    data = _content(path)
    if len(data) < 4 or data[:2] != b"\0\0":
        raise BitsmithError(f"{path} is not an IDX file (it must begin with two zero bytes); download it again")
    if data[2] != _UNSIGNED_BYTE:
        raise BitsmithError(f"{path} holds IDX type 0x{data[2]:02x}; only unsigned bytes (0x08) are read")
    rank = data[3]
    if not 1 <= rank <= 4 or len(data) < 4 + 4 * rank:
        raise BitsmithError(f"{path} has a broken IDX header ({rank} dimensions, {len(data)} bytes); download it again")
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", rank, 4))
    expected = 4 + 4 * rank + int(np.prod(shape, dtype=np.uint64))
    if len(data) != expected:
        raise BitsmithError(f"{path} has {len(data)} bytes, its header {shape} asks for {expected}; download it again")
    return np.frombuffer(data, np.uint8, -1, 4 + 4 * rank).reshape(shape)


def read_lymphomnist(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """LymphoMNIST's four arrays by file name: images (n, 64, 64), labels (n,) with 0 B, 1 T4, 2 T8.

    Each file may stand as ``NAME``, ``NAME.idx``, ``NAME-ubyte`` or any of these with ``.gz``.
    """
    if not folder.is_dir():
        raise BitsmithError(f"{folder} is no folder; give the one that holds LymphoMNIST's {', '.join(FILES)}")
    arrays = {name: read_idx(_find(folder, name)) for name in FILES}
    for split in ("train", "test"):
        _check(folder, split, arrays[f"{split}_images"], arrays[f"{split}_labels"])
    return arrays


def downscale_64_to_48(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, 64, 64) to (n, 48, 48) by area: each new pixel is the mean over the 4/3 x 4/3 old ones that it covers.

    Every four old pixels become three with the weights (3, 1), (2, 2), (1, 3) / 4, so it is exact in integers:
    sums of sixteenths, rounded half up.
    """
    mix = np.zeros((48, 64), np.int64)
    for group in range(16):
        mix[3 * group : 3 * group + 3, 4 * group : 4 * group + 4] = [[3, 1, 0, 0], [0, 2, 2, 0], [0, 0, 1, 3]]
    # Float64 BLAS is exact here (sums below 2**12) and many times faster than an integer product.
    weights = mix.astype(np.float64)
    out = np.empty((len(images), 48, 48), np.uint8)
    for start in range(0, len(images), 4096):
        sixteenths = weights @ images[start : start + 4096].astype(np.float64) @ weights.T
        out[start : start + 4096] = np.floor((sixteenths + 8) / 16).astype(np.uint8)
    return out


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "damaged gzip data"
        raise BitsmithError(f"cannot read {path}: {reason}; check the path or download it again") from None


def _find(folder: Path, name: str) -> Path:
    for suffix in ("", ".idx", "-ubyte"):
        for packed in ("", ".gz"):
            path = folder / f"{name}{suffix}{packed}"
            if path.is_file():
                return path
    raise BitsmithError(f"{folder} has no file {name} (nor {name}.gz); LymphoMNIST has {', '.join(FILES)}")


def _check(folder: Path, split: str, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    if images.ndim != 3 or images.shape[1:] != (64, 64):
        raise BitsmithError(f"{folder}/{split}_images has shape {images.shape}; LymphoMNIST's is (n, 64, 64)")
    if labels.shape != images.shape[:1]:
        raise BitsmithError(f"{folder}/{split}_labels has shape {labels.shape}; its images ask for {images.shape[:1]}")
    if labels.size and labels.max() >= len(LABELS):
        raise BitsmithError(f"{folder}/{split}_labels holds label {labels.max()}; known are 0 B, 1 T4, 2 T8")
