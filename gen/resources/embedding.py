"""A table of vectors: one table for each channel of each pixel."""

from __future__ import annotations

from ...hw.rtl.embedding import EmbeddingPointwise
from .cost import Resources, registers, table, total
from .formulas import counts


@counts(EmbeddingPointwise)
def _(module: EmbeddingPointwise) -> Resources:
    op = module.op
    row = total(table(column, op.table_type.width) + registers(op.table_type.width) for column in op.entries.T)
    return (row + registers(op.input_type.width)) * module.layout.lanes + registers(module.latency)
