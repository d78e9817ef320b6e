"""The operator contract for a table of vectors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real
from hardware import Case, draw
from layer_configs import CASES, Stored, model
from test_attribute_types import refusal

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.read.network import read_network
from bitsmith.sim.fixed import Fixed, to_float
from bitsmith.sim.op import Shape, Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.embedding import Embedding

S8, U3 = Fixed(True, 3, 4), Fixed(False, 0, 3)
PLAIN = {"HLSConfig": {"Model": {"Precision": "fixed<12,4,RND_CONV,SAT>"}}}


def index(bits: int) -> Fixed:
    return Fixed(False, bits, 0)


def case(
    rows: int, channels: int, bits: int, shape: Shape = (3, 4, 1), type_: Fixed = S8, pixels: int = 1, after: Any = ()
) -> Case:
    op = Embedding(index(bits), draw(type_, rows, channels), type_)
    return Case(op, (Spec(shape, index(bits)),), pixels, after=after)


class TestEmbedding(OperatorContract):
    cases: ClassVar = {
        "as many rows as indexes": case(16, 3, 4),
        "fewer rows": case(11, 3, 4),
        "more rows than indexes": case(9, 2, 3),
        "one row": case(1, 2, 1),
        "one channel": case(7, 1, 3),
        "one bit": case(2, 3, 1, type_=Fixed(False, 1, 0)),
        "unsigned values": case(11, 3, 4, type_=U3),
        "many rows": case(200, 4, 8, (1, 30, 1)),
        "a sequence": case(11, 3, 4, (1, 7, 1)),
        "and rounded": case(11, 3, 4, after=(Activation(S8, Kind.RELU, U3),)),
        "4 pixels, width no multiple": case(11, 3, 4, (2, 10, 1), pixels=4),
    }
    bad: ClassVar = {
        "a signed index": (lambda: Embedding(S8, draw(S8, 4, 2), S8), "no type of an index"),
        "a fraction": (lambda: Embedding(Fixed(False, 3, 1), draw(S8, 4, 2), S8), "no type of an index"),
        "a huge index": (lambda: Embedding(index(19), draw(S8, 4, 2), S8), "at most 18 bits"),
        "two channels": (lambda: case(4, 2, 2).op.infer(Spec((2, 2, 2), index(2))), "2 channels; an index is one"),
        "a vector": (lambda: case(4, 2, 2).op.infer(Spec((4,), index(2))), "expected 3 axes"),
    }

    def float_result(self, op: Embedding, *x_float: Real) -> Real:
        """Index by index."""
        (x,), rows = x_float, to_float(op.table, op.table_type)
        found = [rows[min(int(i), len(rows) - 1)] for i in x.ravel()]
        return np.array(found).reshape(*x.shape[:-1], rows.shape[1])


CASE = next(case for case in CASES if case.class_name == "Embedding")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask_zero": True}, "mask_zero=True on 'tested' is not supported; supported: False: every sequence has"),
        ({"input_dim": 1 << 19}, "input_dim=524288 on 'tested' is not supported; supported: up to 262144 rows"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    assert message in refusal(model(CASE, CASE.config | changes), CASE)


def test_an_input_of_another_type_is_brought_to_the_index() -> None:
    """A configured type counts; what it has beyond the index is rounded and saturates."""
    network = read_network(model(CASE, CASE.config), Stored(CASE), "net")
    config = parse_config(PLAIN | {"Bitsmith": {"input": "fixed<8,6>"}})
    graph = convert(network, config)
    assert [node.op.stem for node in graph.nodes][:3] == ["activation", "flatten", "embedding"]
    assert convert(network, parse_config(PLAIN)).inputs[0][1].type == index(3)
