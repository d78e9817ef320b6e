"""ONNX and QONNX files as the same network of layers that a Keras file gives.

Every operator becomes a layer of a class that ``gen/ops`` knows, with the attributes and weights that Keras would have,
so conversion, configuration, folding and calibration are the same. Tensors here are channels last; what ONNX's axes
became is followed through the graph (``values.py``), so most transpositions are nothing but bookkeeping.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from ....sim.errors import BitsmithError
from ...classes import short
from ..attributes import LARGEST, Attributes
from ..network import Layer, Network
from . import constants, elementwise, linear, quant, shapes, sums, trunc, windows  # noqa: F401  each registers its operators
from .inputs import add_inputs
from .outputs import outputs_of
from .proto import DOMAINS, Model, Node, load_model
from .survey import Survey, nearest
from .values import Const, Value
from .walk import HANDLERS, Walk

__all__ = ["read_onnx"]


def read_onnx(path: Path, whole: bool = True) -> Network:
    """The network of an ONNX file; BitsmithError, which names the node, for what is not supported. Without ``whole``
    that is ``Network.lost``, with everything behind it."""
    model = load_model(path)
    if whole:
        _check_operators(model)
    walk = Walk(model, any(node.op in quant.QUANTIZERS for node in model.nodes))
    walk.values.update({name: Const(array) for name, array in model.constants.items()})
    inputs = add_inputs(walk)
    survey = Survey(walk, _read)
    for node in model.nodes:
        _read(walk, node) if whole else survey.take(node)
    if survey.lost:
        lost = tuple(survey.lost)
        return Network(model.name, tuple(walk.layers.values()), inputs, model.outputs, model.source, lost)
    outputs = outputs_of(walk)
    network = Network(model.name, _in_order(walk, outputs), inputs, outputs, model.source)
    network.check_inputs()
    return network


def _check_operators(model: Model) -> None:
    """BitsmithError that lists what is not supported, all of it at once."""
    wrong = {n.op: n for n in model.nodes if n.op not in HANDLERS or n.domain not in DOMAINS}
    if not wrong:
        return
    names = [f"{op[:40]} ('{node.name[:40]}')" for op, node in sorted(wrong.items())[:6]]
    hint = "; 'bitsmith inspect' lists them with what stands nearest"
    if len(wrong) == 1:
        hint = "".join(nearest(op, node.domain) for op, node in wrong.items())
    raise BitsmithError(f"{model.source}: operators that are not supported: {', '.join(names)}{hint}")


def _read(walk: Walk, node: Node) -> None:
    a = Attributes(node.name, node.attributes)
    given = _given(walk, node)
    try:
        with np.errstate(all="ignore"):  # what is beyond float32 is refused where it becomes a layer's
            y = HANDLERS[node.op](walk, node, a, given)
        a.finish()
        _check_size(y)
    except BitsmithError as error:
        raise BitsmithError(str(error) if f"'{node.name}'" in str(error) else f"'{node.name}': {error}") from None
    if isinstance(y, Value):
        alias = any(isinstance(x, Value) and x.key == y.key for x in given)
        y = replace(y, single=walk.single(node.outputs[0]) and (y.single or not alias))
    walk.values[node.outputs[0]] = y


def _given(walk: Walk, node: Node) -> list[Value | Const | None]:
    """What a node reads; BitsmithError for a node that has no place in a graph."""
    where = f"{walk.model.source}: '{node.name}' ({node.op})"
    given = [walk.values.get(name) if name else None for name in node.inputs]
    for name, value in zip(node.inputs, given):
        if name and value is None:
            raise BitsmithError(f"{where} reads '{short(name)}', which nothing before it makes")
    for name in node.outputs[1:]:
        if walk.model.readers.get(name):
            raise BitsmithError(f"{where}: its second result is not supported")
    if not node.outputs or (node.op != "Constant" and (not given or given[0] is None)):
        raise BitsmithError(f"{where} has no input or no output; export it again")
    for name, value in node.attributes.items():
        if isinstance(value, np.ndarray) and node.op != "Constant":
            raise BitsmithError(f"{where}: its attribute {name} is a tensor, which is not supported")
    return given


def _check_size(y: Value | Const) -> None:
    if isinstance(y, Value) and (min(y.shape, default=1) < 1 or prod(y.shape) > LARGEST):
        what = f"a tensor of more than {LARGEST} values" if min(y.shape) > 0 else "no output; use a smaller window"
        raise BitsmithError(f"its input leaves {what}")


def _in_order(walk: Walk, outputs: tuple[str, ...]) -> tuple[Layer, ...]:
    """The layers that the outputs need, and all inputs, in the order in which they were made."""
    needed, todo = set(), list(outputs)
    while todo:
        key = todo.pop()
        if key not in needed:
            needed.add(key)
            todo += walk.layers[key].inputs
    return tuple(x for key, x in walk.layers.items() if key in needed or x.class_name == "InputLayer")
