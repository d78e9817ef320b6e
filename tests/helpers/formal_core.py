"""What every streaming core promises, for a proof: ``Core`` and ``Timing`` in hw/rtl/core.py, written as a machine.

The machine of ``control`` has a number of the step in the frame and a pause, nothing else: a core that is equal to it
in every cycle, for every input and every reset, takes each beat once and in its step, sends as many as the schedule
says, takes no step that emits while there is no room, and waits for nothing but a beat that its step needs, for room,
and for the cycles that the schedule names: it has no deadlock that the schedule has not.

``data`` adds one frame, any one, whose inputs are remembered; every beat of its output must be what the caller says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from formal import Harness, instance
from numpy.typing import NDArray

from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.hw.rtl.core import Core, InPort, Timing


def emitted(core: Core) -> dict[str, str]:
    """The Verilog of a core and its kernels, by module."""
    return to_verilog({"core": core, **core.kernels()})


def control(core: Core) -> Harness:
    """Steps, beats taken and beats sent, with inputs, room and reset left free."""
    h = Harness({"m_room": 1})
    for port in core.inputs:
        h.free |= {port.tvalid.name: 1, port.tdata.name: len(port.tdata)}
    _machine(h, core, core.timing())
    return h


def data(core: Core, outputs: Sequence[Sequence[str]]) -> Harness:
    """``control``, and ``outputs[beat][element]``: an expression on elements ``x<input>_<index>``, "" for any value.

    A beat that waits at an input stays as it is.
    """
    h = Harness({"m_room": 1, "watch": 1})
    for port in core.inputs:
        _stream(h, port)
    timing = core.timing()
    _machine(h, core, timing)
    _watched(h, core, timing)
    _compared(h, core, outputs)
    return h


def _stream(h: Harness, port: InPort) -> None:
    """An input that comes when it likes and stays until it is taken."""
    valid, ready, bits = port.tvalid.name, port.tready.name, len(port.tdata)
    h.free |= {f"offer_{valid}": 1, f"free_{port.tdata.name}": bits}
    h.body.append(f"wire {ready};")
    h.wire(valid, f"waits_{valid} | offer_{valid}")
    h.wire(port.tdata.name, f"waits_{valid} ? kept_{valid} : free_{port.tdata.name}", bits)
    h.register(f"waits_{valid}", 1, f"{valid} & ~{ready}")
    h.register(f"kept_{valid}", bits, port.tdata.name)


def _machine(h: Harness, core: Core, timing: Timing) -> None:
    for port in core.inputs:
        if port.tready.name not in "\n".join(h.body):
            h.body.append(f"wire {port.tready.name};")
    h.body.append(f"wire m_reserve, m_tvalid; wire [{len(core.m_tdata) - 1}:0] m_tdata;")
    names = [s.name for port in core.inputs for s in port.signals()]
    h.body.append(instance("core", *names, "m_room", "m_reserve", "m_tvalid", "m_tdata"))
    steps = len(timing.emits)
    _counters(h, core, timing, steps)
    h.properties["a step takes the room that it was granted, and sends"] = "m_reserve == (can & emits)"
    for k, port in enumerate(core.inputs):
        taken = f"({port.tvalid.name} & {port.tready.name})"
        h.properties[f"each beat of {port.tvalid.name[:-7]} is taken in its step"] = f"{taken} == (can & consumes_{k})"
    h.properties["a beat comes in its cycle"] = f"m_tvalid == {_delayed(h, 'm_reserve', core.latency - 1, 'sent')}"


def _counters(h: Harness, core: Core, timing: Timing, steps: int) -> None:
    bits = max(1, (steps - 1).bit_length())
    h.body.append(f"wire [{bits - 1}:0] following; wire can;")
    h.register("n", bits, "can ? following : n")
    h.body.append(f"assign following = n == {steps - 1} ? 0 : n + 1;")
    h.wire("emits", _bit(timing.emits))
    waits = ["pause == 0", "(~emits | m_room)"]
    for k, port in enumerate(core.inputs):
        h.wire(f"needs_{k}", _bit(timing.needed[k]))
        h.wire(f"consumes_{k}", _bit(timing.consumes[k]))
        waits.append(f"(~needs_{k} | {port.tvalid.name})")
    longest = int(timing.cost.max())
    width = max(1, (longest - 1).bit_length())
    h.register("pause", width, f"can ? {_table(timing.cost - 1, width)} : pause != 0 ? pause - 1 : 0")
    h.body.append(f"assign can = {' & '.join(waits)};")


def _bit(flags: NDArray[np.bool_]) -> str:
    """The step's flag, by its number n."""
    if flags.all() or not flags.any():
        return str(int(flags.all()))
    return f"({' | '.join(f'n == {k}' for k in np.flatnonzero(flags))})"


def _table(values: NDArray[np.int64], bits: int) -> str:
    """The step's number, by n."""
    usual = int(np.bincount(values).argmax())
    text = f"{bits}'d{usual}"
    for k in np.flatnonzero(values != usual):
        text = f"n == {k} ? {bits}'d{values[k]} : {text}"
    return f"({text})"


def _delayed(h: Harness, signal: str, cycles: int, name: str, width: int = 1) -> str:
    for k in range(cycles):
        h.register(f"{name}_{k + 1}", width, signal)
        signal = f"{name}_{k + 1}"
    return signal


def _watched(h: Harness, core: Core, timing: Timing) -> None:
    """One frame from its first step on, and its beats as they are needed."""
    h.wire("watched", "n == 0 ? watch & ~seen : watching")
    h.register("watching", 1, "can ? watched : watching")
    h.register("seen", 1, "seen | (can & watched)")
    for k, port in enumerate(core.inputs):
        beat: NDArray[np.int64] = np.cumsum(timing.consumes[k]) - timing.consumes[k]
        for b in range(port.layout.beats):
            when = _bit((beat == b) & timing.needed[k])
            h.wire(f"now_{k}_{b}", f"can & watched & {when}")
            h.register(f"beat_{k}_{b}", port.layout.bits, f"now_{k}_{b} ? {port.tdata.name} : beat_{k}_{b}")
            if core.latency > 1:
                continue
            h.wire(f"this_{k}_{b}", f"now_{k}_{b} ? {port.tdata.name} : beat_{k}_{b}", port.layout.bits)
        _elements(h, core, k)


def _elements(h: Harness, core: Core, k: int) -> None:
    layout = core.inputs[k].layout
    width, source = layout.type.width, "beat" if core.latency > 1 else "this"
    for b, row in enumerate(layout.index()):
        for e, index in enumerate(row):
            if index >= 0:
                part = f"{source}_{k}_{b}[{e * width + width - 1}:{e * width}]"
                h.wire(f"x{k}_{index}", part, width, layout.type.signed)


def _compared(h: Harness, core: Core, outputs: Sequence[Sequence[str]]) -> None:
    beats, width = len(outputs), core.output.type.width
    bits = max(1, (beats - 1).bit_length())
    h.register("out", bits, f"can & emits ? (out == {beats - 1} ? 0 : out + 1) : out")
    shown = _delayed(h, "can & emits & watched", core.latency - 1, "shown")
    number = _delayed(h, "out", core.latency - 1, "number", bits)
    for b, row in enumerate(outputs):
        equal = []
        for e, expression in enumerate(row):
            if expression:
                low = e * width
                h.wire(f"y_{b}_{e}", expression, width, core.output.type.signed)
                equal.append(f"m_tdata[{low + width - 1}:{low}] == y_{b}_{e}")
        h.properties[f"beat {b} of a frame is right"] = f"!({shown} & {number} == {b}) || ({' && '.join(equal) or 1})"
