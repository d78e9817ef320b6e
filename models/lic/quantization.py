"""The fixed twin of a trained codec: 8-bit layers of QKeras, FixedGDN, and the types that suit the trained weights.

All scales are powers of two. A kernel has 8 bits and the integer bits of least squared error; QKeras knows no negative
number of them, so a kernel below 1/2 is stored larger and scaled by ``alpha``, a power of two. Biases have 16 bits and
no finer step than the products they are added to. Activations have 8 bits, by calibration on training images. GDN
takes 12 bits and computes with 32 inside (``wide``), or all of its inputs and parameters have 8 (``narrow``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...sim.fixed import Fixed
from ..fli.quantization import FloatArray, bias_type, weight_type
from .data import Pool
from .network import Codec, Weights, keras

Types = dict[str, dict[str, Any]]
"""By layer: a kernel's and a bias's integer bits, FixedGDN's types, a ReLU's integer bits (sign not counted)."""
BITS, BIAS_BITS, WIDE_BITS = 8, 16, 12
LEAST_INTEGER = -8
CALIBRATION_CROPS, CALIBRATION_SIDE, CALIBRATION_SEED = 24, 128, 4200
PIXELS, INTEGERS = Fixed(False, 0, 8), Fixed(True, 7, 0)
READS = {
    "conv1": "pixels",
    "conv2": "gdn1",
    "conv3": "gdn2",
    "conv4": "gdn3",
    "hyper_conv1": "y",
    "hyper_conv2": "hyper_relu1",
    "hyper_conv3": "hyper_relu2",
    "hyper_deconv1": "z",
    "hyper_deconv2": "hyper_relu3",
    "hyper_conv4": "hyper_relu4",
    "deconv1": "y",
    "deconv2": "igdn1",
    "deconv3": "igdn2",
    "deconv4": "igdn3",
}
"""Which value each layer multiplies; the types of its bias follow from it."""
BEFORE_GDN = {"gdn": "conv", "igdn": "crop"}


class FixedKit:
    """QKeras's layers and FixedGDN with these types."""

    def __init__(self, types: Types) -> None:
        keras()
        import qkeras

        self.types, self.qkeras = types, qkeras

    def entrance(self, name: str) -> Any:
        return self._activation(self.qkeras.quantized_relu(BITS, 0) if name == "pixels" else _integers(), name)

    def exit(self, name: str) -> Any:
        return self._activation(self.qkeras.quantized_relu(BITS, 0) if name == "reconstruction" else _integers(), name)

    def conv(self, name: str, filters: int, size: int, stride: int) -> Any:
        return self.qkeras.QConv2D(filters, size, strides=stride, name=name, **self._parameters(name))

    def deconv(self, name: str, filters: int) -> Any:
        return self.qkeras.QConv2DTranspose(filters, 5, strides=2, name=name, **self._parameters(name))

    def normalization(self, name: str, inverse: bool) -> Any:
        from ...layers.gdn import fixed_gdn

        return fixed_gdn()(inverse=inverse, name=name, **self.types[name])

    def relu(self, name: str) -> Any:
        return self._activation(self.qkeras.quantized_relu(BITS, self.types[name]["integer"]), name)

    def _activation(self, quantizer: Any, name: str) -> Any:
        return self.qkeras.QActivation(quantizer, name=name)

    def _parameters(self, name: str) -> dict[str, Any]:
        kernel, bias = self.types[name]["kernel"], self.types[name]["bias"]
        return {
            "kernel_quantizer": self.qkeras.quantized_bits(BITS, max(kernel, 0), alpha=alpha(kernel)),
            "bias_quantizer": self.qkeras.quantized_bits(BIAS_BITS, bias, alpha=1),
            "kernel_initializer": keras().initializers.HeNormal(seed=1),  # seeded, for QKeras calls it twice
        }


def alpha(integer: int) -> float:
    """A kernel's scale: what QKeras's integer bits leave over."""
    return float(2.0 ** min(integer, 0))


