"""``bitsmith estimate DIR``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .options import Build, Json
from .outcome import Outcome, printable, table


def estimate(
    folder: Build,
    resources: Annotated[
        str, typer.Option(metavar="formula|yosys", help="Where the resource estimate comes from; yosys takes minutes.")
    ] = "formula",
    json: Json = False,
) -> Outcome:
    """Cycles, exact; resources, estimated."""
    from ..gen.estimate import estimate as predict
    from ..gen.folder import write_json

    data = predict(folder, resources)
    write_json(folder / "estimate.json", data)
    return Outcome(data, text(data), json)


def text(data: dict[str, Any]) -> str:
    """One row a layer, then the whole."""
    keys = list(dict.fromkeys(key for layer in data["layers"] for key in layer))
    total = data["resources"]
    lines = [table(keys, [[layer.get(key, "") for key in keys] for layer in data["layers"]])] if keys else []
    lines += [f"latency {data['latency_cycles']} cycles, a new frame every {data['interval_cycles']} (exact)"]
    figures = ", ".join(f"{total[key]} {key.upper()}" for key in ("lut", "ff", "dsp", "bram"))
    lines += [f"{figures}; source: {printable(total['source'])}"]
    return "\n".join(lines)
