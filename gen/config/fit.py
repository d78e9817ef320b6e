"""Whether a configuration fits a model: what it names is there, and what it sets the named layers have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...sim.errors import BitsmithError
from ..suggest import suggest
from .layer import FITTING, LayerConfig
from .schema import Config

_DERIVED = {"linear", "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softmax", "elu",
            "relu1", "selu", "swish", "silu", "softplus", "softsign", "alpha", "scale", "bias", "gates"}  # fmt: skip


def check_layers(config: Config, names: Iterable[str], classes: Iterable[str], inputs: Iterable[str] = ()) -> None:
    """BitsmithError for a layer, a type or an input that the model does not have, or a setting that a layer has not.

    ``names`` and ``classes`` go together.
    """
    known = dict(zip(names, classes))
    types = sorted(set(known.values()))
    for name in config.hls.layer_name:
        if name not in known and not _is_derived(name, known):
            raise BitsmithError(f"HLSConfig.LayerName: the model has no layer '{name}'{suggest(name, known)}")
    for name in config.hls.layer_type:
        if name not in types:
            raise BitsmithError(f"HLSConfig.LayerType: the model has no layer of type '{name}'{suggest(name, types)}")
    _check_settings(config, known)
    given = config.bitsmith.input
    for name in given if isinstance(given, dict) else ():
        if name not in inputs:
            raise BitsmithError(f"Bitsmith.input: the model has no input '{name}'{suggest(name, list(inputs))}")


def _is_derived(name: str, known: Iterable[str]) -> bool:
    """hls4ml's names for the activation inside a layer (``conv1_relu``), ours for a recurrent layer's projection."""
    ends = [name[len(layer) + 1 :] for layer in known if name.startswith(f"{layer}_")]
    return any(end in _DERIVED or end.startswith(("quantized_", "binary", "ternary")) for end in ends)


def _check_settings(config: Config, classes: dict[str, str]) -> None:
    """BitsmithError where a key or a kind of Precision stands with a layer, or in a model, that has no such thing."""
    named = [(f"LayerName.{name}", s, [classes[name]]) for name, s in config.hls.layer_name.items() if name in classes]
    typed = [(f"LayerType.{name}", s, [name]) for name, s in config.hls.layer_type.items()]
    for where, section, found in [*named, *typed, ("Model", config.hls.model, sorted(set(classes.values())))]:
        for path, what in _settings(section):
            parts = FITTING.get(what)
            if parts is not None and not any(part in class_name for part in parts for class_name in found):
                lacking = found[0] if len(found) == 1 else "any layer of this model"
                raise BitsmithError(
                    f"HLSConfig.{where}.{path} is for {' or '.join(parts)}, not for {lacking}; remove it"
                )


def _settings(section: LayerConfig) -> Iterator[tuple[str, str]]:
    """The keys that a section sets, and the kinds of its Precision: where they stand and what they are called."""
    for name, field in type(section).model_fields.items():
        if getattr(section, name) is not None and field.alias != "Precision":
            yield str(field.alias), str(field.alias)
    precision = section.precision if isinstance(section.precision, dict) else {}
    for kind, text in precision.items():
        if text != "auto":
            yield f"Precision.{kind}", kind
