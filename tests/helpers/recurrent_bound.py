"""How far a graph with recurrent layers may be from the same network in real numbers: a bound that is proven.

A running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.3): beside each
computed tensor stands a bound of its distance from the real one, carried through every operation by the rules

    |x^ y^ - x y|    <= |x^| e_y + (|y^| + e_y) e_x
    |f^(x^) - f(x)|  <= |f^(x^) - f(x^)| + sup |f'| e_x         over the interval x^ - e_x .. x^ + e_x
    |round(x) - x|   <= half a step (one step where the mode cuts)

and for a GRU's mix  z^h^ + (1-z^)c^ - (zh + (1-z)c) = z(h^-h) + (1-z)(c^-c) + (z^-z)(h^-c^). The local error of a table
is what its entries leave of the function over the arguments that share an address. Weights and inputs must be on their
grids; a saturated state is found and is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Fixed, Rounding, quantize, to_float
from bitsmith.sim.graph import Graph
from bitsmith.sim.op import Operator
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.gru import GRU
from bitsmith.sim.ops.lstm import LSTM
from bitsmith.sim.recurrent import Recurrent
from bitsmith.sim.table import FUNCTIONS

Array = Any  # float64 arrays; numpy's stubs lose the dtype in nearly every line below
Pair = tuple[Array, Array]
"""The computed values, real, and the bound of their distance from what real numbers give."""


def bounded(graph: Graph, *inputs: Array) -> list[Pair]:
    """Every output of a graph with its bound; ``inputs`` real and on the inputs' grids."""
    raw: dict[str, Any] = {
        name: quantize(x, spec.type).reshape(-1, *spec.shape) for (name, spec), x in zip(graph.inputs, inputs)
    }
    errors = {name: np.zeros(values.shape) for name, values in raw.items()}
    specs = graph.specs()
    for node in graph.nodes:
        given = [raw[name] for name in node.inputs]
        raw[node.name] = node.op.compute(*given)
        values = [to_float(r, specs[name].type) for r, name in zip(given, node.inputs)]
        errors[node.name] = _error(node.op, given, list(zip(values, (errors[name] for name in node.inputs))))
    return [(to_float(raw[name], specs[name].type), errors[name]) for name in graph.outputs]


def _error(op: Operator, raw: list[Any], inputs: list[Pair]) -> Array:
    (x, e), *_ = inputs
    if isinstance(op, Recurrent):
        return recurrent(op, raw, [error for _, error in inputs])
    if isinstance(op, (Conv2D, Dense)):
        weights = np.abs(to_float(op.kernel, op.kernel_type))
        assert weights.ndim == 2 or weights.shape[:2] == (1, 1), "one step at a time"
        return e @ weights.reshape(weights.shape[-2:])
    if isinstance(op, BatchNorm):
        return e * np.abs(to_float(op.scale, op.scale_type))
    if isinstance(op, Activation):
        return function_error(op, x, e)
    if isinstance(op, Add):
        return np.asarray(sum(error for _, error in inputs))
    moved: Any = op.compute(*(error for _, error in inputs))  # reverse, repeat_vector, crop, flatten, concatenate
    return np.asarray(moved, dtype=np.float64)


def rounding(type: Fixed, mode: Rounding) -> float:
    """The most that one rounding moves a value."""
    step = 2.0**-type.fraction
    return step if mode in (Rounding.TRN, Rounding.TRN_ZERO) else step / 2


def function_error(op: Activation, x: Array, e: Array) -> Array:
    """The bound behind a function of values ``x`` with the bound ``e``."""
    if op.kind is Kind.TABLE:
        near = np.maximum(np.abs(x) - e, 0.0)
        slope = _sigmoid_slope(near) if op.function == "sigmoid" else 1 - np.tanh(near) ** 2
        return table_error(op) + slope * e
    slope = abs(float(op.slope)) if op.kind in (Kind.HARD_SIGMOID, Kind.HARD_TANH) else 1.0
    largest = 2.0**-op.output_type.fraction  # where 1 itself saturates, one step instead of half of it
    half = rounding(op.output_type, op.rounding)
    known = 2.0**-24 * np.minimum(np.abs(x), 3.0) if op.kind is Kind.HARD_SIGMOID else 0.0  # the slope is a float32
    return slope * e + (largest if op.upper is not None else half) + known


def _sigmoid_slope(x: Array) -> Array:
    s = FUNCTIONS["sigmoid"](x)
    return s * (1 - s)


@lru_cache
def table_error(op: Activation) -> float:
    """The most that a table's entry differs from its monotonous function, over all arguments of any address."""
    assert op.table_type is not None
    address = op.table_type
    f: Callable[[Array], Array] = FUNCTIONS[op.function]
    raw = np.arange(address.raw_min, address.raw_max + 1)
    entries = to_float(op.table[raw & (len(op.table) - 1)], op.output_type)
    step = 2.0**-address.fraction
    low, high = (raw - 0.5) * step, (raw + 0.5) * step
    low[0], high[-1] = -np.inf, np.inf  # addresses saturate
    with np.errstate(over="ignore"):
        return float(max(np.abs(entries - f(low)).max(), np.abs(entries - f(high)).max()))


