"""``bitsmith train cells|fli|lic``."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ..sim.errors import BitsmithError, install_extra
from .options import Json
from .outcome import Outcome, printable, table
from .progress import watched

APPLICATIONS = ("cells", "fli", "lic")


def train(
    application: Annotated[str, typer.Argument(metavar="|".join(APPLICATIONS), help="Which application.")],
    quick: Annotated[bool, typer.Option("--quick", help="A few minutes instead of the full training.")] = False,
    data: Annotated[str, typer.Option(help="Which data set: synthetic, digits or lymphomnist.")] = "synthetic",
    path: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="A data set that is not ours to ship; lic: images to measure on."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", metavar="DIR", help="Where the trained files go."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 1,
    json: Json = False,
) -> Outcome:
    """Train an application's network again."""
    check_application(application)
    if find_spec("tensorflow") is None:
        raise BitsmithError(f"training needs TensorFlow; {install_extra('train')}")
    start = import_module(f"bitsmith.models.{application}.train").train
    result = start(data=data, path=path, out=output, seed=seed, quick=quick, progress=watched(json))
    return Outcome(result, table(["", application], _flat(result)), json)


def check_application(application: str) -> None:
    """BitsmithError unless there is such an application."""
    if application not in APPLICATIONS:
        raise BitsmithError(f"unknown application '{application}'; one of {', '.join(APPLICATIONS)}")


def _flat(data: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested figures as rows, ``student.accuracy 0.9``."""
    rows: list[tuple[str, str]] = []
    for key, value in data.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, printable(value))]
    return rows
