"""The emitted C++ compiles without a warning at -Wall -Wextra, with g++ and with clang++.

Warnings inside the headers that hls4ml brings are not ours and are not counted. ``#pragma HLS`` is known to HLS tools
alone, so the warning about unknown pragmas is switched off.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import test_average
import test_conv2d_transpose
import test_embedding
import test_gdn
import test_gru
import test_log_softmax
import test_lstm
import test_matmul
import test_maximum
import test_minimum
import test_multiply
import test_prelu
import test_repeat_vector
import test_reverse
import test_simple_rnn
import test_subtract
from contract import OperatorContract
from hls_cases import joined, others, windows
from kept import inside, said
from sim_graphs import random_inputs
from test_hls import project

from bitsmith.gen.build import load
from bitsmith.gen.config.schema import load_config, parse_config
from bitsmith.gen.hls import emit
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.simulate.compiling import SOURCES
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.simulate.simulation import device
from bitsmith.gen.simulate.verilator import VERILATE, mangle
from bitsmith.gen.tools import Tool, verilator
from bitsmith.gen.verify import vectors
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Operator

FLAGS = ["-std=c++14", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-fsyntax-only", "-fPIC", "-Ifirmware/ap_types"]
THEIRS = {"ap_types", "nnet_utils"}
MODELS = Path(__file__).parents[2] / "models"
IMAGES = (
    test_gdn.TestGDN,
    test_conv2d_transpose.TestConv2DTranspose,
    test_embedding.TestEmbedding,
    test_log_softmax.TestLogSoftmax,
    test_matmul.TestMatmul,
    test_prelu.TestPReLU,
)
JOINS = (
    test_average.TestAverage,
    test_maximum.TestMaximum,
    test_minimum.TestMinimum,
    test_multiply.TestMultiply,
    test_subtract.TestSubtract,
)
SEQUENCES = (
    test_gru.TestGRU,
    test_lstm.TestLSTM,
    test_simple_rnn.TestSimpleRNN,
    test_repeat_vector.TestRepeatVector,
    test_reverse.TestReverse,
)


def some(graphs: Sequence[Graph]) -> list[Graph]:
    """Every fifth: compiling all of them takes minutes, and they differ in numbers more than in code."""
    return list(graphs[::5])


def cases(*classes: type[OperatorContract]) -> list[Graph]:
    return [graph for c in classes for graph in some([case.graph("case") for case in c.cases.values()])]


GRAPHS: dict[str, Callable[[], Graph]] = {
    "arrays": lambda: joined(some([*windows(), *others()])),
    "streams": lambda: joined([*windows(), *others()]),
    "images": lambda: joined(cases(*IMAGES)),
    "joins": lambda: joined(cases(*JOINS)),
    "sequences": lambda: joined(cases(*SEQUENCES)),
}
DEMOS = {
    "cells": ("cells/student2.h5", "cells/config.yaml"),
    "fli": ("fli/lite32_8.h5", "fli/config.yaml"),
    "lic": ("lic/trained/wide_100/analysis.h5", "lic/config.yaml"),
}


COMPILERS = ["g++", pytest.param("clang++", marks=pytest.mark.slow)]
TOP, BENCH, BRIDGE = "firmware/joined.cpp", "joined_test.cpp", "bitsmith_bridge.cpp"


def warnings_of_ours(hls: Path, compiler: str, *sources: str) -> list[str]:
    """What the compiler says of files of the project ``hls``, but for lines about hls4ml's headers."""
    path = shutil.which(compiler)
    if path is None:
        pytest.skip(f"{compiler} is not installed")
    tool = Tool((path,))
    found = [said(tool, [*FLAGS, source], inside(hls, "."), hls) for source in sources]
    assert [text for status, text in found if status] == []
    lines = [line for _, text in found for line in text.splitlines() if "warning: " in line]
    return [line for line in lines if not THEIRS & set(Path(line.split(":")[0]).parts)]


def test_the_graphs_have_every_operator() -> None:
    stems = {node.op.stem for name in GRAPHS for node in GRAPHS[name]().nodes}
    assert stems == set(Operator.registry)


@pytest.fixture(scope="module", params=GRAPHS)
def emitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cpp")
    parallel = request.param == "arrays"
    project(
        GRAPHS[request.param](),
        folder,
        IOType="io_parallel" if parallel else "io_stream",
        Backend="Vivado" if parallel else "Vitis",
    )
    return folder / "hls"


@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_operator_compiles_without_a_warning(compiler: str, emitted: Path) -> None:
    assert warnings_of_ours(emitted, compiler, TOP) == []


@pytest.mark.parametrize("compiler", COMPILERS)
def test_bench_and_bridge_compile_without_a_warning(compiler: str, tmp_path: Path) -> None:
    project(joined([graph for graph in others() if graph.name == "dense_argmax"]), tmp_path)
    assert warnings_of_ours(tmp_path / "hls", compiler, BENCH, BRIDGE) == []


@pytest.mark.parametrize("model", ["cells", *(pytest.param(name, marks=pytest.mark.slow) for name in ("fli", "lic"))])
def test_the_demos_compile_without_a_warning(model: str, tmp_path: Path, need: Callable[..., None]) -> None:
    need("g++")
    file, config = (MODELS / path for path in DEMOS[model])
    settings = load_config(config)
    graph = load(file, settings)
    inputs = random_inputs(graph, 1, 1)
    given = {name: x for (name, _), x in zip(graph.inputs, inputs)}
    vectors.save(tmp_path / "vectors", given, dict(zip(graph.outputs, Reference(graph).predict_raw(*inputs))))
    emit(graph, settings, tmp_path, tmp_path / "vectors")
    (top,) = (tmp_path / "hls").glob("firmware/*.cpp")
    assert warnings_of_ours(tmp_path / "hls", "g++", f"firmware/{top.name}") == []


def test_the_harness_compiles_without_a_warning(tmp_path: Path, need: Callable[..., None]) -> None:
    """What drives the Verilog under Verilator; the C++ that Verilator itself writes is not ours."""
    need("g++", "verilator")
    graph, tool = next(graph for graph in others() if graph.name == "dense_argmax"), verilator()
    emit_plan(plan_for(graph, parse_config({})), tmp_path)
    top = Top.load(tmp_path).traced()
    (tmp_path / "device.cpp").write_text(device(top, "verilator.hpp.j2", mangle, inside=top.inside))
    tool.run([*VERILATE, "--top-module", top.name, *(path.name for path in top.sources())], tmp_path, "Verilator")
    headers = ["-isystem", str(tool.include), "-isystem", f"{tool.include}/vltstd", f"-I{SOURCES}"]
    command = [
        "g++",
        "-std=gnu++17",
        "-Wall",
        "-Wextra",
        "-fsyntax-only",
        *headers,
        "device.cpp",
        f"{SOURCES}/harness.cpp",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_warning_of_ours_is_found(tmp_path: Path, need: Callable[..., None]) -> None:
    need("g++")
    project(joined(windows()[:1]), tmp_path)
    header = tmp_path / "hls" / "firmware" / "bitsmith" / "raw.hpp"
    header.write_text(header.read_text() + "\ninline int zero(int not_used) { return 0; }\n")
    found = warnings_of_ours(tmp_path / "hls", "g++", BRIDGE)
    assert found
    assert all("bitsmith/raw.hpp:" in line and "not_used" in line for line in found)
