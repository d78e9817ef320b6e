"""Recurrent operators and graphs for tests: random ones over all their parameters, and a benchmark's network."""

from __future__ import annotations

from typing import Any

import numpy as np
from sim_graphs import GraphMaker

from bitsmith.sim.cast import Cast, cast_type
from bitsmith.sim.fixed import Constant, Fixed, IntArray, Overflow, Rounding
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.interval import exact_product, exact_sum
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.crop import Crop
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.gru import GRU
from bitsmith.sim.ops.lstm import LSTM
from bitsmith.sim.ops.repeat_vector import RepeatVector
from bitsmith.sim.ops.reverse import Reverse
from bitsmith.sim.ops.simple_rnn import SimpleRNN
from bitsmith.sim.ranges import accumulator
from bitsmith.sim.recurrent import BIT, Recurrent

STEMS = ["gru", "lstm", "simple_rnn"]
GATES = {"gru": 3, "lstm": 4, "simple_rnn": 1}
LITE_X, LITE_STATE = Fixed(True, 0, 7), Fixed(True, 0, 15)
LITE_GATE, LITE_UNIT = Fixed(True, 3, 12), Fixed(False, 1, 15)


class RecurrentMaker(GraphMaker):
    """Draws recurrent operators and graphs around them; ``bits`` limits the width of every type drawn."""

    def __init__(self, seed: int, bits: int = 8, extreme: bool = False) -> None:
        super().__init__(seed)
        self.bits, self.extreme = bits, extreme

    def draw_type(self, bits: int | None = None) -> Fixed:
        bits = bits or self.integer(2, self.bits)
        signed = bool(self.integer(0, 3))
        fraction = self.integer(max(0, bits - 4), bits + 1)
        return Fixed(signed, bits - int(signed) - fraction, fraction)

    def raw(self, type: Fixed, *shape: int) -> IntArray:
        if self.extreme:
            return self.rng.choice([type.raw_min, type.raw_max], shape)
        return super().raw(type, *shape)

    def modes(self) -> tuple[Rounding, Overflow]:
        if self.integer(0, 2):
            return Rounding(self.pick(*Rounding)), Overflow(self.pick(*Overflow))
        return Rounding.RND_CONV, Overflow.SAT

    def cast(self, bits: int | None = None) -> Cast:
        return Cast(self.draw_type(bits), *self.modes())

    def maybe_cast(self) -> Cast | None:
        """Narrow ones become tables, those of 17 and 18 bits only in front of a table, wider ones never."""
        return self.pick(None, self.cast(), self.cast(self.integer(13, 20)))  # type: ignore[return-value]

    def inner(self, type: Fixed) -> Activation:
        """A function inside: of every kind, with an output that the gates' arithmetic takes."""
        kind, out = Kind(self.pick(*Kind, Kind.TABLE)), self.draw_type()
        slope, offset = Constant(self.integer(-3, 9), 3), Constant(self.integer(-5, 5), 2)
        limits: dict[str, Any] = {"lower": Constant(self.integer(-9, 0), 3), "upper": Constant(self.integer(0, 9), 3)}
        extra: dict[str, Any] = {}
        if kind is Kind.TABLE:
            extra = {"function": self.pick("tanh", "sigmoid"), "table_type": self.draw_type(self.integer(2, 10))}
        elif kind in (Kind.HARD_SIGMOID, Kind.HARD_TANH):
            extra = {"slope": slope, "offset": offset, **limits}
        elif kind is Kind.LEAKY_RELU:
            extra = {"slope": slope}
        return Activation(type, kind, out, *self.modes(), **extra)

    def common(self, input_type: Fixed, gates: int, initial: Fixed | None, interleaved: bool) -> dict[str, Any]:
        units, kernel_type = self.integer(1, 4), self.draw_type()
        return {
            "input_type": input_type,
            "recurrent_kernel": self.raw(kernel_type, units, gates * units),
            "recurrent_kernel_type": kernel_type,
            "state": self.cast(),
            "return_sequences": bool(self.integer(0, 2)),
            "initial_type": initial,
            "interleaved": interleaved,
        }

    def recurrent(
        self, stem: str, input_type: Fixed, initial: Fixed | None = None, interleaved: bool = False, units: int = 0
    ) -> Recurrent:
        """An operator of that stem on gate inputs of that type; ``units`` 0 draws them."""
        make = {"gru": self.gru, "lstm": self.lstm, "simple_rnn": self.simple_rnn}[stem]
        gates = GATES[stem]
        common = self.common(input_type, gates, initial, interleaved)
        if units:
            common["recurrent_kernel"] = self.raw(common["recurrent_kernel_type"], units, gates * units)
        return make(common)

    def gru(self, common: dict[str, Any]) -> GRU:
        kernel, kernel_type, state = common["recurrent_kernel"], common["recurrent_kernel_type"], common["state"].type
        after, bias_type, units = bool(self.integer(0, 1)), self.draw_type(), len(common["recurrent_kernel"])
        bias = self.raw(bias_type, 3 * units) if after else np.zeros(3 * units, dtype=np.int64)
        total = accumulator("gru", state, kernel, kernel_type, bias, bias_type).type
        gate_input, reset_product, candidate_input = self.maybe_cast(), self.maybe_cast(), self.maybe_cast()
        gates = exact_sum(common["input_type"], total)
        sigmoid = self.inner(cast_type(gates, gate_input))
        product = exact_product(sigmoid.output_type, total if after else state)
        inside = cast_type(product, reset_product)
        if not after:
            zeros = np.zeros(units, dtype=np.int64)
            inside = accumulator("gru", inside, kernel[:, 2 * units :], kernel_type, zeros, BIT).type
        candidate = cast_type(exact_sum(common["input_type"], inside), candidate_input)
        return GRU(
            **common,
            recurrent_bias=bias,
            recurrent_bias_type=bias_type,
            recurrent_activation=sigmoid,
            activation=self.inner(candidate),
            gate_input=gate_input,
            reset_product=reset_product,
            candidate_input=candidate_input,
            reset_after=after,
        )

    def lstm(self, common: dict[str, Any]) -> LSTM:
        kernel, kernel_type, state = common["recurrent_kernel"], common["recurrent_kernel_type"], common["state"].type
        zeros = np.zeros(kernel.shape[1], dtype=np.int64)
        gates = exact_sum(common["input_type"], accumulator("lstm", state, kernel, kernel_type, zeros, BIT).type)
        gate_input, candidate_input, cell = self.maybe_cast(), self.maybe_cast(), self.cast()
        sigmoid, tanh = self.inner(cast_type(gates, gate_input)), self.inner(cast_type(gates, candidate_input))
        kept, added = (exact_product(sigmoid.output_type, t) for t in (cell.type, tanh.output_type))
        return LSTM(
            **common,
            cell=cell,
            recurrent_activation=sigmoid,
            activation=tanh,
            cell_activation=self.inner(exact_sum(kept, added)),
            gate_input=gate_input,
            candidate_input=candidate_input,
            with_cell=bool(self.integer(0, 1)),
        )

    def simple_rnn(self, common: dict[str, Any]) -> SimpleRNN:
        kernel, kernel_type, state = common["recurrent_kernel"], common["recurrent_kernel_type"], common["state"].type
        zeros = np.zeros(kernel.shape[1], dtype=np.int64)
        total = accumulator("simple_rnn", state, kernel, kernel_type, zeros, BIT).type
        gate_input = self.maybe_cast()
        gates = exact_sum(common["input_type"], total)
        return SimpleRNN(**common, activation=self.inner(cast_type(gates, gate_input)), gate_input=gate_input)

    def projection(self, x: str, outputs: int) -> str:
        """``x @ kernel + bias`` for the gates: a 1x1 conv2d on a sequence, a dense layer on a vector."""
        spec, w, b = self.specs[x], self.draw_type(), self.draw_type()
        bias = self.raw(b, outputs)
        if len(spec.shape) == 1:
            return self.add(Dense(spec.type, self.raw(w, spec.shape[0], outputs), w, bias, b), x)
        return self.add(Conv2D(spec.type, self.raw(w, 1, 1, spec.shape[2], outputs), w, bias, b), x)

    def layer(self, x: str, stem: str, inputs: list[tuple[str, Spec]], interleaved: bool, steps: int) -> str:
        """A whole layer: projection, repetition of a vector or a reverse, the operator, and a rounding behind it."""
        units, gates = self.integer(1, 4), GATES[stem]
        if len(self.specs[x].shape) == 3 and self.integer(0, 2) == 0:
            x = self.add(Reverse(self.specs[x].type, interleaved), x)
        x = self.projection(x, gates * units)
        if len(self.specs[x].shape) == 1:
            x = self.add(RepeatVector(self.specs[x].type, steps), x)
        initial = self.draw_type() if self.integer(0, 1) else None
        op = self.recurrent(stem, self.specs[x].type, initial, interleaved, units)
        shape = (1, self.specs[x].shape[1], units) if interleaved else (units,)
        names = [f"initial_{len(inputs)}_{name}" for name in op.states] if initial else []
        for name in names:
            assert initial is not None
            inputs.append((name, Spec(shape, initial)))
            self.specs[name] = inputs[-1][1]
        x = self.add(op, x, *names)
        draw = self.integer(0, 2)
        if draw == 0:
            return self.add(Activation(self.specs[x].type, Kind.LINEAR, *(self.draw_type(), *self.modes())), x)
        cast = op.state
        same = Activation(self.specs[x].type, Kind.LINEAR, cast.type, cast.rounding, cast.overflow)
        return self.add(same, x) if draw == 1 or self.specs[x].type.width > 16 else x


