"""Dtype policies of Keras 2 and 3: those that leave a layer's weights as they are, and integers that are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...sim.errors import BitsmithError
from ..classes import OF_INTEGERS, is_object

SUPPORTED = ("float32", "float64")
_NAMED = ("DTypePolicy", "FloatDTypePolicy", "Policy", None)
"""Policies that their name describes; every other class (QuantizedDTypePolicy, GPTQDTypePolicy, …) changes weights."""
_NO_LAYERS = ("_initializer", "_regularizer", "_constraint", "_quantizer", "_config")

_INTEGER_POLICIES = ("QuantizedDTypePolicy", "Int4DTypePolicy", None)
_CONFIGS = {8: "Int8QuantizationConfig", 4: "Int4QuantizationConfig"}
_QUANTIZERS = ("weight_quantizer", "activation_quantizer")


class Integers(NamedTuple):
    """How Keras keeps a layer's weights as integers."""

    bits: int
    """8, or 4: two of them in a byte."""
    block: int
    """How many inputs (of an Embedding: outputs) share a scale and a zero point; 0: all of them, with no zero point."""
    source: str
    """The policy before the layer was quantized, one of ``SUPPORTED``."""


def integers_of(kind: str, config: dict[str, Any]) -> Integers | None:
    """How the weights of a layer of class ``kind`` are integers; None where they are not, or are not read as such."""
    found = _by_policy(kind, config)
    return None if found is None or _strange(found, config) else found


class _Policy(NamedTuple):
    """A policy by name, and where it stands: the layer inside, a key of a DTypePolicyMap."""

    name: str
    inside: str = ""
    attribute: str = "dtype"
    outer: str = ""
    """The class of the layer around it."""

    @property
    def supported(self) -> bool:
        return self.name in SUPPORTED

    @property
    def cure(self) -> str:
        if self.name.startswith(("int8_", "int4/")) and self.outer == "TimeDistributed":
            return (
                "Keras itself leaves the scales out of a quantized layer inside of TimeDistributed; take it out of it: "
                "on a sequence Dense does the same at every step"
            )
        if self.name.startswith("int4_from_"):
            return "an older Keras packs it otherwise; quantize the model again with Keras 3.15"
        if "_from_" in self.name or self.name.endswith("Policy") or self.attribute != "dtype":
            return "save the model before model.quantize; 'bitsmith calibrate' proposes types for it"
        return "make the layer with dtype='float32', give it these weights and save the model again"


def check_policies(layer: str, kind: str, config: dict[str, Any]) -> None:
    """BitsmithError for the first dtype policy of a layer of class ``kind``, or of a layer inside it, that is not
    supported."""
    for policy in _refused(kind, config):
        raise BitsmithError(
            f"{policy.attribute}={policy.name} on '{layer}'{policy.inside} is not supported; "
            f"supported: {', '.join(SUPPORTED)}, int8 and int4 of {', '.join(OF_INTEGERS)}; {policy.cure}"
        )


def readable(kind: str, config: dict[str, Any]) -> bool:
    """Whether every dtype policy of a layer of class ``kind`` is supported, so that its weights mean what they say."""
    return next(_refused(kind, config), None) is None


def _refused(kind: str, config: dict[str, Any], inside: str = "", outer: str = "") -> Iterator[_Policy]:
    integers, own = _by_policy(kind, config), config.get("quantization_config")
    strange = "" if integers is None else _strange(integers, config)
    if integers is None:
        found = (policy._replace(outer=outer) for policy in _policies(config.get("dtype"), inside))
        yield from (policy for policy in found if not policy.supported)
    if own is not None and (integers is None or strange):
        yield _Policy(_class_name(own) + (f" ({strange})" if strange else ""), inside, "quantization_config")
    for key, value in config.items():
        for inner in value if isinstance(value, list) else [value]:
            if not key.endswith(_NO_LAYERS) and is_object(inner):
                name = str(inner["config"].get("name") or key)
                yield from _refused("", inner["config"], f"{inside} (its '{name[:60]}')", kind)


def _by_policy(kind: str, config: dict[str, Any]) -> Integers | None:
    """How the weights are integers, by the layer's dtype policy."""
    policy: Any = config.get("dtype")
    own: Any = config.get("quantization_config")
    if kind not in OF_INTEGERS or (is_object(policy) and policy.get("class_name") not in _INTEGER_POLICIES):
        return None
    mode, _, source = next((found.name for found in _policies(policy, "")), "").partition("_from_")
    if mode == "int8" and source in SUPPORTED:
        return Integers(8, 0, source)
    name, _, block = mode.partition("/")
    if name != "int4" or not block or source not in SUPPORTED:  # without a block an older Keras wrote it
        return None
    size = str(own["config"].get("block_size")) if is_object(own) else block
    if size in ("-1", "None"):
        return Integers(4, 0, source)
    return Integers(4, int(size), source) if size.isdecimal() and len(size) < 10 and int(size) else None


def _strange(found: Integers, config: dict[str, Any]) -> str:
    """What of the layer's ``quantization_config`` is not understood; empty where all of it is."""
    own = config.get("quantization_config")
    if own is None:
        return ""
    if not is_object(own) or own.get("class_name") != _CONFIGS[found.bits]:
        return f"no {_CONFIGS[found.bits]}"
    for name in _QUANTIZERS:
        quantizer = own["config"].get(name)
        if quantizer is not None and _class_name(quantizer) != "AbsMaxQuantizer":
            return _class_name(quantizer) or name
    return ""


def _policies(policy: Any, inside: str) -> Iterator[_Policy]:
    """Every policy that a layer's dtype may stand for; all entries of a DTypePolicyMap, whose paths are not known."""
    if policy is None:
        return
    config, kind = (policy["config"], policy.get("class_name")) if is_object(policy) else ({"name": policy}, None)
    if kind == "DTypePolicyMap":
        yield from _policies(config.get("default_policy"), f"{inside} (DTypePolicyMap's default)")
        entries = config.get("policy_map")
        for key, entry in entries.items() if isinstance(entries, dict) else [("policy_map", str(entries))]:
            yield from _policies(entry, f"{inside} (DTypePolicyMap's '{str(key)[:60]}')")
    elif kind in _NAMED:
        name = config.get("name")  # Keras 3 drops the names in a DTypePolicyMap without a default_policy
        yield _Policy("unknown" if name is None else str(name)[:60], inside)
    else:
        source = config.get("source_name") or "float32"
        yield _Policy(f"{config['mode']}_from_{source}"[:60] if "mode" in config else _class_name(policy), inside)


def _class_name(value: Any) -> str:
    return str(value.get("class_name") if isinstance(value, dict) else value)[:60]


def is_keras3(config: dict[str, Any]) -> bool:
    """Whether Keras 3 wrote a layer's configuration: with its dtype policy as a dictionary."""
    return isinstance(config.get("dtype"), dict)
