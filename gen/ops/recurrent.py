"""What GRU, LSTM and SimpleRNN share on their way from Keras: attributes, weights, the projection, states in and out.

A layer ``g`` becomes ``g_gates``, the projection of its input (a 1x1 conv2d; a dense before the repetition where the
input is repeated), and ``g``, the operator that holds what depends on the state; ``g_round`` where its output is
rounded, and a crop of the last step for a state that is returned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray, Overflow, Rounding, quantize
from ...sim.op import Operator
from ...sim.ops.conv2d import Conv2D
from ...sim.ops.dense import Dense
from ...sim.ops.lstm import LSTM
from ...sim.ops.reverse import Reverse
from ...sim.recurrent import Recurrent
from ..classes import STATES
from ..config.schema import Precision
from ..quantize.weights import WeightGrid, dyadic
from ..read.attributes import Attributes
from ..read.build import Builder, Tensor
from ..read.linear import linear, own_type, scale_integers, weight_grid
from ..read.network import Layer
from .concatenate import common_type
from .conv2d import per_output
from .crop import crop
from .recurrent_types import Types
from .repeat_vector import repeat

Raw = tuple[IntArray, Fixed]
_HARMLESS = ("dropout", "recurrent_dropout", "implementation", "unroll", "seed", "zero_output_for_mask", "use_cudnn",
             "unit_forget_bias", "enable_caching_device")  # fmt: skip
_QUANTIZERS = ("kernel", "recurrent", "bias", "state")
_FIXED_TYPES = {"weight": "kernel", "recurrent_weight": "recurrent", "bias": "bias", "recurrent_bias": "bias",
                "result": "state"}  # fmt: skip
"""Our kinds of precision and FixedGRU's attributes (``kernel_type``), where they differ."""


@dataclass(frozen=True)
class Cell:
    """One recurrent layer, or one direction of it, as its attributes describe it."""

    layer: Layer
    kind: str
    units: int
    use_bias: bool
    reset_after: bool
    return_sequences: bool
    go_backwards: bool
    activation: Any
    recurrent_activation: Any
    quantizers: dict[str, Any]
    types: Types


@dataclass(frozen=True)
class Weights:
    """The projection's kernel and bias, and what belongs to the state."""

    kernel: WeightGrid
    bias: WeightGrid | None
    recurrent: Raw
    recurrent_bias: Raw


Make = Callable[[Cell, Fixed, Weights], Recurrent]
"""The operator of a cell, given its gate inputs' type and its weights."""


def read_cell(build: Builder, layer: Layer, kind: str, gates: int) -> Cell:
    """The layer's attributes; BitsmithError for what is not supported."""
    a, quantized = build.attributes(layer), kind.startswith("Q")
    a.only("stateful", False)
    a.only("time_major", False)
    a.flag("return_state", False)
    a.harmless(*_HARMLESS)
    own = _fixed_types(a) if kind == "FixedGRU" else None
    cell = Cell(
        layer,
        kind,
        a.integer("units"),
        a.flag("use_bias", True),
        a.flag("reset_after", False) if gates == 3 else False,  # Keras before 2.2 did not have it
        a.flag("return_sequences", False),
        a.flag("go_backwards", False) if own is None else False,
        a.function("activation", "tanh"),
        a.function("recurrent_activation", "sigmoid") if gates > 1 else None,
        {name: a.quantizer(f"{name}_quantizer") if quantized else None for name in _QUANTIZERS},
        Types(build, layer, quantized, own),
    )
    a.finish()
    _check_quantizers(cell)
    return cell


def _fixed_types(a: Attributes) -> dict[str, Precision | None]:
    """FixedGRU's types; whatever it rounds goes half to even and saturates."""
    roles = (*_FIXED_TYPES, "state", "gate_input", "gate", "candidate_input", "candidate", "reset_product")
    return {role: own_type(a, f"{_FIXED_TYPES.get(role, role)}_type", role == "reset_product") for role in roles}


def _check_quantizers(cell: Cell) -> None:
    """BitsmithError where qkeras would use the wrong weights, or the recurrent weights' type would be a guess."""
    name = cell.layer.name
    if not cell.kind.startswith("Q") or cell.quantizers["recurrent"] is not None:
        return
    if cell.kind == "QGRU":
        raise BitsmithError(
            f"recurrent_quantizer=None on '{name}' is not supported: qkeras 0.9.0 then uses the kernel as the "
            "recurrent kernel; give a recurrent_quantizer and train again"
        )
    if cell.types.given("recurrent_weight") is None:
        cell.types.build.missing(
            cell.layer,
            "recurrent_weight",
            f"recurrent_quantizer=None on '{name}' is not supported without a type for those weights; give a "
            f"recurrent_quantizer and train again, or HLSConfig.LayerName.{name}.Precision.recurrent_weight",
        )


