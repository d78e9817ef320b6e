"""``bitsmith calibrate MODEL --data FILE.npy``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from .options import Json, Model, Weights
from .outcome import Outcome, View, printable
from .progress import progress, watched


def calibrate(
    model: Model,
    data: Annotated[Path, typer.Option(metavar="FILE.npy", help="Inputs as the model gets them, batch first.")],
    bits: Annotated[int, typer.Option(min=2, max=32, help="Width of weights and activations.")] = 8,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", metavar="FILE.yaml", help="Where to write it [default: print it]."),
    ] = None,
    weights: Weights = None,
    json: Json = False,
) -> Outcome:
    """Propose types for a float model from measured ranges."""
    import yaml

    from ..api import calibrate as measure
    from ..gen.files.folder import write_text

    with progress(watched(json)) as say:
        config = dict(measure(model, data, bits, weights=weights, progress=say))
    text = yaml.safe_dump(config, sort_keys=False)
    if output is not None:
        write_text(output, text)
        return Outcome({"config": config, "file": str(output)}, str(output), json)
    return Outcome({"config": config}, text.rstrip(), json)


def view(data: dict[str, Any]) -> View:
    """The types that each layer got."""
    layers = data["HLSConfig"]["LayerName"]
    rows = [(name, role, type) for name, entry in layers.items() for role, type in entry["Precision"].items()]
    return View([(["layer", "what", "type"], rows)], [], printable(f"{len(rows)} types of {len(layers)} layers"))
