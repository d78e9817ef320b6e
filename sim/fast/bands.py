"""How a large image is cut for a step, so that its scratch stays small and in the caches."""

from __future__ import annotations

_BAND_BYTES = 16 << 20  # the most that a band's scratch takes, unless a single row is more
_BLOCK_VALUES = 32 << 10  # of float64: a few such arrays fit a core's second cache


def row_bands(rows: int, row_bytes: int) -> list[slice]:
    """All rows in order, in as few bands of one height (but the last) as scratch of 16 MB allows."""
    most = max(1, _BAND_BYTES // row_bytes)
    count = -(-rows // most)
    return _cut(rows, -(-rows // count))


def blocks(count: int, values: int) -> list[slice]:
    """All of ``count`` places of so many values, in order, in blocks for what runs over the same values many times."""
    return _cut(count, max(1, _BLOCK_VALUES // values))


def _cut(count: int, size: int) -> list[slice]:
    return [slice(start, min(count, start + size)) for start in range(0, count, size)]
