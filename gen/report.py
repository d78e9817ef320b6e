"""``report.html``: one page about one build, from its JSON files; nothing in it is loaded from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..sim.errors import BitsmithError
from .files import hashes
from .files.folder import open_build, write_text
from .verdict import equal, information, verdict

RESOURCES = ("lut", "ff", "dsp", "bram")


def write_report(folder: str | Path) -> Path:
    """Write ``folder/report.html`` and return its path; BitsmithError unless the folder is a build of ours."""
    build = open_build(folder)
    page = Path(folder) / "report.html"
    found = hashes.changed(folder, build)
    write_text(page, render(build, _optional(folder, "estimate.json"), _optional(folder, "verify.json"), found))
    return page


def render(
    build: dict[str, Any], estimate: dict[str, Any], verified: dict[str, Any], changed: Sequence[str] = ()
) -> str:
    """The page's text. ``estimate`` and ``verified`` may be empty: then the page says which command fills them.

    ``changed``: the files that are not as they were built, whatever was found before they were changed.
    """
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
        build=build,
        estimate=estimate,
        verified=verified,
        changed=list(changed),
        rows=rows(build, estimate),
        resources=RESOURCES,
        good=equal(verified) and not changed,
        verdict=verdict(verified),
        information=information(verified),
    )


def rows(build: dict[str, Any], estimate: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a layer, what the build says of it beside what the estimate says; then the hardware that is no layer."""
    stages = {stage["name"]: stage for stage in estimate.get("layers", [])}
    found = [{**stages.pop(layer["name"], {}), **layer} for layer in build["layers"]]
    return found + [{"shape": [], "type": "", **stage, "label": stage["name"]} for stage in stages.values()]


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
