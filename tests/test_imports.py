"""Who may import whom, read from the syntax trees of every file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
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
