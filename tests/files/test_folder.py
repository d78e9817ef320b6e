"""An output folder is replaced whole or not at all, and never where it is not ours."""

from __future__ import annotations

import errno
import os
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rigs import adder_graph

from bitsmith.gen.files import workplace
from bitsmith.gen.files.folder import MARK, open_build, replacing, write_bytes, write_json, write_text, writing
from bitsmith.gen.files.graph_file import save_graph
from bitsmith.sim.errors import BitsmithError


def make(target: Path, content: str, sources: tuple[Path, ...] = ()) -> None:
    with replacing(target, sources) as folder:
        (folder / "rtl").mkdir()
        (folder / "rtl" / "top.v").write_text(content)
        write_json(folder / MARK, {"made_by": "bitsmith"})


def tree(folder: Path) -> dict[str, str]:
    """Every file below the folder, hidden ones too, with its text."""
    return {str(p.relative_to(folder)): p.read_text() if p.is_file() else "" for p in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("name", ["plain", "with space", "a; exit", "$HOME", "-o", "'\"", "größe", "\udcff", "n" * 255])
def test_makes_and_replaces(tmp_path: Path, name: str) -> None:
    for content in ("one", "two"):
        make(tmp_path / name, content)
        assert (tmp_path / name / "rtl" / "top.v").read_text() == content
        assert os.listdir(tmp_path) == [name]


def test_makes_missing_parents_and_takes_an_empty_folder(tmp_path: Path) -> None:
    make(tmp_path / "a" / "b" / "c", "one")
    (tmp_path / "empty").mkdir()
    make(tmp_path / "empty", "two")
    assert (tmp_path / "a" / "b" / "c" / MARK).exists()
    assert (tmp_path / "empty" / MARK).exists()


def test_permissions_are_those_of_mkdir(tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    make(tmp_path / "out", "one")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(143), OSError(errno.ENOSPC, "No space left on device")]
)
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: BaseException) -> None:
    make(tmp_path / "out", "one")
    before = tree(tmp_path)
    for target in (tmp_path / "out", tmp_path / "new" / "deep"):
        with pytest.raises((BitsmithError, KeyboardInterrupt, SystemExit)) as raised, replacing(target) as folder:
            (folder / "half").write_text("written")
            raise error
        if isinstance(error, OSError):
            reason = "the disk is full (No space left on device); make room or choose another folder"
            assert str(raised.value) == f"cannot write '{target}': {reason}"
        assert tree(tmp_path) == before


def test_a_failed_rename_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "out", "one")
    before = tree(tmp_path)
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(errno.EACCES, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    monkeypatch.setattr(workplace, "exchange", lambda one, other: False)
    with pytest.raises(BitsmithError, match="Permission denied"):
        make(tmp_path / "out", "two")
    assert tree(tmp_path) == before


def test_refuses_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / MARK).write_text('{"made_by": "somebody else"}')
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / MARK).write_text("[" * 100_000)
    make(tmp_path / "mixed", "one")
    (tmp_path / "mixed" / "notes.txt").write_text("mine")
    before = tree(tmp_path)
    for name, reason in [
        ("file", "not a folder"),
        ("foreign", "not made by Bitsmith"),
        ("other", "not made by Bitsmith"),
        ("broken", "not made by Bitsmith"),
        ("mixed", "notes.txt"),
        ("file/below", "cannot write"),
    ]:
        with pytest.raises(BitsmithError, match=reason) as raised:
            make(tmp_path / name, "two")
        assert "\n" not in str(raised.value)
    assert tree(tmp_path) == before


def test_refuses_the_folder_we_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    for name in (".", "..", "/", ""):
        with pytest.raises(BitsmithError):
            make(Path(name), "one")
    assert os.listdir(tmp_path / "inner") == []


def test_refuses_to_delete_its_own_source(tmp_path: Path) -> None:
    make(tmp_path / "out", "one")
    model = tmp_path / "out" / "rtl" / "model.h5"
    model.write_text("weights")
    with pytest.raises(BitsmithError, match="lies in the output folder"):
        make(tmp_path / "out", "two", (model,))
    assert model.read_text() == "weights"


def test_follows_a_link_to_the_real_folder(tmp_path: Path) -> None:
    make(tmp_path / "real", "one")
    (tmp_path / "link").symlink_to("real")
    make(tmp_path / "link", "two")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "rtl" / "top.v").read_text() == "two"


def test_a_read_only_file_system(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="cannot write '/proc/out'"):
        make(Path("/proc/out"), "one")


def test_write_text_is_whole_or_nothing(tmp_path: Path) -> None:
    write_text(tmp_path / "a.json", "old")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    with pytest.raises(BitsmithError, match="cannot write"):
        write_text(Path("/dev/full/x"), "new")
    assert tree(tmp_path) == {"a.json": "old"}


WRITERS: dict[str, Callable[[Path], object]] = {
    "json": lambda path: write_json(path, ["new"] * 10_000),
    "text": lambda path: write_text(path, "new" * 10_000),
    "bytes": lambda path: write_bytes(path, b"new" * 10_000),
    "graph": lambda path: save_graph(replace(adder_graph(), labels={"x": "new" * 10_000}), path),
    "array": lambda path: save_array(np.save, path),
    "arrays": lambda path: save_array(np.savez, path),
    "folder": lambda path: make(path.with_name("out"), "new" * 10_000),
}


def save_array(save: Callable[..., None], path: Path) -> None:
    with writing(path) as fresh:
        save(fresh, np.arange(10_000))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may become larger: a real write that really fails halfway, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", WRITERS)
def test_a_write_that_fails_halfway(tmp_path: Path, name: str) -> None:
    make(tmp_path / "out", "old")
    path = tmp_path / "out" / {"array": "x.npy", "arrays": "x.npz"}.get(name, "verify.json")
    path.write_text("old")
    before = tree(tmp_path)
    with largest_file(5_000), pytest.raises(BitsmithError, match="cannot write '.*'") as raised:
        WRITERS[name](path)
    assert re.search(r"File too large; raise the limit|the disk is full", str(raised.value))
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_is_full_when_it_writes_back(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room is often looked for only when the file is closed or flushed."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    make(tmp_path / "out", "old")
    before = tree(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BitsmithError, match=r"the disk is full \(.*\); make room or choose another folder"):
        WRITERS[name](tmp_path / "out" / {"array": "x.npy", "arrays": "x.npz"}.get(name, "verify.json"))
    assert tree(tmp_path) == before


@pytest.mark.parametrize("target", ["pipe", "folder"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, target: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BitsmithError, match="is no file that can be replaced; choose another name"):
        write_text(tmp_path / target, "new")
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


def test_open_build(tmp_path: Path) -> None:
    make(tmp_path / "out", "one")
    assert open_build(tmp_path / "out") == {"made_by": "bitsmith"}
    for name in ("absent", "out/rtl", "out/rtl/top.v"):
        with pytest.raises(BitsmithError, match="bitsmith build"):
            open_build(tmp_path / name)
