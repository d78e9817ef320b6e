"""Sections that hls4ml writes for what is no layer by itself here.

A model inside of the model, the quantizers in front of and behind a layer of HGQ2, and each further call of a layer
(``conv_0``, ``conv_relu_0``) are layers of their own in hls4ml. What it writes for them asks for nothing; a section
that does ask for something must say it of the layer itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ...sim.errors import BitsmithError
from .layer import AUTO, LayerConfig

_QUANTIZER = re.compile(r"(.+)_[io]q(_\d+)?")
_UNNAMED = re.compile(r"quantizer(_\d+)?")
"""Of a layer of HGQ2 with several inputs: its quantizers have no names of their own."""
_CALL = re.compile(r"(.+)_\d+")


@dataclass(frozen=True)
class Echoes:
    """What a model has beside its layers: models inside of it, layers of HGQ2, and the layers' names, call by call."""

    groups: Collection[str] = ()
    hgq: Collection[str] = ()
    calls: Sequence[str] = ()

    def check(self, name: str, sections: Mapping[str, LayerConfig]) -> bool:
        """Whether ``name`` is such a thing; BitsmithError where its section asks for something."""
        if name in self.groups:
            return _silent(name, sections[name], "is a model inside of this one; name its layers and leave it out")
        quantizer = _QUANTIZER.fullmatch(name)
        if quantizer is not None and quantizer[1] in self.hgq:
            return _silent(
                name, sections[name], f"is a quantizer of '{quantizer[1]}', whose type the model says; leave it out"
            )
        if self.hgq and _UNNAMED.fullmatch(name):
            return _silent(name, sections[name], "is a quantizer of HGQ2's, whose type the model says; leave it out")
        call = _CALL.fullmatch(name)
        if call is None or not self._called_again(call[1]):
            return False
        if sections[name] != sections.get(call[1]):
            raise BitsmithError(
                f"HLSConfig.LayerName: '{name}' is a call of '{call[1]}', and one layer serves all its calls; "
                f"give '{call[1]}' the same section, or leave '{name}' out"
            )
        return True

    def _called_again(self, name: str) -> bool:
        """Whether this is a layer that is called more than once, or the activation inside of one."""
        return any(self.calls.count(n) > 1 and (name == n or name.startswith(f"{n}_")) for n in set(self.calls))


def _silent(name: str, section: LayerConfig, what: str) -> bool:
    given = section.precision if isinstance(section.precision, dict) else {"default": section.precision or AUTO}
    others = section.model_fields_set - {"precision", "trace", "trace_output"}
    if others or any(text != AUTO for text in given.values()):
        raise BitsmithError(f"HLSConfig.LayerName: '{name}' {what}")
    return True
