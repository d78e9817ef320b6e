"""An image to a file and back with the networks of a trained codec, in integers: every machine decodes the same pixels.

Scale hyperprior (Ballé et al. 2018): analysis gives y and z, both integers. z is coded with a table for each channel;
from z, hyper_synthesis gives the scale of every y, and each scale picks one of 64 tables to code that y with. So the
decoder, which has z first, finds the same tables. synthesis makes the image from y.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...gen.passes.resize import resized
from ...sim.errors import BitsmithError
from ...sim.fast.predict import Reference
from ...sim.fixed import Fixed, IntArray
from ...sim.graph import Graph
from ...sim.op import Spec
from . import tables as entropy
from .coder import Reader, Writer
from .container import BLOCK, DIGEST_BYTES, Container, check_size, padded, parse
from .tables import Tables

Image = NDArray[np.uint8]
PIXEL = Fixed(False, 0, 8)
"""A pixel's byte is its raw integer; the networks see byte / 256."""
_MOST_SIZES = 4


@dataclass(frozen=True)
class Networks:
    """``analysis``: image (h, w, 3) to y and z, in this order; ``hyper_synthesis``: z to scales, one for each y;
    ``synthesis``: y to image.
    """

    analysis: Graph
    hyper_synthesis: Graph
    synthesis: Graph

    @cached_property
    def y(self) -> Spec:
        return self._latent(0)

    @cached_property
    def z(self) -> Spec:
        return self._latent(1)

    def fitted(self, rows: int, columns: int) -> Networks:
        """The same for images of ``rows`` × ``columns``, multiples of ``BLOCK``."""
        analysis = resized(self.analysis, rows, columns)
        y, z = (Networks(analysis, self.hyper_synthesis, self.synthesis)._latent(i).shape for i in (0, 1))
        hyper_synthesis, synthesis = resized(self.hyper_synthesis, *z[:2]), resized(self.synthesis, *y[:2])
        return Networks(analysis, hyper_synthesis, synthesis)

    @cached_property
    def analyse(self) -> Reference:
        return Reference(self.analysis)

    @cached_property
    def find_scales(self) -> Reference:
        return Reference(self.hyper_synthesis)

    @cached_property
    def synthesize(self) -> Reference:
        return Reference(self.synthesis)

    def check(self, tables: Tables) -> None:
        """BitsmithError where the networks do not fit one another or the tables."""
        image, y, z = self.analysis.inputs[0][1], self.y, self.z
        if image.type != PIXEL or image.shape[2:] != (3,) or any(n % BLOCK for n in image.shape[:2]):
            raise BitsmithError(
                f"analysis takes {image}; it must take {PIXEL}, 3 channels, multiples of {BLOCK} pixels"
            )
        if len(tables.z) != z.shape[2]:
            raise BitsmithError(f"entropy.json has {len(tables.z)} tables for z, which has {z.shape[2]} channels{CURE}")
        _check_ends(self.hyper_synthesis, z, Spec(y.shape, tables.scale_type))
        _check_ends(self.synthesis, y, image)

    def _latent(self, number: int) -> Spec:
        specs = self.analysis.specs()
        found = [specs[name] for name in self.analysis.outputs]
        if len(found) != 2 or any(len(spec.shape) != 3 or spec.type.fraction for spec in found):
            raise BitsmithError(f"analysis gives {found}; it must give two images of integers, y and z")
        return found[number]


CURE = "; export the codec again"


def _check_ends(graph: Graph, source: Spec, result: Spec) -> None:
    specs = graph.specs()
    ends = [spec for _, spec in graph.inputs] + [specs[name] for name in graph.outputs]
    if ends != [source, result]:
        raise BitsmithError(f"'{graph.name}' goes from and to {ends}; it must go from {source} to {result}{CURE}")