def stored(weights: Weights, types: Types) -> Weights:
    """Float weights as a fixed codec stores them: kernels divided by their scale."""
    scaled = {
        name: [w[0] / np.float32(alpha(types[name]["kernel"])), w[1]] for name, w in weights.items() if name in READS
    }
    return {**weights, **scaled}


def put_on_grid(codec: Codec) -> None:
    """Replace every kernel and bias by what it counts as, in place, still before the kernel's scale."""
    for layer in codec.layers():
        if hasattr(layer, "kernel_quantizer_internal"):
            kernel, bias = layer.kernel_quantizer_internal, layer.bias_quantizer_internal
            grid = kernel(layer.kernel).numpy() / np.float32(kernel.alpha)
            layer.set_weights([grid, bias(layer.bias).numpy()])


def calibrated(codec: Codec, pool: Pool, narrow: bool) -> Types:
    """The types for this float codec, from its weights and its values on training images."""
    values = _values(codec, pool)
    outputs: dict[str, Fixed] = {"pixels": PIXELS, "y": INTEGERS, "z": INTEGERS}
    types: Types = {}
    for layer in codec.layers():
        if "gdn" in layer.name:
            source = BEFORE_GDN[layer.name[:-1]] + layer.name[-1]
            output = weight_type(values[layer.name], BITS, LEAST_INTEGER)
            types[layer.name] = _gdn_types(layer, values[source], narrow) | {"output_type": str(output)}
            outputs[layer.name] = output
    for name in values:
        if "relu" in name or name == "scales":
            integer = _unsigned_integer(values[name])
            types[name], outputs[name] = {"integer": integer}, Fixed(False, integer, BITS - integer)
    weights = codec.weights()
    for name, source in READS.items():
        kernel = weight_type(weights[name][0], BITS, LEAST_INTEGER)
        bias = bias_type(weights[name][1], BIAS_BITS, outputs[source].fraction + kernel.fraction)
        types[name] = {"kernel": kernel.integer, "bias": bias.integer}
    return types


def _gdn_types(layer: Any, values: FloatArray, narrow: bool) -> dict[str, Any]:
    """FixedGDN's inner types for a trained GDN whose inputs are ``values``."""
    from ...gen.ops.gdn_types import Choices, fixed_types

    beta, gamma = (parameter.numpy().astype(np.float64) for parameter in layer.parameters())
    bits: dict[str, Any] = {"gamma_bits": BITS, "beta_bits": BITS, "gain_bits": BITS} if narrow else {}
    given = weight_type(values, BITS if narrow else WIDE_BITS, LEAST_INTEGER)
    return dict(fixed_types(beta, gamma, given, Choices(inverse=layer.inverse), **bits))


def _values(codec: Codec, pool: Pool) -> dict[str, FloatArray]:
    """What each layer of the float codec gives on the calibration crops, by its name."""
    rng = np.random.RandomState(CALIBRATION_SEED)
    crops = pool.crops(CALIBRATION_CROPS, CALIBRATION_SIDE, rng)[0]
    y, z = (np.clip(np.rint(part.numpy()), -128, 127) for part in codec.latents(crops))
    found: dict[str, FloatArray] = {}
    for model, given in ((codec.analysis, crops), (codec.hyper_synthesis, z), (codec.synthesis, y)):
        wanted = [layer for layer in model.layers if layer.name.startswith(_MEASURED)]
        outputs = keras().Model(model.input, [layer.output for layer in wanted])(given)
        found |= {layer.name: values.numpy() for layer, values in zip(wanted, outputs, strict=True)}
    return found


_MEASURED = ("conv", "gdn", "hyper_relu", "scales", "crop", "igdn")


def _unsigned_integer(values: FloatArray) -> int:
    """Integer bits, from 0, with which 8 unsigned bits have the least squared error."""
    from ..cells.quantization import best_integer

    return min(best_integer(values, BITS, signed=False), BITS)


def _integers() -> Any:
    import qkeras

    return qkeras.quantized_bits(BITS, BITS - 1, alpha=1)
