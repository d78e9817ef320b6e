"""Whether a configuration fits a model: what it names is there, and what it sets the named layers have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ...sim.errors import BitsmithError
from ..classes import DIRECTIONS
from ..suggest import suggest
from .echoes import Echoes
from .layer import FITTING, STABLE, LayerConfig
from .schema import Config
from .separable import SEPARABLE

_FUNCTIONS = {"linear", "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softmax", "elu",
              "relu1", "selu", "swish", "silu", "softplus", "softsign"}  # fmt: skip
_DERIVED = {"alpha", "scale", "bias", "gates"}
Functions = dict[str, set[str]]
"""The activation functions and quantizers inside of each layer, by its name."""


def check_layers(
    config: Config,
    names: Iterable[str],
    classes: Iterable[str],
    inputs: Iterable[str] = (),
    hls4ml: Collection[str] = (),
    functions: Functions | None = None,
    echoes: Echoes | None = None,
) -> None:
    """BitsmithError for a layer, a type or an input that the model does not have, or a setting that a layer has not.

    ``names`` and ``classes`` go together; ``hls4ml`` are the classes that hls4ml has for this model's layers. Without
    ``functions`` any may be inside of any layer. ``echoes`` knows the names that are those of no layer.
    """
    known = dict(zip(names, classes))
    types = sorted(set(known.values()))
    for name in config.hls.layer_name:
        there = name in known or is_derived(name, known, functions)
        if not there and not (echoes is not None and echoes.check(name, config.hls.layer_name)):
            raise BitsmithError(f"HLSConfig.LayerName: the model has no layer '{name}'{suggest(name, known)}")
    for name in config.hls.layer_type:
        if name not in types and name not in hls4ml:
            raise BitsmithError(f"HLSConfig.LayerType: the model has no layer of type '{name}'{suggest(name, types)}")
    _check_settings(config, known)
    given = config.bitsmith.input
    for name in given if isinstance(given, dict) else ():
        if name not in inputs:
            raise BitsmithError(f"Bitsmith.input: the model has no input '{name}'{suggest(name, list(inputs))}")


def is_derived(name: str, known: dict[str, str], functions: Functions | None = None) -> bool:
    """hls4ml's names for the activation inside a layer (``conv1_relu``), for the parts of a separable layer, ours for a
    recurrent layer's projection."""
    if any("Separable" in known.get(name.removesuffix(f"_{part}"), "") for part in SEPARABLE):
        return True
    for direction in DIRECTIONS:
        if "Bidirectional" in known.get(name.removesuffix("_gates").removesuffix(f"_{direction}"), ""):
            return name.removesuffix("_gates").endswith(direction)
    ends = {layer: name[len(layer) + 1 :] for layer in known if name.startswith(f"{layer}_")}
    return any(end in _DERIVED or _inside(end, layer, functions) for layer, end in ends.items())


def _inside(end: str, layer: str, functions: Functions | None) -> bool:
    """Whether the activation of such a name is inside of a layer; a quantizer's may go on with its parameters."""
    if functions is None:
        return end in _FUNCTIONS or end.startswith(("quantized_", "binary", "ternary"))
    return any(end == name or end.startswith(f"{name}(") for name in functions.get(layer, ()))


def _check_settings(config: Config, classes: dict[str, str]) -> None:
    """BitsmithError where a key or a kind of Precision stands with a layer, or in a model, that has no such thing."""
    named = [(f"LayerName.{name}", s, [classes[name]]) for name, s in config.hls.layer_name.items() if name in classes]
    typed = [(f"LayerType.{name}", s, [name]) for name, s in config.hls.layer_type.items()]
    for name, s in config.hls.layer_name.items():
        if name not in classes and s.strategy == STABLE and not name.endswith("_softmax"):
            raise BitsmithError(f"HLSConfig.LayerName.{name}.Strategy: stable is for a softmax; remove it")
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
    if section.strategy == STABLE:
        yield "Strategy: stable", "Strategy: stable"
    precision = section.precision if isinstance(section.precision, dict) else {}
    for kind, text in precision.items():
        if text != "auto":
            yield f"Precision.{kind}", kind
