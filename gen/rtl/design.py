"""What one Amaranth module is made of: who drives each signal, what is read, and what has a use at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from amaranth.hdl import Const, Fragment, Instance, Signal
from amaranth.hdl._ast import Assign, ClockSignal, Concat, Operator, Part, ResetSignal, Slice, Switch, SwitchValue
from amaranth.hdl._mem import MemoryInstance

from .expressions import LARGE


class Design:
    """A module with its submodules' parts in it; signals are known by their number, ``duid``."""

    def __init__(self, top: Any) -> None:
        self.signals: dict[int, Any] = {}
        self.combinational: dict[int, list[Any]] = {}
        self.clocked: dict[int, list[Any]] = {}
        self.memories: list[tuple[str, Any]] = []
        self.instances: list[tuple[str, Any]] = []
        self.from_memory: dict[int, tuple[str, Any, Any]] = {}
        self.from_instance: set[int] = set()
        self.places: dict[int, int] = {}
        self.clock: Any = None
        self.reset: Any = None
        self._reads: dict[int, tuple[Any, frozenset[int]]] = {}
        self._add(Fragment.get(top, None), "")

    def _add(self, fragment: Any, name: str) -> None:
        for domain in fragment.domains.values():
            self.clock, self.reset = domain.clk, domain.rst
        self._add_statements(fragment)
        if isinstance(fragment, MemoryInstance):
            self.memories.append((name, fragment))
            for port in fragment._read_ports:
                self.from_memory[self._number(port._data)] = (name, fragment, port)
        elif isinstance(fragment, Instance):
            self.instances.append((name, fragment))
            outputs = [value for value, kind in fragment.ports.values() if kind == "o"]
            self.from_instance.update(number for value in outputs for number in self.driven(value))
        for inner, label, _ in fragment.subfragments:
            self._add(inner, str(label))

    def _add_statements(self, fragment: Any) -> None:
        for domain, statements in fragment.statements.items():
            drivers = self.combinational if domain == "comb" else self.clocked
            for statement in statements:
                self.places[id(statement)] = len(self.places)
                for signal in self.targets(statement):
                    drivers.setdefault(signal, []).append(statement)

    def signal(self, value: Any) -> Any:
        """The signal itself, or what stands behind the clock's or the reset's name."""
        if isinstance(value, ClockSignal):
            self.clock = Signal(name="clk") if self.clock is None else self.clock
            return self.clock
        if isinstance(value, ResetSignal):
            self.reset = Signal(name="rst") if self.reset is None else self.reset
            return self.reset
        return value

    def _number(self, value: Any) -> int:
        signal = self.signal(value)
        self.signals[signal.duid] = signal
        return int(signal.duid)

    def is_driven(self, number: int) -> bool:
        drivers = (self.combinational, self.clocked, self.from_memory, self.from_instance)
        return any(number in found for found in drivers)

    # what is assigned and read --------------------------------------------------------------------

    def targets(self, statement: Any) -> list[int]:
        """The signals that a statement assigns, each once."""
        return list(dict.fromkeys(self._targets(statement)))

    def _targets(self, statement: Any) -> Iterator[int]:
        if isinstance(statement, Assign):
            yield from self.driven(statement.lhs)
        elif isinstance(statement, Switch):
            for _, body, _ in statement.cases:
                for inner in body:
                    yield from self._targets(inner)
        else:
            raise NotImplementedError(f"no Verilog for {type(statement).__name__}")

    def driven(self, lhs: Any) -> Iterator[int]:
        if isinstance(lhs, (Signal, ClockSignal, ResetSignal)):
            if len(lhs):
                yield self._number(lhs)
        elif isinstance(lhs, Slice):
            yield from self.driven(lhs.value)
        elif isinstance(lhs, Concat):
            for part in lhs.parts:
                yield from self.driven(part)
        else:
            raise NotImplementedError(f"no Verilog for an assignment to {type(lhs).__name__}")

    def source(self, value: Any) -> Any:
        """What a memory's port is connected to: its own signal stands for nothing else."""
        drivers = self.combinational.get(value.duid, []) if isinstance(value, Signal) else []
        if len(drivers) == 1 and isinstance(drivers[0], Assign) and drivers[0].lhs is value:
            return drivers[0].rhs
        return value

    def read(self, value: Any) -> frozenset[int]:
        """The signals in an expression."""
        known = self._reads.get(id(value))
        if known is None:
            if isinstance(value, (Signal, ClockSignal, ResetSignal)):
                found = frozenset([self._number(value)])
            else:
                found = frozenset[int]().union(*map(self.read, operands(value)))
            known = self._reads[id(value)] = (value, found)
        return known[1]

    def _read_for(self, statement: Any, target: int) -> Iterator[frozenset[int]]:
        if target in self.targets(statement):
            if isinstance(statement, Assign):
                yield self.read(statement.rhs)
            else:
                yield self.read(statement.test)
                for _, body, _ in statement.cases:
                    for inner in body:
                        yield from self._read_for(inner, target)

    # what has a use -------------------------------------------------------------------------------

    def live(self, ports: Iterable[Any]) -> set[int]:
        """The signals that an output or an instance depends on."""
        found: set[int] = set()
        waiting = [port.duid for port in ports]
        for _, instance in self.instances:
            waiting += [n for value, kind in instance.ports.values() if kind == "i" for n in self.read(value)]
            waiting += [n for value, kind in instance.ports.values() if kind == "o" for n in self.driven(value)]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                for statement in [*self.combinational.get(number, []), *self.clocked.get(number, [])]:
                    waiting += [n for read in self._read_for(statement, number) for n in read]
                if number in self.clocked:
                    waiting += [self._number(ClockSignal()), self._number(ResetSignal())]
                if number in self.from_memory:
                    waiting += self._memory_reads(self.from_memory[number][1])
        return found

    def _memory_reads(self, memory: Any) -> list[int]:
        values = [v for port in memory._read_ports for v in (port._addr, port._en)]
        values += [v for port in memory._write_ports for v in (port._addr, port._en, port._data)]
        return [self._number(ClockSignal()), *(n for value in values for n in self.read(self.source(value)))]

    def shared(self, live: set[int]) -> set[int]:
        """Large expressions that stand in several places."""
        counts: dict[int, int] = {}
        sizes: dict[int, int] = {}

        def visit(value: Any) -> int:
            counts[id(value)] = counts.get(id(value), 0) + 1
            if id(value) not in sizes:
                sizes[id(value)] = sum(map(visit, operands(value))) or int(not isinstance(value, Const))
            return sizes[id(value)]

        for statement in {id(s): s for n in live for s in self._drivers(n)}.values():
            for value in _expressions(statement):
                visit(value)
                counts[id(value)] -= 1
        plain = (Signal, Const, Slice, Concat, ClockSignal, ResetSignal)
        return {
            id(value)
            for value, _ in self._reads.values()
            if counts.get(id(value), 0) > 1 and sizes[id(value)] > LARGE and not isinstance(value, plain)
        }

    def _drivers(self, number: int) -> list[Any]:
        return [*self.combinational.get(number, []), *self.clocked.get(number, [])]


def _expressions(statement: Any) -> Iterator[Any]:
    if isinstance(statement, Assign):
        yield statement.rhs
        return
    yield statement.test
    for _, body, _ in statement.cases:
        for inner in body:
            yield from _expressions(inner)


def operands(value: Any) -> tuple[Any, ...]:
    """The values that an expression is made of."""
    if isinstance(value, Operator):
        return tuple(value.operands)
    if isinstance(value, Slice):
        return (value.value,)
    if isinstance(value, Part):
        return (value.value, value.offset)
    if isinstance(value, Concat):
        return tuple(value.parts)
    if isinstance(value, SwitchValue):
        return (value.test, *(option for _, option in value.cases))
    return ()
