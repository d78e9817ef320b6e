"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, nothing else.")]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A trained model: .h5, .keras, .onnx, or .json with --weights.")
]
ModelOrConfig = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Argument(
        metavar="MODEL",
        show_default=False,
        help="A trained model: .h5, .keras, .onnx, .json with --weights; without it, the one that CONFIG.yaml names.",
    ),
]
Weights = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--weights", metavar="FILE.h5", help="The weights of a model in .json: hls4ml's KerasH5."),
]
Build = Annotated[Path, typer.Argument(metavar="DIR", help="A folder made by 'bitsmith build'.")]
Config = Annotated[
    Optional[Path],  # noqa: UP045  (typer evaluates it on Python 3.10 too)
    typer.Option(
        "--config", "-c", metavar="CONFIG.yaml", help="hls4ml's configuration; ours stands under 'Bitsmith:'."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the random test vectors.")]
