"""hls4ml's arguments as a configuration, and a configuration to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..gen.config.layer import FITTING
from ..gen.config.schema import parse_config
from ..gen.convert import read_any
from ..gen.read import read_network_file
from ..gen.suggest import choose, suggest
from ..sim.errors import BitsmithError

MODELS = ("KerasModel", "OnnxModel", "PytorchModel")
"""hls4ml's keys for a model."""
_KEYS = {
    "part": "Part",
    "clock_period": "ClockPeriod",
    "clock_uncertainty": "ClockUncertainty",
    "io_type": "IOType",
    "namespace": "Namespace",
    "bitsmith": "Bitsmith",
}
_WRITER_KEYS = {"write_weights_txt": "WriteWeightsTxt", "write_tar": "WriteTar", "tb_output_stream": "TBOutputStream"}

_VARIABLES = (
    "weight",
    "bias",
    "scale",
    "depthwise",
    "pointwise",
    "recurrent_weight",
    "recurrent_bias",
    "beta",
    "gamma",
)
"""The kinds of Precision for what a layer has learned."""


def initial(given: dict[str, Any]) -> dict[str, Any]:
    """The keys for arguments of ``convert_from_keras_model``; what is None or not given is Bitsmith's default.

    ``bitsmith`` is the section ``Bitsmith``, e.g. ``{"input": "ufixed<8,0>"}``. BitsmithError for unknown arguments.
    """
    known = {**_KEYS, **_WRITER_KEYS}
    for name in given:
        if name not in known:
            raise BitsmithError(f"backend Bitsmith has no argument '{name}'{suggest(name, known)}")
    said = {name: value for name, value in given.items() if value is not None}
    writer = {_WRITER_KEYS[name]: value for name, value in said.items() if name in _WRITER_KEYS}
    keys = {_KEYS[name]: value for name, value in said.items() if name in _KEYS}
    return keys | ({"WriterConfig": writer} if writer else {})


def model_of(config: dict[str, Any]) -> Any:
    """The model that a configuration of hls4ml's names, in memory or as a path; BitsmithError where there is none."""
    for key in MODELS:
        if config.get(key) is not None:
            return config[key]
    raise BitsmithError("the configuration names no model; give one, e.g. 'KerasModel: model.h5'")


def config_of(
    model: Any,
    granularity: str = "model",
    default_precision: str = "fixed<16,6>",
    default_reuse_factor: int = 1,
    max_precision: str | None = None,
) -> dict[str, Any]:
    """hls4ml's ``config_from_keras_model`` by Bitsmith's reader: an HLSConfig for any model that Bitsmith reads.

    With the granularities ``type`` and ``name`` each class or layer has a section to be filled in, which changes
    nothing as it is: the types of its variables are ``auto``, what a quantizer says or else the model's default.
    """
    try:
        what = choose("granularity", granularity, {"model": "", "type": "LayerType", "name": "LayerName"})
    except ValueError as error:
        raise BitsmithError(str(error)) from None
    precision = {"default": default_precision} | ({} if max_precision is None else {"maximum": max_precision})
    config: dict[str, Any] = {"Model": {"Precision": precision, "ReuseFactor": default_reuse_factor}}
    parse_config({"HLSConfig": config})
    if what:
        network = read_network_file(Path(model)) if isinstance(model, (str, Path)) else read_any(model)
        layers = [(layer.name, layer.class_name) for layer in network.layers if layer.class_name != "InputLayer"]
        config[what] = {(name if what == "LayerName" else kind): _section(kind) for name, kind in layers}
    return config


def _section(class_name: str) -> dict[str, Any]:
    """A section for a layer. A result that is ``auto`` would be exact, which is not what no section means."""
    own = [kind for kind in _VARIABLES if any(part in class_name for part in FITTING[kind])]
    return {"Precision": dict.fromkeys(own, "auto")}
