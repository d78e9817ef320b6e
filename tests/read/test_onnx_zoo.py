"""Networks of QONNX's model zoo by structure: every integer inside of them is qonnx's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import executed, in_onnx, inputs_of, need_onnx, read, results
from zoo_networks import cnv, mobilenet

import bitsmith
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph

SMALL: dict[str, Any] = {
    "layers": ((8, False), (8, True), (12, False), (12, True), (16, False), (16, False)),
    "features": (24, 24),
}
CONFIG = {"Bitsmith": {"input": "ufixed<8,0>"}}
BITS = [(1, 1), (1, 2), (2, 2)]


def compare(proto: Any, graph: Graph, frames: int) -> int:
    """Holds every quantizer's integers and the results to qonnx's; how many integers there were."""
    from onnx import numpy_helper

    raw = inputs_of(graph, frames)
    shape = tuple(d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim[1:])
    theirs = executed(proto, in_onnx(raw, graph.inputs[0][1].type, shape, True))
    inside = Reference(graph).trace_raw(raw)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    names, count = {graph.labels.get(node.name, node.name): node.name for node in graph.nodes}, 0
    for node in proto.graph.node:
        if node.name not in names or not (node.op_type.endswith("Quant") or node.op_type == "Trunc"):
            continue
        values, ours = theirs[node.output[0]], inside[names[node.name]]
        scale = constants[node.input[4 if node.op_type == "Trunc" and len(node.input) == 6 else 1]]
        ours = np.moveaxis(ours, -1, 1) if values.ndim == 4 else ours
        assert np.array_equal(ours, np.rint(values / scale)), node.name
        assert len(np.unique(ours)) > 1, node.name
        count += values.size
    expected, (result,) = theirs[proto.graph.output[0].name], results(graph, raw)
    result = np.moveaxis(result, -1, 1) if expected.ndim == 4 else result
    assert np.allclose(result, expected, rtol=1e-6, atol=1e-6), "float32's roundings"
    return count


@pytest.mark.parametrize(("weights", "bits"), BITS)
def test_cnv_with_fewer_channels(weights: int, bits: int, tmp_path: Path) -> None:
    need_onnx()
    proto = cnv(weights, bits, **SMALL)
    graph = read(proto, tmp_path, CONFIG)
    assert all(node.op.stem != "permute" for node in graph.nodes), "the dense layer's weights follow the order"
    assert compare(proto, graph, 4) > 60_000


@pytest.mark.parametrize("version", [0, 1, 2])
def test_mobilenets_first_layers(version: int, tmp_path: Path) -> None:
    """Without and with the truncated average behind them, of both versions."""
    need_onnx()
    proto = mobilenet((6, 8, 10), size=16, qonnx=max(version, 1), classes=5 if version else 0)
    graph = read(proto, tmp_path, CONFIG)
    windows = [node for node in graph.nodes if node.op.stem in ("conv2d", "depthwise_conv2d", "dense")]
    assert {graph.specs()[node.inputs[0]].type.width <= 8 for node in windows} == {True}, "small integers between them"
    assert compare(proto, graph, 8) > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(("weights", "bits"), BITS)
def test_cnv(weights: int, bits: int, tmp_path: Path) -> None:
    need_onnx()
    proto = cnv(weights, bits)
    assert compare(proto, read(proto, tmp_path, CONFIG), 4) > 500_000


@pytest.mark.slow
def test_the_verilog_of_cnv_is_emitted(tmp_path: Path) -> None:
    """1.5 million weights, with the reuse factors that an interval asks for."""
    need_onnx()
    config = {"Bitsmith": {**CONFIG["Bitsmith"], "strategy": "resource", "interval_cycles": 100_000}}
    plan = plan_for(read(cnv(1, 1), tmp_path, config), parse_config(config))
    assert {int(stage.core.reuse) for stage in plan.stages} > {96, 384, 576, 2304}
    assert emit_plan(plan, tmp_path / "rtl").interval <= 100_000
    assert sum(path.stat().st_size for path in (tmp_path / "rtl").iterdir()) > 10_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnv", "mobilenet"])
def test_hls_and_verilog_are_the_reference(name: str, tmp_path: Path, need: Callable[..., None]) -> None:
    need_onnx()
    need("g++", "verilator")
    small: dict[str, Any] = {"layers": ((4, False), (4, True)), "features": (6,), "size": 10}
    proto = cnv(1, 2, **small) if name == "cnv" else mobilenet((4, 4, 6), size=8, classes=3)
    graph = read(proto, tmp_path, CONFIG)
    built = bitsmith.build(graph, CONFIG, tmp_path / "out", vectors=2)
    raw = inputs_of(graph, 6)
    (reference,) = Reference(graph).predict_raw(raw)
    for level in (built.hls, built.rtl):
        assert np.array_equal(level.predict_raw(raw)[0], reference)
