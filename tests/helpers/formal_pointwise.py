"""Modules that never stall: a beat in, its result a fixed number of cycles later."""

from __future__ import annotations

from formal import Harness, instance

from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.hw.rtl.core import Pointwise
from bitsmith.hw.rtl.layout import Layout
from bitsmith.hw.rtl.matrix import MatrixKernel
from bitsmith.sim.fixed import Fixed


def emitted(module: Pointwise) -> dict[str, str]:
    return to_verilog({"pointwise": module})


def pointwise(module: Pointwise, outputs: list[str]) -> Harness:
    """``outputs``: what each element of a beat must be, on the elements ``x0_<k>`` that went in."""
    h = Harness({"i_tvalid": 1, "i_tdata": module.layout.bits}, memory=module.latency)
    ports = ["i_tvalid", "i_tdata", "o_tvalid", "o_tdata"]
    h.body.append(f"wire o_tvalid; wire [{module.output.bits - 1}:0] o_tdata;")
    threshold = getattr(module, "threshold", None)
    if threshold is not None:  # a port of the decision, which holds the model's own here
        op = getattr(module, "op", None)
        h.wire("threshold", str(op.threshold), len(threshold), signed=True)  # type: ignore[union-attr]
        ports.append("threshold")
    h.body.append(instance("pointwise", *ports))
    valid, then = "i_tvalid", "i_tdata"
    for k in range(module.latency):
        h.register(f"valid_{k}", 1, valid)
        h.register(f"then_{k}", module.layout.bits, then)
        valid, then = f"valid_{k}", f"then_{k}"
    elements(h, then, module.layout.elements, module.layout.type)
    h.properties["a result comes in its cycle"] = f"o_tvalid == {valid}"
    compared(h, valid, "o_tdata", outputs, module.output.type)
    return h


def kernel(module: MatrixKernel, outputs: list[str]) -> Harness:
    """A matrix: ``x`` stays from ``start`` on for as long as the kernel asks, and may come back to back."""
    groups, inputs, sums = module.spec.matrix.shape
    h = Harness({"begins": 1, "free": len(module.x)})
    h.body.append(f"wire o_tvalid; wire [{len(module.o) - 1}:0] o;")
    turns = max(1, (module.cycles - 1).bit_length())
    h.wire("start", "begins && turn == 0")
    h.wire("x", "turn == 0 ? free : kept", len(module.x))
    h.register("turn", turns, f"start ? {module.cycles - 1} : turn != 0 ? turn - 1 : 0")
    h.register("kept", len(module.x), "x")
    h.body.append(instance("kernel", "start", "x", "o_tvalid", "o"))
    valid, then = "start", "x"
    for k in range(module.latency):
        h.register(f"valid_{k}", 1, valid)
        h.register(f"then_{k}", len(module.x), then)
        valid, then = f"valid_{k}", f"then_{k}"
    elements(h, then, groups * inputs, module.spec.x_type)
    h.properties["a result comes in its cycle"] = f"o_tvalid == {valid}"
    compared(h, valid, "o", outputs, module.spec.y_type)
    assert len(outputs) == groups * sums
    return h


def elements(h: Harness, beat: str, count: int, type_: Fixed) -> None:
    """The numbers of a beat, as ``x0_<k>``."""
    for k in range(count):
        part = f"{beat}[{(k + 1) * type_.width - 1}:{k * type_.width}]"
        h.wire(f"x0_{k}", part, type_.width, type_.signed)


def compared(h: Harness, valid: str, data: str, outputs: list[str], type_: Fixed) -> None:
    """Where ``valid``, each element of ``data`` is its expression."""
    for k, expression in enumerate(outputs):
        h.wire(f"y_{k}", expression, type_.width, type_.signed)
        part = f"{data}[{(k + 1) * type_.width - 1}:{k * type_.width}]"
        h.properties[f"element {k} is right"] = f"!{valid} || {part} == y_{k}"


def vector(channels: int, type_: Fixed) -> Layout:
    """All values in one beat."""
    return Layout(1, 1, channels, 1, type_)
