"""hls4ml's own layers, with every type given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray, to_float
from ...sim.op import Spec
from ...sim.ops.conv2d import Conv2D
from ...sim.ops.dense import Dense
from .cores import Rounded

WIDEST_WEIGHT = 53  # hls4ml prints weights as decimal numbers by way of float64


@dataclass(frozen=True)
class Native:
    """One of hls4ml's layers; ``precision_<role>`` among the attributes gives further types than the result's.

    ``most_reuse`` is the largest reuse factor with which hls4ml's Resource computes the layer right; None: any.
    """

    class_name: str
    attributes: dict[str, Any]
    result: Rounded | None = None
    """The output's type with its modes, where the layer rounds."""
    most_reuse: int | None = None


def values(raw: IntArray, type: Fixed, where: str) -> Any:
    """Weights as real numbers, exact; BitsmithError where a float64 cannot hold them."""
    if max(abs(int(raw.min())), abs(int(raw.max()))) >= 1 << WIDEST_WEIGHT:
        raise BitsmithError(f"'{where}': weights of {type} need more than 53 bits in HLS; use a narrower type")
    return to_float(raw, type)


def image(x: Spec, y: Spec) -> dict[str, Any]:
    return {
        "data_format": "channels_last",
        "in_height": x.shape[0],
        "in_width": x.shape[1],
        "out_height": y.shape[0],
        "out_width": y.shape[1],
    }


def weights(name: str, op: Conv2D | Dense, y: Spec) -> dict[str, Any]:
    """The accumulator has the exact type of the result."""
    return {
        "weight_data": values(op.kernel, op.kernel_type, name),
        "bias_data": values(op.bias, op.bias_type, name),
        "precision_weight": op.kernel_type,
        "precision_bias": op.bias_type,
        "precision_accum": y.type,
    }
