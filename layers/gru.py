"""``FixedGRU``: a GRU that trains with the very integers that Bitsmith's hardware computes.

Per step, in Keras's gate order z, r, h, with Q the rounding of the weights to their types::

    i      = x Q(W) + Q(b_in)                                   exact
    a      = h Q(U) + Q(b_rec)                                  exact; b_rec only with reset_after
    z, r   = sigmoid(round(i + a))                              address of gate_input_type, value of gate_type
    p      = r * a_h                                            with reset_after
    p      = (r * h) Q(U_h)                                     without
    c      = tanh(round(i_h + p))                               address of candidate_input_type, value of candidate_type
    h'     = z * h + (1 - z) * c                                rounded to state_type

The reset product, r * a_h or r * h, is rounded to ``reset_product_type``; where that is None it is exact. Addresses are
rounded to nearest, ties up; all else that is rounded goes half to even. Everything saturates. Cho et al. 2014;
``reset_after`` as in Keras and cuDNN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..sim.errors import BitsmithError
from .fixed import Activation, Tensor, fake_quant, hard_activation, parse, table_activation

if TYPE_CHECKING:
    from typing import Any as Layer
else:
    Layer = object

PACKAGE = "Bitsmith"
SIGMOIDS = ("sigmoid", "hard_sigmoid")
TANHS = ("tanh", "hard_tanh")
TYPES: dict[str, str | None] = {
    "kernel_type": "fixed<8,1>",
    "recurrent_type": "fixed<8,1>",
    "bias_type": "fixed<16,4>",
    "gate_input_type": "fixed<8,4>",
    "gate_type": "ufixed<8,0>",
    "candidate_input_type": "fixed<8,3>",
    "candidate_type": "fixed<8,1>",
    "reset_product_type": None,
    "state_type": "fixed<8,1>",
}
"""The layer's types and their defaults in ``Fixed.parse``'s syntax, the sign counted among the integer bits."""
Step = Callable[[Tensor, Tensor, Tensor], Tensor]


@lru_cache(maxsize=1)
def fixed_gru() -> Any:
    """The Keras layer class ``Bitsmith>FixedGRU``: tf_keras is imported here, and the class is registered with it."""
    import tf_keras

    layer = type("FixedGRU", (_FixedGRU, tf_keras.layers.Layer), {"__doc__": __doc__, "__module__": __name__})
    return tf_keras.saving.register_keras_serializable(PACKAGE)(layer)


class _FixedGRU(Layer):
    """The layer without its Keras base, which :func:`fixed_gru` adds.

    Values are exact while the layer's dtype holds them: 24 bits in float32, 53 in float64 (``dtype="float64"``).
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        reset_after: bool = True,
        return_sequences: bool = False,
        recurrent_activation: str = "sigmoid",
        activation: str = "tanh",
        **options: Any,
    ) -> None:
        names = {name: options.pop(name, default) for name, default in TYPES.items()}
        super().__init__(**options)
        _check(units, recurrent_activation, activation, names)
        self.units, self.use_bias, self.reset_after = units, use_bias, reset_after
        self.return_sequences = return_sequences
        self.recurrent_activation, self.activation = recurrent_activation, activation
        self.type_names = names

    def get_config(self) -> dict[str, Any]:
        """Flat: each type is a string, or None, under its own name."""
        names = ("units", "use_bias", "reset_after", "return_sequences", "recurrent_activation", "activation")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}, **self.type_names}

    def build(self, input_shape: Any) -> None:
        """Keras's own weights in its order and shapes: kernel, recurrent_kernel, bias."""
        shape = tuple(input_shape)
        if len(shape) == 2 and not isinstance(shape[-1], (int, type(None))):
            shape = tuple(shape[0])  # a sequence and a state
        if len(shape) != 3 or shape[-1] is None:
            raise BitsmithError(f"'{self.name}' has the input shape {shape}; give (batch, steps, channels)")
        width = 3 * self.units
        bias_shape = (2, width) if self.reset_after else (width,)
        self.kernel = self.add_weight("kernel", (shape[-1], width), initializer="glorot_uniform")
        self.recurrent_kernel = self.add_weight("recurrent_kernel", (self.units, width), initializer="orthogonal")
        self.bias = self.add_weight("bias", bias_shape, initializer="zeros") if self.use_bias else None
        super().build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        """(batch, steps, channels) to (batch, units), or to (batch, steps, units) with ``return_sequences``.

        ``[sequence, state]`` starts from that state (batch, units), rounded to the state's type; else from zero.
        """
        import tensorflow as tf

        x, state = inputs if isinstance(inputs, (list, tuple)) else (inputs, None)
        state = tf.zeros((tf.shape(x)[0], self.units), x.dtype) if state is None else state
        step = self._step()
        states = tf.scan(lambda h, i: step(h, *i), self._inputs(x), fake_quant(state, self._type("state_type")))
        sequence = tf.transpose(states, (1, 0, 2))
        sequence.set_shape((x.shape[0], x.shape[1], self.units))
        return sequence if self.return_sequences else sequence[:, -1]

    def _inputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What no state decides, for all steps at once: (steps, batch, 2 units) of the gates, then the candidate's.

        The gates' two biases are added here: the sums are exact, so their order is free.
        """
        import tensorflow as tf

        kernel = fake_quant(self.kernel, self._type("kernel_type"))
        bias, recurrent_bias = self._biases()
        bias += tf.concat([recurrent_bias[: 2 * self.units], tf.zeros_like(recurrent_bias[2 * self.units :])], axis=0)
        steps_first = tf.transpose(x, (1, 0, 2))
        gates, candidate = (tf.tensordot(steps_first, kernel[:, part], 1) + bias[part] for part in self._parts())
        return gates, candidate

    def _biases(self) -> tuple[Tensor, Tensor]:
        """(input's, recurrent) biases of 3 units each; zeros where the layer has none."""
        import tensorflow as tf

        zeros = tf.zeros(3 * self.units, self.kernel.dtype)
        if self.bias is None:
            return zeros, zeros
        bias = fake_quant(self.bias, self._type("bias_type"))
        return (bias[0], bias[1]) if self.reset_after else (bias, zeros)

    def _step(self) -> Step:
        """From the state and one step's two inputs to the next state."""
        import tensorflow as tf

        kernel = fake_quant(self.recurrent_kernel, self._type("recurrent_type"))
        to_gates, to_candidate = (kernel[:, part] for part in self._parts())
        candidate_bias = self._biases()[1][2 * self.units :]
        sigmoid, tanh = self._activations()

        def step(h: Tensor, gates: Tensor, candidate: Tensor) -> Tensor:
            z, r = tf.split(sigmoid(gates + tf.matmul(h, to_gates)), 2, axis=1)
            if self.reset_after:
                product = self._reset_product(r * (tf.matmul(h, to_candidate) + candidate_bias))
            else:
                product = tf.matmul(self._reset_product(r * h), to_candidate)
            c = tanh(candidate + product)
            return fake_quant(c + z * (h - c), self._type("state_type"))

        return step

    def _reset_product(self, exact: Tensor) -> Tensor:
        return (
            exact
            if self.type_names["reset_product_type"] is None
            else fake_quant(exact, self._type("reset_product_type"))
        )

    def _activations(self) -> tuple[Activation, Activation]:
        """The gates' and the candidate's."""
        gate, candidate = self._type("gate_type"), self._type("candidate_type")
        return (
            hard_activation("hard_sigmoid", gate)
            if self.recurrent_activation == "hard_sigmoid"
            else table_activation("sigmoid", self._type("gate_input_type"), gate),
            hard_activation("hard_tanh", candidate)
            if self.activation == "hard_tanh"
            else table_activation("tanh", self._type("candidate_input_type"), candidate),
        )

    def _parts(self) -> tuple[slice, slice]:
        """Where the gates z and r and the candidate stand among 3 units."""
        return slice(0, 2 * self.units), slice(2 * self.units, 3 * self.units)

    def _type(self, name: str) -> Any:
        return parse(self.type_names[name])


def _check(units: int, recurrent_activation: str, activation: str, names: dict[str, str | None]) -> None:
    """BitsmithError for what the layer cannot be."""
    if not isinstance(units, int) or units < 1:
        raise BitsmithError(f"FixedGRU has {units} units; give a whole number from 1")
    for given, known in ((recurrent_activation, SIGMOIDS), (activation, TANHS)):
        if given not in known:
            raise BitsmithError(f"FixedGRU has no activation '{given}' here; choose {' or '.join(known)}")
    for name, text in names.items():
        if text is not None:
            parse(text)
        elif TYPES[name] is not None:
            raise BitsmithError(f"FixedGRU needs a {name}, e.g. {TYPES[name]}")
