"""Every operator has a part in each room of the hardware, found by its stem; a missing one is said, not left out."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

import bitsmith.sim.ops  # noqa: F401  fills the registry
from bitsmith.gen.resources import of_stage
from bitsmith.gen.resources.formulas import formula_of
from bitsmith.gen.rtl.plan import plan
from bitsmith.hw.rtl.cell import Cell
from bitsmith.hw.rtl.core import Core, Pointwise
from bitsmith.hw.rtl.join import JoinCore
from bitsmith.hw.rtl.layout import Layout
from bitsmith.hw.rtl.role import JoinRole, ReshapeRole, role_of
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.add import Add

ROOT = Path(__file__).parents[2]
S8 = Fixed(True, 3, 4)
IMAGE = Spec((2, 3, 2), S8)
STEMS = sorted(Operator.registry)


def hardware_classes(stem: str) -> list[type]:
    """The cores, pointwise modules and cells that stand in the operator's own file."""
    module = import_module(f"bitsmith.hw.rtl.{stem}")
    own = [kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__]
    return [kind for kind in own if issubclass(kind, (Core, Pointwise, Cell))]


@pytest.mark.parametrize("stem", STEMS)
def test_the_operator_has_a_role_and_its_hardware_a_formula(stem: str) -> None:
    role = role_of(Operator.registry[stem])
    kinds = hardware_classes(stem)
    assert bool(kinds) != isinstance(role, ReshapeRole), f"hw/rtl/{stem}.py: a reshape has no hardware, all others have"
    for kind in kinds:
        formula_of(kind)


@pytest.mark.parametrize("stem", STEMS)
def test_a_formula_stands_in_the_operators_own_file(stem: str) -> None:
    """What the file of the stem registers is found without any other."""
    if not isinstance(role_of(Operator.registry[stem]), ReshapeRole):
        assert (ROOT / "gen" / "resources" / f"{stem}.py").is_file()


# an operator without a part -----------------------------------------------------------------------


@pytest.fixture
def twin() -> Iterator[type[Operator]]:
    """An operator that has nothing but its arithmetic."""
    before = dict(Operator.registry)

    @dataclass(frozen=True, eq=False)
    class Twin(Operator):
        stem: ClassVar[str] = "twin"

        def infer(self, *inputs: Spec) -> Spec:
            return inputs[0]

        def compute(self, *inputs: IntArray) -> IntArray:
            return inputs[0]

    yield Twin
    Operator.registry.clear()
    Operator.registry.update(before)


def graph_of(op: Operator, *inputs: Spec) -> Graph:
    named = tuple((f"x{k}", spec) for k, spec in enumerate(inputs))
    return Graph("one", named, (Node("one", op, tuple(name for name, _ in named), "layer"),), ("one",))


def test_no_module_is_said(twin: Any) -> None:
    with pytest.raises(BitsmithError, match=r"layer 'layer': the operator twin has no Verilog: hw/rtl/twin.py offers"):
        plan(graph_of(twin(), IMAGE, IMAGE), 1, {})


