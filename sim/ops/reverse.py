"""A sequence from its last step to its first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..op import Operator, Spec


@dataclass(frozen=True, eq=False)
class Reverse(Operator):
    """(1, steps, channels) with its steps in reverse; ``interleaved``: (steps, sequences, channels)."""

    stem: ClassVar[str] = "reverse"
    moves: ClassVar[bool] = True

    input_type: Fixed
    interleaved: bool = False

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,), rank=3)
        if not self.interleaved and inputs[0].shape[0] != 1:
            raise BitsmithError(f"reverse: the input has shape {inputs[0].shape}, expected (1, steps, channels)")
        return inputs[0]

    def compute(self, *inputs: IntArray) -> IntArray:
        return inputs[0][:, ::-1] if self.interleaved else inputs[0][:, :, ::-1]
