"""The decay deconvolvers, float and fixed point: GRU encoders and decoders after Erbas et al. Keras is imported late.

(batch, 70, 1) TPSF in [0, 1] to (batch, 70, 1) SFD. ``units`` are the encoder's: (32,) is Seq2SeqLite 32, (64, 32) is
Seq2Seq 64×32; the decoder mirrors them, and a dense layer of one unit ends each step.

The paper does not say how the halves are joined. Here the encoder's last state is repeated, once for each of the
decoder's steps (``join="repeat"``), as in Cho et al. 2014 without feedback; with ``join="state"`` the decoder's first
layer also starts from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...layers.gru import fixed_gru
from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, quantize, to_float
from ..training.keras import keras
from .quantization import FloatArray, Precision, gru_types, weight_type
from .synthetic import SAMPLES

Units = tuple[int, ...]
JOINS = ("repeat", "state")
TEACHER: Units = (128, 128)
STUDENTS: tuple[Units, ...] = ((64, 64), (64, 32), (64, 16), (45, 45), (32, 32), (16, 16))
LITE: tuple[Units, ...] = ((128,), (32,), (16,))


def title(units: Units) -> str:
    """``64×32``, or ``Lite 32``."""
    return f"Lite {units[0]}" if len(units) == 1 else "×".join(str(number) for number in units)


def float_network(units: Units, join: str = "repeat") -> Any:
    """The network with Keras's own GRU layers."""
    k = keras()
    gru = [k.layers.GRU(n, return_sequences=last, name=name) for n, last, name in _grus(units)]
    return _joined(units, join, k.layers.Activation("linear", name="tpsf"), gru, k.layers.Dense(1, name="sfd"))


def fixed_network(
    weights: Sequence[FloatArray], units: Units, precision: Precision, join: str = "repeat", dtype: str = "float32"
) -> Any:
    """The network in fixed point with these float weights, types chosen for them; ``dtype`` is the GRUs'."""
    k = keras()
    import qkeras

    fraction, gru = precision.bits, []
    for place, (n, last, name) in enumerate(_grus(units)):
        types = gru_types(list(weights[3 * place : 3 * place + 3]), precision, fraction)
        gru.append(fixed_gru()(n, return_sequences=last, name=name, dtype=dtype, **types))
        fraction = Fixed.parse(precision.state_type)[0].fraction
    kernel, bias = (weight_type(w, bits, 0) for w, bits in zip(weights[-2:], (precision.bits, precision.bias_bits)))
    dense = qkeras.QDense(
        1,
        kernel_quantizer=_quantized_bits(kernel),
        bias_quantizer=_quantized_bits(bias),
        kernel_initializer=k.initializers.HeNormal(seed=1),  # seeded, for QKeras calls it twice
        name="sfd",
    )
    entrance = qkeras.QActivation(qkeras.quantized_relu(precision.bits, 0), name="tpsf")
    model = _joined(units, join, entrance, gru, dense)
    model.set_weights(weights)
    return model


def load(path: Path) -> Any:
    """A saved network as a Keras model."""
    keras()
    import qkeras

    fixed_gru()  # registers the class
    return qkeras.utils.load_qmodel(str(path), compile=False)


def types(model: Any) -> dict[str, dict[str, str]]:
    """Each layer's types, as they stand in the file."""
    grus = {layer.name: dict(layer.type_names) for layer in model.layers if hasattr(layer, "type_names")}
    kernel, bias = (str(type) for type in weight_types(model.get_layer("sfd")))
    return {**grus, "sfd": {"kernel_type": kernel, "bias_type": bias}}


def put_on_grid(model: Any) -> None:
    """Replace every weight by its quantized value, in place: the file then holds what the hardware computes with."""
    for layer in model.layers:
        if layer.get_weights():
            layer.set_weights([to_float(quantize(w, t), t) for w, t in zip(layer.get_weights(), weight_types(layer))])


def weight_types(layer: Any) -> list[Fixed]:
    """The types of a layer's weights in Keras's order."""
    if hasattr(layer, "type_names"):
        return [Fixed.parse(layer.type_names[name])[0] for name in ("kernel_type", "recurrent_type", "bias_type")]
    quantizers = (layer.kernel_quantizer_internal, layer.bias_quantizer_internal)
    return [Fixed(True, int(q.integer), int(q.bits - 1 - q.integer)) for q in quantizers]


def predict(model: Any, tpsf: FloatArray, batch: int = 1000) -> NDArray[np.float64]:
    """Deconvolved curves (n, 70) of TPSFs (n, 70)."""
    parts = [model(tpsf[i : i + batch, :, None], training=False).numpy() for i in range(0, len(tpsf), batch)]
    curves: NDArray[np.float64] = np.concatenate(parts)[..., 0].astype(np.float64)
    return curves


def _grus(units: Units) -> list[tuple[int, bool, str]]:
    """(units, return_sequences, name) of each layer; of the encoder only its last gives one vector."""
    numbers = [""] if len(units) == 1 else [str(place + 1) for place in range(len(units))]
    encoder = [(n, place < len(units) - 1, f"encoder{numbers[place]}") for place, n in enumerate(units)]
    return encoder + [(n, True, f"decoder{numbers[place]}") for place, n in enumerate(units[::-1])]


def _joined(units: Units, join: str, entrance: Any, gru: list[Callable[..., Any]], dense: Any) -> Any:
    k = keras()
    if join not in JOINS:
        raise BitsmithError(f"the halves cannot be joined by '{join}'; choose {' or '.join(JOINS)}")
    tpsf = k.Input((SAMPLES, 1), name="tpsf_in")
    x = entrance(tpsf)
    for layer in gru[: len(units)]:
        x = layer(x)
    repeated = k.layers.RepeatVector(SAMPLES, name="repeat")(x)
    x = gru[len(units)]([repeated, x] if join == "state" else repeated)
    for layer in gru[len(units) + 1 :]:
        x = layer(x)
    return k.Model(tpsf, dense(x), name="fli")


def _quantized_bits(type: Fixed) -> Any:
    import qkeras

    return qkeras.quantized_bits(type.width, type.integer, alpha=1)
