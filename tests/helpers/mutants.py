"""Many mutants of one top in one compiled simulation: a file says which of them lives."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FILE = "mutant.hex"
SELECTOR = f'  reg [31:0] mutant [0:0];\n  initial $readmemh("{FILE}", mutant);\n'
Change = Callable[[re.Match[str], str], "str | None"]
"""The mutant's text, or None for no mutant here: from the match and a condition that is 1 while it lives."""


@dataclass
class Mutants:
    """The Verilog in a folder with mutants in it; ``names`` are theirs. None lives until one is chosen."""

    rtl: Path
    names: list[str] = field(default_factory=list)

    def put(self, kind: str, pattern: str, change: Change, within: str = r"(?s).*") -> None:
        """A mutant wherever ``pattern`` stands, the tracing twin left out; its first group is in the mutant's name.

        ``within``: only in what this pattern finds.
        """
        for path in sorted(self.rtl.glob("*.v")):
            if not path.stem.endswith("_trace"):
                parts = re.split(r"(?=^module )", path.read_text(), flags=re.M)
                path.write_text("".join(self._mutated(part, kind, pattern, change, within) for part in parts))

    def _mutated(self, module: str, kind: str, pattern: str, change: Change, within: str) -> str:
        head = re.match(r"module (\w+)[^;]*;.*\n", module)

        def one(match: re.Match[str]) -> str:
            text = change(match, f"(mutant[0] == {len(self.names) + 1})")
            if text is None or head is None:
                return match[0]
            self.names.append(f"{head[1]}: {kind} {match[1]}")
            return text

        changed = re.sub(within, lambda part: re.sub(pattern, one, part[0]), module)
        if head is None or changed == module or SELECTOR in changed:
            return changed
        return changed.replace(head[0], head[0] + SELECTOR, 1)

    def choose(self, number: int | None, folder: Path) -> None:
        """Let one live, by its place in ``names``, or none, in simulations that are started in ``folder``."""
        (folder / FILE).write_text(f"{0 if number is None else number + 1:x}\n")
