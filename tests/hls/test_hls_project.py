"""The emitted HLS project: its bench fails when it must, and nothing in it depends on place, time or luck."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hls_cases import U8, chain, conv, flatten
from kept import compiled, inside
from test_hls import project

from bitsmith.gen.files.graph_file import save_graph
from bitsmith.gen.hls import HlsModel
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.dense import Dense

ODD_FOLDER = "a b; $(touch x) 'ü' [1] {2}"


def small() -> Graph:
    return chain("small", (4, 4, 2), U8, conv((3, 3), 3), flatten)


def bench(folder: Path, program: str = "joined_test") -> subprocess.CompletedProcess[str]:
    """Run the project's own test bench, compiled before."""
    hls = folder / "hls"
    return subprocess.run([(hls / program).resolve()], cwd=hls, capture_output=True, text=True, check=False)


def compile_bench(folder: Path, program: str = "joined_test") -> None:
    """As the project's Makefile does, without optimization."""
    hls, sources = folder / "hls", ["joined_test.cpp", "firmware/joined.cpp"]
    flags = ["-std=c++11", "-O0", "-w", "-Ifirmware/ap_types"]
    compiled(flags, sources, [sources[0], *inside(hls, "firmware")], hls, hls / program)


def flip_weight_bit(header: Path) -> None:
    """Add or take away one last place of the first weight (fraction 4)."""
    text = header.read_text()
    first = re.search(r"_VALUES \\\n    (-?[0-9.]+)", text)
    assert first is not None
    raw = int(float(first[1]) * 16) ^ 1
    header.write_text(text[: first.start(1)] + f"{raw / 16:.4f}" + text[first.end(1) :])


def test_bench_passes_in_an_odd_folder_and_fails_when_it_must(tmp_path: Path, need: Callable[..., None]) -> None:
    need("g++")
    graph, folder = small(), tmp_path / ODD_FOLDER
    inputs = project(graph, folder)
    subprocess.run(["make", "joined_test", "CXXFLAGS=-std=c++11 -O0 -w"], cwd=folder / "hls", check=True)
    done = bench(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED: 6 frames" in done.stdout

    data = folder / "hls" / "tb_data" / f"output_{graph.outputs[0]}.dat"
    good = data.read_text()
    lines = [line.split() for line in good.splitlines()]
    right = int(lines[2][5])
    lines[2][5] = str(right + 1)
    data.write_text("\n".join(" ".join(line) for line in lines) + "\n")
    done = bench(folder)
    assert done.returncode == 1
    assert f"output flatten_1, frame 2, index 5: expected {right + 1}, got {right}\n" in done.stdout
    data.write_text(good.rsplit(" ", 1)[0])
    assert bench(folder).returncode == 2
    data.write_text(good)

    flip_weight_bit(folder / "hls" / "firmware" / "weights" / "w2.h")
    compile_bench(folder, "flipped")
    done = bench(folder, "flipped")
    assert done.returncode == 1
    assert "FIRST DIFFERENCE: output flatten_1, frame" in done.stdout
    wrong = HlsModel(folder, "-O0").trace_raw(*inputs)
    assert not np.array_equal(wrong["conv2d_0"], Reference(graph).trace_raw(*inputs)["conv2d_0"])


def test_a_class_does_not_hide_a_wrong_weight(tmp_path: Path, need: Callable[..., None]) -> None:
    """The decision stays the same; the bench names the layer."""
    need("g++")
    certain = np.array([[16, 0], [16, 0]])  # class 0 by far
    x, w, b = U8, Fixed(True, 4, 4), Fixed(True, 4, 4)
    op = Dense(x, certain, w, np.array([100, 0]), b)
    graph = chain("certain", (2,), x, lambda spec: op, lambda spec: Argmax(spec.type, spec.type.raw_min))
    project(graph, tmp_path)
    compile_bench(tmp_path)
    assert bench(tmp_path).returncode == 0
    flip_weight_bit(next((tmp_path / "hls" / "firmware" / "weights").glob("w*.h")))
    compile_bench(tmp_path, "flipped")
    done = bench(tmp_path, "flipped")
    assert done.returncode == 1
    assert "FIRST LAYER THAT DIFFERS: dense_0 in frame" in done.stdout
    assert "FIRST DIFFERENCE" not in done.stdout


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
def test_same_bytes_twice_and_no_trace_of_the_place(backend: str, tmp_path: Path) -> None:
    graph = small()
    for name in ("one", "another"):
        project(graph, tmp_path / name, Backend=backend)
    first, second = (files(tmp_path / name) for name in ("one", "another"))
    assert first == second
    assert len(first) > 50
    for name, content in first.items():
        assert str(tmp_path).encode() not in content, name


def test_emission_imports_no_keras(tmp_path: Path) -> None:
    save_graph(small(), tmp_path / "graph.json")
    project(small(), tmp_path)
    program = (
        "import sys; from pathlib import Path; from bitsmith.gen.hls import emit\n"
        "from bitsmith.gen.files.graph_file import load_graph\n"
        "from bitsmith.gen.config.schema import parse_config\n"
        "home = Path(sys.argv[1]); emit(load_graph(home / 'graph.json'), parse_config({}), home, home / 'vectors')\n"
        "print(sorted({'tensorflow', 'keras', 'tf_keras', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"  # and hls4ml printed nothing


def test_project_name_is_made_safe(tmp_path: Path) -> None:
    project(small(), tmp_path, ProjectName="a; exit")
    assert (tmp_path / "hls" / "firmware" / "a_exit.cpp").is_file()
    assert 'set project_name "a_exit"' in (tmp_path / "hls" / "project.tcl").read_text()


@pytest.mark.parametrize("key", ["Part", "ClockUncertainty", "Version"])
def test_nothing_of_the_configuration_is_run_by_tcl(key: str, tmp_path: Path) -> None:
    with pytest.raises(
        BitsmithError, match=f"{key}: ('.*' holds a character that Tcl would interpret|give a part of the period)"
    ):
        project(small(), tmp_path, **{key: "x[exec touch x]"})
    assert not (tmp_path / "hls").exists()


def test_makefile_names_what_is_there(tmp_path: Path) -> None:
    project(small(), tmp_path)
    makefile = (tmp_path / "hls" / "Makefile").read_text()
    for name in ("joined_test.cpp", "firmware/joined.cpp", "firmware/ap_types"):
        assert name in makefile
        assert (tmp_path / "hls" / name).exists()
