"""Writes hls4ml's project for a graph: its own writers, our flow, our bench; the same bytes for the same graph."""

from __future__ import annotations

import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from ...hw import hls as cores_folder
from ...sim.errors import BitsmithError
from ...sim.graph import Graph
from ...sim.names import safe_name
from ...sim.recurrent import recurrent
from ..config.schema import Config
from ..rtl.plan import Choice, Plan
from . import bench
from .extension import flow
from .layers import LayerList, layer_list
from .weights import write_weights

STAMP = "bitsmith"  # hls4ml's own is random
PARTS = {"Vitis": "xcvu13p-flga2577-2-e", "Vivado": "xcvu13p-flga2577-2-e"}
_FORBIDDEN = frozenset('"\\$[]{};\n\r\t ')


def write(graph: Graph, config: Config, plan: Plan, folder: Path, vectors: Path) -> None:
    """``folder`` with the whole project of a graph without dead nodes, and ``tb_data`` from ``vectors`` (``.npy``)."""
    layers = layer_list(graph, config.io_type)
    top = top_name(config)
    with redirect_stdout(StringIO()):  # hls4ml prints notes on reuse factors
        model = make_model(graph, config, plan, layers, top, folder)
        folder.mkdir(parents=True, exist_ok=True)
        _write(model, config.backend)
    _cores(folder, layers.headers)
    bench.write(graph, bench.describe(graph, layers, top, model), folder, vectors)


def top_name(config: Config) -> str:
    """The top function, and hls4ml's project: a safe name."""
    return safe_name(config.project_name)


def make_model(graph: Graph, config: Config, plan: Plan, layers: LayerList, top: str, folder: Path) -> Any:
    """hls4ml's ModelGraph with every type as given."""
    from hls4ml.model.graph import ModelGraph

    settings = _settings(graph, config, plan, layers, top, folder)
    outputs = [layers.names[name] for name in graph.outputs]
    model = ModelGraph.from_layer_list(settings, layers.layers, list(layers.inputs), outputs)
    model.config.trace_output = True
    if recurrent(graph):
        model.config.pipeline_style = "dataflow"  # hls4ml's other style unrolls the loop over the steps
    return model


def _pipeline(graph: Graph, config: Config) -> dict[str, Any]:
    """hls4ml's keys for how its layers follow one another; BitsmithError where they cannot follow so."""
    style, interval = config.hls.model.pipeline_style, config.hls.model.pipeline_interval
    where = "HLSConfig.Model.Pipeline"
    if style == "pipeline" and (config.io_type == "io_stream" or recurrent(graph)):
        why = "needs IOType io_parallel" if config.io_type == "io_stream" else "would unroll a recurrent layer's steps"
        raise BitsmithError(f"{where}Style: pipeline {why}; leave it out")
    if interval is not None and style != "pipeline":
        raise BitsmithError(f"{where}Interval is for 'PipelineStyle: pipeline'; add that, or remove the interval")
    return {"PipelineStyle": style or "auto"} | ({} if interval is None else {"PipelineInterval": interval})


def _settings(graph: Graph, config: Config, plan: Plan, layers: LayerList, top: str, folder: Path) -> dict[str, Any]:
    known = {node.name for node in graph.nodes}
    nodes = {named: ours for ours, named in layers.names.items() if ours in known}
    usual = "27%" if config.backend == "Vitis" else "12.5%"
    uncertainty = usual if config.clock_uncertainty is None else config.clock_uncertainty
    return {
        "OutputDir": str(folder),
        "ProjectName": top,
        "Backend": config.backend,
        "Part": _plain("Part", config.part or PARTS[config.backend]),
        "ClockPeriod": f"{config.clock_period_ns:.12g}",
        "ClockUncertainty": _plain("ClockUncertainty", str(uncertainty)),
        "Version": _plain("Version", config.version or "1.0.0"),
        "IOType": config.io_type,
        "Stamp": STAMP,
        "WriterConfig": {"Namespace": None, "WriteWeightsTxt": False, "WriteTar": False, "TBOutputStream": "both"},
        "HLSConfig": {
            "Flows": [flow(config.backend)],
            "Model": {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1, **_pipeline(graph, config)},
            "LayerName": {name: _layer(plan, layers, name, nodes.get(name)) for name in layers.precisions},
        },
    }


def _plain(key: str, text: str) -> str:
    """Text that may stand in a Tcl script as it is."""
    if not text.isprintable() or not text or set(text) & _FORBIDDEN:
        raise BitsmithError(f"{key}: '{text}' holds a character that Tcl would interpret; leave it out")
    return text


def _layer(plan: Plan, layers: LayerList, name: str, node: str | None) -> dict[str, Any]:
    """Precision, reuse factor and strategy of a layer: the plan's; what shares no multipliers has factor 1.

    Our distributed arithmetic is Latency here: hls4ml's own needs a solver that we do not install. Where hls4ml's
    Resource cannot have the factor, it is the nearest that it can.
    """
    decided = plan.decided.get(node or "", Choice())
    shares, reuse = decided.strategy == "resource", decided.reuse or 1
    return {
        "Precision": layers.precisions[name],
        "ReuseFactor": min(reuse, layers.most_reuse.get(name, reuse)) if shares else reuse,
        "Strategy": "Resource" if shares else "Latency",
        "Trace": node is not None,
    }


def _write(model: Any, backend: str) -> None:
    """hls4ml's writers, but for its bench (ours compares), its library script and its YAML (it imports Keras)."""
    from hls4ml.writer.vitis_writer import VitisWriter
    from hls4ml.writer.vivado_writer import VivadoWriter

    writer = VitisWriter() if backend == "Vitis" else VivadoWriter()
    writer.write_project_dir(model)
    writer.write_project_cpp(model)
    writer.write_project_header(model)
    write_weights(model, Path(model.config.get_output_dir()) / "firmware" / "weights")
    writer.write_defines(model)
    writer.write_parameters(model)
    _include_fill(Path(model.config.get_output_dir()) / "firmware" / "parameters.h")
    writer.write_build_script(model)
    writer.write_nnet_utils(model)
    writer.write_generated_code(model)
    if isinstance(writer, VitisWriter):
        writer.write_nnet_utils_overrides(model)
        writer.write_board_script_override(model)
        writer.write_build_prj_override(model)
        writer.write_build_opts(model)
    (Path(model.config.get_output_dir()) / "build_lib.sh").unlink()


def _include_fill(parameters: Path) -> None:
    """The weight headers need it, and hls4ml includes nothing but layers' headers before them."""
    text = parameters.read_text(encoding="utf-8")
    mark = '#include "nnet_utils/nnet_helpers.h"\n'
    assert text.count(mark) == 1, "hls4ml's parameters.h has changed"
    parameters.write_text(text.replace(mark, f'{mark}#include "bitsmith/fill.hpp"\n'), encoding="utf-8")


def _cores(folder: Path, headers: set[str]) -> None:
    home = Path(cores_folder.__path__[0])
    target = folder / "firmware" / "bitsmith"
    target.mkdir(exist_ok=True)
    for name in sorted({*headers, "fill.hpp", "raw.hpp"}):
        shutil.copyfile(home / name, target / name)
