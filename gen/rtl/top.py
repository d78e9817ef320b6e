"""The top: stages, buffers and AXI4-Stream ports, joined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Const, Instance, Module, Mux, ResetSignal, Signal, Value

from ...hw.rtl.core import Hardware, elements, noted, packed, shape_of, unpacked
from ...hw.rtl.fifo import Fifo
from ...hw.rtl.layout import Layout
from ...sim.errors import BitsmithError
from .stages import Plan, PlannedStage


def container(width: int) -> int:
    """Bits of an element on an AXI4-Stream: whole bytes."""
    return -(-width // 8) * 8


class AxiPort:
    """tdata, tvalid, tready and tlast of one stream on the top."""

    def __init__(self, prefix: str, layout: Layout) -> None:
        self.prefix, self.layout = prefix, layout
        self.element = container(layout.type.width)
        self.tdata = Signal(layout.elements * self.element, name=f"{prefix}_tdata")
        self.tvalid = Signal(name=f"{prefix}_tvalid")
        self.tready = Signal(name=f"{prefix}_tready")
        self.tlast = Signal(name=f"{prefix}_tlast")

    def signals(self) -> list[Signal]:
        return [self.tdata, self.tvalid, self.tready, self.tlast]


def prefixes(names: list[str], base: str) -> list[str]:
    return [base] if len(names) == 1 else [f"{base}_{name}" for name in names]


class Top(Hardware):
    """Instances of every stage's modules by name; ``trace`` adds each module's stream as output ports."""

    def __init__(self, plan: Plan, depths: Mapping[tuple[str, int], int], trace: bool = False) -> None:
        self.plan, self.depths, self.trace = plan, depths, trace
        self.aclk, self.aresetn, self.tlast_error = (
            Signal(name="aclk"),
            Signal(name="aresetn"),
            Signal(name="tlast_error"),
        )
        names = list(plan.inputs)
        self.inputs = {n: AxiPort(p, plan.inputs[n]) for n, p in zip(names, prefixes(names, "s_axis"))}
        ends = {n: plan.stage(s).layout for n, s in plan.outputs.items()}
        self.outputs = {n: AxiPort(p, ends[n]) for n, p in zip(ends, prefixes(list(ends), "m_axis"))}
        self.threshold = _threshold(plan)
        self.traces: dict[str, tuple[Signal, Signal, Layout]] = {}
        self._trace_ports()

    def _trace_ports(self) -> None:
        if not self.trace:
            return
        for stage in self.plan.stages:
            layouts = [stage.core.output, *(p.output for p in stage.pointwise)]
            names = stage.nodes if len(stage.nodes) == len(layouts) else ["", *stage.nodes]
            for name, layout in zip(names, layouts):
                if name:
                    self._trace_port(name, f"trace_{name}", layout)
            for key, (_, _, layout) in stage.core.probes().items():
                self._trace_port(f"{stage.name}.{key}", f"probe_{stage.name}_{key}", layout)

    def _trace_port(self, tensor: str, prefix: str, layout: Layout) -> None:
        self.traces[tensor] = (*self._stream(prefix, layout), layout)

    def _stream(self, prefix: str, layout: Layout) -> tuple[Signal, Signal]:
        return Signal(layout.bits, name=f"{prefix}_tdata"), Signal(name=f"{prefix}_tvalid")

    def ports(self) -> list[Signal]:
        axi = [s for port in [*self.inputs.values(), *self.outputs.values()] for s in port.signals()]
        extra = [] if self.threshold is None else [self.threshold]
        traces = [s for data, valid, _ in self.traces.values() for s in (data, valid)]
        return [self.aclk, self.aresetn, *axi, *extra, self.tlast_error, *traces]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]
        self._streams = {name: self._entrance(m, name, port) for name, port in self.inputs.items()}
        for stage in self.plan.stages:
            self._stage(m, stage)
        for name, port in self.outputs.items():
            self._exit(m, self.plan.outputs[name], port)
        return m

    def _entrance(self, m: Module, name: str, port: AxiPort) -> dict[tuple[str, int], tuple[Value, Signal, Signal]]:
        """The input as a stream of the elements' own width; its tlast is checked."""
        width, step = port.layout.type.width, port.element
        data = Signal(port.layout.bits, name=f"{name}_tdata")
        m.d.comb += [data[k * width : (k + 1) * width].eq(port.tdata[k * step :]) for k in range(port.layout.elements)]
        last = self._counted(m, port.tvalid & port.tready, port.layout.beats, f"{name}_beat")
        with m.If(port.tvalid & port.tready & (port.tlast != last)):
            m.d.sync += self.tlast_error.eq(1)
        reader = next((s.name, k) for s in self.plan.stages for k, source in enumerate(s.sources) if source == name)
        return {reader: (data, port.tvalid, port.tready)}

    def _counted(self, m: Module, transfer: Value, beats: int, name: str) -> Value:
        """High at a frame's last beat."""
        if beats == 1:
            return Const(1)
        count = Signal(range(beats), name=name)
        last = count == beats - 1
        with m.If(transfer):
            m.d.sync += count.eq(Mux(last, 0, count + 1))
        return last

    def _stage(self, m: Module, stage: PlannedStage) -> None:
        name = stage.name
        room, reserve = Signal(name=f"{name}_room"), Signal(name=f"{name}_reserve")
        valid, data = Signal(name=f"{name}_tvalid"), Signal(stage.core.output.bits, name=f"{name}_tdata")
        ports: dict[str, Any] = {"i_m_room": room, "o_m_reserve": reserve, "o_m_tvalid": valid, "o_m_tdata": data}
        for k, (port, source) in enumerate(zip(stage.core.inputs, stage.sources)):
            in_data, in_valid, in_ready = self._streams[source][name, k]
            prefix = port.tvalid.name.rsplit("_", 1)[0]
            ports |= {f"i_{prefix}_tvalid": in_valid, f"o_{prefix}_tready": in_ready, f"i_{prefix}_tdata": in_data}
        m.submodules[name] = _instance(stage.core.name, ports | self._probes(stage))
        if stage.nodes and len(stage.nodes) > len(stage.pointwise):
            self._tap(m, stage.nodes[0], valid, data)
        for module in stage.pointwise:
            valid, data = self._pointwise(m, module, valid, data)
            self._tap(m, module.name, valid, data)
        self._buffers(m, stage, room, reserve, valid, data)

    def _probes(self, stage: PlannedStage) -> dict[str, Any]:
        """What is inside a step of a recurrent layer: ports of the tracing top, read by nobody in the other."""
        ports: dict[str, Any] = {}
        for key, (inner_data, inner_valid, layout) in stage.core.probes().items():
            if self.trace:
                data, valid, _ = self.traces[f"{stage.name}.{key}"]
            else:
                data, valid = self._stream(f"probe_{stage.name}_{key}", layout)
            ports |= {f"o_{inner_data.name}": data, f"o_{inner_valid.name}": valid}
        return ports

    def _pointwise(self, m: Module, module: Any, valid: Signal, data: Signal) -> tuple[Signal, Signal]:
        out_valid = Signal(name=f"{module.name}_tvalid")
        out_data = Signal(module.output.bits, name=f"{module.name}_tdata")
        ports = {"i_i_tvalid": valid, "i_i_tdata": data, "o_o_tvalid": out_valid, "o_o_tdata": out_data}
        if hasattr(module, "threshold"):
            ports["i_threshold"] = self.threshold
        m.submodules[module.name] = _instance(module.name, ports)
        return out_valid, out_data

    def _buffers(
        self, m: Module, stage: PlannedStage, room: Signal, reserve: Signal, valid: Signal, data: Signal
    ) -> None:
        """One FIFO for each reader; a step needs room in all of them."""
        self._streams[stage.name] = {}
        rooms = []
        for reader, name in zip(self.plan.buffered(stage), self.plan.fifo_names(stage)):
            free, r_valid, r_ready = (
                Signal(name=f"{name}_room"),
                Signal(name=f"{name}_tvalid"),
                Signal(name=f"{name}_tready"),
            )
            r_data = Signal(len(data), name=f"{name}_tdata")
            held = r_data
            if stage.layout.kept is not None:
                held = noted(Signal(stage.layout.stored, name=f"{name}_held"), "What differs from beat to beat.")
                m.d.comb += r_data.eq(unpacked(stage.layout, held))
            written = packed(stage.layout, data)
            ports = {"o_room": free, "i_reserve": reserve, "i_w_tvalid": valid, "i_w_tdata": written}
            m.submodules[name] = _instance(
                name, ports | {"o_r_tvalid": r_valid, "i_r_tready": r_ready, "o_r_tdata": held}
            )
            rooms.append(free)
            self._streams[stage.name][reader] = (r_data, r_valid, r_ready)
        m.d.comb += room.eq(_all(rooms))

    def fifos(self) -> dict[str, Fifo]:
        """Every buffer by its module's name."""
        found: dict[str, Fifo] = {}
        for stage in self.plan.stages:
            for reader, name in zip(self.plan.buffered(stage), self.plan.fifo_names(stage)):
                key = (f"output:{stage.name}", 0) if reader[0].startswith("output:") else reader
                found[name] = Fifo(stage.layout.stored, self.depths[key])
        return found

    def _exit(self, m: Module, stream: str, port: AxiPort) -> None:
        name = next(n for n, p in self.outputs.items() if p is port)
        data, valid, ready = self._streams[stream][f"output:{name}", 0]
        for k, element in enumerate(elements(data, port.layout.type)):
            wide = Signal(shape_of(port.layout.type), name=f"{name}_{k}")
            m.d.comb += [wide.eq(element), port.tdata[k * port.element : (k + 1) * port.element].eq(wide)]
        last = self._counted(m, port.tvalid & port.tready, port.layout.beats, f"{name}_out_beat")
        m.d.comb += [port.tvalid.eq(valid), ready.eq(port.tready), port.tlast.eq(last)]

    def _tap(self, m: Module, node: str, valid: Signal, data: Signal) -> None:
        if node in self.traces:
            m.d.comb += [self.traces[node][0].eq(data), self.traces[node][1].eq(valid)]


def _threshold(plan: Plan) -> Signal | None:
    """The decision's run-time threshold; BitsmithError where two decisions would need two."""
    found = [module for stage in plan.stages for module in stage.pointwise if hasattr(module, "threshold")]
    if len({(module.op.input_type, module.op.threshold) for module in found}) > 1:
        names = " and ".join(f"'{module.name}'" for module in found)
        raise BitsmithError(
            f"{names} need thresholds of their own and the top has one; give them one type and threshold"
        )
    return Signal(found[0].threshold.shape(), name="threshold") if found else None


def _instance(module: str, ports: dict[str, Any]) -> Instance:
    return Instance(module, i_clk=ClockSignal(), i_rst=ResetSignal(), **ports)


def _all(signals: list[Signal]) -> Value:
    result: Value = signals[0]
    for signal in signals[1:]:
        result = result & signal
    return result