def read_weights(cell: Cell, inputs: int, gates: int) -> Weights:
    """All weights on their grids; zeros for a recurrent bias that is not there."""
    layer, units, width = cell.layer, cell.units, gates * cell.units
    kernel = _grid(cell, layer.weight(0, ("kernel",), (inputs, width)), "kernel", "weight", "kernel")
    values = layer.weight(1, ("recurrent_kernel",), (units, width))
    recurrent = _grid(cell, values, "recurrent_kernel", "recurrent_weight", "recurrent")
    bias, recurrent_bias = _biases(cell, width) if cell.use_bias else (None, None)
    return Weights(kernel, bias, _folded(recurrent, cell), _plain(recurrent_bias, width, layer.name))


def _grid(cell: Cell, values: Any, name: str, role: str, quantizer: str) -> WeightGrid:
    if cell.types.own is None:
        given, trainable = cell.quantizers[quantizer], quantizer != "bias"
        return weight_grid(cell.types.build, cell.layer, values, given, name, role, trainable)
    to = cell.types.given(role)
    assert to is not None  # _fixed_types saw to that
    return WeightGrid(quantize(values, to.type, to.rounding, to.overflow), to.type)


def _biases(cell: Cell, width: int) -> tuple[WeightGrid, WeightGrid | None]:
    """The input's bias and, with reset_after, the recurrent one: two rows of one variable, and of one quantizer."""
    values = cell.layer.weight(2, ("bias",), (2, width) if cell.reset_after else (width,))
    if not cell.reset_after:
        return _grid(cell, values, "bias", "bias", "bias"), None
    if cell.quantizers["bias"] is None:
        roles = ("bias", "recurrent_bias")
        first, second = (_grid(cell, row, role, role, "bias") for row, role in zip(values, roles))
        return first, second
    both = _grid(cell, values, "bias", "bias", "bias")
    scale = None if both.scale is None else np.broadcast_to(both.scale, values.shape)
    rows = [WeightGrid(both.raw[i], both.type, None if scale is None else scale[i]) for i in range(2)]
    return rows[0], rows[1]


def _folded(grid: WeightGrid, cell: Cell) -> Raw:
    """Weights with their scale multiplied in: no node stands behind the sums inside of a step that could scale them."""
    if grid.scale is None:
        return grid.raw, grid.type
    scale, type = scale_integers(grid.scale, cell.types.build.config.bitsmith.scale_bits)
    raw = grid.raw * scale
    return raw, Fixed.holding(int(raw.min()), int(raw.max()), grid.type.fraction + type.fraction)


def _plain(bias: WeightGrid | None, width: int, name: str) -> Raw:
    if bias is None:
        return np.zeros(width, dtype=np.int64), Fixed(False, 1, 0)
    if bias.scale is None:
        return bias.raw, bias.type
    return dyadic(np.ldexp(bias.raw * bias.scale, -bias.type.fraction), f"'{name}': recurrent_bias")


def project(build: Builder, layer: Layer, x: Tensor, weights: Weights) -> Tensor:
    """``x @ kernel + bias`` at each step, exact; where ``x`` is repeated, once, and repeated then."""
    kernel, outputs = weights.kernel, weights.kernel.raw.shape[1]
    scale = per_output(kernel.scale, outputs)

    def dense(k: Any, k_type: Any, b: Any, b_type: Any) -> Operator:
        return Dense(x.type, k, k_type, b, b_type)

    def convolution(k: Any, k_type: Any, b: Any, b_type: Any) -> Operator:
        return Conv2D(x.type, k[np.newaxis, np.newaxis], k_type, b, b_type)

    if x.repeated is None:
        return linear(build, layer, x, convolution, kernel, scale, weights.bias, outputs, suffix="gates")
    y = linear(build, layer, x.repeated, dense, kernel, scale, weights.bias, outputs, suffix="gates")
    return repeat(build, layer, y, x.shape[0], suffix="repeat")


def reverse(build: Builder, layer: Layer, x: Tensor, suffix: str) -> Tensor:
    """The reversed sequence; a repeated vector is its own."""
    return x if x.repeated is not None else build.add(layer, Reverse(x.type), x, suffix=suffix, shape=x.shape)


