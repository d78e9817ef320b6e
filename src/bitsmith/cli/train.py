"""``bitsmith train cells|fli|lic``."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from ..sim.errors import BitsmithError
from .options import Json
from .outcome import Outcome, table

APPLICATIONS = ("cells", "fli", "lic")


def train(
    application: Annotated[str, typer.Argument(metavar="|".join(APPLICATIONS), help="Which application.")],
    quick: Annotated[bool, typer.Option("--quick", help="A few minutes instead of the full training.")] = False,
    json: Json = False,
) -> Outcome:
    """Train an application's network again."""
    check_application(application)
    if find_spec("tensorflow") is None:
        raise BitsmithError("training needs TensorFlow; pip install 'bitsmith[train]'")
    data = import_module(f"bitsmith.models.{application}.train").train(quick=quick)
    return Outcome(data, table(["", application], list(data.items())), json)


def check_application(application: str) -> None:
    """BitsmithError unless the application is there already."""
    if application not in APPLICATIONS:
        raise BitsmithError(f"unknown application '{application}'; one of {', '.join(APPLICATIONS)}")
    if find_spec(f"bitsmith.models.{application}") is None:
        raise BitsmithError(f"'{application}' is not there yet; this version has cells")
