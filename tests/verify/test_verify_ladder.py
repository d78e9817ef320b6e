"""``verify``: its report, its vectors, and that it fails and names the first layer that differs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs import ADDER_CYCLES, ADDER_ESTIMATE, adder_build, adder_graph, edit, sealed_again

from bitsmith.gen.verify import RtlModel, levels, verify
from bitsmith.gen.verify import vectors as vector_files
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference

Need = Callable[..., None]


@pytest.fixture
def built(tmp_path: Path, need: Need) -> Path:
    """A build folder around the adder that a test may spoil."""
    need("g++", "verilator")
    return adder_build(tmp_path / "build")


def image(count: int) -> Any:
    return np.random.default_rng(count).integers(-16, 16, (count, 2, 5, 1))


def store(built: Path, x: Any) -> None:
    """Give the build vectors of its own."""
    (y,) = Reference(adder_graph()).predict_raw(x)
    vector_files.save(built / "vectors", {"image": x}, {"twice": y})
    sealed_again(built)


def test_a_good_build_passes(built: Path) -> None:
    lines: list[str] = []
    report = verify(built, ["rtl"], vectors=20, seed=5, progress=lines.append)
    assert report["passed"] is True
    assert (report["model"], report["vectors"], report["seed"]) == ("adder", 20, 5)
    level = report["levels"]["rtl"]
    assert (level["compared"], level["mismatches"], level["problems"]) == (20, 0, [])
    assert level["seconds"] > 0
    assert report["first_divergence"] is None
    assert report["cycles"]["latency_cycles"] == ADDER_CYCLES["latency_cycles"]
    assert report["cycles"]["equal"] is True
    assert json.loads((built / "verify.json").read_text()) == report
    assert any("20 vectors" in line for line in lines)


def test_streams_in_disorder_fail(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though every value is right: what was not written is what stood there before, and hardware waits for ever."""

    class Model:
        disorder = "stream 'layer9_out' is read while empty"

        def compile(self) -> None:
            pass

        def predict_raw(self, *raw: Any) -> Any:
            return Reference(adder_graph()).predict_raw(*raw)

    monkeypatch.setattr(levels, "_hls_model", lambda _: Model())
    report = verify(built, ["hls"], vectors=4)
    level = report["levels"]["hls"]
    assert (report["passed"], level["mismatches"], level["problems"]) == (False, 0, [Model.disorder])


@pytest.mark.parametrize("tool", ["iverilog", "yosys"])
def test_the_second_simulator(tool: str, built: Path, need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    """Icarus where it is, CXXRTL where it is not; each finds what Verilator would."""
    need(tool)
    if tool == "yosys":
        monkeypatch.setattr(levels, "iverilog", _missing)
    assert verify(built, ["second"], vectors=3)["passed"] is True
    edit(built / "rtl" / "plus_three.v", "6'sd3", "6'sd7")
    report = verify(built, ["second"], vectors=3)
    assert report["passed"] is False
    assert report["first_divergence"]["node"] == "plus_three"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("clang++") is None, reason="no clang++")
