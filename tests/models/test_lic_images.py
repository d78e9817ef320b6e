"""Pictures in and out: colour and grey are read, what would lose something is refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lic_codecs import picture

from bitsmith.models.lic.images import read_image, write_png
from bitsmith.sim.errors import BitsmithError

pillow = pytest.importorskip("PIL.Image")


def saved(path: Path, mode: str, size: tuple[int, int] = (7, 5), **options: Any) -> Path:
    image = pillow.fromarray(picture(size[1], size[0])).convert("RGB").convert(mode)
    image.save(path, **options)
    return path


def test_png_in_and_out(tmp_path: Path) -> None:
    image = picture(5, 7)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_grey_and_palettes_become_colour(tmp_path: Path, mode: str) -> None:
    path = saved(tmp_path / "a.png", mode)
    image = read_image(path)
    np.testing.assert_array_equal(image, np.asarray(pillow.open(path).convert("RGB")))
    assert image.shape == (5, 7, 3)
    assert mode == "P" or (image == image[:, :, :1]).all()


def test_pictures_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="is transparent, and alpha cannot be coded"):
        read_image(saved(tmp_path / "alpha.png", "RGBA"))
    with pytest.raises(BitsmithError, match="is transparent"):
        read_image(saved(tmp_path / "grey_alpha.png", "LA"))
    with pytest.raises(BitsmithError, match="is transparent"):
        read_image(saved(tmp_path / "palette.png", "P", transparency=3))
    with pytest.raises(BitsmithError, match="mode I;16; give 8-bit"):
        pillow.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
        read_image(tmp_path / "deep.png")
    with pytest.raises(BitsmithError, match="cannot read"):
        read_image(tmp_path / "absent.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(BitsmithError, match="is no picture"):
        read_image(tmp_path / "text.png")
    whole = saved(tmp_path / "whole.png", "RGB", (90, 90)).read_bytes()
    for length in (60, len(whole) // 2, len(whole) - 60):
        (tmp_path / "cut.png").write_bytes(whole[:length])
        with pytest.raises(BitsmithError, match=r"cut\.png"):
            read_image(tmp_path / "cut.png")
    with pytest.raises(BitsmithError, match="end it with .png"):
        write_png(tmp_path / "a.jpg", picture(2, 2))
    with pytest.raises(BitsmithError, match="cannot write"):
        write_png(tmp_path / "absent" / "a.png", picture(2, 2))


def test_a_huge_picture_is_refused_by_its_header(tmp_path: Path) -> None:
    """40,000 × 40,000 pixels of PNG in 33 bytes: refused before a pixel is read."""
    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "huge.png").write_bytes(data)
    with pytest.raises(BitsmithError, match=r"40000 × 40000|huge\.png"):
        read_image(tmp_path / "huge.png")
