"""Our own JSON files, in whose place anything may stand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bitsmith.gen.files.folder import open_build
from bitsmith.gen.files.json_file import read_json
from bitsmith.gen.simulate.ports import Top
from bitsmith.sim.errors import BitsmithError

PLACES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "no end": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "empty": lambda path: path.touch(),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe"),
    "deep": lambda path: path.write_text("[" * 50_000),
    "a list": lambda path: path.write_text("[]"),
    "NaN": lambda path: path.write_text("NaN"),
    "absent": lambda path: None,
}


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_of_ours(name: str, tmp_path: Path) -> None:
    """At once, too: opening a pipe waits for a writer, and /dev/zero has no end."""
    for file in ("bitsmith.json", "ports.json"):
        PLACES[name](tmp_path / file)
    with pytest.raises(BitsmithError, match="cannot read .*; give the cure"):
        read_json(tmp_path / "bitsmith.json", "the cure")
    with pytest.raises(BitsmithError, match="is no build folder of Bitsmith's"):
        open_build(tmp_path)
    with pytest.raises(BitsmithError, match=r"no readable ports\.json .* run 'bitsmith build' again"):
        Top.load(tmp_path)


def test_keys_and_values(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1, "ü"]}', encoding="utf-8")
    assert read_json(tmp_path / "a.json", "it") == {"a": [1, "ü"]}