def test_clang_compiles_the_simulation(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes other options than GCC, and links Verilator's runtime with a library more."""
    monkeypatch.setenv("CXX", "clang++")
    monkeypatch.setenv("BITSMITH_CACHE", "off")
    assert verify(built, ["rtl"], vectors=3)["passed"] is True


def _missing() -> None:
    raise BitsmithError("no Icarus Verilog found")


def test_a_flipped_bit_in_the_verilog_names_its_layer(built: Path) -> None:
    edit(built / "rtl" / "plus_three.v", "6'sd3", "6'sd2")
    x = image(6)
    report = verify(built, ["rtl"], inputs=x)
    assert report["passed"] is False
    assert report["levels"]["rtl"]["mismatches"] == 6
    assert report["first_divergence"] == {
        "level": "rtl",
        "layer": "Plus/Three",
        "node": "plus_three",
        "frame": 0,
        "index": [0, 0, 0],
        "expected": int(x[0, 0, 0, 0]) + 3,
        "got": int(x[0, 0, 0, 0]) + 2,
        "step": None,
        "unit": None,
        "tensor": None,
    }


def test_the_first_wrong_frame_and_index_are_named(built: Path) -> None:
    """An error in one place of the second layer, for one input value."""
    edit(built / "rtl" / "twice.v", "s_tdata[5:0], 1'b0", "s_tdata[5:0] ^ (s_tdata[5:0] == 6'd18), 1'b0")
    x = np.zeros((5, 2, 5, 1), dtype=np.int64)
    x[3, 1, 2, 0] = 15  # 15 + 3 = 18 in an even lane
    report = verify(built, ["rtl"], inputs=x)
    assert report["levels"]["rtl"]["mismatches"] == 1
    found = report["first_divergence"]
    assert (found["node"], found["frame"], found["index"]) == ("twice", 3, [1, 2, 0])
    assert (found["expected"], found["got"]) == (36, 38)


def test_an_error_that_needs_the_frames_before_is_found(built: Path) -> None:
    """State that outlives a frame: the frame alone goes well."""
    old = "  assign s_tready = !m_tvalid | m_tready;\n"
    count = "reg [7:0] seen = 0;\n"
    count += "always @(posedge clk) if (rst) seen <= 0; else if (s_tvalid & s_tready) seen <= seen + 1;\n"
    edit(built / "rtl" / "plus_three.v", old, old + count)
    edit(built / "rtl" / "plus_three.v", "a0 + OFFSET", "a0 + OFFSET + $signed({1'b0, seen == 13})")
    found = verify(built, ["rtl"], inputs=image(6))["first_divergence"]
    assert (found["node"], found["frame"], found["index"]) == ("plus_three", 2, [0, 2, 0])


def test_an_error_between_the_layers_and_the_port_is_laid_to_the_output(built: Path) -> None:
    edit(built / "rtl" / "adder.v", "end_tdata[6], end_tdata[6:0]", "1'b0, end_tdata[6:0]")
    report = verify(built, ["rtl"], inputs=np.full((1, 2, 5, 1), -16))
    assert report["first_divergence"]["node"] == "twice"
    assert report["first_divergence"]["got"] == -26 + 128


def test_a_layer_that_delivers_nothing_is_named(built: Path) -> None:
    edit(built / "rtl" / "twice.v", "if (rst) m_tvalid <= 0;", "if (1) m_tvalid <= 0;")
    report = verify(built, ["rtl"], vectors=2)
    assert report["levels"]["rtl"]["mismatches"] == 2
    assert "deadlock" in report["levels"]["rtl"]["problems"][0]
    found = report["first_divergence"]
    assert (found["node"], found["index"], found["got"]) == ("twice", None, None)


def test_a_broken_protocol_fails_even_with_right_integers(built: Path) -> None:
    edit(built / "rtl" / "adder.v", "beat == 5))", "beat == 4))")
    report = verify(built, ["rtl"], vectors=4)
    assert report["levels"]["rtl"]["mismatches"] == 0
    assert report["levels"]["rtl"]["problems"]
    assert report["passed"] is False


@pytest.mark.parametrize(
    "wrong", [{"latency_cycles": 9}, {"interval_cycles": 7}, {"frame_ends": {"twice": [7, 13, 19, 26, 31, 37, 43, 49]}}]
)
def test_a_wrong_prediction_fails(wrong: dict[str, Any], built: Path) -> None:
    (built / "estimate.json").write_text(json.dumps({**ADDER_ESTIMATE, **wrong}))
    report = verify(built, ["rtl"], vectors=4)
    assert report["levels"]["rtl"]["mismatches"] == 0
    assert report["cycles"]["equal"] is False
    assert report["passed"] is False


def test_stored_vectors_are_used_and_extended(built: Path) -> None:
    store(built, image(5))
    assert verify(built, ["rtl"])["vectors"] == 5
    assert verify(built, ["rtl"], vectors=2)["vectors"] == 2
    report = verify(built, ["rtl"], vectors=9)
    assert (report["vectors"], report["passed"]) == (9, True)


def test_an_edited_expected_file_fails(built: Path) -> None:
    """It is named, with the place; the Verilog is held to the reference and is right."""
    store(built, image(5))
    path = built / "vectors" / "output_twice.npy"
    expected = np.load(path)
    expected[4, 1, 3, 0] ^= 1
    np.save(path, expected)
    report = verify(built, ["rtl"])
    assert report["passed"] is False
    assert report["levels"]["rtl"]["mismatches"] == 0
    right, wrong = expected[4, 1, 3, 0] ^ 1, expected[4, 1, 3, 0]
    assert report["problems"] == [
        f"'{path}' was changed since it was built: run 'bitsmith build' again",
        f"'{path}' holds {wrong} at frame 4, index [1, 3, 0]; the reference gives {right}",
    ]


def test_the_default_vectors_hold_the_extremes() -> None:
    x = vector_files.make(adder_graph().inputs, 10, seed=3)["image"]
    assert (x[0] == -16).all()
    assert (x[1] == 15).all()
    assert set(np.unique(x[2])) == {-16, 15}
    assert (x[3] == 0).all()
    np.testing.assert_array_equal(x, vector_files.make(adder_graph().inputs, 10, seed=3)["image"])
    assert not np.array_equal(x[4:], vector_files.make(adder_graph().inputs, 10, seed=4)["image"][4:])


def test_floats_are_rounded_and_saturated_and_integers_are_raw(tmp_path: Path) -> None:
    specs = adder_graph().inputs
    np.save(tmp_path / "x.npy", np.full((1, 2, 5, 1), 2.5))
    assert (vector_files.given(tmp_path / "x.npy", specs)["image"] == 2).all()
    assert (vector_files.given(np.full((1, 2, 5), 99.0), specs)["image"] == 15).all()
    with pytest.raises(BitsmithError, match="holds 99 to 99; its raw integers are -16 to 15"):
        vector_files.given(np.full((1, 2, 5, 1), 99), specs)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "level": ({"levels": ["rtl", "rlt"]}, "no level 'rlt'; the levels are hls, rtl"),
    "none": ({"levels": []}, "no level was given"),
    "count": ({"vectors": 0}, "give 1 or more"),
    "shape": ({"inputs": np.zeros((3, 4))}, "has shape"),
    "empty": ({"inputs": np.zeros((0, 2, 5, 1))}, "has shape"),
    "text": ({"inputs": np.array(["a"] * 10).reshape(1, 2, 5, 1)}, "give integers"),
    "name": ({"inputs": {"picture": np.zeros((1, 2, 5, 1))}}, "the model has"),
    "file": ({"inputs": "nowhere.npy"}, "no such file; give a .npy file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_requests_are_one_line(case: str, tmp_path: Path) -> None:
    arguments, message = BAD[case]
    with pytest.raises(BitsmithError) as caught:
        verify(adder_build(tmp_path / "build"), **{"levels": ["rtl"], **arguments})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["bitsmith.json", "rtl/ports.json", "rtl/twice.v", "estimate.json"])
def test_an_incomplete_build_is_one_line(file: str, built: Path) -> None:
    (built / file).unlink()
    with pytest.raises(BitsmithError, match="bitsmith build") as caught:
        verify(built, ["rtl"], vectors=1)
    assert "\n" not in str(caught.value)


def test_the_verilog_as_a_predictor(built: Path) -> None:
    x = image(3)
    model = RtlModel(built)
    np.testing.assert_array_equal(model.predict_raw(x)[0], 2 * (x + 3))
    np.testing.assert_array_equal(model.predict(x.astype(float))[0], 2 * (x + 3))
    np.testing.assert_array_equal(model.trace_raw(x)["plus_three"], x + 3)
