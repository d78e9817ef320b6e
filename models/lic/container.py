"""The file around the compressed words: which model, which size, how long, and whether it arrived whole.

Little-endian, 32 bytes, then the payload:

====== ===== =========================================================
offset bytes
====== ===== =========================================================
0      4     ``BLIC``
4      2     version of the format
6      2     zero
8      8     the first bytes of the SHA-256 of the model's integers
16     4     height in pixels
20     4     width in pixels
24     4     bytes of the payload
28     4     CRC32 of what stands before and of the payload
====== ===== =========================================================
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from ...sim.errors import BitsmithError

MAGIC, VERSION = b"BLIC", 1
BLOCK = 64
"""The networks halve an image six times, so it is padded to multiples of this."""
MOST_PIXELS = 1 << 24
"""Of a padded image: 4096 × 4096. A header cannot make the decoder take more memory than such an image needs."""
MOST_BYTES = 1 << 30
"""Of a file that is read at all."""
_HEAD = struct.Struct("<4sHH8sIII")
_CHECK = struct.Struct("<I")
HEADER_BYTES = _HEAD.size + _CHECK.size
DIGEST_BYTES = 8


@dataclass(frozen=True)
class Container:
    """One compressed image; ``digest`` is the start of the SHA-256 of the model's integers."""

    digest: bytes
    height: int
    width: int
    payload: bytes

    def to_bytes(self) -> bytes:
        """The whole file."""
        head = _HEAD.pack(MAGIC, VERSION, 0, self.digest, self.height, self.width, len(self.payload))
        return head + _CHECK.pack(_check(head, self.payload)) + self.payload


def parse(data: bytes) -> Container:
    """The parts of a file; BitsmithError, one line, where it is cut, changed or something else."""
    if len(data) > MOST_BYTES:
        raise BitsmithError(f"more than {MOST_BYTES:,} bytes; a compressed image of Bitsmith's has fewer")
    if len(data) < HEADER_BYTES or data[:4] != MAGIC:
        raise BitsmithError("no compressed image of Bitsmith's; make one with 'bitsmith codec encode'")
    head, payload = data[: _HEAD.size], data[HEADER_BYTES:]
    _, version, zero, digest, height, width, length = _HEAD.unpack(head)
    if (version, zero) != (VERSION, 0):
        raise BitsmithError(f"format {version} of compressed images, this version reads {VERSION}; update Bitsmith")
    if len(payload) != length:
        raise BitsmithError(f"{len(payload)} bytes of compressed data, the header says {length}; get the file again")
    if _CHECK.unpack(data[_HEAD.size : HEADER_BYTES])[0] != _check(head, payload):
        raise BitsmithError("the compressed data is damaged (its checksum is wrong); get the file again")
    check_size(height, width)
    return Container(digest, height, width, payload)


def check_size(height: int, width: int) -> None:
    """BitsmithError for an image without pixels or with more than ``MOST_PIXELS``."""
    rows, columns = padded(height, width)
    if min(height, width) < 1 or rows * columns > MOST_PIXELS:
        raise BitsmithError(
            f"an image of {width} × {height} pixels; give one of 1 to {MOST_PIXELS:,}, with its sides rounded up to "
            f"multiples of {BLOCK}, a larger one in parts"
        )


def padded(height: int, width: int) -> tuple[int, int]:
    """The size rounded up to multiples of ``BLOCK``."""
    return -(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK


def _check(head: bytes, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(head))
