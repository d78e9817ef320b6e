"""One statement of the Verilog with a fault in it: the same value for whatever stands in it, or not."""

from __future__ import annotations

import re

from formal import Harness

from .verilog import DECLARED, Site

LITERAL = re.compile(r"\d*'s?[dhb][0-9a-f]+|\$\w+")
SIGNED = re.compile(r"\b(?:wire|reg|input) +signed (?:\[\d+:0\] )?(\w+)")
MEMORY = re.compile(r"(?m)^  reg (?:signed )?(?:\[\d+:0\] )?(\w+) \[\d+:\d+\];")


def expression(site: Site, module: str) -> Harness | None:
    """Equal in every value of its operands; ``module`` is the text they are declared in.

    The operands stand in registers that anything comes into: the search for a proof wants some. None where a statement
    is left out, reads a memory, or sets a part of something, whose width stands elsewhere.
    """
    names = set(re.findall(r"\b[A-Za-z_]\w*", LITERAL.sub(" ", f"{site.value} {site.fault}")))
    widths = {name: int(high or 0) + 1 for high, name in DECLARED.findall(module)}
    if site.form == "set" and "[" in site.holder:
        return None
    if site.fault is None or names & set(MEMORY.findall(module)) or not names <= set(widths):
        return None
    h = Harness({f"free_{name}": widths[name] for name in sorted(names)}, memory=1)
    signed = set(SIGNED.findall(module))
    for name in sorted(names):
        h.register(f"kept_{name}", widths[name], f"free_{name}")
        h.wire(name, f"kept_{name}", widths[name], name in signed)
    for wire, value in (("right_value", site.value), ("wrong_value", site.fault)):
        decided = f"({value}) ? 1'b1 : 1'b0" if site.form == "if" else value
        h.body.append(f"wire {site.bits}{wire} = {decided};")
    h.properties = {"equal": "right_value == wrong_value"}
    return h
