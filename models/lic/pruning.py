"""Filters of least L2 norm are taken out, with everything that belongs to them (numpy only).

A filter is an output channel. With it go its bias, its row and column of GDN's gamma and its beta, and the next
layer's weights for that channel. y, z and the image keep their channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .network import Weights

CHAINS = (
    ("conv1", "gdn1", "conv2"),
    ("conv2", "gdn2", "conv3"),
    ("conv3", "gdn3", "conv4"),
    ("deconv1", "igdn1", "deconv2"),
    ("deconv2", "igdn2", "deconv3"),
    ("deconv3", "igdn3", "deconv4"),
    ("hyper_conv1", "", "hyper_conv2"),
    ("hyper_conv2", "", "hyper_conv3"),
    ("hyper_deconv1", "", "hyper_deconv2"),
    ("hyper_deconv2", "", "hyper_conv4"),
)
"""A layer, the GDN behind it, and the layer that reads it."""


def pruned(weights: Weights, filters: int) -> Weights:
    """The same codec with ``filters`` filters in every layer of CHAINS, those of largest norm, in their old order."""
    result = {name: list(tensors) for name, tensors in weights.items()}
    for layer, gdn, reader in CHAINS:
        kept = strongest(result[layer][0], _out_axis(layer), filters)
        kernel, bias = result[layer]
        result[layer] = [np.take(kernel, kept, _out_axis(layer)), bias[kept]]
        if gdn in result:
            beta, gamma = result[gdn]
            result[gdn] = [beta[kept], gamma[np.ix_(kept, kept)]]
        kernel, bias = result[reader]
        result[reader] = [np.take(kernel, kept, 5 - _out_axis(reader)), bias]
    return result


def strongest(kernel: NDArray[np.floating], axis: int, count: int) -> NDArray[np.intp]:
    """The places of the ``count`` filters of largest L2 norm along ``axis``, in rising order."""
    norms = np.sqrt(np.square(np.moveaxis(kernel, axis, -1)).sum(axis=(0, 1, 2)))
    return np.sort(np.argsort(-norms, kind="stable")[:count])


def _out_axis(layer: str) -> int:
    """A convolution's kernel is (h, w, in, out), a transposed one's (h, w, out, in)."""
    return 2 if "deconv" in layer else 3
