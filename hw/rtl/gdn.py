"""Streaming generalized divisive normalization: squares, gamma's product, roots, and the product with what came in.

With a reuse factor the squares, the roots and the last products are shared too: each unit takes channels in turns.
Where one gain serves all channels there is one sum and one root, whose gain stands for all turns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Array, Cat, ClockSignal, Const, Instance, Module, Mux, ResetSignal, Signal, Value
from amaranth.lib.memory import Memory

from ...sim.fixed import IntArray
from ...sim.ops.gdn import GDN
from .conv2d import kernel_instance
from .core import NOTE, Core, Hardware, Timing, delay, elements, noted, shape_of
from .layout import Layout
from .matrix import MatrixSpec, legal_reuse
from .requantize import requantize
from .role import Sharing, StreamRole, any_part, beats
from .root import RootUnit
from .sharing import hold, phases
from .tiles import matrix_kernel

PRODUCT = 3  # cycles of the last product: registers in front of it, of it, and behind it


class GDNKernel(Hardware):
    """One pixel: ``start`` comes with its channels, which stay for ``cycles``; ``o`` is there at ``o_tvalid``.

    ``units`` squares, roots and products, each for ``turns`` channels; unit u takes channel ``turn * units + u``. One
    root where there is one gain.
    """

    def __init__(self, name: str, op: GDN, strategy: str, reuse: int) -> None:
        sums = op.accumulator
        bias = (op.beta << sums.bias_shift)[: op.gains].reshape(1, -1)
        gamma = used(op)[np.newaxis]
        spec = MatrixSpec(gamma, bias, sums.product_shift, op.square_type, sums.type, strategy, reuse)
        self.name, self.op, self.matrix, self.root = name, op, matrix_kernel(spec), RootUnit(op.root)
        self.cycles = self.matrix.cycles
        self.units = -(-op.channels // self.cycles)
        self.turns = -(-op.channels // self.units)
        self.roots = min(self.units, op.gains)
        self.start = Signal()
        self.x = Signal(op.channels * op.input_type.width)
        self.o_tvalid = Signal()
        self.o = Signal(op.channels * op.product_type.width)

    def ports(self) -> list[Signal]:
        return [self.start, self.x, self.o_tvalid, self.o]

    # cycles after ``start`` -----------------------------------------------------------------------

    @property
    def _shared(self) -> int:
        return int(self.turns > 1)

    @property
    def _squared(self) -> int:
        """The first turn's squares are there."""
        return 2 + int(self.op.square is not None)

    @property
    def _go(self) -> int:
        """All squares stand; with turns, collected and then kept."""
        return self._squared + self._shared * (self.turns + 1)

    @property
    def _rooted(self) -> int:
        """The first turn's gains are there; with turns, the sums are kept and one is chosen first."""
        return self._go + self.matrix.latency + 2 * self._shared + self.root.latency

    @property
    def latency(self) -> int:
        return self._rooted + PRODUCT + self._shared * self.turns

    # hardware -------------------------------------------------------------------------------------

    def about(self) -> str:
        one = ", one root for all" if self.roots < self.units else ""
        return (
            f"One pixel's divisive normalization: squares, gamma's product, roots, and x times its gain. {self.units} "
            f"units, {self.turns} channels each{one}. x stays for {self.cycles} cycles from start on; o comes with "
            f"o_tvalid {self.latency} cycles after start."
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        squares = self._squares(m, elements(self.x, self.op.input_type))
        summed, sums = Signal(name="summed"), Signal(len(self.matrix.o), name="sums")
        go = delay(m, self.start, self._go, "go")
        m.submodules.gamma = kernel_instance(f"{self.name}_gamma", go, squares, summed, sums)
        gains = self._gains(m, summed, sums)
        rooted = delay(m, summed, self._rooted - self._go - self.matrix.latency, "rooted")
        self._results(m, elements(self._late(m), self.op.input_type), gains, rooted)
        return m

    def _squares(self, m: Module, x: list[Value]) -> Value:
        """All channels' squares, standing while gamma's product takes them."""
        turn = self._turn(m, self.start, "square")
        squares: list[Value] = []
        for u in range(self.units):
            value = self._chosen(m, x, u, turn, f"x_{u}")
            square = Signal(self.op.exact_square.width, name=f"square_{u}", reset_less=True)
            noted(square, f"Unit {u}: the square of its channel.")
            m.d.sync += square.eq(value * value)
            squares.append(self._rounded(m, square, u))
        if self.turns == 1:
            return Cat(*squares)
        collected = self._collected(m, squares, delay(m, self.start, self._squared, "squared"), "squares")
        return self._kept(m, collected, delay(m, self.start, self._go - 1, "complete"), "standing")

    def _rounded(self, m: Module, square: Signal, u: int) -> Value:
        cast, fraction = self.op.square, self.op.exact_square.fraction
        if cast is None:
            return square
        value = requantize(m, square, fraction, cast.type, cast.rounding, cast.overflow, f"square_{u}_cast")
        register = Signal(value.shape(), name=f"square_{u}_rounded", reset_less=True)
        m.d.sync += register.eq(value)
        return register

    def _gains(self, m: Module, summed: Signal, sums: Signal) -> list[Value]:
        """Each unit's gain, turn by turn; one that serves all stays for all turns, as its sum does."""
        standing: Value = sums
        begun: Value = summed
        if self.turns > 1:
            standing = self._kept(m, sums, summed, "kept_sums")
            begun = delay(m, summed, 1, "sums_kept")
        turn = self._turn(m, begun, "root") if self.op.gains > 1 else Const(0, 1)
        values, gains = elements(standing, self.op.accumulator.type), list[Value]()
        for u in range(self.roots):
            s = self._chosen(m, values, u, turn, f"s_{u}") if self.turns > 1 else values[u]
            gain = noted(Signal(shape_of(self.op.gain.type), name=f"gain_{u}"), f"Unit {u}: its channel's gain.")
            m.submodules[f"root_{u}"] = Instance(
                f"{self.name}_root", i_clk=ClockSignal(), i_rst=ResetSignal(), i_s=s, o_gain=gain
            )
            gains.append(gain)
        return gains if self.op.gains > 1 else gains * self.units

    def _late(self, m: Module) -> Value:
        """The pixel that the gains belong to, from the cycle in which the first turn's are there."""
        depth = self._rooted // self.cycles + 2
        about = {NOTE: "Pixels that wait for their gains."}
        m.submodules.kept = memory = Memory(shape=len(self.x), depth=depth, init=[], attrs=about)
        write, read = memory.write_port(), memory.read_port()
        early = delay(m, self.start, self._rooted - 1, "early")
        m.d.comb += [write.data.eq(self.x), write.en.eq(self.start), read.en.eq(early)]
        for enable, port, name in ((self.start, write, "write_place"), (early, read, "read_place")):
            place = Signal(range(depth), name=name)
            m.d.comb += port.addr.eq(place)
            with m.If(enable):
                m.d.sync += place.eq(Mux(place == depth - 1, 0, place + 1))
        data: Value = read.data
        return data

    def _results(self, m: Module, x: list[Value], gains: list[Value], rooted: Value) -> None:
        """What came in times its gain."""
        turn, results = self._turn(m, rooted, "result"), list[Value]()
        for u, gain in enumerate(gains):
            factor = self._chosen(m, x, u, turn, f"late_{u}")
            other = Signal(gain.shape(), name=f"gain_{u}_a", reset_less=True)
            product, result = (
                Signal(shape_of(self.op.product_type), name=f"{name}_{u}", reset_less=True) for name in ("product", "y")
            )
            m.d.sync += [other.eq(gain), product.eq(factor * other), result.eq(product)]
            results.append(result)
        done = delay(m, rooted, PRODUCT, "multiplied")
        if self.turns == 1:
            m.d.comb += [self.o.eq(Cat(*results)), self.o_tvalid.eq(done)]
        else:
            m.d.comb += self.o.eq(self._collected(m, results, done, "results"))
            m.d.comb += self.o_tvalid.eq(delay(m, done, self.turns, "finished"))

    # turns ----------------------------------------------------------------------------------------

    def _turn(self, m: Module, start: Value, name: str) -> Value:
        """Counts the turns, beginning in the cycle of ``start``."""
        if self.turns == 1:
            return Const(0, 1)
        m.submodules[f"{name}_turns"] = inner = Module()
        turn, _ = phases(inner, start, self.turns, name)
        return turn

    def _chosen(self, m: Module, values: list[Value], u: int, turn: Value, name: str) -> Signal:
        """Unit u's value of this turn, a cycle later; behind the last channel whatever stands there."""
        mine = values[u :: self.units]
        register = Signal(values[u].shape(), name=name, reset_less=True)
        m.d.sync += register.eq(Array(mine)[turn] if len(mine) > 1 else mine[0])
        return register

    def _collected(self, m: Module, values: list[Value], start: Value, name: str) -> Value:
        """Every channel's value in a register, the last ``turns`` cycles after ``start``."""
        turn, parts = self._turn(m, start, name), list[Value]()
        for channel in range(self.op.channels):
            value = values[channel % self.units]
            register = Signal(value.shape(), name=f"{name}_{channel}", reset_less=True)
            with m.If(turn == channel // self.units):
                m.d.sync += register.eq(value)
            parts.append(register)
        return Cat(*parts)

    def _kept(self, m: Module, value: Value, take: Value, name: str) -> Signal:
        register = Signal(len(value), name=name, reset_less=True)
        with m.If(take):
            m.d.sync += register.eq(value)
        return register


class GDNCore(Core):
    """A kernel for each pixel of a beat; a beat stays while gamma's product takes it."""

    def __init__(self, name: str, op: GDN, layout: Layout, strategy: str, reuse: int) -> None:
        super().__init__(name, (layout,), layout.with_type(op.product_type))
        self.op, self.kernel = op, GDNKernel(name, op, strategy, reuse)

    def kernels(self) -> dict[str, Any]:
        names = (f"{self.name}_kernel", f"{self.name}_gamma", f"{self.name}_root")
        return dict(zip(names, (self.kernel, self.kernel.matrix, self.kernel.root)))

    @property
    def latency(self) -> int:
        return 1 + self.kernel.latency + 1

    def steps(self) -> Timing:
        every = np.ones(self.output.beats, dtype=bool)
        return Timing((every,), every, np.full(self.output.beats, self.kernel.cycles))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, step, start = self.inputs[0], Signal(name="step"), Signal(name="start")
        ready = hold(m, step, self.kernel.cycles) & self.m_room
        m.d.comb += [port.tready.eq(ready), step.eq(ready & port.tvalid), self.m_reserve.eq(step)]
        x = Signal(len(port.tdata), name="x", reset_less=True)
        m.d.sync += start.eq(step)
        with m.If(step):
            m.d.sync += x.eq(port.tdata)
        valids, results = [], []
        for lane in range(self.output.lanes):
            valid, result = Signal(name=f"lane_{lane}_tvalid"), Signal(len(self.kernel.o), name=f"lane_{lane}_tdata")
            pixel = x.word_select(lane, len(self.kernel.x))
            m.submodules[f"lane_{lane}"] = kernel_instance(f"{self.name}_kernel", start, pixel, valid, result)
            valids.append(valid)
            results.append(result)
        m.d.comb += [self.m_tvalid.eq(valids[0]), self.m_tdata.eq(Cat(*results))]
        return m


def core(name: str, op: GDN, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> GDNCore:
    return GDNCore(name, op, layouts[0], strategy, reuse)


def reuse_factors(op: GDN, strategy: str, layout: Layout) -> list[int]:
    return legal_reuse(strategy, (1, op.channels, op.gains), op.square_type)


def used(op: GDN) -> IntArray:
    """The gammas that sums are made of, one column for each gain."""
    gamma: IntArray = op.gamma[:, : op.gains]
    return gamma


ROLE = StreamRole(
    core,
    whole_vector=True,
    lanes=any_part,
    frame_steps=beats,
    sharing=Sharing(reuse_factors, weights=used),
)
