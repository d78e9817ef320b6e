"""Who may import whom, read from the syntax trees of every file."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("sim", "hw", "gen", "models", "layers", "tb", "bench")
MAY_IMPORT = {
    "sim": {"sim"},
    "hw": {"hw", "sim"},
    "gen": {"gen", "hw", "sim"},
    "layers": {"layers", "gen", "sim"},
    "models": {"models", "layers", "gen", "sim"},
    "tb": {"tb", "gen", "sim", "hw"},
    "bench": {"bench", "gen", "sim", "hw"},
}
# Imported when the module is loaded; what stands inside a function is loaded when it is needed.
MAY_LOAD = {
    "sim": {"numpy"},
    "hw": {"numpy", "amaranth"},
    "gen": {"numpy", "amaranth", "pydantic"},
    "layers": {"numpy"},
    "models": {"numpy"},
    "tb": {"numpy", "cocotb"},
    "bench": {"numpy", "amaranth"},
}
STANDARD = set(__import__("sys").stdlib_module_names)


def files(part: str) -> list[Path]:
    return sorted(path for path in (ROOT / part).rglob("*.py") if "__pycache__" not in path.parts)


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    """The imported module's full name, as if the file were ``bitsmith.<its path>``."""
    if node.level == 0:
        return node.module or ""
    package = ("bitsmith", *path.relative_to(ROOT).parent.parts)
    assert node.level <= len(package), f"{path}: the import leaves the package"
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *(node.module.split(".") if node.module else [])])


def imported(path: Path, node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = _absolute(path, node)
        return [f"{base}.{alias.name}" for alias in node.names]
    return []


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def loaded(path: Path, tree: ast.AST) -> list[str]:
    """The modules that loading the file imports: functions and TYPE_CHECKING blocks are left out."""
    found: list[str] = []
    for node in ast.iter_child_nodes(tree):
        if _only_for_types(node) or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        found += imported(path, node) + loaded(path, node)
    return found


def crossings(part: str, path: Path, source: str) -> list[str]:
    """Every import in ``source`` that goes against the direction."""
    tree = ast.parse(source)
    wrong = []
    for name in [name for node in ast.walk(tree) for name in imported(path, node)]:
        parts = name.split(".")
        ours = parts[0] == "bitsmith" and parts[1] not in {*MAY_IMPORT[part], "version"}
        if ours or parts[0] in (*PARTS, "tests"):
            wrong.append(name)
    foreign = {name.split(".")[0] for name in loaded(path, tree)} - STANDARD - {"bitsmith"}
    return wrong + sorted(foreign - MAY_LOAD[part])


@pytest.mark.parametrize("part", PARTS)
def test_direction(part: str) -> None:
    assert files(part), f"no files in {part}/"
    wrong = {
        str(path.relative_to(ROOT)): crossings(part, path, path.read_text(encoding="utf-8")) for path in files(part)
    }
    assert not {path: names for path, names in wrong.items() if names}


@pytest.mark.parametrize(
    ("part", "source", "name"),
    [
        ("sim", "from ..gen.rtl import plan", "bitsmith.gen.rtl.plan"),
        ("sim", "import scipy", "scipy"),
        ("hw", "def f():\n    from ..gen import build", "bitsmith.gen.build"),
        ("gen", "from ..models import cells", "bitsmith.models.cells"),
        ("gen", "import hls4ml", "hls4ml"),
        ("models", "class A:\n    import tensorflow", "tensorflow"),
        ("tb", "import tests.conftest", "tests.conftest"),
        ("gen", "import sim", "sim"),
    ],
)
def test_the_check_finds_it(part: str, source: str, name: str) -> None:
    assert name in crossings(part, ROOT / part / "x.py", source)


def test_the_check_allows_what_is_lazy() -> None:
    assert crossings("gen", ROOT / "gen" / "x.py", "def f():\n    import hls4ml\n    from ..hw import rtl") == []


GEN_ORDER = (
    *(
        "suggest",
        "progress",
        "classes",
        "files",
        "running",
        "tools",
        "config",
        "quantize",
        "read",
        "ops",
        "passes",
        "convert",
    ),
    *(
        "calibrate",
        "inspect",
        "rtl",
        "resolved",
        "resources",
        "hls",
        "simulate",
        "testbench",
        "verify",
        "synth",
        "build",
        "verdict",
        "report",
    ),
)
"""The rooms of gen, each of which imports only those before it."""


def modules() -> dict[str, Path]:
    """Every file of the parts by its full name."""
    found = {}
    for part in PARTS:
        for path in files(part):
            names = ("bitsmith", *path.relative_to(ROOT).with_suffix("").parts)
            found[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return found


def _imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of ours that the file imports, anywhere but for types alone."""

    def walk(nodes: Iterable[ast.AST]) -> Iterator[str]:
        for node in nodes:
            if not _only_for_types(node):
                yield from imported(path, node)
                yield from walk(ast.iter_child_nodes(node))

    names = walk(ast.parse(path.read_text(encoding="utf-8")).body)
    return {name if name in known else name.rpartition(".")[0] for name in names} & set(known)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Sets of names each of which leads to all the others (Tarjan 1972)."""
    found: list[list[str]] = []
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(graph.get(name, ())):
            if other not in order:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            place = stack.index(name)
            found.append(sorted(stack[place:]))
            del stack[place:]

    for name in sorted(graph):
        if name not in order:
            visit(name)
    return [names for names in found if len(names) > 1]


def test_no_circle_of_files() -> None:
    known = modules()
    assert circles({name: _imports(path, known) - {name} for name, path in known.items()}) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]


def test_the_rooms_of_gen_are_in_order() -> None:
    known = modules()
    rooms = [name.split(".")[2] for name in known if name.startswith("bitsmith.gen.")]
    assert sorted(set(rooms)) == sorted(GEN_ORDER)
    wrong = [
        f"{name} imports {other}"
        for name, path in known.items()
        for other in sorted(_imports(path, known))
        if name.startswith("bitsmith.gen.")
        and other.startswith("bitsmith.gen.")
        and GEN_ORDER.index(other.split(".")[2]) > GEN_ORDER.index(name.split(".")[2])
    ]
    assert wrong == []
