"""Gated recurrent unit, Keras's two forms; every tensor inside that is rounded has its own type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import ClassVar

import numpy as np

from ..cast import Cast, cast, cast_type
from ..errors import BitsmithError
from ..fixed import Fixed, IntArray, Overflow
from ..interval import aligned, checked, exact_product, exact_sum
from ..params import freeze_array
from ..ranges import Accumulator, accumulator
from ..recurrent import BIT, Recurrent, Tensors
from .activation import Activation, Kind


@dataclass(frozen=True, eq=False, kw_only=True)
class GRU(Recurrent):
    """One step, with gate inputs ``x = (x_z, x_r, x_h)``, state ``h``, recurrent kernel ``U = (U_z, U_r, U_h)``::

        z, r = recurrent_activation(gate_input(x_zr + h @ U_zr + b_zr))         update and reset gate
        p = reset_product(r * (h @ U_h + b_h))                                  reset_after
        p = reset_product(r * h) @ U_h                                          not reset_after
        c = activation(candidate_input(x_h + p))                                candidate
        output = z * h + (1 - z) * c                                            exact
        h' = state(output)

    (Cho et al. 2014; with ``reset_after`` as in cuDNN and Keras 2 and later.) ``gate_input``, ``reset_product`` and
    ``candidate_input`` round, or are None: exact. Sums and products are exact. ``recurrent_bias`` (3 * units,) belongs
    to ``reset_after`` (Keras adds the other bias to x); without it, it must be zero.
    """

    stem: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

    recurrent_bias: IntArray
    recurrent_bias_type: Fixed
    recurrent_activation: Activation
    activation: Activation
    gate_input: Cast | None = None
    reset_product: Cast | None = None
    candidate_input: Cast | None = None
    reset_after: bool = True

    def __post_init__(self) -> None:
        bias = freeze_array(self, "recurrent_bias", (None,), self.recurrent_bias_type)
        if bias.size != self.gates * len(self.recurrent_kernel):
            raise BitsmithError(f"gru: recurrent_bias has {bias.size} values; give 3 * units")
        if not self.reset_after and bias.any():
            raise BitsmithError("gru: a recurrent bias belongs to reset_after; add it to the gate inputs")
        super().__post_init__()
        self.check_activation("gates", cast_type(self.gates_type, self.gate_input))
        self.check_activation("candidate", cast_type(self.candidate_sum_type, self.candidate_input))

    @property
    def activations(self) -> Mapping[str, Activation]:
        return {"gates": self.recurrent_activation, "candidate": self.activation}

    @cached_property
    def accumulator(self) -> Accumulator:
        """``h @ U + b``; without reset_after its last third is not used."""
        return self.product(self.recurrent_bias, self.recurrent_bias_type)

    @property
    def gate_type(self) -> Fixed:
        return self.recurrent_activation.output_type

    @property
    def reset_type(self) -> Fixed:
        """``r * (h @ U_h + b_h)`` or ``r * h``, exact."""
        return exact_product(self.gate_type, self.accumulator.type if self.reset_after else self.state.type)

    @property
    def reset_product_type(self) -> Fixed:
        return cast_type(self.reset_type, self.reset_product)

    @cached_property
    def candidate_accumulator(self) -> Accumulator | None:
        """``p @ U_h``; None with reset_after."""
        if self.reset_after:
            return None
        kernel, zeros = self.recurrent_kernel[:, 2 * self.units :], np.zeros(self.units, dtype=np.int64)
        type = self.reset_product_type
        return accumulator(self.stem, type, kernel, self.recurrent_kernel_type, zeros, BIT)

    @property
    def candidate_sum_type(self) -> Fixed:
        """The exact type of the sum that the candidate's function takes."""
        inner = self.candidate_accumulator
        return exact_sum(self.input_type, self.reset_product_type if inner is None else inner.type)

    @cached_property
    def output_type(self) -> Fixed:
        z, h, c = self.gate_type, self.state.type, self.activation.output_type
        fraction = max(h.fraction, c.fraction)
        if z.fraction < 0:
            raise BitsmithError(f"gru: the gate's type {z} has no unit step; give it a fraction of at least 0")
        one = 1 << z.fraction
        most = min(z.raw_max, one) if _at_most_one(self.recurrent_activation) else z.raw_max
        ends = [
            g * (a << (fraction - h.fraction)) + (one - g) * (b << (fraction - c.fraction))
            for g, a, b in product((z.raw_min, most), (h.raw_min, h.raw_max), (c.raw_min, c.raw_max))
        ]
        return checked(min(ends), max(ends), z.fraction + fraction)

    def internals(self) -> Mapping[str, Fixed]:
        product_type = self.reset_product_type
        return {
            "product": self.accumulator.type,
            "gate_input": cast_type(self.gates_type, self.gate_input),
            "gates": self.gate_type,
            "reset_product": product_type,
            "candidate_input": cast_type(self.candidate_sum_type, self.candidate_input),
            "candidate": self.activation.output_type,
            "output": self.output_type,
            "state": self.state.type,
        }

    def step(self, x: IntArray, states: tuple[IntArray, ...]) -> Tensors:
        (h,), acc, units = states, self.accumulator, self.units
        a = ((h @ self.recurrent_kernel) << acc.product_shift) + (self.recurrent_bias << acc.bias_shift)
        gate_input = cast(self.gates_sum(x, a)[:, : 2 * units], self.gates_type, self.gate_input)
        gates = self.recurrent_activation.compute(gate_input)
        z, r = gates[:, :units], gates[:, units:]
        p = cast(r * (a[:, 2 * units :] if self.reset_after else h), self.reset_type, self.reset_product)
        candidate_input = cast(self._candidate_sum(x[:, 2 * units :], p), self.candidate_sum_type, self.candidate_input)
        c = self.activation.compute(candidate_input)
        output = self._blend(z, h, c)
        return {
            "product": a,
            "gate_input": gate_input,
            "gates": gates,
            "reset_product": p,
            "candidate_input": candidate_input,
            "candidate": c,
            "output": output,
            "state": self.state(output, self.output_type.fraction),
        }

    def _candidate_sum(self, x: IntArray, p: IntArray) -> IntArray:
        total, inner, type = self.candidate_sum_type, self.candidate_accumulator, self.reset_product_type
        if inner is not None:
            p, type = (p @ self.recurrent_kernel[:, 2 * self.units :]) << inner.product_shift, inner.type
        return aligned(x, self.input_type, total) + aligned(p, type, total)

    def _blend(self, z: IntArray, h: IntArray, c: IntArray) -> IntArray:
        """``z * h + (1 - z) * c``, exact."""
        fraction = self.output_type.fraction - self.gate_type.fraction
        wide_h, wide_c = (
            h << (fraction - self.state.type.fraction),
            c << (fraction - self.activation.output_type.fraction),
        )
        result: IntArray = z * wide_h + ((1 << self.gate_type.fraction) - z) * wide_c
        return result


def _at_most_one(activation: Activation) -> bool:
    """Whether no gate exceeds 1: what wraps may come out anywhere in the type, also from below its limits."""
    if activation.kind is Kind.TABLE:
        return int(activation.table.max()) <= 1 << activation.output_type.fraction
    limited = activation.upper is not None and float(activation.upper) <= 1
    return limited and activation.overflow is not Overflow.WRAP
