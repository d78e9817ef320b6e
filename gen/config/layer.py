"""One section of hls4ml's configuration: the settings of a layer, of a class of layers, or of the whole model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import Field, StrictBool, StrictInt, ValidationInfo, field_validator, model_validator

from ...sim.fixed import Fixed, Overflow, Rounding
from ...sim.root import Form
from ..classes import DIRECTIONS
from ..suggest import choose, suggest
from .spelling import one_spelling, types_in_precision
from .values import Count, Section, check_type, unused

DIRECTED = tuple(f"{d}_{kind}" for d in DIRECTIONS for kind in ("weight", "bias", "recurrent_weight", "recurrent_bias"))
_INNER_KINDS = ("gate_input", "gate", "reset_product", "candidate_input", "candidate", "state", "cell")
_STATISTICS = ("mean", "variance")
_GDN_KINDS = ("beta", "gamma", "gain", "square")
UNUSED_KINDS = {
    "accum": "sums are exact",
    "depthwise_accum": "sums are exact",
    "pointwise_accum": "sums are exact",
    "maximum": "an `auto` result is exact, or where that is too wide has the default's steps",
    "exp_table": "softmax's tables follow from its types and `Bitsmith: table_bits`",
    "inv_table": "softmax's tables follow from its types and `Bitsmith: table_bits`",
    "inv_inp": "softmax's tables follow from its types and `Bitsmith: table_bits`",
    "param": "slopes are exact",
    "slope": "slopes are exact",
    "shift": "slopes are exact",
}
"""hls4ml's kinds of ``Precision`` that are accepted and change nothing, and why."""
KINDS = ("result", "weight", "bias", "scale", "default", "table", "depthwise", "pointwise", "depthwise_result",
         "recurrent_weight", "recurrent_bias", "embeddings", *DIRECTED, *_INNER_KINDS, *_GDN_KINDS, *_STATISTICS,
         *UNUSED_KINDS)  # fmt: skip
"""hls4ml's kinds, and Bitsmith's, for what is rounded inside of recurrent layers and of a GDN."""
_RECURRENT = ("GRU", "LSTM", "RNN", "Bidirectional")
_WEIGHTED = ("Conv", "Dense", "MultiHeadAttention", "Embedding", "PReLU", "TimeDistributed", *_RECURRENT)
_SCALED = ("Affine", "BatchNorm", "LayerNorm", "Normalization", "Rescaling", "TimeDistributed")
FITTING = {
    "weight": _WEIGHTED,
    "bias": (*_WEIGHTED, *_SCALED),
    "scale": _SCALED,
    "depthwise": ("Depthwise", "Separable", "TimeDistributed"),
    **dict.fromkeys(("pointwise", "depthwise_result", "depthwise_accum", "pointwise_accum"), ("Separable",)),
    **dict.fromkeys(("recurrent_weight", "recurrent_bias", *_INNER_KINDS), _RECURRENT),
    **dict.fromkeys(_GDN_KINDS, ("GDN",)),
    **dict.fromkeys(("gamma", "beta"), ("GDN", "QBatchNorm")),
    **dict.fromkeys(_STATISTICS, ("QBatchNorm",)),
    **dict.fromkeys(DIRECTED, ("Bidirectional",)),
    "embeddings": ("Embedding",),
    **dict.fromkeys(
        (f"{d}{r}ReuseFactor" for d in ("Forward", "Backward") for r in ("", "Recurrent")), ("Bidirectional",)
    ),
    "Direction": ("RNN",),
    "Algorithm": ("UpSampling",),
    "TimeStepLoopParallelism": ("TimeDistributed",),
    "RecurrentReuseFactor": _RECURRENT,
    "Static": _RECURRENT,
    "DepthwiseReuseFactor": ("Separable",),
    "PointwiseReuseFactor": ("Separable",),
    "Bitsmith": ("GDN", "LayerNorm"),
    "Strategy: stable": ("Softmax", "Activation"),
}
"""Kinds of ``Precision`` and keys that only some layers have: what such a class has in its name."""
_STAND_IN = {"depthwise": "weight", "pointwise": "weight", "recurrent_weight": "weight", "recurrent_bias": "bias",
             "embeddings": "weight", **{kind: kind.partition("_")[2] for kind in DIRECTED}}  # fmt: skip
"""The kind that counts where the first is not given, before the default."""
AUTO = "auto"
TABLES = "tables follow from their types and `Bitsmith: table_bits`"
GDN_CLASSES = ("GDN", "FixedGDN", "tensorflow_compression>GDN")


