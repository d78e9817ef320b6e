"""One section of hls4ml's configuration: the settings of a layer, of a class of layers, or of the whole model."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..sim.errors import BitsmithError
from ..sim.fixed import Fixed, Overflow, Rounding
from ..sim.root import Form
from .suggest import choose, suggest

_ROLES = ("result", "weight", "bias", "accum", "scale", "default", "table", "maximum", "depthwise", "pointwise",
          "depthwise_result", "depthwise_accum", "pointwise_accum", "exp_table", "inv_table", "inv_inp", "param",
          "slope", "shift", "recurrent_weight", "recurrent_bias",
          "gate_input", "gate", "reset_product", "candidate_input", "candidate", "state", "cell",
          "beta", "gamma", "gain", "square")  # fmt: skip
"""hls4ml's kinds, and from ``gate_input`` on Bitsmith's, for what is rounded inside of recurrent layers and of a GDN.

Bitsmith rounds results, weights, biases and scales to them; accumulators are exact whatever ``accum`` says, slopes are
exact float32, tables follow from the result's type and ``Bitsmith: table_bits``."""
_STAND_IN = {"depthwise": "weight", "pointwise": "weight", "recurrent_weight": "weight", "recurrent_bias": "bias"}
"""The kind that counts where the first is not given, before the default."""
_AUTO = "auto"
GDN_CLASSES = ("GDN", "FixedGDN", "tensorflow_compression>GDN")


class Precision(NamedTuple):
    """A type and how values come to it."""

    type: Fixed
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


def _check_precision(value: Any) -> Any:
    """Every type in a Precision must parse; ``auto`` means that Bitsmith derives it."""
    for role, text in value.items() if isinstance(value, dict) else [("default", value)]:
        if role not in _ROLES:
            raise ValueError(f"unknown kind '{role}'{suggest(role, _ROLES)}")
        if text != _AUTO:
            check_type(text)
    return value


def check_type(text: str) -> None:
    """ValueError, as pydantic wants it, for text that is no type."""
    try:
        Fixed.parse(text)
    except BitsmithError as error:
        raise ValueError(str(error)) from None


class GDNConfig(Section):
    """How a GDN finds its gain: ``Bitsmith`` in the section of a layer, of the class GDN, or of the model."""

    form: Form | None = None
    segments: int | None = Field(default=None, ge=1)
    width: int | None = Field(default=None, ge=1)
    newton: bool | None = None

    @field_validator("form", mode="before")
    @classmethod
    def _form(cls, value: Any) -> Any:
        return None if value is None else choose("form", value, {form.value: form.value for form in Form})


class LayerConfig(Section):
    """Settings of one layer, of one class of layers, or (``Model``) of all."""

    precision: str | dict[str, str] | None = Field(default=None, alias="Precision")
    reuse_factor: int | None = Field(default=None, alias="ReuseFactor", ge=1)
    strategy: str | None = Field(default=None, alias="Strategy")
    trace_output: bool = Field(default=False, alias="TraceOutput")
    trace: bool = Field(default=False, alias="Trace")
    table_size: int | None = Field(default=None, alias="TableSize", ge=2)
    parallelization_factor: int | None = Field(default=None, alias="ParallelizationFactor", ge=1)
    conv_implementation: str | None = Field(default=None, alias="ConvImplementation")
    bram_factor: int | None = Field(default=None, alias="BramFactor", ge=0)
    skip: Literal[False] = Field(default=False, alias="Skip")
    algorithm: str | None = Field(default=None, alias="Algorithm")
    implementation: str | None = Field(default=None, alias="Implementation")
    depthwise_reuse_factor: int | None = Field(default=None, alias="DepthwiseReuseFactor", ge=1)
    pointwise_reuse_factor: int | None = Field(default=None, alias="PointwiseReuseFactor", ge=1)
    recurrent_reuse_factor: int | None = Field(default=None, alias="RecurrentReuseFactor", ge=1)
    bit_exact: bool | None = Field(default=None, alias="BitExact")
    pipeline_style: str | None = Field(default=None, alias="PipelineStyle")
    pipeline_interval: int | None = Field(default=None, alias="PipelineInterval")
    channels_last_conversion: str | None = Field(default=None, alias="ChannelsLastConversion")
    transpose_outputs: bool | None = Field(default=None, alias="TransposeOutputs")
    table_range_power_2: int | None = Field(default=None, alias="TableRangePower2")

    bitsmith: GDNConfig | None = Field(default=None, alias="Bitsmith")

    _types = field_validator("precision", mode="after")(_check_precision)

    @field_validator("strategy", mode="before")
    @classmethod
    def _strategy(cls, value: Any) -> Any:
        return None if value is None else choose("Strategy", value, STRATEGIES)

    def lookup(self, role: str) -> Precision | None:
        """The precision for a role: its own, else the default; None where there is none or it is ``auto``."""
        table = self.precision if isinstance(self.precision, dict) else {"default": self.precision or _AUTO}
        text = table.get(role, table.get(_STAND_IN.get(role, ""), table.get("default", _AUTO)))
        return None if text == _AUTO else Precision(*Fixed.parse(text))

    def gdn(self) -> dict[str, Any]:
        """What is set under ``Bitsmith``."""
        return {} if self.bitsmith is None else {n: v for n, v in vars(self.bitsmith).items() if v is not None}

    def explicit(self, role: str) -> bool:
        """Whether the role itself is named, were it only as ``auto``."""
        return isinstance(self.precision, dict) and role in self.precision


STRATEGIES = {
    "latency": "latency",
    "resource": "resource",
    "distributed_arithmetic": "distributed_arithmetic",
    "da": "distributed_arithmetic",
    "unrolled": "latency",
}
"""Spellings, lower case, and what they mean."""
