"""One recipe through everything: made, read, beside Keras, built, simulated; and what came of it."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_builds import unbuilt

from bitsmith.gen.build import build_project, load
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.verify import verify
from bitsmith.gen.verify.origin import Origin, nothing
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.graph import Graph

from . import beside_onnx, onnx_grow
from .kinds import BOTH
from .layerwise import Compared
from .model import Made, classes, inexact, make, missing, prefix
from .recipe import Recipe
from .signed import register

FRAMES = 24
MADE, READ, KERAS, BUILD, HLS, RTL, CYCLES = STAGES = ("made", "read", "keras", "build", "hls", "rtl", "cycles")
"""Where a recipe can fail, in the order that it gets there."""


@dataclass
class Result:
    """What became of a recipe. ``stage`` and ``reason`` say where and why it failed, if it did.

    ``refused``: the reason for each network that is left out. ``compared``: frames by level, of so many networks each;
    ``exact``: the networks whose every value must be Keras's; ``layers`` of the others were held to Keras one by one.
    """

    recipe: Recipe
    stage: str = ""
    reason: str = ""
    refused: dict[int, str] = field(default_factory=dict)
    operators: dict[int, list[str]] = field(default_factory=dict)
    classes: dict[int, list[str]] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)
    exact: set[int] = field(default_factory=set)
    layers: int = 0
    seconds: float = 0.0

    @property
    def proven(self) -> list[int]:
        """The networks that went through every level."""
        return [] if self.stage else [n["id"] for n in self.recipe["networks"]]


class Failed(Exception):
    """The stage that failed, and one line about it."""


def alone(recipe: Recipe, numbers: Iterable[int]) -> Recipe:
    """The same build with these networks only."""
    kept = set(numbers)
    return recipe | {"networks": [n for n in recipe["networks"] if n["id"] in kept]}


def prove(recipe: Recipe, until: str = CYCLES, keep: Path | None = None) -> Result:
    """Every stage, or what it takes to see ``until`` fail.

    A network that is refused is left out of the build, and the others go on. ``keep`` is a folder in which the model
    file stays; without it everything is made in a temporary one.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result, start = Result(recipe), time.perf_counter()
        try:
            _prove(result, folder, Path(temporary), STAGES.index(until))
        except Failed as failed:
            result.stage, result.reason = failed.args
        result.seconds = time.perf_counter() - start
    return result


def _prove(result: Result, folder: Path, work: Path, until: int) -> None:
    package = missing(result.recipe)
    if package:
        result.refused = {n["id"]: f"{package} is not installed" for n in result.recipe["networks"]}
        result.recipe = alone(result.recipe, [])
        return
    made, graph = _accepted(result, folder)
    if graph is None:
        return
    numbers = [n["id"] for n in result.recipe["networks"]]
    result.classes = classes(made.path, numbers)
    result.exact = made.exact - inexact(made, graph, result.recipe["library"])
    for number in numbers:
        stems = {n.op.stem for n in graph.nodes if n.name.startswith(prefix(number)) or len(numbers) == 1}
        result.operators[number] = sorted(stems)
    if until in (STAGES.index(KERAS), STAGES.index(CYCLES)):
        _layer_by_layer(result, made, graph)
        if result.recipe["library"] == "onnx":
            _beside_onnx(result, made, graph)
    if until == STAGES.index(KERAS) and result.recipe["library"] != "onnx":
        _beside_keras(result, made, work)
    if until >= STAGES.index(BUILD):
        _in_hardware(result, made, work / "built", until)


def _accepted(result: Result, folder: Path) -> tuple[Made, Graph | None]:
    """The model and its graph, without the networks that are refused; each is tried alone where all are refused."""
    made = _stage(MADE, make, result.recipe, folder)
    try:
        return made, _read(made)
    except BitsmithError as error:
        networks = result.recipe["networks"]
        if len(networks) == 1:
            result.refused[networks[0]["id"]] = _line(error, folder)
            result.recipe = alone(result.recipe, [])
            return made, None
        for network in networks:
            one = Result(alone(result.recipe, [network["id"]]))
            _accepted(one, folder)
            result.refused |= one.refused
        if not result.refused:
            raise Failed(READ, f"refused together, and each is accepted alone: {_line(error, folder)}") from error
    result.recipe = alone(result.recipe, [n["id"] for n in networks if n["id"] not in result.refused])
    return _accepted(result, folder) if result.recipe["networks"] else (made, None)


