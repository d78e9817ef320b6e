"""The HLS project: hls4ml's C simulation gives the reference's integers at every layer, without tolerance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hls_cases import U8, awkward_names, chain, conv, dense, joined, many_readers, others, raw, windows
from numpy.testing import assert_array_equal
from sim_graphs import random_graph, random_inputs

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.hls import HlsModel, emit
from bitsmith.gen.hls import model as model_module
from bitsmith.gen.hls.layers import layer_list
from bitsmith.gen.verify import vectors
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten

FRAMES, SEED = 6, 1
RANDOM_SEEDS = range(20, 25)


def project(graph: Graph, folder: Path, **config: object) -> list[IntArray]:
    """Vectors and project in ``folder``; returns the inputs."""
    inputs = random_inputs(graph, FRAMES, SEED)
    outputs = Reference(graph).predict_raw(*inputs)
    named = {name: x for (name, _), x in zip(graph.inputs, inputs)}
    vectors.save(folder / "vectors", named, dict(zip(graph.outputs, outputs)))
    emit(graph, parse_config({"ProjectName": "joined", **config}), folder, folder / "vectors")
    return inputs


def check(graph: Graph, folder: Path, **config: object) -> None:
    """Every output by predict, every tensor by trace."""
    inputs = project(graph, folder, **config)
    expected = Reference(graph).trace_raw(*inputs)
    model = HlsModel(folder, "-O0")
    for name, got in zip(graph.outputs, model.predict_raw(*inputs)):
        assert_array_equal(got, expected[name], err_msg=name)
    traced = model.trace_raw(*inputs)
    for name, values in traced.items():
        assert_array_equal(values, expected[name], err_msg=name)
    assert names_to_trace(graph) <= set(traced)


def names_to_trace(graph: Graph) -> set[str]:
    """What somebody reads, but for reshapes in place and for what is too wide for hls4ml's trace."""
    read = {name for node in graph.nodes for name in node.inputs} | set(graph.outputs)
    nodes = [node for node in graph.nodes if node.name in read and not isinstance(node.op, Flatten)]
    return {node.name for node in nodes if graph.specs()[node.name].type.width <= 53}


CASES: dict[str, Callable[[], list[Graph]]] = {
    "windows": windows,
    "others": others,
    "random": lambda: [random_graph(seed) for seed in RANDOM_SEEDS],
}


@pytest.mark.parametrize(
    ("cases", "io_type", "backend"),
    [
        ("windows", "io_parallel", "Vitis"),
        ("windows", "io_stream", "Vivado"),
        ("others", "io_parallel", "Vivado"),
        # The contracts compile every operator for io_stream and Vitis.
        pytest.param("windows", "io_stream", "Vitis", marks=pytest.mark.slow),
        pytest.param("others", "io_stream", "Vitis", marks=pytest.mark.slow),
        pytest.param("random", "io_stream", "Vitis", marks=pytest.mark.slow),
    ],
)
def test_every_layer_equals_the_reference(
    cases: str, io_type: str, backend: str, tmp_path: Path, need: Callable[..., None]
) -> None:
    need("g++")
    check(joined(CASES[cases]()), tmp_path, IOType=io_type, Backend=backend)


def test_names_of_hls4mls_own(tmp_path: Path, need: Callable[..., None]) -> None:
    need("g++")
    check(awkward_names(), tmp_path)


@pytest.mark.parametrize("io_type", ["io_stream", "io_parallel"])
def test_resource_strategy(io_type: str, tmp_path: Path, need: Callable[..., None]) -> None:
    """Also where the multipliers are shared more often than a window has values."""
    need("g++")
    sizes = {"many": (3, 3), "few": (1, 1), "row": (1, 2)}
    graph = joined([chain(name, (5, 5, 2), U8, conv(size, 4)) for name, size in sizes.items()])
    check(graph, tmp_path, HLSConfig={"Model": {"Strategy": "Resource", "ReuseFactor": 6}}, IOType=io_type)


def test_wide_accumulators_are_exact(tmp_path: Path, need: Callable[..., None]) -> None:
    """61 bits: more than a float64 holds."""
    need("g++")
    x, w = Fixed(True, 20, 9), Fixed(True, 9, 20)
    kernel = raw(w, 2, 3)
    kernel[0] = w.raw_max
    op = Dense(x, kernel, w, raw(w, 3), w)
    graph = chain("wide", (2,), x, lambda spec: op)
    assert graph.specs()["dense_0"].type.width > 53
    inputs = project(graph, tmp_path)
    assert_array_equal(HlsModel(tmp_path, "-O0").predict_raw(*inputs)[0], op.compute(*inputs))


