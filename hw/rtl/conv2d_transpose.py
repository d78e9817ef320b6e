"""Streaming transposed convolution by phases: a convolution makes all outputs of one input place, then their order.

With strides (sh, sw) the outputs fall into sh * sw phases. Each is an ordinary convolution of the input with the taps
that meet it, so nothing is multiplied by an inserted zero: taps that a phase lacks are zeros of a constant matrix,
which the adders never see and a tile of which takes no cycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from ...sim.fixed import IntArray
from ...sim.ops.conv2d_transpose import Conv2DTranspose
from ...sim.params import Padding
from .conv2d import MatrixWindowCore
from .core import Core, Timing
from .geometry import Geometry
from .layout import Layout
from .matrix import MatrixSpec, legal_reuse
from .role import Behind, Sharing, StreamRole, one_pixel
from .sharing import hold

_ANY = 1 << 16  # an image's size where nothing depends on it


@dataclass(frozen=True)
class Axis:
    """One axis: output ``y`` is phase ``(y + before) % stride`` of place ``(y + before) // stride``.

    Place q looks at inputs ``q - taps + 1`` to q; the first place that is computed is ``first``. Neither ``taps`` nor
    ``padding`` depends on the number of inputs.
    """

    inputs: int
    outputs: int
    kernel: int
    stride: int
    dilation: int
    before: int

    @property
    def last(self) -> int:
        """The last place that an output needs."""
        return (self.outputs - 1 + self.before) // self.stride

    @property
    def taps(self) -> int:
        """Inputs that a place looks at; with output padding perhaps more than it needs, so that it meets one."""
        needed = ((self.kernel - 1) * self.dilation) // self.stride + 1
        return max(needed, self.last - self.inputs + 2)

    @property
    def padding(self) -> tuple[int, int]:
        return max(0, self.taps - 1 - self.before // self.stride), max(0, self.last - self.inputs + 1)

    @property
    def first(self) -> int:
        return self.taps - 1 - self.padding[0]

    @property
    def places(self) -> int:
        """Places that the convolution computes."""
        return self.inputs + sum(self.padding) - self.taps + 1

    def meets(self) -> list[tuple[int, int, int]]:
        """(kernel index, phase, tap of the window, oldest first) of every product."""
        found = []
        for i in range(self.kernel):
            back, phase = divmod(i * self.dilation, self.stride)
            found.append((i, phase, self.taps - 1 - back))
        return found

    def output(self, step: Any) -> Any:
        """The output at a step that counts places and, within them, phases; outside 0 … outputs - 1 there is none."""
        return step + self.first * self.stride - self.before


def axes(op: Conv2DTranspose, height: int, width: int) -> tuple[Axis, Axis]:
    """Rows and columns."""
    extent = op.extent((height, width, 1))
    rows, columns = (
        Axis(size, extent[k], op.kernel.shape[k], op.strides[k], op.dilation[k], op.crop[k][0])
        for k, size in enumerate((height, width))
    )
    return rows, columns


def outside(op: Conv2DTranspose) -> Padding:
    """Zeros that must come from in front: those of an axis that would get more places than inputs."""
    rows, columns = (_outside(axis) for axis in axes(op, _ANY, _ANY))
    return rows, columns


def _outside(axis: Axis) -> tuple[int, int]:
    return axis.padding if sum(axis.padding) >= axis.taps else (0, 0)


def _axes_behind(op: Conv2DTranspose, layout: Layout) -> tuple[Axis, Axis]:
    """The axes of an image that has its zeros already."""
    height, width = (size - sum(zeros) for size, zeros in zip((layout.height, layout.width), outside(op)))
    return axes(op, height, width)


def matrix(op: Conv2DTranspose, rows: Axis, columns: Axis) -> IntArray:
    """(1, window, phases and channels): every product of a place, all others zero."""
    (sh, sw), (cin, cout) = op.strides, op.kernel.shape[2:]
    whole = np.zeros((rows.taps, columns.taps, cin, sh, sw, cout), dtype=np.int64)
    for i, row_phase, a in rows.meets():
        for j, column_phase, b in columns.meets():
            whole[a, b, :, row_phase, column_phase] = op.kernel[i, j]
    return whole.reshape(1, rows.taps * columns.taps * cin, sh * sw * cout)


def core(name: str, op: Conv2DTranspose, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> MatrixWindowCore:
    """The convolution: a place's outputs of all phases in one beat. The image has the zeros of ``outside`` already."""
    layout, sums = layouts[0], op.accumulator
    rows, columns = _axes_behind(op, layout)
    inside = [(0, 0) if sum(_outside(axis)) else axis.padding for axis in (rows, columns)]
    geometry = Geometry(layout, (rows.taps, columns.taps), (1, 1), (inside[0], inside[1]))
    phases = op.strides[0] * op.strides[1]
    bias = np.tile(op.bias << sums.bias_shift, phases).reshape(1, -1)
    spec = MatrixSpec(matrix(op, rows, columns), bias, sums.product_shift, op.input_type, sums.type, strategy, reuse)
    return MatrixWindowCore(name, geometry, spec, phases * op.kernel.shape[3])


