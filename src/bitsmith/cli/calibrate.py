"""``bitsmith calibrate MODEL --data FILE.npy``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .options import Json, Model, Weights
from .outcome import Outcome
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

    from ..gen.calibrate.ranges import calibrate as measure
    from ..gen.files.folder import write_text

    with progress(watched(json)) as say:
        config = measure(model, data, bits, say, weights)
    text = yaml.safe_dump(config, sort_keys=False)
    if output is not None:
        write_text(output, text)
        return Outcome({"config": config, "file": str(output)}, str(output), json)
    return Outcome({"config": config}, text.rstrip(), json)
