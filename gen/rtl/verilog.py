"""Amaranth modules to Verilog that people can read."""

from __future__ import annotations

import re
import warnings
from typing import Any

HEADER = "// Made by Bitsmith. Do not edit: change the model or its configuration and build again.\n"


# A kernel that stands in several lanes is compiled once by Verilator; other tools read a comment.
SHARED = "/* verilator no_inline_module */"


def to_verilog(module: Any, name: str, shared: bool = False) -> str:
    """The module's Verilog under ``name``, with ordinary identifiers only; deterministic."""
    from amaranth.back import verilog

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = verilog.convert(module, name=name, ports=module.ports(), emit_src=False, strip_internal_attrs=True)
    text = readable(text)
    return re.sub(r"^(module [^;]*;)", rf"\1 {SHARED}", text, count=1, flags=re.M) if shared else text


def readable(text: str) -> str:
    """Escaped identifiers become plain ones; what only the tool's simulators need is dropped."""
    text = re.sub(r"^/\*.*?\*/\n", "", text, count=1, flags=re.S)
    text = re.sub(r"^  reg \\\$auto\$\S+ +(= 0)?;\n", "", text, flags=re.M)
    text = re.sub(r"^ *if \(\\\$auto\$\S+ \) begin end\n", "", text, flags=re.M)
    text = re.sub(r"^ *\(\* init = .*? \*\)\n", "", text, flags=re.M)
    text = re.sub(r"\\\$(\d+) ", r"n\1", text)
    text = re.sub(r"\\(\S+) ", lambda match: re.sub(r"\W", "_", match[1]), text)
    return HEADER + re.sub(r"\n{3,}", "\n\n", text.strip()) + "\n"
