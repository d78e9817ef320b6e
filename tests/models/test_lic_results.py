"""What lic reports: PSNR, JPEG's curves, Bjøntegaard differences by hand, and a report made from its figures alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitsmith.models.lic import jobs, measure, results

HERE = Path(results.__file__).parent


def curve(rates: list[float], psnrs: list[float]) -> dict[str, Any]:
    return {"points": [{"bpp": rate, "psnr": psnr} for rate, psnr in zip(rates, psnrs)]}


def test_psnr_by_hand() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    other = image.copy()
    other[0, 0, 0] = 255
    assert measure.psnr(image, other) == pytest.approx(10 * np.log10(12))
    assert measure.psnr(image, image) == float("inf")


def test_jpegs_rate_is_its_files_size() -> None:
    pillow = pytest.importorskip("PIL.Image")
    image = np.random.RandomState(1).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    points = measure.jpeg({"noise": image})
    assert [point["setting"] for point in points] == list(measure.JPEG_QUALITIES)
    buffer = io.BytesIO()
    pillow.fromarray(image).save(buffer, format="JPEG", quality=measure.JPEG_QUALITIES[3], optimize=True)
    assert points[3]["bpp"] == pytest.approx(8 * len(buffer.getvalue()) / 64**2)
    for kind in (points, measure.jpeg2000({"noise": image})):
        assert kind[-1]["bpp"] > kind[0]["bpp"]
        assert kind[-1]["psnr"] > kind[0]["psnr"]


def test_bjontegaard_by_hand() -> None:
    """Twice the rate at every PSNR is +100 %; a decibel more at every rate is +1 dB."""
    pytest.importorskip("bjontegaard")
    anchor = curve([0.1, 0.2, 0.4, 0.8], [25.0, 28.0, 31.0, 34.0])
    dear = results.difference(anchor, curve([0.2, 0.4, 0.8, 1.6], [25.0, 28.0, 31.0, 34.0]))
    assert dear["bd_rate"] == pytest.approx(100.0)
    assert dear["bd_psnr"] == pytest.approx(-3.0)  # this line gains 3 dB by octave
    assert dear["shared"] == {"rate": pytest.approx(0.5), "psnr": 1.0}
    better = results.difference(anchor, curve([0.1, 0.2, 0.4, 0.8], [26.0, 29.0, 32.0, 35.0]))
    assert better["bd_psnr"] == pytest.approx(1.0)
    assert better["bd_rate"] == pytest.approx(100 * (2 ** (-1 / 3) - 1))


def test_a_point_that_is_worse_in_both_is_left_out() -> None:
    """Of ReLU's curve the largest lambda may cost less and give more than the one before."""
    pytest.importorskip("bjontegaard")
    anchor = curve([0.1, 0.2, 0.4, 0.8], [25.0, 28.0, 31.0, 34.0])
    whole = results.difference(anchor, curve([0.1, 0.2, 0.4], [26.0, 29.0, 32.0]))
    for rates, psnrs in (
        ([0.1, 0.2, 0.5, 0.4], [26.0, 29.0, 31.9, 32.0]),
        ([0.1, 0.2, 0.2, 0.4], [26.0, 29.0, 29.0, 32.0]),
    ):
        assert results.difference(anchor, curve(rates, psnrs)) == whole


def test_no_difference_where_there_is_none() -> None:
    """Curves that share nothing, or have too few points, give None, not a number."""
    anchor = curve([0.1, 0.2, 0.4, 0.8], [25.0, 28.0, 31.0, 34.0])
    for rates, psnrs in (
        ([2.0, 3.0, 4.0, 5.0], [35.0, 36.0, 37.0, 38.0]),
        ([0.1, 0.2, 0.4, 0.8], [26.0, 25.0, 28.0, 27.0]),
        ([0.1, 0.2], [26.0, 27.0]),
    ):
        found = results.difference(anchor, curve(rates, psnrs))
        assert (found["bd_rate"], found["bd_psnr"]) == (None, None)
    apart = results.difference(anchor, curve([0.1, 0.2, 0.4, 0.8], [35.0, 38.0, 41.0, 44.0]))
    assert apart["bd_rate"] is None  # no PSNR is shared, but every rate is
    assert apart["bd_psnr"] == pytest.approx(10.0)


def test_the_report_is_made_from_the_figures_alone() -> None:
    """The committed results.md is what the committed results.json says, and says what it is about."""
    result = json.loads((HERE / "results.json").read_text())
    text = (HERE / "results.md").read_text()
    assert text == results.markdown(result)
    assert "small networks" in text
    assert "synthetic dead leaves" in text
    assert set(result["files"]) == {path.name for path in (HERE / "trained").iterdir()}


def test_the_committed_run_is_the_whole_plan() -> None:
    result = json.loads((HERE / "results.json").read_text())
    plan = jobs.full_plan(1)
    assert result["missing"] == []
    assert list(result["jobs"]) == [job.name for job in plan.jobs]
    for job in plan.jobs:
        said = result["jobs"][job.name]["training"]
        assert said["steps"] == job.steps
        for key in ("variant", "trade", "filters", "rate", "start", "teacher", "bits", "gdn"):
            assert said["job"][key] == getattr(job, key)
    assert {d["what"] for d in result["bjontegaard"]} == {what for what, _, _ in results.PAIRS}


def test_every_file_decodes_to_what_keras_computed() -> None:
    """In the committed run: the same PSNR, digit for digit, and a real rate near the estimated one."""
    result = json.loads((HERE / "results.json").read_text())
    assert len(result["files"]) >= 3
    for found in result["files"].values():
        real, estimated = found["files"]["images"], found["test"]["images"]
        assert list(real) == list(estimated) == list(result["test_images"])
        for name in real:
            assert real[name]["psnr"] == estimated[name]["psnr"]
            assert 0.97 < real[name]["bpp"] / estimated[name]["bpp"] < 1.1
