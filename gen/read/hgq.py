"""HGQ2's layers and their quantizers, from configuration and variables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import IntArray, Overflow, Rounding
from ..classes import class_name, config_of, is_layer, is_object, short
from ..quantize.hgq import HgqQuantizer
from .attributes import Attributes
from .network import Layer

PACKAGE = "hgq>"
"""What its classes are called with (``classes.class_name``)."""
ATTRIBUTES = ("iq_conf", "iq_confs", "kq_conf", "bq_conf", "oq_conf", "enable_iq", "enable_oq", "enable_ebops",
              "ebops_factor", "beta0", "parallelization_factor")  # fmt: skip
"""Of every layer: quantizers, which ``quantizer`` reads, and what only training and its estimate of hardware read."""
_CONFIG = ("QuantizerConfig", f"{PACKAGE}QuantizerConfig")
_MOST = 64
"""No number of bits is larger, either way."""
_ORDER = {
    ("kbi", False): ("b", "i", "k"),
    ("kbi", True): ("b", "k", "i"),
    ("kif", False): ("i", "f", "k"),
    ("kif", True): ("f", "k", "i"),
}
"""A quantizer's variables in the order of their numbers in ``.keras`` files, by its kind and whether it wraps."""


def is_proxy(layer: Layer) -> bool:
    """Whether a layer is a quantizer of a proxy model, which HGQ 1 writes for hls4ml: plain layers are beside it, whose
    weights are on grids."""
    return layer.class_name.removeprefix("HGQ>") == "FixedPointQuantizer"


def is_hgq(layer: Layer) -> bool:
    """Whether a layer is one of HGQ2's, or a quantizer of HGQ's."""
    return layer.class_name.startswith(PACKAGE) or is_proxy(layer)


def proxy_quantizer(layer: Layer) -> HgqQuantizer:
    """The quantizer that a layer of a proxy model is: ap_fixed types, whose bits and integer bits count the sign."""
    a = Attributes(layer.name, layer.config)
    rounding, overflow = _mode(a, "RND", list(Rounding)), _mode(a, "SAT", list(Overflow))
    found = [np.rint(layer.variable(name)) for name in ("keep_negative", "bits", "integers")]
    k, b, i = (np.clip(value, -_MOST - 1, _MOST + 1).astype(np.int64) for value in found)
    small = all((np.abs(value) <= _MOST).all() for value in found)
    if not (k.shape == b.shape == i.shape) or not small or not np.isin(k, (0, 1)).all() or (b < 0).any():
        raise BitsmithError(f"'{layer.name}': its bits are no numbers of bits up to {_MOST}; save the model again")
    if a.flag("fusible", False) and any((value != value.ravel()[0]).any() for value in (k, b, i)):
        a.refuse("fusible", True, "false, where the types differ")
    return HgqQuantizer(k, i - k, b - i, rounding, overflow)


def _mode(a: Attributes, name: str, known: list[Any]) -> Any:
    words = {mode.value: mode for mode in known}
    if a.get(name) not in list(words):
        a.refuse(name, a.get(name), ", ".join(words))
    return words[a.get(name)]


def plain_layer(layer: Layer) -> Layer:
    """The layer without the scalars that only training reads, its own variables numbered without them."""
    scalars = {name for name, value in layer.weights.items() if value.ndim == 0}
    layer.taken.update(id(layer.weights[name]) for name in scalars)
    kept = {name: value for name, value in layer.weights.items() if name not in scalars}
    numbers = sorted((name for name in kept if name.isdigit()), key=int)
    renamed = {name: str(k) for k, name in enumerate(numbers)}
    return replace(layer, weights={renamed.get(name, name): value for name, value in kept.items()})


def quantizer(layer: Layer, role: str) -> HgqQuantizer | None:
    """A layer's quantizer: ``iq`` in front of it, ``oq`` behind it, ``kq`` and ``bq`` of its weights; None where it has
    none.

    ``iq0``, ``iq1`` … are those of a layer's several inputs, ``exp_iq``, ``inv_oq`` … those around the two tables of a
    softmax; ``role`` is empty for the layer Quantizer, which is nothing else. BitsmithError for one that is not
    supported.
    """
    kind = role.rstrip("0123456789")
    if kind in ("iq", "oq") and not Attributes(layer.name, layer.config).flag(f"enable_{kind}", kind == "iq"):
        return None
    attribute = f"{role}_conf" if role else "config"
    given = layer.config.get(attribute)
    if kind != role:
        attribute = f"{kind}_confs"
        several, place = layer.config.get(attribute), int(role.removeprefix(kind))
        given = several[place] if isinstance(several, list) and place < len(several) else several
    try:
        return _quantizer(layer, role, given, attribute)
    except BitsmithError as error:
        named = str(error).startswith(f"'{layer.name}'")
        raise BitsmithError(str(error) if named else f"'{layer.name}': {error}") from None


