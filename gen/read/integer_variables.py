"""The variables of a layer with integer weights, by name or in the order in which Keras numbers them, checked."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import FloatArray
from .attributes import is_count
from .network import Layer
from .policy import Integers
from .weights import Weights

_SCALES = (1e-29, 1e29)
"""What a scale may be: as far as its reciprocal is a plain float32."""


def new_axes(equation: Any) -> int:
    """How many axes of a kernel, the last ones, are new in an EinsumDense's output; 0 where it has no such form."""
    text = equation.replace(" ", "") if isinstance(equation, str) else ""
    given, _, kernel = text.partition("->")[0].partition(",")
    new = kernel.lstrip(given) if given else ""
    return 0 if set(new) & set(given) else len(new)


def unpacked(bytes_: FloatArray, columns: int) -> FloatArray:
    """Two integers of 4 bits from each byte of (rows, bytes): the first is the lower half."""
    whole = bytes_.astype(np.int64)
    halves = np.stack([whole & 15, (whole >> 4) & 15], axis=-1).reshape(len(whole), -1)[:, :columns]
    return ((halves ^ 8) - 8).astype(np.float64)


@dataclass(frozen=True)
class Stored:
    """The variables of a layer of integer weights; every method raises BitsmithError where they make no sense."""

    layer: Layer
    how: Integers

    @property
    def main(self) -> str:
        return "embeddings" if self.layer.class_name == "Embedding" else "kernel"

    @property
    def outputs(self) -> tuple[int, ...]:
        """The sizes of the new axes."""
        config = self.layer.config
        if self.layer.class_name == "EinsumDense":
            given, count = config.get("output_shape"), new_axes(config.get("equation"))
            sizes: Any = (list(given) if isinstance(given, (list, tuple)) else [given])[-count:]
        else:
            sizes, count = [config.get("output_dim" if self.main == "embeddings" else "units")], 1
        if len(sizes) != count or not all(is_count(n) for n in sizes):
            raise self.refused("how many outputs it has is not known")
        return tuple(sizes)

    def others(self) -> Weights:
        """The variables that have nothing to do with the integers."""
        mine = {self._key(name) for name in self._names() if name != "bias"}
        bias = self._key("bias") if "bias" in self._names() else ""
        left = {key: value for key, value in self.layer.weights.items() if key not in (*mine, bias)}
        return left | ({"bias": self.layer.weights[bias]} if bias in self.layer.weights else {})

    def levels(self) -> FloatArray:
        """The integers: an int8 kernel in its own shape, any other as (rows, outputs)."""
        values, columns = self._whole(self.main, -128, 127), prod(self.outputs)
        flat = self.how.bits == 4 or self.layer.class_name != "EinsumDense"
        last, stored = (1, ceil(columns / 2)) if self.how.bits == 4 else (len(self.outputs), columns)
        if values.ndim < 2 or (flat and values.ndim > 2) or not values.size or prod(values.shape[-last:]) != stored:
            packed = ", two in a byte" if self.how.bits == 4 else ""
            raise self.refused(f"{self.main} has shape {values.shape} for {columns} outputs{packed}")
        return unpacked(values, columns) if self.how.bits == 4 else values

    def scales(self, *shape: int) -> FloatArray:
        """The scales in this shape; the file's may have more axes of size 1."""
        name = f"{self.main}_scale"
        values = self._shaped(name, self._variable(name), shape)
        bad = np.argwhere((values < _SCALES[0]) | (values > _SCALES[1]))
        if len(bad):
            index = tuple(int(i) for i in bad[0])
            raise self.refused(f"{name}{list(index)} = {values[index]:g} is no scale (numbers above 0)")
        return values

    def zeros(self, *shape: int) -> FloatArray:
        """The zero points."""
        name = f"{self.main}_zero"
        return self._shaped(name, self._whole(name, -8, 7), shape)

    def places(self, count: int, blocks: int) -> Any:
        """The block of each of ``count`` places: as many, one behind the other, as belong to one."""
        values = self._shaped("g_idx", self._whole("g_idx", 0, blocks - 1), (count,))
        if (values != np.arange(count) // self.how.block).any():
            raise self.refused(f"g_idx is not in blocks of {self.how.block}")
        return values.astype(np.int64)

    def refused(self, what: str) -> BitsmithError:
        return BitsmithError(
            f"'{self.layer.name}' (int{self.how.bits}): {what}; quantize the float model again and save it"
        )

    def _names(self) -> tuple[str, ...]:
        """The variables in the order in which Keras numbers them."""
        config, kind = self.layer.config, self.layer.class_name
        biased = config.get("use_bias", True) if kind == "Dense" else config.get("bias_axes") is not None
        blocks = (f"{self.main}_zero", "g_idx") if self.how.block else ()
        return (self.main, *(("bias",) if biased and kind != "Embedding" else ()), f"{self.main}_scale", *blocks)

    def _key(self, name: str) -> str:
        return name if name in self.layer.weights else str(self._names().index(name))

    def _variable(self, name: str) -> FloatArray:
        if self._key(name) not in self.layer.weights:
            raise self.refused(f"the file holds no {name}")
        return self.layer.variable(self._key(name))

    def _whole(self, name: str, low: int, high: int) -> FloatArray:
        values = self._variable(name)
        bad = np.argwhere((values != np.rint(values)) | (values < low) | (values > high))
        if len(bad):
            index = tuple(int(i) for i in bad[0])
            raise self.refused(f"{name}{list(index)} = {values[index]:g} is no whole number from {low} to {high}")
        return values

    def _shaped(self, name: str, values: FloatArray, shape: tuple[int, ...]) -> FloatArray:
        if [n for n in values.shape if n != 1] != [n for n in shape if n != 1]:
            raise self.refused(f"{name} has shape {values.shape}, expected {shape}")
        return values.reshape(shape)
