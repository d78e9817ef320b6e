"""GDN: the types of its steps, and how a root comes from the tables of ``sim/root.py``."""

from __future__ import annotations

from ....sim.fixed import Fixed, IntArray
from ....sim.piecewise import PiecewiseLinear
from ....sim.root import Form, Root
from ..cores import Core, bits, cpp, pixels, rounded, sizes, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op, x = place.op, place.x[0]
    lines = [
        typedef("x_t", cpp(op.input_type)),
        typedef("y_t", cpp(op.product_type)),
        *rounded("square", op.exact_square, op.square),
        typedef("sum_t", cpp(op.accumulator.type)),
        *pixels(x),
        *sizes(gains=op.gains),
        "static const unsigned reuse_factor = $reuse_factor;",
        *_root(op.root),
    ]
    weights = {"gamma": (op.gamma[:, : op.gains], op.gamma_type), "beta": (op.beta[: op.gains], op.beta_type)}
    return Core("gdn", lines, ["gdn.hpp", "pixels.hpp"], weights, _arrays(op.root))


def _arrays(root: Root) -> dict[str, IntArray]:
    found: dict[str, IntArray] = {}
    for name, table in root.tables.items():
        found |= {f"{name}_intercepts": table.intercepts, f"{name}_slopes": table.slopes}
    return found


def _root(root: Root) -> list[str]:
    """What ``Gain`` in gdn.hpp reads."""
    scaled = root.width + 1 + root.most
    shifted = Fixed(False, scaled - root.scaled_fraction, root.scaled_fraction)
    lines = [
        *rounded("gain", shifted, root.gain),
        *sizes(
            odd=root.odd,
            most=root.most,
            fraction=root.fraction,
            seed=root.seed,
            aligned_width=max(root.source.width + root.odd, root.width),
            scaled_width=scaled,
        ),
        *(f"static const bool {name} = {str(getattr(root, name)).lower()};" for name in ("inverse", "newton")),
    ]
    for name, table in root.tables.items():
        lines += _table(name, table)
    return lines + _look_up(root)


def _table(name: str, table: PiecewiseLinear) -> list[str]:
    """A struct with the lines' numbers; they stand in the layer's arrays."""
    members = sizes(
        octaves=table.octaves, segment_bits=table.segment_bits, offset_bits=table.offset_bits, shift=table.shift
    )
    for part, values in (("intercept", table.intercepts), ("slope", table.slopes)):
        members.append(f"static ap_int<{bits(values)}> {part}(unsigned k) {{ return ${name}_{part}s[k]; }}")
    return [f"struct {name} {{", *(f"    {line}" for line in members), "};"]


def _look_up(root: Root) -> list[str]:
    """``root(m, q, r)``: m's square root and the reciprocal of it."""
    f = root.seed
    if root.form is Form.RECIPROCAL_SQUARE_ROOT:
        steps = [f"r = bitsmith::on_line<reciprocal_square_root, {f}>(m);", f"q = (m * r) >> {f};"]
    else:
        steps = [f"q = bitsmith::on_line<square_root, {f}>(m);", "r = q;"]
        if "reciprocal" in root.tables:
            steps[1] = f"r = bitsmith::on_line<reciprocal, {f}>(bitsmith::clamped<{f}>(q));"
    types = f"const ap_uint<{f + 2}> &m, ap_uint<{f + 3}> &q, ap_uint<{f + 3}> &r"
    return [f"static void root({types}) {{", *(f"    {step}" for step in steps), "}"]
