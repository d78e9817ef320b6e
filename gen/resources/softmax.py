"""Exponentials by table, their sum, and its reciprocal by table."""

from __future__ import annotations

from ...hw.rtl.softmax import SoftmaxPointwise
from .cost import Resources, logic, multiplier, registers, shift_register, table
from .formulas import counts
from .kernels import tree
from .reduction import largest


@counts(SoftmaxPointwise)
def _(module: SoftmaxPointwise) -> Resources:
    op, channels = module.op, module.layout.channels
    x, e, r = op.input_type.width, op.exp_type.width, op.reciprocal_type.width
    exp = table(op.exp_table, e) + Resources(lut=2 * x, ff=op.difference_type.width + e)
    delays = shift_register(x, module.stages if op.stable else 0) + shift_register(e, module.stages + 2)
    product = multiplier(e, r) + registers(e + r + op.output_type.width) + logic(2 * op.output_type.width)
    top = largest(channels, x) if op.stable else Resources()
    once = top + tree(channels, e) + table(op.reciprocal_table, r) + registers(op.sum_type.width + r)
    return (once + (exp + delays + product) * channels) * module.layout.lanes + registers(module.latency)
