"""hls4ml's YAML configuration, checked: unknown keys and values are errors that suggest the nearest right one.

What Bitsmith adds stands under the key ``Bitsmith``. YAML is loaded with the safe loader.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    Field,
    PrivateAttr,
    StrictBool,
    ValidationError,
    field_validator,
    model_validator,
)

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ..classes import DIRECTIONS
from ..suggest import choose, suggest
from .hls4ml_classes import function_class
from .layer import GDNConfig, LayerConfig, Precision
from .own import BitsmithConfig
from .separable import with_parts
from .spelling import one_part
from .values import Dropped, Nanoseconds, Section, no_namespace, unused

__all__ = ["BitsmithConfig", "Config", "HLSConfig", "LayerConfig", "Precision", "load_config", "parse_config"]

_FOR_MODEL = ("pipeline_style", "pipeline_interval")
_FOR_LAYERS = (
    *("recurrent_reuse_factor", "depthwise_reuse_factor", "pointwise_reuse_factor"),
    *(f"{d}_{r}reuse_factor" for d in DIRECTIONS for r in ("", "recurrent_")),
)
_PASSES = "every layer and type is given, so hls4ml's optimizers are not run"
_PLACE = "the build folder holds everything that is needed"
_MODEL = "the model's file says it"
_NAMED = "`bitsmith build` takes it only where no MODEL is given"
_LIVE = ("KerasModel", "OnnxModel", "PytorchModel")
"""Keys under which hls4ml leaves a model, or a pickle of it."""


class HLSConfig(Section):
    """hls4ml's HLSConfig."""

    model: LayerConfig = Field(default_factory=lambda: LayerConfig(), alias="Model")
    layer_name: dict[str, LayerConfig] = Field(default_factory=dict, alias="LayerName")
    layer_type: dict[str, LayerConfig] = Field(default_factory=dict, alias="LayerType")
    optimizers: list[str] | None = unused(None, "Optimizers", _PASSES)
    skip_optimizers: list[str] | None = unused(None, "SkipOptimizers", _PASSES)
    flows: list[str] | None = unused(None, "Flows", _PASSES)

    @model_validator(mode="after")
    def _places(self) -> HLSConfig:
        """Keys that count at the other level only."""
        layers = [(f"LayerName.{n}", s) for n, s in self.layer_name.items()]
        layers += [(f"LayerType.{n}", s) for n, s in self.layer_type.items()]
        wrong = [(w, s, k, "under Model") for w, s in layers for k in _FOR_MODEL]
        wrong += [("Model", self.model, key, "to a layer or a class") for key in _FOR_LAYERS]
        for where, section, key, place in wrong:
            if getattr(section, key) is not None:
                alias = LayerConfig.model_fields[key].alias
                raise ValueError(f"{where}.{alias} has no meaning here; give it {place}")
        return self


class WriterConfig(Section):
    """How hls4ml would write its project; ours is a folder that holds everything."""

    namespace: None = Field(default=None, alias="Namespace")
    write_weights_txt: Dropped = unused(None, "WriteWeightsTxt", _PLACE)
    write_tar: Dropped = unused(None, "WriteTar", _PLACE)
    write_emulation_constants: Dropped = unused(None, "WriteEmulationConstants", _PLACE)
    tb_output_stream: Dropped = unused(None, "TBOutputStream", _PLACE)

    _names = field_validator("namespace", mode="before")(no_namespace)


