"""``bitsmith config MODEL``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .options import Config, Json, Model
from .outcome import Outcome, printable


def config(
    model: Model,
    config: Config = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", metavar="FILE.yaml", help="Where to write it [default: print it]."),
    ] = None,
    json: Json = False,
) -> Outcome:
    """Write a configuration with every layer's types, strategy and reuse factor, to change and feed back."""
    from ..gen.files.folder import write_text
    from ..gen.resolved import resolve, text_of

    found = resolve(model, config)
    text = text_of(found, str(model), printable)
    if output is not None:
        write_text(output, text)
        return Outcome({"config": found.config, "file": str(output)}, printable(output), json)
    return Outcome({"config": found.config}, text.rstrip(), json)
