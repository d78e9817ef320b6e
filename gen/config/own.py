"""Bitsmith's own section of a configuration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict, field_validator

from ...sim.names import is_safe, safe_name
from .values import MOST, Count, Section, check_type, whole


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
    prefix: str | None = None
    """What the Verilog's top is called, and what all its modules' names begin with; the model's name without it."""
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

    @field_validator("prefix", mode="after")
    @classmethod
    def _prefix(cls, value: str | None) -> str | None:
        if value is not None and not is_safe(value):
            raise ValueError(f"'{value[:60]}' is no name for a module; give one like '{safe_name(value)}'")
        return value

    @field_validator("input", mode="after")
    @classmethod
    def _input_types(cls, value: Any) -> Any:
        for text in value.values() if isinstance(value, dict) else [value] if value else []:
            check_type(text)
        return value
