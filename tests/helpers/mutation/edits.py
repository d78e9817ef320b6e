"""Faults in the text of an expression: what is written in Verilog and in C++ alike, or in one of them.

Each function gives (kind, new text) for every place of an expression that it knows to change.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

S = TypeVar("S")
K = TypeVar("K")
Fault = tuple[str, str]
"""Kind, and the whole expression with the fault in it."""
COMPARED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
OTHER = COMPARED | {"+": "-", "-": "+", "*": "+", "&": "|", "|": "&", "&&": "||", "||": "&&", ">>>": ">>", "<<": ">>"}
BINARY = re.compile(r"(?<=[\w)\]}] )(>>>|<<|<=|>=|==|!=|&&|\|\||[-+*&|<>])(?= )")
CONSTANT = re.compile(r"(\d+)'(s?)([dhb])([0-9a-f]+)")
SLICE = re.compile(r"\b(\w+)\[(\d+):(\d+)\]")
BIT = re.compile(r"\b(\w+)\[(\d+)\]")
EXTENDED = re.compile(r"\{\d+\{(\w+\[\d+\])\}\}")
LIMITED = re.compile(r"(?s)(?:.*? \? .*? : )+(\w+\[\d+:0\])")


def grouped(numbered: Iterable[tuple[int, S]], key: Callable[[S], K]) -> dict[K, list[tuple[int, S]]]:
    """Numbered sites by what ``key`` says of each."""
    found: dict[K, list[tuple[int, S]]] = defaultdict(list)
    for number, site in numbered:
        found[key(site)].append((number, site))
    return found


def put(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def operators(text: str) -> Iterator[Fault]:
    """One operator for another; an inversion left out."""
    for match in BINARY.finditer(text):
        yield "operator", put(text, match, OTHER[match[1]])
    for match in re.finditer(r"~(?=\w)", text):
        yield "operator", put(text, match, "")


def constants(text: str) -> Iterator[Fault]:
    """A sized constant one more or one less, in its own bits."""
    for match in CONSTANT.finditer(text):
        width, base = int(match[1]), {"d": 10, "h": 16, "b": 2}[match[3]]
        for step in (1, -1):
            value = (int(match[4], base) + step) % (1 << width)
            if width > 1 or step == 1:
                yield "constant", put(text, match, f"{width}'{match[2]}h{value:x}")


def signs(text: str) -> Iterator[Fault]:
    """A signed operand taken as unsigned; zeros in the place of a sign."""
    for match in re.finditer(r"\$signed\(", text):
        yield "signedness", put(text, match, "$unsigned(")
    for match in EXTENDED.finditer(text):
        yield "signedness", put(text, match, match[0].replace(match[1], "1'b0"))


def slices(text: str, widths: dict[str, int]) -> Iterator[Fault]:
    """A slice or a bit one place further, and the first two parts of a concatenation in each other's place."""
    for match in SLICE.finditer(text):
        high, low, width = int(match[2]), int(match[3]), widths.get(match[1], 0)
        for step in (1, -1):
            if low + step >= 0 and high + step < width:
                yield "slice", put(text, match, f"{match[1]}[{high + step}:{low + step}]")
    for match in BIT.finditer(text):
        place, width = int(match[2]), widths.get(match[1], 0)
        for step in (1, -1):
            if 0 <= place + step < width:
                yield "slice", put(text, match, f"{match[1]}[{place + step}]")
    for match in re.finditer(r"\{(\w+(?:\[[\d:]+\])?), (\w+(?:\[[\d:]+\])?)(?=[,}])", text):
        if match[1] != match[2]:
            yield "swap", put(text, match, f"{{{match[2]}, {match[1]}")


def limits(text: str) -> Iterator[Fault]:
    """A value wraps around where it saturates."""
    match = LIMITED.fullmatch(text)
    if match is not None:
        yield "saturation", match[1]
