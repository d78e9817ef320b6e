"""What every operator promises, proven the same way for each: a subclass gives its cases and inherits the proofs.

* float bound: the integers are what real arithmetic gives, exactly, or within the stated number of output steps;
* hls = reference: hls4ml's C simulation gives the same integers;
* rtl = reference: so does the Verilog, at full speed, and under stalls after a reset in mid-frame;
* cycles: latency and interval in simulation are the predicted ones;
* saved and read back: the operator's JSON gives the same operator, byte for byte;
* bad parameters are refused in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from bitsmith.gen.build import build
from bitsmith.gen.ir import Graph, Node
from bitsmith.gen.verify import vectors, verify
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import IntArray, to_float
from bitsmith.sim.op import Operator, Spec

Need = Callable[..., None]
FRAMES = 12
SEED = 20261121


@dataclass(frozen=True)
class Case:
    """One operator with its inputs. ``layer`` is hls4ml's section for it (Strategy, ReuseFactor)."""

    op: Operator
    inputs: tuple[Spec, ...]
    pixels_per_cycle: int = 1
    layer: Mapping[str, Any] = field(default_factory=dict)
    levels: tuple[str, ...] = ("hls", "rtl")

    @cached_property
    def graph(self) -> Graph:
        """The operator alone, between inputs x0, x1, … and one output."""
        inputs = tuple((f"x{k}", spec) for k, spec in enumerate(self.inputs))
        node = Node(f"{self.op.stem}_0", self.op, tuple(name for name, _ in inputs), f"{self.op.stem}_0")
        return Graph("alone", inputs, (node,), (node.name,))

    @cached_property
    def config(self) -> dict[str, Any]:
        layers = {f"{self.op.stem}_0": dict(self.layer)} if self.layer else {}
        return {"Bitsmith": {"pixels_per_cycle": self.pixels_per_cycle}, "HLSConfig": {"LayerName": layers}}

    def frames(self, count: int = FRAMES) -> list[IntArray]:
        """The extremes and random frames for each input."""
        batch = vectors.make(self.graph.inputs, count, SEED)
        return [batch[name] for name, _ in self.graph.inputs]


class OperatorContract:
    """Inherit, name the class ``Test…``, and give ``cases``, ``bad`` and ``float_result``."""

    cases: ClassVar[Mapping[str, Case]] = {}
    bad: ClassVar[Mapping[str, tuple[Callable[[], object], str]]] = {}
    """A call that must be refused, and what the message says (a regular expression)."""
    steps_off: ClassVar[float] = 0.0
    """How far, in steps of the output type, ``compute`` may be from ``float_result``; 0 where it is exact."""

    def float_result(self, op: Any, *x_float: Any) -> Any:
        """The operator in float64, from its definition, on (frames, *shape)."""
        raise NotImplementedError(f"{type(self).__name__} gives no float_result")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        for name, table in (("case", self.cases), ("refused", self.bad)):
            if name in metafunc.fixturenames:
                assert table, f"{type(self).__name__} gives no {name}s"
                metafunc.parametrize(name, list(table.values()), ids=list(table))

    def test_float_bound(self, case: Case) -> None:
        frames = case.frames()
        got = case.op.compute(*frames)
        type_ = case.op.infer(*case.inputs).type
        real = [to_float(raw, spec.type) for raw, spec in zip(frames, case.inputs)]
        expected = np.ldexp(np.asarray(self.float_result(case.op, *real), dtype=np.float64), type_.fraction)
        assert expected.shape == got.shape
        assert float(np.abs(got - expected).max()) <= self.steps_off

    def test_built_hardware_equals_reference(self, case: Case, tmp_path: Path, need: Need) -> None:
        """hls = rtl = reference, stalls and reset included; latency and interval as predicted."""
        need("g++", "verilator")
        build(case.graph, case.config, tmp_path / "build", seed=SEED, vectors=FRAMES)
        report = verify(tmp_path / "build", case.levels, seed=SEED)
        assert report["first_divergence"] is None
        assert {name: level["mismatches"] for name, level in report["levels"].items()} == dict.fromkeys(case.levels, 0)
        assert [problem for level in report["levels"].values() for problem in level["problems"]] == []
        if "rtl" in case.levels:
            cycles = report["cycles"]
            assert cycles["latency_cycles"] == cycles["predicted_latency_cycles"]
            assert cycles["interval_cycles"] == cycles["predicted_interval_cycles"]

    def test_saved_and_read_back(self, case: Case) -> None:
        text = case.graph.to_json()
        again = Graph.from_json(text)
        assert again.to_json() == text
        frames = case.frames(4)
        np.testing.assert_array_equal(again.nodes[0].op.compute(*frames), case.op.compute(*frames))

    def test_bad_parameters_are_refused(self, refused: tuple[Callable[[], object], str]) -> None:
        call, message = refused
        with pytest.raises(BitsmithError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