@pytest.mark.parametrize("role", [None, "a word", JoinRole], ids=["absent", "of another kind", "not made"])
def test_a_module_without_a_role_is_said(twin: Any, role: object, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("bitsmith.hw.rtl.twin")
    if role is not None:
        module.ROLE = role  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(BitsmithError, match=r"hw/rtl/twin.py offers no ROLE; add it as docs/adding-an-operator.md"):
        role_of(twin())


def test_a_module_that_fails_to_load_is_not_a_missing_one(twin: Any, tmp_path: Path) -> None:
    """A slip in the file's own imports is shown as what it is."""
    home = import_module("bitsmith.hw.rtl")
    (tmp_path / "twin.py").write_text("import a_module_that_nobody_has\n")
    home.__path__.append(str(tmp_path))
    try:
        with pytest.raises(ModuleNotFoundError, match="a_module_that_nobody_has"):
            role_of(twin())
    finally:
        home.__path__.remove(str(tmp_path))


class TwinCore(JoinCore):
    """Derives from a core that has a formula, and multiplies."""

    def __init__(self, name: str, op: Operator, layouts: tuple[Layout, ...]) -> None:
        super().__init__(name, layouts, layouts[0])


def test_a_formula_is_not_inherited(twin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core of its own arithmetic with its parent's formula would be a wrong number."""
    module = ModuleType("bitsmith.hw.rtl.twin")
    module.ROLE = JoinRole(TwinCore)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(TwinCore, "__module__", module.__name__)
    stage = plan(graph_of(twin(), IMAGE, IMAGE), 1, {}).stage("one")
    with pytest.raises(BitsmithError, match=r"gen/resources/twin.py offers no formula for TwinCore of hw/rtl/twin.py"):
        of_stage(stage)


# no lists of operators ----------------------------------------------------------------------------

ALLOWED: dict[str, str] = {}
"""Files that may list operators, and why; three at most."""
SCANNED = ("hw", "tb", "gen/rtl", "gen/resources", "gen/bench", "gen/verify")
"""And the files of gen itself; tests/ops/test_registry_gen.py looks through the other folders."""
CLASSES = {kind.__name__ for kind in Operator.registry.values()}


def test_no_file_of_the_hardware_lists_operators() -> None:
    """A set, tuple, list, dictionary or chain of comparisons that holds two or more of them, by stem or by class."""
    found = {place for path in sources() for place in listed(ast.parse(path.read_text()), path)}
    files = {place.partition(":")[0] for place in found}
    assert not {place for place in found if place.partition(":")[0] not in ALLOWED}
    assert files == set(ALLOWED), "an exception that nobody needs"
    assert len(ALLOWED) <= 3


@pytest.mark.parametrize(
    "text",
    [
        "KNOWN = {'add', 'dense'}",
        "if op.stem in ('gru', 'lstm'): pass",
        "TABLE = {Add: 1, Dense: 2}",
        "TABLE = {'add': 1, 'dense': 2}",
        "isinstance(op, (Add, ops.Dense))",
        "isinstance(op, Add | Dense)",
        "op.stem == 'add' or op.stem == 'dense'",
        "if op.stem == 'add': pass\nelif op.stem == 'dense': pass",
        "[Add, Dense]",
        "match op.stem:\n    case 'add' | 'dense': pass",
    ],
)
def test_the_scan_finds_a_list(text: str) -> None:
    assert listed(ast.parse(text), ROOT / "x.py")


@pytest.mark.parametrize("text", ["ONE = {Add}", "f('add', Add((a, b)))", "{'add': 1, 'other': 2}", "op.stem == 'add'"])
def test_the_scan_lets_one_operator_pass(text: str) -> None:
    assert not listed(ast.parse(text), ROOT / "x.py")


def sources() -> list[Path]:
    return sorted([*(ROOT / "gen").glob("*.py"), *(path for name in SCANNED for path in (ROOT / name).rglob("*.py"))])


def listed(tree: ast.AST, path: Path) -> set[str]:
    """Where in a file two or more operators stand in one expression."""
    places = [node for node in ast.walk(tree) if len(_operators(node)) > 1]
    return {f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'lineno', 0)}" for node in places}


def _operators(node: ast.AST) -> set[str]:
    """The operators that a collection, a union, a chain of comparisons or of branches names directly."""
    if isinstance(node, (ast.Set, ast.Tuple, ast.List)):
        return _named(node.elts)
    if isinstance(node, ast.Dict):
        return _named(node.keys)
    if isinstance(node, ast.BoolOp):
        return set().union(*(_compared(value) for value in node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _named([node.left]) | _named([node.right]) | _operators(node.left)
    if isinstance(node, ast.If):
        rest = node.orelse[0] if len(node.orelse) == 1 else None
        return _compared(node.test) | (_operators(rest) if isinstance(rest, ast.If) else set())
    if isinstance(node, ast.Match):
        patterns = [part for case in node.cases for part in ast.walk(case.pattern)]
        return _named([part.value for part in patterns if isinstance(part, ast.MatchValue)])
    return set()


def _compared(test: ast.expr) -> set[str]:
    if isinstance(test, ast.Compare):
        return _named([test.left, *test.comparators])
    if isinstance(test, ast.Call) and getattr(test.func, "id", "") == "isinstance":
        return _named(test.args[1:])
    return set()


def _named(nodes: list[Any]) -> set[str]:
    """Stems in quotes and names of operators' classes."""
    found = set()
    for node in nodes:
        text = node.value if isinstance(node, ast.Constant) else getattr(node, "id", getattr(node, "attr", None))
        known = set(STEMS) if isinstance(node, ast.Constant) else CLASSES
        found |= {text} & known if isinstance(text, str) else set()
    return found


def test_the_sum_of_two_costs_an_adder_and_a_join_nothing_else() -> None:
    """By hand: 9 bits a sum, 2 elements a pixel; a handshake of 2 LUTs and a valid bit."""
    stage = plan(graph_of(Add((S8, S8)), IMAGE, IMAGE), 1, {}).stage("one")
    assert of_stage(stage).to_json() == {"lut": 2 * 9 + 2, "ff": 2 * 9 + 1, "dsp": 0, "bram": 0}
