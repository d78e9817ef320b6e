"""Amaranth's expressions as Verilog-2005, every operand in exactly the width of its operation.

An Amaranth value is an integer: a number of bits that its sign (or 0) continues for ever. ``Expressions.bits`` writes
any of these bits, so that both sides of an operator and of an assignment always have one width, and no tool extends or
cuts anything by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from amaranth.hdl import Const, Signal
from amaranth.hdl._ast import ClockSignal, Concat, Operator, Part, ResetSignal, Slice, SwitchValue

from .cases import choices
from .text import (
    CHOICE,
    COMPARE,
    EQUAL,
    FALSE,
    PRIMARY,
    PRODUCT,
    SUM,
    TRUE,
    UNARY,
    Text,
    as_signed,
    as_unsigned,
    gate,
    infixed,
    joined,
    literal,
    prefixed,
    repeated,
)

COMPARISONS = {"<": COMPARE, "<=": COMPARE, ">": COMPARE, ">=": COMPARE, "==": EQUAL, "!=": EQUAL}
ARITHMETIC = {"+": SUM, "-": SUM, "*": PRODUCT}
REDUCTIONS = {"b": "|", "r|": "|", "r&": "&", "r^": "^"}
MOST_CHOICES = 4  # that are written as ``a ? b : c``; more become a function with a case
LARGE = 4  # leaves of an expression that gets a name where it is used twice


class Names(NamedTuple):
    """What an expression asks of its module."""

    source: Callable[[Any], Any]
    """The signal meant, or the constant that it is."""
    signal: Callable[[Any], str]
    """The name of a signal, which must be declared by now."""
    used: Callable[[str, int, int], None]
    """Bits of a name are read."""
    wire: Callable[[Any, int], str]
    """A new wire with a value's lowest bits."""
    choice: Callable[[Any, int], str]
    """A new wire with a choice's lowest bits, by a function."""


