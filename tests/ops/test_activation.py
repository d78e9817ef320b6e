"""The operator contract (contract.py) for activations.

Every rounding and overflow, every kind, tables narrow and wide.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from contract import OperatorContract
from definitions import Real, quantized
from hardware import Case
from scipy.special import ndtr  # type: ignore[import-untyped]

from bitsmith.sim.fixed import Constant, Fixed, Overflow, Rounding
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind

S8, U8, S5, U4, Q8 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 1, 3), Fixed(False, 2, 2), Fixed(True, 0, 7)
HALF, ONE, ZERO = Constant(1, 1), Constant(1), Constant(0)
FIFTH, SIXTH = Constant.of(0.2, 20), Constant.of(1 / 6, 22)


def case(kind: Kind, x: Fixed, y: Fixed, shape: Shape = (3, 4, 3), pixels: int = 1, **more: Any) -> Case:
    return Case(Activation(x, kind, y, **more), (Spec(shape, x),), pixels)


def hard(kind: Kind, x: Fixed, y: Fixed, slope: Constant, offset: Constant, low: Constant) -> Case:
    return case(kind, x, y, slope=slope, offset=offset, lower=low, upper=ONE)


def thresholded(x: Fixed, y: Fixed, threshold: Constant) -> Case:
    return case(Kind.THRESHOLDED_RELU, x, y, offset=threshold)


def table(function: str, address: Fixed, x: Fixed = S8, y: Fixed = Q8, pixels: int = 1, **more: Any) -> Case:
    return case(Kind.TABLE, x, y, (4, 8, 1), pixels, function=function, table_type=address, **more)


def modes() -> dict[str, Case]:
    """Each rounding with two overflows, to signed and to unsigned types, two bits cut off and two left out."""
    cases, overflows = {}, list(Overflow)
    for k, rounding in enumerate(Rounding):
        for j in (k, k + 1):
            overflow, target = overflows[j % len(overflows)], Fixed(j % 3 > 0, 1, 2)
            op = Activation(S8, Kind.LINEAR, target, rounding, overflow)
            cases[f"{rounding.value}, {overflow.value}"] = Case(op, (Spec((2, 8, 4), S8),))
    return cases


class TestActivation(OperatorContract):
    cases: ClassVar = {
        **modes(),
        "finer": case(Kind.LINEAR, S5, Fixed(True, 3, 9)),
        "unsigned to signed": case(Kind.LINEAR, U8, Fixed(True, 0, 4)),
        "signed to unsigned": case(Kind.LINEAR, S8, Fixed(False, 3, 2)),
        "to one bit": case(Kind.LINEAR, S8, Fixed(False, 1, 0)),
        "to one signed bit": case(Kind.LINEAR, S8, Fixed(True, 0, 0)),
        "from one bit": case(Kind.LINEAR, Fixed(False, 1, 0), S5),
        "from a negative integer part": case(Kind.LINEAR, Fixed(False, -2, 10), Fixed(False, -2, 6)),
        "to a negative fraction": case(Kind.LINEAR, Fixed(True, 9, 2), Fixed(True, 9, -3)),
        "all below half": case(Kind.LINEAR, Fixed(False, -6, 12), Fixed(False, 3, 1)),
        "from 40 bits": case(Kind.LINEAR, Fixed(True, 19, 20), S8, (2, 3, 2)),
        "relu": case(Kind.RELU, S8, U4),
        "relu of unsigned": case(Kind.RELU, U8, Fixed(False, 0, 5)),
        "relu to a signed type": case(Kind.RELU, S8, S5, rounding=Rounding.TRN, overflow=Overflow.WRAP),
        "relu of a vector": case(Kind.RELU, S8, U4, (7,)),
        "relu of a sequence": case(Kind.RELU, S8, U4, (1, 7, 2)),
        "relu6": case(Kind.RELU, Fixed(True, 4, 3), Fixed(False, 3, 3), upper=Constant(6)),
        "relu6, rounded": case(Kind.RELU, Fixed(True, 4, 3), Fixed(False, 3, 0), upper=Constant(6)),
        "relu to 0.9": case(Kind.RELU, S8, Fixed(False, 1, 6), upper=Constant.of(0.9, 12)),
        "leaky relu": case(Kind.LEAKY_RELU, S8, S8, slope=Constant(3, 4)),
        "leaky relu, 0.3": case(Kind.LEAKY_RELU, S8, Fixed(True, 3, 6), slope=Constant.of(0.3, 24)),
        "leaky relu, slope above 1": case(Kind.LEAKY_RELU, S8, S8, slope=Constant(5, 2)),
        "leaky relu, negative slope": case(Kind.LEAKY_RELU, S8, S8, slope=Constant(-1, 1)),
        "leaky relu of unsigned": case(Kind.LEAKY_RELU, U8, S5, slope=Constant(1, 2)),
        "thresholded relu": thresholded(S8, S8, Constant(3, 2)),
        "thresholded relu to an unsigned type": thresholded(S8, U4, Constant(9, 2)),
        "thresholded relu, off the grid": thresholded(S5, S8, Constant(11, 5)),
        "thresholded relu, the largest alone": thresholded(S5, S5, Constant(15, 3)),
        "thresholded relu at zero": thresholded(S5, S5, Constant(0)),
        "thresholded relu of unsigned": thresholded(U8, S5, Constant(1, 1)),
        "thresholded relu, limited": case(Kind.THRESHOLDED_RELU, S8, U4, offset=ONE, upper=Constant(2)),
        "thresholded relu, wrapping": case(
            Kind.THRESHOLDED_RELU, S8, S5, offset=ONE, rounding=Rounding.TRN, overflow=Overflow.WRAP
        ),
        "absolute": case(Kind.ABSOLUTE, S8, Fixed(False, 4, 4)),
        "absolute, saturating": case(Kind.ABSOLUTE, S8, S8),
        "absolute, wrapping": case(Kind.ABSOLUTE, S8, S8, overflow=Overflow.WRAP),
        "absolute, rounded": case(Kind.ABSOLUTE, S8, Fixed(False, 4, 1)),
        "absolute, cut off": case(Kind.ABSOLUTE, S8, S5, rounding=Rounding.TRN),
        "absolute of unsigned": case(Kind.ABSOLUTE, U8, Fixed(False, 0, 6)),
        "absolute of one signed bit": case(Kind.ABSOLUTE, Fixed(True, 0, 0), Fixed(False, 1, 0)),
        "absolute of 40 bits": case(Kind.ABSOLUTE, Fixed(True, 19, 20), Fixed(False, 20, 20), (2, 3, 2)),
        "absolute, with limits": case(Kind.ABSOLUTE, S8, U4, lower=Constant(1, 1), upper=Constant(3)),
        "hard sigmoid of QKeras": hard(Kind.HARD_SIGMOID, S8, Fixed(False, 1, 5), HALF, HALF, ZERO),
        "hard sigmoid of Keras 2": hard(Kind.HARD_SIGMOID, S8, Fixed(False, 1, 7), FIFTH, HALF, ZERO),
        "hard sigmoid of Keras 3": hard(Kind.HARD_SIGMOID, S8, Fixed(False, 1, 7), SIXTH, HALF, ZERO),
        "hard sigmoid of unsigned": hard(Kind.HARD_SIGMOID, Fixed(False, 3, 3), Fixed(False, 0, 8), FIFTH, HALF, ZERO),
        "hard tanh": hard(Kind.HARD_TANH, S8, Fixed(True, 1, 4), ONE, ZERO, Constant(-1)),
        "hard tanh, narrow": hard(Kind.HARD_TANH, S8, Fixed(True, 0, 2), ONE, ZERO, Constant(-1)),
        "sigmoid, 8 bits": table("sigmoid", S8, y=U8),
        "sigmoid, 5 of 8 bits": table("sigmoid", Fixed(True, 2, 2), y=U8),
        "sigmoid, 11 bits": table("sigmoid", Fixed(True, 3, 7), Fixed(True, 4, 9), Fixed(False, 0, 10)),
        "tanh, 6 bits": table("tanh", Fixed(True, 1, 4)),
        "tanh, 11 bits, truncated": table("tanh", Fixed(True, 2, 8), Fixed(True, 3, 10), rounding=Rounding.TRN),
        "tanh of unsigned": table("tanh", U8, U8),
        "elu": table("elu", S8, y=S8),
        "elu, slope 0.3": table("elu", S8, y=Fixed(True, 3, 6), slope=Constant.of(0.3, 24)),
        "gelu, 6 of 8 bits": table("gelu", Fixed(True, 3, 2), y=S8),
        "mish": table("mish", S8, y=S8),
        "a table addressed by one bit": table("sigmoid", Fixed(True, 0, 0), y=U8),
        "a finer table than the input": table("tanh", Fixed(True, 3, 6)),
        "4 pixels, width no multiple": case(Kind.RELU, S8, U4, (3, 10, 2), 4),
        "4 pixels, width 3": case(Kind.LEAKY_RELU, S8, S8, (3, 3, 2), 4, slope=Constant(3, 4)),
        "4 pixels, absolute": case(Kind.ABSOLUTE, S8, Fixed(False, 4, 4), (3, 10, 2), 4),
        "4 pixels, a vector": case(Kind.LINEAR, S8, U4, (7,), 4),
        "4 pixels, table": table("sigmoid", Fixed(True, 2, 3), y=U8, pixels=4),
    }
    bad: ClassVar = {
        "an unknown kind": (lambda: Activation(S8, "sine", S8), "kind 'sine' is unknown"),  # type: ignore[arg-type]
        "an unknown function": (
            lambda: Activation(S8, Kind.TABLE, S8, function="sine", table_type=S8),
            "no table for the function 'sine'",
        ),
        "a slope of a function that has none": (
            lambda: Activation(S8, Kind.TABLE, S8, slope=HALF, function="tanh", table_type=S8),
            "'tanh' has no slope",
        ),
        "a threshold below zero": (
            lambda: Activation(S8, Kind.THRESHOLDED_RELU, S8, offset=Constant(-1)),
            "threshold must be a value from 0",
        ),
        "a threshold beyond the input": (
            lambda: Activation(S8, Kind.THRESHOLDED_RELU, S8, offset=Constant(8)),
            "to the largest of fixed<8,4>",
        ),
        "a huge table": (
            lambda: Activation(S8, Kind.TABLE, S8, function="tanh", table_type=Fixed(True, 9, 9)),
            "at most 18 bits",
        ),
        "a slope of relu": (lambda: Activation(S8, Kind.RELU, S8, slope=HALF), "has no slope"),
        "a slope of absolute": (lambda: Activation(S8, Kind.ABSOLUTE, S8, slope=HALF), "has no slope"),
        "a hard sigmoid without limits": (lambda: Activation(S8, Kind.HARD_SIGMOID, S8), "needs both limits"),
        "limits the wrong way round": (
            lambda: Activation(S8, Kind.HARD_TANH, S8, lower=ONE, upper=ZERO),
            "exchange them",
        ),
    }

    def float_result(self, op: Activation, *x_float: Real) -> Real:
        """The function, the limits, one rounding; a table's function of the nearest address, ties up."""
        x = x_float[0]
        if op.table_type is not None:
            x = quantized(x, op.table_type, Rounding.RND, Overflow.SAT)
            y = FUNCTIONS[op.function](x)
            y = np.where(x < 0, float(op.slope) * y, y) if op.function == "elu" else y
        else:
            y = self._exact(op, x)
            low = -np.inf if op.lower is None else float(op.lower)
            y = np.clip(y, low, np.inf if op.upper is None else float(op.upper))
        return quantized(y, op.output_type, op.rounding, op.overflow)

    def _exact(self, op: Activation, x: Real) -> Real:
        slope = float(op.slope)
        if op.kind is Kind.RELU:
            return np.maximum(x, 0)
        if op.kind is Kind.LEAKY_RELU:
            return np.where(x < 0, slope * x, x)
        if op.kind is Kind.THRESHOLDED_RELU:
            return np.where(x < float(op.offset), 0, x)
        if op.kind is Kind.ABSOLUTE:
            return np.where(x < 0, -x, x)
        return slope * x + float(op.offset)


FUNCTIONS: dict[str, Any] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "elu": lambda x: np.where(x < 0, np.exp(np.minimum(x, 0)) - 1, x),
    "gelu": lambda x: x * ndtr(x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
}
