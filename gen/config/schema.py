"""hls4ml's YAML configuration, checked: unknown keys and values are errors that suggest the nearest right one.

What Bitsmith adds stands under the key ``Bitsmith``. YAML is loaded with the safe loader.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, Strict, ValidationError, field_validator, model_validator

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ..suggest import choose, suggest
from .layer import GDNConfig, LayerConfig, Precision
from .values import MOST, Count, Dropped, Nanoseconds, Section, check_type, no_namespace, unused, whole

__all__ = ["BitsmithConfig", "Config", "HLSConfig", "LayerConfig", "Precision", "load_config", "parse_config"]

_FOR_MODEL = ("pipeline_style", "pipeline_interval")
_FOR_LAYERS = ("recurrent_reuse_factor", "depthwise_reuse_factor", "pointwise_reuse_factor")
_PASSES = "every layer and type is given, so hls4ml's optimizers are not run"
_PLACE = "the build folder holds everything that is needed"
_MODEL = "the model's file says it"


class HLSConfig(Section):
    """hls4ml's HLSConfig."""

    model: LayerConfig = Field(default_factory=lambda: LayerConfig(), alias="Model")
    layer_name: dict[str, LayerConfig] = Field(default_factory=dict, alias="LayerName")
    layer_type: dict[str, LayerConfig] = Field(default_factory=dict, alias="LayerType")
    optimizers: list[str] | None = unused(None, "Optimizers", _PASSES)
    skip_optimizers: list[str] | None = unused(None, "SkipOptimizers", _PASSES)

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


class BitsmithConfig(Section):
    """What hls4ml's configuration has no word for."""

    input: str | dict[str, str] | None = None
    """Type of the input(s), e.g. ``ufixed<8,0>``, or one for each input's name."""
    image: tuple[Count, Count] | None = None
    """Height and width of the images, in place of those in the model's file: for networks that take any size."""
    output: Literal["argmax"] | None = None
    """``argmax`` appends the decision; a softmax before it is dropped."""
    threshold: Annotated[float, Strict()] | None = None
    """Below this largest value (a logit) a decision is "rejected"."""
    pixels_per_cycle: Annotated[Literal[1, 2, 4, 8, 16], BeforeValidator(whole)] = 1
    strategy: Literal["latency", "resource", "distributed_arithmetic"] | None = None
    latency_cycles: Count | None = None
    interval_cycles: Count | None = None
    slack_cycles: Annotated[int, Strict(), Field(ge=0, le=MOST)] | None = None
    """By how much sharing multipliers may delay a layer's last beat; without it, a 32nd of the interval or 64."""
    interleaved_sequences: Annotated[int, Strict(), Field(ge=1, le=1 << 16)] | None = None
    """Sequences side by side in the Verilog of a recurrent network; without it, as many as keep its arithmetic busy."""
    table_bits: Annotated[int, Strict(), Field(ge=2, le=18)] | None = None
    """Address bits of tables (sigmoid, tanh, softmax); without it tables are exact or an error, softmax's have 12."""
    scale_bits: Annotated[int, Strict(), Field(ge=2, le=24)] | None = None
    """Bits of the integer multiplier for a scale that is no power of two; without it, all 24 of the float32."""

    @field_validator("input", mode="after")
    @classmethod
    def _input_types(cls, value: Any) -> Any:
        for text in value.values() if isinstance(value, dict) else [value] if value else []:
            check_type(text)
        return value


class WriterConfig(Section):
    """How hls4ml would write its project; ours is a folder that holds everything."""

    namespace: None = Field(default=None, alias="Namespace")
    write_weights_txt: Dropped = unused(None, "WriteWeightsTxt", _PLACE)
    write_tar: Dropped = unused(None, "WriteTar", _PLACE)
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
    keras_model: Dropped = unused(None, "KerasModel", _MODEL)
    keras_json: Dropped = unused(None, "KerasJson", _MODEL)
    keras_h5: Dropped = unused(None, "KerasH5", _MODEL)
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
        """The sections of a layer itself: by name, by type."""
        sections = [self.hls.layer_name.get(name), self.hls.layer_type.get(class_name)]
        return [section for section in sections if section is not None]

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

    return parse_config(load_yaml(path), str(path))


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
    shown = f" (found {given!r})" if isinstance(given, (str, int, float, bool)) and "error" not in message else ""
    return f"{where}: {message}{shown}"


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
