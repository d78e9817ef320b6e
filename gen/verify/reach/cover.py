"""Few frames that reach together what many reach."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray


def cover(hits: NDArray[np.bool_], reached: NDArray[np.bool_], most: int) -> list[int]:
    """Frames, at most so many, each of which reaches most of what those before it and ``reached`` do not.

    ``hits`` is (frames, points). The greedy choice, which is within ln(points) of the fewest.
    """
    missing = hits.any(axis=0) & ~reached
    wanted = hits & missing
    rows = {int(k): np.flatnonzero(wanted[k]) for k in np.flatnonzero(wanted.any(axis=1))}
    queue = [(-len(row), k) for k, row in rows.items()]
    heapq.heapify(queue)
    chosen: list[int] = []
    while queue and len(chosen) < most:
        known, k = heapq.heappop(queue)
        gain = int(missing[rows[k]].sum())
        if gain == -known:
            chosen.append(k)
            missing[rows[k]] = False
        elif gain:
            heapq.heappush(queue, (-gain, k))
    return chosen
