"""What the ``config`` structs of recurrent layers share, and where a simulation leaves the tensors inside of a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...sim.fixed import Fixed, IntArray
from ...sim.ops.activation import Activation
from ...sim.ops.gru import GRU
from ...sim.recurrent import Recurrent
from .cores import TRACE_BITS, Core, cpp, roomy, sizes, typedef
from .ops.activation import element
from .place import Place

Weights = dict[str, tuple[IntArray, Fixed | int]]


def recurrent_core(place: Place, own: list[str], functions: Mapping[str, Activation], biases: Weights) -> Core:
    """What all of them have; ``own`` is the cell's."""
    op, x, y = place.op, place.x[0], place.y
    lines = [
        typedef("x_t", cpp(op.input_type)),
        typedef("y_t", cpp(op.output_type)),
        typedef("product_t", cpp(op.accumulator.type)),
        *own,
        *_initial(op),
        *sizes(steps=x.shape[1], inputs=x.shape[2], units=op.units, outputs=y.shape[-1]),
        f"static const bool return_sequences = {str(op.return_sequences).lower()};",
        "static const unsigned reuse_factor = $reuse_factor;",
        'static const char *layer() { return "$layer"; }',
    ]
    for name, function in functions.items():
        lines += _function(name, function)
    headers = [f"{op.stem}.hpp", "recurrent.hpp", "activation.hpp", "pixels.hpp"]
    weights: Weights = {"weight": (op.recurrent_kernel, op.recurrent_kernel_type), **biases}
    tables = {name: function.table for name, function in functions.items() if function.table_type is not None}
    return Core(op.stem, lines, headers, weights, tables)


def _initial(op: Recurrent) -> list[str]:
    """``initial_<state>_t`` holds an initial state, with room for the rounding that the state's type does."""
    if op.initial_type is None:
        return []
    casts = zip(op.states, op.state_casts())
    return [typedef(f"initial_{name}_t", roomy(op.initial_type, cast.type.fraction)) for name, cast in casts]


def _function(name: str, op: Activation) -> list[str]:
    """A struct ``name`` with ``compute``; a table is the layer's array of that name."""
    lines = element(op)
    if op.table_type is not None:
        lines.append(f"static y_t compute(x_t x) {{ return bitsmith::lookup<{name}>(x, ${name}); }}")
    return [f"struct {name} {{", *(f"    {line}" for line in lines), "};"]


def internals(node: str, layer: str, op: Recurrent, steps: int) -> dict[str, dict[str, Any]]:
    """``<node>.<tensor>``: shape (1, steps, width) and fraction of each tensor of ``op.internals()`` in the simulation.

    Without GRU's reset_after its ``product`` is not there: the simulation leaves out the candidate's columns, that
    nobody reads.
    """
    widths = {name: values.shape[-1] for name, values in op.trace(*_zeros(op)).items()}
    left_out = {"product"} if isinstance(op, GRU) and not op.reset_after else set()
    return {
        f"{node}.{name}": {
            "layer": f"{layer}.{name}",
            "shape": [1, steps, widths[name]],
            "fraction": type.fraction,
            "exact": type.width <= TRACE_BITS,
        }
        for name, type in op.internals().items()
        if name not in left_out
    }


def _zeros(op: Recurrent) -> list[IntArray]:
    """One sequence of one step."""
    initial = 0 if op.initial_type is None else len(op.states)
    return [np.zeros((1, 1, 1, op.gates * op.units), np.int64), *[np.zeros((1, op.units), np.int64)] * initial]