def convert_cell(
    build: Builder, layer: Layer, class_name: str, inputs: tuple[Tensor, ...], wanted: tuple[bool, ...]
) -> tuple[Tensor, ...]:
    """One direction's output and states: those ``wanted`` are there. ``inputs`` are a sequence and initial states.

    ``class_name`` is the recurrent layer's; ``layer`` may be the Bidirectional around it.
    """
    kind = KINDS[class_name]
    cell, (x, *initial) = read_cell(build, layer, class_name, kind.gates), inputs
    if len(x.shape) != 2:
        raise BitsmithError(f"'{layer.name}': {class_name} needs a sequence; its input has shape {x.shape}")
    if len(initial) not in (0, STATES[class_name]):
        raise BitsmithError(f"'{layer.name}' is called with {len(initial)} states; it has {STATES[class_name]}")
    weights, x = read_weights(cell, x.shape[1], kind.gates), build.plain(layer, x)
    gates = project(build, layer, reverse(build, layer, x, "reverse") if cell.go_backwards else x, weights)
    initial = _one_type(build, layer, initial)
    op = replace(
        kind.make(cell, gates.type, weights),
        return_sequences=cell.return_sequences and wanted[0],
        initial_type=initial[0].type if initial else None,
    )
    if isinstance(op, LSTM) and wanted[2:] == (True,):
        op = replace(op, with_cell=True)
    return _parts(build, cell, op, build.add(layer, op, gates, *initial), wanted)


def _one_type(build: Builder, layer: Layer, states: list[Tensor]) -> list[Tensor]:
    """Initial states brought to one type that holds them all, exactly."""
    if not states:
        return []
    to = Precision(common_type([x.type for x in states]), Rounding.TRN, Overflow.SAT)
    return [build.round(layer, build.plain(layer, x), to, f"initial{i}") for i, x in enumerate(states)]


def _parts(build: Builder, cell: Cell, op: Recurrent, y: Tensor, wanted: tuple[bool, ...]) -> tuple[Tensor, ...]:
    """Output and states of an operator's output ``y``, rounded where the model says so."""
    layer, units = cell.layer, cell.units
    if not (isinstance(op, LSTM) and op.with_cell):
        out = _rounded(build, cell, y)
        return (out, _last(build, layer, out, "state")) if wanted[1:] and wanted[1] else (out,)
    steps = y if op.return_sequences else build.reshape(layer, y, (1, 2 * units), "step")
    out = y
    if wanted[0] or wanted[1]:
        hidden = crop(build, layer, steps, "hidden", channels=(0, units), shape=(steps.shape[0], units))
        out = _rounded(build, cell, hidden if op.return_sequences else build.reshape(layer, hidden, (units,), "output"))
    state = _last(build, layer, out, "state") if wanted[1] else out
    last = crop(build, layer, steps, "cell_part", channels=(units, 2 * units), shape=(steps.shape[0], units))
    carried = _last(build, layer, last, "cell")
    if not cell.types.quantized:  # QKeras returns it before its quantizer
        carried = build.round(layer, carried, Precision(op.cell.type, op.cell.rounding, op.cell.overflow), "cell_round")
    return out, state, carried


def _rounded(build: Builder, cell: Cell, y: Tensor) -> Tensor:
    to = build.result(cell.layer) if cell.types.own is None else cell.types.given("result")
    return y if to is None else build.round(cell.layer, y, to, "round")


def _last(build: Builder, layer: Layer, y: Tensor, suffix: str) -> Tensor:
    """The last step of a sequence as a vector; a vector is its own."""
    if len(y.shape) == 1:
        return y
    steps, channels = y.shape
    step = crop(build, layer, y, f"{suffix}_step", columns=(steps - 1, steps), shape=(1, channels))
    return build.reshape(layer, step, (channels,), suffix)


@dataclass(frozen=True)
class Kind:
    """What tells the operators apart: how many gates, and how one is made of a cell, its gate inputs' type, weights."""

    gates: int
    make: Make


KINDS: dict[str, Kind] = {}
"""By the class name of the Keras layer; gru, lstm and simple_rnn put theirs here."""


def convert_recurrent(build: Builder, layer: Layer, inputs: tuple[Tensor, ...]) -> Tensor:
    """A recurrent layer that stands by itself."""
    wanted = tuple(build.network.used(key) for key in layer.outputs)
    parts = convert_cell(build, layer, layer.class_name, inputs, wanted)
    build.tensors |= dict(zip(layer.outputs, parts))
    return parts[0]
