"""The fast step of a maximum over windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..op import Spec
from ..ops.max_pool2d import MaxPool2D
from .registry import alone
from .steps import Buffers, Run, Step, bind_padding, tensor_dtype


@dataclass(frozen=True)
class MaxPoolStep(Step):
    """Maximum over any windows of a float tensor."""

    op: MaxPool2D

    def bind(self, buffers: Buffers) -> Run:
        source, out = buffers[self.inputs[0]], self.new_output(buffers)
        (kh, kw), (sh, sw) = self.op.pool, self.op.strides
        padded, fill = bind_padding(source, self.op.padding, self.op.input_type.raw_min, buffers)
        rows, columns = (out.shape[1] - 1) * sh + 1, (out.shape[2] - 1) * sw + 1
        taps = [padded[:, i : i + rows : sh, j : j + columns : sw] for i in range(kh) for j in range(kw)]

        def run() -> None:
            fill()
            np.copyto(out, taps[0])
            for tap in taps[1:]:
                np.maximum(out, tap, out=out)

        return run


@alone(MaxPool2D)
def max_pool_step(inputs: tuple[str, ...], name: str, spec: Spec, op: MaxPool2D) -> Step | None:
    return MaxPoolStep(inputs, name, spec, op) if tensor_dtype(op.input_type).kind == "f" else None
