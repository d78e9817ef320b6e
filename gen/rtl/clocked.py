"""Registers and memories: what happens at the clock's edge."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Signal
from amaranth.hdl._ast import Assign, ClockSignal, ResetSignal, SwitchValue

from .cases import cased, choices, is_if
from .expressions import MOST_CHOICES
from .lines import Lines, bit_range, headed, otherwise, place, shape
from .scope import Scope
from .text import literal


class Clocked(Scope):
    """Adds the blocks that the clock drives."""

    def _clocked(self, group: list[int]) -> None:
        signals = [self.design.signals[number] for number in group]
        self._target = self._named(signals[0])
        statements = {id(s): s for number in group for s in self.design.clocked[number]}
        order = sorted(statements.values(), key=lambda statement: self.design.places[id(statement)])
        body = [found for statement in order for found in self._statement(statement, set(group))]
        for signal in signals:
            self._declare(signal)
        starts = [s for s in signals if not s.reset_less]
        begin = [[f"{self._named(s)} <= {literal(s.init, len(s), s.shape().signed).text};"] for s in starts]
        if begin:
            reset = headed(f"if ({self._plain(ResetSignal())})", begin)
            body = [otherwise(reset, body)] if len(starts) == len(signals) else [*body, reset]
        self._always(body)

    def _always(self, body: list[Lines]) -> None:
        for line in headed(f"always @(posedge {self._plain(ClockSignal())})", body, True):
            self._line(line)

    def _plain(self, value: Any) -> str:
        return self.expressions.bits(value, 0, 1).text

    def _statement(self, statement: Any, group: set[int]) -> list[Lines]:
        """A statement in a clocked block, as far as it assigns registers of the group."""
        if not group.intersection(self.design.targets(statement)):
            return []
        if isinstance(statement, Assign):
            return self._assignment(statement)
        cases = [(p, [found for s in body for found in self._statement(s, group)]) for p, body, _ in statement.cases]
        if not is_if(statement):
            return [cased(self.expressions.bits(statement.test, 0, len(statement.test)).text, cases)]
        while not cases[-1][1]:
            cases.pop()
        lines = list[str]()
        for patterns, body in cases:
            if patterns is None:
                return [otherwise(lines, body)]
            bit = len(patterns[0]) - 1 - patterns[0].index("1")
            test = headed(f"if ({self.expressions.bits(statement.test, bit, bit + 1).text})", body)
            lines = otherwise(lines, [test]) if lines else test
        return [lines]

    def _assignment(self, statement: Any) -> list[Lines]:
        lhs, rhs, found = statement.lhs, statement.rhs, list[Lines]()
        for number in self.design.targets(statement):
            signal = self.design.signals[number]
            name = self._target = self._named(signal)
            for low, high, value in self._assigned(lhs, rhs, signal):
                whole = (low, high) == (0, len(signal))
                if whole and isinstance(value, SwitchValue) and len(choices(value)) > MOST_CHOICES:
                    found.append(self._chosen(value, name, high - low))
                else:
                    text = self.expressions.bits(value, 0, high - low).text
                    found.append([f"{name}{'' if whole else place(low, high)} <= {text};"])
        return found

    def _chosen(self, value: Any, name: str, width: int) -> Lines:
        """A register that takes one of many: a table, mostly."""
        cases = [(p, [[f"{name} <= {self.expressions.bits(option, 0, width).text};"]]) for p, option in value.cases]
        if value.cases[-1][0] is not None and len(value.cases) < 1 << len(value.test):
            cases.append((None, [[f"{name} <= {literal(0, width).text};"]]))
        return cased(self.expressions.bits(value.test, 0, len(value.test)).text, cases)

    # memories -------------------------------------------------------------------------------------

    def _memory(self, label: str, memory: Any) -> None:
        reads = [port for port in memory._read_ports if port._data.duid in self.live]
        if reads[0]._data.duid in self._begun:
            return
        self._begun |= {port._data.duid for port in reads}
        data, width = memory._data, len(memory._read_ports[0]._data)
        self._note(memory._attrs)
        self._line(f"reg {bit_range(width)}{label} [0:{data.depth - 1}];")
        self._contents(label, data, width)
        self._target = label
        for port in reads:
            self.widths[self._named(port._data, f"{label}_read")] = width
            self._declared.add(port._data.duid)
            self._ended.add(port._data.duid)
        for port in reads:
            self._read_port(label, data.depth, port)
        for port in memory._write_ports:
            enable, address, value = (self.design.source(v) for v in (port._en, port._addr, port._data))
            write = f"{label}[{self._address(address, data.depth)}] <= {self.expressions.bits(value, 0, width).text};"
            self._always([self._enabled(enable, write)])

    def _read_port(self, label: str, depth: int, port: Any) -> None:
        signal, address = port._data, self._address(self.design.source(port._addr), depth)
        name = self._named(signal)
        if port._domain == "comb":
            self._line(f"wire {shape(signal)}{name} = {label}[{address}];")
            return
        read = self._enabled(self.design.source(port._en), f"{name} <= {label}[{address}];")
        self._line(f"reg {shape(signal)}{name};")
        self._always([read])

    def _enabled(self, enable: Any, line: str) -> list[str]:
        condition = self.expressions.bits(self._resolve(enable) if isinstance(enable, Signal) else enable, 0, 1).text
        return [line] if condition == "1'b1" else [f"if ({condition})", f"  {line}"]

    def _address(self, value: Any, depth: int) -> str:
        width = (depth - 1).bit_length()
        return self.expressions.bits(value, 0, width).text if width else "0"

    def _contents(self, label: str, data: Any, width: int) -> None:
        words = list(data.init._raw)
        if any(words):
            digits = -(-width // 4)
            self._line("initial begin")
            for k, word in enumerate(words):
                self._line(f"{label}[{k}] = {width}'h{word & ((1 << width) - 1):0{digits}x};", 4)
            self._line("end")
            return
        index = self._name(f"{label}_index")
        self._line(f"integer {index};")
        self._line(f"initial for ({index} = 0; {index} < {data.depth}; {index} = {index} + 1)")
        self._line(f"{label}[{index}] = {literal(0, width).text};", 4)
