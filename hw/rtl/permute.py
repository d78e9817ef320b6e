"""The axes of an image in another order: a frame is written into banks, then read across them.

A beat on either side reaches every bank at most once: the value at (row, column, channel) stands in the bank that the
skew says, a sum of its coordinates modulo the banks. So both sides turn their beat by an amount that is the same for
all its values, and the side with more values in a beat has the same address in all banks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from ...sim.ops.permute import Permute
from .core import Core, Timing, delay
from .layout import Layout
from .role import StreamRole, any_part

ROW, COLUMN, CHANNEL = range(3)


@dataclass(frozen=True)
class Loop:
    """How address and bank go on in the steps of one axis; ``each``: the address only every so many steps."""

    size: int
    address: int
    bank: int
    each: int = 1


@dataclass(frozen=True)
class Side:
    """The outer and the inner loop of a frame's beats; of each word in a beat, how far it is from the beat's first."""

    loops: tuple[Loop, Loop]
    addresses: tuple[int, ...]
    banks: tuple[int, ...]


class PermuteCore(Core):
    """A word is one value, or a pixel where the channels stay together."""

    latency = 4

    def __init__(self, name: str, op: Permute, layout: Layout) -> None:
        sizes = (layout.height, layout.width, layout.channels)
        rows, columns, channels = (sizes[axis] for axis in op.axes)
        self.pixels = op.axes[2] == CHANNEL
        lanes = min(layout.lanes, columns) if self.pixels else 1
        super().__init__(name, (layout,), Layout(rows, columns, channels, lanes, layout.type))
        self.word = layout.type.width * (layout.channels if self.pixels else 1)
        self.banks = max(layout.bits, self.output.bits) // self.word
        self.written, self.read = self._sides(op, layout)
        self.depth = 1 + _last(self.read)

    def steps(self) -> Timing:
        ins, outs = self.inputs[0].layout.beats, self.output.beats
        writing = np.arange(ins + outs) < ins
        return Timing((writing,), ~writing, np.ones(ins + outs, dtype=np.int64))

    def _sides(self, op: Permute, layout: Layout) -> tuple[Side, Side]:
        lanes, out = layout.lanes, self.output
        skew = [int(self.pixels or op.axes[2] == ROW), 1, lanes]
        if layout.bits >= out.bits:  # the address is the number of the beat that is written
            stride, each = {ROW: layout.beats_per_row, COLUMN: 1, CHANNEL: 0}, lanes
        else:  # of the beat that is read
            stride, each = {op.axes[0]: out.width, op.axes[1]: 1, op.axes[2]: 0}, 1

        def side(axes: tuple[int, ...], image: Layout) -> Side:
            """``axes``: the input's axis that is this image's row, column and channel."""
            row, column, channel = axes
            at_once = [(lane, c) for lane in range(image.lanes) for c in range(1 if self.pixels else image.channels)]

            def address(axis: int, n: int) -> int:
                return n * stride[axis] // (each if axis == COLUMN else 1)

            def loop(axis: int, size: int, by: int) -> Loop:
                whole = axis != COLUMN or by % each == 0
                ahead = address(axis, by) if whole else stride[axis]
                return Loop(size, ahead, by * skew[axis] % self.banks, 1 if whole else each)

            return Side(
                (loop(row, image.height, 1), loop(column, image.beats_per_row, image.lanes)),
                tuple(address(column, lane) + address(channel, c) for lane, c in at_once),
                tuple((lane * skew[column] + c * skew[channel]) % self.banks for lane, c in at_once),
            )

        return side((ROW, COLUMN, CHANNEL), layout), side(op.axes, out)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        port, reading = self.inputs[0], Signal(name="reading")
        write, read = Signal(name="write"), Signal(name="read")
        m.d.comb += [port.tready.eq(~reading), write.eq(port.tvalid & ~reading)]
        m.d.comb += [read.eq(reading & self.m_room), self.m_reserve.eq(read)]
        at, turn, row_end, written = self._walk(m, self.written, write, "write")
        reads, back, _, sent = self._walk(m, self.read, read, "read")
        with m.If(written | sent):
            m.d.sync += reading.eq(written)
        words = [port.tdata[k : k + self.word] for k in range(0, len(port.tdata), self.word)]
        there = self._there(row_end, write)
        given = [Cat(word, address, valid) for word, address, valid in zip(words, at, there)]
        into = self._turned(m, self._placed(given, self.written), turn, "into")
        asked = self._turned(m, self._placed(reads, self.read), back, "asked")
        found = [self._bank(m, *ports, f"bank_{k}") for k, ports in enumerate(zip(into, asked))]
        backwards = Signal(range(self.banks), name="backwards")
        m.d.comb += backwards.eq(Mux(back == 0, 0, self.banks - back))
        whole = self._turned(m, found, delay(m, backwards, 2, "backwards"), "found")
        m.d.sync += self.m_tdata.eq(Cat(whole[bank] for bank in self.read.banks))
        m.d.comb += self.m_tvalid.eq(delay(m, read, 3, "valid"))
        return m

    def _there(self, row_end: Value, write: Value) -> list[Value]:
        """Which words of a beat are written: not those of void lanes, which have places that belong to others."""
        layout = self.inputs[0].layout
        valid = layout.width - (layout.beats_per_row - 1) * layout.lanes
        each = len(self.written.banks) // layout.lanes
        return [write & ~row_end if k // each >= valid else write for k in range(len(self.written.banks))]

    def _bank(self, m: Module, into: Value, address: Value, name: str) -> Value:
        """One bank's memory, with a register in front of both its ports."""
        bits = (self.depth - 1).bit_length()
        m.submodules[name] = memory = Memory(shape=self.word, depth=self.depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        data, place = Signal(self.word, name=f"{name}_data", reset_less=True), Signal(bits, name=f"{name}_place")
        enable, asked = Signal(name=f"{name}_write"), Signal(bits, name=f"{name}_asked", reset_less=True)
        m.d.sync += [Cat(data, place, enable).eq(into), asked.eq(address)]
        m.d.comb += [write.addr.eq(place), write.data.eq(data), write.en.eq(enable)]
        m.d.comb += [read.addr.eq(asked), read.en.eq(1)]
        return read.data

    def _placed(self, words: list[Value], side: Side) -> list[Value]:
        """A beat's words in the banks that they have in the first beat; nothing where there is none."""
        placed: list[Value] = [Const(0, len(words[0]))] * self.banks
        for word, bank in zip(words, side.banks):
            placed[bank] = word
        return placed

    def _turned(self, m: Module, words: list[Value], amount: Value, name: str) -> list[Value]:
        """Each word so many banks further."""
        for bit in range((self.banks - 1).bit_length()):
            turned = [Signal(len(word), name=f"{name}_{bit}_{k}") for k, word in enumerate(words)]
            for k, word in enumerate(words):
                m.d.comb += turned[k].eq(Mux(amount[bit], words[k - (1 << bit)], word))
            words = list(turned)
        return words

    def _walk(self, m: Module, side: Side, step: Value, name: str) -> tuple[list[Value], Value, Value, Value]:
        """(addresses of the beat's words, how far it is turned, whether it ends a row, whether it is the last)."""
        bits = (self.depth - 1).bit_length()
        address: Value = Const(0, 1)
        turn, go, ends = Const(0, 1), step, []
        for loop, part in zip(side.loops[::-1], ("beat", "row")):
            count, end = Signal(range(loop.size), name=f"{name}_{part}"), Signal(name=f"{name}_{part}_end")
            place, bank = (
                Signal(bits, name=f"{name}_{part}_place"),
                Signal(range(self.banks), name=f"{name}_{part}_turn"),
            )
            m.d.comb += end.eq(count == loop.size - 1)
            whole = count[: loop.each.bit_length() - 1] == loop.each - 1 if loop.each > 1 else Const(1)
            with m.If(go):
                m.d.sync += [count.eq(Mux(end, 0, count + 1)), bank.eq(Mux(end, 0, self._modulo(bank + loop.bank)))]
                m.d.sync += place.eq(Mux(end, 0, Mux(whole, place + loop.address, place)))
            address, turn, go = address + place, self._modulo(turn + bank), go & end
            ends.append(end)
        places = []
        for k, ahead in enumerate(side.addresses):
            place = Signal(bits, name=f"{name}_address_{k}")
            m.d.comb += place.eq(address + ahead)
            places.append(place)
        turned = Signal(range(self.banks), name=f"{name}_turn")
        m.d.comb += turned.eq(turn)
        return places, turned, ends[0], go

    def _modulo(self, total: Value) -> Value:
        """Of a sum of two numbers below the banks."""
        return Mux(total >= self.banks, total - self.banks, total)


def _last(side: Side) -> int:
    """The highest address that a side comes to."""
    return sum((loop.size - 1) // loop.each * loop.address for loop in side.loops) + max(side.addresses)


def lanes(op: Permute, layout: Layout) -> list[int]:
    """A power of two, or whole rows: so the number of a beat in its row is a part of its column's bits."""
    return [n for n in any_part(op, layout) if n & (n - 1) == 0 or n == layout.width]


def core(name: str, op: Permute, layouts: tuple[Layout, ...], strategy: str, reuse: int) -> PermuteCore:
    return PermuteCore(name, op, layouts[0])


ROLE = StreamRole(core, lanes=lanes)
