"""The buffer behind every core: a first-word-fall-through FIFO that grants room before a beat is on its way."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.memory import Memory

from .core import Hardware


class Fifo(Hardware):
    """``depth`` places. ``room`` is high while a place is neither filled nor reserved; ``reserve`` takes one.

    A beat written in one cycle can be read in the next; a place freed in one cycle can be reserved in the next. A
    core's pipeline therefore
    never has to stop: what is in flight has its place already.
    """

    def __init__(self, width: int, depth: int) -> None:
        self.width, self.depth = width, depth
        self.room = Signal()
        self.reserve = Signal()
        self.w_tvalid = Signal()
        self.w_tdata = Signal(width)
        self.r_tvalid = Signal()
        self.r_tready = Signal()
        self.r_tdata = Signal(width)

    def ports(self) -> list[Signal]:
        return [self.room, self.reserve, self.w_tvalid, self.w_tdata, self.r_tvalid, self.r_tready, self.r_tdata]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pop = Signal()
        credits = Signal(range(self.depth + 1), init=self.depth)
        level = Signal(range(self.depth + 1))
        m.d.comb += [pop.eq(self.r_tvalid & self.r_tready), self.room.eq(credits != 0), self.r_tvalid.eq(level != 0)]
        m.d.sync += [credits.eq(credits + pop - self.reserve), level.eq(level + self.w_tvalid - pop)]
        if self.depth == 1:
            with m.If(self.w_tvalid):
                m.d.sync += self.r_tdata.eq(self.w_tdata)
        else:
            self._storage(m, pop)
        return m

    def _storage(self, m: Module, pop: Signal) -> None:
        m.submodules.storage = storage = Memory(shape=self.width, depth=self.depth, init=[])
        write, read = storage.write_port(), storage.read_port(domain="comb")
        m.d.comb += [write.en.eq(self.w_tvalid), write.data.eq(self.w_tdata), self.r_tdata.eq(read.data)]
        for enable, port in ((self.w_tvalid, write), (pop, read)):
            pointer = Signal(range(self.depth))
            m.d.comb += port.addr.eq(pointer)
            with m.If(enable):
                m.d.sync += pointer.eq(Mux(pointer == self.depth - 1, 0, pointer + 1))
