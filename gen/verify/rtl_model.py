"""The built Verilog as a predictor, beside the reference and the C simulation."""

from __future__ import annotations

from pathlib import Path

from numpy.typing import ArrayLike

from ...sim.fixed import IntArray, Overflow, Rounding, quantize
from ..files.graph_file import load_graph
from ..simulate import verilator
from ..simulate.ports import Top
from ..simulate.simulation import Drive, Run
from .job import argmax_threshold
from .vectors import given


class RtlModel:
    """A build folder's Verilog under Verilator, compiled at the first use. Integers are raw; a leading batch axis."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.graph = load_graph(self.folder / "graph.json")

    def predict(
        self, *x_float: ArrayLike, rounding: Rounding = Rounding.RND_CONV, overflow: Overflow = Overflow.SAT
    ) -> tuple[IntArray, ...]:
        """Raw outputs for real inputs, one array for each input of the graph; rounded to the input types as said."""
        specs = (spec for _, spec in self.graph.inputs)
        return self.predict_raw(*(quantize(x, spec.type, rounding, overflow) for x, spec in zip(x_float, specs)))

    def predict_raw(self, *raw: ArrayLike) -> tuple[IntArray, ...]:
        """Raw outputs for raw integers, one array for each output of the graph."""
        run = self._run(raw, traced=False)
        return tuple(run.outputs[name] for name in self.graph.outputs)

    def trace_raw(self, *raw: ArrayLike) -> dict[str, IntArray]:
        """Every layer's stream by the name of its last node; nodes fused into a layer have none of their own."""
        return self._run(raw, traced=True).traces

    def _run(self, raw: tuple[ArrayLike, ...], traced: bool) -> Run:
        names = [name for name, _ in self.graph.inputs]
        inputs = given(dict(zip(names, raw)), self.graph.inputs)
        top = Top.load(self.folder / "rtl")
        device = verilator.build(top.traced() if traced else top.without_traces(), self.folder / "sim")
        return device.run(inputs, Drive(threshold=argmax_threshold(self.graph)))