class Expressions:
    """Writes the expressions of one module; ``shared``: ids of the values that get a wire of their own."""

    def __init__(self, names: Names, shared: set[int]) -> None:
        self._names, self._shared = names, shared
        self._wires: dict[int, tuple[str, int, Any]] = {}
        self._parts: dict[int, SwitchValue] = {}

    def bits(self, value: Any, low: int, high: int) -> Text:
        """Bits ``low`` to ``high - 1``."""
        width, length = high - low, len(value)
        if isinstance(value, Const):
            return literal(value.value >> low, width, value.shape().signed)
        if length == 0 or (low >= length and not value.shape().signed):
            return literal(0, width, False)
        if low >= length:
            return repeated(self.bits(value, length - 1, length), width)
        if id(value) in self._shared and id(value) not in self._wires:
            self._wire(value, length)
        known = self._wires.get(id(value))
        if known and known[1] >= min(high, length):
            return self._named(known[0], known[1], value.shape().signed and known[1] == length, low, high)
        return self._written(value, low, high)

    def _written(self, value: Any, low: int, high: int) -> Text:
        kind = type(value)
        if kind is Signal or kind in (ClockSignal, ResetSignal):
            source = self._names.source(value)
            if isinstance(source, Const):
                return self.bits(source, low, high)
            return self._named(self._names.signal(source), len(value), value.shape().signed, low, high)
        if kind is Slice:
            return self._extended(value, low, high, self._slice)
        if kind is Concat:
            return self._extended(value, low, high, self._concat)
        if kind is Operator:
            return self._operator(value, low, high)
        if kind is SwitchValue:
            return self._switch(value, low, high)
        if kind is Part:
            return self.bits(self._part(value), low, high)
        raise NotImplementedError(f"no Verilog for {kind.__name__}")

    def condition(self, value: Any) -> Text:
        """Whether any bit is set."""
        if len(value) == 0:
            return FALSE
        whole = self.bits(value, 0, len(value))
        return whole if len(value) == 1 else Text(f"|{whole.within(UNARY)}", UNARY - 1)

    def _named(self, name: str, length: int, signed: bool, low: int, high: int) -> Text:
        end = min(high, length)
        self._names.used(name, low, end)
        if (low, end) == (0, length):
            core = Text(name, PRIMARY, signed)
        else:
            core = Text(f"{name}[{end - 1}:{low}]" if end - low > 1 else f"{name}[{low}]")
        if high <= length:
            return core
        if not signed:
            return joined([literal(0, high - length), core])
        self._names.used(name, length - 1, length)
        top = Text(f"{name}[{length - 1}]" if length > 1 else name)
        return joined([repeated(top, high - length), core])

    def _extended(self, value: Any, low: int, high: int, core: Callable[[Any, int, int], Text]) -> Text:
        """An unsigned value, with zeros in front where more is asked."""
        length = len(value)
        inner = core(value, low, min(high, length))
        return inner if high <= length else joined([literal(0, high - length), inner])

    def _slice(self, value: Any, low: int, high: int) -> Text:
        return self.bits(value.value, value.start + low, value.start + high)

    def _concat(self, value: Any, low: int, high: int) -> Text:
        parts, start = [], 0
        for part in _merged(value.parts):
            end = start + len(part)
            if max(start, low) < min(end, high):  # a part of no bits has no Verilog
                parts.append(self.bits(part, max(low - start, 0), min(high, end) - start))
            start = end
        return joined(parts[::-1])

    def _part(self, value: Any) -> SwitchValue:
        """A part that moves as a choice of parts that stay."""
        if id(value) not in self._parts:
            inner, stride = value.value, value.stride
            count = min(-(-len(inner) // stride), 1 << len(value.offset))
            starts = [(k, k * stride) for k in range(count)]
            cases = [(k, Slice(inner, s, min(s + value.width, len(inner)))) for k, s in starts]
            self._parts[id(value)] = SwitchValue(value.offset, cases)
        return self._parts[id(value)]

    # operators ------------------------------------------------------------------------------------

    def _operator(self, value: Any, low: int, high: int) -> Text:
        operator, operands = value.operator, value.operands
        if operator in ("u", "s"):
            return self._cast(value, low, high)
        if operator in ("<<", ">>"):
            return self._shift(value, low, high)
        if operator == "~" and value.shape().signed:
            return prefixed("~", self.bits(operands[0], low, high))
        if operator in ("~", "&", "|", "^") and not value.shape().signed:
            return self._extended(value, low, high, self._bitwise)
        if operator in ("&", "|", "^"):
            return self._bitwise(value, low, high)
        if operator in COMPARISONS:
            return self._extended(value, low, high, self._comparison)
        if operator in REDUCTIONS:
            return self._extended(value, low, high, self._reduction)
        if operator in ARITHMETIC:
            return self._arithmetic(value, low, high)
        raise NotImplementedError(f"no Verilog for the operator {operator}")

    def _cast(self, value: Any, low: int, high: int) -> Text:
        (inner,), length, signed = value.operands, len(value), value.operator == "s"
        if signed and high > length and not _simple(inner):
            self._wire(inner, length)
        core = self.bits(inner, low, min(high, length))
        if high <= length:
            return core
        front = self.bits(inner, length - 1, length) if signed else Text("1'b0")
        return joined([repeated(front, high - length), core])

    def _shift(self, value: Any, low: int, high: int) -> Text:
        a, b = value.operands
        if not isinstance(b, Const):
            raise NotImplementedError("no Verilog for a shift by a signal")
        if value.operator == ">>":
            return self.bits(a, low + b.value, high + b.value)
        if low >= b.value:
            return self.bits(a, low - b.value, high - b.value)
        if high <= b.value:
            return literal(0, high - low)
        return joined([self.bits(a, 0, high - b.value), literal(0, b.value - low)])

    def _bitwise(self, value: Any, low: int, high: int) -> Text:
        texts = [self.bits(operand, low, high) for operand in value.operands]
        if len(texts) == 1:
            return TRUE if texts[0] == FALSE else FALSE if texts[0] == TRUE else prefixed("~", texts[0])
        return gate(value.operator, texts)

    def _reduction(self, value: Any, low: int, high: int) -> Text:
        (inner,), operator = value.operands, REDUCTIONS[value.operator]
        if len(inner) == 0:  # Verilog has no constant of no bits
            return TRUE if operator == "&" else FALSE
        if isinstance(inner, Concat) and all(len(part) == 1 for part in inner.parts) and len(inner.parts) > 1:
            texts = [self.bits(part, 0, 1) for part in inner.parts]
            if len(texts) <= MOST_CHOICES:
                return gate(operator, texts)
        whole = self.bits(inner, 0, len(inner))
        return whole if len(inner) == 1 else Text(f"{operator}{whole.within(UNARY)}", UNARY - 1)

    def _arithmetic(self, value: Any, low: int, high: int) -> Text:
        if low > 0:
            name = self._wire(value, min(high, len(value)))
            return self._named(name, min(high, len(value)), value.shape().signed, low, high)
        texts = [self.bits(operand, 0, high) for operand in value.operands if not _adds_nothing(value, operand)]
        if len(value.operands) == 1:
            return prefixed("-", texts[0])
        if len(texts) == 1:
            return texts[0]
        if value.operator == "*" and value.shape().signed:
            texts = [as_signed(text) for text in texts]  # so that synthesis sees how narrow the factors are
        return infixed(value.operator, texts, ARITHMETIC[value.operator])

    def _comparison(self, value: Any, low: int, high: int) -> Text:
        a, b = value.operands
        found = _known(value.operator, _range(a), _range(b))
        if found is not None:
            return literal(int(found), 1)
        operator = _equal_at_most(value.operator, _range(a), _range(b))
        signed = a.shape().signed or b.shape().signed
        width = max(len(x) + int(signed and not x.shape().signed) for x in (a, b))
        texts = [self.bits(x, 0, width) for x in (a, b)]
        if operator not in ("==", "!="):
            texts = [as_signed(text) if signed else as_unsigned(text) for text in texts]
        level = COMPARISONS[operator]
        return Text(f"{texts[0].within(level)} {operator} {texts[1].within(level)}", level)

    # choices --------------------------------------------------------------------------------------

    def _switch(self, value: Any, low: int, high: int) -> Text:
        options = choices(value)
        if len(options) <= MOST_CHOICES:
            return self._ternary(options, low, high)
        width = min(high, len(value))
        name = self._names.choice(value, width)
        self._wires[id(value)] = (name, width, value)
        return self.bits(value, low, high)

    def _ternary(self, options: list[tuple[Any, Any]], low: int, high: int) -> Text:
        *others, (_, last) = options
        text = self.bits(last, low, high)
        for test, option in reversed(others):
            if isinstance(test, Const) and test.value == 0:
                continue
            chosen = self.bits(option, low, high)
            if chosen.text == text.text:
                continue  # without a look at the condition: what it reads would pass for used
            condition = self.condition(test)
            if condition in (FALSE, TRUE):
                text = chosen if condition == TRUE else text
                continue
            line = f"{condition.within(COMPARE)} ? {chosen.within(CHOICE)} : {text.within(CHOICE - 1)}"
            text = Text(line, CHOICE, chosen.signed and text.signed)
        return text

    def _wire(self, value: Any, width: int) -> str:
        """A wire with the value's lowest bits; a value that has one keeps it where it is wide enough."""
        known = self._wires.get(id(value))
        if known is None or known[1] < width:
            self._shared.discard(id(value))
            known = (self._names.wire(value, width), width, value)
            self._wires[id(value)] = known
        return known[0]


def _range(value: Any) -> tuple[int, int]:
    """The least and the largest that a value can be."""
    if isinstance(value, Const):
        return value.value, value.value
    width = len(value)
    return (-(1 << width) // 2, (1 << width) // 2 - 1) if value.shape().signed else (0, (1 << width) - 1)


def _known(operator: str, a: tuple[int, int], b: tuple[int, int]) -> bool | None:
    """What a comparison always gives, or None."""
    if operator in (">", ">="):
        return _known({">": "<", ">=": "<="}[operator], b, a)
    if operator in ("==", "!="):
        apart, same = a[1] < b[0] or b[1] < a[0], a[0] == a[1] == b[0] == b[1]
        return (operator == "==") == same if apart or same else None
    always, never = (a[1] < b[0], a[0] >= b[1]) if operator == "<" else (a[1] <= b[0], a[0] > b[1])
    return True if always else False if never else None


def _equal_at_most(operator: str, a: tuple[int, int], b: tuple[int, int]) -> str:
    """The operator, or == where values in these ranges can at most be equal: linters take >= there for a mistake."""
    least, largest = (a[0], b[1]) if operator == "<=" else (b[0], a[1])
    return "==" if operator in ("<=", ">=") and least == largest else operator


def _adds_nothing(value: Any, operand: Any) -> bool:
    zero = isinstance(operand, Const) and operand.value == 0
    return zero and value.operator == "+" and operand is not value.operands[-1]


def _merged(parts: tuple[Any, ...]) -> Iterator[Any]:
    """The parts of a concatenation, with neighbouring parts of one signal as one."""
    last: Any = None
    for part in parts:
        now = part
        while isinstance(now, Operator) and now.operator in ("u", "s"):
            (now,) = now.operands
        if not (isinstance(now, Slice) and isinstance(now.value, Signal)):
            now = part
        if isinstance(now, Slice) and isinstance(last, Slice) and now.value is last.value and now.start == last.stop:
            last = Slice(last.value, last.start, now.stop)
            continue
        if last is not None:
            yield last
        last = now
    if last is not None:
        yield last


def _simple(value: Any) -> bool:
    """Whether one bit of a value can be written by itself."""
    if isinstance(value, Slice):
        return _simple(value.value)
    if isinstance(value, Concat):
        return _simple(value.parts[-1])
    return isinstance(value, (Signal, Const))
