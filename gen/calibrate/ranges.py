"""A configuration from measured ranges: what every weight and result of a float model needs on given data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, FloatArray
from ..classes import BIDIRECTIONAL, STATES
from ..config.layer import GDN_CLASSES
from ..config.schema import Config
from ..convert import read_any
from ..convert.fold_batch_norm import fold_batch_norm
from ..convert.layers import check_network, naming
from ..files.input_file import as_array, check_file
from ..ops import MOVES
from ..ops.batch_norm import on_grids, scale_and_offset
from ..ops.dense import is_signed
from ..ops.per_step import distributed
from ..ops.reverse import directions
from ..progress import Say, silent
from ..quantize.steps import is_step
from ..read.attributes import Attributes
from ..read.inputs import index_type, input_shape
from ..read.network import Layer, Network
from .float_model import run

MODES = "RND_CONV,SAT"
BATCH = 64


def calibrate(model: Any, data: Any, bits: int = 8, say: Say = silent, weights: Path | None = None) -> dict[str, Any]:
    """A configuration with ``bits`` bits for every weight and result of ``model``, from the ranges on ``data``.

    ``model`` is a file's path or a Keras model in memory, ``data`` a .npy file's path or an array.

    Ranges are powers of two that hold every value seen; biases have twice the bits. BitsmithError where the data is no
    array of the model's input shape.
    """
    shown = model if isinstance(model, (str, Path)) else f"model '{getattr(model, 'name', '')}'"
    say(f"reading {shown}")
    network = read_any(model, weights)
    with naming(network):
        check_network(network)
    if len(network.inputs) != 1:
        raise BitsmithError(f"{shown} has {len(network.inputs)} inputs; calibrate takes models with one")
    first = next(layer for layer in network.layers if layer.key == network.inputs[0])
    shape = input_shape(first, None)
    samples = load_data(Path(data), shape) if isinstance(data, (str, Path)) else checked(data, "the data", shape)
    with naming(network):
        return propose(network, samples, bits, say)


def load_data(path: Path, shape: tuple[int, ...]) -> FloatArray:
    """Samples (n, *shape) as float64; BitsmithError where the file holds anything else. Pickles are never loaded."""
    check_file(path, "a .npy file of the model's inputs")
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # numpy's reader raises whatever a damaged header makes it stumble over
        text = " ".join(str(error).split())[:80]
        raise BitsmithError(f"{path}: no array of numbers ({text}); save it with numpy.save") from None
    return checked(array, str(path), shape)


def checked(data: Any, path: str, shape: tuple[int, ...]) -> FloatArray:
    """Samples (n, *shape) as float64; BitsmithError that begins with ``path`` where the data is anything else."""
    array = as_array(data, path)
    if array.dtype.kind not in "fiub":
        raise BitsmithError(f"{path}: no array of numbers (dtype {array.dtype}); save it with numpy.save")
    if len(array.shape) == 0 or len(array) == 0 or array.shape[1:] != shape:
        raise BitsmithError(
            f"{path} has shape {array.shape}, the model's input {shape}; give (samples, {', '.join(map(str, shape))})"
        )
    if not np.isfinite(array).all():
        raise BitsmithError(f"{path} holds NaN or infinity; remove those samples")
    return array.astype(np.float64)


def propose(network: Network, x: FloatArray, bits: int, say: Say = silent) -> dict[str, Any]:
    """The configuration as plain data, ready for YAML."""
    model, network = network, fold_batch_norm(network, Config())
    ranges = _over_calls(network, measure(network, x, say))
    for layer in model.layers:
        layer.check_taken()
    names: dict[str, Any] = {}
    for layer in network.layers:
        if layer.class_name in (*STATES, *BIDIRECTIONAL):
            entry = _recurrent(layer, ranges, bits)
            names |= {layer.name: {"Precision": entry}} if entry else {}
            continue
        entry = _weights(layer, bits)
        if layer.class_name == "InputLayer" and index_type(network, layer) is not None:
            continue
        if not _keeps_its_type(layer):
            entry["result"] = precision(*ranges[layer.key], bits)
        if entry:
            names[layer.name] = {"Precision": entry}
    return {
        "Backend": "Vitis",
        "ClockPeriod": 5,
        "IOType": "io_stream",
        "HLSConfig": {"Model": {"ReuseFactor": 1, "Strategy": "Latency"}, "LayerName": names},
    }


def _over_calls(network: Network, ranges: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The ranges with those of all calls of a layer in one: they have one type."""
    calls: dict[str, list[str]] = {}
    for layer in network.layers:
        calls.setdefault(layer.name, []).append(layer.key)
    whole = dict(ranges)
    for keys in (keys for keys in calls.values() if len(keys) > 1):
        for part in ("", ":state", ":cell"):
            found = [ranges[key + part] for key in keys if key + part in ranges]
            if found:
                both = min(low for low, _ in found), max(high for _, high in found)
                whole |= {key + part: both for key in keys}
    return whole


