"""Where operators and layer classes are listed: in an operator's own files, in decorators that register them, and in
``LISTS``; a list anywhere else would have to be edited for a new operator."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import bitsmith.sim.ops  # noqa: F401  fills the registry
from bitsmith.gen.ops import CONVERTERS
from bitsmith.sim.op import Operator

ROOT = Path(__file__).parents[2]
PARTS = ("sim", "hw", "gen", "models", "layers", "tb", "bench", "src/bitsmith/cli")
LISTS = {
    "gen/classes.py": "what must be known of a layer before it is converted: its states, directions and groups",
    "gen/config/layer.py": "which of the configuration's keys hold for which classes",
    "models/lic/workload.py": "the products that a paper's formula counts",
}
ONNX = "gen/read/onnx/"
"""Its operators are ONNX's: what each is called here stands where it is read."""
NAMES = {*CONVERTERS, *Operator.registry, *(kind.__name__ for kind in Operator.registry.values())}


def _name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    return node.id if isinstance(node, ast.Name) else None


def _skipped(node: ast.AST) -> list[ast.AST]:
    """Decorators register, annotations are types, ``__all__`` says what a module offers."""
    found: list[ast.AST] = list(getattr(node, "decorator_list", []))
    found += [part for part in (getattr(node, "annotation", None), getattr(node, "returns", None)) if part]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
        found.append(node.value)
    return found


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    skipped = _skipped(node)
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield child
            yield from _parts(child)


def lists(source: str) -> list[int]:
    """The lines of literal collections, most of whose members are operators or layer classes."""
    found = []
    for node in _parts(ast.parse(source)):
        if not isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict)):
            continue
        members = [*(node.keys if isinstance(node, ast.Dict) else node.elts)]
        known = {_name(member) for member in members if member is not None} & NAMES
        if len(known) >= 2 and 2 * len(known) > len(members):
            found.append(node.lineno)
    return found


def _files() -> list[str]:
    own = {f"{stem}.py" for stem in Operator.registry}
    paths = [path for part in PARTS for path in (ROOT / part).rglob("*.py") if path.name not in own]
    found = sorted(path.relative_to(ROOT).as_posix() for path in paths)
    return [path for path in found if not path.startswith(ONNX)]


def test_lists_stand_in_three_files() -> None:
    found = {path: where for path in _files() if (where := lists((ROOT / path).read_text(encoding="utf-8")))}
    assert len(LISTS) == 3
    assert set(found) == set(LISTS), found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("A = ('dense', 'conv2d')", [1]),
        ("\nA = {Dense: 1, Conv2D: 2}", [2]),
        ("def f(op):\n    return isinstance(op, (Dense, GDN))", [2]),
        ("A = {'GRU', 'LSTM'}", [1]),
        ("A = ('dense', 'x', 'y', 'conv2d')", []),
        ("@converts('GRU', 'QGRU')\ndef f(x: tuple[Dense, GDN]) -> tuple[Dense, GDN]: ...", []),
        ("__all__ = ['GDN', 'Dense']", []),
    ],
)
def test_what_is_a_list(source: str, expected: list[int]) -> None:
    assert lists(source) == expected


def test_there_are_operators() -> None:
    assert len(NAMES) > 80
    assert {"Dense", "dense", "QDense"} <= NAMES
