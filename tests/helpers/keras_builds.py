"""Build folders as far as the level keras looks at them: a graph and where it came from, no hardware."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.files.graph_file import save_graph
from bitsmith.gen.files.hashes import of_file, sealed
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.argmax import Argmax

LOGITS = Fixed(True, 3, 2)


def unbuilt(folder: Path, model: Path, config: dict[str, Any] | None = None, **mark: Any) -> Path:
    """What a build of ``model`` says of itself, without what it would build."""
    folder.mkdir()
    save_graph(read_model(model, parse_config(config or {})), folder / "graph.json")
    whole = {"made_by": "bitsmith", "file": model.name, "sha256": of_file(model), "config": config or {}}
    (folder / "bitsmith.json").write_text(json.dumps(sealed(folder, {**whole, **mark})))
    return folder


def decision(threshold: int) -> Graph:
    """The largest of three values of fixed<6,4>, rejected below a raw threshold."""
    nodes = (Node("argmax", Argmax(LOGITS, threshold), ("logits",), "argmax"),)
    return Graph("decision", (("logits", Spec((3,), LOGITS)),), nodes, ("argmax",), {})
