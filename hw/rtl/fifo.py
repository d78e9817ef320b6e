"""The buffer behind every core: a first-word-fall-through FIFO that grants room before a beat is on its way."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from .core import Hardware, noted
from .fifo_check import checks

DEEP = 64  # places that one distributed RAM has


class Fifo(Hardware):
    """``depth`` places. ``room`` is high while a place is neither filled nor reserved; ``reserve`` takes one.

    A beat written in one cycle can be read in the next; a place freed in one cycle can be reserved in the next. A
    core's pipeline therefore never has to stop: what is in flight has its place already. A deep one reads through a
    register, as block RAM does, and what comes while nothing else is there goes around the memory.
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

    def about(self) -> str:
        kind = "a register" if self.depth == 1 else "distributed RAM" if self.depth <= DEEP else "block RAM"
        return (
            f"A buffer of {self.depth} places of {self.width} bits, for {kind}. room: a place is neither filled nor "
            "reserved; reserve takes one for a beat that is on its way. The oldest beat stands at r_tdata."
        )

    def checks(self, name: str) -> str:
        """Verilog to stand in the module ``name``, whose ports it reads; a line ``problem …`` for the first failure."""
        return checks(name, self.depth)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pop = Signal()
        credits = noted(Signal(range(self.depth + 1), init=self.depth, name="credits"), "Places that nobody has.")
        level = noted(Signal(range(self.depth + 1), name="level"), "Beats that can be read.")
        m.d.comb += [pop.eq(self.r_tvalid & self.r_tready), self.room.eq(credits != 0), self.r_tvalid.eq(level != 0)]
        m.d.sync += [credits.eq(credits + pop - self.reserve), level.eq(level + self.w_tvalid - pop)]
        if self.depth == 1:
            with m.If(self.w_tvalid):
                m.d.sync += self.r_tdata.eq(self.w_tdata)
        elif self.depth <= DEEP:
            self._storage(m, pop)
        else:
            self._block(m, pop, self.w_tvalid & (level == pop))
        return m

    def _storage(self, m: Module, pop: Signal) -> None:
        m.submodules.storage = storage = Memory(shape=self.width, depth=self.depth, init=[])
        write, read = storage.write_port(), storage.read_port(domain="comb")
        m.d.comb += [write.en.eq(self.w_tvalid), write.data.eq(self.w_tdata), self.r_tdata.eq(read.data)]
        for enable, port, name in ((self.w_tvalid, write, "write"), (pop, read, "read")):
            pointer, _ = self._pointer(m, enable, name)
            m.d.comb += port.addr.eq(pointer)

    def _pointer(self, m: Module, advance: Signal, name: str) -> tuple[Signal, Signal]:
        """A place, and the one behind it."""
        pointer, following = (Signal(range(self.depth), name=f"{name}_{what}") for what in ("place", "following"))
        m.d.comb += following.eq(Mux(pointer == self.depth - 1, 0, pointer + 1))
        with m.If(advance):
            m.d.sync += pointer.eq(following)
        return pointer, following

    def _block(self, m: Module, pop: Signal, passes: Value) -> None:
        """The head is in the memory's output register, or in one of its own where it ``passes`` by the memory."""
        m.submodules.storage = storage = Memory(shape=self.width, depth=self.depth, init=[])
        write, read = storage.write_port(), storage.read_port()
        place, _ = self._pointer(m, self.w_tvalid, "write")
        _, behind = self._pointer(m, pop, "read")
        m.d.comb += [write.en.eq(self.w_tvalid), write.data.eq(self.w_tdata), write.addr.eq(place)]
        m.d.comb += [read.en.eq(pop), read.addr.eq(behind)]
        passed, past = Signal(self.width, name="passed", reset_less=True), Signal(name="past")
        with m.If(passes):
            m.d.sync += [passed.eq(self.w_tdata), past.eq(1)]
        with m.Elif(pop):
            m.d.sync += past.eq(0)
        m.d.comb += self.r_tdata.eq(Mux(past, passed, read.data))
