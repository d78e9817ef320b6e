"""Folders, model files and inputs may have any name: no tool interprets a part of a name as an option or a variable."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hls_cases import many_readers
from model_files import dense, input_layer, quantize, write_h5
from numpy.testing import assert_array_equal
from rigs import NASTY
from sim_graphs import random_inputs

from bitsmith.gen.build import build, build_project
from bitsmith.gen.files.folder import open_build, replacing
from bitsmith.gen.files.graph_file import load_graph
from bitsmith.gen.hls import HlsModel
from bitsmith.gen.report import write_report
from bitsmith.gen.simulate import verilator
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.verify import vectors
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder and one for temporary files, both of such a name."""
    for name in (NASTY, f"t{NASTY}"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / f"t{NASTY}"))
    monkeypatch.chdir(tmp_path / NASTY)
    return tmp_path


def test_a_build_of_any_name_gives_the_references_integers(here: Path, need: Callable[..., None]) -> None:
    """Twenty readers of an input, too: more than hls4ml can copy a stream for."""
    need("g++", "verilator")
    graph = many_readers((1, 2, 1), 20, 8)
    build(graph, None, NASTY, vectors=8)
    inputs = random_inputs(graph, 8, 1)
    expected = Reference(graph).predict_raw(*inputs)
    top = Top.load(Path(NASTY) / "rtl").without_traces()
    run = verilator.build(top, Path(NASTY) / "sim").run({"x": inputs[0]})
    assert run.problems == ()
    for name, simulated, reference, of_c in zip(
        graph.outputs, run.outputs.values(), expected, HlsModel(NASTY, "-O0").predict_raw(*inputs)
    ):
        assert_array_equal(simulated, reference, err_msg=name)
        assert_array_equal(of_c, reference, err_msg=name)
    assert not [name for name in os.listdir(Path(NASTY) / "sim") if name.startswith(".")]
    assert os.listdir(here / f"t{NASTY}") == []
    assert os.listdir() == [NASTY]


def test_the_names_of_files(here: Path) -> None:
    """A model, a configuration, its build, its report, and inputs."""
    model = write_h5(Path(f"{NASTY}.h5"), [input_layer(3), quantize(), dense()])
    config = Path(f"{NASTY}.yaml")
    config.write_text("Backend: Vivado\n")
    build_project(model, config, NASTY, vectors=4)
    assert open_build(NASTY)["file"] == model.name
    assert write_report(NASTY).is_file()
    x = np.arange(6).reshape(2, 3)
    np.save(f"{NASTY}.npy", x)
    graph = load_graph(Path(NASTY) / "graph.json")
    assert_array_equal(vectors.given(f"{NASTY}.npy", graph.inputs)[graph.inputs[0][0]], x)
    assert sorted(os.listdir()) == sorted([NASTY, *(f"{NASTY}{suffix}" for suffix in (".h5", ".npy", ".yaml"))])


@pytest.mark.parametrize(
    "name", ["n" * 256, "/".join(["n" * 250] * 17), "ü" * 128], ids=["name", "path", "two bytes each"]
)
def test_a_name_that_is_too_long_is_one_line(tmp_path: Path, name: str) -> None:
    message = "cannot write '.*': File name too long; choose another folder"
    with pytest.raises(BitsmithError, match=message) as raised, replacing(tmp_path / name) as fresh:
        (fresh / "file").touch()
    assert "\n" not in str(raised.value)
    assert os.listdir(tmp_path) == []
