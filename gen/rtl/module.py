"""One Amaranth module as one Verilog module: declared where it is first read, in the order in which it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from amaranth.hdl import Signal
from amaranth.hdl._ast import Assign, Slice

from .clocked import Clocked
from .lines import place, runs, shape
from .text import literal

SHARED = " /* verilator no_inline_module */"


class Writer(Clocked):
    """Writes one module; ``text`` is the whole of it."""

    def __init__(
        self, name: str, top: Any, ports: list[Any], shared: bool, comment: str, called: Mapping[str, str]
    ) -> None:
        super().__init__(name, top, ports)
        self.name, self.is_shared, self.comment, self.called = called.get(name, name), shared, comment, called
        self.inputs, self.outputs = self._ports(ports)

    def _ports(self, ports: list[Any]) -> tuple[list[Any], list[Any]]:
        """(inputs, outputs); the clock and the reset come first where nothing here makes them."""
        d = self.design
        own = [s for s in (d.clock, d.reset) if s is not None and not d.is_driven(s.duid)]
        own = [s for s in own if s.duid not in {port.duid for port in ports}]
        every = [port for port in [*own, *ports] if len(port)]
        for port in every:
            self.names[port.duid] = port.name
            self._taken.add(port.name)
        inputs = [port for port in every if not d.is_driven(port.duid)]
        for port in inputs:
            self._declared.add(port.duid)
            self.widths[port.name] = len(port)
        outputs = [port for port in every if d.is_driven(port.duid)]
        self._declared |= {port.duid for port in outputs}
        return inputs, outputs

    def text(self) -> str:
        for item in self._items():
            item()
        self._unused()
        ports = [f"input  {shape(port)}{port.name}" for port in self.inputs]
        for port in self.outputs:
            kind = "reg  " if port.duid in self.design.clocked else "wire "
            start = f" = {literal(port.init, len(port)).text}" if port.duid in self.design.clocked else ""
            ports.append(f"output {kind}{shape(port)}{port.name}{start}")
        head = f"module {self.name} (\n  " + ",\n  ".join(ports) + "\n);" + (SHARED if self.is_shared else "")
        return f"{self.comment}{head}\n" + "".join(f"{line}\n" for line in self.lines) + "endmodule\n"

    def _items(self) -> list[Callable[[], None]]:
        """What writes the module's parts, in the order in which their signals were made; the outputs come last."""
        d, found = self.design, list[tuple[int, Any]]()
        last = max(d.signals, default=0) + 1
        late = {port.duid: last + k for k, port in enumerate(self.outputs)}
        found += [(late.get(n, n), partial(self._combinational, n)) for n in d.combinational if n in self.live]
        found += [(late.get(group[0], group[0]), group) for group in self._groups()]
        for label, memory in d.memories:
            numbers = [port._data.duid for port in memory._read_ports if port._data.duid in self.live]
            found += [(number, partial(self._memory, label, memory)) for number in numbers[:1]]
        for label, instance in d.instances:
            numbers = [n for value, kind in instance.ports.values() if kind == "o" for n in d.driven(value)]
            found.append((min(numbers, default=0), partial(self._instance, label, instance)))
        return self._chained([item for _, item in sorted(found, key=lambda pair: pair[0])])

    def _chained(self, items: list[Any]) -> list[Callable[[], None]]:
        """Registers that follow one another and only take a value at each edge share a block."""
        found: list[Any] = []
        for item in items:
            plain = self._is_plain(item) if isinstance(item, list) else None
            if found and plain is not None and isinstance(found[-1], list) and self._is_plain(found[-1]) == plain:
                found[-1] = found[-1] + item
            else:
                found.append(item)
        return [partial(self._clocked, item) if isinstance(item, list) else item for item in found]

    def _is_plain(self, group: list[int]) -> bool | None:
        """Whether a reset clears registers that nothing holds; None where something holds one."""
        statements = [statement for number in group for statement in self.design.clocked[number]]
        clears = {not self.design.signals[number].reset_less for number in group}
        return clears.pop() if len(clears) == 1 and all(isinstance(s, Assign) for s in statements) else None

    def _groups(self) -> list[list[int]]:
        """Registers that one statement assigns together, the first made first."""
        home: dict[int, list[int]] = {}
        for number, statements in sorted(self.design.clocked.items()):
            if number in self.live:
                for statement in statements:
                    numbers = [n for n in self.design.targets(statement) if n in self.live]
                    groups = {id(home[n]): home[n] for n in [number, *numbers] if n in home}
                    merged = sorted({number, *numbers, *(n for group in groups.values() for n in group)})
                    home |= dict.fromkeys(merged, merged)
        return list({id(group): group for group in home.values()}.values())

    def _instance(self, label: str, instance: Any) -> None:
        self._target = label
        connections = []
        for name, (value, kind) in instance.ports.items():
            text = self._output(value) if kind == "o" else self.expressions.bits(value, 0, len(value)).text
            connections.append(f".{name}({text})")
        self.lines.append("")
        self._line(f"{self.called.get(instance.type, instance.type)} {label} (")
        for k, connection in enumerate(connections):
            self._line(connection + ("," if k < len(connections) - 1 else ""), 4)
        self._line(");")

    def _output(self, value: Any) -> str:
        for number in self.design.driven(value):
            self._declare(self.design.signals[number])
        if isinstance(value, Signal):
            return self._named(value)
        assert isinstance(value, Slice)
        assert isinstance(value.value, Signal)
        return f"{self._named(value.value)}{place(value.start, value.stop)}"

    def _unused(self) -> None:
        """Bits that nothing reads, said in a way that linters know."""
        pieces = []
        for name, width in self.widths.items():
            pieces += [f"{name}{place(a, b) if b - a < width else ''}" for a, b in runs(~self.read.get(name, 0), width)]
        if pieces:
            self.lines += ["", "  // Not read by anything above: cut off by a rounding, or weighed with 0."]
            self._line(f"wire unused = &{{1'b0, {', '.join(pieces)}}};")
