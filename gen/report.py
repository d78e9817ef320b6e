"""``report.html``: one page about one build, from its JSON files; nothing in it is loaded from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..sim.errors import BitsmithError
from .folder import open_build, write_text

RESOURCES = ("lut", "ff", "dsp", "bram")


def write_report(folder: str | Path) -> Path:
    """Write ``folder/report.html`` and return its path; BitsmithError unless the folder is a build of ours."""
    build = open_build(folder)
    page = Path(folder) / "report.html"
    write_text(page, render(build, _optional(folder, "estimate.json"), _optional(folder, "verify.json")))
    return page


def render(build: dict[str, Any], estimate: dict[str, Any], proof: dict[str, Any]) -> str:
    """The page's text. ``estimate`` and ``proof`` may be empty: then the page says which command fills them."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__ or "bitsmith.gen", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = _count
    return environment.get_template("report.html.jinja").render(
        build=build, estimate=estimate, proof=proof, rows=rows(build, estimate), resources=RESOURCES, good=equal(proof)
    )


def rows(build: dict[str, Any], estimate: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a layer, what the build says of it beside what the estimate says; then the hardware that is no layer."""
    stages = {stage["name"]: stage for stage in estimate.get("layers", [])}
    found = [{**stages.pop(layer["name"], {}), **layer} for layer in build["layers"]]
    return found + [{"shape": [], "type": "", **stage, "label": stage["name"]} for stage in stages.values()]


def equal(proof: dict[str, Any]) -> bool:
    """Whether the proof passed and every level compared something."""
    levels = proof.get("levels", {})
    return bool(proof.get("passed") and levels) and all(result["compared"] > 0 for result in levels.values())


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _optional(folder: str | Path, name: str) -> dict[str, Any]:
    path = Path(folder) / name
    if not path.exists():
        return {}
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BitsmithError(f"cannot read '{path}'; delete it and make it again") from error
    return data
