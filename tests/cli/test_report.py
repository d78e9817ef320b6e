"""The report is one page that shows what the JSON files say, loads nothing, and runs nothing from a model file."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bitsmith.gen.files.hashes import sealed
from bitsmith.gen.report import render, write_report
from bitsmith.gen.verdict import equal, verdict
from bitsmith.sim.errors import BitsmithError

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"


def _build(label: str = "conv 1") -> dict[str, Any]:
    layer = {"name": "conv_1", "label": label, "operator": "conv2d", "shape": [46, 46, 16], "type": "fixed<20,9>"}
    mark = {"made_by": "bitsmith", "version": "0.1.0", "model": label, "sha256": "00" * 32, "seed": 5, "config": {}}
    return {**mark, "layers": [layer]}


def _estimate() -> dict[str, Any]:
    layer = {"name": "conv_1", "latency_cycles": 1234, "lut": 777, "ff": 1, "dsp": 0, "bram": 2}
    total = {"lut": 888, "ff": 1, "dsp": 0, "bram": 2, "source": "formula"}
    whole = {"clock_mhz": 250.0, "latency_cycles": 2345, "interval_cycles": 2304}
    return {**whole, "layers": [layer], "resources": total}


def _proof(mismatches: int = 0, problem: str | None = None) -> dict[str, Any]:
    level = {"compared": 3000, "mismatches": mismatches, "seconds": 1.25, "problems": [problem] if problem else []}
    cycles = {"latency_cycles": 4321, "interval_cycles": 4320, "equal": problem is None}
    whole = {"model": "m", "vectors": 1000, "seed": 99, "problems": [], "first_divergence": None, "cycles": cycles}
    return {**whole, "levels": {"rtl": level}, "passed": not mismatches and not problem}


def _recurrent() -> dict[str, Any]:
    estimate = _estimate()
    estimate["layers"][0] |= {"utilization": 0.6543, "recurrence_cycles": 321}
    rates = {"sequences": 37, "sequences_per_second": 4567890.123, "image": [512, 640], "frames_per_second": 17.4321}
    return {**estimate, **rates, "advice": [f"conv_1: busy {EVIL}"]}


class _Page(HTMLParser):
    """Collects the tags, the attributes and the visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_shows_what_the_files_say() -> None:
    text = _Page(render(_build(), _estimate(), _proof())).text
    for figure in (
        "46 × 46 × 16",
        "fixed<20,9>",
        "1,234",
        "2,345",
        "2,304",
        "777",
        "888",
        "3,000",
        "seed 99",
        "4,321",
        "estimate",
    ):
        assert figure in text
    assert "every integer equal to the reference's on 3,000 frames" in text
    assert "roven" not in text, "simulation proves nothing of the inputs that were not tried"


def test_a_recurrent_network_has_its_rates() -> None:
    page = _Page(render(_build(), _recurrent(), _proof()))
    for figure in ("37", "4,567,890", "512 × 640", "17.43", "65.4%", "321", f"conv_1: busy {EVIL}"):
        assert figure in page.text
    assert "img" not in page.tags
    assert "Utilization" not in _Page(render(_build(), _estimate(), _proof())).text


def test_a_name_from_the_model_file_stays_text() -> None:
    page = _Page(render(_build(EVIL), _estimate(), _proof()))
    assert page.text.count(EVIL) == 3  # the page's title, its heading, the layer's row
    assert not {"script", "img", "iframe", "link"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on")]


def test_loads_nothing_from_elsewhere() -> None:
    page = render(_build(), _estimate(), _proof())
    assert not {"src", "href", "srcset", "data"} & set(_Page(page).attributes)
    assert "http" not in page
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        ({}, "Not compared yet"),
        (_proof(1), "Failed: rtl differs on 1 of 3,000 frames"),
        (_proof(0, "a beat is lost"), "Failed: rtl: a beat is lost; the cycles are not the predicted ones"),
        (_proof(), "every integer equal to the reference's on 3,000 frames (rtl)"),
    ],
)
def test_verdict(proof: dict[str, Any], expected: str) -> None:
    assert expected in _Page(render(_build(), {}, proof)).text


