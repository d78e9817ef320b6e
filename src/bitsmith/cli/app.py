"""The application: which commands there are."""

from __future__ import annotations

from typing import Annotated

import typer

from ..version import __version__
from .build import build
from .calibrate import calibrate
from .codec import codec
from .config import config
from .estimate import estimate
from .inspect import inspect
from .report import report
from .synth import synth
from .train import train
from .verify import verify

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
for command in (inspect, calibrate, config, build, verify, estimate, synth, report, train):
    app.command()(command)
app.add_typer(codec, name="codec")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bitsmith {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Trained Keras and QKeras models as FPGA hardware, compared with one fixed-point reference integer by integer.

    Exit status: 0 done, 1 a comparison or the timing failed, 2 bad input or usage.
    """
