"""Dtype policies of Keras 2 and 3: only those that leave a layer's float weights as they are can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...sim.errors import BitsmithError
from ..classes import is_object

SUPPORTED = ("float32", "float64")
_NAMED = ("DTypePolicy", "FloatDTypePolicy", "Policy", None)
"""Policies that their name describes; every other class (QuantizedDTypePolicy, GPTQDTypePolicy, …) changes weights."""
_NO_LAYERS = ("_initializer", "_regularizer", "_constraint", "_quantizer", "_config")


class _Policy(NamedTuple):
    """A policy by name, and where it stands: the layer inside, a key of a DTypePolicyMap."""

    name: str
    inside: str = ""
    attribute: str = "dtype"

    @property
    def supported(self) -> bool:
        return self.name in SUPPORTED

    @property
    def cure(self) -> str:
        if "_from_" in self.name or self.name.endswith("Policy") or self.attribute != "dtype":
            return "save the model before model.quantize; 'bitsmith calibrate' proposes types for it"
        return "make the layer with dtype='float32', give it these weights and save the model again"


def check_policies(layer: str, config: dict[str, Any]) -> None:
    """BitsmithError for the first dtype policy of a layer, or of a layer inside it, that is not supported."""
    for policy in _refused(config):
        raise BitsmithError(
            f"{policy.attribute}={policy.name} on '{layer}'{policy.inside} is not supported; "
            f"supported: {', '.join(SUPPORTED)}; {policy.cure}"
        )


def leaves_weights(config: dict[str, Any]) -> bool:
    """Whether every dtype policy of a layer is supported, so that its weights mean what they say."""
    return next(_refused(config), None) is None


def _refused(config: dict[str, Any], inside: str = "") -> Iterator[_Policy]:
    yield from (policy for policy in _policies(config.get("dtype"), inside) if not policy.supported)
    if (quantization := config.get("quantization_config")) is not None:
        yield _Policy(_class_name(quantization), inside, "quantization_config")
    for key, value in config.items():
        for inner in value if isinstance(value, list) else [value]:
            if not key.endswith(_NO_LAYERS) and is_object(inner):
                name = str(inner["config"].get("name") or key)
                yield from _refused(inner["config"], f"{inside} (its '{name[:60]}')")


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