def test_a_verdict_says_on_how_many_frames() -> None:
    level = {"compared": 64, "mismatches": 0, "problems": []}
    levels = {"hls": level, "rtl": level, "second": {**level, "compared": 1}}
    found = verdict({"passed": True, "levels": levels})
    assert found == "every integer equal to the reference's on 64 frames (hls, rtl), 1 frame (second)"
    assert verdict({"passed": False, "levels": levels, "problems": ["x"]}) == "the build is not as it was made"
    assert verdict({"passed": True, "levels": {}}) == "nothing was compared"


def test_what_was_changed_later_is_said(tmp_path: Path) -> None:
    """A verify.json of before is not taken for what stands there now."""
    folder = _folder(tmp_path)
    (folder / "verify.json").write_text(json.dumps(_proof()))
    (folder / "graph.json").write_text("{ }")
    text = _Page(write_report(folder).read_text()).text
    assert "Changed since it was built: graph.json" in text
    assert "Before it was changed: every integer equal" in text


def test_nothing_compared_is_no_proof() -> None:
    assert not equal({"passed": True, "levels": {}})
    assert not equal({"passed": True, "levels": {"rtl": {"compared": 0, "mismatches": 0}}})
    assert equal({"passed": True, "levels": {"rtl": {"compared": 1, "mismatches": 0}}})


def test_hardware_that_is_no_layer_has_a_row_too() -> None:
    estimate = _estimate()
    estimate["layers"].append({"name": "fork_1", "operator": "fork", "latency_cycles": 2, "lut": 9999})
    text = _Page(render(_build(), estimate, {})).text
    assert "fork_1" in text
    assert "9,999" in text


def _folder(home: Path) -> Path:
    (home / "graph.json").write_text("{}")
    (home / "bitsmith.json").write_text(json.dumps(sealed(home, _build())))
    return home


def test_written_into_the_build(tmp_path: Path) -> None:
    _folder(tmp_path)
    (tmp_path / "estimate.json").write_text(json.dumps(_estimate()))
    page = write_report(tmp_path)
    assert page == tmp_path / "report.html"
    assert "2,345" in page.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bitsmith.json",
        "estimate.json",
        "graph.json",
        "report.html",
    ]


def test_refuses_a_folder_that_is_no_build(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="no build folder"):
        write_report(tmp_path)


def test_says_which_file_is_broken(tmp_path: Path) -> None:
    _folder(tmp_path)
    (tmp_path / "verify.json").write_text("{")
    with pytest.raises(BitsmithError, match="verify.json"):
        write_report(tmp_path)


def test_a_level_that_informs_is_no_proof_and_no_failure() -> None:
    """Its row says so, its figures and the accuracies stand below, and the verdict is about the hardware alone."""
    figures = {"values": 8, "equal": 2, "equal_share": 0.25, "step": 0.5, "within_half_step": 0.75}
    figures |= {"largest_difference": 1.75, "largest_steps": 3.5}
    row = {
        "compared": 4,
        "mismatches": 3,
        "seconds": 1.0,
        "problems": [],
        "required": False,
        "figures": {EVIL: figures},
    }
    right = {"correct": 2, "rejected": 1, "accuracy": 0.5, "accuracy_of_accepted": 0.6667}
    proof = _proof()
    proof["levels"]["keras"] = row
    proof["labels"] = {"frames": 4, "classes": 3, "reference": right, "keras": None}
    assert equal(proof)
    assert verdict(proof) == "every integer equal to the reference's on 3,000 frames (rtl)"
    page = _Page(render(_build(), _estimate(), proof))
    assert "keras (informs)" in page.text
    assert "largest difference 1.75 (3.5 steps of 0.5)" in page.text
    assert "accuracy of reference: 50.00% (2 of 4 frames, 3 classes), 1 rejected; 66.67% of the others" in page.text
    assert "script" not in page.tags
    row["required"] = True
    assert not equal({**proof, "passed": False})
    assert verdict({**proof, "passed": False}) == "keras differs on 3 of 4 frames"
