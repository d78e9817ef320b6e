"""Multipliers that are used several times: the phases of a step, the inputs and weights of each phase."""

from __future__ import annotations

from math import gcd

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value, signed


def rom(m: Module, words: list[int], address: Value, name: str) -> Value:
    """A registered read-only table of signed integers."""
    width = max(max(w.bit_length() for w in words) + 1, 1)
    register = Signal(signed(width), name=name, reset_less=True)
    if len(set(words)) == 1:
        m.d.comb += register.eq(words[0])
    else:
        m.d.sync += register.eq(Array([Const(w, signed(width)) for w in words])[address])
    return register


def split(outputs: int, reuse: int) -> tuple[int, int]:
    """(rows, columns): in how many parts the inputs and the outputs are taken; their product is the reuse factor."""
    columns = gcd(reuse, outputs)
    return reuse // columns, columns


def hold(m: Module, taken: Value, reuse: int, pauses: Value | None = None, pause: int = 0) -> Value:
    """High while a step may be taken: not in the ``reuse`` - 1 cycles behind one that must stay.

    ``pause`` cycles more behind one during which ``pauses`` is high.
    """
    if reuse + pause == 1:
        return Const(1)
    count = Signal(range(reuse + pause), name="hold")
    with m.If(taken):
        m.d.sync += count.eq(reuse - 1 if pauses is None else Mux(pauses, reuse + pause - 1, reuse - 1))
    with m.Elif(count != 0):
        m.d.sync += count.eq(count - 1)
    return count == 0


def phases(m: Module, start: Value, reuse: int, name: str = "") -> tuple[Value, Value]:
    """(phase, busy): counts 0 … reuse-1, beginning in the cycle of ``start``."""
    if reuse == 1:
        return Const(0, 1), start
    count = Signal(range(reuse), name=f"{name}_turn" if name else "phase")
    busy = Signal(name=f"{name}_busy" if name else "busy")
    m.d.comb += busy.eq(start | (count != 0))
    with m.If(busy):
        m.d.sync += count.eq(Mux(count == reuse - 1, 0, count + 1))
    return count, busy


def phase_split(m: Module, phase: Value, rows: int, columns: int) -> tuple[Value, Value]:
    """(column, row) of a phase, without a divider."""
    if rows == 1:
        return phase, Const(0, 1)
    if columns == 1:
        return Const(0, 1), phase
    column = Signal(range(columns), name="column")
    row = Signal(range(rows), name="row")
    table = [(p // rows, p % rows) for p in range(rows * columns)]
    m.d.comb += [column.eq(Array([Const(c, column.shape()) for c, _ in table])[phase])]
    m.d.comb += [row.eq(Array([Const(r, row.shape()) for _, r in table])[phase])]
    return column, row


def take_rows(m: Module, x: list[Value], row: Value, rows: int, name: str) -> list[Value]:
    """The inputs taken in this phase, registered."""
    count = len(x) // rows
    taken = []
    for k in range(count):
        register = Signal(x[k].shape(), name=f"{name}_{k}", reset_less=True)
        m.d.sync += register.eq(Array([x[r * count + k] for r in range(rows)])[row] if rows > 1 else x[k])
        taken.append(register)
    return taken
