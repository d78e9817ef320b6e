"""What a whole build promises at its AXI4-Stream ports, for a proof of a network of a few values.

One frame, any one, is remembered as it goes in; each output must give the reference's values for it, with ``tlast`` in
its last beat, in its turn among the frames. What is offered stays until it is taken. ``idle`` counts cycles in which
nothing is transferred anywhere although the input is offered and all outputs are taken: it stays below a bound, so
the build never stands still.
"""

from __future__ import annotations

from pathlib import Path

from formal import Harness
from formal_reference import Beats

from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.rtl.plan import Plan
from bitsmith.gen.rtl.top import AxiPort, Top

DUE = 6
"""Bits of a counter of beats that are to come."""


def emitted(plan: Plan, folder: Path) -> dict[str, str]:
    """Every file but the tracing top, by its name."""
    emit_plan(plan, folder)
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.v")) if not path.stem.endswith("_trace")}


def top_harness(plan: Plan, outputs: dict[str, Beats], idle: int) -> Harness:
    """``outputs``: by name, what each element of each beat must be, on the elements ``x0_<k>`` of the one input."""
    top = Top(plan, plan.network().depths())
    (given,) = top.inputs.values()
    h = Harness({"offer": 1, "watch": 1, "free": len(given.tdata)})
    _input(h, given)
    connected = ".aclk(clk), .aresetn(~rst), .tlast_error(tlast_error)"
    for port in (given, *top.outputs.values()):
        connected += "".join(f", .{s.name}({s.name})" for s in port.signals())
    for name, port in top.outputs.items():
        _output(h, port, outputs[name])
    h.body.append("wire tlast_error;")
    h.body.append(f"{plan.top} dut ({connected});")
    h.properties["tlast of the input is taken as it is"] = "!tlast_error"
    ready = " & ".join(f"{port.prefix}_tready" for port in top.outputs.values())
    moves = " | ".join([f"takes_{given.prefix}", *(f"takes_{port.prefix}" for port in top.outputs.values())])
    width = idle.bit_length() + 1
    h.register("idle", width, f"({ready}) & {given.prefix}_tvalid & ~({moves}) ? idle + 1 : 0")
    h.properties[f"something moves within {idle} cycles"] = f"idle < {idle}"
    return h


def _input(h: Harness, port: AxiPort) -> None:
    p, beats, bits = port.prefix, port.layout.beats, len(port.tdata)
    count = max(1, (beats - 1).bit_length())
    h.body.append(f"wire {p}_tready;")
    h.wire(f"{p}_tvalid", "waits | offer")
    h.wire(f"{p}_tdata", "waits ? kept : free", bits)
    h.register("waits", 1, f"{p}_tvalid & ~{p}_tready")
    h.register("kept", bits, f"{p}_tdata")
    h.wire(f"takes_{p}", f"{p}_tvalid & {p}_tready")
    h.register("beat", count, f"takes_{p} ? (beat == {beats - 1} ? 0 : beat + 1) : beat")
    h.wire(f"{p}_tlast", f"beat == {beats - 1}")
    h.wire("begins", f"takes_{p} & beat == 0")
    h.wire("marks", "begins & watch & ~seen")
    h.wire("watched", "beat == 0 ? marks : watching")
    h.register("watching", 1, f"takes_{p} ? watched : watching")
    h.register("seen", 1, "seen | marks")
    element, width = port.element, port.layout.type.width
    for b, row in enumerate(port.layout.index()):
        for e, index in enumerate(row):
            if index >= 0:
                now = f"takes_{p} & watched & beat == {b}"
                part = f"{p}_tdata[{e * element + width - 1}:{e * element}]"
                h.register(f"e_{index}", width, f"{now} ? {part} : e_{index}")
                h.wire(f"x0_{index}", f"e_{index}", width, port.layout.type.signed)


def _output(h: Harness, port: AxiPort, beats: Beats) -> None:
    p, count, element, bits = port.prefix, len(beats), port.element, len(port.tdata)
    h.free[f"{p}_tready"] = 1
    h.body.append(f"wire {p}_tvalid, {p}_tlast; wire [{bits - 1}:0] {p}_tdata;")
    h.wire(f"takes_{p}", f"{p}_tvalid & {p}_tready")
    h.register(f"due_{p}", DUE, f"due_{p} + (begins ? {count} : 0) - takes_{p}")
    h.register(f"ahead_{p}", DUE, f"marks ? due_{p} - takes_{p} : ahead_{p} - (takes_{p} & ahead_{p} != 0)")
    h.register(
        f"place_{p}", DUE, f"seen & ahead_{p} == 0 & place_{p} != {count} & takes_{p} ? place_{p} + 1 : place_{p}"
    )
    h.register(f"waited_{p}", 1, f"{p}_tvalid & ~{p}_tready")
    h.register(f"waiting_{p}", bits + 1, f"{{{p}_tlast, {p}_tdata}}")
    h.properties[f"{p}: what waits stays as it is"] = (
        f"!waited_{p} || ({p}_tvalid && {{{p}_tlast, {p}_tdata}} == waiting_{p})"
    )
    h.properties[f"{p}: nothing comes that is not due"] = f"!{p}_tvalid || due_{p} != 0"
    turn = f"(seen & ahead_{p} == 0 & {p}_tvalid & place_{p} == "
    for b, row in enumerate(beats):
        equal = [f"{p}_tlast == {int(b == count - 1)}"]
        for e, expression in enumerate(row):
            if expression:
                name = f"y_{p}_{b}_{e}"
                h.wire(name, expression, element, port.layout.type.signed)
                equal.append(f"{p}_tdata[{(e + 1) * element - 1}:{e * element}] == {name}")
        h.properties[f"{p}: beat {b} of a frame is right"] = f"!{turn}{b}) || ({' && '.join(equal)})"
