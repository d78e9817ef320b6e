"""Kills a process at each of its file operations in turn, and lets processes compete for one place.

A program of its own, since it forks: ``python killed.py exchange|renames TASK FOLDER``. It prints what is wrong.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bitsmith.gen.files import workplace
from bitsmith.gen.files.folder import MARK, check_target, open_build, replacing, write_json, write_text
from bitsmith.gen.simulate.simulation import cached

EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "fcntl.flock", "ctypes")
FILES = ("graph.json", "hls", "report.html")
BUILDERS, ROUNDS = 4, 15


def build(place: Path, content: str) -> None:
    with replacing(place) as fresh:
        for name in FILES:
            (fresh / name).write_text(content)
        write_json(fresh / MARK, {"made_by": "bitsmith", "content": content})


def compiled(place: Path, content: str) -> None:
    def make(work: Path) -> None:
        (work / "harness").write_text("program")
        (work / "notes").write_text("program")

    cached(place, "top", ["text"], make)


def contents(place: Path) -> set[str]:
    """The contents of all files of a build."""
    mark = open_build(place)["content"]
    return (
        {mark, *((place / name).read_text() for name in FILES)} if set(os.listdir(place)) == {MARK, *FILES} else set()
    )


def forked(work: Callable[[], None]) -> int:
    """The status of a child that does it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killed_at(number: int, work: Callable[[], None]) -> bool:
    """Whether the child got as far as its file operation ``number``, where it is killed."""

    def child() -> None:
        left = [number]

        def hook(event: str, arguments: object) -> None:
            if event.startswith(EVENTS):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        work()

    return forked(child) == signal.SIGKILL


def every_point(prepare: Callable[[int], None], work: Callable[[int], None], check: Callable[[int], str]) -> int:
    """Number of points; prints each after which ``check`` found something."""
    number = 0
    prepare(number)
    while killed_at(number, partial(work, number)):
        wrong = check(number)
        if wrong:
            print(f"killed at operation {number}: {wrong}")
        number += 1
        prepare(number)
    return number


def replace(folder: Path, first: bool, recover: Callable[[Path], object]) -> int:
    """A build in the place of another, or where there is none."""

    def prepare(number: int) -> None:
        (folder / str(number)).mkdir()
        if not first:
            build(folder / str(number) / "out", "old")

    def check(number: int) -> str:
        out = folder / str(number) / "out"
        recover(out)
        found = contents(out) if out.exists() else None
        if found not in ([{"new"}, None] if first else [{"new"}, {"old"}]):
            return f"the build holds {found}"
        build(out, "next")
        return "" if contents(out) == {"next"} and os.listdir(out.parent) == ["out"] else f"{os.listdir(out.parent)}"

    return every_point(prepare, lambda number: build(folder / str(number) / "out", "new"), check)


def small_file(folder: Path) -> int:
    """A file in the place of another."""
    path = folder / "verify.json"

    def check(number: int) -> str:
        found = path.read_text()
        write_text(path, "old")
        return "" if found in ("old", "new") and os.listdir(folder) == ["verify.json"] else f"'{found}'"

    return every_point(lambda number: write_text(path, "old"), lambda number: write_text(path, "new"), check)


def cache(folder: Path) -> int:
    """A compiled program."""

    def check(number: int) -> str:
        home = folder / str(number)
        compiled(home, "")
        names = os.listdir(home)
        whole = len(names) == 1 and set(os.listdir(home / names[0])) == {"harness", "notes"}
        return "" if whole else f"{names}"

    return every_point(lambda number: None, lambda number: compiled(folder / str(number), ""), check)


def compete(folder: Path, work: Callable[[Path, str], None]) -> int:
    """Several at once: none fails, one wins, and nothing else is left."""

    def rounds(name: int) -> None:
        for number in range(ROUNDS):
            work(folder / "out", f"{name}-{number}")

    children = []
    for number in range(BUILDERS):
        child = os.fork()
        if child == 0:
            os._exit(forked(partial(rounds, number)) != 0)
        children.append(child)
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    if failed or os.listdir(folder) != ["out"]:
        print(f"{len(failed)} failed; left are {os.listdir(folder)}")
    return BUILDERS * ROUNDS


def competing_builds(folder: Path) -> int:
    done = compete(folder, build)
    if len(contents(folder / "out")) != 1:
        print(f"the build is mixed: {contents(folder / 'out')}")
    return done


TASKS: dict[str, Callable[[Path], int]] = {
    "replace": lambda folder: replace(folder, False, check_target),
    "first": lambda folder: replace(folder, True, check_target),
    "untouched": lambda folder: replace(folder, False, lambda place: None),
    "opened": lambda folder: replace(folder, False, open_build),
    "file": small_file,
    "cache": cache,
    "builds": competing_builds,
    "caches": lambda folder: compete(folder, compiled),
}


if __name__ == "__main__":
    if sys.argv[1] == "renames":
        workplace.exchange = lambda one, other: False
    print(TASKS[sys.argv[2]](Path(sys.argv[3])), "points")
