"""Fast steps of operators that compute nothing: values seen in another order, or put in another place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..op import Spec
from ..ops.crop import Crop
from ..ops.flatten import Flatten
from ..ops.repeat_vector import RepeatVector
from ..ops.reverse import Reverse
from ..ops.up_sampling2d import UpSampling2D
from ..ops.zero_padding2d import ZeroPadding2D
from .registry import alone
from .steps import Buffers, Run, Step


@dataclass(frozen=True)
class ReshapeStep(Step):
    """The same values in another shape: another view of the same buffer, where its strides allow that."""

    def bind(self, buffers: Buffers) -> Run:
        source = buffers[self.inputs[0]]
        result = buffers[self.output] = source.reshape(buffers.images, *self.spec.shape)
        if np.may_share_memory(result, source):
            return lambda: None
        buffers.bytes += result.nbytes
        copy = result.reshape(source.shape)
        return lambda: np.copyto(copy, source)


@alone(Flatten)
def reshape_step(inputs: tuple[str, ...], output: str, spec: Spec, op: Flatten) -> Step:
    return ReshapeStep(inputs, output, spec)


@alone(Crop, Reverse)
@dataclass(frozen=True)
class ViewStep(Step):
    """A part of a tensor, or its reverse: the same buffer with other strides."""

    op: Crop | Reverse

    def bind(self, buffers: Buffers) -> Run:
        buffers[self.output] = self.op.compute(buffers[self.inputs[0]])
        return lambda: None


@alone(RepeatVector)
@dataclass(frozen=True)
class RepeatStep(Step):
    """A vector as every step of a sequence: one step of the buffer, seen again and again."""

    op: RepeatVector

    def bind(self, buffers: Buffers) -> Run:
        source = buffers[self.inputs[0]]
        step = source if self.op.interleaved else source[:, np.newaxis, np.newaxis]
        buffers[self.output] = np.broadcast_to(step, (buffers.images, *self.spec.shape))
        return lambda: None


@alone(ZeroPadding2D)
@dataclass(frozen=True)
class ZerosStep(Step):
    """An image inside of zeros, which are written once."""

    op: ZeroPadding2D

    def bind(self, buffers: Buffers) -> Run:
        source, out = buffers[self.inputs[0]], self.new_output(buffers)
        (top, _), (left, _) = self.op.padding
        inside = out[:, top : top + source.shape[1], left : left + source.shape[2]]
        return lambda: np.copyto(inside, source)


@alone(UpSampling2D)
@dataclass(frozen=True)
class CopiesStep(Step):
    """Each pixel of an image several times."""

    op: UpSampling2D

    def bind(self, buffers: Buffers) -> Run:
        source, out = buffers[self.inputs[0]], self.new_output(buffers)
        n, h, w, c = source.shape
        copies = out.reshape(n, h, self.op.factors[0], w, self.op.factors[1], c)
        return lambda: np.copyto(copies, source[:, :, np.newaxis, :, np.newaxis])
