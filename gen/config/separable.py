"""A separable layer's section, and those of the two layers that hls4ml makes of it."""

from __future__ import annotations

from collections.abc import Iterable

from .layer import AUTO, LayerConfig

SEPARABLE = {
    "depthwise": {"weight": "depthwise", "result": "depthwise_result"},
    "pointwise": {"weight": "pointwise", "bias": "bias", "result": "result"},
}
"""The two parts, and what their kinds of ``Precision`` are in the whole layer's section."""


def with_parts(sections: dict[str, LayerConfig], names: Iterable[str]) -> dict[str, LayerConfig]:
    """The sections by name, those of the layers ``names`` with the types that their parts' sections give."""
    found = dict(sections)
    for name in names:
        given = _given(sections, name)
        if given:
            whole = found.get(name) or LayerConfig()
            before = whole.precision if isinstance(whole.precision, dict) else {"default": whole.precision or AUTO}
            found[name] = whole.model_copy(update={"precision": before | given})
    return found


def _given(sections: dict[str, LayerConfig], name: str) -> dict[str, str]:
    """The types that the sections of a layer's parts give, by their kinds in the whole layer's."""
    found: dict[str, str] = {}
    for part, kinds in SEPARABLE.items():
        section = sections.get(f"{name}_{part}")
        if section is not None and isinstance(section.precision, dict):
            types = {kind: section.precision.get(theirs, AUTO) for theirs, kind in kinds.items()}
            found |= {kind: text for kind, text in types.items() if text != AUTO}
    return found