def random_recurrent_graph(seed: int, bits: int = 8, extreme: bool = False) -> Graph:
    """One to three recurrent layers, stacked, in either form; inner tensors may be outputs too."""
    maker = RecurrentMaker(seed, bits, extreme)
    interleaved, steps, channels = maker.integer(0, 3) == 0, maker.integer(1, 5), maker.integer(1, 3)
    spec = Spec((steps, 2, channels) if interleaved else (1, steps, channels), maker.draw_type())
    inputs = [("x", spec)]
    maker.specs["x"], x = spec, "x"
    for _ in range(maker.integer(1, 3)):
        x = maker.layer(x, str(maker.pick("gru", "lstm", "simple_rnn")), inputs, interleaved, steps)
    shape, type = maker.specs[x].shape, maker.specs[x].type
    if len(shape) == 3 and maker.integer(0, 1):
        last, channel = (shape[0 if interleaved else 1] - 1), maker.integer(0, shape[2] - 1)
        rows, columns = ((last, last + 1), (0, shape[1])) if interleaved else ((0, 1), (last, last + 1))
        x = maker.add(Crop(type, rows, columns, (channel, shape[2])), x)
        x = maker.add(Flatten(type, (int(np.prod(maker.specs[x].shape)),)), x)
    outputs = [x]
    if maker.integer(0, 3) == 0:
        outputs.append(maker.nodes[maker.integer(0, len(maker.nodes) - 1)].name)
    return Graph("random", tuple(inputs), tuple(maker.nodes), tuple(dict.fromkeys(outputs)))


