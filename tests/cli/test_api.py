"""The functions of ``import bitsmith``: what they give, how it shows itself, and that errors are one line."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import dense, input_layer, quantize, write_h5
from reading import legacy_keras, randomize, save

import bitsmith
from bitsmith import BitsmithError, api
from bitsmith.cli.main import _call
from bitsmith.gen.files.hashes import CHANGED
from bitsmith.result import Result

NAMES = ("inspect", "calibrate", "build", "load_build", "estimate", "verify", "synth", "report", "load")
COMMANDS = {
    "inspect": ["m.h5"],
    "calibrate": ["m.h5", "--data", "x.npy"],
    "build": ["m.h5", "-o", "out"],
    "verify": ["out"],
    "estimate": ["out"],
    "synth": ["out", "--tool", "yosys"],
    "report": ["out"],
}
EVIL = "<b>\x1b[31m\nevil"


@pytest.fixture
def floats(tmp_path: Path) -> Path:
    """A float model that knows no types."""
    layer = ("Dense", {"name": "dense", "units": 2, "use_bias": True}, dense()[2])
    return write_h5(tmp_path / "floats.h5", [input_layer(3), layer])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_h5(tmp_path / "m.h5", [input_layer(3), quantize(), dense()])


def test_what_there_is() -> None:
    assert set(NAMES) < set(dir(bitsmith))
    assert all(getattr(bitsmith, name).__doc__ for name in NAMES)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bitsmith.nonsense  # noqa: B018


def test_importing_it_imports_nothing_heavy() -> None:
    """Nor does looking at what it has."""
    heavy = ("numpy", "h5py", "hls4ml", "amaranth", "tensorflow", "yaml", "jinja2", "typer", "rich")
    code = f"import bitsmith, sys; bitsmith.verify; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_calls_the_function_of_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no second way to the same result."""

    def called(*_: Any, **__: Any) -> None:
        raise BitsmithError("called")

    monkeypatch.setattr(api, name, called)
    with pytest.raises(BitsmithError, match="^called$"):
        _call([name, *COMMANDS[name]])


def test_from_a_float_model_to_a_report(floats: Path, tmp_path: Path, need: Callable[..., None]) -> None:
    """The whole way in Python, no file of a configuration between."""
    need("g++", "verilator")
    x = np.random.default_rng(1).random((40, 3))
    assert bitsmith.inspect(floats)["missing"] != []
    types = bitsmith.calibrate(floats, x)
    config = {**types, "Bitsmith": {"input": "ufixed<8,0>"}}
    assert bitsmith.inspect(floats, config)["missing"] == []
    said: list[str] = []
    built = bitsmith.build(floats, config, tmp_path / "out", vectors=5, progress=said.append)
    assert said[0] == f"reading {floats}"
    again = bitsmith.load_build(str(tmp_path / "out"))
    assert again.graph.to_json() == built.graph.to_json() == bitsmith.load(floats, config).to_json()
    assert bitsmith.estimate(built) == json.loads((tmp_path / "out" / "estimate.json").read_text())
    proof = bitsmith.verify(again, "rtl", inputs=x, vectors=np.int64(7))
    assert (proof["passed"], proof["vectors"], list(proof["levels"])) == (True, 7, ["rtl"])
    assert proof == json.loads((tmp_path / "out" / "verify.json").read_text())
    page = bitsmith.report(built)
    assert page == tmp_path / "out" / "report.html"
    assert "on 7 frames (rtl)" in page.read_text()
    mark = json.loads((tmp_path / "out" / "bitsmith.json").read_text())
    assert (mark["file"], len(mark["sha256"]), mark["vectors"]) == ("floats.h5", 64, 5)


