"""The graph of integers as a file: ``graph.json`` of a build."""

from __future__ import annotations

from pathlib import Path

from ...sim.errors import BitsmithError
from ...sim.graph import Graph
from .folder import write_text
from .input_file import MOST_BYTES, read_file


def save_graph(graph: Graph, path: Path) -> None:
    """Write ``path`` whole or not at all."""
    write_text(path, graph.to_json())


def load_graph(path: Path) -> Graph:
    """Read what ``save_graph`` wrote; BitsmithError where that is missing or damaged."""
    text = read_file(path, "a whole build folder: build the model again", MOST_BYTES)
    try:
        return Graph.from_json(text)
    except BitsmithError as error:
        raise BitsmithError(f"{path}: {error}") from None
