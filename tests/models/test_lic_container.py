"""Compressed files that are cut, changed, forged or something else: one line, at once, and nothing else happens."""

from __future__ import annotations

import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lic_codecs import CHANNELS, SCALE, codec, picture, synthesis

from bitsmith.models.lic import tables
from bitsmith.models.lic.codec import Codec
from bitsmith.models.lic.container import HEADER_BYTES, MAGIC, Container, parse
from bitsmith.sim.errors import BitsmithError

pytest.importorskip("constriction")


@pytest.fixture(scope="module")
def small() -> Codec:
    return codec()


@pytest.fixture(scope="module")
def file(small: Codec) -> bytes:
    return small.encode(picture(60, 90))


def test_the_header(file: bytes, small: Codec) -> None:
    """The fields at the offsets that the page promises."""
    assert file[:4] == MAGIC
    assert struct.unpack_from("<HH", file, 4) == (1, 0)
    assert file[8:16] == small.digest
    assert struct.unpack_from("<III", file, 16) == (60, 90, len(file) - HEADER_BYTES)
    assert struct.unpack_from("<I", file, 28)[0] == zlib.crc32(file[:28] + file[32:])
    assert HEADER_BYTES == 32


def test_a_file_that_is_cut_is_refused_at_every_length(small: Codec, file: bytes) -> None:
    for length in range(len(file)):
        with pytest.raises(BitsmithError) as error:
            small.decode(file[:length])
        assert "\n" not in str(error.value)
    with pytest.raises(BitsmithError, match="the header says"):
        small.decode(file + b"\0")


def test_every_changed_byte_is_noticed(small: Codec, file: bytes) -> None:
    for at in range(len(file)):
        for change in (0x01, 0x80, 0xFF):
            changed = bytearray(file)
            changed[at] ^= change
            with pytest.raises(BitsmithError):
                small.decode(bytes(changed))


def test_another_model_is_one_line(file: bytes) -> None:
    """One weight of one network, or one frequency: decoding would give another image, so it is not begun."""
    with pytest.raises(BitsmithError, match="another model made this file; give --model"):
        codec(synthesis=synthesis(seed=30)).decode(file)
    other = codec()
    z = [[0.1, 0.2, 0.3, 0.2, 0.1]] * (CHANNELS - 1) + [[0.1, 0.2, 0.3, 0.1, 0.2]]
    with pytest.raises(BitsmithError, match="another model"):
        Codec(other.networks, tables.make([-2, -1, 0, 1], z, SCALE)).decode(file)


def forged(small: Codec, height: int, width: int, payload: bytes) -> bytes:
    return Container(small.digest, height, width, payload).to_bytes()


@pytest.mark.parametrize(("height", "width"), [(0, 64), (64, 0), (1 << 31, 1 << 31), (4097, 4096), (1, 1 << 24)])
def test_a_header_cannot_ask_for_too_much(small: Codec, height: int, width: int) -> None:
    """The checksum is right, so the size itself must be refused, and before anything is computed."""
    start = time.perf_counter()
    with pytest.raises(BitsmithError, match="a larger one in parts"):
        small.decode(forged(small, height, width, b""))
    assert time.perf_counter() - start < 1


def test_words_of_another_image_are_refused(small: Codec, file: bytes) -> None:
    """With a right checksum: words are left over, or missing, or random."""
    payload = parse(file).payload
    with pytest.raises(BitsmithError, match="damaged"):
        small.decode(forged(small, 10, 10, payload))
    rng = np.random.default_rng(8)
    refused = 0
    for length in (4, 400, len(payload)):
        for _ in range(10):
            words = rng.integers(1, 256, length, np.uint8).tobytes()
            try:
                image = small.decode(forged(small, 60, 90, words))
            except BitsmithError as error:
                refused += "damaged" in str(error)
            else:
                assert image.shape == (60, 90, 3)
    assert refused >= 20


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_garbage_is_one_line(data: bytes) -> None:
    with pytest.raises(BitsmithError, match="no compressed image of Bitsmith's"):
        parse(data)
    with pytest.raises(BitsmithError):
        parse(MAGIC + data)


def test_a_later_format_is_named(file: bytes) -> None:
    with pytest.raises(BitsmithError, match="format 2 of compressed images, this version reads 1"):
        parse(file[:4] + b"\x02\x00" + file[6:])