def _kinds_for(role: str) -> Iterator[str]:
    """The role itself, then what stands in for it: ``forward_recurrent_weight``, ``recurrent_weight``, ``weight``."""
    while role:
        yield role
        role = _STAND_IN.get(role, "")


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
        if text != AUTO:
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
    "direction": ("forward", "the model's go_backwards says where a sequence begins"),
    "algorithm": ("nearest", "pixels are repeated"),
    "time_step_loop_parallelism": ("Off", "a sequence's steps pass through one layer, one after the other"),
    "compression": (False, "weights are constants, and a zero takes no multiplier"),
}
"""Keys of hls4ml's with one value that is true here anyway, and why there is no other."""


class LayerConfig(Section):
    """Settings of one layer, of one class of layers, or (``Model``) of all."""

    precision: str | dict[str, str] | None = Field(default=None, alias="Precision")
    reuse_factor: Count | None = Field(default=None, alias="ReuseFactor")
    recurrent_reuse_factor: Count | None = Field(default=None, alias="RecurrentReuseFactor")
    depthwise_reuse_factor: Count | None = Field(default=None, alias="DepthwiseReuseFactor")
    pointwise_reuse_factor: Count | None = Field(default=None, alias="PointwiseReuseFactor")
    forward_reuse_factor: Count | None = Field(default=None, alias="ForwardReuseFactor")
    backward_reuse_factor: Count | None = Field(default=None, alias="BackwardReuseFactor")
    forward_recurrent_reuse_factor: Count | None = Field(default=None, alias="ForwardRecurrentReuseFactor")
    backward_recurrent_reuse_factor: Count | None = Field(default=None, alias="BackwardRecurrentReuseFactor")
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
    allow_da_fallback: StrictBool | None = unused(None, "AllowDAFallback", "for hls4ml's own reading of models")
    allow_v2_fallback: StrictBool | None = unused(None, "AllowV2Fallback", "for hls4ml's own reading of models")
    parallelization_factor: Any = Field(default=None, alias="ParallelizationFactor")
    conv_implementation: Any = Field(default=None, alias="ConvImplementation")
    bram_factor: Any = Field(default=None, alias="BramFactor")
    skip: Any = Field(default=None, alias="Skip")
    implementation: Any = Field(default=None, alias="Implementation")
    static: Any = Field(default=None, alias="Static")
    direction: Any = Field(default=None, alias="Direction")
    algorithm: Any = Field(default=None, alias="Algorithm")
    time_step_loop_parallelism: Any = Field(default=None, alias="TimeStepLoopParallelism")
    compression: Any = Field(default=None, alias="Compression")
    target_cycles: Any = Field(default=None, alias="TargetCycles")
    bitsmith: GDNConfig | None = Field(default=None, alias="Bitsmith")

    _types = field_validator("precision", mode="after")(_check_precision)

    @model_validator(mode="before")
    @classmethod
    def _spelled(cls, data: Any) -> Any:
        return types_in_precision(one_spelling(data, [str(field.alias) for field in cls.model_fields.values()]), KINDS)

    @field_validator("target_cycles", mode="after")
    @classmethod
    def _cycles(cls, value: Any) -> Any:
        if value is not None:
            raise ValueError("'Bitsmith: {latency_cycles: …}' is for the whole network; leave it out")
        return value

    @field_validator("channels_last_conversion", mode="before")
    @classmethod
    def _conversion(cls, value: Any) -> Any:
        known = {name: name for name in ("full", "internal", "off")}
        return None if value is None else choose("ChannelsLastConversion", "off" if value is False else value, known)

    @field_validator("time_step_loop_parallelism", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        return "Off" if value is False else value  # YAML's Off without quotes

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
        table = self.precision if isinstance(self.precision, dict) else {"default": self.precision or AUTO}
        text = next((table[kind] for kind in (*_kinds_for(role), "default") if kind in table), AUTO)
        return None if text == AUTO else Precision(*Fixed.parse(text))

    def gdn(self) -> dict[str, Any]:
        """What is set under ``Bitsmith``."""
        return {} if self.bitsmith is None else {n: v for n, v in vars(self.bitsmith).items() if v is not None}

    def explicit(self, role: str) -> bool:
        """Whether the role itself is named, were it only as ``auto``."""
        return isinstance(self.precision, dict) and role in self.precision


STABLE = "stable"
"""No strategy: what older files call ``Implementation: stable`` of a softmax."""
STRATEGIES = {
    "latency": "latency",
    "resource": "resource",
    "distributed_arithmetic": "distributed_arithmetic",
    "distributedarithmetic": "distributed_arithmetic",
    "da": "distributed_arithmetic",
    "unrolled": "latency",
    "stable": STABLE,
}
"""Spellings, lower case, and what they mean."""