class Config(Section):
    """A whole configuration file."""

    backend: str = Field(default="Vitis", alias="Backend")
    project_name: str = Field(default="myproject", alias="ProjectName")
    output_dir: Dropped = unused(None, "OutputDir", "`bitsmith build -o` says where")
    part: str | None = Field(default=None, alias="Part")
    device: Dropped = unused(None, "Device", "for hls4ml's other backends")
    board: Dropped = unused(None, "Board", "for hls4ml's other backends")
    clock_period_ns: Nanoseconds = Field(default=5.0, alias="ClockPeriod")
    clock_uncertainty: str | float | None = Field(default=None, alias="ClockUncertainty")
    io_type: Literal["io_stream", "io_parallel"] = Field(default="io_stream", alias="IOType")
    namespace: None = Field(default=None, alias="Namespace")
    stamp: Dropped = unused(None, "Stamp", "the same build has the same bytes")
    version: str | None = Field(default=None, alias="Version")
    keras_model: Dropped = unused(None, "KerasModel", _NAMED)
    keras_json: Dropped = unused(None, "KerasJson", _NAMED)
    keras_h5: Dropped = unused(None, "KerasH5", _NAMED)
    onnx_model: Dropped = unused(None, "OnnxModel", _NAMED)
    pytorch_model: Dropped = unused(None, "PytorchModel", _MODEL)
    input_shape: Dropped = unused(None, "InputShape", _MODEL)
    project_dir: Dropped = unused(None, "ProjectDir", "`bitsmith build -o` says where")
    trace_output: StrictBool | None = unused(None, "TraceOutput", "every layer can be traced")
    input_data: Dropped = unused(None, "InputData", "`bitsmith verify --inputs` takes them")
    input_shapes: Dropped = unused(None, "InputShapes", _MODEL)
    output_shapes: Dropped = unused(None, "OutputShapes", _MODEL)
    output_predictions: Dropped = unused(None, "OutputPredictions", "the reference gives what is expected")
    write_weights_txt: Dropped = unused(None, "WriteWeightsTxt", _PLACE)
    write_tar: Dropped = unused(None, "WriteTar", _PLACE)
    writer_config: WriterConfig | None = Field(default=None, alias="WriterConfig")
    hls: HLSConfig = Field(default_factory=lambda: HLSConfig(), alias="HLSConfig")
    bitsmith: BitsmithConfig = Field(default_factory=lambda: BitsmithConfig(), alias="Bitsmith")

    _names = field_validator("namespace", mode="before")(no_namespace)
    _part = model_validator(mode="before")(one_part)
    _hls4ml_classes: dict[str, tuple[str, ...]] = PrivateAttr(default_factory=dict)

    @field_validator("clock_uncertainty", mode="before")
    @classmethod
    def _uncertainty(cls, value: Any) -> Any:
        found = re.fullmatch(r"(\d+(?:\.\d*)?)%?", str(value))
        if value is not None and (isinstance(value, bool) or found is None or float(found[1]) > 100):
            raise ValueError("give a part of the period, e.g. 12.5%, or nanoseconds, e.g. 0.6")
        return value

    @field_validator("backend", mode="before")
    @classmethod
    def _backend(cls, value: Any) -> Any:
        """The vendor's tool; the names with Bitsmith are those of its plugin of hls4ml."""
        known = {"vitis": "Vitis", "vivado": "Vivado", "bitsmith": "Vitis", "bitsmithvivado": "Vivado"}
        return choose("Backend", value, known)

    def precision(
        self, name: str, class_name: str, role: str, model: bool = True, required: bool = False
    ) -> Precision | None:
        """What a layer's ``role`` (result, weight, bias, scale …) is rounded to: by name, by type, for the model.

        ``model=False`` leaves the model's default out. A result that is ``auto`` stays exact unless it is ``required``;
        any other ``auto`` means the next default, as in hls4ml. None where nothing is said.
        """
        for section in [*self.own(name, class_name), *([self.hls.model] if model or required else [])]:
            found = section.lookup(role)
            if found is not None:
                return found
            if role == "result" and section.explicit(role) and not required:
                return None
        return None

    def own(self, name: str, class_name: str) -> list[LayerConfig]:
        """The sections of a layer itself: by name, by hls4ml's type, by type."""
        types = dict.fromkeys((*self._hls4ml_classes.get(name, ()), class_name))
        sections = [self.hls.layer_name.get(name), *(self.hls.layer_type.get(type) for type in types)]
        return [section for section in sections if section is not None]

    def inside(self, name: str, function: str) -> Precision | None:
        """The result of the activation inside a layer, a layer of its own in hls4ml: by name, by hls4ml's type.

        A quantizer's name there may go on with its parameters.
        """
        begin = f"{name}_{function}"
        sections = [s for n, s in self.hls.layer_name.items() if n == begin or n.startswith(f"{begin}(")]
        typed = self.hls.layer_type.get(function_class(function))
        found = (section.lookup("result") for section in [*sections, *([typed] if typed else [])])
        return next((precision for precision in found if precision is not None), None)

    def known_as(self, classes: dict[str, tuple[str, ...]]) -> Config:
        """The same configuration for a model whose layers have these classes in hls4ml, by name."""
        separable = [name for name, found in classes.items() if any("Separable" in c for c in found)]
        sections = with_parts(self.hls.layer_name, separable)
        found = self.model_copy(update={"hls": self.hls.model_copy(update={"layer_name": sections})})
        found._hls4ml_classes = classes
        return found

    def named(self, name: str, class_name: str, role: str) -> Precision | None:
        """The precision of a role that a layer's own section names, were that ``auto``; no default stands in."""
        section = next((s for s in self.own(name, class_name) if s.explicit(role)), None)
        return None if section is None else section.lookup(role)

    def given(self, name: str, class_name: str, role: str) -> Precision | None:
        """The precision of a role that is named itself: by layer, by type, for the model; no default stands in."""
        named = next((s for s in [*self.own(name, class_name), self.hls.model] if s.explicit(role)), None)
        return None if named is None else named.lookup(role)

    def gdn(self, name: str, class_name: str) -> dict[str, Any]:
        """How a GDN finds its gain, as far as something is said: by layer, by type, for the model."""
        sections = [self.hls.model, *reversed(self.own(name, class_name))]
        return {key: value for s in sections for key, value in s.gdn().items()}

    def input_precision(self, name: str) -> Precision | None:
        """``Bitsmith: input`` for this input."""
        given = self.bitsmith.input
        text = given.get(name) if isinstance(given, dict) else given
        return Precision(*Fixed.parse(text)) if text else None


