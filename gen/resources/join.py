"""What every join costs beside its arithmetic: a handshake, and the registers of its output."""

from __future__ import annotations

from ...hw.rtl.join import EntranceCore, JoinCore
from .cost import Resources, counter, total
from .formulas import counts


@counts(EntranceCore)
def handshake(core: JoinCore) -> Resources:
    held = total(counter(serves) for serves in {*core.serves} - {1})
    return Resources(lut=2, ff=core.output.bits + 1 + core.stages) + held
