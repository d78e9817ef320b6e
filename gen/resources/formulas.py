"""Which formula counts which module: that of its own class, in the file here that is called as the class's own file.

A formula is never inherited: a core that derives from another one has other arithmetic, and would be counted without.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from ...sim.errors import BitsmithError
from ...sim.op import Operator
from .cost import Resources

Formula = Callable[[Any], Resources]
Remarks = dict[str, float | bool]
_Function = TypeVar("_Function", bound=Callable[..., Any])
_FORMULAS: dict[type, Formula] = {}
_REMARKS: dict[type[Operator], Callable[[Any], Remarks]] = {}


def counts(*kinds: type) -> Callable[[_Function], _Function]:
    """The decorated function is the formula of these classes."""

    def register(function: _Function) -> _Function:
        _FORMULAS.update(dict.fromkeys(kinds, function))
        return function

    return register


def remarks(kind: type[Operator]) -> Callable[[_Function], _Function]:
    """The decorated function gives what an estimate's row says of this operator beside cycles and resources."""

    def register(function: _Function) -> _Function:
        _REMARKS[kind] = function
        return function

    return register


def formula_of(kind: type) -> Formula:
    """The formula of a class; BitsmithError where there is none."""
    file = kind.__module__.rpartition(".")[2]
    if kind not in _FORMULAS:
        _load(file)
    if kind not in _FORMULAS:
        raise BitsmithError(
            f"gen/resources/{file}.py offers no formula for {kind.__name__} of hw/rtl/{file}.py; "
            "add it as docs/adding-an-operator.md says"
        )
    return _FORMULAS[kind]


def count(module: object) -> Resources:
    """The resources of one core, pointwise module or part of one."""
    return formula_of(type(module))(module)


def remarks_on(op: Operator) -> Remarks:
    """What is said of the operator; nothing of most."""
    _load(op.stem)
    return _REMARKS[type(op)](op) if type(op) in _REMARKS else {}


def _load(file: str) -> None:
    name = f"{__package__}.{file}"
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
