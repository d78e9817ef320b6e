"""A build from file to folder: repeatable, whole or not at all, and its reference gives what its vectors say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bitsmith
from bitsmith.gen.build import build_project
from bitsmith.sim.errors import BitsmithError

CELLS = Path(__file__).parents[2] / "models" / "cells"
MODEL, CONFIG = CELLS / "student2.h5", CELLS / "config.yaml"


def contents(folder: Path) -> dict[str, str]:
    """Every file below the folder by its digest."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("with space") / "out"
    return folder, build_project(MODEL, CONFIG, folder, seed=3, vectors=5)


def test_the_folder_is_as_documented(built: tuple[Path, dict[str, Any]]) -> None:
    folder, mark = built
    assert sorted(path.name for path in folder.iterdir()) == [
        "bitsmith.json",
        "estimate.json",
        "graph.json",
        "hls",
        "rtl",
        "tb",
        "vectors",
    ]
    assert json.loads((folder / "bitsmith.json").read_text()) == mark
    assert mark["sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert (mark["seed"], mark["vectors"]) == (3, 5)


def test_no_file_names_the_place_where_it_was_made(built: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = built
    place = str(folder.parent).encode()
    assert [str(path) for path in folder.rglob("*") if path.is_file() and place in path.read_bytes()] == []


def test_the_same_inputs_give_the_same_bytes(built: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = built
    build_project(MODEL, CONFIG, tmp_path / "again", seed=3, vectors=5)
    assert contents(tmp_path / "again") == contents(folder)


def test_the_api_gives_the_vectors_integers(built: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = built
    graph = bitsmith.load(MODEL, CONFIG)
    again = bitsmith.build(graph, CONFIG, tmp_path / "out", seed=3, vectors=5)
    raw = np.load(folder / "vectors" / f"input_{graph.inputs[0][0]}.npy")
    expected = np.load(folder / "vectors" / f"output_{graph.outputs[0]}.npy")
    assert raw.shape == (5, 48, 48, 1)
    (result,) = again.reference.predict_raw(raw)
    np.testing.assert_array_equal(result, expected)
    (result,) = again.reference.predict(raw / 256)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("model", "config", "reason"),
    [
        ("absent.h5", None, "absent.h5"),
        (str(MODEL), "absent.yaml", "absent.yaml"),
        (str(MODEL), "wrong.yaml", "ReuseFactor"),
    ],
)
def test_bad_input_leaves_the_old_build_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, config: str | None, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.yaml").write_text("HLSConfig: {Model: {ReuseFaktor: 1}}")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "bitsmith.json").write_text('{"made_by": "bitsmith"}')
    before = contents(tmp_path)
    with pytest.raises(BitsmithError, match=reason) as raised:
        build_project(model, config, "out")
    assert "\n" not in str(raised.value)
    assert contents(tmp_path) == before


def test_a_folder_that_is_not_ours_is_refused_before_the_model_is_read(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(BitsmithError, match="not made by Bitsmith"):
        build_project("absent.h5", None, tmp_path)


def test_no_vectors_show_nothing(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="show nothing"):
        build_project(MODEL, CONFIG, tmp_path / "out", vectors=0)
