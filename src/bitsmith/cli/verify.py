"""``bitsmith verify DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from .options import Build, Json
from .outcome import DONE, FAILED, Outcome, Table, View, printable
from .progress import progress, watched

NAMED = 6
COLUMNS = ("points", "reached", "alone", "impossible", "not_reached")


def verify(
    folder: Build,
    level: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--level",
            metavar="LEVEL",
            help="hls, rtl, layers, second, netlist, cocotb, keras, and netlist-generic, netlist-xilinx, netlist-ecp5, "
            "netlist-routed; repeatable [default: hls rtl].",
        ),
    ] = None,
    vectors: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="How many inputs to compare [default: the build's own, or all of FILE.npy]."),
    ] = None,
    inputs: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE.npy", help="Inputs to take instead, batch first; floats are real values."),
    ] = None,
    labels: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE.npy", help="The class of each of the inputs: states the accuracy."),
    ] = None,
    model: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="MODEL", help="For the level keras: the file that was built [default: found by its name]."
        ),
    ] = None,
    exact: Annotated[bool, typer.Option("--exact", help="The level keras fails where a value is not equal.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random inputs and stalls.")] = 0,
    json: Json = False,
) -> Outcome:
    """Compare every integer with the reference's."""
    from ..api import verify as compare

    with progress(watched(json)) as say:
        data = compare(
            folder,
            level or ("hls", "rtl"),
            vectors,
            inputs,
            seed,
            labels=labels,
            model=model,
            exact=exact,
            progress=say,
        )
    return Outcome(data, view(data).text(), json, DONE if data["passed"] else FAILED)


def view(data: dict[str, Any]) -> View:
    """One row a level, what went wrong, the first place that differs, and what that shows."""
    from ..gen.verdict import information, verdict

    rows = [(n, r["compared"], r["mismatches"], f"{r['seconds']:.1f}") for n, r in data["levels"].items()]
    lines = [printable(problem) for problem in data["problems"]]
    lines += [f"{name}: {printable(problem)}" for name, r in data["levels"].items() for problem in r["problems"]]
    lines += [printable(line) for line in information(data)]
    if data["cycles"]:
        lines += ["cycles: " + _pairs(data["cycles"])]
    if data["first_divergence"]:
        lines += ["first divergence: " + _pairs(data["first_divergence"])]
    failed = "" if data["passed"] else "FAILED: "
    whole = f"{printable(data['model'])}, seed {data['seed']}: {failed}{printable(verdict(data))}"
    tables: list[Table] = [(["level", "frames", "mismatches", "seconds"], rows)]
    return View([*tables, *_reached(data)], [*_missing(data), *lines, whole], whole)


def _reached(data: dict[str, Any]) -> list[Table]:
    """How many points each layer has, and what became of them; no table where nothing has any."""
    found = data.get("reached") or {"layers": []}
    keys = [key for key in COLUMNS if key != "alone" or found.get("driven_alone")]
    rows = [(printable(layer["layer"]), *(layer[key] for key in keys)) for layer in found["layers"]]
    return [(["layer", *(key.replace("_", " ") for key in keys)], rows)] if rows else []


def _missing(data: dict[str, Any]) -> list[str]:
    """The first names of what was not reached, what may reach it, and which layers could not be driven alone."""
    found = data.get("reached") or {"layers": []}
    every = [f"{layer['layer']}, {name}" for layer in found["layers"] for name in layer["missing"]]
    lines = [f"not reached: {printable(name)}" for name in every[:NAMED]]
    lines += [f"not reached: {len(every) - NAMED} more kinds, see verify.json"] if len(every) > NAMED else []
    if every and not found.get("driven_alone"):
        left = sum(layer["not_reached"] for layer in found["layers"])
        lines += [f"--level layers drives these layers alone, for the {left:,} points that are not reached"]
    refused = [layer for layer in found["layers"] if layer.get("not_alone")]
    return lines + [printable(f"not driven alone: {layer['layer']}: {layer['not_alone']}") for layer in refused]


def _pairs(data: dict[str, Any]) -> str:
    return printable(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in data.items()))