def measure(network: Network, x: FloatArray, say: Say = silent) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of every layer's output over the samples, in batches."""
    ranges: dict[str, tuple[float, float]] = {}
    for start in range(0, len(x), BATCH):
        say(f"measuring {len(network.layers)} layers, {start} of {len(x)} samples done")
        for key, value in run(network, [x[start : start + BATCH]]).items():
            low, high = ranges.get(key, (np.inf, -np.inf))
            ranges[key] = (min(low, float(value.min())), max(high, float(value.max())))
    return ranges


def precision(low: float, high: float, bits: int, modes: str = f",{MODES}") -> str:
    """The type of ``bits`` bits whose range holds ``low`` to ``high``, and no more integer bits than that takes.

    An end may lie one step outside and saturates there: 1.0 in ``ufixed<8,0>``.
    """
    signed = low < 0
    largest = max(-low, high)
    integer = int(np.frexp(largest)[1]) - 1 if largest else 1
    while not _holds(Fixed(signed, integer, bits - int(signed) - integer), low, high):
        integer += 1
    type = Fixed(signed, integer, bits - int(signed) - integer)
    return f"{str(type)[:-1]}{modes}>"


def _holds(type: Fixed, low: float, high: float) -> bool:
    step = 2.0**-type.fraction
    return type.raw_min * step <= low and high <= (type.raw_max + 1) * step


def _keeps_its_type(layer: Layer) -> bool:
    """Whether a result's type follows from the model: it is moved, quantized, or a sum of few bits."""
    brings = layer.class_name.startswith(("Q", "FixedGDN")) or (
        layer.class_name in MOVES and layer.config.get("interpolation") in (None, "nearest")
    )
    return brings or is_signed(layer) or is_step(layer.config.get("activation"))


def _recurrent(layer: Layer, ranges: dict[str, tuple[float, float]], bits: int) -> dict[str, str]:
    """Types of a recurrent layer's weights and states; none where the model brings its own.

    What else is rounded inside follows from the state's type (``ops/recurrent_types.py``).
    """
    parts = directions(layer) if layer.class_name in BIDIRECTIONAL else (layer,)
    config = parts[0].config
    if layer.class_name == "FixedGRU" or any(config.get(f"{n}_quantizer") for n in ("kernel", "recurrent", "state")):
        return {}
    kernel, recurrent, bias = (
        np.concatenate(
            [np.zeros(1), *(part.weights[key].ravel() for part in parts for key in keys if key in part.weights)]
        )
        for keys in (("kernel", "0"), ("recurrent_kernel", "1"), ("bias", "2"))
    )
    step = float(np.abs(kernel).max()) * 2.0**-bits
    entry = {"weight": _of(kernel, bits), "recurrent_weight": _of(recurrent, bits), "bias": _bias(bias, bits, step)}
    entry["result"] = precision(*ranges[f"{layer.key}:state"], bits)
    if f"{layer.key}:cell" in ranges:
        entry["cell"] = precision(*ranges[f"{layer.key}:cell"], bits)
    return entry


def _weights(layer: Layer, bits: int) -> dict[str, str]:
    """Types of the layer's weights; those that a quantizer of the model gives are left out.

    A bias has twice the bits, but none far below what the products resolve.
    """
    layer = distributed(layer) if layer.class_name == "TimeDistributed" else layer
    if layer.class_name in (*GDN_CLASSES, "Affine"):  # types that fit its parameters are its defaults
        return {}
    if layer.class_name.endswith("BatchNormalization") and on_grids(Attributes(layer.name, layer.config)):
        return {}
    if (numbers := scale_and_offset(layer)) is not None:
        return {"scale": _of(numbers[0], 2 * bits), "bias": _bias(numbers[1], bits, 2.0**-bits)}
    if layer.class_name == "PReLU":
        return {"weight": _of(next(iter(layer.weights.values())), bits)} if layer.weights else {}
    biases = [v for key, v in layer.weights.items() if v.ndim == 1 or _is_bias(layer, key)]
    kernels = [(key, v) for key, v in layer.weights.items() if v.ndim > 1 and not _is_bias(layer, key)]
    entry = {}
    config = layer.config
    if kernels and not is_signed(layer) and not any(config.get(f"{n}_quantizer") for n in ("kernel", "depthwise")):
        entry["weight"] = _of(np.concatenate([v.ravel() for _, v in kernels]), bits)
    if biases and not config.get("bias_quantizer"):
        step = max((float(np.abs(v).max()) for _, v in kernels), default=1.0) * 2.0**-bits
        entry["bias"] = _bias(biases[0], bits, step)
    return entry


def _is_bias(layer: Layer, key: str) -> bool:
    """Whether a variable is an EinsumDense's bias, which may have several axes."""
    return layer.class_name == "EinsumDense" and key in ("bias", "1")


def _bias(values: FloatArray, bits: int, kernel_step: float) -> str:
    finest = kernel_step * 2.0**-bits
    width = 2 * bits
    while width > 2 and 2.0 ** -Fixed.parse(_of(values, width))[0].fraction < finest:
        width -= 1
    return _of(values, width)


def _of(values: FloatArray, bits: int) -> str:
    return precision(float(values.min()), float(values.max()), min(bits, 32))
