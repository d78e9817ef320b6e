"""A table of vectors, looked up by an integer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec
from ..params import freeze_array
from ..table import MAX_ADDRESS_BITS, lookup


@dataclass(frozen=True, eq=False)
class Embedding(Operator):
    """``y[..., :] = table[min(x[..., 0], n - 1)]``: the input's one channel is an index.

    ``table`` (n, c) are raw integers of ``table_type``. The index has an unsigned type without fraction bits, of at
    most 18 bits; one beyond the table takes the table's last row. The output has the input's places and c channels.
    """

    stem: ClassVar[str] = "embedding"
    per_pixel: ClassVar[bool] = True

    input_type: Fixed
    table: IntArray
    table_type: Fixed

    def __post_init__(self) -> None:
        freeze_array(self, "table", (None, None), self.table_type)
        index = self.input_type
        if index.signed or index.fraction != 0 or index.width > MAX_ADDRESS_BITS:
            raise BitsmithError(
                f"embedding: {index} is no type of an index; use ufixed without fraction bits, at most "
                f"{MAX_ADDRESS_BITS} bits"
            )

    @cached_property
    def entries(self) -> IntArray:
        """The row of every index that the input's type has: (2**width, c)."""
        rows: IntArray = self.table[np.minimum(np.arange(1 << self.input_type.width), len(self.table) - 1)]
        return rows

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        shape = inputs[0].shape
        if shape[-1] != 1:
            raise BitsmithError(f"embedding: the input has {shape[-1]} channels; an index is one")
        return Spec((*shape[:-1], self.table.shape[1]), self.table_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        return lookup(self.entries, inputs[0][..., 0])
