"""Pictures to arrays of bytes and back, through Pillow."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...gen.files.folder import write_bytes
from ...gen.files.input_file import check_file
from ...sim.errors import BitsmithError
from .container import check_size
from .packages import package

FORMATS = ("PNG", "JPEG", "JPEG2000", "TIFF", "BMP", "PPM", "WEBP")


def read_image(path: Path) -> NDArray[np.uint8]:
    """(height, width, 3) bytes; a grey picture gives three equal channels.

    BitsmithError where it is no picture of ``FORMATS``, has too many pixels, more than 8 bits a channel, or is
    transparent: an alpha channel would be lost.
    """
    pillow = package("PIL.Image")
    check_file(path, "a PNG file")
    try:
        with pillow.open(path, formats=FORMATS) as picture:
            check_size(picture.height, picture.width)
            _check_mode(path, picture)
            return np.asarray(picture.convert("RGB"))
    except BitsmithError:
        raise
    except pillow.UnidentifiedImageError:
        raise BitsmithError(f"'{path}' is no picture ({', '.join(FORMATS)} are read); give a PNG file") from None
    except OSError as error:
        raise BitsmithError(f"cannot read '{path}': {error.strerror or error}; give a whole PNG file") from None
    except (ValueError, SyntaxError, EOFError, pillow.DecompressionBombError) as error:
        raise BitsmithError(f"'{path}' is a damaged picture ({error}); give a whole PNG file") from None


def _check_mode(path: Path, picture: Any) -> None:
    if "A" in picture.getbands() or "transparency" in picture.info:
        raise BitsmithError(f"'{path}' is transparent, and alpha cannot be coded; put it on a background first")
    if picture.mode not in ("RGB", "L", "P", "1"):
        raise BitsmithError(f"'{path}' has mode {picture.mode}; give 8-bit colour or grey (RGB, L, P or 1)")


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """(height, width, 3) bytes as a PNG file, whole or not at all; BitsmithError where it cannot be written."""
    if path.suffix.lower() != ".png":
        raise BitsmithError(f"'{path}' is no PNG file's name; end it with .png")
    buffer = io.BytesIO()
    package("PIL.Image").fromarray(image).save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())