def _read(made: Made) -> Graph:
    def read() -> Graph:
        config = parse_config(made.config)
        graph = load(made.path, config)
        plan_for(graph, config)
        return graph

    return _stage(READ, read, passes=True)  # type: ignore[no-any-return]


def _origin(result: Result, made: Made) -> Origin:
    return Origin(made.path, register if result.recipe["library"] == "tf_keras" else nothing)


def _beside_keras(result: Result, made: Made, work: Path) -> None:
    """The level keras alone, of a build without hardware."""

    def compare() -> Any:
        folder = unbuilt(work / "beside_keras", made.path, made.config)
        return verify(folder, [KERAS], vectors=FRAMES, seed=result.recipe["seed"], model=_origin(result, made))

    _check_keras(result, _stage(KERAS, compare)["levels"][KERAS])


def _check_keras(result: Result, level: dict[str, Any]) -> None:
    """Equal in every value where the network is exact."""
    result.compared[KERAS] = level["compared"]
    if level["problems"]:
        raise Failed(KERAS, level["problems"][0])
    for name, figures in level["figures"].items():
        number = next((n for n in result.classes if name.startswith(prefix(n))), min(result.classes))
        if number in result.exact and figures["equal_share"] < 1:
            worst = figures.get("worst", "")
            raise Failed(KERAS, f"network {number}: {1 - figures['equal_share']:.2%} differ, worst {worst}")


def _layer_by_layer(result: Result, made: Made, graph: Graph) -> None:
    """The networks that are not exact as a whole, where Keras computes in float64."""
    near = [n for n in result.classes if n not in result.exact]
    if result.recipe["library"] not in BOTH or not near:
        return
    compared = Compared(made.model, graph, made.config, *made.near, seed=result.recipe["seed"])
    for number in near:
        held = _stage(KERAS, compared.hold, prefix(number))
        result.layers += held.layers
        if held.problem:
            raise Failed(KERAS, f"network {number}: {held.problem}")


def _beside_onnx(result: Result, made: Made, graph: Graph) -> None:
    """The same with qonnx in the place of Keras."""
    differences = _stage(KERAS, beside_onnx.differences, made.path, graph, result.recipe["seed"])
    result.compared[KERAS] = onnx_grow.FRAMES
    for number, (output, difference) in zip(result.classes, differences.items(), strict=True):
        if number in result.exact and difference:
            raise Failed(KERAS, f"network {number}: {output} differs from qonnx's by up to {difference}")


def _in_hardware(result: Result, made: Made, built: Path, until: int) -> None:
    seed, onnx = result.recipe["seed"], result.recipe["library"] == "onnx"
    _stage(BUILD, build_project, made.path, made.config, built, seed=seed, vectors=FRAMES)
    if until == STAGES.index(BUILD):
        return
    levels = [HLS, RTL] if onnx else [KERAS, HLS, RTL]
    levels = levels if until == STAGES.index(CYCLES) else [STAGES[until]]
    report = _stage(levels[-1], verify, built, levels, seed=seed, model=_origin(result, made))
    for name in levels:
        level = report["levels"][name]
        if name == KERAS:
            _check_keras(result, level)
            continue
        result.compared[name] = level["compared"]
        if level["mismatches"] or level["problems"]:
            problems = "; ".join(level["problems"][:3])
            where = report["first_divergence"]
            raise Failed(name, f"{level['mismatches']} frames differ {problems} {where or ''}".strip())
    cycles = report["cycles"]
    if cycles is not None and not cycles["equal"]:
        raise Failed(CYCLES, f"predicted and simulated cycles differ: {cycles}")
    if report["problems"]:
        raise Failed(BUILD, report["problems"][0])


def _stage(stage: str, what: Any, *given: Any, passes: bool = False, **named: Any) -> Any:
    """Whatever is raised is that stage's failure; with ``passes`` a refusal is not."""
    try:
        return what(*given, **named)
    except BitsmithError as error:
        if passes:
            raise
        raise Failed(KERAS if str(error).startswith("Keras ") else stage, f"BitsmithError: {error}") from error
    except Exception as error:
        if os.environ.get("BITSMITH_DEBUG"):
            traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())[:300]
        where = f"{Path(place.filename).name}:{place.lineno}"
        raise Failed(stage, f"{type(error).__name__}: {text} ({where})") from error


def _line(error: Exception, folder: Path) -> str:
    return str(error).replace(f"{folder}{os.sep}", "")
