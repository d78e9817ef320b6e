"""Operators refuse bad parameters in one line, freeze the good ones and compare by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sim_graphs import ints

from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Constant, Fixed
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.add import Add
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.batch_norm import BatchNorm
from bitsmith.sim.ops.concatenate import Concatenate
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten
from bitsmith.sim.ops.max_pool2d import MaxPool2D

S4 = Fixed(True, 3, 0)  # -8..7
S8 = Fixed(True, 7, 0)  # -128..127
U4 = Fixed(False, 4, 0)  # 0..15
KERNEL = ints([1, 0], [0, -1]).reshape(2, 2, 1, 1)

BAD: dict[str, Any] = {
    "float weights": lambda: Dense(S4, np.ones((2, 1)), S4, ints(0), S4),  # type: ignore[arg-type]
    "weights outside their type": lambda: Dense(S4, ints([8]), S4, ints(0), S4),
    "a negative weight in an unsigned type": lambda: Dense(S4, ints([-1]), U4, ints(0), S4),
    "a bias of the wrong length": lambda: Dense(S4, ints([1]), S4, ints(0, 0), S4),
    "a kernel of the wrong rank": lambda: Conv2D(S4, ints([1]), S4, ints(0), S4),
    "an empty kernel": lambda: Dense(S4, np.zeros((0, 2), int), S4, ints(0, 0), S4),
    "a stride of zero": lambda: Conv2D(S4, KERNEL, S4, ints(0), S4, strides=(0, 1)),
    "a stride of one and a half": lambda: Conv2D(S4, KERNEL, S4, ints(0), S4, strides=(1.5, 1)),  # type: ignore[arg-type]
    "a negative padding": lambda: Conv2D(S4, KERNEL, S4, ints(0), S4, padding=((-1, 0), (0, 0))),
    "a padding that is no pair": lambda: Conv2D(S4, KERNEL, S4, ints(0), S4, padding=(1, 1)),  # type: ignore[arg-type]
    "pooling the padding alone": lambda: MaxPool2D(S4, (2, 2), (2, 2), ((2, 0), (0, 0))),
    "a scale and offset of two lengths": lambda: BatchNorm(S4, ints(1, 2), S4, ints(1), S4),
    "an unknown kind": lambda: Activation(S4, "elu", S4),  # type: ignore[arg-type]
    "a slope where there is none": lambda: Activation(S4, Kind.RELU, S4, slope=Constant(1, 1)),
    "an offset where there is none": lambda: Activation(S4, Kind.LINEAR, S4, offset=Constant(1, 1)),
    "a hard sigmoid without limits": lambda: Activation(S4, Kind.HARD_SIGMOID, S4),
    "limits in the wrong order": lambda: Activation(S4, Kind.LINEAR, S4, lower=Constant(1), upper=Constant(0)),
    "a table without a function": lambda: Activation(S4, Kind.TABLE, S4, table_type=S4),
    "a function nobody knows": lambda: Activation(S4, Kind.TABLE, S4, function="gamma", table_type=S4),
    "a table too large": lambda: Activation(S4, Kind.TABLE, S4, function="tanh", table_type=Fixed(True, 8, 20)),
    "two types concatenated": lambda: Concatenate((S4, S8)),
    "a threshold outside the type": lambda: Argmax(S4, threshold=8),
    "three added": lambda: Add((S4, S4, S4)),
    "a reshape to nothing": lambda: Flatten(S4, (0, 3)),
    "a wrong input type": lambda: MaxPool2D(S4, (1, 1), (1, 1)).infer(Spec((2, 2, 1), S8)),
    "a wrong rank": lambda: MaxPool2D(S4, (1, 1), (1, 1)).infer(Spec((4,), S4)),
    "wrong channels": lambda: Conv2D(S4, KERNEL, S4, ints(0), S4).infer(Spec((5, 5, 2), S4)),
    "a window larger than the image": lambda: Conv2D(S4, KERNEL, S4, ints(0), S4).infer(Spec((5, 1, 1), S4)),
    "a vector of the wrong length": lambda: Dense(S4, ints([1]), S4, ints(0), S4).infer(Spec((2,), S4)),
    "shapes that differ": lambda: Add((S4, S4)).infer(Spec((2,), S4), Spec((3,), S4)),
    "one input of two": lambda: Add((S4, S4)).infer(Spec((2,), S4)),
    "another size": lambda: Flatten(S4, (5,)).infer(Spec((2, 2), S4)),
    "rows that differ": lambda: Concatenate((S4, S4)).infer(Spec((2, 1), S4), Spec((3, 1), S4)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_parameters_are_refused_in_one_line(case: str) -> None:
    with pytest.raises(BitsmithError) as caught:
        BAD[case]()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) > 20


def test_parameters_are_frozen_and_compared_by_value() -> None:
    kernel = ints([1, 2], [3, 4])
    op, same = (Dense(S4, kernel.astype(dtype), S4, ints(0, 0), S4) for dtype in (np.int8, np.int64))
    other = Dense(S4, kernel + 1, S4, ints(0, 0), S4)
    assert op == same
    assert hash(op) == hash(same)
    assert op != other
    assert op != "dense"
    assert len({op, same, other}) == 2
    with pytest.raises(ValueError, match="read-only"):
        op.kernel[0, 0] = 5
    kernel[0, 0] = 5
    assert same.kernel[0, 0] == 1
