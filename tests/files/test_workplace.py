"""Work folders: what killed processes left is removed or restored; the folders of running processes are not touched."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from killed import build, contents

from bitsmith.gen.files import workplace
from bitsmith.gen.files.folder import check_target, replacing, write_text
from bitsmith.gen.simulate.simulation import cached
from bitsmith.gen.tools import Tool
from bitsmith.sim.errors import BitsmithError

KILLED = Path(__file__).parents[1] / "helpers" / "killed.py"
DEAD = ".out.new-0123abcd"


def exchanges(folder: Path) -> bool:
    """Whether the file system can exchange two folders in one step."""
    one, other = folder / "one", folder / "other"
    for path in (one, other):
        path.mkdir()
        (path / path.name).touch()
    done = workplace.exchange(one, other)
    assert os.listdir(one) == ["other" if done else "one"]
    return done


@pytest.mark.parametrize(
    ("how", "task"),
    [
        *(("exchange", task) for task in ("replace", "first", "untouched", "file", "cache", "builds", "caches")),
        *(("renames", task) for task in ("replace", "opened", "builds")),
    ],
)
def test_killed_at_any_file_operation(tmp_path: Path, how: str, task: str) -> None:
    """A build is whole, the old one or the new one; a file and a compiled program too; and nothing else stays.

    ``untouched``: without any recovery, since the two change places in one step.
    """
    if task == "untouched" and not exchanges(tmp_path):
        pytest.skip("this file system cannot exchange two folders")
    (tmp_path / "work").mkdir()
    command = [sys.executable, str(KILLED), how, task, str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    *wrong, points = done.stdout.splitlines() or [""]
    assert (done.returncode, wrong, done.stderr) == (0, [], "")
    assert int(points.split()[0]) > 10


@pytest.mark.parametrize("exchange", [True, False])
def test_a_living_build_keeps_its_folder_and_the_last_one_wins(
    tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(workplace, "exchange", lambda one, other: False)
    build(tmp_path / "out", "first")
    with workplace.remaking(tmp_path / "out") as slow:
        build(tmp_path / "out", "second")
        assert contents(tmp_path / "out") == {"second"}
        (slow / "file").write_text("slow")
    assert (tmp_path / "out" / "file").read_text() == "slow"
    assert os.listdir(tmp_path) == ["out"]


def test_without_locks_nothing_of_others_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with workplace.work_folder(tmp_path / "other") as held:
        monkeypatch.setattr(fcntl, "flock", refuse)
        for content in ("one", "two"):
            build(tmp_path / "out", content)
        assert contents(tmp_path / "out") == {"two"}
        assert sorted(os.listdir(tmp_path)) == sorted([held.name, "out"])


def test_what_only_has_such_a_name_stays(tmp_path: Path) -> None:
    for name, lock in ((DEAD, None), (".a.new-00000000", b""), (".b.new-00000000", b"mine")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.tex").write_text("mine")
        if lock is not None:
            (tmp_path / name / "lock").write_bytes(lock)
    (tmp_path / ".c.new-00000000").write_text("mine")
    names = sorted(os.listdir(tmp_path))
    workplace.sweep(tmp_path)
    assert sorted(os.listdir(tmp_path)) == names


def test_what_is_there_again_is_not_overwritten(tmp_path: Path) -> None:
    """Killed between two renames, and then somebody made the folder anew."""
    (tmp_path / DEAD / "old").mkdir(parents=True)
    (tmp_path / DEAD / "lock").write_bytes(b"bitsmith\0out")
    (tmp_path / "out").mkdir()
    check_target(tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(tmp_path / "out") == []


def test_a_folder_without_a_name_for_it(tmp_path: Path) -> None:
    """Names that are cut for the work folder do not bring the old one back in another's place."""
    one, other = tmp_path / ("n" * 60 + "1"), tmp_path / ("n" * 60 + "2")
    build(other, "other")
    with workplace.work_folder(one) as work:
        build(one, "one")
        one.rename(work / "old")
        (work / "lock").rename(work / "kept")  # as if it were another process's
        (work / "lock").write_bytes(b"bitsmith\0" + os.fsencode(one.name))
        workplace.sweep(tmp_path)
    assert (contents(one), contents(other)) == ({"one"}, {"other"})


def test_foreign_files_that_came_while_we_worked_are_kept(tmp_path: Path) -> None:
    build(tmp_path / "out", "one")
    with pytest.raises(BitsmithError, match=r"notes\.txt"), replacing(tmp_path / "out"):
        (tmp_path / "out" / "notes.txt").write_text("mine")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize(
    "name",
    [
        ".verify.json.new-0123abcd",
        "verify.json.new",
        ".estimate.json.new-0123abcd",
        ".sim.new-0123abcd",
    ],
)
def test_half_made_files_in_a_build_are_known(tmp_path: Path, name: str) -> None:
    build(tmp_path / "out", "one")
    (tmp_path / "out" / name).write_text("")
    build(tmp_path / "out", "two")
    assert contents(tmp_path / "out") == {"two"}


@pytest.mark.parametrize("name", [".thesis.new-0123abcd", "thesis.json.new", ".verify.json.new-mine", ".hls"])
def test_others_half_made_files_are_not(tmp_path: Path, name: str) -> None:
    build(tmp_path / "out", "one")
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(BitsmithError, match="which Bitsmith did not make"):
        build(tmp_path / "out", "two")
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_a_failed_tool_leaves_its_log_and_nothing_else(tmp_path: Path) -> None:
    tool = Tool((sys.executable, "-c"))

    def fail(work: Path) -> None:
        tool.run(["import sys; sys.exit('error: so it is')"], work, "A tool")

    with pytest.raises(BitsmithError, match=r"A tool failed: error: so it is \(the log is '(.*)'\)") as raised:
        cached(tmp_path / "sim", "top", ["text"], fail)
    assert os.listdir(tmp_path / "sim") == ["a_tool.log"]
    assert str(tmp_path / "sim" / "a_tool.log") in str(raised.value)
    assert (tmp_path / "sim" / "a_tool.log").read_text() == "error: so it is\n"


def test_a_tool_on_a_full_disk_says_so(tmp_path: Path) -> None:
    text = "x.s: error: one\\nx.s: No space left on device\\n"
    with pytest.raises(BitsmithError, match=r"x\.s: No space left on device; make room"):
        Tool((sys.executable, "-c")).run([f"import sys; sys.exit('{text}')"], tmp_path, "A tool")


def test_temporary_files_of_tools_are_in_the_work_folder(tmp_path: Path) -> None:
    tool = Tool((sys.executable, "-c"))
    with workplace.remaking(tmp_path / "made") as work:
        tool.run(["import tempfile; open(tempfile.mkstemp()[1], 'w')"], work, "A tool")
        assert len(os.listdir(work)) == 1


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.json").symlink_to("real/a.json")
    write_text(tmp_path / "link.json", "one")
    write_text(tmp_path / "link.json", "two")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real" / "a.json").read_text() == "two"