def test_data_from_a_file_or_an_array(floats: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(1).random((40, 3))
    np.save(tmp_path / "x.npy", x)
    types = bitsmith.calibrate(floats, x, 6)
    assert types == bitsmith.calibrate(str(floats), str(tmp_path / "x.npy"), np.uint8(6))
    assert types["HLSConfig"]["LayerName"]["dense"]["Precision"]["weight"].startswith("fixed<6,")


def results(floats: Path) -> list[Result]:
    """One of each command, whose layers may have any name."""
    x = np.random.default_rng(1).random((40, 3))
    layer = {"name": EVIL, "lut": 1, "chosen_by": {"strategy": "Model"}}
    total = {"lut": 1, "ff": 2, "dsp": 3, "bram": 4.5, "source": EVIL}
    row = {"compared": 2, "mismatches": 1, "seconds": 0.5, "problems": [EVIL]}
    report = {"model": EVIL, "seed": 1, "problems": [EVIL], "levels": {"rtl": row}, "cycles": None, "passed": False}
    return [
        bitsmith.inspect(floats),
        bitsmith.calibrate(floats, x),
        Result("estimate", {"layers": [layer], "latency_cycles": 3, "interval_cycles": 2, "resources": total}),
        Result("verify", {**report, "first_divergence": {"layer": EVIL}}),
        Result("synth", {"tool": "yosys", "lut": 5, "layers": [layer], "changed": [EVIL]}),
    ]


def test_results_show_themselves(floats: Path) -> None:
    """One line, the command's text, a table; they are data all the same, and pickle."""
    for result in results(floats):
        assert repr(result).startswith(f"<{result.command}: ")
        assert len(repr(result).splitlines()) == 1
        assert len(str(result).splitlines()) > 1
        assert result._repr_html_().startswith("<table>")
        assert json.loads(json.dumps(result)) == dict(result)
        again = pickle.loads(pickle.dumps(result))
        assert (again, repr(again)) == (result, repr(result))


def test_names_from_a_model_steer_neither_terminal_nor_page(floats: Path) -> None:
    for result in results(floats)[2:]:
        assert "\x1b" not in f"{result}{result!r}{result._repr_html_()}"
        assert "<b>" not in result._repr_html_()
        assert escape("<b>") in result._repr_html_()


def test_a_graph_and_a_build_are_one_line_each(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", [input_layer(3), quantize(), dense("de<b>nse")], "net\nwork")
    graph = bitsmith.load(path)
    assert repr(graph).startswith("<graph ")
    built = bitsmith.Build(tmp_path, graph)
    assert "1 node; pixels (3,)" in repr(built)
    assert all(len(repr(thing).splitlines()) == 1 for thing in (graph, built))
    for page in (graph._repr_html_(), built._repr_html_()):
        assert "<table>" in page
        assert "<b>" not in page


def test_progress_on_stderr_where_it_is_wanted(floats: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.ones((3, 3))
    bitsmith.calibrate(floats, x)
    assert capsys.readouterr() == ("", "")
    bitsmith.calibrate(floats, x, progress=True)
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == ("", f"reading {floats}")


RAGGED = [[1.0, 2.0], [3.0]]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda p: bitsmith.load("absent.h5"), "no such file"),
        (lambda p: bitsmith.load(3), "a int is no model"),
        (lambda p: bitsmith.load(None), "a NoneType is no model"),
        (lambda p: bitsmith.load(p / "m.h5", 3), "a int is no configuration"),  # type: ignore[arg-type]
        (lambda p: bitsmith.load(p / "m.h5", "absent.yaml"), "absent.yaml"),
        (lambda p: bitsmith.load(p / "m.h5", {"Nonsense": 1}), "Nonsense"),
        (lambda p: bitsmith.inspect("absent.h5"), "no such file"),
        (lambda p: bitsmith.inspect(object()), "is no model"),
        (lambda p: bitsmith.inspect(p / "m.h5", []), "a list is no configuration"),  # type: ignore[arg-type]
        (lambda p: bitsmith.calibrate(p / "m.h5", np.ones((2, 3)), 1), "bits=1 is not possible; give 2 to 32"),
        (lambda p: bitsmith.calibrate(p / "m.h5", np.ones((2, 3)), "8"), "bits='8' is not possible"),  # type: ignore[arg-type]
        (lambda p: bitsmith.calibrate(p / "m.h5", np.ones((2, 4))), "the data has shape"),
        (lambda p: bitsmith.calibrate(p / "m.h5", RAGGED), "the data: no array of numbers"),
        (lambda p: bitsmith.calibrate(p / "m.h5", None), "the data: no array of numbers"),
        (lambda p: bitsmith.calibrate(p / "m.h5", np.full((2, 3), np.nan)), "NaN"),
        (lambda p: bitsmith.build(p / "m.h5", None, p / "out", vectors=0), "vectors=0 is not possible"),
        (lambda p: bitsmith.build(p / "m.h5", None, p / "out", seed=-1), "seed=-1 is not possible"),
        (lambda p: bitsmith.build(3, None, p / "out"), "a int is no model"),
        (lambda p: bitsmith.build(p / "m.h5", None, p), "lies in the output folder"),
        (lambda p: bitsmith.build(bitsmith.load(p / "m.h5"), None, p / "o", weights="w.h5"), "a graph has its weights"),
        (lambda p: bitsmith.load(object(), weights="w.h5"), "leave out weights=w.h5"),
        (lambda p: bitsmith.calibrate(p / "m.h5", np.ones((2, 3)), weights="absent.h5"), "absent.h5|m.h5"),
        (lambda p: bitsmith.load_build(p), "is no build folder"),
        (lambda p: bitsmith.load_build(p / "absent"), "no folder"),
        (lambda p: bitsmith.estimate(p), "is no build folder"),
        (lambda p: bitsmith.estimate(p, "guess"), "unknown source of resources"),
        (lambda p: bitsmith.verify(p, "nonsense"), "no level 'nonsense'"),
        (lambda p: bitsmith.verify(p, []), "no level was given"),
        (lambda p: bitsmith.verify(p, vectors=1.5), "vectors=1.5 is not possible"),  # type: ignore[arg-type]
        (lambda p: bitsmith.synth(p, "nonsense"), "unknown tool 'nonsense'"),
        (lambda p: bitsmith.synth(p, "yosys"), "is no build folder"),
        (lambda p: bitsmith.report(p), "is no build folder"),
    ],
)
def test_what_is_wrong_is_one_line(wrong: Callable[[Path], Any], words: str, model: Path) -> None:
    with pytest.raises(BitsmithError, match=words) as error:
        wrong(model.parent)
    assert str(error.value).isprintable()


