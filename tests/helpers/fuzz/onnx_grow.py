"""Networks of ONNX files with QONNX's quantizers, how such a file is written, and what qonnx computes of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .grow import Grow

QUANT = "qonnx.custom_op.general"
ROUNDINGS = ("ROUND", "FLOOR", "CEIL", "HALF_UP")
FRAMES = 24
"""The batch that stands in a file: qonnx computes so many frames at a time. The reader does not look at it."""


@dataclass(frozen=True)
class Wire:
    """A tensor: its name and ONNX's shape, channels first, with 1 for the batch."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """A node of the file."""

    op: str
    inputs: tuple[str, ...]
    output: Wire
    attributes: dict[str, Any]


@dataclass
class GrowOnnx(Grow):
    """The same as ``Grow`` for nodes of an ONNX file."""

    library: str = "onnx"
    steps: list[Step] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)

    def input(self, shape: tuple[int, ...], type_: list[int], whole: int = 0) -> Wire:
        """``shape`` has the channels last, as in Keras."""
        name = f"{self.prefix}x{len(self.inputs)}"
        made = Wire(name, (1, shape[-1], *shape[:-1]))
        self.inputs.append(made)
        bits, integer = max(type_[0], 2), min(type_[1], max(type_[0], 2) - 1)
        self.types[name] = f"fixed<{min(bits, 10)},{min(integer + 1, min(bits, 10))}>"
        return made

    def constant(self, value: Any) -> str:
        name = self.name("c")
        self.constants[name] = value
        return name

    def add(self, op: str, *inputs: Wire | str, shape: Iterable[int] | None = None, **attributes: Any) -> Wire:
        """A node of tensors and names of constants; the result is as large as the first tensor without ``shape``."""
        name, (first, *_) = self.name(op.lower()), inputs
        if shape is None:
            assert isinstance(first, Wire), "only a tensor has a shape"
            shape = first.shape
        output = Wire(name, tuple(shape))
        names = tuple(x.name if isinstance(x, Wire) else x for x in inputs)
        self.steps.append(Step(op, names, output, attributes))
        return output

    def quant(self, x: Wire, p: dict[str, Any], signed: int = 1) -> Wire:
        """A quantizer of two to eight bits, whose step is a power of two."""
        _, bits, integer = p["q"]
        if bits == 1:
            return self.add("BipolarQuant", x, self.constant(2.0 ** -(p["r"] % 3)))
        width = min(bits, 8)
        inputs = (2.0 ** (min(integer, width - 1) + 1 - width), 0.0, float(width))
        more = {"signed": signed, "narrow": p["r"] // 4 % 2, "rounding_mode": ROUNDINGS[p["r"] % 4]}
        return self.add("Quant", x, *map(self.constant, inputs), **more)

    def kernel(self, shape: tuple[int, ...], p: dict[str, Any]) -> str:
        """Weights of so many bits, drawn from the layer's own seed."""
        rng, (bits, integer) = np.random.default_rng(p["r"]), p["w"]
        name = self.constant(rng.normal(0, 0.6 * 2.0**integer, shape))
        scale = self.constant(2.0 ** (integer + 1 - max(bits, 2)))
        output = Wire(self.name("w"), shape)
        width = [self.constant(0.0), self.constant(float(max(bits, 2)))] if bits > 1 else []
        given = {"signed": 1, "narrow": p["r"] % 2, "rounding_mode": "ROUND"} if bits > 1 else {}
        self.steps.append(Step("Quant" if bits > 1 else "BipolarQuant", (name, scale, *width), output, given))
        return output.name


def written(grown: Iterable[GrowOnnx], outputs: list[Wire], path: Path) -> Path:
    """The file of several networks."""
    from onnx import TensorProto, helper, numpy_helper

    def info(wire: Wire) -> Any:
        weight = wire.name in weights
        shape = wire.shape if weight else (FRAMES, *wire.shape[1:])
        return helper.make_tensor_value_info(wire.name, TensorProto.FLOAT, shape)

    networks = list(grown)
    steps = [step for g in networks for step in g.steps]
    constants = {name: value for g in networks for name, value in g.constants.items()}
    weights = {step.output.name for step in steps if step.inputs[0] in constants}
    nodes = [
        helper.make_node(step.op, step.inputs, [step.output.name], step.output.name,
                         domain=QUANT if step.op.endswith("Quant") else "", **step.attributes)
        for step in steps
    ]  # fmt: skip
    tensors = [numpy_helper.from_array(_stored(value), name) for name, value in constants.items()]
    inputs = [info(x) for g in networks for x in g.inputs]
    known = [info(step.output) for step in steps if step.output not in outputs]
    graph = helper.make_graph(nodes, "fuzz", inputs, [info(y) for y in outputs], tensors, value_info=known)
    imports = [helper.make_opsetid("", 13), helper.make_opsetid(QUANT, 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString())
    return path


def _stored(value: Any) -> Any:
    array = np.asarray(value)
    return array if isinstance(value, np.ndarray) and array.dtype.kind == "i" else array.astype(np.float32)


def executed(path: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    """Every output as qonnx computes it, of ``FRAMES`` frames of ONNX's shape."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapper = ModelWrapper(str(path))
        given = {name: np.asarray(x, dtype=np.float32) for name, x in inputs.items()}
        found: dict[str, Any] = execute_onnx(wrapper, given)
    return found