def recurrent(op: Recurrent, raw: list[Any], errors: list[Array]) -> Array:
    types = op.internals()
    trace = {name: to_float(values, types[name]) for name, values in op.trace(*raw).items()}
    batch = len(raw[0])
    e_x = np.moveaxis(errors[0], 2, 0).reshape(raw[0].shape[2], batch, -1)
    x = np.moveaxis(to_float(raw[0], op.input_type), 2, 0).reshape(e_x.shape)
    casts, given = op.state_casts(), errors[1:] or [np.zeros((batch, op.units)) for _ in op.states]
    e = [error + (rounding(c.type, c.rounding) if op.initial_type else 0.0) for error, c in zip(given, casts)]
    states = [_first(op, c, values) for c, values in zip(casts, raw[1:] or [None] * len(casts))]
    found = []
    for t in range(len(x)):
        now = {name: values[t] for name, values in trace.items()}
        e_out = _STEPS[op.stem](op, x[t], e_x[t], states, e, now)
        found.append(e_out)
        states = [now[name] for name in op.states]
        for name, c in zip(op.states, casts):
            assert (now[name] < 2.0**c.type.integer - 2.0**-c.type.fraction).all(), f"{name} saturates"
        e = [error + rounding(c.type, c.rounding) for error, c in zip(e_out, casts)]
    parts = [np.stack(values, axis=1) for values in zip(*found)]
    steps = np.concatenate(parts, axis=-1) if isinstance(op, LSTM) and op.with_cell else parts[0]
    return steps[:, np.newaxis] if op.return_sequences else steps[:, -1]


def _first(op: Recurrent, cast: Cast, raw: Any) -> Array:
    shape = (1, op.units)
    return np.zeros(shape) if raw is None else to_float(cast(raw, op.initial_type.fraction), cast.type)  # type: ignore[union-attr]


def _before(e: Array, cast: Cast | None) -> Array:
    """A function's input behind its cast; a table's address belongs to the table's own error."""
    return e if cast is None else e + rounding(cast.type, cast.rounding)


def _function(op: Activation, x: Array, e: Array, cast: Cast | None) -> Array:
    """``x`` are the exact sums before the cast."""
    return function_error(op, x, e if op.kind is Kind.TABLE else _before(e, cast))


def _kernel(op: Recurrent) -> Array:
    return np.abs(to_float(op.recurrent_kernel, op.recurrent_kernel_type))


def _gru(op: GRU, x: Array, e_x: Array, states: list[Array], e: list[Array], now: dict[str, Array]) -> list[Array]:
    (h,), (e_h,), n = states, e, op.units
    u, a = _kernel(op), now["product"]
    e_a = e_h @ u
    e_gates = _function(op.recurrent_activation, (x + a)[:, : 2 * n], (e_x + e_a)[:, : 2 * n], op.gate_input)
    gates, e_z, e_r = now["gates"], e_gates[:, :n], e_gates[:, n:]
    z, r = gates[:, :n], gates[:, n:]
    cut = 0.0 if op.reset_product is None else rounding(op.reset_product.type, op.reset_product.rounding)
    other, e_other = (a[:, 2 * n :], e_a[:, 2 * n :]) if op.reset_after else (h, e_h)
    e_p = np.abs(r) * e_other + (np.abs(other) + e_other) * e_r + cut
    p = now["reset_product"]
    if not op.reset_after:
        p, e_p = p @ to_float(op.recurrent_kernel, op.recurrent_kernel_type)[:, 2 * n :], e_p @ u[:, 2 * n :]
    e_c = _function(op.activation, x[:, 2 * n :] + p, e_x[:, 2 * n :] + e_p, op.candidate_input)
    c = now["candidate"]
    return [np.minimum(z + e_z, 1) * e_h + np.minimum(1 - z + e_z, 1) * e_c + e_z * np.abs(h - c)]


def _lstm(op: LSTM, x: Array, e_x: Array, states: list[Array], e: list[Array], now: dict[str, Array]) -> list[Array]:
    n, (_, cell), (e_h, e_cell) = op.units, states, e
    total, e_total = x + now["product"], e_x + e_h @ _kernel(op)
    others = [slice(0, n), slice(n, 2 * n), slice(3 * n, 4 * n)]
    e_i, e_f, e_o = (_function(op.recurrent_activation, total[:, s], e_total[:, s], op.gate_input) for s in others)
    i, f, o = np.split(now["gates"], 3, axis=1)
    part = slice(2 * n, 3 * n)
    e_g = _function(op.activation, total[:, part], e_total[:, part], op.candidate_input)
    e_new = f * e_cell + (np.abs(cell) + e_cell) * e_f + i * e_g + (np.abs(now["candidate"]) + e_g) * e_i
    e_out = function_error(op.cell_activation, now["new_cell"], e_new)
    return [o * e_out + (np.abs(now["cell_output"]) + e_out) * e_o, e_new]


def _simple_rnn(
    op: Any, x: Array, e_x: Array, states: list[Array], e: list[Array], now: dict[str, Array]
) -> list[Array]:
    return [_function(op.activation, x + now["product"], e_x + e[0] @ _kernel(op), op.gate_input)]


_STEPS: dict[str, Any] = {"gru": _gru, "lstm": _lstm, "simple_rnn": _simple_rnn}
