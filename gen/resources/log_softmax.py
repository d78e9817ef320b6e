"""Exponentials by table, their sum, its logarithm by table, and what is subtracted."""

from __future__ import annotations

from ...hw.rtl.log_softmax import LogSoftmaxPointwise
from .cost import Resources, adder, logic, registers, shift_register, table
from .formulas import counts
from .kernels import tree
from .reduction import largest


@counts(LogSoftmaxPointwise)
def _(module: LogSoftmaxPointwise) -> Resources:
    op, channels = module.op, module.layout.channels
    x, e, log, exact = op.input_type.width, op.exp_type.width, op.log_type.width, op.exact_type.width
    exp = table(op.exp_table, e) + Resources(lut=2 * x, ff=op.difference_type.width + e)
    delays = shift_register(x, module.stages) + shift_register(op.exact_difference.width, module.wait)
    output = adder(exact) * 2 + registers(exact + op.output_type.width) + logic(2 * op.output_type.width)
    once = largest(channels, x) + tree(channels, e) + table(op.log_table, log) + registers(op.sum_type.width + log)
    return (once + (exp + delays + output) * channels) * module.layout.lanes + registers(module.latency)
