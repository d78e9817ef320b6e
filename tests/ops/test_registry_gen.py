"""Every operator has all of its rooms in the reference and in the generator, and every layer class all of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import pytest
from hls_cases import chain
from layer_configs import CASES
from test_house import ALIASES

from bitsmith.gen.hls.layers import layer_list
from bitsmith.gen.ops import CONVERTERS, FLOAT_FORMS, MOVES, SEVERAL
from bitsmith.gen.ops.forms import INTERLEAVED, RESIZED
from bitsmith.gen.ops.registry import converts
from bitsmith.gen.passes.interleave import interleave
from bitsmith.gen.passes.resize import resized
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, IntArray
from bitsmith.sim.op import Operator, Spec
from bitsmith.sim.ops.flatten import Flatten

ROOT = Path(__file__).parents[2]
HLS4ML_S = {"batch_norm", "dense"}
"""Only as layers of hls4ml's own."""
NO_LAYER = {"argmax"}
"""Of no Keras layer: the configuration asks for it."""
TYPE = Fixed(True, 3, 4)


def missing(op: type[Operator]) -> list[str]:
    """What an operator lacks, room by room."""
    stem = op.stem
    has_module = {
        room: find_spec(f"bitsmith.{room}.{stem}") is not None for room in ("sim.ops", "gen.ops", "gen.hls.ops")
    }
    found = [f"{room.replace('.', '/')}/{stem}.py" for room, there in has_module.items() if not there]
    if op.__module__ != f"bitsmith.sim.ops.{stem}":
        found.append(f"its class in sim/ops/{stem}.py, not in {op.__module__}")
    if stem not in NO_LAYER and not any(c.__module__ == f"bitsmith.gen.ops.{stem}" for c in CONVERTERS.values()):
        found.append(f"a converter in gen/ops/{stem}.py")
    if stem not in HLS4ML_S and not (ROOT / "hw" / "hls" / f"{stem}.hpp").exists():
        found.append(f"hw/hls/{stem}.hpp")
    if not (op.per_pixel or op in INTERLEAVED or "interleaved" in getattr(op, "__dataclass_fields__", {})):
        found.append("a form with sequences side by side: per_pixel, a field interleaved, or @interleaves")
    return found


@pytest.mark.parametrize("stem", sorted(Operator.registry))
def test_an_operator_is_whole(stem: str) -> None:
    assert missing(Operator.registry[stem]) == []


def test_what_an_operator_lacks_is_said_room_by_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Operator, "registry", dict(Operator.registry))

    @dataclass(frozen=True, eq=False)
    class Lone(Operator):
        stem: ClassVar[str] = "lone"

        def infer(self, *inputs: Spec) -> Spec:
            return inputs[0]

        def compute(self, *inputs: IntArray) -> IntArray:
            return inputs[0]

    assert Operator.registry["lone"] is Lone
    assert missing(Lone) == [
        "sim/ops/lone.py",
        "gen/ops/lone.py",
        "gen/hls/ops/lone.py",
        "its class in sim/ops/lone.py, not in test_registry_gen",
        "a converter in gen/ops/lone.py",
        "hw/hls/lone.hpp",
        "a form with sequences side by side: per_pixel, a field interleaved, or @interleaves",
    ]
    graph = chain("net", (1, 4, 2), TYPE, lambda spec: Lone())
    (node,) = graph.nodes
    with pytest.raises(BitsmithError, match=f"'{node.name}' is a lone in a network with recurrent layers"):
        interleave(graph, 2)
    with pytest.raises(BitsmithError, match=rf"'{node.name}' \(lone\) takes the whole image"):
        resized(graph, 2, 2)
    with pytest.raises(BitsmithError, match=f"'{node.name}': the operator lone has no HLS core; use the Verilog"):
        layer_list(graph, "io_stream")


def test_a_converter_without_its_form_in_floats_cannot_be_registered() -> None:
    with pytest.raises(TypeError, match="'floats'"):
        converts("Lone")(lambda build, layer, inputs: inputs[0])  # type: ignore[call-arg]
    assert "Lone" not in CONVERTERS


@pytest.mark.parametrize("class_name", sorted(CONVERTERS))
def test_a_layer_class_is_whole(class_name: str) -> None:
    assert class_name in FLOAT_FORMS, "give converts(…, floats=…) its form in floats"
    cases = [case for case in CASES if case.class_name == class_name]
    assert cases or ALIASES.match(class_name), "give tests/helpers/layer_configs.py a case with all its attributes"
    assert class_name in SEVERAL or all(case.tensors == 1 for case in cases), "say converts(…, several=True)"


def test_no_table_knows_a_class_that_has_no_converter() -> None:
    assert set(FLOAT_FORMS) == set(CONVERTERS)
    assert set(CONVERTERS) >= SEVERAL | MOVES
    assert set(INTERLEAVED) | set(RESIZED) <= set(Operator.registry.values())


def test_the_facts_of_an_operator_agree() -> None:
    """One that is the same for every pixel needs no form; one without a threshold has no field for it."""
    for op in Operator.registry.values():
        assert not (op.per_pixel and op in INTERLEAVED), op.stem
        assert op.has_threshold == ("threshold" in op.__dataclass_fields__), op.stem  # type: ignore[attr-defined]
    assert Flatten in INTERLEAVED
    assert Flatten not in RESIZED
