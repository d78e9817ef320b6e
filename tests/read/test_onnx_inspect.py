"""``inspect`` of ONNX files with something in them that is not supported: everything is listed, with what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_graphs import Op, model, need_onnx, quant, saved

from bitsmith.cli.inspect import inspect as command
from bitsmith.gen.inspect import inspect
from bitsmith.gen.read import read_network_file
from bitsmith.gen.read.onnx.survey import _NEAREST, nearest
from bitsmith.gen.read.onnx.walk import HANDLERS
from bitsmith.sim.errors import BitsmithError

R = np.random.default_rng(2)
CONSTANTS = {
    "w": R.normal(size=(4, 3, 3, 3)),
    "v": R.normal(size=(4, 4, 1, 1)),
    "s": 0.25,
    "n": 0.0,
    "b": 4.0,
}


def branched(folder: Path) -> Path:
    """One branch that is good, one with two operators that are not read, a bad attribute, and what stands behind."""
    ops = [
        Op("Conv", ("x", "w"), "c"),
        quant("c", "s", "b", "q", "n"),
        Op("Erf", ("c",), "e"),
        Op("Conv", ("e", "v"), "f"),
        Op("HardSwish", ("f",), "h"),
        Op("LeakyRelu", ("q",), "l", {"slope": 0.1}),
        Op("Relu", ("q",), "r"),
        Op("Add", ("r", "h"), "y"),
    ]
    return saved(model(ops, CONSTANTS, (1, 3, 6, 6), ("y", "r", "l")), folder)


def test_everything_is_listed(tmp_path: Path) -> None:
    need_onnx()
    data = inspect(branched(tmp_path), {"Bitsmith": {"input": "fixed<8,4>"}})
    assert not data["supported"]
    reasons = {problem["layer"]: problem["reason"] for problem in data["problems"]}
    assert list(reasons) == ["n2_erf", "n4_hardswish", "n5_leakyrelu"]
    assert "'n2_erf' (Erf) is not supported; as a part of GELU: use Relu" in reasons["n2_erf"]
    assert "'n4_hardswish' (HardSwish) is not supported; use Relu" in reasons["n4_hardswish"]
    assert "on 'n5_leakyrelu' is not understood" in reasons["n5_leakyrelu"]
    rows = {row["name"]: row for row in data["layers"]}
    assert list(rows) == ["x", "n0_conv", "n1_quant", "n2_erf", "n3_conv", "n4_hardswish", "n5_leakyrelu", "n6_relu",
                          "n7_add"]  # fmt: skip
    assert {name for name, row in rows.items() if not row["supported"]} == set(reasons)
    assert rows["n6_relu"]["shape"] == [4, 4, 4], "the good branch is known"
    assert (rows["n3_conv"]["class"], rows["n3_conv"]["shape"]) == ("Conv", None)


def test_the_command_prints_them_all(tmp_path: Path) -> None:
    need_onnx()
    outcome = command(branched(tmp_path))
    assert outcome.status == 2
    assert outcome.text.count("not supported: ") == 3
    assert "(and 2 more)" in outcome.error


def test_a_build_refuses_and_says_how_to_see_more(tmp_path: Path) -> None:
    need_onnx()
    path = branched(tmp_path)
    text = r"not supported: Erf \('n2_erf'\), HardSwish \('n4_hardswish'\); 'bitsmith inspect' lists them"
    with pytest.raises(BitsmithError, match=text):
        read_network_file(path)


def test_every_output_may_be_lost(tmp_path: Path) -> None:
    """Also where the decision is the last layer's, and where the graph's own names are strange."""
    need_onnx()
    path = saved(model([Op("Sin", ("x",), "y")], {}, (1, 4)), tmp_path)
    data = inspect(path, {"Bitsmith": {"output": "argmax"}})
    assert [problem["layer"] for problem in data["problems"]] == ["n0_sin"]
    proto = model([Op("O\n\x1b[31m" + "p" * 9999, ("x",), "y")], {}, (1, 4))
    data = inspect(saved(proto, tmp_path))
    assert len(data["layers"][1]["class"]) <= 40
    assert all(character.isprintable() for row in data["layers"] for character in row["class"] + row["name"])


def test_a_good_file_is_inspected_as_before(tmp_path: Path) -> None:
    need_onnx()
    path = saved(model([Op("Relu", ("x",), "y")], {}, (1, 4)), tmp_path)
    data = inspect(path, {"Bitsmith": {"input": "fixed<8,4>"}})
    assert data["supported"]
    assert data["problems"] == data["missing"] == []


def test_what_stands_nearest() -> None:
    """No operator of ONNX is taken for a misspelling of another, and what is read needs no substitute."""
    need_onnx()
    import onnx.defs

    assert not set(_NEAREST) & set(HANDLERS)
    theirs = {schema.name for schema in onnx.defs.get_all_schemas() if not schema.deprecated}
    assert len(theirs) > 150
    assert [op for op in sorted(theirs - set(HANDLERS)) if "did you mean" in nearest(op, "")] == []
    assert "did you mean 'Sigmoid'" in nearest("Sigmoids", "")
    assert "the operator Relu of ONNX itself is" in nearest("Relu", "com.example")
