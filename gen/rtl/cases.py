"""Choices: Amaranth's switches as conditions, and as Verilog's case statements."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Const

from .lines import Lines, headed
from .text import literal


def choices(value: Any) -> list[tuple[Any, Any]]:
    """(condition, value) of a choice, in order; the last is what remains, 0 where no case says so."""
    found, test = list[tuple[Any, Any]](), value.test
    for patterns, option in value.cases:
        if patterns is None:
            return [*found, (None, option)] if not _mux(value) else [(test, option), (None, found[0][1])]
        found.append((matches(test, patterns), option))
    if len(found) == 1 << len(test):
        return [*found[:-1], (None, found[-1][1])]
    return [*found, (None, Const(0, 1))]


def _mux(value: Any) -> bool:
    return len(value.cases) == 2 and value.cases[0][0] == ("0" * len(value.test),)


def matches(test: Any, patterns: tuple[str, ...]) -> Any:
    """Whether the test has one of the patterns."""
    found: Any = None
    for pattern in patterns:
        if "-" not in pattern:
            one = test == int(pattern, 2) if len(test) > 1 else (test if pattern == "1" else ~test)
        else:
            places = [(k, bit) for k, bit in enumerate(reversed(pattern)) if bit != "-"]
            ones = [test[k] if bit == "1" else ~test[k] for k, bit in places]
            one = Const(1, 1) if not ones else ones[0]
            for other in ones[1:]:
                one = one & other
        found = one if found is None else found | one
    return Const(0, 1) if found is None else found


def cased(test: str, cases: list[tuple[Any, list[Lines]]]) -> Lines:
    """A case statement."""
    wild = any("-" in p for patterns, _ in cases if patterns is not None for p in patterns)
    lines = [f"case{'z' if wild else ''} ({test})"]
    for patterns, body in cases:
        label = "default" if patterns is None else ", ".join(map(_pattern, patterns))
        if not body:
            lines.append(f"  {label}: ;")
            continue
        short = len(body) == 1 and len(body[0]) == 1
        found = [f"{label}: {body[0][0]}"] if short else headed(f"{label}:", body, True)
        lines += [f"  {line}" for line in found]
    return [*lines, "endcase"]


def _pattern(pattern: str) -> str:
    if "-" in pattern:
        return f"{len(pattern)}'b{pattern.replace('-', '?')}"
    return literal(int(pattern, 2), len(pattern)).text


def is_if(switch: Any) -> bool:
    """Whether a choice is ``if``, ``else if``, ``else``: each case looks at one bit."""
    named = [patterns for patterns, *_ in switch.cases if patterns is not None]
    single = all(len(p) == 1 and p[0].count("1") == 1 and p[0].count("-") == len(p[0]) - 1 for p in named)
    return single and all(patterns is not None for patterns, *_ in switch.cases[:-1])
