"""What a value in a configuration may be: checked as YAML gives it, nothing taken for what it merely resembles."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed

MOST = 1 << 32
"""Of cycles and factors: more is a slip, and times stay far inside of 64 bits."""
Count = Annotated[int, Strict(), Field(ge=1, le=MOST)]


class Section(BaseModel):
    """Keys and values; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


def unused(default: Any, alias: str, reason: str) -> Any:
    """A key of hls4ml's that is accepted and changes nothing, because of ``reason``; docs/usage.md lists them all."""
    return Field(default=default, alias=alias, json_schema_extra={"without_effect": reason})


def _dropped(value: Any) -> None:
    """Whatever it was: a live model, a list that holds itself."""


Dropped = Annotated[None, BeforeValidator(_dropped)]


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("Input should be a valid number")
    return value


Nanoseconds = Annotated[float, BeforeValidator(_number), Field(ge=1e-3, le=1e6)]


def whole(value: Any) -> Any:
    """ValueError for what is no integer but equals one: ``true``, ``1.0``."""
    if type(value) is not int:
        raise ValueError("Input should be a valid integer")
    return value


def no_namespace(value: Any) -> None:
    """ValueError for any but null, which hls4ml writes."""
    if value is not None:
        raise ValueError("the functions stand in no namespace; leave it out")


def check_type(text: str) -> None:
    """ValueError, as pydantic wants it, for text that is no type."""
    try:
        Fixed.parse(text)
    except BitsmithError as error:
        raise ValueError(str(error)) from None
