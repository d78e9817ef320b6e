"""From a model file to a build folder, and the predictors of what was built."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import ArrayLike

from ..sim.errors import BitsmithError
from ..sim.fixed import IntArray
from ..sim.graph import Graph
from ..sim.shown import escape, printable
from ..version import __version__
from .config.given import read_config
from .config.schema import Config
from .files.folder import MARK, check_target, open_build, replacing, write_json
from .files.graph_file import load_graph, save_graph
from .files.hashes import demand, of_file, sealed
from .progress import Say, silent
from .simulate.ports import Top

if TYPE_CHECKING:
    from ..sim.fast.predict import Reference

DEFAULT_VECTORS = 64
__all__ = ["Build", "Predictor", "build", "build_project", "layers", "load", "open_folder", "read_config"]


class Predictor(Protocol):
    """Integers out: one array for each output of the graph, for one array for each input, batch first."""

    def predict(self, *x_float: ArrayLike) -> tuple[IntArray, ...]: ...

    def predict_raw(self, *raw: ArrayLike) -> tuple[IntArray, ...]: ...


@dataclass(frozen=True)
class Build:
    """A build folder and its three predictors, which give the same integers. HLS and RTL compile at their first use."""

    folder: Path
    graph: Graph

    def __fspath__(self) -> str:
        """A build stands for its folder wherever a path is asked for."""
        return str(self.folder)

    def __repr__(self) -> str:
        return f"<build '{printable(self.folder)}': {self.graph!r}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(printable(self.folder))}</p>{self.graph._repr_html_()}"

    @cached_property
    def reference(self) -> Reference:
        """The fixed-point reference in numpy."""
        from ..sim.fast.predict import Reference

        return Reference(self.graph)

    @cached_property
    def hls(self) -> Predictor:
        """hls4ml's C simulation (needs g++)."""
        from .hls import HlsModel

        model: Predictor = HlsModel(self.folder)
        return model

    @cached_property
    def rtl(self) -> Predictor:
        """The Verilog under Verilator (needs g++ and Verilator)."""
        from .verify import RtlModel

        return RtlModel(self.folder)


def load(
    model: Any, config: str | Path | dict[str, Any] | Config | None = None, weights: str | Path | None = None
) -> Graph:
    """The graph of integers of a trained model: the path of an .h5, .keras or .onnx file, or a live Keras model.

    ``weights`` is the path of the weights of a model that is in a .json file, as hls4ml takes them.
    BitsmithError names the file, the layer and the attribute where something is not supported.
    """
    from .convert import read_model

    path = Path(model) if isinstance(model, (str, Path)) else model
    return read_model(path, read_config(config), None if weights is None else Path(weights))


def build(
    graph: Graph,
    config: str | Path | dict[str, Any] | Config | None,
    folder: str | Path,
    seed: int = 1,
    vectors: int = DEFAULT_VECTORS,
    say: Say = silent,
) -> Build:
    """Make the HLS project, the Verilog and ``vectors`` test vectors in ``folder``, which is new, empty or ours.

    Everything is written beside and renamed when it is whole; on an error what was there is left as it was.
    """
    _write(graph, read_config(config), Path(folder), {"seed": seed, "vectors": vectors}, (), say)
    return Build(Path(folder), graph)


def open_folder(folder: Path) -> Build:
    """The build in a folder; BitsmithError where it is none, or its graph or bitsmith.json is not as it was built."""
    demand(folder, open_build(folder), ["graph.json"])
    return Build(folder, load_graph(folder / "graph.json"))


def build_project(
    model: str | Path,
    config: str | Path | dict[str, Any] | Config | None,
    folder: str | Path,
    seed: int = 1,
    vectors: int = DEFAULT_VECTORS,
    say: Say = silent,
    weights: str | Path | None = None,
) -> dict[str, Any]:
    """``load`` and ``build`` in one, for the command line; returns what bitsmith.json says. ``say`` gets each phase."""
    sources = [Path(path) for path in (model, config, weights) if isinstance(path, (str, Path))]
    check_target(folder, sources)  # before minutes of work, not after
    settings = read_config(config)
    say(f"reading {model}")
    graph = load(model, settings, weights)
    origin = {"file": Path(model).name, "sha256": of_file(Path(model))}
    if weights is not None:
        origin |= {"weights_file": Path(weights).name, "weights_sha256": of_file(Path(weights))}
    return _write(graph, settings, Path(folder), {**origin, "seed": seed, "vectors": vectors}, sources, say)


def _write(
    graph: Graph, config: Config, folder: Path, origin: dict[str, Any], sources: Any, say: Say = silent
) -> dict[str, Any]:
    if origin["vectors"] < 1:
        raise BitsmithError(f"{origin['vectors']} test vectors show nothing; ask for 1 or more")
    mark = {"made_by": "bitsmith", "version": __version__, "model": graph.name, "file": None, "sha256": None, **origin}
    mark |= {"config": config.model_dump(mode="json", by_alias=True, exclude_unset=True), "layers": layers(graph)}
    with replacing(folder, sources) as fresh:
        save_graph(graph, fresh / "graph.json")
        say(f"vectors: {origin['vectors']}, made to reach roundings, saturations and tables")
        _write_vectors(graph, fresh / "vectors", origin["seed"], origin["vectors"])
        _emit(graph, config, fresh, say)
        mark = sealed(fresh, mark)
        write_json(fresh / MARK, mark)
        say("estimate: cycles and resources")
        _write_estimate(fresh)
    return mark


def _write_vectors(graph: Graph, folder: Path, seed: int, count: int) -> None:
    from ..sim.fast.predict import Reference
    from .verify import vectors

    inputs = vectors.of_graph(graph, count, seed)
    outputs = Reference(graph).predict_raw(*(inputs[name] for name, _ in graph.inputs))
    vectors.save(folder, inputs, dict(zip(graph.outputs, outputs)))


def _emit(graph: Graph, config: Config, folder: Path, say: Say) -> None:
    from .hls import emit as emit_hls
    from .rtl.choices import plan_for
    from .rtl.emit import emit_plan
    from .testbench import emit as emit_bench

    say("plan: reuse factors and buffers")
    plan = plan_for(graph, config)
    say(f"HLS: {len(graph.nodes)} layers")
    emit_hls(graph, config, folder, folder / "vectors", plan)
    emit_plan(plan, folder / "rtl", say)
    emit_bench(Top.load(folder / "rtl"), folder / "tb")


def _write_estimate(folder: Path) -> None:
    from .resources.estimate import estimate

    estimate(folder)


def layers(graph: Graph) -> list[dict[str, Any]]:
    """One row a node, for people: its name, the model's name for it, the operator, the output's shape and type."""
    specs = graph.specs()
    return [
        {
            "name": node.name,
            "label": graph.labels.get(node.name, node.layer or node.name),
            "operator": node.op.stem,
            "shape": list(specs[node.name].shape),
            "type": str(specs[node.name].type),
        }
        for node in graph.nodes
    ]
