"""An output folder is replaced whole or not at all, and never where it is not ours."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bitsmith.gen.folder import MARK, open_build, replacing, write_json, write_text
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
            assert (
                str(raised.value)
                == f"cannot write '{target}': No space left on device; make room or choose another folder"
            )
        assert tree(tmp_path) == before


def test_a_failed_rename_puts_the_old_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "out", "one")
    before = tree(tmp_path)
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if ".new-" in self.name:
            raise OSError(errno.EACCES, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
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


def test_open_build(tmp_path: Path) -> None:
    make(tmp_path / "out", "one")
    assert open_build(tmp_path / "out") == {"made_by": "bitsmith"}
    for name in ("absent", "out/rtl", "out/rtl/top.v"):
        with pytest.raises(BitsmithError, match="bitsmith build"):
            open_build(tmp_path / name)
