"""Whose class a layer in a model's JSON is: a name alone may be Keras's, QKeras's or anybody's."""

from __future__ import annotations

from typing import Any

MODELS = ("Sequential", "Functional", "Model")
PACKAGES = ("keras", "tf_keras", "keras_core", "tensorflow", "qkeras", "bitsmith", "tensorflow_compression")
"""Their classes go by their plain names here."""
OWN = ("FixedGRU", "FixedGDN")
"""Bitsmith's own layers that are trained on the integers: they bring their types as attributes."""
STATES = {"GRU": 1, "QGRU": 1, "LSTM": 2, "QLSTM": 2, "SimpleRNN": 1, "QSimpleRNN": 1, "FixedGRU": 1}
"""Recurrent layers, and how many states each carries from step to step."""
BIDIRECTIONAL = ("Bidirectional", "QBidirectional")
DIRECTIONS = ("forward", "backward")
"""The two layers inside of a Bidirectional."""
ATTENTION = ("MultiHeadAttention", "Attention")
"""Layers that are read as the layers that they are made of (``read/attention.py``)."""
GROUPED = ("Conv1D", "Conv2D", "Convolution1D", "Convolution2D", "QConv1D", "QConv2D")
"""Classes that know what to do with ``groups``."""
OF_INTEGERS = ("Dense", "EinsumDense", "Embedding")
"""Classes whose weights are read where Keras's ``quantize`` made them integers."""
SCRIPT = "__main__"
LAYER = "a layer with class_name and config"
"""What ``is_layer`` asks for, for people."""


def is_object(item: Any) -> bool:
    """Whether this is something with a configuration of its own."""
    return isinstance(item, dict) and isinstance(item.get("config"), dict)


def is_layer(item: Any) -> bool:
    """Whether this is an object as Keras writes one."""
    return is_object(item) and isinstance(item.get("class_name"), str)


def config_of(item: dict[str, Any]) -> dict[str, Any]:
    """An object's configuration, empty where that is none."""
    config = item.get("config")
    return config if isinstance(config, dict) else {}


def class_name(item: dict[str, Any]) -> str:
    """The class's name; ``package>name`` where it is of a package that is not read here.

    Keras writes the module of a class and, where the class was registered, ``package>name``: Keras 3 both of them,
    Keras 2 in .h5 files only the second, in the place of the class's name. A class of Keras's own is never registered;
    one of the script that saved the model has no module.
    """
    name = str(item["class_name"])
    package, short_name = _package(item), name.rpartition(">")[2]
    if not package:
        return name
    if package.lower() in PACKAGES:
        return short_name if package.lower() == "bitsmith" else name
    return f"{package}>{short_name}"


def _package(item: dict[str, Any]) -> str:
    """The package that a class says it is of; empty where it says nothing."""
    for name in (item.get("registered_name"), item["class_name"]):
        if isinstance(name, str) and ">" in name:
            return name.rpartition(">")[0]
    module = item.get("module")
    if isinstance(module, str) and module:
        return module.split(".")[0].removeprefix("builtins")
    return SCRIPT if "module" in item and item.get("registered_name") else ""


def whose(name: str) -> str:
    """A class from ``class_name``, for people: 'a QDense of the package hgq'."""
    package, _, plain = name.rpartition(">")
    if package == SCRIPT:
        return f"a {plain} of the script that saved it"
    return f"a {plain} of the package {package}" if package else f"a {plain}"


def short(value: Any) -> str:
    """A value in at most 40 characters; an object by its class."""
    if isinstance(value, dict) and isinstance(value.get("class_name"), str):
        value = value["class_name"]
    text = str(tuple(value) if isinstance(value, list) else value)
    return text if len(text) <= 40 else text[:37] + "…"
