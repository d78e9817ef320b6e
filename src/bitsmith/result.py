"""Results that show themselves: one line as ``repr``, what the command prints as ``str``, a table in a notebook."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cli.outcome import View


class Result(dict[str, Any]):
    """What a function found, as plain data that ``json`` writes. ``command`` is the command that shows the same."""

    def __init__(self, command: str, data: dict[str, Any]) -> None:
        super().__init__(data)
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return Result, (self.command, dict(self))

    def __repr__(self) -> str:
        return f"<{self.command}: {self._view().summary}>"

    def __str__(self) -> str:
        return self._view().text()

    def _repr_html_(self) -> str:
        return self._view().html()

    def _view(self) -> View:
        view: View = import_module(f"{__package__}.cli.{self.command}").view(self)
        return view
