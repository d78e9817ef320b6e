"""The names, declarations and expressions of one module: what is read is declared in front of it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from amaranth.hdl import Cat, Const
from amaranth.hdl._ast import Assign, Concat, Slice, SwitchValue

from ...hw.rtl.core import NOTE
from ...sim.names import RESERVED
from .cases import cased, choices
from .design import Design
from .expressions import MOST_CHOICES, Expressions, Names
from .lines import WIDTH, bit_range, place, shape, wrapped
from .text import literal

WORD = re.compile(r"(?<!['\w])[a-zA-Z_]\w*")


class Scope:
    """One module's lines so far, and what they declare."""

    def __init__(self, name: str, top: Any, ports: list[Any]) -> None:
        self.design = Design(top)
        self.live = self.design.live(ports)
        self.names: dict[int, str] = {}
        self.widths: dict[str, int] = {}  # of names that this module declares and that something should read
        self.read: dict[str, int] = {}  # bits
        self.lines: list[str] = []
        self._taken = {name, "unused", *(label for label, _ in [*self.design.instances, *self.design.memories])}
        self._declared: set[int] = set()
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._early: set[int] = set()
        self._target = name
        hooks = Names(self._resolve, self._signal, self._use, self._wire, self._choice)
        self.expressions = Expressions(hooks, self.design.shared(self.live))

    def _name(self, wanted: str) -> str:
        """A free one."""
        base = re.sub(r"\W", "_", wanted).lstrip("_") or "signal"
        base = f"{base}_" if base in RESERVED - {"clk", "rst"} or not base[0].isalpha() else base
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name

    def _named(self, signal: Any, wanted: str = "") -> str:
        if signal.duid not in self.names:
            self.names[signal.duid] = self._name(wanted or signal.name)
        return self.names[signal.duid]

    def _resolve(self, value: Any) -> Any:
        """A signal that nothing drives is its initial value."""
        signal = self.design.signal(value)
        if self.design.is_driven(signal.duid) or signal.duid in self._declared:
            return signal
        return Const(signal.init, signal.shape())

    def _signal(self, signal: Any) -> str:
        """Its name, declared by now."""
        number, d = signal.duid, self.design
        if number in d.from_memory and number not in self._ended:
            label, memory, _ = d.from_memory[number]
            self._memory(label, memory)
        elif number in d.combinational and number not in self._ended:
            if number in self._begun:
                self._early.add(number)
            else:
                self._combinational(number)
        elif number not in self._declared:
            self._declare(signal)
        return self._named(signal)

    def _memory(self, label: str, memory: Any) -> None:
        raise NotImplementedError

    def _use(self, name: str, low: int, high: int) -> None:
        self.read[name] = self.read.get(name, 0) | ((1 << high) - (1 << low))

    def _declare(self, signal: Any, start: str = "") -> None:
        """A line for a register, with its value at power-up, or for a wire."""
        if signal.duid in self._declared:
            return
        self._declared.add(signal.duid)
        name, register = self._named(signal), signal.duid in self.design.clocked
        self.widths[name] = len(signal)
        start = start or (f" = {literal(signal.init, len(signal), signal.shape().signed).text}" if register else "")
        self._note(signal.attrs)
        self._line(f"{'reg' if register else 'wire'} {shape(signal)}{name}{start};")

    def _note(self, attributes: Mapping[str, str]) -> None:
        if NOTE in attributes:
            self.lines += ["", *(f"  // {line}" for line in textwrap.wrap(attributes[NOTE], WIDTH - 5))]

    def _line(self, line: str, indent: int = 2) -> None:
        self.lines += wrapped(" " * indent + line)

    def _wire(self, value: Any, width: int) -> str:
        """A wire for a part of an expression."""
        text = self.expressions.bits(value, 0, width).text
        name = self._name(f"{self._target}_t")
        signed = value.shape().signed and width == len(value)
        self.widths[name] = width
        self._line(f"wire {'signed ' if signed else ''}{bit_range(width)}{name} = {text};")
        return name

    # combinational --------------------------------------------------------------------------------

    def _combinational(self, number: int) -> None:
        if number in self._begun:
            return
        self._begun.add(number)
        signal = self.design.signals[number]
        name, before, start = self._named(signal), self._target, len(self.lines)
        self._target = name
        pieces = self._pieces(signal)
        texts = [(low, high, self._expression(value, high - low, name)) for low, high, value in pieces]
        self._target = before
        self._ended.add(number)
        if number in self._early:
            body, self.lines = self.lines[start:], self.lines[:start]
            self._declare(signal)
            self.lines += body
        if len(texts) == 1 and texts[0][:2] == (0, len(signal)):
            if number in self._declared:
                self._line(f"assign {name} = {texts[0][2]};")
            else:
                self._declare(signal, f" = {texts[0][2]}")
            return
        self._declare(signal)
        for low, high, text in texts:
            self._line(f"assign {name}{place(low, high)} = {text};")

    def _expression(self, value: Any, width: int, name: str) -> str:
        if isinstance(value, SwitchValue) and len(choices(value)) > MOST_CHOICES:
            return self._function(value, width, name)
        return self.expressions.bits(value, 0, width).text

    def _pieces(self, signal: Any) -> list[tuple[int, int, Any]]:
        """(from, to, value) for all bits of a signal, in order."""
        statements, found = self.design.combinational[signal.duid], list[tuple[int, int, Any]]()
        if all(isinstance(statement, Assign) for statement in statements):
            for statement in statements:
                found += self._assigned(statement.lhs, statement.rhs, signal)
            found.sort(key=lambda piece: piece[0])
            if all(a[1] <= b[0] for a, b in pairwise(found)):
                ends = [0, *(high for _, high, _ in found)]
                starts = [*(low for low, _, _ in found), len(signal)]
                gaps = [(a, b, Const(signal.init >> a, b - a)) for a, b in zip(ends, starts) if a < b]
                return sorted([*found, *gaps], key=lambda piece: piece[0])
        value = self._followed(statements, signal, Const(signal.init, signal.shape()))
        return [(0, len(signal), value)]

    def _assigned(self, lhs: Any, rhs: Any, signal: Any) -> Iterator[tuple[int, int, Any]]:
        """Which bits of a signal an assignment gives what."""
        for low, high, start in self._spans(lhs, signal):
            width = high - low
            yield low, high, rhs if start == 0 else _resized(rhs, start + width)[start:]

    def _spans(self, lhs: Any, signal: Any) -> Iterator[tuple[int, int, int]]:
        """(from, to) of a signal in what stands on the left, and the place there."""
        if isinstance(lhs, Concat):
            start = 0
            for part in lhs.parts:
                yield from ((low, high, start + place) for low, high, place in self._spans(part, signal))
                start += len(part)
        elif isinstance(lhs, Slice):
            for low, high, place in self._spans(lhs.value, signal):
                first, end = max(low, low + lhs.start - place), min(high, low + lhs.stop - place)
                if first < end:
                    yield first, end, place + first - low - lhs.start
        elif self.design.signal(lhs) is signal:
            yield 0, len(signal), 0

    def _followed(self, statements: Iterable[Any], signal: Any, value: Any) -> Any:
        """The signal's value behind the statements, which had ``value`` before them."""
        for statement in statements:
            if isinstance(statement, Assign):
                for low, high, rhs in self._assigned(statement.lhs, statement.rhs, signal):
                    whole = (low, high) == (0, len(signal))
                    part = _resized(rhs, high - low)
                    value = part if whole else Cat(value[:low], part, value[high:])
            elif signal.duid in self.design.targets(statement):
                cases = [(p, self._followed(body, signal, value)) for p, body, _ in statement.cases]
                value = SwitchValue(statement.test, cases if cases[-1][0] is None else [*cases, (None, value)])
        return value

    def _choice(self, value: Any, width: int) -> str:
        """A wire for a choice of many."""
        name = self._name(f"{self._target}_choice")
        call = self._function(value, width, name)
        self.widths[name] = width
        self._line(f"wire {bit_range(width)}{name} = {call};")
        return name

    def _function(self, value: Any, width: int, base: str) -> str:
        """The call of a function that chooses: a continuous assignment has its value at time 0, ``always @*`` not."""
        texts = [(p, self.expressions.bits(option, 0, width).text) for p, option in value.cases]
        test = self.expressions.bits(value.test, 0, len(value.test)).text
        words = dict.fromkeys(WORD.findall(" ".join([test, *(text for _, text in texts)])))
        inputs = [word for word in words if word in self.widths]
        inner = {word: self._name(f"{word}_in") for word in inputs}
        function = self._name(f"{base}_of")
        ports = ", ".join(f"input {bit_range(self.widths[word])}{inner[word]}" for word in inputs)

        def renamed(text: str) -> str:
            return WORD.sub(lambda match: inner.get(match[0], match[0]), text)

        self._line(f"function {bit_range(width)}{function}({ports});")
        cases = [(p, [[f"{function} = {renamed(text)};"]]) for p, text in texts]
        if value.cases[-1][0] is not None and len(value.cases) < 1 << len(value.test):
            cases.append((None, [[f"{function} = {literal(0, width).text};"]]))
        for line in cased(renamed(test), cases):
            self._line(line, 4)
        self._line("endfunction")
        return f"{function}({', '.join(inputs)})"


def _resized(value: Any, width: int) -> Any:
    """The number's lowest bits."""
    if isinstance(value, Const):
        return Const(value.value, width)
    missing = width - len(value)
    if missing <= 0:
        return value[:width]
    return Cat(value, value[-1].replicate(missing) if value.shape().signed and len(value) else Const(0, missing))
