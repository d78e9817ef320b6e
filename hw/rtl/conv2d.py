"""Streaming convolution: windows from line buffers, one constant-matrix kernel for each pixel of a beat."""

from __future__ import annotations

from typing import Any, Protocol

from amaranth.hdl import Cat, Instance, Module, Signal, Value

from ...sim.fixed import IntArray
from ...sim.ops.conv2d import Conv2D
from ...sim.params import NO_PADDING, Padding
from .geometry import Geometry
from .layout import Layout
from .matrix import MatrixSpec, legal_reuse
from .role import Sharing, StreamRole, whole_strides
from .tiles import matrix_kernel
from .window import WindowCore


class MatrixWindowCore(WindowCore):
    """A window core whose every lane is one constant matrix; ``order`` puts a window's values in the matrix's order."""

    def __init__(self, name: str, geometry: Geometry, spec: MatrixSpec, channels: int) -> None:
        self.kernel = matrix_kernel(spec)
        super().__init__(name, geometry, channels, spec.y_type, self.kernel.cycles)

    @property
    def compute_latency(self) -> int:
        return self.kernel.latency

    def kernels(self) -> dict[str, Any]:
        return {f"{self.name}_kernel": self.kernel}

    def arrange(self, window: list[list[Value]]) -> list[Value]:
        """The kernel's inputs from ``window[tap][channel]``."""
        return [value for tap in window for value in tap]

    def compute(
        self, m: Module, start: Value, windows: list[list[list[Value]]], masks: list[list[Value]]
    ) -> tuple[Value, Value]:
        valids, results = [], []
        for lane, window in enumerate(windows):
            valid, result = Signal(name=f"lane_{lane}_tvalid"), Signal(len(self.kernel.o), name=f"lane_{lane}_tdata")
            m.submodules[f"lane_{lane}"] = kernel_instance(
                f"{self.name}_kernel", start, Cat(*self.arrange(window)), valid, result
            )
            valids.append(valid)
            results.append(result)
        return valids[0], Cat(*results)


def kernel_instance(module: str, start: Value, x: Value, valid: Signal, result: Signal) -> Instance:
    from amaranth.hdl import ClockSignal, ResetSignal

    ports = {
        "i_clk": ClockSignal(),
        "i_rst": ResetSignal(),
        "i_start": start,
        "i_x": x,
        "o_o_tvalid": valid,
        "o_o": result,
    }
    return Instance(module, **ports)


def products(op: Conv2D) -> tuple[int, ...]:
    """(groups, inputs, outputs) of the matrix that one window is multiplied by."""
    kh, kw, cin, cout = op.kernel.shape
    return 1, kh * kw * cin, cout


def matrix(op: Conv2D) -> IntArray:
    return op.kernel.reshape(products(op))


def core(name: str, op: Conv2D, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> MatrixWindowCore:
    """The core for one conv2d; the layout's lanes are the pixels that it takes in each step.

    The image has the zeros of ``outside`` already.
    """
    accumulator = op.accumulator
    geometry = Geometry(layouts[0], op.kernel.shape[:2], op.strides, inside(op), op.dilation)
    bias = (op.bias << accumulator.bias_shift).reshape(1, -1)
    spec = MatrixSpec(matrix(op), bias, accumulator.product_shift, op.input_type, accumulator.type, strategy, reuse)
    return MatrixWindowCore(name, geometry, spec, op.kernel.shape[3])


class Windowed(Protocol):
    """What the functions below need of an operator's parameters."""

    @property
    def kernel(self) -> IntArray: ...
    @property
    def strides(self) -> tuple[int, int]: ...
    @property
    def padding(self) -> Padding: ...
    @property
    def dilation(self) -> tuple[int, int]: ...


def outside(op: Windowed) -> Padding:
    """Zeros that must come from in front: all, where a row of windows would be longer than a row of the image."""
    spans = [(k - 1) * d + 1 for k, d in zip(op.kernel.shape, op.dilation)]
    return op.padding if any(0 < sum(zeros) >= span for zeros, span in zip(op.padding, spans)) else NO_PADDING


def inside(op: Windowed) -> Padding:
    """Zeros that the window core puts around the image itself."""
    return op.padding if outside(op) == NO_PADDING else NO_PADDING


def frame_steps(op: Windowed, layout: Layout) -> int:
    return Geometry(layout, op.kernel.shape[:2], op.strides, inside(op), op.dilation).steps


def reuse_factors(op: Conv2D, strategy: str, layout: Layout) -> list[int]:
    return legal_reuse(strategy, products(op), op.input_type)


ROLE = StreamRole(
    core,
    lanes=whole_strides,
    frame_steps=frame_steps,
    outside=outside,
    sharing=Sharing(reuse_factors, weights=lambda op: op.kernel, part="pointwise"),
    projects=True,
)
