"""hls4ml's YAML configuration, checked: unknown keys and values are errors that suggest the nearest right one.

What Bitsmith adds stands under the key ``Bitsmith``. YAML is loaded with the safe loader.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, PositiveInt, ValidationError, field_validator

from ..sim.errors import BitsmithError
from ..sim.fixed import Fixed
from .layer_config import GDN_CLASSES, GDNConfig, LayerConfig, Precision, Section, check_type
from .suggest import choose, suggest

__all__ = ["BitsmithConfig", "Config", "HLSConfig", "LayerConfig", "Precision", "load_config", "parse_config"]

MAX_BYTES = 1 << 20


class HLSConfig(Section):
    """hls4ml's HLSConfig."""

    model: LayerConfig = Field(default_factory=lambda: LayerConfig(), alias="Model")
    layer_name: dict[str, LayerConfig] = Field(default_factory=dict, alias="LayerName")
    layer_type: dict[str, LayerConfig] = Field(default_factory=dict, alias="LayerType")
    optimizers: list[str] | None = Field(default=None, alias="Optimizers")
    skip_optimizers: list[str] | None = Field(default=None, alias="SkipOptimizers")


class BitsmithConfig(Section):
    """What hls4ml's configuration has no word for."""

    input: str | dict[str, str] | None = None
    """Type of the input(s), e.g. ``ufixed<8,0>``, or one for each input's name."""
    image: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width of the images, in place of those in the model's file: for networks that take any size."""
    output: Literal["argmax"] | None = None
    """``argmax`` appends the decision; a softmax before it is dropped."""
    threshold: float | None = None
    """Below this largest value (a logit) a decision is "rejected"."""
    pixels_per_cycle: Literal[1, 2, 4, 8, 16] = 1
    strategy: Literal["latency", "resource", "distributed_arithmetic"] | None = None
    latency_cycles: int | None = Field(default=None, ge=1)
    interval_cycles: int | None = Field(default=None, ge=1)
    slack_cycles: int | None = Field(default=None, ge=0)
    """By how much sharing multipliers may delay a layer's last beat; without it, a 32nd of the interval or 64."""
    interleaved_sequences: int | None = Field(default=None, ge=1, le=1 << 16)
    """Sequences side by side in the Verilog of a recurrent network; without it, as many as keep its arithmetic busy."""
    table_bits: int | None = Field(default=None, ge=2, le=18)
    """Address bits of tables (sigmoid, tanh, softmax); without it tables are exact or an error, softmax's have 12."""
    scale_bits: int | None = Field(default=None, ge=2, le=24)
    """Bits of the integer multiplier for a scale that is no power of two; without it, all 24 of the float32."""

    @field_validator("input", mode="after")
    @classmethod
    def _input_types(cls, value: Any) -> Any:
        for text in value.values() if isinstance(value, dict) else [value] if value else []:
            check_type(text)
        return value


