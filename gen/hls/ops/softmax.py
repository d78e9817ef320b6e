"""Softmax by its two tables."""

from __future__ import annotations

from ....sim.fixed import Fixed
from ....sim.table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING
from ..cores import Core, bits, cpp, pixels, roomy, rounds, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op, x = place.op, place.x[0]
    difference = Fixed.holding(0, op.input_type.raw_max - op.input_type.raw_min, op.input_type.fraction)
    total = op.total_type(x.shape[-1])
    product = Fixed.holding(
        0, op.exp_type.raw_max * op.reciprocal_type.raw_max, op.exp_type.fraction + op.reciprocal_type.fraction
    )
    lines = [
        typedef("x_t", cpp(op.input_type)),
        typedef("y_t", cpp(op.output_type, op.rounding, op.overflow)),
        typedef("exact_difference_t", roomy(difference, op.difference_type.fraction)),
        typedef("product_t", roomy(product, op.output_type.fraction)),
        typedef("difference_t", cpp(op.difference_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW)),
        typedef("exp_t", cpp(op.exp_type)),
        typedef("total_t", roomy(total, op.sum_type.fraction)),
        typedef("sum_t", cpp(op.sum_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW)),
        typedef("reciprocal_t", cpp(op.reciprocal_type)),
        *pixels(x),
    ]
    tables = {"exp": op.exp_table, "reciprocal": op.reciprocal_table}
    weights = {name: (table, bits(table)) for name, table in tables.items()}
    return Core("softmax", lines, ["softmax.hpp", "pixels.hpp"], weights, result=rounds(op))
