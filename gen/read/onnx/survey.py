"""A graph with operators that are not supported, as far as it can be read; and what stands nearest to each of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field

from ....sim.errors import BitsmithError
from ..network import Lost
from .proto import DOMAINS, Node
from .walk import HANDLERS, Walk

_KERAS = "read from a Keras file it is"
_QUANT = "use QONNX's Quant; qonnx's QCDQToQuant turns one into the other"
_ARGMAX = "leave it out, and give Bitsmith: {output: argmax}"
_CLOSED = "export the model without loops and branches"
_TAKE_APART = "use a Conv or MatMul with constant weights for each part"
_CURVE = "use Relu, Clip, HardSigmoid, or the product of a tensor and its Sigmoid"
_NEAREST = {
    **dict.fromkeys(("LSTM", "GRU", "RNN"), f"it is not read from ONNX; {_KERAS}"),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger",
                     "MatMulInteger", "DynamicQuantizeLinear"), _QUANT),
    **dict.fromkeys(("ArgMax", "TopK", "Hardmax"), _ARGMAX),
    **dict.fromkeys(("If", "Loop", "Scan"), _CLOSED),
    **dict.fromkeys(("Split", "SplitToSequence", "ScatterND", "GatherND", "GatherElements"), _TAKE_APART),
    **dict.fromkeys(("Gelu", "Mish", "Celu", "HardSwish", "Swish", "Shrink"), _CURVE),
    **dict.fromkeys(("InstanceNormalization", "GroupNormalization", "LRN", "LpNormalization", "RMSNormalization"),
                    "use BatchNormalization"),
    **dict.fromkeys(("ReduceSum", "ReduceL1", "ReduceL2", "ReduceMin", "ReduceProd"),
                    "use ReduceMean over all places, and Mul"),
    "Attention": "use MatMul and Softmax; a product of two tensors is a MatMul",
    "ConvTranspose": f"use Resize (nearest) and Conv; {_KERAS}",
    "Einsum": "use MatMul or Gemm",
    "Erf": f"as a part of GELU: {_CURVE}",
    "Expand": "Add and Mul repeat axes of size 1 by themselves; leave it out",
    "Floor": "use Quant with rounding_mode FLOOR",
    "Ceil": "use Quant with rounding_mode CEIL",
    "LayerNormalization": f"use BatchNormalization; {_KERAS}",
    "Log": "use Softplus, whose table is supported",
    "GlobalLpPool": "use GlobalAveragePool",
    "LpPool": "use AveragePool",
    "MaxRoiPool": "use MaxPool",
    "MaxUnpool": "use Resize (nearest)",
    "PRelu": f"use LeakyRelu, with one slope for all; {_KERAS}",
    "QuantAvgPool2d": "use AveragePool and Trunc, which it was made from",
    "ReduceMax": "use GlobalMaxPool",
    "Sign": "use BipolarQuant",
    "Sum": "use Add",
    "ThresholdedRelu": f"use Relu; {_KERAS}",
    "Tile": "use Resize (nearest) or Concat",
    "XnorPopcountMatMul": "use BipolarQuant and MatMul",
}  # fmt: skip
"""What to do in place of an operator; none of them may be one that is read."""


def nearest(op: str, domain: str) -> str:
    """What works in place of an operator that is not read."""
    if op in HANDLERS and domain not in DOMAINS:
        return f"; the operator {op} of ONNX itself is, of the domain '{domain[:40]}' it is not"
    if op in _NEAREST:
        return f"; {_NEAREST[op]}"
    near = difflib.get_close_matches(op[:40], sorted(HANDLERS), n=1, cutoff=0.87)
    return f"; did you mean '{near[0]}'?" if near else "; nothing that is read does the same, so compute it outside"


@dataclass
class Survey:
    """A walk that goes on behind what is not supported."""

    walk: Walk
    read: Callable[[Walk, Node], None]
    lost: list[Lost] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    """Tensors that nothing is known of."""

    def take(self, node: Node) -> None:
        at, reason = len(self.walk.layers), ""
        if node.op not in HANDLERS or node.domain not in DOMAINS:
            reason = f"'{node.name}' ({node.op[:40]}) is not supported{nearest(node.op, node.domain)}"
        elif self.gone.isdisjoint(node.inputs):
            try:
                return self.read(self.walk, node)
            except BitsmithError as error:
                reason = str(error)
        self.gone.update(node.outputs)
        self.lost.append(Lost(node.name, node.op[:40], reason, at))
        return None
