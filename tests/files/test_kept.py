"""The tests' own use of the cache: a tool is asked again where what it reads has changed, or where it failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept import compiled, inside, said

from bitsmith.gen.files import cache
from bitsmith.gen.tools import Tool

SCRIPT = """#!/bin/sh
[ "$1" = --version ] && echo version 1 && exit
echo asked >> asked
cat "$@" >&2
! grep -q error "$@"
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """It says what its files hold, fails where that is 'error', and writes down each time that it is asked."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    path = tmp_path / "tool"
    path.write_text(SCRIPT)
    path.chmod(0o755)
    (tmp_path / "a").write_text("warning")
    return Tool((str(path),))


def asked(folder: Path) -> int:
    return (folder / "asked").read_text().count("asked")


def test_the_same_bytes_are_asked_about_once(tool: Tool, tmp_path: Path) -> None:
    for _ in range(2):
        assert said(tool, ["a"], ["a"], tmp_path) == (0, "warning")
    assert asked(tmp_path) == 1
    (tmp_path / "a").write_text("another")
    assert said(tool, ["a"], ["a"], tmp_path) == (0, "another")
    assert said(tool, ["a", "a"], ["a"], tmp_path) == (0, "anotheranother")
    (tmp_path / "tool").write_text(SCRIPT.replace("version 1", "version 2"))
    assert said(Tool((str(tmp_path / "." / "tool"),), {"X": "1"}), ["a"], ["a"], tmp_path) == (0, "another")
    assert asked(tmp_path) == 4


def test_an_error_is_said_each_time(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("error")
    for _ in range(2):
        assert said(tool, ["a"], ["a"], tmp_path) == (1, "error")
    assert asked(tmp_path) == 2


def test_a_program_is_that_of_its_sources(tmp_path: Path, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that does not compile is none."""
    compiler = tmp_path / "compiler"
    compiler.write_text(SCRIPT.replace('cat "$@" >&2\n! grep -q error "$@"', 'grep -v error "$1" > "$3"'))
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    for text in ("one", "one", "two"):
        (tmp_path / "a").write_text(text)
        assert compiled([], ["a"], ["a"], tmp_path, tmp_path / "program").read_text().strip() == text
    assert asked(tmp_path) == 2
    (tmp_path / "a").write_text("error")
    with pytest.raises(AssertionError):
        compiled([], ["a"], ["a"], tmp_path, tmp_path / "program")


def test_all_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("a", "b/d", "b/c/e"):
        (tmp_path / name).touch()
    assert inside(tmp_path, "b") == ["b/c/e", "b/d"]
    assert sorted(inside(tmp_path, ".")) == ["a", "b/c/e", "b/d"]
