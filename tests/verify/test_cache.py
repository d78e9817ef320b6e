"""The user's cache of compiled programs: used when right, made again when not, never in the way, never too large."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bitsmith.gen.files import cache
from bitsmith.sim.errors import BitsmithError

KEY = cache.key("compiler 1", "text")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def filled(folder: Path, text: str = "program", key: str = KEY) -> tuple[str, bool]:
    """What is in the folder then, and whether it had to be made."""
    folder.mkdir()
    made = []

    def make(work: Path) -> None:
        made.append(work)
        (work / "harness").write_text(text)
        (work / "left.over").write_text("not kept")

    cache.filled("program", key, folder, ["harness"], make)
    return (folder / "harness").read_text(), bool(made)


def entries(home: Path) -> list[str]:
    return sorted(os.listdir(home))


def test_the_second_time_nothing_is_made(home: Path, tmp_path: Path) -> None:
    assert filled(tmp_path / "a") == ("program", True)
    assert filled(tmp_path / "b", "another") == ("program", False)
    assert os.listdir(tmp_path / "b") == ["harness"]
    assert entries(home) == [f"program-{KEY}"]


def test_another_text_is_another_entry(home: Path, tmp_path: Path) -> None:
    filled(tmp_path / "a")
    assert filled(tmp_path / "b", "another", cache.key("compiler 2", "text")) == ("another", True)
    assert len(entries(home)) == 2
    assert cache.key("ab", "c") != cache.key("a", "bc")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("harness", b"flipped"),
        ("harness", None),
        (cache.HASHES, b""),
        (cache.HASHES, b"[]"),
        (cache.HASHES, b"{}"),
        (cache.HASHES, b'{"../escaped": "0"}'),
        (cache.HASHES, b'{"other": "0"}'),
        (cache.HASHES, None),
    ],
)
def test_a_damaged_entry_is_made_again(home: Path, tmp_path: Path, file: str, content: bytes | None) -> None:
    filled(tmp_path / "a")
    damaged = home / f"program-{KEY}" / file
    damaged.unlink() if content is None else damaged.write_bytes(content)
    assert filled(tmp_path / "b", "new") == ("new", True)
    assert filled(tmp_path / "c", "newer") == ("new", False)


def test_a_failed_build_leaves_no_entry(home: Path, tmp_path: Path) -> None:
    def fail(work: Path) -> None:
        (work / "harness").write_text("half")
        raise BitsmithError("no")

    with pytest.raises(BitsmithError, match="no"):
        cache.filled("program", KEY, tmp_path, ["harness"], fail)
    assert not home.exists()


@pytest.mark.parametrize("value", ["", "0", "off"])
def test_it_can_be_switched_off(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(cache.VARIABLE, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert filled(tmp_path / "a")[1]
    assert filled(tmp_path / "b")[1]
    assert not home.exists()
    assert not (tmp_path / "xdg").exists()


def test_its_place_is_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.place() == tmp_path / "bitsmith"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert cache.place() == tmp_path / "me" / ".cache" / "bitsmith"


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way of root, too")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file" / "cache"))
    assert filled(tmp_path / "a") == ("program", True)
    assert filled(tmp_path / "b") == ("program", True)


def test_a_full_disk_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of more than 64 KiB cannot be written by this process: the entry's copy fails, the program is there."""
    home = tmp_path / "cache"
    code = f"""
import os, resource, signal
from pathlib import Path
from bitsmith.gen.files import cache
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
work = Path({str(tmp_path / "work")!r})
work.mkdir()
def make(folder):
    (folder / "harness").write_bytes(bytes(100_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))
cache.filled("program", {KEY!r}, work, ["harness"], make)
assert (work / "harness").stat().st_size == 100_000
assert os.listdir({str(home)!r}) == [], os.listdir({str(home)!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, cache.VARIABLE: str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_was_not_used_for_longest_is_removed(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [cache.key(str(k)) for k in range(4)]
    for k, key in enumerate(keys[:3]):
        filled(tmp_path / str(k), "x" * 1000, key)
        os.utime(home / f"program-{key}", (k, k))
    assert not filled(tmp_path / "used", key=keys[0])[1]  # now the one used last
    each = sum(path.stat().st_size for path in (home / f"program-{keys[0]}").iterdir())
    monkeypatch.setattr(cache, "LIMIT", 3 * each + 10)
    filled(tmp_path / "3", "x" * 1000, keys[3])
    assert entries(home) == sorted(f"program-{keys[k]}" for k in (0, 2, 3))


def test_what_is_not_ours_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("thesis", f"program-{'0' * 64}", "program-1"):
        (home / name).mkdir(parents=True)
        (home / name / "text").write_text("mine" * 1000)
    monkeypatch.setattr(cache, "LIMIT", 0)
    filled(tmp_path / "a")
    assert entries(home) == sorted(["thesis", f"program-{'0' * 64}", "program-1"])


def test_processes_at_the_same_time(home: Path, tmp_path: Path) -> None:
    """Each writes its own into the same entry, and removes it, over and over: whoever takes one, takes a whole one."""
    code = f"""
import sys
from pathlib import Path
from bitsmith.gen.files import cache
cache.LIMIT = int(sys.argv[2])
def make(work):
    for name in ("one", "two"):
        (work / name).write_text(sys.argv[1] * 5000)
for k in range(25):
    work = Path({str(tmp_path)!r}) / f"{{sys.argv[1]}}{{k}}"
    work.mkdir()
    cache.filled("program", {KEY!r}, work, ["one", "two"], make)
    one, two = ((work / name).read_text() for name in ("one", "two"))
    assert one == two and len(one) == 5000, (one[:5], two[:5])
"""
    env = {**os.environ, cache.VARIABLE: str(home)}
    runs = [
        subprocess.Popen([sys.executable, "-c", code, name, limit], env=env, stderr=subprocess.PIPE, text=True)
        for name, limit in (("a", "0"), ("b", "100000"), ("c", "0"))
    ]
    assert [(run.communicate()[1], run.returncode) for run in runs] == [("", 0)] * 3