class Codec:
    """Networks of integers, fitted to each image's size, and the entropy coder's tables."""

    def __init__(self, networks: Networks, tables: Tables) -> None:
        """BitsmithError where the networks do not fit one another or the tables."""
        self.networks, self.tables = networks, tables
        self._sizes: dict[tuple[int, int], Networks] = {}
        networks.check(tables)
        self._fitted(BLOCK, BLOCK)

    @staticmethod
    def load(folder: str | Path) -> Codec:
        """The codec of a folder with analysis.h5, hyper_synthesis.h5, synthesis.h5 and entropy.json."""
        from ...gen.build import load

        place = Path(folder)
        if not place.is_dir():
            raise BitsmithError(f"no folder '{folder}'; give one with a trained codec, as in models/lic/trained")

        def read(name: str, type: Fixed) -> Graph:
            return load(place / f"{name}.h5", {"Bitsmith": {"input": str(type)}})

        tables = entropy.read(place / "entropy.json")
        analysis = read("analysis", PIXEL)
        latents = Networks(analysis, analysis, analysis)
        networks = Networks(analysis, read("hyper_synthesis", latents.z.type), read("synthesis", latents.y.type))
        return Codec(networks, tables)

    @cached_property
    def digest(self) -> bytes:
        """The first bytes of the SHA-256 of everything that decoding depends on; encoder and decoder compare it."""
        graphs = (self.networks.analysis, self.networks.hyper_synthesis, self.networks.synthesis)
        text = "\0".join([*(graph.to_json() for graph in graphs), self.tables.to_json()])
        return hashlib.sha256(text.encode()).digest()[:DIGEST_BYTES]

    def encode(self, image: Image) -> bytes:
        """The compressed file of an image (h, w, 3) of bytes; BitsmithError for other arrays and too many pixels."""
        y, z = self.latents(image)
        height, width = image.shape[:2]
        networks, writer = self._fitted(*padded(height, width)), Writer()
        for c, table in enumerate(self.tables.z):
            writer.put(table, z[:, :, c], networks.z.type)
        index = self._index(networks, z)
        for k, table in enumerate(self.tables.y):
            writer.put(table, y[index == k], networks.y.type)
        return Container(self.digest, height, width, writer.finish()).to_bytes()

    def decode(self, data: bytes) -> Image:
        """The image (h, w, 3) in a compressed file; BitsmithError for any other data or another model's."""
        found = parse(data)
        if found.digest != self.digest:
            raise BitsmithError("another model made this file; give --model the one that it was encoded with")
        networks, reader = self._fitted(*padded(found.height, found.width)), Reader(found.payload)
        z, y = np.zeros(networks.z.shape, np.int64), np.zeros(networks.y.shape, np.int64)
        for c, table in enumerate(self.tables.z):
            z[:, :, c] = reader.take(table, z[:, :, c].size, networks.z.type).reshape(z.shape[:2])
        index = self._index(networks, z)
        for k, table in enumerate(self.tables.y):
            here = index == k
            y[here] = reader.take(table, int(here.sum()), networks.y.type)
        reader.finish()
        return self.reconstruction(y, found.height, found.width)

    def latents(self, image: Image) -> tuple[IntArray, IntArray]:
        """Raw y and z of an image, which is padded to multiples of 64 by repeating its last row and column."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise BitsmithError(
                f"an image of shape {image.shape} and type {image.dtype}; give (height, width, 3) bytes"
            )
        height, width = image.shape[:2]
        check_size(height, width)
        rows, columns = padded(height, width)
        whole = np.pad(image, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge")
        y, z = self._fitted(rows, columns).analyse.predict_raw(whole[np.newaxis])
        return y[0], z[0]

    def reconstruction(self, y: IntArray, height: int, width: int) -> Image:
        """The image that synthesis makes of raw y, without its padding."""
        (image,) = self._fitted(*padded(height, width)).synthesize.predict_raw(y[np.newaxis])
        return image[0, :height, :width].astype(np.uint8)

    def _index(self, networks: Networks, z: IntArray) -> IntArray:
        """Which table each y uses."""
        (scales,) = networks.find_scales.predict_raw(z[np.newaxis])
        return self.tables.index(scales[0])

    def _fitted(self, rows: int, columns: int) -> Networks:
        """The networks for a padded image's size; those of the last few sizes are kept."""
        if (rows, columns) not in self._sizes:
            while len(self._sizes) >= _MOST_SIZES:
                del self._sizes[next(iter(self._sizes))]
            fitted = self.networks.fitted(rows, columns)
            fitted.check(self.tables)
            self._sizes[rows, columns] = fitted
        return self._sizes[rows, columns]
