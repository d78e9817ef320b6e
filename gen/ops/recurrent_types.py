"""The types inside of a recurrent layer: QKeras's quantizers, FixedGRU's own types, or the configuration.

Kinds of ``Precision`` that only recurrent layers have, each taken where it is named itself, never from a default:

=============== ======================================================================================================
state           what is carried to the next step. Default: the result's type
cell            an LSTM's second state. Default: the state's
gate_input      what the sigmoid takes: the address of its table. Default: ``table_bits`` bits (12), else exact
candidate_input the same for the tanh
gate            the sigmoid's values. Default: ``table``, else unsigned, as many bits as the state
candidate       the tanh's values. Default: ``table``, else the state's fraction bits
reset_product   r * (h @ U + b), default exact; without reset_after r * h, default the state's type
=============== ======================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, log, log2
from typing import Any

from ...sim.cast import Cast
from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.op import Spec
from ...sim.ops.activation import Activation, Kind
from ..config.schema import Precision
from ..quantize.activation import EXACT_TABLE_BITS, activation_operators, plain_type, table_address
from ..quantize.quantizers import is_quantizer, parse_quantizer
from ..read.build import Builder, value_of
from ..read.network import Layer
from ..read.policy import is_keras3
from .activation import exact_precision
from .activation_curves import QKERAS_FUNCTIONS, Curve, curve

TABLE_BITS = 12
_TAIL: dict[str, Callable[[int], float]] = {
    "sigmoid": lambda bits: (bits + 1) * log(2),
    "tanh": lambda bits: (bits + 2) * log(2) / 2,
}
"""Beyond this argument the function is within half a step of 1, its values having so many fraction bits."""
_SHORT = Fixed(True, 1, 1)  # stands in for the address of a table until the address is known


@dataclass(frozen=True)
class Types:
    """Where one recurrent layer's types come from. ``own`` are FixedGRU's; ``quantized`` marks QKeras's layers."""

    build: Builder
    layer: Layer
    quantized: bool
    own: dict[str, Precision | None] | None = None

    def given(self, role: str) -> Precision | None:
        """A role's own type; BitsmithError where model and configuration contradict each other."""
        if self.own is None:
            return self.build.given(self.layer, role)
        own, named = self.own.get(role), self.build.config.named(self.layer.name, self.layer.class_name, role)
        if named is not None and (own is None or own.type != named.type):
            raise self.contradiction(role, "an exact tensor" if own is None else str(own.type))
        return own

    def contradiction(self, role: str, model: str) -> BitsmithError:
        return BitsmithError(
            f"'{self.layer.name}': the model gives {model} for {role}; remove Precision.{role} from the configuration"
        )

    def cast(self, role: str) -> Cast | None:
        """A role's rounding; None leaves it exact."""
        found = self.given(role)
        return None if found is None else Cast(*found)

    def state(self, quantizer: Any) -> Cast:
        """What rounds the state: its quantizer, else ``state``, else the result's type; BitsmithError without any."""
        named = self.given("state")
        if quantizer is not None:
            plain = plain_type(parse_quantizer(quantizer, f"'{self.layer.name}' (state_quantizer)"))
            if plain is None:
                raise BitsmithError(
                    f"state_quantizer on '{self.layer.name}' is not supported; "
                    "supported: quantized_bits(…, alpha=1), quantized_relu"
                )
            if named is not None and named.type != plain[0]:
                raise self.contradiction("state", str(plain[0]))
            return Cast(plain[0], Rounding.RND_CONV, plain[1])
        found = (
            named
            or self.build.result(self.layer)
            or self.build.precision(self.layer, "result", required=True)  # auto: the next default, as in hls4ml
            or self.build.missing(
                self.layer,
                "state",
                f"'{self.layer.name}' has no type for its state, which would need more bits at each step; give "
                f"HLSConfig.LayerName.{self.layer.name}.Precision.state or train with a state_quantizer",
            )
        )
        return Cast(*found)

    def function(self, activation: Any, role: str, total: Fixed, state: Fixed) -> tuple[Activation, Cast | None]:
        """The function that makes the tensor ``role`` of exact sums of type ``total``, and the cast before it."""
        entry = self._entry(activation, role)
        op = self.plain_function(activation, role, total if entry is None else entry.type, state)
        if op.table_type is not None:
            return replace(op, input_type=op.table_type), Cast(op.table_type, Rounding.RND, Overflow.SAT)
        return op, None if entry is None else Cast(*entry)

    def plain_function(self, activation: Any, role: str, total: Fixed, state: Fixed) -> Activation:
        """The function of values of type ``total``, where nothing can stand before it."""
        if is_quantizer(activation):
            op = self._quantized(activation, role, total)
        else:
            op = self._named(activation, role, total, state)
        if op.kind is not Kind.TABLE or op.function == "sign":
            return op
        return replace(op, input_type=total, table_type=self._address(op, role, total))

    def _entry(self, activation: Any, role: str) -> Precision | None:
        """What the configuration, or FixedGRU, rounds the function's input to; FixedGRU's hard functions are exact."""
        entry = self.given(f"{role}_input")
        return None if self.own is not None and _name(activation) in QKERAS_FUNCTIONS else entry

    def _quantized(self, activation: Any, role: str, total: Fixed) -> Activation:
        where = f"'{self.layer.name}' ({role})"
        q = parse_quantizer(activation, where)
        assert q is not None
        real = dict(q.parameters).get("use_real_sigmoid") or dict(q.parameters).get("use_real_tanh")
        ops = activation_operators(q, Spec((1,), _SHORT if real else total), where)
        if len(ops) != 1 or not isinstance(ops[0], Activation):
            narrower = f"give HLSConfig.LayerName.{self.layer.name}.Precision.{role}_input, e.g. fixed<16,4>"
            cure = narrower if all(isinstance(op, Activation) for op in ops) else "use alpha=1"
            raise BitsmithError(f"{where}: {q} is not supported inside of a recurrent layer; {cure}")
        named = self.given(role)
        if named is not None and named.type != ops[0].output_type:
            raise self.contradiction(role, str(ops[0].output_type))
        return ops[0]

    def _named(self, activation: Any, role: str, total: Fixed, state: Fixed) -> Activation:
        name = _name(activation)
        c = self._curve(name, role)
        to = self.given(role) or self._inner(name)
        if c.kind is Kind.TABLE:
            to = to or self.given("table") or _default(c, state)
            return Activation(_SHORT, c.kind, *to, function=c.function, table_type=_SHORT)
        to = to or (exact_precision(total, c) if self.quantized else _default(c, state))
        return Activation(total, c.kind, *to, c.slope, c.offset, c.lower, c.upper)

    def _curve(self, name: str, role: str) -> Curve:
        if name == "linear":
            return Curve(Kind.LINEAR)
        own = self.quantized or self.own is not None
        known = own and name in QKERAS_FUNCTIONS
        if known:
            return QKERAS_FUNCTIONS[name]
        attribute = "recurrent_activation" if role == "gate" else "activation"
        return curve(name, self.layer, is_keras3(self.layer.config), attribute)

    def _inner(self, name: str) -> Precision | None:
        """hls4ml's name for the function inside of a layer: ``<layer>_sigmoid``."""
        section = self.build.config.hls.layer_name.get(f"{self.layer.name}_{name}")
        return None if section is None else section.lookup("result")

    def _address(self, op: Activation, role: str, total: Fixed) -> Fixed:
        """The table's address: no more range than the function's values can show, and what bits that leaves."""
        entry = self.given(f"{role}_input")
        if entry is not None:
            return entry.type
        tail = _TAIL.get(op.function)
        integer = total.integer if tail is None else max(1, ceil(log2(tail(op.output_type.fraction))))
        bits = self.build.config.bitsmith.table_bits or (None if self.quantized else TABLE_BITS)
        address = table_address(total, integer, f"'{self.layer.name}'", bits or EXACT_TABLE_BITS)
        if bits is None and address.fraction < total.fraction:
            raise BitsmithError(
                f"'{self.layer.name}': {op.function} of {total} takes a table too long to be exact; give "
                f"Precision.{role}_input (e.g. fixed<12,4>) or Bitsmith: table_bits, or train with FixedGRU"
            )
        return address


def _name(activation: Any) -> str:
    """A Keras function's name; qkeras writes its own as ``{"class_name": "function", "config": NAME}``."""
    if isinstance(activation, dict) and activation.get("class_name") == "function":
        activation = activation.get("config")
    return "linear" if activation is None else str(value_of(activation))


def trimmed(op: Activation) -> Activation:
    """The same values in the smallest type that holds a table's entries: a sigmoid needs no integer bits of a table's
    fixed<18,8>, which products with it would carry on."""
    if op.kind is not Kind.TABLE:
        return op
    return replace(op, output_type=Fixed.holding(int(op.table.min()), int(op.table.max()), op.output_type.fraction))


def _default(c: Curve, state: Fixed) -> Precision:
    """The type of a function's values where nobody gives one, from the state's."""
    if c.function == "sigmoid" or c.kind is Kind.HARD_SIGMOID:
        return Precision(Fixed(False, 0, state.width), Rounding.RND_CONV, Overflow.SAT)
    if c.function == "tanh" and state.fraction > 0:
        return Precision(Fixed(True, 0, state.fraction), Rounding.RND_CONV, Overflow.SAT)
    return Precision(state, Rounding.RND_CONV, Overflow.SAT)
