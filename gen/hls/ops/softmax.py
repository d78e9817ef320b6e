"""Softmax by its two tables."""

from __future__ import annotations

from ....sim.fixed import Fixed
from ..cores import Core, bits, cpp, pixels, roomy, rounds, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op, x = place.op, place.x[0]
    reach = Fixed.holding(0, op.input_type.raw_max - op.input_type.raw_min, op.input_type.fraction)
    difference = reach if op.stable else op.input_type
    total = op.total_type(x.shape[-1])
    product = Fixed.holding(
        0, op.exp_type.raw_max * op.reciprocal_type.raw_max, op.exp_type.fraction + op.reciprocal_type.fraction
    )
    lines = [
        typedef("x_t", cpp(op.input_type)),
        typedef("y_t", cpp(op.output_type, op.rounding, op.overflow)),
        typedef("exact_difference_t", roomy(difference, op.difference_type.fraction)),
        typedef("product_t", roomy(product, op.output_type.fraction)),
        typedef("difference_t", cpp(op.difference_type, op.difference_rounding, op.difference_overflow)),
        typedef("exp_t", cpp(op.exp_type)),
        typedef("total_t", roomy(total, op.sum_type.fraction)),
        typedef("sum_t", cpp(op.sum_type, op.sum_rounding, op.sum_overflow)),
        typedef("reciprocal_t", cpp(op.reciprocal_type)),
        f"static const bool stable = {str(op.stable).lower()};",
        *pixels(x),
    ]
    tables = {"exp": op.exp_table, "reciprocal": op.reciprocal_table}
    weights = {name: (table, bits(table)) for name, table in tables.items()}
    return Core("softmax", lines, ["softmax.hpp", "pixels.hpp"], weights, result=rounds(op))
