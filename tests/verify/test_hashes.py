"""A build knows its files: whatever was edited, emptied or cut since is named, and nothing of it is trusted."""

from __future__ import annotations

import json
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from rigs import adder_build, adder_graph, sealed_again

from bitsmith.gen.build import build
from bitsmith.gen.files import hashes
from bitsmith.gen.files.folder import open_build
from bitsmith.gen.resources.estimate import estimate
from bitsmith.gen.verify import vectors as vector_files
from bitsmith.gen.verify import verify
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference

VECTORS = "vectors/output_twice.npy"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hashes") / "build"
    build(adder_graph(), {}, folder, seed=3, vectors=5)
    return folder


@pytest.fixture
def built(whole: Path, tmp_path: Path) -> Path:
    """A build that a test may spoil."""
    shutil.copytree(whole, tmp_path / "build")
    return tmp_path / "build"


def changed(folder: Path) -> list[str]:
    return hashes.changed(folder, open_build(folder))


def test_every_file_is_known(built: Path) -> None:
    known = set(open_build(built)["files"])
    below = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    assert below - known == {"bitsmith.json", "estimate.json", "hls/build_opt.tcl"}
    assert changed(built) == []


def test_every_edited_file_is_named(built: Path) -> None:
    """One bit is changed in each file, one file after another."""
    for name in open_build(built)["files"]:
        path = built / name
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]) if before else b"x")
        assert changed(built) == [name]
        path.write_bytes(before)


@pytest.mark.parametrize("key", ["config", "model", "seed", "files"])
def test_an_edited_bitsmith_json_is_named(key: str, built: Path) -> None:
    """The configuration in it too, and a hash that was made to fit."""
    mark = open_build(built)
    mark[key] = {**mark[key], "rtl/adder_twice.v": "0"} if key == "files" else "other"
    (built / "bitsmith.json").write_text(json.dumps(mark))
    assert changed(built)[0] == "bitsmith.json"


@pytest.mark.parametrize("part", ["graph.json", "hls", "rtl", "vectors", VECTORS, "rtl/adder_twice.v"])
@pytest.mark.parametrize("levels", [["hls"], ["rtl"]])
def test_what_is_missing_is_named(part: str, levels: list[str], built: Path) -> None:
    path = built / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(BitsmithError, match=rf"{part}.*' is missing: run 'bitsmith build' again$"):
        verify(built, levels)


@pytest.mark.parametrize("mark", ['{"made_by": "bitsmith"}', '{"made_by": "bitsmith", "files": {"graph.json": 1}}'])
def test_a_build_without_hashes_is_built_again(mark: str, built: Path) -> None:
    (built / "bitsmith.json").write_text(mark)
    with pytest.raises(BitsmithError, match=r"holds no hashes of the build's files: run 'bitsmith build' again"):
        verify(built, ["rtl"])


@pytest.mark.parametrize("name", ["graph.json", "bitsmith.json"])
def test_no_estimate_of_another_network(name: str, built: Path) -> None:
    data = json.loads((built / name).read_text())
    (built / name).write_text(json.dumps({**data, "name": "other"}, indent=3))
    with pytest.raises(BitsmithError, match=rf"{name}' was changed since it was built: run 'bitsmith build' again"):
        estimate(built)


def saved(array: object) -> bytes:
    """The bytes of a .npy file with this array."""
    file = BytesIO()
    np.save(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


GOOD = saved(np.zeros((5, 2, 5, 1), dtype=np.int64))
SPOILT = {
    "cut": GOOD[:-9],
    "cut in its header": GOOD[:40],
    "empty": b"",
    "text": b"0\n1\n",
    "a float in the shape": GOOD.replace(b"(5, 2, 5, 1)", b"(5, 2, 1e15)"),
    "a power in the shape": GOOD.replace(b"(5, 2, 5, 1)", b"(9**9, 9, 1)"),
    "gigantic": GOOD.replace(b"(5, 2, 5, 1)", b"(9999999999)"),
    "another shape": saved(np.zeros((5, 3), dtype=np.int64)),
    "a number": saved(3),
    "floats": saved(np.zeros((5, 2, 5, 1))),
    "texts": saved(np.full((5, 2, 5, 1), "a")),
    "objects": saved(np.full((5, 2, 5, 1), None)),
    "too large": saved(np.full((5, 2, 5, 1), 999)),
    "no frames": saved(np.zeros((0, 2, 5, 1), dtype=np.int64)),
}


@pytest.mark.parametrize("name", ["input_image", "output_twice"])
@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_vector_is_one_line_with_its_cure(kind: str, name: str, tmp_path: Path) -> None:
    folder = adder_build(tmp_path / "build")
    x = np.zeros((5, 2, 5, 1), dtype=np.int64)
    vector_files.save(folder / "vectors", {"image": x}, {"twice": Reference(adder_graph()).predict_raw(x)[0]})
    sealed_again(folder)
    path = folder / "vectors" / f"{name}.npy"
    path.write_bytes(SPOILT[kind])
    with pytest.raises(BitsmithError) as raised:
        verify(folder, ["rtl"])
    line = str(raised.value)
    assert line.startswith(f"'{path}'")
    assert line.endswith("run 'bitsmith build' again")
    assert "\n" not in line


@pytest.mark.parametrize("name", ["graph.json", "rtl/ports.json", "hls/ports.json"])
@pytest.mark.parametrize("text", ["", "{}", "[]", '{"top": 3}', "[" * 99_999])
def test_a_spoilt_description_is_one_line(name: str, text: str, built: Path) -> None:
    (built / name).write_text(text)
    with pytest.raises(BitsmithError) as raised:
        verify(built, ["hls" if name.startswith("hls") else "rtl"])
    assert "build" in str(raised.value)
    assert Path(name).name in str(raised.value)
    assert "\n" not in str(raised.value)
