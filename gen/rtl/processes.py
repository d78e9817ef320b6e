"""Yosys's processes as Verilog-2005 that every simulator starts right, and that people can read.

Yosys gives the next value of each register an ``always @*`` of its own. A simulator that goes by events evaluates such
a block only once an input changes, so what depends on constants and initial values alone would stay unknown. Here a
register computes its next value in its own clocked block, and what remains is a function in a continuous assignment,
which is evaluated at time 0 (IEEE 1364-2005, 6.1.2). No ``always @*`` is left.
"""

from __future__ import annotations

import re
from collections import Counter

BLOCK = re.compile(r"^  always @\* begin\n(.*?)^  end\n", re.S | re.M)
REGISTER = re.compile(r"^  always @\(posedge (\w+)\)\n    (\w+) <= (\w+);\n", re.M)
DECLARED = re.compile(r"^  (?:input |output )?(?:reg|wire) ((?:signed )?(?:\[\d+:\d+\] )?)(\w+)(?: = [^;]*)?;$", re.M)
TARGET = re.compile(r"^( +)(\w+)((?:\[[^\]]+\])?) = ", re.M)
LITERAL = re.compile(r"\d+'s?[bdho][0-9a-fxz?_]+|\$\w+")
KEYWORDS = {"begin", "end", "if", "else", "casez", "default", "endcase"}


def without_always_star(module: str) -> str:
    """One module as Yosys wrote it, with ordinary identifiers, without ``always @*``; what it computes is the same."""
    blocks = {_target(body): body for body in BLOCK.findall(module)}
    if not blocks:
        return module
    module, joined = _join_registers(module, blocks)
    shapes = {name: shape for shape, name in DECLARED.findall(module)}
    names = set(re.findall(r"\w+", module))

    def place(match: re.Match[str]) -> str:
        target = _target(match[1])
        return "" if target in joined else _function(target, match[1], shapes, names)

    def declare(match: re.Match[str]) -> str:
        if match[2] not in blocks:
            return match[0]
        return "" if match[2] in joined else match[0].replace("reg ", "wire ", 1)

    return re.sub(r"^\n", "", DECLARED.sub(declare, BLOCK.sub(place, module)), flags=re.M)


def _target(body: str) -> str:
    """The one signal that a block assigns: Amaranth makes a process for each."""
    (name,) = {match[2] for match in TARGET.finditer(body)}
    return name


def _join_registers(module: str, blocks: dict[str, str]) -> tuple[str, set[str]]:
    """Next values that only their register reads move into its clocked block; returns which."""
    counts = Counter(re.findall(r"\w+", module))
    joined: set[str] = set()

    def join(match: re.Match[str]) -> str:
        clock, register, source = match.groups()
        body = blocks.get(source)
        # Twice outside of its block: where it is declared, and here.
        if body is None or counts[source] != 2 + len(re.findall(rf"\b{source}\b", body)):
            return match[0]
        joined.add(source)
        text = TARGET.sub(rf"\1{register}\3 <= ", body)
        return f"  always @(posedge {clock}) begin\n{_without_holds(text)}  end\n"

    return REGISTER.sub(join, module), joined


def _without_holds(body: str) -> str:
    """A register keeps its value by itself: the assignments of its own bits at the start of a block say nothing."""
    lines = body.splitlines(keepends=True)
    while len(lines) > 1 and re.fullmatch(r" +(\S+) <= \1;\n", lines[0]):
        del lines[0]
    return "".join(lines)


def _function(target: str, body: str, shapes: dict[str, str], names: set[str]) -> str:
    """The block as a function of all that it reads, assigned to its target."""
    name = f"{target}_of"
    while name in names:
        name += "_"
    read = dict.fromkeys(re.findall(r"\b[a-zA-Z_]\w*", LITERAL.sub("", body)))
    inputs = [word for word in read if word not in KEYWORDS and word != target]
    ports = ", ".join(f"input {shapes[word]}{word}" for word in inputs) or "input unused"  # a function has an input
    text = re.sub(r"^(?=.)", "  ", TARGET.sub(rf"\1{name}\3 = ", body), flags=re.M)
    head = f"  function {shapes[target]}{name}({ports});\n    begin\n"
    arguments = ", ".join(inputs) or "1'h0"
    return f"{head}{text}    end\n  endfunction\n  assign {target} = {name}({arguments});\n"
