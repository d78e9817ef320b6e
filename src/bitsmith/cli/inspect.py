"""``bitsmith inspect MODEL``."""

from __future__ import annotations

import shlex
from typing import Any

from .options import Config, Json, Model, Weights
from .outcome import BAD_INPUT, DONE, Outcome, View, printable


def inspect(model: Model, config: Config = None, weights: Weights = None, json: Json = False) -> Outcome:
    """Layers, shapes, quantizers; what is not supported, and what has no type yet.

    Exit status 2, with the reasons, where something is not supported; types can be added.
    """
    from ..api import inspect as look

    data = look(model, config, weights)
    return Outcome(data, view(data).text(), json, DONE if data["supported"] else BAD_INPUT, _error(data))


def view(data: dict[str, Any]) -> View:
    """One row a layer, then the whole, then every reason against it."""
    head = ["layer", "class", "shape", "type", "quantizers", "parameters"]
    whole = f"{printable(data['model'])}: {data['parameters']:,} parameters"
    lines = [whole]
    lines += [f"not supported: {printable(problem['reason'])}" for problem in data["problems"]]
    lines += [f"no type: {printable(missing['reason'])}" for missing in data["missing"]]
    if data["missing"] and data["supported"] and len(data["inputs"]) == 1:
        files = [data["file"], *(("--weights", data["weights"]) if data["weights"] else ())]
        command = f"bitsmith calibrate {shlex.join(files)} --data x.npy -o c.yaml"
        lines += [f"types for all of it, from inputs in x.npy: {printable(command)}"]
    found = f"{len(data['problems'])} not supported, {len(data['missing'])} without a type"
    return View([(head, [_row(layer) for layer in data["layers"]])], lines, f"{whole}, {found}")


def _row(layer: dict[str, Any]) -> list[str]:
    shape = "?" if layer["shape"] is None else "×".join(map(str, layer["shape"]))
    parts = [f"{what} {quantizer}" for what, quantizer in layer["quantizers"].items()]
    quantizers = "; ".join([*parts, *([layer["activation"]] if layer["activation"] else [])])
    return [layer["name"], layer["class"], shape, layer["type"] or "-", quantizers, f"{layer['parameters']:,}"]


def _error(data: dict[str, Any]) -> str:
    if data["supported"]:
        return ""
    more = f" (and {len(data['problems']) - 1} more)" if len(data["problems"]) > 1 else ""
    return f"{data['file']} is not supported: {data['problems'][0]['reason']}{more}"
