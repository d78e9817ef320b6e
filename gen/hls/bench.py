"""The comparing test bench, the bridge to Python and the Makefile of an emitted project."""

from __future__ import annotations

import json
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fast.predict import Reference
from ...sim.fixed import IntArray
from ...sim.graph import Graph
from ...sim.op import Spec
from ...sim.recurrent import Recurrent
from . import recurrent_cores
from .cores import TRACE_BITS
from .layers import LayerList

HERE = Path(__file__).resolve().parent
LAYER_FRAMES = 4  # frames in which the bench looks at every layer
MULTIPLIER = 0x100000001B3  # odd, so every power is invertible modulo 2**64


def write(graph: Graph, ports: dict[str, Any], folder: Path, vectors: Path) -> None:
    """``<top>_test.cpp``, ``bitsmith_bridge.cpp``, ``Makefile``, ``ports.json`` and ``tb_data``."""
    top = ports["top"]
    (folder / f"{top}_test.cpp").write_text(render("test.cpp.j2", ports), encoding="utf-8")
    (folder / "bitsmith_bridge.cpp").write_text(render("bridge.cpp.j2", ports), encoding="utf-8")
    (folder / "Makefile").write_text(render("Makefile.j2", ports), encoding="utf-8")
    (folder / "ports.json").write_text(json.dumps(ports, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    data = folder / "tb_data"
    data.mkdir(exist_ok=True)
    (data / "layers.dat").write_text(_checksums(graph, ports, vectors), encoding="ascii")
    for kind, names in (("input", [name for name, _ in graph.inputs]), ("output", graph.outputs)):
        for name in names:
            _frames(_load(vectors / f"{kind}_{name}.npy"), data / f"{kind}_{name}.dat")


def describe(graph: Graph, layers: LayerList, top: str, model: Any) -> dict[str, Any]:
    """What the bench, the bridge and HlsModel must know of the top function; ``model`` is hls4ml's."""
    specs = graph.specs()
    variables = model.get_input_variables()
    inputs = [_port(name, specs[name], variable) for (name, _), variable in zip(graph.inputs, variables)]
    thresholds: list[Any] = [node.op for node in graph.nodes if node.op.has_threshold]
    for op, variable in zip(thresholds, variables[len(inputs) :]):
        port = _port("threshold", Spec((1,), op.input_type), variable)
        inputs.append({**port, "given": False, "default": op.threshold})
    in_place = {layer["name"] for layer in layers.layers if layer["class_name"] == "Reshape"}
    named = {node.name: layers.names[node.name] for node in graph.nodes}
    traces = {name: _trace(layer, specs[name], layer in in_place) for name, layer in named.items()}
    internals = [
        recurrent_cores.internals(node.name, named[node.name], node.op, specs[node.inputs[0]].shape[1])
        for node in graph.nodes
        if isinstance(node.op, Recurrent)
    ]
    outputs = [_port(n, specs[n], variable) for n, variable in zip(graph.outputs, model.get_output_variables())]
    return {
        "top": top,
        "io_type": layers.io_type,
        "layer_frames": LAYER_FRAMES,
        "multiplier": MULTIPLIER,
        "inputs": inputs,
        "outputs": outputs,
        "traces": traces,
        "internals": {name: trace for found in internals for name, trace in found.items()},
    }


def _port(name: str, spec: Spec, variable: Any) -> dict[str, Any]:
    return {
        "name": name,
        "variable": variable.name,
        "declaration": variable.definition_cpp(),
        "size": prod(spec.shape),
        "shape": list(spec.shape),
        "type": str(spec.type),
        "given": True,
    }


def _trace(layer: str, spec: Spec, in_place: bool) -> dict[str, Any]:
    """Where a node's values are.

    ``exact``: the layer has values of its own, and hls4ml's trace, which is in float64, can hold them.
    """
    exact = spec.type.width <= TRACE_BITS and not in_place
    return {"layer": layer, "shape": list(spec.shape), "fraction": spec.type.fraction, "exact": exact}


def _checksums(graph: Graph, ports: dict[str, Any], vectors: Path) -> str:
    """One line a frame: the checksum of each layer of ``ports["traces"]`` that is exact, in their order.

    A class alone would hide most wrong weights; with these the bench sees every layer of the first frames.
    """
    frames = [_load(vectors / f"input_{name}.npy")[:LAYER_FRAMES] for name, _ in graph.inputs]
    tensors = Reference(graph).trace_raw(*frames)
    columns = [checksum(tensors[name]) for name, trace in ports["traces"].items() if trace["exact"]]
    return "".join(" ".join(str(c[f]) for c in columns) + "\n" for f in range(len(frames[0])))


def checksum(raw: IntArray) -> list[int]:
    """For each frame ``sum_i raw[i] * MULTIPLIER**(n - 1 - i)`` modulo 2**64: no single difference goes unseen."""
    flat = raw.reshape(len(raw), -1).astype(np.uint64)
    powers = np.cumprod(np.full(flat.shape[1], MULTIPLIER, dtype=np.uint64))[::-1]
    return [int(s) for s in (flat * (powers * np.uint64(pow(MULTIPLIER, -1, 1 << 64)))).sum(axis=1, dtype=np.uint64)]


@lru_cache(maxsize=4)
def _template(name: str) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def render(name: str, ports: dict[str, Any]) -> str:
    checked = [(node, {**t, "size": prod(t["shape"])}) for node, t in ports["traces"].items() if t["exact"]]
    return str(_template(name).render(**ports, checked=checked))


def _load(path: Path) -> IntArray:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BitsmithError(f"'{path}' is missing or no .npy file; build the model again") from error
    return np.asarray(array, dtype=np.int64)


def _frames(raw: IntArray, path: Path) -> None:
    """One frame on each line, raw integers."""
    lines = (" ".join(map(str, frame)) for frame in raw.reshape(len(raw), -1).tolist())
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
