"""Small ONNX and QONNX graphs, what qonnx computes of them, and what the reference gives for the same inputs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from conftest import skip_or_fail
from numpy.typing import NDArray

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import install_extra
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.graph import Graph

Array = NDArray[Any]
QUANT = "qonnx.custom_op.general"
LAST = "qonnx.custom_op.channels_last"
EXACT = {"HLSConfig": {"Model": {"Precision": "fixed<28,14,RND_CONV,SAT>"}}, "Bitsmith": {"input": "fixed<8,4>"}}
"""Types that hold every value of small networks whose weights are multiples of 1/16."""


def need_onnx() -> None:
    """A visible skip where one of the packages is missing."""
    for package in ("onnx", "qonnx", "onnxruntime"):
        if find_spec(package) is None:
            skip_or_fail(f"{package} is not installed; {install_extra('onnx')}")


class Op(NamedTuple):
    """One node: operator, inputs, output, attributes; ``domain`` follows from the operator unless it is given."""

    op: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = MappingProxyType({})
    domain: str | None = None


def quant(x: str, scale: str, bits: str, output: str, zero: str = "zero", **more: Any) -> Op:
    """A Quant node; narrow, signed and rounding_mode as given."""
    return Op("Quant", (x, scale, zero, bits), output, {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **more})


def model(
    ops: list[Op], constants: dict[str, Any], shape: tuple[Any, ...], outputs: tuple[str, ...] = ("y",),
    opset: int = 13, qonnx: int = 1,
) -> Any:  # fmt: skip
    """A ModelProto with the input ``x``; constants are float32 unless they are integers. ``qonnx``: its opset."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = []
    for i, op in enumerate(ops):
        usual = QUANT if op.op.endswith("Quant") or op.op == "Trunc" else ""
        domain = usual if op.domain is None else op.domain
        node = helper.make_node(op.op, op.inputs, [op.output], f"n{i}_{op.op.lower()}", domain=domain, **op.attributes)
        nodes.append(node)
    constants = {"zero": 0.0, **constants}
    read = {name for op in ops for name in op.inputs}
    tensors = []
    for name, value in constants.items():
        array = np.asarray(value)
        array = array if array.dtype.kind == "i" and isinstance(value, np.ndarray) else array.astype(np.float32)
        tensors += [numpy_helper.from_array(array, name)] if name in read else []
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    quantized = [op for op in ops if op.op.endswith("Quant") and op.inputs[0] in constants]
    known = [(op.output, np.shape(constants[op.inputs[0]])) for op in quantized]  # qonnx does not infer these
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in known]
    graph = helper.make_graph(nodes, "small", [given], results, tensors, value_info=infos)
    imports = [("", opset), (QUANT, qonnx), (LAST, opset)]
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*i) for i in imports], ir_version=8)


def executed(proto: Any, x: Array) -> dict[str, Array]:
    """Every tensor of the graph as qonnx computes it, one sample after another; ``x`` in ONNX's order."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapper = ModelWrapper(proto, make_deepcopy=True)
        known = all(output.type.tensor_type.shape.dim for output in proto.graph.output)
        if not known or not wrapper.check_all_tensor_shapes_specified():
            wrapper = wrapper.transform(InferShapes())
        constants = {tensor.name for tensor in proto.graph.initializer}
        name = next(i.name for i in proto.graph.input if i.name not in constants)
        runs = [execute_onnx(wrapper, {name: one[None].astype(np.float32)}, True) for one in x]
    return {key: np.concatenate([np.atleast_1d(run[key]) for run in runs]) for key in runs[0]}


def saved(proto: Any, folder: Path, name: str = "small.onnx") -> Path:
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path


def read(proto: Any, folder: Path, config: Any = None) -> Graph:
    """The graph of integers."""
    return read_model(saved(proto, folder), parse_config(EXACT if config is None else config))


def inputs_of(graph: Graph, count: int, seed: int = 0) -> Array:
    """Random raw inputs over the whole type."""
    spec = graph.inputs[0][1]
    random = np.random.default_rng(seed)
    return random.integers(spec.type.raw_min, spec.type.raw_max + 1, (count, *spec.shape))


def in_onnx(raw: Array, type: Fixed, shape: tuple[int, ...], first: bool) -> Array:
    """Raw integers of ours as floats in ONNX's shape (without the batch); ``first``: its channels stand first."""
    x = to_float(raw, type)
    x = x[:, 0] if len(shape) == 2 and x.ndim == 4 else x  # a sequence is an image of height 1
    return (np.moveaxis(x, -1, 1) if first else x).reshape(len(x), *shape)


def results(graph: Graph, raw: Array) -> list[Array]:
    """The reference's outputs as floats, in our order."""
    types = [graph.specs()[name].type for name in graph.outputs]
    return [to_float(y, type) for y, type in zip(Reference(graph).predict_raw(raw), types)]


def compare(
    proto: Any, folder: Path, config: Any = None, first: tuple[bool, bool] = (True, True), count: int = 8,
    tolerance: float = 0.0,
) -> Graph:  # fmt: skip
    """The reference against qonnx: every output equal, or within ``tolerance``. ``first``: whether the channels of the
    input and of the outputs stand first in ONNX where they are last here."""
    graph = read(proto, folder, config)
    shape = tuple(d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim[1:])
    raw = inputs_of(graph, count)
    x = in_onnx(raw, graph.inputs[0][1].type, shape, first[0] and len(shape) > 1)
    theirs = executed(proto, x)
    if not any(node.op_type.endswith("Quant") for node in proto.graph.node):
        _compare_floats(proto, folder, to_float(raw, graph.inputs[0][1].type), theirs, first[1])
    for output, ours in zip(proto.graph.output, results(graph, raw)):
        expected = theirs[output.name]
        ours = ours[:, 0] if expected.ndim == 3 and ours.ndim == 4 else ours
        ours = np.moveaxis(ours, -1, 1) if first[1] and expected.ndim > 2 and ours.ndim == expected.ndim else ours
        difference = np.abs(ours.reshape(expected.shape) - expected).max()
        assert difference <= tolerance, (output.name, difference)
        assert len(np.unique(expected)) > 1, "a constant output shows nothing"
    return graph


def _compare_floats(proto: Any, folder: Path, x: Array, theirs: dict[str, Array], first: bool) -> None:
    """What calibrate measures with: the network in float64, off by float32's precision."""
    network = read_network_file(saved(proto, folder))
    shape = next(layer.config["batch_shape"] for layer in network.layers if layer.class_name == "InputLayer")
    values = run(network, [x.reshape(len(x), *shape[1:])])
    for output, key in zip(proto.graph.output, network.outputs):
        expected = theirs[output.name]
        ours = np.moveaxis(values[key], -1, 1) if first and expected.ndim > 2 else values[key]
        ours = ours if ours.ndim == expected.ndim else values[key]
        assert np.allclose(ours.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5), output.name


def sixteenths(random: np.random.Generator, *shape: int) -> Array:
    """Weights that are multiples of 1/16."""
    return random.integers(-8, 9, shape) / 16
