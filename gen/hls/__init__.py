"""The HLS project of a graph, through hls4ml, and its C simulation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...sim.graph import Graph
from ..config.schema import Config

if TYPE_CHECKING:
    from ..rtl.plan import Plan

__all__ = ["HlsModel", "emit"]


def emit(graph: Graph, config: Config, out_dir: Path, vectors: Path, plan: Plan | None = None) -> None:
    """Write ``out_dir/hls``: hls4ml's project, with a bench that compares with the ``vectors`` folder's integers.

    Each layer has the strategy and the reuse factor that the Verilog's ``plan`` decided on; it is made where it isn't
    given. The same graph, configuration and vectors give the same bytes. BitsmithError for what HLS cannot do exactly.
    """
    from ..rtl.choices import plan_for
    from .layers import live
    from .project import write

    graph = live(graph)
    write(graph, config, plan or plan_for(graph, config), Path(out_dir) / "hls", Path(vectors))


def __getattr__(name: str) -> Any:
    if name == "HlsModel":
        from .model import HlsModel

        return HlsModel
    raise AttributeError(name)
