"""What each kind of core, each pointwise module and each buffer costs, from its parameters alone."""

from __future__ import annotations

from functools import singledispatch
from math import ceil

import numpy as np

from ...hw.rtl.activation import ActivationPointwise
from ...hw.rtl.argmax import ArgmaxPointwise
from ...hw.rtl.average_pool2d import AveragePoolCore
from ...hw.rtl.batch_norm import BatchNormPointwise
from ...hw.rtl.conv2d import MatrixWindowCore
from ...hw.rtl.crop import CropCore
from ...hw.rtl.dense import DenseCore
from ...hw.rtl.fifo import DEEP
from ...hw.rtl.fold import FoldCore
from ...hw.rtl.global_average_pool2d import GlobalAveragePoolCore
from ...hw.rtl.join import JoinCore
from ...hw.rtl.max_pool2d import MaxPoolCore
from ...hw.rtl.narrow import NarrowCore
from ...hw.rtl.reshape import CollectCore, SpreadCore
from ...hw.rtl.softmax import SoftmaxPointwise
from ...hw.rtl.up_sampling2d import UpSamplingCore
from ...hw.rtl.window import WindowCore
from ...hw.rtl.zero_padding2d import ZeroPaddingCore
from ...sim.division import RoundedDivision
from ...sim.ops.activation import Kind
from ...sim.rounding import Overflow, Rounding
from ..rtl.plan import PlannedStage
from .cost import (
    Resources,
    constant_multiplier,
    counter,
    logic,
    memory,
    multiplexer,
    multiplier,
    registers,
    shift_register,
    table,
    total,
)
from .kernels import accumulators, kernel, logic_product, products, shared_product, tree


@singledispatch
def count(module: object) -> Resources:
    """The resources of one core, pointwise module or buffer."""
    raise AssertionError(f"there is no formula for {type(module).__name__}")


def of_stage(stage: PlannedStage) -> Resources:
    """A core with what follows it, without its buffer."""
    return count(stage.core) + total(count(module) for module in stage.pointwise)


def of_fifo(bits: int, depth: int) -> Resources:
    """A buffer: two counters for its level and credits, two pointers, and its places."""
    level = 2 * depth.bit_length()
    if depth == 1:
        return Resources(lut=level + 3, ff=level + bits)
    control = Resources(lut=2 * level + 3, ff=level) + counter(depth) * 2
    if depth <= DEEP:
        return control + memory(depth, bits, registered=False)
    return control + memory(depth, bits, registered=True) + Resources(lut=bits, ff=bits)


# window cores -----------------------------------------------------------------------------------


def window(core: WindowCore) -> Resources:
    """Control, line buffers and the registers that hold the windows; masks where there is padding."""
    g = core.geometry
    depth = g.dilation[0] * g.layout.beats_per_row
    line = memory(depth, g.layout.bits, registered=True) + counter(depth) if depth > 1 else registers(g.layout.bits)
    beats = 1 - (g.last_lane - (g.columns - 1)) // g.layout.lanes
    control = counter(g.steps) + counter(g.layout.height) + counter(g.layout.beats_per_row) + logic(12)
    rows, columns = g.edge_rows(), g.edge_columns()
    masked = sum(
        k in rows or lane * g.strides[1] + c * g.dilation[1] in columns
        for lane in range(g.lanes)
        for k in range(g.kernel[0])
        for c in range(g.kernel[1])
    )
    edges = logic(masked * g.layout.channels * g.layout.type.width) + Resources(4, 1) * (len(rows) + len(columns))
    hold = counter(core.reuse) if core.reuse > 1 else Resources()
    return control + hold + line * (g.kernel[0] - 1) + registers(g.kernel[0] * beats * g.layout.bits) + edges


@count.register
def _(core: MatrixWindowCore) -> Resources:
    return window(core) + kernel(core.kernel) * core.geometry.lanes


