"""A tensor gathered into one beat, a vector sent in many, and beats of another size."""

from __future__ import annotations

from ...hw.rtl.reshape import CollectCore, RefillCore, SpreadCore
from .cost import Resources, adder, counter, logic, multiplexer, registers, total
from .formulas import counts


@counts(CollectCore)
def _(core: CollectCore) -> Resources:
    layout = core.inputs[0].layout
    return counter(layout.beats) + registers(layout.beats * layout.bits + 1)


@counts(SpreadCore)
def _(core: SpreadCore) -> Resources:
    return counter(core.output.beats) + multiplexer(core.output.beats, core.output.bits)


@counts(RefillCore)
def _(core: RefillCore) -> Resources:
    """Each word kept comes from one of the beats that are taken in there, and is moved when a beat is sent.

    Where nothing is kept, a beat is sent as it comes.
    """
    rows = [layout for layout in (core.inputs[0].layout, core.output) if layout.width % layout.lanes]
    output = registers(core.output.bits + 1) + logic(2) + total(counter(layout.beats_per_row) for layout in rows)
    if core.places == 0:
        return output
    bits = core.word * core.output.type.width
    level, beat = core.places.bit_length(), core.inputs[0].layout.elements // core.word
    most = max(core.places, core.output.elements // core.word)
    joined = logic(bits * sum(sum(0 <= k - start < beat for start in core.starts) for k in range(most)) / 2)
    kept = registers(core.places * bits) + logic(core.places * bits)
    return output + joined + kept + adder(4 * level) + registers(level)