def test_an_error_with_a_line_break_in_a_name_is_one_line(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", [input_layer(3), ("Nonsense", {"name": "a\nb"}, {})])
    for function in (bitsmith.load, lambda p: bitsmith.build(p, None, tmp_path / "out")):
        with pytest.raises(BitsmithError) as error:
            function(path)
        assert str(error.value).isprintable()


def test_a_changed_graph_is_not_opened(model: Path, tmp_path: Path) -> None:
    bitsmith.build(model, None, tmp_path / "out", vectors=1)
    with (tmp_path / "out" / "graph.json").open("a") as file:
        file.write(" ")
    with pytest.raises(BitsmithError, match=CHANGED):
        bitsmith.load_build(tmp_path / "out")


@pytest.mark.train
def test_a_model_in_memory(tmp_path: Path) -> None:
    """Everything takes it; a layer of Bitsmith's own, which Keras must know to load its file, too."""
    keras, qkeras = legacy_keras()
    from bitsmith.layers import FixedGRU

    x = keras.layers.Input((4, 2))
    live = keras.Model(x, FixedGRU(3)(qkeras.QActivation("quantized_bits(8,2,alpha=1)")(x)))
    randomize(live, 3, 0.3)
    save(live, tmp_path / "m.h5")
    assert bitsmith.inspect(live)["layers"] == bitsmith.inspect(tmp_path / "m.h5")["layers"]
    assert bitsmith.load(live).to_json() == bitsmith.load(tmp_path / "m.h5").to_json()
    built = bitsmith.build(tmp_path / "m.h5", None, tmp_path / "out", vectors=6)
    report = bitsmith.verify(built, "keras", model=tmp_path / "m.h5", exact=True)
    assert report["passed"] is True
    assert bitsmith.verify(built, "keras", model=live)["levels"]["keras"]["mismatches"] == 0
