"""The published networks at their full size, from random integers: training them is out of reach here, building is not.

Widths and layers as in Ballé et al. 2018 and Mazouz et al. 2025: N = 192, 160, 128, 96 filters and M = 192 latents, 5×5
kernels, GDN between, 8-bit weights, a 32-bit gain. ``full_size.py`` builds and compares them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..sim.cast import Cast
from ..sim.fixed import Fixed, IntArray
from ..sim.graph import Graph, Node
from ..sim.op import Operator, Spec
from ..sim.ops.activation import Activation, Kind
from ..sim.ops.conv2d import Conv2D
from ..sim.ops.conv2d_transpose import Conv2DTranspose
from ..sim.ops.gdn import GDN
from ..sim.params import Padding

SEED = 1
PIXEL, LATENT, ABSOLUTE = Fixed(False, 0, 8), Fixed(True, 7, 0), Fixed(False, 8, 0)
WEIGHT, BIAS = Fixed(True, -1, 8), Fixed(True, 0, 11)
BEFORE_GDN, LAYER, RECTIFIED = Fixed(True, 7, 8), Fixed(True, 3, 4), Fixed(False, 4, 4)
GAMMA, BETA, GAIN_BITS = Fixed(False, 0, 16), Fixed(False, 2, 14), 32
PADDING: Padding = ((2, 2), (2, 2))
CROP: Padding = ((2, 1), (2, 1))


class _Chain:
    """A graph that grows at its end."""

    def __init__(self, name: str, shape: tuple[int, int, int], type_: Fixed) -> None:
        self.name, self.type, self.shape = name, type_, shape
        self.inputs = (("image", Spec(shape, type_)),)
        self.nodes: list[Node] = []
        self.rng = np.random.default_rng([SEED, *name.encode()])

    def graph(self) -> Graph:
        return Graph(self.name, self.inputs, tuple(self.nodes), (self.nodes[-1].name,))

    def add(self, name: str, op: Operator, output: Fixed, kind: Kind = Kind.LINEAR) -> None:
        """The operator, and its rounding to ``output``."""
        source = self.nodes[-1].name if self.nodes else "image"
        spec = op.infer(Spec(self.shape, self.type))
        self.nodes.append(Node(name, op, (source,), name))
        self.nodes.append(Node(f"{name}_q", Activation(spec.type, kind, output), (name,), name))
        self.shape, self.type = (spec.shape[0], spec.shape[1], spec.shape[2]), output

    def weights(self, *shape: int) -> IntArray:
        """About as trained ones are spread: a quarter of the range, every value inside it."""
        drawn = np.round(self.rng.normal(0.0, 0.25, shape) * WEIGHT.raw_max)
        return np.clip(drawn, WEIGHT.raw_min, WEIGHT.raw_max).astype(np.int64)

    def bias(self, size: int) -> IntArray:
        return self.rng.integers(BIAS.raw_min, BIAS.raw_max, size, endpoint=True)

    def conv(self, name: str, kernel: int, filters: int, stride: int, output: Fixed, kind: Kind = Kind.LINEAR) -> None:
        weights = self.weights(kernel, kernel, self.shape[2], filters)
        edge = (kernel // 2, kernel // 2)
        op = Conv2D(self.type, weights, WEIGHT, self.bias(filters), BIAS, (stride, stride), (edge, edge))
        self.add(name, op, output, kind)

    def deconv(self, name: str, filters: int, output: Fixed, kind: Kind = Kind.LINEAR) -> None:
        weights = self.weights(5, 5, self.shape[2], filters)
        self.add(
            name, Conv2DTranspose(self.type, weights, WEIGHT, self.bias(filters), BIAS, (2, 2), CROP), output, kind
        )

    def gdn(self, name: str, inverse: bool) -> None:
        channels = self.shape[2]
        spread = np.abs(self.rng.normal(0.0, 0.01, (channels, channels))) + 0.1 * np.eye(channels)
        gamma = np.round(np.ldexp(spread, GAMMA.fraction)).astype(np.int64)
        beta = np.round(np.ldexp(self.rng.uniform(0.5, 2.0, channels), BETA.fraction)).astype(np.int64)
        op = GDN(self.type, gamma, GAMMA, beta, BETA, Cast(Fixed(False, 8, 24)), inverse)
        self.add(name, replace(op, gain=op.fitting_gain(GAIN_BITS)), LAYER)


def analysis(filters: int, latents: int, height: int = 256, width: int = 256) -> Graph:
    """Image to y."""
    chain = _Chain("analysis", (height, width, 3), PIXEL)
    for k in range(1, 4):
        chain.conv(f"conv{k}", 5, filters, 2, BEFORE_GDN)
        chain.gdn(f"gdn{k}", inverse=False)
    chain.conv("conv4", 5, latents, 2, LATENT)
    return chain.graph()


def synthesis(filters: int, latents: int, height: int = 16, width: int = 16) -> Graph:
    """y to image."""
    chain = _Chain("synthesis", (height, width, latents), LATENT)
    for k in range(1, 4):
        chain.deconv(f"deconv{k}", filters, BEFORE_GDN)
        chain.gdn(f"igdn{k}", inverse=True)
    chain.deconv("deconv4", 3, PIXEL)
    return chain.graph()


def hyper_analysis(filters: int, latents: int, height: int = 16, width: int = 16) -> Graph:
    """The latents' magnitudes to z."""
    chain = _Chain("hyper_analysis", (height, width, latents), ABSOLUTE)
    chain.conv("conv1", 3, filters, 1, RECTIFIED, Kind.RELU)
    chain.conv("conv2", 5, filters, 2, RECTIFIED, Kind.RELU)
    chain.conv("conv3", 5, filters, 2, LATENT)
    return chain.graph()


def hyper_synthesis(filters: int, latents: int, height: int = 4, width: int = 4) -> Graph:
    """z to the latents' scales."""
    chain = _Chain("hyper_synthesis", (height, width, filters), LATENT)
    chain.deconv("deconv1", filters, RECTIFIED, Kind.RELU)
    chain.deconv("deconv2", filters, RECTIFIED, Kind.RELU)
    chain.conv("conv3", 3, latents, 1, RECTIFIED, Kind.RELU)
    return chain.graph()


NETWORKS = (analysis, synthesis, hyper_analysis, hyper_synthesis)


def beginning(graph: Graph, last: str) -> Graph:
    """The graph up to a node."""
    names = [node.name for node in graph.nodes]
    return replace(graph, nodes=graph.nodes[: names.index(last) + 1], outputs=(last,))