def ordering(name: str, op: Conv2DTranspose, source: Layout, places: Layout, interval: int) -> OrderCore:
    """What brings the places that ``core`` made of ``source`` into the image's order.

    Its steps are spread over ``interval`` cycles: what follows then has time for each pixel, and short buffers.
    """
    image = _axes_behind(op, source)
    steps = int(np.prod([axis.places * axis.stride for axis in image]))
    return OrderCore(name, image, op.kernel.shape[3], places, max(1, interval // steps))


def reuse_factors(op: Conv2DTranspose, strategy: str, layout: Layout) -> list[int]:
    rows, columns = axes(op, _ANY, _ANY)
    inputs, outputs = rows.taps * columns.taps * op.kernel.shape[2], op.strides[0] * op.strides[1] * op.kernel.shape[3]
    return legal_reuse(strategy, (1, inputs, outputs), op.input_type)


class OrderCore(Core):
    """Depth to space: a row of places gives as many rows of pixels as there are phases.

    Places pass through in the first phase's row and are kept for the others. One pixel leaves in a step, and a step
    every ``pace`` cycles at most.
    """

    latency = 3

    def __init__(self, name: str, image: tuple[Axis, Axis], channels: int, layout: Layout, pace: int) -> None:
        (self.rows, self.columns), self.pace = image, pace
        output = Layout(self.rows.outputs, self.columns.outputs, channels, 1, layout.type)
        super().__init__(name, (layout,), output)

    def _counts(self) -> tuple[int, int, int, int]:
        """Places in a column, row phases, places in a row, column phases: the loops, outermost first."""
        return self.rows.places, self.rows.stride, self.columns.places, self.columns.stride

    def steps(self) -> Timing:
        place_row, row_phase, place, phase = np.indices(self._counts()).reshape(4, -1)
        y = self.rows.output(place_row * self.rows.stride + row_phase)
        x = self.columns.output(place * self.columns.stride + phase)
        emits = (y >= 0) & (y < self.rows.outputs) & (x >= 0) & (x < self.columns.outputs)
        return Timing(((row_phase == 0) & (phase == 0),), emits, np.full(len(emits), self.pace))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, step, emits = self.inputs[0], Signal(name="step"), Signal(name="emits")
        place_row, row_phase, place, phase = counters = [
            Signal(range(max(count, 2)), name=name)
            for count, name in zip(self._counts(), ("place_row", "row_phase", "place", "phase"))
        ]
        takes = (row_phase == 0) & (phase == 0)
        ready = (self.m_room | ~emits) & hold(m, step, self.pace)
        m.d.comb += [step.eq(ready & (port.tvalid | ~takes)), port.tready.eq(ready & takes)]
        m.d.comb += [emits.eq(self._emits(place_row, row_phase, place, phase)), self.m_reserve.eq(step & emits)]
        self._count(m, step, counters)
        data = self._data(m, step, port.tdata, row_phase, place, phase)
        there, chosen = Signal(name="there"), Signal(self.output.bits, name="chosen", reset_less=True)
        rows, columns = (Signal(signal.shape(), name=f"{signal.name}_a") for signal in (row_phase, phase))
        m.d.sync += [there.eq(step & emits), rows.eq(row_phase), columns.eq(phase), self.m_tvalid.eq(there)]
        pixels = [data.word_select(p, self.output.bits) for p in range(self.rows.stride * self.columns.stride)]
        m.d.comb += chosen.eq(_pick(pixels, rows, columns, self.columns.stride))
        m.d.sync += self.m_tdata.eq(chosen)
        return m

    def _emits(self, place_row: Signal, row_phase: Signal, place: Signal, phase: Signal) -> Value:
        return _inside(self.rows, place_row, row_phase) & _inside(self.columns, place, phase)

    def _count(self, m: Module, step: Signal, counters: list[Signal]) -> None:
        """Four loops, the last the innermost."""
        advance: Value = step
        for counter, count in reversed(list(zip(counters, self._counts()))):
            last = Signal(name=f"{counter.name}_last")
            m.d.comb += last.eq(counter == count - 1)
            with m.If(advance):
                m.d.sync += counter.eq(Mux(last, 0, counter + 1))
            advance = advance & last

    def _data(self, m: Module, step: Signal, given: Value, row_phase: Signal, place: Signal, phase: Signal) -> Signal:
        """The place's outputs, a cycle after its step: as they come in the first row, kept ones in the others."""
        data, fresh = Signal(len(given), name="data"), Signal(name="fresh", reset_less=True)
        passed = Signal(len(given), name="passed", reset_less=True)
        with m.If(step & (row_phase == 0) & (phase == 0)):
            m.d.sync += passed.eq(given)
        m.d.sync += fresh.eq(row_phase == 0)
        if self.rows.stride == 1:
            m.d.comb += data.eq(passed)
            return data
        m.submodules.kept = memory = Memory(shape=len(given), depth=max(self.columns.places, 2), init=[])
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [write.addr.eq(place), write.data.eq(given), write.en.eq(step & (row_phase == 0) & (phase == 0))]
        m.d.comb += [read.addr.eq(place), read.en.eq(step), data.eq(Mux(fresh, passed, read.data))]
        return data


def _inside(axis: Axis, place: Signal, phase: Signal) -> Value:
    """Whether the step's output lies in the image."""
    steps = [(q, p) for q in range(axis.places) for p in range(axis.stride)]
    out = [(q, p) for q, p in steps if not 0 <= axis.output(q * axis.stride + p) < axis.outputs]
    found: Value = Const(1)
    for q, p in out:
        found = found & ~((place == q) & (phase == p))
    return found


def _pick(pixels: list[Value], row: Value, column: Value, columns: int) -> Value:
    """The pixel of a phase."""
    chosen: Value = pixels[0]
    for k, pixel in enumerate(pixels[1:], 1):
        chosen = Mux((row == k // columns) & (column == k % columns), pixel, chosen)
    return chosen


ROLE = StreamRole(
    core,
    lanes=one_pixel,  # its phases follow one another
    outside=outside,
    sharing=Sharing(reuse_factors, weights=lambda op: op.kernel),
    behind=Behind("phases", ordering),
)
