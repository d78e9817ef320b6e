"""``bitsmith estimate DIR``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Optional

import typer

from ..sim.errors import BitsmithError
from .options import Build, Json
from .outcome import Outcome, View, printable


def estimate(
    folder: Build,
    resources: Annotated[
        str, typer.Option(metavar="formula|yosys", help="Where the resource estimate comes from; yosys takes minutes.")
    ] = "formula",
    image: Annotated[
        Optional[str],  # noqa: UP045  (typer evaluates it on Python 3.10 too)
        typer.Option(
            metavar="HxW", help="Recurrent networks: how many such images a second, a sequence for each pixel."
        ),
    ] = None,
    json: Json = False,
) -> Outcome:
    """Cycles, exact; resources, estimated."""
    from ..api import estimate as predict

    data = predict(folder, resources, pixels(image) if image else None)
    return Outcome(data, view(data).text(), json)


def pixels(size: str) -> tuple[int, int]:
    """(height, width) from ``512x512``; BitsmithError for anything else."""
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", size)
    if found is None:
        raise BitsmithError(f"--image '{size}' is no size; write height x width in pixels, as in --image 512x512")
    return int(found[1]), int(found[2])


def text(data: dict[str, Any]) -> str:
    """What the command prints."""
    return view(data).text()


def view(data: dict[str, Any]) -> View:
    """One row a layer, then the whole."""
    keys = list(dict.fromkeys(key for layer in data["layers"] for key in layer))
    total = data["resources"]
    rows = [[shown(layer.get(key, "")) for key in keys] for layer in data["layers"]]
    cycles = f"latency {data['latency_cycles']} cycles, a new frame every {data['interval_cycles']} (exact)"
    lines = [cycles]
    lines += rates(data) if "sequences" in data else []
    figures = ", ".join(f"{total[key]} {key.upper()}" for key in ("lut", "ff", "dsp", "bram"))
    lines += [f"{figures}; source: {printable(total['source'])}"]
    return View([(keys, rows)], lines, f"{cycles}; {lines[-1]}")


def shown(value: Any) -> Any:
    """A cell; who chose what in one word where it was one."""
    if not isinstance(value, dict):
        return value
    if len(set(value.values())) == 1:
        return next(iter(value.values()))
    return ", ".join(f"{key.partition('_')[0]}: {origin}" for key, origin in value.items())


def rates(data: dict[str, Any]) -> list[str]:
    """What a recurrent network adds."""
    found = f"{data['sequences']} sequences in a frame, {data['sequences_per_second']:,.0f} a second"
    if "image" in data:
        height, width = data["image"]
        found += f"; {height} x {width} pixels: {data['frames_per_second']:,.2f} images a second"
    return [f"{found} at {data['clock_mhz']} MHz", *(printable(line) for line in data["advice"])]