def _quantizer(layer: Layer, role: str, given: Any, attribute: str) -> HgqQuantizer | None:
    if not is_layer(given) or class_name(given) not in _CONFIG:
        raise BitsmithError(f"{attribute}={short(given)} is not supported; supported: QuantizerConfig of hgq2 0.2")
    a = Attributes(attribute, config_of(given))
    kind = a.choice("q_type", ("kbi", "kif", "dummy"))
    if kind == "dummy":
        return None
    a.only("scaler", None)
    a.only("affine", None)
    mapper = a.get("bw_mapper")
    if mapper is not None and not (is_object(mapper) and class_name(mapper) == "hgq>DefaultBitwidthMapper"):
        a.refuse("bw_mapper", mapper, "None")
    rounding, overflow = _rounding(a), _overflow(a)
    wraps, weight = overflow is Overflow.WRAP, a.flag("is_weight", False)
    signs, integers, fractions = _bits(layer, role, kind, wraps)
    free = wraps and weight and a.flag("trainable", True) and (kind == "kif" or a.get("round_mode") == "RND")
    return HgqQuantizer(signs, integers, fractions, rounding, overflow, free)


def _rounding(a: Attributes) -> Rounding:
    known = {mode.value: mode for mode in Rounding}
    word = str(a.get("round_mode")).upper().removeprefix("S_")
    if word not in known:
        a.refuse("round_mode", a.get("round_mode"), ", ".join(known))
    return known[word]


def _overflow(a: Attributes) -> Overflow:
    known = {mode.value: mode for mode in Overflow if mode is not Overflow.SAT_ZERO}
    word = str(a.get("overflow_mode")).upper()
    if word not in known:
        a.refuse("overflow_mode", a.get("overflow_mode"), ", ".join(known))
    return known[word]


def _bits(layer: Layer, role: str, kind: str, wraps: bool) -> tuple[IntArray, IntArray, IntArray]:
    """Sign, integer and fraction bits; BitsmithError where a variable is missing or is none."""
    where = f"the bits of {role or 'the quantizer'}"
    prefix = _group(layer, role)
    found = {
        name: np.rint(layer.variable(f"{prefix}/{name}", f"{prefix}/{k}").astype(np.float32))
        for k, name in enumerate(_ORDER[kind, wraps])
    }
    if len({value.shape for value in found.values()}) != 1:
        raise BitsmithError(f"{where} have several shapes; save the model again")
    if any((np.abs(value) > _MOST).any() for value in found.values()) or not np.isin(found["k"], (0, 1)).all():
        raise BitsmithError(f"{where} are no numbers of bits up to {_MOST} and signs of 0 or 1; save the model again")
    whole = {name: value.astype(np.int64) for name, value in found.items()}
    return whole["k"], whole["i"], whole["f"] if kind == "kif" else whole["b"] - whole["i"]


def _group(layer: Layer, role: str) -> str:
    """What the names of a quantizer's variables begin with: of several inputs, in the order of the files' numbers."""
    if role[-1:].isdigit():
        groups = {name.rpartition("/")[0] for name in layer.weights if "quantizer/" in name and name[:3] != "oq/"}
        ordered, place = sorted(groups, key=lambda name: (len(name), name)), int(role.removeprefix("iq"))
        return ordered[place] if place < len(ordered) else role
    if "_" in role:
        part, _, inner = role.partition("_")
        nested = f"{part}_table/{inner}/quantizer"
        return nested if any(name.startswith(nested) for name in layer.weights) else f"{part}_table_{inner}/quantizer"
    return f"{role}/quantizer" if role else "quantizer"


def input_quantizers(layer: Layer, key: str | None = None) -> list[HgqQuantizer | None]:
    """The quantizers in front of a layer, or that it is; those of the tensor ``key`` where one is given.

    None stands for an input that is taken as it is.
    """
    if is_proxy(layer):
        return [proxy_quantizer(layer)]
    if layer.class_name == f"{PACKAGE}Quantizer":
        return [quantizer(layer, "")]
    if "iq_confs" not in layer.config:
        return [quantizer(layer, "iq")]
    places = [k for k, source in enumerate(layer.inputs) if key in (None, source)]
    return [quantizer(layer, f"iq{k}") for k in places]
