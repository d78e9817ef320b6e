"""Layers that multiply by weights: the weights' grids, biases, and scales that are no power of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...sim.errors import BitsmithError, TooWide
from ...sim.fixed import Fixed, FloatArray, IntArray, Overflow, Rounding
from ...sim.op import Operator
from ...sim.ops.batch_norm import BatchNorm
from ..config.schema import Precision
from ..quantize.quantizers import Quantizer, parse_quantizer
from ..quantize.weights import WeightGrid, bare_levels, dyadic, holds_written, misfit, on_type, quantize_weights
from .attributes import Attributes
from .build import Builder, Tensor, at_layer
from .hgq import is_hgq
from .hgq_weights import quantized_weights
from .network import Layer

Make = Callable[[IntArray, Fixed, IntArray, Fixed], Operator]
"""Kernel, its type, bias, its type to an operator."""


def weight_grid(
    build: Builder, layer: Layer, values: FloatArray, quantizer: Any, attribute: str, role: str, trainable: bool = True
) -> WeightGrid:
    """Weights on their grid: the quantizer's, else the configured precision's; BitsmithError where there is neither.

    A layer of HGQ2 has its own quantizers, with bits for every weight. ``trainable`` kernels with alpha=None have
    alpha="auto_po2": qkeras's layers set that when they are built.
    """
    where = f"'{layer.name}': {attribute}"
    if is_hgq(layer):
        return WeightGrid(*dyadic(quantized_weights(layer, values, attribute), where))
    q = parse_quantizer(quantizer, f"'{layer.name}' ({attribute.removesuffix('_kernel')}_quantizer)")
    if q is None:
        precision = build.precision(layer, role, required=True)
        if precision is None and build.proxy:
            return WeightGrid(*dyadic(values, where))
        if precision is None:
            named = "weight" if role.endswith("wise") else role
            precision = build.missing(
                layer,
                named,
                f"{where} has no quantizer; give HLSConfig.LayerName.{layer.name}.Precision.{named} "
                "(bitsmith calibrate proposes a configuration)",
            )
        return on_type(values, precision.type, precision.rounding, precision.overflow, where)
    q = _as_trained(q) if trainable else q
    grid = quantize_weights(q, values, where)
    precision = build.named(layer, role)
    if precision is not None:
        try:
            check_written(q, values, precision.type, where, grid)
        except BitsmithError as error:
            raise BitsmithError(f"{error}{build.class_wide(layer, role)}") from None
    return grid


def _as_trained(q: Quantizer) -> Quantizer:
    values = dict(q.parameters)
    if "alpha" not in values or values["alpha"] is not None:
        return q
    return q.changed(alpha="auto_po2", **({"symmetric": True} if "symmetric" in values else {}))


def check_configured(build: Builder, layer: Layer, grid: WeightGrid, role: str, where: str) -> None:
    """An explicit Precision for weights that have their grid must hold them exactly; it changes nothing."""
    precision = build.named(layer, role)
    if precision is not None and grid.scale is None:
        _check_held(grid, precision.type, where)


def check_written(q: Quantizer, values: FloatArray, type: Fixed, where: str, grid: WeightGrid | None = None) -> None:
    """A type that is given for quantized weights must hold their bare levels, or ``grid``, exactly.

    It changes nothing: the model's own grid stands.
    """
    levels = bare_levels(q, values, where)
    shown = levels if grid is None or grid.scale is not None else grid
    if not holds_written(q, levels, type):
        _check_held(shown, type, where)


def _check_held(grid: WeightGrid, type: Fixed, where: str) -> None:
    index = misfit(grid, type)
    if index is None:
        return
    value = float(np.ldexp(float(grid.raw[index]), -grid.type.fraction))
    raise BitsmithError(f"{where}{list(index)} = {value:g} is not on the grid of {type}; give it {grid.type}")


def linear(
    build: Builder, layer: Layer, x: Tensor, make: Make, kernel: WeightGrid, scale: FloatArray | None,
    bias: WeightGrid | None, outputs: int, suffix: str = "",
) -> Tensor:  # fmt: skip
    """The layer's exact accumulator; a ``scale`` (one for each output) becomes a batch_norm node that adds the bias."""
    fraction = x.type.fraction + kernel.type.fraction
    none = (np.zeros(outputs, dtype=np.int64), Fixed(False, 1 - fraction, fraction))
    offset = none if bias is None else _exact(bias, outputs, f"'{layer.name}': bias")
    try:
        if scale is None:
            return build.add(layer, make(kernel.raw, kernel.type, *offset), x, suffix=suffix)
        y = build.add(layer, make(kernel.raw, kernel.type, *none), x, suffix=suffix)
        raw, type = scale_integers(scale, build.config.bitsmith.scale_bits)
        if bias is None:
            offset = (none[0], Fixed(False, 1, 0))
        return build.add(layer, BatchNorm(y.type, raw, type, *offset), y, suffix="scale", shape=y.shape)
    except TooWide as error:
        shorter = scale is not None and build.config.bitsmith.scale_bits is None
        more = TooWide(f"{error}, or fewer bits of its scales (Bitsmith: scale_bits)") if shorter else error
        raise at_layer(layer, more) from None
    except BitsmithError as error:
        raise at_layer(layer, error) from None


def _exact(grid: WeightGrid, outputs: int, where: str) -> tuple[IntArray, Fixed]:
    """A bias as integers; a float32 scale times an integer is a dyadic number and stays exact."""
    if grid.scale is None:
        return grid.raw, grid.type
    values = np.ldexp(grid.raw * np.broadcast_to(grid.scale, (outputs,)), -grid.type.fraction)
    return dyadic(values, where)


def scale_integers(scale: FloatArray, bits: int | None) -> tuple[IntArray, Fixed]:
    """Positive scales as integers and a shift: every bit of the float32, or the largest rounded to ``bits`` bits."""
    if bits is None:
        return dyadic(scale.astype(np.float32).astype(np.float64), "a scale")
    fraction = bits - int(np.frexp(scale.max())[1])
    raw = np.rint(np.ldexp(scale, fraction)).astype(np.int64)
    return raw, Fixed.holding(0, int(raw.max()), fraction)


def own_type(a: Attributes, name: str, optional: bool) -> Precision | None:
    """A type that is an attribute of one of our own layers: half to even, saturated; None where it may be missing."""
    text = a.get(name)
    if text is None and optional:
        return None
    try:
        return Precision(Fixed.parse(text)[0], Rounding.RND_CONV, Overflow.SAT)
    except BitsmithError:
        a.refuse(name, text, "a type, e.g. fixed<8,1>")
    return None


class Bias(NamedTuple):
    """What a layer's attributes say of its bias."""

    used: bool
    quantizer: Any


def declared_bias(a: Attributes) -> Bias:
    """``use_bias`` and ``bias_quantizer``."""
    return Bias(a.flag("use_bias", True), a.quantizer("bias_quantizer"))


def bias_grid(build: Builder, layer: Layer, index: int, outputs: int, bias: Bias) -> WeightGrid | None:
    """The layer's bias on its grid; None where it has none. A bias quantizer with alpha=None has scale 1."""
    if not bias.used:
        return None
    values = layer.weight(index, ("bias",), (outputs,))
    return weight_grid(build, layer, values, bias.quantizer, "bias", "bias", trainable=False)