def parse_config(data: Any, where: str = "the configuration") -> Config:
    """A configuration from plain data; BitsmithError that names the key and the nearest right one."""
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise BitsmithError(f"{where}: expected keys and values at the top, e.g. 'ClockPeriod: 5'")
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise BitsmithError(f"{where}: {_explain(error)}") from None
    except RecursionError:
        raise BitsmithError(f"{where}: it refers to itself; write it without anchors") from None


def load_config(path: Path) -> Config:
    """Read a YAML file; BitsmithError where it is missing, too large or no configuration."""
    from ..files.yaml_file import load_yaml

    return parse_config(load_yaml(path, _LIVE), str(path))


def _explain(error: ValidationError) -> str:
    """One line for the first error: where, what, and the nearest right key."""
    first = error.errors(include_url=False)[0]
    location = [str(part) for part in first["loc"]]
    where = ".".join(location)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{where}'{suggest(location[-1], _keys(location[:-1]))}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] in ("model_type", "dict_type"):
        message = "give keys and values here"
    given = first.get("input")
    shown = f" (found {_short(given)})" if isinstance(given, (str, int, float)) and "error" not in message else ""
    return f"{where}: {message}{shown}"


def _short(given: str | int | float) -> str:
    """A value for people; Python refuses to print whole numbers of thousands of digits."""
    if isinstance(given, int) and given.bit_length() > 1000:
        return "a number of hundreds of digits"
    text = repr(given)
    return text if len(text) < 80 else f"{text[:60]}..."


def _keys(location: list[str]) -> list[str]:
    """The keys that are known at a place in the file."""
    sections: dict[str, type[BaseModel]] = {
        "HLSConfig": HLSConfig,
        "Bitsmith": BitsmithConfig,
        "Model": LayerConfig,
        "WriterConfig": WriterConfig,
    }
    section: type[BaseModel] = Config
    for part in location:
        inside = part == "Bitsmith" and section is LayerConfig
        section = GDNConfig if inside else sections.get(part, LayerConfig)
    return [field.alias or name for name, field in section.model_fields.items()]
