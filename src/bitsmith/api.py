"""What ``import bitsmith`` offers. Each command of the command line calls the function of its name.

Bad input is a BitsmithError of one line. ``progress`` is True for lines on stderr, or a function that takes each line.
A result is a dictionary, the same that the command prints with ``--json``; it shows itself as the command does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import wraps
from operator import index
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from .result import Result
from .sim.errors import BitsmithError
from .sim.shown import one_line

if TYPE_CHECKING:
    from .gen.build import Build
    from .gen.config.schema import Config
    from .sim.graph import Graph

    Settings = str | PathLike[str] | dict[str, Any] | Config | None

__all__ = ["build", "calibrate", "estimate", "inspect", "load", "load_build", "report", "synth", "verify"]

Say = Callable[[str], None]
Progress = bool | Say
P = ParamSpec("P")
T = TypeVar("T")


def _in_one_line(function: Callable[P, T]) -> Callable[P, T]:
    """Names from a model may hold line breaks; an error's text holds none."""

    @wraps(function)
    def call(*args: P.args, **named: P.kwargs) -> T:
        try:
            return function(*args, **named)
        except BitsmithError as error:
            line = one_line("".join(c if c.isprintable() else " " for c in str(error)))
            if line == str(error):
                raise
            raise BitsmithError(line) from error

    return call


@_in_one_line
def load(model: Any, config: Settings = None, weights: str | PathLike[str] | None = None) -> Graph:
    """The graph of integers of a trained model: the path of an .h5 or .keras file, or a Keras model in memory.

    ``config`` is a YAML file's path or what one holds; ``weights`` is the second file of a model in JSON. BitsmithError
    names the file, the layer and the attribute where something is not supported.
    """
    from .gen.build import load as read

    return read(_model(model), _settings(config), _model(weights))


@_in_one_line
def inspect(model: Any, config: Settings = None, weights: str | PathLike[str] | None = None) -> Result:
    """Layers, shapes, types and quantizers; ``problems`` (not supported) and ``missing`` (types) where there are any.

    BitsmithError only where the model cannot be read at all.
    """
    from .gen.inspect import inspect as look

    return Result("inspect", look(_model(model), _settings(config), _model(weights)))


@_in_one_line
def calibrate(
    model: Any, data: Any, bits: int = 8, *, weights: str | PathLike[str] | None = None, progress: Progress = False
) -> Result:
    """A configuration for a float model, ready for ``build``: types of ``bits`` bits from the ranges on ``data``.

    ``data`` are inputs as the model gets them, batch first: a .npy file's path or an array.
    """
    from .gen.calibrate.ranges import calibrate as measure

    width = _number(bits, "bits", 2, 32)
    return Result("calibrate", measure(_model(model), _model(data), width, _say(progress), _model(weights)))


@_in_one_line
def build(
    model: Any,
    config: Settings,
    folder: str | PathLike[str],
    seed: int = 1,
    vectors: int = 64,
    *,
    weights: str | PathLike[str] | None = None,
    progress: Progress = False,
) -> Build:
    """Make the HLS project, the Verilog and ``vectors`` test vectors in ``folder``, which is new, empty or ours.

    ``model`` is a graph of ``load``, a model file's path, or a Keras model in memory; None for the files that
    ``config``, a YAML file's path, names itself (``KerasModel: model.h5``, from its folder). A build of a file
    remembers its name and SHA-256. Everything is written beside and renamed when it is whole; on an error what was
    there is left.
    """
    from .gen import build as module
    from .sim.graph import Graph

    if model is None:
        model, weights = _named(config, weights)
    settings, say = _settings(config), _say(progress)
    seed, vectors = _number(seed, "seed", 0), _number(vectors, "vectors", 1)
    if isinstance(model, (str, PathLike)):
        module.build_project(Path(model), settings, Path(folder), seed, vectors, say, _model(weights))
        return load_build(folder)
    if isinstance(model, Graph) and weights is not None:
        raise BitsmithError(f"a graph has its weights; leave out weights={weights}")
    graph = model if isinstance(model, Graph) else load(model, settings, weights)
    return module.build(graph, settings, Path(folder), seed, vectors, say)


