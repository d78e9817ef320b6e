"""A GDN's kernel: a pixel in, its channels times their gains a fixed number of cycles later.

Pixels wait for their gains in a memory, a ring with a place for writing and one for reading. Induction starts from any
state, also from places that never come about, so the kernel is given an output that shows both, and one property more:
they are as far apart as pixels are under way.
"""

from __future__ import annotations

import re

from formal import Harness, instance
from formal_pointwise import compared, elements

from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.hw.rtl.gdn import PRODUCT, GDNKernel


def emitted(module: GDNKernel) -> dict[str, str]:
    """The kernel, named ``kernel``, its matrix and its root, as they are emitted but for the output ``places``."""
    texts = to_verilog({"kernel": module, "kernel_gamma": module.matrix, "kernel_root": module.root})
    return {**texts, "kernel": _showing(texts["kernel"], ("write_place", "read_place"))}


def _showing(text: str, names: tuple[str, ...]) -> str:
    assert all(re.search(rf"\breg \[\d+:0\] {name}\b", text) for name in names), "the registers have other names"
    head, body = text.split("(\n", 1)
    body, end = body.rsplit("endmodule", 1)
    shown = ", ".join(f"8'd0 | {name}" for name in names)
    return f"{head}(\n  output wire [15:0] places,\n{body}  assign places = {{{shown}}};\nendmodule{end}"


def kernel(module: GDNKernel, outputs: list[str]) -> Harness:
    """``outputs``: what each channel must be, on the elements ``x0_<k>`` of the pixel. One multiplier a product."""
    assert module.cycles == 1
    h = Harness({"start": 1, "x": len(module.x)}, memory=module.latency + 1)
    h.body.append(f"wire o_tvalid; wire [{len(module.o) - 1}:0] o; wire [15:0] places;")
    h.body.append(instance("kernel", "start", "x", "o_tvalid", "o", "places"))
    valid, then, under_way = "start", "x", []
    for k in range(module.latency):
        h.register(f"valid_{k}", 1, valid)
        h.register(f"then_{k}", len(module.x), then)
        valid, then = f"valid_{k}", f"then_{k}"
        under_way.append(f"{{7'd0, {valid}}}")
    elements(h, then, module.op.channels, module.op.input_type)
    h.properties["a result comes in its cycle"] = f"o_tvalid == {valid}"
    compared(h, valid, "o", outputs, module.op.product_type)
    rooted = module.latency - PRODUCT
    depth = rooted + 2
    h.wire("ahead", f"{{2'd0, places[7:0]}} + {' + '.join(under_way[: rooted - 1])}", 10)
    here = f"places[15:8] < {depth} && places[7:0] < {depth}"
    h.properties["as many pixels wait as are under way"] = (
        f"{here} && places[15:8] == (ahead >= {depth} ? ahead - {depth} : ahead)"
    )
    return h
