"""QKeras quantizers as data: read from a dictionary or from text like ``quantized_bits(6,0,alpha=1)``, never evaluated.

``weights.py`` and ``activation.py`` apply them.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from math import frexp
from typing import Any

from ...sim.errors import BitsmithError
from ..classes import class_name, short
from .signatures import NOT_SAVED, RECENT, SCALING, SIGNATURES, check_scaling

__all__ = ["NOT_SAVED", "SIGNATURES", "Quantizer", "bound", "is_quantizer", "parse_quantizer"]

_ALPHAS = "None, a number above 0, auto, auto_po2"
_REFUSED = {
    "bernoulli": "it is random",
    "stochastic_binary": "it is random while training",
    "stochastic_ternary": "it is random while training",
    "quantized_ulaw": "its steps are not uniform",
    "quantized_hswish": "the operator is missing",
}


@dataclass(frozen=True)
class Quantizer:
    """One quantizer with every parameter, defaults filled in."""

    name: str
    parameters: tuple[tuple[str, Any], ...]
    recent: bool = False
    """Whether a QKeras after 0.9.0 wrote it: its auto_po2 rounds once more, by the scale that it found."""

    def __getitem__(self, name: str) -> Any:
        return dict(self.parameters)[name]

    def get(self, name: str) -> Any:
        """A parameter, None where this quantizer has no such one."""
        return dict(self.parameters).get(name)

    def changed(self, **values: Any) -> Quantizer:
        """The same with other parameters."""
        return replace(self, parameters=tuple((dict(self.parameters) | values).items()))

    def __str__(self) -> str:
        """Short form for people: what differs from the defaults, bits and integer always; no list of scales."""
        default = SIGNATURES[self.name]
        shown = [
            f"{key}={value!r}" if key not in ("bits", "integer") else str(value)
            for key, value in self.parameters
            if key in ("bits", "integer") or (value != default[key] and key != "scales")
        ]
        return f"{self.name}({', '.join(shown)})"

    def only(self, where: str, **supported: Any) -> None:
        """BitsmithError unless each named parameter has its one supported value."""
        for key, value in supported.items():
            if self[key] != value:
                raise BitsmithError(
                    f"{self.name} on {where}: {key}={self[key]!r} is not supported; supported: {value!r}"
                )


def parse_quantizer(data: Any, where: str) -> Quantizer | None:
    """The quantizer in a layer's attribute; None where there is none. ``where`` names layer and attribute.

    BitsmithError for an unknown quantizer or parameter, and for one that cannot be computed exactly.
    """
    if data is None:
        return None
    if isinstance(data, str):
        return _from_text(data, where)
    if isinstance(data, dict) and isinstance(data.get("class_name"), str):
        config = {} if data.get("config") is None else data["config"]
        if not isinstance(config, dict):
            raise BitsmithError(f"{where}: the quantizer's config is no dictionary; save the model again")
        _check_saved(class_name(data), config, where)
        return _checked(class_name(data), config, where)
    raise BitsmithError(f"{where}: {str(data)[:60]!r} is no quantizer; give e.g. quantized_bits(8,0,alpha=1)")


def _check_saved(name: str, config: dict[str, Any], where: str) -> None:
    """BitsmithError where a dictionary lacks what changes the integers."""
    if name != "quantized_relu" or "is_quantized_clip" in config or not config.get("relu_upper_bound"):
        return
    q = _checked(name, config | {"is_quantized_clip": False}, where)
    if bound(q) is not None:
        raise BitsmithError(
            f"{where}: {q} was saved without is_quantized_clip, as qkeras does, so whether relu_upper_bound counts is "
            f"not known; save it as text, QActivation('{q}') behind the layer, or build the model in memory "
            "(bitsmith.load(model))"
        )


def bound(q: Quantizer) -> float | None:
    """The upper bound of a quantized_relu where it cuts anything off."""
    upper = q["relu_upper_bound"]
    if q["is_quantized_clip"] or not upper:  # for qkeras 0 is no bound
        return None
    largest = 2.0 ** q["integer"] * (1 - 2.0 ** -(q["bits"] - bool(q["negative_slope"])))
    return float(upper) if upper < largest else None


def is_quantizer(data: Any) -> bool:
    """Whether an ``activation=`` attribute means a quantizer rather than a Keras function."""
    if isinstance(data, dict):
        return isinstance(data.get("class_name"), str) and _is_known(class_name(data))
    return _is_known(str(data).split("(")[0].strip())


def _is_known(name: str) -> bool:
    return name in SIGNATURES or name in _REFUSED


def _from_text(text: str, where: str) -> Quantizer:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        call = tree if isinstance(tree, ast.Call) else None
        name = call.func if call else tree
        if not isinstance(name, ast.Name):
            raise ValueError("no name")
        arguments = [ast.literal_eval(argument) for argument in call.args] if call else []
        keywords = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords} if call else {}
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise BitsmithError(f"{where}: cannot read {text[:60]!r}; write e.g. quantized_bits(8,0,alpha=1)") from None
    known = list(SIGNATURES.get(name.id, {}))
    if name.id in SIGNATURES and len(arguments) > len(known):
        raise BitsmithError(f"{where}: {text[:60]!r} has too many arguments; they are {', '.join(known)}")
    return _checked(name.id, dict(zip(known, arguments)) | keywords, where)


def _checked(name: str, given: dict[str, Any], where: str) -> Quantizer:
    if name in _REFUSED:
        raise BitsmithError(f"{where}: the quantizer {name} is not supported ({_REFUSED[name]}); use quantized_bits")
    if name not in SIGNATURES:
        raise BitsmithError(f"{where}: unknown quantizer '{name}'; supported: {', '.join(SIGNATURES)}")
    default = SIGNATURES[name]
    unknown = sorted(set(given) - set(default))
    if unknown:
        raise BitsmithError(f"{where}: {name} has no parameter '{unknown[0]}'; it has {', '.join(default)}")
    values = default | {key: _number(value) for key, value in given.items()}
    if isinstance(values.get("alpha"), str) and name == "quantized_bits":
        values["symmetric"] = True  # as it does itself
    if values.get("enable_fast_inference") is True:  # quantized_relu's: it then looks at nothing else
        values |= {"use_sigmoid": 0, "negative_slope": 0.0, "relu_upper_bound": None}
    quantizer = Quantizer(name, tuple(values.items()), RECENT in given)
    _check_sizes(quantizer, where)
    _check_types(quantizer, where)
    check_scaling(name, values, where)
    return quantizer


def _number(value: Any) -> Any:
    """Numbers that Keras wraps (``{"class_name": "__numpy__", "config": {"value": …}}``) as plain ones."""
    config = value.get("config") if isinstance(value, dict) else None
    if isinstance(config, dict) and isinstance(config.get("value"), (int, float)):
        return config["value"]
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2.0**64


_NUMBERS = ("negative_slope", "relu_upper_bound", "max_value", "threshold")
_WORDS = {
    "log2_rounding": ("rnd", "floor"),
    "rounding_mode": ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "DOWN", "HALF_UP", "HALF_DOWN"),
}
_FREE = ("bits", "integer", "alpha", "qnoise_factor", "var_name", "use_ste", "use_variables", *SCALING)
"""Parameters that ``_check_sizes`` or ``check_scaling`` judge, ``only`` where they matter, or that are for training."""


def _check_types(q: Quantizer, where: str) -> None:
    """BitsmithError for a parameter that is no number where one is expected, or no flag."""
    for key, value in q.parameters:
        if key in _FREE or (value is None and SIGNATURES[q.name][key] is None):
            continue
        if key in _WORDS:
            good, expected = value in _WORDS[key], ", ".join(_WORDS[key])
        elif key == "scale":
            good, expected = _is_number(value) and value > 0 and frexp(value)[0] == 0.5, "a power of two"
        elif key == "shift":
            good, expected = type(value) is int and -32 <= value <= 32, "-32 to 32"
        elif key == "number_of_unrolls":
            good, expected = type(value) is int and 0 <= value <= 1000, "0 to 1000"
        elif key in _NUMBERS:
            good, expected = _is_number(value) and value >= 0 and (value > 0 or key != "max_value"), "a positive number"
        else:
            good, expected = isinstance(value, (int, float)) and value in (0, 1), "true, false"
        if not good:
            shown = repr(value[:40]) if isinstance(value, str) else short(value)
            raise BitsmithError(f"{where}: {key}={shown} of {q.name} is not supported; supported: {expected}")


def _check_sizes(q: Quantizer, where: str) -> None:
    values = dict(q.parameters)
    for key, low, high in (("bits", 1, 32), ("integer", -32, 32)):
        value = values.get(key, low)
        if not _is_number(value) or value != int(value):
            raise BitsmithError(f"{where}: {key}={short(value)} of {q.name} is no whole number; give one")
        if not low <= value <= high:
            raise BitsmithError(f"{where}: {key}={value} of {q.name} is not supported; supported: {low} to {high}")
    alpha = values.get("alpha")
    if isinstance(alpha, str):
        if alpha not in ("auto", "auto_po2"):
            raise BitsmithError(f"{where}: alpha={alpha!r} is not supported; supported: {_ALPHAS}")
    elif alpha is not None and (not _is_number(alpha) or alpha <= 0):
        raise BitsmithError(f"{where}: alpha={short(alpha)} is not supported; supported: {_ALPHAS}")
    if values.get("qnoise_factor", 1.0) != 1.0:
        raise BitsmithError(f"{where}: qnoise_factor={short(values['qnoise_factor'])} is not supported; supported: 1.0")
