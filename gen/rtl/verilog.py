"""Amaranth modules to Verilog that people can read."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..progress import Say, silent
from .processes import without_always_star

HEADER = "// Made by Bitsmith. Do not edit: change the model or its configuration and build again.\n"
# A kernel that stands in several lanes is compiled once by Verilator; other tools read a comment.
SHARED = "/* verilator no_inline_module */"
OBJECTS = 200_000  # made between two searches for garbage; Python's own number is 700
PASSES = "proc -nomux -norom; opt_expr; opt_clean; memory_collect; delete t:$scopeinfo; write_verilog -norename -noattr"


def to_verilog(modules: Mapping[str, Any], shared: frozenset[str] = frozenset(), say: Say = silent) -> dict[str, str]:
    """The Verilog of each module under its name, in one run of Amaranth's Yosys; ordinary identifiers only;
    deterministic.

    A module's own submodules stand behind it. ``shared``: modules with several instances.
    """
    from amaranth._toolchain.yosys import find_yosys  # Amaranth's own, so that its version fits; pinned in pyproject
    from amaranth.back import rtlil

    texts = []
    with rarely_searched():
        for i, (name, module) in enumerate(modules.items()):
            say(f"Verilog: {name}, module {i + 1} of {len(modules)}")
            texts.append(rtlil.convert(module, name=name, ports=module.ports(), emit_src=False))
    say(f"Verilog: {len(modules)} modules through Yosys")
    yosys = find_yosys(lambda version: version >= (0, 50))
    source = "\n".join(texts)
    verilog = yosys.run(["-q", "-"], f"read_rtlil <<rtlil\n{source}\nrtlil\n{PASSES}", ignore_warnings=True)
    return _split(verilog, list(modules), shared)


@contextmanager
def rarely_searched() -> Iterator[None]:
    """Garbage is looked for less often: Amaranth makes millions of small objects, and nearly all are still in use."""
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _split(text: str, names: list[str], shared: frozenset[str]) -> dict[str, str]:
    parts: dict[str, list[str]] = {name: [] for name in names}
    for module in re.findall(r"^module .*?^endmodule\n", text, flags=re.S | re.M):
        own = re.match(r"module \\?([^\s(]+)", module)
        assert own is not None
        name = own[1].split(".")[0]
        parts[name].append(readable(module, own[1] in shared))
    return {name: HEADER + "\n".join(part) for name, part in parts.items()}


def readable(module: str, shared: bool = False) -> str:
    """Escaped identifiers become plain ones; what only simulators of Yosys's dialect need is dropped."""
    module = re.sub(r"^  reg \\\$auto\$\S+ +(= 0)?;\n", "", module, flags=re.M)
    module = re.sub(r"^ *if \(\\\$auto\$\S+ \) begin end\n", "", module, flags=re.M)
    module = re.sub(r"\\\$(\d+) ", r"n\1", module)
    module = without_always_star(re.sub(r"\\(\S+) ", lambda match: re.sub(r"\W", "_", match[1]), module))
    return re.sub(r"^(module [^;]*;)", rf"\1 {SHARED}", module, count=1) if shared else module