class Config(Section):
    """A whole configuration file."""

    backend: str = Field(default="Vitis", alias="Backend")
    project_name: str = Field(default="myproject", alias="ProjectName")
    output_dir: str | None = Field(default=None, alias="OutputDir")
    part: str | None = Field(default=None, alias="Part")
    device: str | None = Field(default=None, alias="Device")
    board: str | None = Field(default=None, alias="Board")
    clock_period_ns: float = Field(default=5.0, alias="ClockPeriod", gt=0, le=1e6)
    clock_uncertainty: str | float | None = Field(default=None, alias="ClockUncertainty")
    io_type: Literal["io_stream", "io_parallel"] = Field(default="io_stream", alias="IOType")
    namespace: str | None = Field(default=None, alias="Namespace")
    stamp: str | None = Field(default=None, alias="Stamp")
    version: str | None = Field(default=None, alias="Version")
    keras_model: Any = Field(default=None, alias="KerasModel")
    keras_json: Any = Field(default=None, alias="KerasJson")
    keras_h5: Any = Field(default=None, alias="KerasH5")
    input_data: Any = Field(default=None, alias="InputData")
    input_shapes: Any = Field(default=None, alias="InputShapes")
    output_shapes: Any = Field(default=None, alias="OutputShapes")
    output_predictions: Any = Field(default=None, alias="OutputPredictions")
    write_weights_txt: bool | None = Field(default=None, alias="WriteWeightsTxt")
    write_tar: bool | None = Field(default=None, alias="WriteTar")
    writer_config: dict[str, Any] | None = Field(default=None, alias="WriterConfig")
    hls: HLSConfig = Field(default_factory=lambda: HLSConfig(), alias="HLSConfig")
    bitsmith: BitsmithConfig = Field(default_factory=lambda: BitsmithConfig(), alias="Bitsmith")

    @field_validator("backend", mode="before")
    @classmethod
    def _backend(cls, value: Any) -> Any:
        return choose("Backend", value, {"vitis": "Vitis", "vivado": "Vivado"})

    def precision(
        self, name: str, class_name: str, role: str, model: bool = True, required: bool = False
    ) -> Precision | None:
        """What a layer's ``role`` (result, weight, bias, scale …) is rounded to: by name, by type, for the model.

        ``model=False`` leaves the model's default out. A result that is ``auto`` stays exact unless it is ``required``;
        any other ``auto`` means the next default, as in hls4ml. None where nothing is said.
        """
        sections = [self.hls.layer_name.get(name), self.hls.layer_type.get(class_name)]
        for section in [*sections, self.hls.model if model or required else None]:
            found = section.lookup(role) if section is not None else None
            if found is not None:
                return found
            if section is not None and role == "result" and section.explicit(role) and not required:
                return None
        return None

    def given(self, name: str, class_name: str, role: str) -> Precision | None:
        """The precision of a role that is named itself: by layer, by type, for the model; no default stands in."""
        sections = [self.hls.layer_name.get(name), self.hls.layer_type.get(class_name), self.hls.model]
        named = next((s for s in sections if s is not None and s.explicit(role)), None)
        return None if named is None else named.lookup(role)

    def gdn(self, name: str, class_name: str) -> dict[str, Any]:
        """How a GDN finds its gain, as far as something is said: by layer, by type, for the model."""
        sections = [self.hls.model, self.hls.layer_type.get(class_name), self.hls.layer_name.get(name)]
        return {key: value for s in sections if s is not None for key, value in s.gdn().items()}

    def input_precision(self, name: str) -> Precision | None:
        """``Bitsmith: input`` for this input."""
        given = self.bitsmith.input
        text = given.get(name) if isinstance(given, dict) else given
        return Precision(*Fixed.parse(text)) if text else None

    def check_layers(self, names: Iterable[str], classes: Iterable[str], inputs: Iterable[str] = ()) -> None:
        """BitsmithError for a layer name or type in the configuration that the model does not have."""
        known, kinds = list(names), list(classes)
        types = sorted(set(kinds))
        for name in self.hls.layer_name:
            if name not in known and not any(name.startswith(f"{k}_") and _derived(name[len(k) + 1 :]) for k in known):
                raise BitsmithError(f"HLSConfig.LayerName: the model has no layer '{name}'{suggest(name, known)}")
        for name in self.hls.layer_type:
            if name not in types:
                raise BitsmithError(
                    f"HLSConfig.LayerType: the model has no layer of type '{name}'{suggest(name, types)}"
                )
        self._check_gdn(dict(zip(known, kinds)))
        given = self.bitsmith.input
        for name in given if isinstance(given, dict) else ():
            if name not in inputs:
                raise BitsmithError(f"Bitsmith.input: the model has no input '{name}'{suggest(name, list(inputs))}")

    def _check_gdn(self, classes: dict[str, str]) -> None:
        """BitsmithError where ``Bitsmith`` stands with a layer (``classes``: by name) or a class that is no GDN."""
        named = [
            (f"LayerName.{name}", section, classes.get(name, "?")) for name, section in self.hls.layer_name.items()
        ]
        typed = [(f"LayerType.{name}", section, name) for name, section in self.hls.layer_type.items()]
        for where, section, class_name in [*named, *typed]:
            if section.gdn() and class_name not in GDN_CLASSES:
                raise BitsmithError(f"HLSConfig.{where}.Bitsmith is for GDN, not for {class_name}; remove it")


_DERIVED = {"linear", "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "hard_sigmoid", "hard_tanh", "softmax", "elu",
            "selu", "swish", "silu", "softplus", "softsign", "alpha", "scale", "bias", "gates"}  # fmt: skip


def _derived(suffix: str) -> bool:
    """hls4ml's names for the activation inside a layer (``conv1_relu``), ours for a recurrent layer's projection."""
    return suffix in _DERIVED or suffix.startswith(("quantized_", "binary", "ternary"))


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
    import yaml

    try:
        if path.stat().st_size > MAX_BYTES:
            raise BitsmithError(f"{path} has {path.stat().st_size} bytes; a configuration has at most {MAX_BYTES}")
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_loader())  # a SafeLoader
    except OSError as error:
        raise BitsmithError(f"{path}: cannot be read ({error.strerror}); give a YAML file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = str(error).splitlines()[0] if str(error) else "nested too deeply"
        mark = getattr(error, "problem_mark", None)
        at = f" in line {mark.line + 1}" if mark else ""
        raise BitsmithError(f"{path} is no YAML{at} ({line}); check its indentation") from None
    return parse_config(data, str(path))


def _loader() -> Any:
    """PyYAML's safe loader, which reads hls4ml's own tags (``KerasModel: !keras_model …``) as plain text."""
    import yaml

    class Loader(yaml.SafeLoader):
        """A class of its own, so that no other user of PyYAML sees the tags."""

    def text(loader: Any, suffix: str, node: Any) -> str | None:
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None

    Loader.add_multi_constructor("!", text)
    return Loader


def _explain(error: ValidationError) -> str:
    """One line for the first error: where, what, and the nearest right key."""
    first = error.errors(include_url=False)[0]
    location = [str(part) for part in first["loc"]]
    where = ".".join(location)
    if first["type"] == "extra_forbidden":
        return f"unknown key '{where}'{suggest(location[-1], _keys(location[:-1]))}"
    message = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    shown = f" (found {given!r})" if isinstance(given, (str, int, float, bool)) and "error" not in message else ""
    return f"{where}: {message}{shown}"


def _keys(location: list[str]) -> list[str]:
    """The keys that are known at a place in the file."""
    sections: dict[str, type[BaseModel]] = {"HLSConfig": HLSConfig, "Bitsmith": BitsmithConfig, "Model": LayerConfig}
    section: type[BaseModel] = Config
    for part in location:
        inside = part == "Bitsmith" and section is LayerConfig
        section = GDNConfig if inside else sections.get(part, LayerConfig)
    return [field.alias or name for name, field in section.model_fields.items()]
