"""Faults in the reference's Python: a function's code is replaced in a running process by that of a changed source."""

from __future__ import annotations

import ast
import copy
import gc
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import bitsmith.sim

HOME = Path(bitsmith.sim.__path__[0]).resolve()
COMPUTING = re.compile(
    r"^(ops/|recurrent|root|piecewise|table|window|join|cast|division|rounding|fixed)"
    r"|^fast/(?!predict)\S+ (.*<locals>\.\w+$|Epilogue\.(apply|_round|_overflow)$|GDNStep\._(gain|square|sum)$)"
    r"|^fast/\S+ (normalize|bind_rounding)$"
)
"""Where integers are computed; of the fast road what runs, and not what plans how."""
NOT_COMPUTING = re.compile(
    r"\.(infer|expect|accumulator|specs?|width|holding|contains|needs|takes|kinds\w*|__\w+__)$|<(lambda|genexpr|\w*comp)>"
    r"|(_shape|_dtype|_step|_type|_output|_columns|fraction|reach|_check_fields)$"
)
"""What checks, or says which type comes out: no integer is computed there."""
COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.MatMult: ast.Mult, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip
NAMES = {
    "minimum": "maximum", "maximum": "minimum", "floor": "ceil", "ceil": "floor", "rint": "floor",
    "raw_max": "raw_min", "raw_min": "raw_max", "argmax": "argmin", "max": "min", "min": "max",
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A fault: the ``place``-th node of the function ``name`` in ``file``, in its line, becomes another."""

    kind: str
    file: str
    name: str
    line: int
    place: int
    variant: int
    change: str

    @property
    def key(self) -> str:
        """The same for the same fault in the same function."""
        return f"{self.kind} | {self.file} {self.name} | {self.change}"


@dataclass(frozen=True)
class Used:
    """What a task calls: (file, qualified name) of functions of the reference, and (file, line) of what they run."""

    functions: set[tuple[str, str]]
    lines: set[tuple[str, int]]


def used(task: Callable[[], object]) -> Used:
    """Of the functions that compute integers."""
    codes, lines = set[CodeType](), set[tuple[CodeType, int]]()

    def seen(frame: Any, event: str, _: object) -> Any:
        code = frame.f_code
        if "/sim/" not in code.co_filename:
            return None
        codes.add(code)
        lines.add((code, frame.f_lineno))
        return seen

    sys.settrace(seen)
    try:
        task()
    finally:
        sys.settrace(None)
    here = {(_inside(code), _qualified(_inside(code), code.co_firstlineno)) for code in codes}
    chosen = {
        one for one in here if one[1] and COMPUTING.search(" ".join(one)) and not NOT_COMPUTING.search(" ".join(one))
    }
    return Used(chosen, {(_inside(code), line) for code, line in lines})


@cache
def _qualified(file: str, line: int) -> str:
    """The qualified name of the function whose code begins in a line; empty where none does, as for a lambda."""
    for name, function in _functions(ast.parse((HOME / file).read_text()), ""):
        if line == min([function.lineno, *(one.lineno for one in function.decorator_list)]):
            return name
    return ""


def _inside(code: CodeType) -> str:
    """A function's file, from the reference's folder."""
    return str(Path(code.co_filename).resolve()).removeprefix(f"{HOME}/")


def sites(computing: Used, emitting: Used) -> list[Site]:
    """Every fault that can be planted where integers are computed, and not where something is emitted, too."""
    found: list[Site] = []
    functions = computing.functions - emitting.functions
    for file in sorted({file for file, _ in functions}):
        tree = ast.parse((HOME / file).read_text())
        for name, function in _functions(tree, ""):
            if (file, name) in functions:
                found += [s for s in _of_function(file, name, function) if (file, s.line) in computing.lines]
    return found


def _functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield f"{prefix}{node.name}", node
            yield from _functions(node, f"{prefix}{node.name}.<locals>.")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        else:
            yield from _functions(node, prefix)


def _nodes(function: ast.FunctionDef) -> list[ast.AST]:
    """What is computed there: no annotation, no inner function, no message and no condition of an error."""
    found: list[ast.AST] = []

    def walk(node: ast.AST) -> None:
        if isinstance(node, (ast.FunctionDef, ast.Raise, ast.Assert)):
            return
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            return
        found.append(node)
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        walk(child)

    for statement in function.body:
        walk(statement)
    return found


def _variants(node: ast.AST) -> list[tuple[str, Callable[[Any], None]]]:
    """What can be wrong with a node: the kind, and what changes it in place."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
        return [("operator", lambda n: n.ops.__setitem__(0, COMPARED[type(n.ops[0])]()))]
    if isinstance(node, ast.BinOp) and type(node.op) in COMPUTED:
        return [("operator", lambda n: setattr(n, "op", COMPUTED[type(n.op)]()))]
    if isinstance(node, ast.AugAssign) and type(node.op) in COMPUTED:
        return [("operator", lambda n: setattr(n, "op", COMPUTED[type(n.op)]()))]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return [
            ("constant", lambda n: setattr(n, "value", n.value + 1)),
            ("constant", lambda n: setattr(n, "value", n.value - 1)),
        ]
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        return [("constant", lambda n: setattr(n, "value", not n.value))]
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        return [("limit", lambda n: setattr(n, "attr", NAMES[n.attr]))]
    if isinstance(node, ast.UnaryOp):
        return [("operator", _without_sign)]
    return []


def _without_sign(node: ast.UnaryOp) -> None:
    """``-x``, ``~x`` and ``not x`` become ``+x``; of a truth value that is its number."""
    node.op = ast.UAdd()


def _of_function(file: str, name: str, function: ast.FunctionDef) -> Iterator[Site]:
    for place, node in enumerate(_nodes(function)):
        for variant, (kind, change) in enumerate(_variants(node)):
            other = copy.deepcopy(node)
            change(other)
            what = f"line {getattr(node, 'lineno', 0) - function.lineno}: {ast.unparse(node)} -> {ast.unparse(other)}"
            yield Site(kind, file, name, getattr(node, "lineno", 0), place, variant, what)


def live(site: Site) -> None:
    """From here on the functions of this process have the fault. For a process that ends behind it."""
    path = HOME / site.file
    tree = ast.parse(path.read_text())
    function = dict(_functions(tree, ""))[site.name]
    node = _nodes(function)[site.place]
    _variants(node)[site.variant][1](node)
    outermost = site.name.split(".<locals>.")[0]  # what it makes inside of itself comes out of its own code
    code = _code(compile(ast.fix_missing_locations(tree), str(path), "exec"), outermost)
    assert code is not None
    replaced = 0
    gc.unfreeze()  # get_objects does not give what is frozen
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__qualname__ == outermost and _inside(one.__code__) == site.file:
            one.__code__ = code
            replaced += 1
    assert replaced, f"no function {outermost} of {site.file} lives"


def _code(module: CodeType, name: str) -> CodeType | None:
    """The code of a function, by its qualified name."""
    first, _, rest = name.partition(".")
    for constant in module.co_consts:
        if isinstance(constant, CodeType) and constant.co_name == first:
            return _code(constant, rest) if rest else constant
    return None