def _named(config: Settings, weights: Any) -> tuple[Path, Path | None]:
    """The model's files that a YAML file names."""
    from .gen.config.named_model import in_file

    if not isinstance(config, (str, PathLike)):
        raise BitsmithError("no model is given; give a model, or the path of a configuration that names one")
    if weights is not None:
        raise BitsmithError(f"the weights are those of the model that {config} names; leave out weights={weights}")
    return in_file(Path(config))


@_in_one_line
def load_build(folder: str | PathLike[str]) -> Build:
    """The build in ``folder``. BitsmithError where it is none of ours, or its graph or bitsmith.json was changed."""
    from .gen.build import open_folder

    return open_folder(Path(folder))


@_in_one_line
def estimate(build: str | PathLike[str], resources: str = "formula", image: tuple[int, int] | None = None) -> Result:
    """Cycles, exact, and resources, estimated by ``formula`` or by ``yosys``, which takes minutes.

    ``image`` is (height, width): how many such images a second a recurrent network takes, a sequence for each pixel.
    """
    from .gen.synth.estimate import estimate as predict

    return Result("estimate", predict(Path(build), resources, image))


@_in_one_line
def verify(
    build: str | PathLike[str],
    levels: str | Iterable[str] = ("hls", "rtl"),
    vectors: int | None = None,
    inputs: Any = None,
    seed: int = 0,
    *,
    labels: Any = None,
    model: Any = None,
    exact: bool = False,
    progress: Progress = False,
) -> Result:
    """Compare what was built with the reference, integer by integer; ``passed`` says whether all were equal.

    ``levels`` are of hls, rtl, layers, second, netlist, cocotb and keras, and of netlist-generic, netlist-xilinx,
    netlist-ecp5 and netlist-routed. ``inputs`` are the path of a .npy or .npz, an array, or a dictionary of arrays;
    floats are rounded to the input's type. ``labels``, a .npy file or an array of one class for each input, add the
    accuracy. ``model`` is for the level keras: the file that was built, or the model in memory; ``exact`` makes it fail
    where a value is not equal.
    """
    from .gen.verify import verify as compare
    from .gen.verify.origin import Origin

    chosen = [levels] if isinstance(levels, str) else list(levels)
    count = None if vectors is None else _number(vectors, "vectors", 1)
    what = (chosen, count, _model(inputs), _number(seed, "seed", 0), _say(progress))
    origin = Origin(_model(model), _register_layers)
    return Result("verify", compare(Path(build), *what, model=origin, exact=exact, truth=_model(labels)))


@_in_one_line
def synth(build: str | PathLike[str], tool: str, *, progress: Progress = False) -> Result:
    """Synthesize with the vendor's tool, ``vitis`` or ``vivado_hls``, or with ``yosys`` or ``ecp5``."""
    from .gen.synth.tools import synth as start

    return Result("synth", start(Path(build), tool, _say(progress)))


@_in_one_line
def report(build: str | PathLike[str]) -> Path:
    """Write ``report.html``, one page about the build and its last results; returns its path."""
    from .gen.report import write_report

    return write_report(Path(build))


def _register_layers() -> None:
    """Bitsmith's own layers, which register with Keras when they are made."""
    from . import layers

    for name in layers.__all__:
        getattr(layers, name)


def _number(value: Any, name: str, least: int, most: int | None = None) -> int:
    """A whole number in its range, numpy's too; BitsmithError for anything else."""
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if number < least or (most is not None and number > most):
        span = f"{least} or more" if most is None else f"{least} to {most}"
        raise BitsmithError(f"{name}={value!r} is not possible; give {span}")
    return number


def _say(progress: Progress) -> Say:
    if callable(progress):
        return progress
    return _to_stderr if progress else _nobody


def _to_stderr(line: str) -> None:
    from .cli.outcome import printable

    print(printable(line), file=sys.stderr, flush=True)


def _nobody(line: str) -> None:
    """Nobody is watching."""


def _model(model: Any) -> Any:
    """A path as a Path; anything else as it is."""
    return Path(fspath(model)) if isinstance(model, (str, PathLike)) else model


def _settings(config: Any) -> Any:
    """A result of ``calibrate`` as plain data, too."""
    return dict(config) if isinstance(config, dict) else _model(config)
