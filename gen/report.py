"""``report.html``: one page about one build, from its JSON files; nothing in it is loaded from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..sim.errors import BitsmithError
from .files import hashes
from .files.folder import MARK, open_build, write_text
from .files.json_file import read_json
from .verdict import equal, information, verdict

_OPTIONAL = ("estimate.json", "verify.json")
RESOURCES = ("lut", "ff", "dsp", "bram")


def write_report(folder: str | Path) -> Path:
    """Write ``folder/report.html`` and return its path; BitsmithError unless the folder is a build of ours."""
    build = open_build(folder)
    page = Path(folder) / "report.html"
    found = hashes.changed(folder, build)
    parts = {name: _optional(folder, name) for name in _OPTIONAL}
    try:
        text = render(build, parts["estimate.json"], parts["verify.json"], found)
    except Exception as error:  # a file that is not what we wrote may break whatever reads it
        raise BitsmithError(_culprit(folder, build, parts)) from error
    write_text(page, text)
    return page


def _culprit(folder: str | Path, build: dict[str, Any], parts: dict[str, dict[str, Any]]) -> str:
    """Which file cannot be shown: the one without which the others can."""
    for name in _OPTIONAL:
        rest = {**parts, name: {}}
        with suppress(Exception):
            render(build, rest["estimate.json"], rest["verify.json"])
            return f"'{Path(folder) / name}' is not what was written there; delete it and make it again"
    return f"'{Path(folder) / MARK}' {hashes.CHANGED}"


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
    if not os.path.lexists(path):
        return {}
    try:
        return read_json(path, "a whole build folder")
    except BitsmithError as error:
        raise BitsmithError(f"cannot read '{path}'; delete it and make it again") from error
