"""The ports of an emitted module, by its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PORT = re.compile(r"(?m)^  (input|output) +(?:wire |reg )? *(?:signed )?(?:\[(\d+):0\] )?(\w+)")


@dataclass(frozen=True)
class Ports:
    """Widths by name."""

    inputs: dict[str, int]
    outputs: dict[str, int]

    @staticmethod
    def of(module: str) -> Ports:
        found = [(kind, name, int(high or 0) + 1) for kind, high, name in PORT.findall(module)]
        return Ports(
            {name: width for kind, name, width in found if kind == "input"},
            {name: width for kind, name, width in found if kind == "output"},
        )


def masks(names: Iterable[str]) -> dict[str, str]:
    """By the name of data or a ``tlast``, its ``tvalid``, of those that have one."""
    every = set(names)
    found = {name: re.sub(r"_t(data|last)$", "_tvalid", name) for name in every}
    return {name: valid for name, valid in found.items() if valid != name and valid in every}
