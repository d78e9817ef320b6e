"""One section of hls4ml's configuration: the settings of a layer, of a class of layers, or of the whole model."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import Field, StrictBool, StrictInt, ValidationInfo, field_validator

from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.root import Form
from ..suggest import choose, suggest
from .values import Count, Section, check_type, unused

_INNER_KINDS = ("gate_input", "gate", "reset_product", "candidate_input", "candidate", "state", "cell")
_GDN_KINDS = ("beta", "gamma", "gain", "square")
UNUSED_KINDS = {
    "accum": "sums are exact",
    "depthwise_accum": "sums are exact",
    "pointwise_accum": "sums are exact",
    "maximum": "nothing is rounded that no type is given for",
    "exp_table": "softmax's tables follow from its types and `Bitsmith: table_bits`",
    "inv_table": "softmax's tables follow from its types and `Bitsmith: table_bits`",
    "inv_inp": "softmax's tables follow from its types and `Bitsmith: table_bits`",
    "param": "slopes are exact",
    "slope": "slopes are exact",
    "shift": "slopes are exact",
}
"""hls4ml's kinds of ``Precision`` that are accepted and change nothing, and why."""
KINDS = ("result", "weight", "bias", "scale", "default", "table", "depthwise", "pointwise", "depthwise_result",
         "recurrent_weight", "recurrent_bias", *_INNER_KINDS, *_GDN_KINDS, *UNUSED_KINDS)  # fmt: skip
"""hls4ml's kinds, and Bitsmith's, for what is rounded inside of recurrent layers and of a GDN."""
_RECURRENT = ("GRU", "LSTM", "RNN", "Bidirectional")
_WEIGHTED = ("Conv", "Dense", "TimeDistributed", *_RECURRENT)
FITTING = {
    "weight": _WEIGHTED,
    "bias": (*_WEIGHTED, "BatchNorm", "Affine"),
    "scale": ("BatchNorm", "Affine"),
    "depthwise": ("Depthwise", "Separable"),
    **dict.fromkeys(("pointwise", "depthwise_result", "depthwise_accum", "pointwise_accum"), ("Separable",)),
    **dict.fromkeys(("recurrent_weight", "recurrent_bias", *_INNER_KINDS), _RECURRENT),
    **dict.fromkeys(_GDN_KINDS, ("GDN",)),
    "RecurrentReuseFactor": _RECURRENT,
    "Static": _RECURRENT,
    "DepthwiseReuseFactor": ("Separable",),
    "PointwiseReuseFactor": ("Separable",),
    "Bitsmith": ("GDN",),
}
"""Kinds of ``Precision`` and keys that only some layers have: what such a class has in its name."""
_STAND_IN = {"depthwise": "weight", "pointwise": "weight", "recurrent_weight": "weight", "recurrent_bias": "bias"}
"""The kind that counts where the first is not given, before the default."""
_AUTO = "auto"
TABLES = "tables follow from their types and `Bitsmith: table_bits`"
GDN_CLASSES = ("GDN", "FixedGDN", "tensorflow_compression>GDN")


class Precision(NamedTuple):
    """A type and how values come to it."""

    type: Fixed
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP


def _check_precision(value: Any) -> Any:
    """Every type in a Precision must parse; ``auto`` means that Bitsmith derives it."""
    for role, text in value.items() if isinstance(value, dict) else [("default", value)]:
        if role not in KINDS:
            raise ValueError(f"unknown kind '{role}'{suggest(role, KINDS)}")
        if text != _AUTO:
            check_type(text)
    return value


class GDNConfig(Section):
    """How a GDN finds its gain: ``Bitsmith`` in the section of a layer, of the class GDN, or of the model."""

    form: Form | None = None
    segments: Count | None = None
    width: Count | None = None
    newton: StrictBool | None = None

    @field_validator("form", mode="before")
    @classmethod
    def _form(cls, value: Any) -> Any:
        return None if value is None else choose("form", value, {form.value: form.value for form in Form})


SINGLE = {
    "parallelization_factor": (1, "Bitsmith.pixels_per_cycle says how many pixels come at once"),
    "conv_implementation": ("LineBuffer", "every window has a line buffer"),
    "bram_factor": (1_000_000_000, "weights stay inside of the hardware"),
    "skip": (False, "'Bitsmith: {output: argmax}' leaves a softmax out"),
    "implementation": ("stable", "softmax subtracts the largest; 'Bitsmith: {output: argmax}' makes a decision"),
    "static": (True, "a recurrent layer is one cell that takes a step after the other"),
}
"""Keys of hls4ml's with one value that is true here anyway, and why there is no other."""


class LayerConfig(Section):
    """Settings of one layer, of one class of layers, or (``Model``) of all."""

    precision: str | dict[str, str] | None = Field(default=None, alias="Precision")
    reuse_factor: Count | None = Field(default=None, alias="ReuseFactor")
    recurrent_reuse_factor: Count | None = Field(default=None, alias="RecurrentReuseFactor")
    depthwise_reuse_factor: Count | None = Field(default=None, alias="DepthwiseReuseFactor")
    pointwise_reuse_factor: Count | None = Field(default=None, alias="PointwiseReuseFactor")
    strategy: str | None = Field(default=None, alias="Strategy")
    pipeline_style: str | None = Field(default=None, alias="PipelineStyle")
    pipeline_interval: Count | None = Field(default=None, alias="PipelineInterval")
    trace: StrictBool | None = unused(None, "Trace", "every layer can be traced")
    trace_output: StrictBool | None = unused(None, "TraceOutput", "every layer can be traced")
    table_size: Count | None = unused(None, "TableSize", TABLES)
    table_range_power_2: StrictInt | None = unused(None, "TableRangePower2", TABLES)
    bit_exact: StrictBool | None = unused(None, "BitExact", "what is built is always exact")
    channels_last_conversion: str | None = unused(None, "ChannelsLastConversion", "for PyTorch's models")
    transpose_outputs: StrictBool | None = unused(None, "TransposeOutputs", "for PyTorch's models")
    parallelization_factor: Any = Field(default=None, alias="ParallelizationFactor")
    conv_implementation: Any = Field(default=None, alias="ConvImplementation")
    bram_factor: Any = Field(default=None, alias="BramFactor")
    skip: Any = Field(default=None, alias="Skip")
    implementation: Any = Field(default=None, alias="Implementation")
    static: Any = Field(default=None, alias="Static")
    bitsmith: GDNConfig | None = Field(default=None, alias="Bitsmith")

    _types = field_validator("precision", mode="after")(_check_precision)

    @field_validator("strategy", mode="before")
    @classmethod
    def _strategy(cls, value: Any) -> Any:
        return None if value is None else choose("Strategy", value, STRATEGIES)

    @field_validator("pipeline_style", mode="before")
    @classmethod
    def _style(cls, value: Any) -> Any:
        return (
            None if value is None else choose("PipelineStyle", value, {n: n for n in ("auto", "dataflow", "pipeline")})
        )

    @field_validator(*SINGLE, mode="after")
    @classmethod
    def _single(cls, value: Any, info: ValidationInfo) -> Any:
        right, reason = SINGLE[str(info.field_name)]
        if value is not None and (type(value) is not type(right) or str(value).lower() != str(right).lower()):
            raise ValueError(f"only {right} is supported: {reason}; leave it out")
        return value

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
