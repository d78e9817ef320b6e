"""Build folders that are damaged: what lacks, what is foreign, what is another kind of file, what was changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .case import Break, Case, build
from .good import Good

READERS = (
    ("estimate", "out"),
    ("report", "out"),
    ("verify", "out", "--level", "rtl"),
    ("verify", "out", "--level", "hls"),
    ("synth", "out", "--tool", "yosys"),
)


def _build(act: Callable[[Path], object]) -> Break:
    def make(folder: Path, good: Good, rng: np.random.Generator) -> None:
        act(good.copy_build(folder))

    return make


def _gone(name: str) -> Break:
    def act(out: Path) -> None:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return _build(act)


def _text(name: str, text: str) -> Break:
    return _build(lambda out: (out / name).write_text(text))


def _half(name: str) -> Break:
    def act(out: Path) -> None:
        data = (out / name).read_bytes()
        (out / name).write_bytes(data[: len(data) // 2])

    return _build(act)


def _folder(name: str) -> Break:
    def act(out: Path) -> None:
        (out / name).unlink()
        (out / name).mkdir()

    return _build(act)


def _pipe(name: str) -> Break:
    def act(out: Path) -> None:
        (out / name).unlink()
        os.mkfifo(out / name)

    return _build(act)


def _loop(name: str) -> Break:
    def act(out: Path) -> None:
        (out / name).unlink()
        (out / name).symlink_to(Path(name).name)

    return _build(act)


def _endless(name: str) -> Break:
    def act(out: Path) -> None:
        (out / name).unlink()
        (out / name).symlink_to("/dev/zero")

    return _build(act)


def _locked(name: str) -> Break:
    return _build(lambda out: (out / name).chmod(0))


def _file(name: str) -> Break:
    """A file in place of a folder."""

    def act(out: Path) -> None:
        shutil.rmtree(out / name)
        (out / name).write_text("no folder")

    return _build(act)


def _json(name: str, change: Callable[[Any], Any]) -> Break:
    def act(out: Path) -> None:
        data = json.loads((out / name).read_text())
        found = change(data)
        (out / name).write_text(json.dumps(data if found is None else found))

    return _build(act)


BREAKS: dict[str, Callable[[str], Break]] = {
    "absent": _gone,
    "empty": lambda name: _text(name, ""),
    "half": _half,
    "no JSON": lambda name: _text(name, "{"),
    "deep": lambda name: _text(name, "[" * 50_000),
    "a list": lambda name: _text(name, "[1, 2]"),
    "a number": lambda name: _text(name, "NaN"),
    "no keys": lambda name: _text(name, "{}"),
    "no UTF-8": lambda name: _build(lambda out: (out / name).write_bytes(b"\xff\xfe\x00")),
    "a folder": _folder,
    "a pipe": _pipe,
    "a link to itself": _loop,
    "no end": _endless,
    "no permission": _locked,
}
MARKS: dict[str, Callable[[Any], Any]] = {
    "somebody else's": lambda data: {**data, "made_by": "x"},
    "no hashes": lambda data: {key: value for key, value in data.items() if key != "files"},
    "hashes of numbers": lambda data: {**data, "files": dict.fromkeys(data["files"], 5)},
    "hashes that are a list": lambda data: {**data, "files": [1]},
    "another hash": lambda data: {**data, "files": dict.fromkeys(data["files"], "0" * 64)},
    "files outside": lambda data: {**data, "files": {**data["files"], "../../etc/passwd": "0" * 64}},
    "no layers": lambda data: {key: value for key, value in data.items() if key != "layers"},
    "layers of text": lambda data: {**data, "layers": "x"},
    "a configuration of text": lambda data: {**data, "config": "x"},
    "an unknown key": lambda data: {**data, "config": {"Unheard": 1}},
    "a model that is a list": lambda data: {**data, "model": [1]},
}


def cases() -> list[Case]:
    """Each damage through the commands that read what is damaged."""
    found = []
    for file, commands in (
        ("bitsmith.json", READERS),
        ("graph.json", READERS),
        ("rtl/ports.json", (READERS[0], READERS[2], READERS[4])),
        ("estimate.json", (READERS[1],)),
        ("verify.json", (READERS[1],)),
        ("vectors/input_pixels.npy", (READERS[1], READERS[2])),
    ):
        for number, (name, damage) in enumerate(BREAKS.items()):
            command = commands[number % len(commands)]
            may = name == "absent" and file in ("estimate.json", "verify.json")
            found.append(_case(f"{file} {name}", command, damage(file), file, may, "permission" in name))
    for number, (name, change) in enumerate(MARKS.items()):
        command = READERS[number % 4]
        found.append(_case(f"bitsmith.json {name}", command, _json("bitsmith.json", change), "bitsmith.json"))
        found.append(_case(f"bitsmith.json {name}", READERS[1], _json("bitsmith.json", change), "bitsmith.json"))
    for part in ("hls", "rtl", "vectors", "tb"):
        for what, damage in (("absent", _gone), ("a file", _file)):
            found.append(_case(f"{part}/ {what}", READERS[{"hls": 3, "tb": 1}.get(part, 2)], damage(part), part))
    return [*found, *_targets()]


def _case(
    name: str, command: tuple[str, ...], make: Break, file: str, may: bool = False, private: bool = False
) -> Case:
    """``report`` and ``estimate`` may go on where they do not read what is damaged, and then say what was changed."""
    passes = command[0] == "report" or (command[0] == "estimate" and file not in ("bitsmith.json", "graph.json"))
    return Case("build", name, command, make, accepted=may or passes, private=private)


def _targets() -> list[Case]:
    """What stands where a build shall go."""

    def place(act: Callable[[Path], object]) -> Break:
        def make(folder: Path, good: Good, rng: np.random.Generator) -> None:
            good.put(folder, "model.h5", "x.npy")
            act(folder / "out")

        return make

    def foreign(path: Path) -> None:
        path.mkdir()
        (path / "thesis.tex").write_text("mine")

    def inside(folder: Path, good: Good, rng: np.random.Generator) -> None:
        good.put(folder, "model.h5")
        (good.copy_build(folder) / "thesis.tex").write_text("mine")

    def read_only(folder: Path, good: Good, rng: np.random.Generator) -> None:
        good.put(folder, "model.h5")
        folder.chmod(0o555)

    things: dict[str, Break] = {
        "a file": place(lambda path: path.write_text("mine")),
        "a pipe": place(lambda path: os.mkfifo(path)),
        "a device": place(lambda path: path.symlink_to("/dev/null")),
        "a link to itself": place(lambda path: path.symlink_to("out")),
        "foreign files": place(foreign),
        "a build and a foreign file": inside,
    }
    found = [Case("target", name, build(), make) for name, make in things.items()]
    found.append(Case("target", "no permission", ("build", "model.h5", "-o", "out"), read_only, private=True))
    found.append(Case("target", "the current folder", ("build", "model.h5", "-o", "."), inside))
    found.append(Case("target", "no name", ("build", "model.h5", "-o", ""), inside))
    found.append(Case("target", "its own source", ("build", "out/thesis.tex", "-o", "out"), inside))
    written = ("calibrate", "model.h5", "--data", "x.npy", "-o", "out")
    for name in ("a pipe", "a link to itself", "foreign files"):
        found.append(Case("target", f"{name}, calibrate", written, things[name]))
        found.append(Case("target", f"{name}, config", ("config", "model.h5", "-o", "out"), things[name]))
    return found
