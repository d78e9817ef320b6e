"""``bitsmith build MODEL -o DIR``, or ``bitsmith build -c CONFIG.yaml -o DIR`` for a model that it names."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .options import Config, Json, ModelOrConfig, Seed, Weights
from .outcome import Outcome, printable, table
from .progress import progress, watched


def build(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")],
    model: ModelOrConfig = None,
    config: Config = None,
    weights: Weights = None,
    vectors: Annotated[int, typer.Option(min=1, help="How many test vectors to put into the build.")] = 64,
    seed: Seed = 1,
    json: Json = False,
) -> Outcome:
    """Make the HLS project, the Verilog and the vectors."""
    from ..api import build as make
    from ..gen.files.folder import open_build

    with progress(watched(json)) as say:
        built = make(model, config, output, seed, vectors, weights=weights, progress=say)
    data = open_build(built.folder)
    rows = [(row["label"], row["operator"], "×".join(map(str, row["shape"])), row["type"]) for row in data["layers"]]
    lines = [table(["layer", "operator", "shape", "type"], rows)]
    name = f"./{output}" if str(output).startswith("-") else str(output)  # not to be taken for an option
    lines += [f"{printable(data['model'])} is in {printable(output)}; next: bitsmith verify {shlex.quote(name)}"]
    return Outcome(data, "\n".join(lines), json)