def test_weights_too_wide_for_a_double_are_refused(tmp_path: Path) -> None:
    w = Fixed(True, 54, 0)
    graph = chain("wide", (1,), U8, lambda x: Dense(x.type, np.full((1, 1), w.raw_max), w, np.zeros(1, np.int64), w))
    with pytest.raises(BitsmithError, match="more than 53 bits in HLS"):
        project(graph, tmp_path)


def test_many_frames_run_side_by_side(
    tmp_path: Path, need: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order, each thread with lines and windows of its own."""
    need("g++")
    monkeypatch.setattr(model_module, "processors", lambda: 3)
    monkeypatch.setattr(model_module, "FRAMES_EACH", 7)
    graph = chain("lines", (6, 6, 2), U8, conv((3, 3), 3))
    project(graph, tmp_path)
    (x,) = random_inputs(graph, 50, SEED)
    copies, run = [], model_module.HlsModel._run

    def watched(model: Any, library: Any, inputs: list[IntArray]) -> tuple[IntArray, ...]:
        copies.append(library)
        return run(model, library, inputs)

    monkeypatch.setattr(model_module.HlsModel, "_run", watched)
    assert_array_equal(HlsModel(tmp_path, "-O0").predict_raw(x)[0], Reference(graph).predict_raw(x)[0])
    assert len({copy._handle for copy in copies}) == 3
    assert [path.suffix for path in (tmp_path / "sim").iterdir()] == [".so"]


def test_threshold_can_be_set_at_run_time(tmp_path: Path, need: Callable[..., None]) -> None:
    need("g++")
    graph = next(g for g in others() if g.name == "dense_argmax")
    inputs = project(graph, tmp_path)
    model, reference = HlsModel(tmp_path, "-O0"), Reference(graph)
    logits = reference.trace_raw(*inputs)["dense_0"]
    seen = set()
    for threshold in (int(logits.min()), int(np.median(logits.max(axis=1))), int(logits.max()) + 1):
        got = model.predict_raw(*inputs, threshold=threshold)[0]
        assert_array_equal(got, reference.with_threshold(threshold).predict_raw(*inputs)[0])
        seen |= {int(k) for k in got[:, 0]}
    assert 5 in seen
    assert len(seen) > 1


def test_wrong_inputs_are_one_line(tmp_path: Path, need: Callable[..., None]) -> None:
    graph = chain("small", (3,), U8, dense(2))
    project(graph, tmp_path)
    model = HlsModel(tmp_path, "-O0")
    for bad in ([], [np.zeros((1, 4), np.int64)], [np.zeros((1, 3))], [np.full((1, 3), 256)]):
        with pytest.raises(BitsmithError, match=r"give "):
            model.predict_raw(*bad)
    with pytest.raises(BitsmithError, match="holds no HLS project"):
        HlsModel(tmp_path / "nothing")


def test_missing_compiler_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(chain("small", (3,), U8, dense(2)), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(BitsmithError, match=r"no C\+\+ compiler found"):
        HlsModel(tmp_path).compile()


def test_the_library_is_compiled_once(tmp_path: Path, need: Callable[..., None]) -> None:
    need("g++")
    project(chain("small", (3,), U8, dense(2)), tmp_path)
    first = HlsModel(tmp_path, "-O0").compile()
    stamp = first.stat().st_mtime_ns
    assert HlsModel(tmp_path, "-O0").compile() == first
    assert first.stat().st_mtime_ns == stamp


def test_predict_quantizes_real_inputs(tmp_path: Path, need: Callable[..., None]) -> None:
    need("g++")
    graph = chain("small", (3,), U8, dense(2))
    project(graph, tmp_path)
    x = np.array([[0.1, 0.5, 2.0]])
    assert_array_equal(HlsModel(tmp_path, "-O0").predict(x)[0], Reference(graph).predict(x)[0])


@pytest.mark.parametrize("readers", range(1, 24))
def test_no_stream_is_copied_more_often_than_hls4ml_can(readers: int) -> None:
    graph = many_readers((2, 2, 1), readers, readers)
    found = layer_list(graph, "io_stream")
    read = Counter(source for layer in found.layers for source in layer["inputs"])
    read.update(found.names[name] for name in graph.outputs)
    assert 1 <= min(read.values()) <= max(read.values()) <= 7
    assert len(read) == len(found.layers), "a stream that nobody reads stops the hardware"
    passed = [layer for layer in found.layers if "_copy_" in layer["name"]]
    # One stream becomes seven, each layer that passes it on makes six more of one; the output is a reader, too.
    assert len(passed) == sum(max(0, -(-(streams - 7) // 6)) for streams in (readers, readers + 1))
    assert "_copy_" not in str(layer_list(graph, "io_parallel").layers)
