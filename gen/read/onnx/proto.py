"""An ONNX file as plain data: the protobuf message is parsed and nothing else; no operator, no function is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....sim.errors import BitsmithError, install_extra
from ...classes import short
from ...files.input_file import read_file
from ..hdf5 import MAX_VALUES, finite

MAX_FILE_BYTES = (1 << 31) - 1
"""A protobuf message has no more."""
MAX_NODES = 1 << 14
MAX_RANK = 8
Constant = NDArray[Any]


@dataclass(frozen=True)
class Node:
    """One operator of the graph; ``name`` is unique."""

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def channels_last(self) -> bool:
        """Whether it is one of qonnx's, for images (n, h, w, c)."""
        return self.domain == CHANNELS_LAST


@dataclass(frozen=True)
class Model:
    """A graph: nodes in order, constants by their tensors' names, inputs with their sizes (None: open), outputs."""

    name: str
    source: str
    nodes: tuple[Node, ...]
    constants: dict[str, Constant]
    inputs: tuple[tuple[str, tuple[int | None, ...]], ...]
    outputs: tuple[str, ...]
    opset: int
    versions: dict[str, int] = field(default_factory=dict)
    """Of each domain's operators."""
    readers: dict[str, int] = field(default_factory=dict)
    """How many times each tensor is read; being an output is one."""


CHANNELS_LAST = "qonnx.custom_op.channels_last"
STANDARD = ("", "ai.onnx")
QONNX = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
DOMAINS = (*STANDARD, *QONNX, CHANNELS_LAST)


def load_model(path: Path) -> Model:
    """The graph of a file; BitsmithError where it is none, damaged, unreasonably large, or not whole."""
    onnx = _package(path)
    data = read_file(path, "an .onnx file", MAX_FILE_BYTES)
    if not data:
        raise BitsmithError(f"{path} is empty; export the model again")
    try:
        message = onnx.ModelProto.FromString(data)
    except Exception:  # protobuf's own class, of no stable name
        raise BitsmithError(f"{path} is damaged or no ONNX model; export the model again") from None
    graph = message.graph
    if not graph.node or not graph.output:
        raise BitsmithError(f"{path} holds no graph with nodes and outputs; export the model again")
    if len(graph.node) > MAX_NODES:
        raise BitsmithError(f"{path} has {len(graph.node)} nodes; more than {MAX_NODES} are not supported")
    if message.functions:
        raise BitsmithError(f"{path} defines functions of its own, which are not supported; inline them before")
    constants = {t.name: _array(onnx, t, f"tensor '{t.name[:60]}'") for t in graph.initializer}
    if graph.sparse_initializer:
        raise BitsmithError(f"{path} has sparse weights, which are not supported; save them dense")
    nodes = tuple(_nodes(onnx, graph.node))
    inputs = tuple((i.name, _sizes(i, str(path))) for i in graph.input if i.name not in constants)
    outputs = tuple(o.name for o in graph.output)
    versions = {o.domain: o.version for o in message.opset_import}
    opset = max((version for domain, version in versions.items() if domain in STANDARD), default=1)
    model = Model(graph.name or "model", str(path), nodes, constants, inputs, outputs, opset, versions)
    for name in (*(name for node in nodes for name in node.inputs), *outputs):
        model.readers[name] = model.readers.get(name, 0) + 1
    return model


def _package(path: Path) -> ModuleType:
    try:
        import onnx
    except ImportError:
        raise BitsmithError(f"{path}: reading ONNX needs the package onnx; {install_extra('onnx')}") from None
    module: ModuleType = onnx
    return module


def _nodes(onnx: ModuleType, nodes: Iterable[Any]) -> Iterable[Node]:
    """Nodes with unique names: where one has none, its operator and a number, as qonnx gives it."""
    given = [str(node.name) for node in nodes]
    times, count = Counter(given), Counter[str]()
    used = {name for name, n in times.items() if n == 1 and name}
    for node, name in zip(nodes, given):
        number = count[node.op_type]
        count[node.op_type] += 1
        if name not in used:
            name = f"{node.op_type}_{number}"
            while name in used:
                name += "_"
            used.add(name)
        where = f"'{name}'"
        attributes = {a.name: _attribute(onnx, a, f"{where}: {a.name}") for a in node.attribute}
        yield Node(name, node.op_type, node.domain, tuple(node.input), tuple(node.output), attributes)


def _attribute(onnx: ModuleType, attribute: Any, where: str) -> Any:
    """A number, a text, a list of them or an array; None for what no operator here has (a graph inside, a type)."""
    kinds = onnx.AttributeProto
    if attribute.type == kinds.TENSOR:
        return _array(onnx, attribute.t, where)
    if attribute.type == kinds.INT:
        return int(attribute.i)
    if attribute.type == kinds.FLOAT:
        return float(attribute.f)
    if attribute.type == kinds.STRING:
        return attribute.s.decode("utf-8", "replace")
    if attribute.type == kinds.INTS:
        return [int(i) for i in attribute.ints]
    if attribute.type == kinds.FLOATS:
        return [float(f) for f in attribute.floats]
    if attribute.type == kinds.STRINGS:
        return [s.decode("utf-8", "replace") for s in attribute.strings]
    return None


def _array(onnx: ModuleType, tensor: Any, where: str) -> Constant:
    """A finite array; BitsmithError for data in another file, a size beyond reason, or no numbers."""
    from onnx import numpy_helper

    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise BitsmithError(
            f"{where} is in another file; save the model as one: onnx.save(onnx.load(path), path2) after loading all"
        )
    if any(n < 0 for n in tensor.dims) or len(tensor.dims) > MAX_RANK or prod(tensor.dims) > MAX_VALUES:
        raise BitsmithError(f"{where}: shape {short(list(tensor.dims))} is beyond the {MAX_VALUES} values of a tensor")
    try:
        array = np.asarray(numpy_helper.to_array(tensor))
    except Exception as error:  # whatever damaged data makes of it
        raise BitsmithError(f"{where} is damaged ({type(error).__name__}); export the model again") from None
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise BitsmithError(f"{where}: dtype {array.dtype} is no number; export the model in float32")
    if array.dtype.kind == "f":
        finite(array, where)
        if array.size and float(np.abs(array).max()) > float(np.finfo(np.float32).max):
            raise BitsmithError(f"{where} holds numbers beyond float32; train the model again")
    return array


def _sizes(value: Any, path: str) -> tuple[int | None, ...]:
    """An input's sizes; BitsmithError for what is no tensor of floats."""
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise BitsmithError(f"{path}: input '{value.name[:60]}' has no shape; export the model with fixed shapes")
    return tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in kind.shape.dim)