@count.register
def _(core: CropCore) -> Resources:
    return window(core)


@count.register
def _(core: MaxPoolCore) -> Resources:
    taps, bits = int(np.prod(core.geometry.kernel)), core.output.type.width
    return window(core) + largest(taps, bits) * core.output.elements


@count.register
def _(core: AveragePoolCore) -> Resources:
    layout = core.inputs[0].layout
    sums = tree(int(np.prod(core.geometry.kernel)), layout.type.width)
    bits = layout.type.width + int(np.prod(core.geometry.kernel)).bit_length()
    means = total(division(core.op.division(c), bits, core.output.type.width) for c in core.counts)
    choice = multiplexer(len(core.counts), core.output.type.width)
    return window(core) + (sums + means + choice) * core.output.elements


def largest(terms: int, bits: int) -> Resources:
    """A tree that keeps the larger of two: a comparison on a carry chain of two bits a LUT, and a multiplexer."""
    stages = ceil(max(terms - 1, 0).bit_length() / 3)
    return logic((terms - 1) * (bits / 2 + bits)) + registers(bits * stages)


def division(parameters: RoundedDivision, bits: int, out_bits: int) -> Resources:
    """``hw.rtl.divide``: fold, multiply, fold back, correct a tie, saturate."""
    width = bits + parameters.up + 2
    product = constant_multiplier(width, parameters.reciprocal.multiplier)
    tie = constant_multiplier(width, 2 * parameters.divisor) if parameters.rounding is Rounding.RND_CONV else logic(0)
    stored = 2 * width + width + parameters.reciprocal.multiplier.bit_length()
    return product + tie + logic(2 * width + 2 * out_bits) + registers(stored + out_bits)


# other cores ------------------------------------------------------------------------------------


@count.register
def _(core: DenseCore) -> Resources:
    layout, bits, width = core.inputs[0].layout, core.output.type.width, core.inputs[0].layout.type.width
    taken, words = layout.elements // core.rows, core.weights()
    each = logic_product if core.logic_multipliers else shared_product
    sums: Resources = tree(taken, width + int(np.abs(words).max(initial=0)).bit_length()) * int(words.shape[2])
    front = registers(layout.bits + taken * width) + multiplexer(core.rows, taken * width)
    control = counter(layout.beats) * 2 + counter(core.reuse) * 2 + counter(layout.beats * core.reuse)
    return (
        products(words, width, each)
        + sums
        + front
        + control
        + accumulators(core.output.channels, bits)
        + registers(4 * core.stages)
    )


@count.register
def _(core: FoldCore) -> Resources:
    layout, bits = core.inputs[0].layout, core.fold_type.width
    control = counter(layout.height) + counter(layout.beats_per_row) + registers(3 * core.latency)
    if isinstance(core, GlobalAveragePoolCore):
        mean = division(core.op.division(core.count), bits, core.output.type.width)
        each = tree(layout.lanes, layout.type.width) + accumulators(1, bits) + mean
    else:
        each = largest(layout.lanes, bits) + largest(2, bits) + logic(bits)
    return control + each * layout.channels


@count.register
def _(core: JoinCore) -> Resources:
    adders = core.output.bits if len(core.inputs) > 1 and core.output.type != core.inputs[0].layout.type else 0
    return Resources(lut=adders + 2, ff=core.output.bits + 1)


@count.register
def _(core: NarrowCore) -> Resources:
    control = counter(core.parts) + counter(core.inputs[0].layout.beats_per_row)
    return control + multiplexer(core.parts, core.output.bits)


@count.register
def _(core: CollectCore) -> Resources:
    layout = core.inputs[0].layout
    return counter(layout.beats) + registers(layout.beats * layout.bits + 1)


@count.register
def _(core: SpreadCore) -> Resources:
    return counter(core.output.beats) + multiplexer(core.output.beats, core.output.bits)


