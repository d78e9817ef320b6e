"""What hls4ml's converters return for Bitsmith's backends: hls4ml's calls, Bitsmith's reader, planner and build."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..gen.build import Build, build, load, read_config
from ..gen.files.folder import check_target
from ..gen.hls import HlsModel
from ..gen.suggest import suggest
from ..gen.synth.hls import BACKENDS, find_tool, synth
from ..sim.errors import BitsmithError
from ..sim.fixed import Fixed, IntArray, quantize
from ..sim.op import Spec
from .settings import MODELS

Floats = NDArray[np.floating[Any]]

_NOT_BUILT = {
    "cosim": "'bitsmith verify' simulates the Verilog against the reference",
    "validation": "the bench of the C simulation compares every integer",
    "export": "start it in the vendor's tool",
    "vsynth": "start it in the vendor's tool",
    "fifo_opt": "the buffers are as deep as the plan needs",
}
"""Steps of hls4ml's ``build`` that ours does not have, and what there is instead."""
_NO_EFFECT = ("reset", "log_to_stdout")


class BitsmithModel:
    """A converted model: ``write``, ``compile``, ``predict``, ``trace`` and ``build`` as in hls4ml's ModelGraph.

    ``graph`` is the graph of integers, ``settings`` the configuration, ``folder`` the build folder, and ``built`` what
    ``bitsmith.build`` gave, with the reference and the Verilog; it is written at its first use.
    """

    def __init__(self, model: Any, config: dict[str, Any], weights: Path | None = None) -> None:
        """``config`` is hls4ml's whole configuration, with ``OutputDir``; ``weights`` belong to a model in JSON.
        BitsmithError for what is not supported."""
        folder = config.get("OutputDir")
        if not isinstance(folder, (str, Path)) or not str(folder):
            raise BitsmithError("OutputDir: no folder is named; give one, e.g. 'OutputDir: my-hls-test'")
        check_target(folder, ())  # before minutes of work, not after
        self.settings = read_config({key: value for key, value in config.items() if key not in (*MODELS, "InputShape")})
        self.graph = load(model, self.settings, weights)
        self.folder = Path(folder)
        self._built: Build | None = None
        self._simulation: HlsModel | None = None
        specs = self.graph.specs()
        self._inputs = self.graph.inputs
        self._outputs = [(name, specs[name]) for name in self.graph.outputs]

    @property
    def built(self) -> Build:
        """The build in ``folder``, written if it is not yet."""
        if self._built is None:
            self.write()
        assert self._built is not None
        return self._built

    def write(self) -> None:
        """Write the build folder: the HLS project is ``hls/``, the Verilog ``rtl/``. It replaces an earlier build."""
        self._built, self._simulation = build(self.graph, self.settings, self.folder), None

    def compile(self) -> None:
        """Write the build folder, unless this object has, and compile the C simulation; BitsmithError without g++."""
        simulation = HlsModel(self.built.folder)
        simulation.compile()
        self._simulation = simulation

    def predict(self, x: ArrayLike | Sequence[ArrayLike]) -> Floats | list[Floats]:
        """The C simulation's outputs for real inputs, as real values that are the integers of the reference exactly.

        As in hls4ml: one array, or a list of them in the model's own order where it has several inputs; each frame's
        output is flat, (frames, elements), and without the first axis for a single frame; several outputs are a list.
        float32 for float32 where that holds the output's type, else float64, which a type of more than 53 bits does
        not fit into. Inputs are rounded half to even and saturated to the input's type. BitsmithError for shapes that
        do not fit, NaN, or before ``compile``.
        """
        arrays, single = self._arrays(x)
        return self._answer(self._compiled().predict_raw(*self._raw(arrays)), arrays, single)

    def trace(self, x: ArrayLike | Sequence[ArrayLike]) -> tuple[Floats | list[Floats], dict[str, Floats]]:
        """``predict``'s answer, and the output of every layer of the graph by name, (frames, *shape) in float64."""
        arrays, single = self._arrays(x)
        tensors = self._compiled().trace_raw(*self._raw(arrays))
        specs = self.graph.specs()
        labels = self._labels()
        layers = {labels[node.name]: node.name for node in self.graph.nodes if node.name in tensors}
        traced = {label: _real(tensors[name], specs[name].type, np.float64) for label, name in layers.items()}
        return self._answer(tuple(tensors[name] for name, _ in self._outputs), arrays, single), traced

    def build(self, csim: bool = True, synth: bool = True, **others: Any) -> dict[str, Any]:
        """C synthesis by the vendor's tool, after the C simulation with ``csim``; returns the report's figures.

        BitsmithError where the tool is missing or fails, and for hls4ml's steps that Bitsmith does not have.
        """
        for name, value in others.items():
            if name not in (*_NOT_BUILT, *_NO_EFFECT):
                raise BitsmithError(f"build has no argument '{name}'{suggest(name, ['csim', 'synth', *_NOT_BUILT])}")
            if value and name in _NOT_BUILT:
                raise BitsmithError(f"build: {name} is not done here: {_NOT_BUILT[name]}; leave it out")
        if not synth:
            raise BitsmithError("build: synth=False leaves nothing to do; compile and predict run the C simulation")
        return self._synthesize(csim)

    def __getattr__(self, name: str) -> Any:
        """AttributeError that says what there is: hls4ml's graph has many more."""
        raise AttributeError(
            f"a model for the backend Bitsmith has no '{name}'; it has write, compile, predict, trace, build and graph"
        )

    def _synthesize(self, csim: bool) -> dict[str, Any]:
        tool = next(tool for tool, backend in BACKENDS.items() if backend == self.settings.backend)
        find_tool(tool)  # before minutes of work, not after
        return synth(self.built.folder, tool, csim=csim)

    def _compiled(self) -> HlsModel:
        if self._simulation is None:
            raise BitsmithError("the model is not compiled; call compile() first")
        return self._simulation

    def _labels(self) -> dict[str, str]:
        """The model's own names of the nodes; a node's own where two would be one."""
        labels = {node.name: self.graph.labels.get(node.name, node.name) for node in self.graph.nodes}
        found = list(labels.values())
        return {name: label if found.count(label) == 1 else name for name, label in labels.items()}

    def _arrays(self, x: ArrayLike | Sequence[ArrayLike]) -> tuple[list[NDArray[Any]], bool]:
        """One array (frames, *shape) for each input, and whether that is a single frame."""
        given = list(x) if isinstance(x, (list, tuple)) and len(x) == len(self._inputs) else [x]
        if len(given) != len(self._inputs):
            names = ", ".join(name for name, _ in self._inputs)
            raise BitsmithError(f"the model has {len(self._inputs)} inputs; give a list of arrays for {names}")
        arrays = [_frames(value, name, spec) for value, (name, spec) in zip(given, self._inputs)]
        return arrays, len(arrays[0]) == 1

    def _raw(self, arrays: list[NDArray[Any]]) -> list[IntArray]:
        return [quantize(x, spec.type) for x, (_, spec) in zip(arrays, self._inputs)]

    def _answer(self, raw: Sequence[IntArray], arrays: list[NDArray[Any]], single: bool) -> Floats | list[Floats]:
        small = all(x.dtype == np.float32 for x in arrays)
        answers = []
        for values, (_, spec) in zip(raw, self._outputs):
            dtype = np.float32 if small and spec.type.width <= 24 else np.float64
            flat = _real(values, spec.type, dtype).reshape(len(arrays[0]), prod(spec.shape))
            answers.append(flat[0] if single else flat)
        return answers if len(answers) > 1 else answers[0]


def _real(raw: IntArray, type_: Fixed, dtype: Any) -> Floats:
    """The values that raw integers stand for."""
    values: Floats = np.ldexp(raw.astype(np.float64), -type_.fraction).astype(dtype)
    return values


def _frames(value: Any, name: str, spec: Spec) -> NDArray[Any]:
    """(frames, *shape) from that, from flat frames, from Keras's shape of a sequence, or from a single frame."""
    try:
        x = np.asarray(value)
    except ValueError:
        raise BitsmithError(f"input '{name}' is no array; give numbers of shape (frames, {_text(spec)})") from None
    shapes = {spec.shape, (prod(spec.shape),)}
    if len(spec.shape) > 1 and spec.shape[0] == 1:
        shapes.add(spec.shape[1:])  # a sequence is an image of height 1
    if x.shape[1:] in shapes and x.ndim:
        return x.reshape(len(x), *spec.shape)
    if x.shape in shapes:
        return x.reshape(1, *spec.shape)
    raise BitsmithError(f"input '{name}' has shape {x.shape}; give (frames, {_text(spec)})")


def _text(spec: Spec) -> str:
    return ", ".join(map(str, spec.shape))
