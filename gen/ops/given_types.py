"""A type that a configuration gives for what a quantizer makes: it is checked, and the model's own grid stands."""

from __future__ import annotations

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ..config.schema import Precision
from ..quantize.quantizers import Quantizer
from ..read.build import Builder
from ..read.network import Layer


def check_given(build: Builder, layer: Layer, q: Quantizer, own: Precision | None, levels: Fixed, fused: bool) -> None:
    """BitsmithError where a type is given for what a quantizer makes and does not hold it; it changes nothing.

    hls4ml writes the type of a quantizer's ``levels``, for the quantizer inside of a layer as that of a layer of its
    own.
    """
    given = build.inside(layer, q.name) if fused else own
    if given is None or given.type.contains(levels):
        return
    raise BitsmithError(
        f"'{layer.name}': {q} gives {levels}, which Precision.result {given.type} does not hold; give that, or leave "
        f"it out{build.class_wide(layer, 'result') if not fused else ''}"
    )
