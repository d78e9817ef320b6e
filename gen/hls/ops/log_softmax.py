"""The logarithm of a softmax by its two tables."""

from __future__ import annotations

from ....sim.table import ADDRESS_OVERFLOW, ADDRESS_ROUNDING
from ..cores import Core, bits, cpp, pixels, roomy, rounds, typedef
from ..place import Place


def mapped(place: Place) -> Core:
    op, x = place.op, place.x[0]
    lines = [
        typedef("x_t", cpp(op.input_type)),
        typedef("y_t", cpp(op.output_type, op.rounding, op.overflow)),
        typedef("exact_difference_t", roomy(op.exact_difference, op.difference_type.fraction)),
        typedef("difference_t", cpp(op.difference_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW)),
        typedef("exp_t", cpp(op.exp_type)),
        typedef("total_t", roomy(op.total_type(x.shape[-1]), op.sum_type.fraction)),
        typedef("sum_t", cpp(op.sum_type, ADDRESS_ROUNDING, ADDRESS_OVERFLOW)),
        typedef("log_t", cpp(op.log_type)),
        typedef("exact_t", roomy(op.exact_type, op.output_type.fraction)),
        *pixels(x),
    ]
    tables = {"exp": op.exp_table, "log": op.log_table}
    weights = {name: (table, bits(table)) for name, table in tables.items()}
    return Core("log_softmax", lines, ["log_softmax.hpp", "pixels.hpp"], weights, result=rounds(op))
