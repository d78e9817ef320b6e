"""The fast step of an activation by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..op import Spec
from ..ops.activation import Activation, Kind
from .epilogue import FLOAT64, DType, Epilogue, carrier
from .registry import alone
from .steps import Buffers, Run, Step, tensor_dtype


@dataclass(frozen=True)
class ActivationStep(Step):
    """An activation on a float tensor; ``dtype`` is exact for it."""

    epilogue: Epilogue
    dtype: DType

    def bind(self, buffers: Buffers) -> Run:
        source, out = buffers[self.inputs[0]], self.new_output(buffers)
        work = out if out.dtype == self.dtype else buffers.new(out.shape, self.dtype)
        scale = self.dtype.type(2.0**self.epilogue.exponent)

        def run() -> None:
            np.multiply(source, scale, out=work, dtype=self.dtype, casting="unsafe")
            self.epilogue.apply(work)
            if work is not out:
                np.copyto(out, work, casting="unsafe")

        return run


@alone(Activation)
def activation_step(inputs: tuple[str, ...], name: str, spec: Spec, op: Activation) -> Step | None:
    source = tensor_dtype(op.input_type)
    if op.kind is Kind.TABLE or source.kind != "f":
        return None
    epilogue = Epilogue(op)
    dtype = carrier(epilogue.needs(), epilogue.exponent)
    if dtype is None:
        return None
    return ActivationStep(inputs, name, spec, epilogue, FLOAT64 if source == FLOAT64 else dtype)
