"""The top around a module: does anything in it read the module's data while that is not valid?

The module's outputs become inputs of the top, ``cut_*``, and what the module gets becomes outputs, ``seen_*``. Two of
these tops get the same, but for data that is not valid. Where they give the same, it makes no difference if the module
is replaced by one that is equal where its data is valid. For take the first signal that is another one then, by cycle
and, within a cycle, in the order in which signals follow from each other. It is no output of the module, whose inputs
were equal so far, and no signal of the top, which got equal data wherever that was valid.
"""

from __future__ import annotations

import re

from .ports import Ports

CUT, SEEN = "cut_", "seen_"
CONNECTION = re.compile(r"\.(\w+)\(((?:[^()]|\([^()]*\))*)\)")


def around(top: str, name: str, module: str) -> str:
    """The text of ``top`` without its module ``name``, whose text is ``module``; empty where it has none or several."""
    found = list(re.finditer(rf"(?ms)^  {name} \w+ \(\n(.*?)^  \);\n", top))
    if len(found) != 1:
        return ""
    ports, inputs, outputs, lines = Ports.of(module), list[str](), list[str](), list[str]()
    for port, value in CONNECTION.findall(found[0][1]):
        if port in ports.outputs:
            inputs.append(f"  input {_bits(ports.outputs[port])}{CUT}{port},\n")
            lines.append(f"  assign {value} = {CUT}{port};\n")
        elif port not in ("clk", "rst"):
            outputs.append(f"  output wire {_bits(ports.inputs[port])}{SEEN}{port},\n")
            lines.append(f"  assign {SEEN}{port} = {value};\n")
    text = top[: found[0].start()] + "".join(lines) + top[found[0].end() :]
    head, begin, body = text.partition(" (\n")
    return f"{head}{begin}{''.join([*inputs, *outputs])}{body}"


def _bits(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""
