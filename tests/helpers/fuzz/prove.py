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
from bitsmith.gen.verify.keras_model import Origin
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.graph import Graph

from .model import Made, inexact, make, prefix
from .recipe import Recipe

FRAMES = 24
MADE, READ, KERAS, BUILD, HLS, RTL, CYCLES = STAGES = ("made", "read", "keras", "build", "hls", "rtl", "cycles")
"""Where a recipe can fail, in the order that it gets there."""


@dataclass
class Result:
    """What became of a recipe. ``stage`` and ``reason`` say where and why it failed, if it did.

    ``refused``: the reason for each network that is left out. ``compared``: frames by level, of so many networks each;
    ``exact``: the networks whose every value must be Keras's.
    """

    recipe: Recipe
    stage: str = ""
    reason: str = ""
    refused: dict[int, str] = field(default_factory=dict)
    operators: dict[int, list[str]] = field(default_factory=dict)
    classes: dict[int, list[str]] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)
    exact: set[int] = field(default_factory=set)
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
    """Every stage up to ``until``. A network that is refused is left out of the build, and the others go on.

    ``keep`` is a folder in which the model file stays; without it everything is made in a temporary one.
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
    made, graph = _accepted(result, folder)
    if graph is None:
        return
    result.classes = made.classes
    result.exact = made.exact - inexact(made, graph)
    for number in result.classes:
        result.operators[number] = sorted({n.op.stem for n in graph.nodes if n.name.startswith(prefix(number))})
    if until >= STAGES.index(KERAS):
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


def _beside_keras(result: Result, made: Made, work: Path) -> None:
    """The level keras, of a build without hardware: equal in every value where the network is exact."""

    def compare() -> Any:
        folder = unbuilt(work / "beside_keras", made.path, made.config)
        return verify(folder, [KERAS], vectors=FRAMES, seed=result.recipe["seed"], model=Origin(made.path))

    level = _stage(KERAS, compare)["levels"][KERAS]
    result.compared[KERAS] = level["compared"]
    if level["problems"]:
        raise Failed(KERAS, level["problems"][0])
    for name, figures in level["figures"].items():
        number = next(n for n in result.classes if name.startswith(prefix(n)))
        if number in result.exact and figures["equal_share"] < 1:
            raise Failed(KERAS, f"network {number}: {1 - figures['equal_share']:.2%} differ, worst {figures['worst']}")


def _in_hardware(result: Result, made: Made, built: Path, until: int) -> None:
    seed = result.recipe["seed"]
    _stage(BUILD, build_project, made.path, made.config, built, seed=seed, vectors=FRAMES)
    levels = [level for level in (HLS, RTL) if until >= STAGES.index(level)]
    if not levels:
        return
    report = _stage(levels[-1], verify, built, levels, seed=seed)
    for name in levels:
        level = report["levels"][name]
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
        raise Failed(stage, f"BitsmithError: {error}") from error
    except Exception as error:
        if os.environ.get("BITSMITH_DEBUG"):
            traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())[:300]
        where = f"{Path(place.filename).name}:{place.lineno}"
        raise Failed(stage, f"{type(error).__name__}: {text} ({where})") from error


def _line(error: Exception, folder: Path) -> str:
    return str(error).replace(f"{folder}{os.sep}", "")