@count.register
def _(core: UpSamplingCore) -> Resources:
    """Counters, the row's memory, and a choice among the input's pixels; lanes that always show the same are one."""
    layout, pixel = core.inputs[0].layout, core.output.bits // core.output.lanes
    control = counter(core.parts) + counter(core.rows) + registers(4)
    if core.rows > 1 or core.last_parts < core.parts:
        control += counter(layout.beats_per_row)
    lanes = {tuple(core.shown(part, lane) for part in range(core.parts)) for lane in range(core.output.lanes)}
    sources = 2 if core.rows > 1 else 1  # the port and the memory
    data = total(multiplexer(sources * len(set(shown)), pixel) + registers(pixel) for shown in lanes)
    row = kept(layout.beats_per_row, layout.bits) if core.rows > 1 else Resources()
    return control + data + registers(layout.bits) + row


@count.register
def _(core: ZeroPaddingCore) -> Resources:
    """Counters, where the image lies in them, and the registers of a beat and of the lanes that wait for the next."""
    control = counter(core.output.beats_per_row) + counter(core.output.height) + logic(4)
    waiting = core.shift * core.output.bits // core.output.lanes
    return control + registers(core.output.bits + waiting + 1)


def kept(words: int, bits: int) -> Resources:
    """A memory that is read into registers; one word needs no memory."""
    return memory(words, bits, registered=True) if words > 1 else registers(2 * bits)


# pointwise --------------------------------------------------------------------------------------


@count.register
def _(module: ActivationPointwise) -> Resources:
    op = module.op
    if op.kind is Kind.TABLE:
        assert op.table_type is not None
        address = Resources(lut=2 * op.table_type.width, ff=op.table_type.width)
        found = table(op.table, op.output_type.width) + address
    else:
        found = logic(_activation_luts(module)) + constant_multiplier(op.input_type.width, op.slope.raw)
    return (found + registers(op.output_type.width)) * module.layout.elements + registers(module.latency)


def _activation_luts(module: ActivationPointwise) -> int:
    """Sign, limits, rounding and saturation."""
    op = module.op
    source, out = op.input_type.width, op.output_type.width
    rounds = op.exact_fraction > op.output_type.fraction and op.rounding is not Rounding.TRN
    saturates = op.overflow is not Overflow.WRAP and not op.output_type.contains(op.exact_type)
    clips = op.lower is not None or op.upper is not None
    chooses = op.kind in (Kind.LEAKY_RELU, Kind.ABSOLUTE) or clips
    return out * (saturates or rounds) + source // 4 * (saturates + rounds) // 2 + source * chooses


@count.register
def _(module: BatchNormPointwise) -> Resources:
    op, bits = module.op, module.op.accumulator.type.width
    pixel = total(constant_multiplier(module.layout.type.width, int(scale)) for scale in op.scale)
    each = Resources(lut=bits, ff=2 * bits)
    return (pixel + each * len(op.scale)) * module.layout.lanes + registers(2)


@count.register
def _(module: ArgmaxPointwise) -> Resources:
    channels, bits = module.layout.channels, module.layout.type.width + module.output.type.width
    return largest(channels, bits) + Resources(lut=bits, ff=module.output.type.width + module.latency)


@count.register
def _(module: SoftmaxPointwise) -> Resources:
    op, channels = module.op, module.layout.channels
    x, e, r = op.input_type.width, op.exp_type.width, op.reciprocal_type.width
    exp = table(op.exp_table, e) + Resources(lut=2 * x, ff=op.difference_type.width + e)
    delays = shift_register(x, module.stages) + shift_register(e, module.stages + 2)
    product = multiplier(e, r) + registers(e + r + op.output_type.width) + logic(2 * op.output_type.width)
    once = largest(channels, x) + tree(channels, e) + table(op.reciprocal_table, r) + registers(op.sum_type.width + r)
    return (once + (exp + delays + product) * channels) * module.layout.lanes + registers(module.latency)