def rounded_everywhere(stem: str, kernel: IntArray, t: Fixed, reset_after: bool = True) -> Any:
    """An operator with linear functions, its gates of 8 bits and every other tensor inside rounded to ``t``."""
    g, cast = Fixed(True, 0, 7), Cast(t)
    common: dict[str, Any] = {
        "input_type": t,
        "recurrent_kernel": kernel,
        "recurrent_kernel_type": t,
        "state": cast,
        "initial_type": t,
        "gate_input": cast,
        "activation": Activation(t, Kind.LINEAR, t),
    }
    if stem == "simple_rnn":
        return SimpleRNN(**common)
    common |= {"candidate_input": cast, "recurrent_activation": Activation(t, Kind.LINEAR, g)}
    if stem == "gru":
        bias = np.full(kernel.shape[1], t.raw_min if reset_after else 0)
        return GRU(**common, recurrent_bias=bias, recurrent_bias_type=t, reset_after=reset_after)
    kept = exact_product(g, t)
    return LSTM(**common, cell=cast, cell_activation=Activation(exact_sum(kept, kept), Kind.LINEAR, t))


def lite(units: int = 32, steps: int = 64, hard: bool = True, seed: int = 1) -> Graph:
    """The benchmark's QGRU: 8-bit kernel and recurrent kernel, 16-bit state and gates, then Dense(1) at each step."""
    rng = np.random.default_rng(seed)
    w = Fixed(True, 0, 7)

    def weights(*shape: int) -> IntArray:
        return np.clip(np.rint(rng.normal(0, 40, shape)), -128, 127).astype(np.int64)

    gates = Conv2D(LITE_X, weights(1, 1, 1, 3 * units), w, weights(3 * units), w)
    if hard:
        zero, one, half = Constant(0), Constant(1), Constant(1, 1)
        sigmoid = Activation(LITE_GATE, Kind.HARD_SIGMOID, LITE_UNIT, slope=half, offset=half, lower=zero, upper=one)
        tanh = Activation(LITE_GATE, Kind.HARD_TANH, LITE_STATE, lower=Constant(-1), upper=one)
    else:
        sigmoid = Activation(LITE_GATE, Kind.TABLE, LITE_UNIT, function="sigmoid", table_type=LITE_GATE)
        tanh = Activation(LITE_GATE, Kind.TABLE, LITE_STATE, function="tanh", table_type=LITE_GATE)
    gru = GRU(
        input_type=gates.accumulator.type,
        recurrent_kernel=weights(units, 3 * units),
        recurrent_kernel_type=w,
        state=Cast(LITE_STATE),
        recurrent_bias=weights(3 * units),
        recurrent_bias_type=w,
        recurrent_activation=sigmoid,
        activation=tanh,
        gate_input=Cast(LITE_GATE),
        candidate_input=Cast(LITE_GATE),
    )
    dense = Conv2D(LITE_STATE, weights(1, 1, units, 1), w, weights(1), w)
    nodes = (
        Node("g_gates", gates, ("x",)),
        Node("g", gru, ("g_gates",)),
        Node("g_out", Activation(gru.output_type, Kind.LINEAR, LITE_STATE), ("g",)),
        Node("y", dense, ("g_out",)),
    )
    return Graph("lite", (("x", Spec((1, steps, 1), LITE_X)),), nodes, ("y",))
