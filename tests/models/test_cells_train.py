"""``bitsmith train cells`` from end to end: what it writes, and what it refuses (needs TensorFlow)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bitsmith.models.cells.train import STAGES, train
from bitsmith.models.training.display import progress_bar
from bitsmith.sim.errors import BitsmithError

pytestmark = pytest.mark.train


def test_a_quick_run_writes_a_model_and_its_figures(tmp_path: Path) -> None:
    """In a process of its own, as a user runs it: there nothing has set QKeras's switch for Keras 2 before."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
    command = ["train", "cells", "--data", "digits", "--quick", "--seed", "3", "--json", "--output", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", "bitsmith", *command], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accuracy.json", "student2.h5"]
    assert json.loads((tmp_path / "accuracy.json").read_text()) == result
    assert result["training"]["seed"] == 3
    assert result["student"]["parameters"] == 5682
    assert result["dataset"]["images"]["test"] == 179
    assert result["dataset"]["synthetic"] is False
    assert result["qkeras_against_reference"] == {"images": 179, "logits": 358, "mismatches": 0}
    shares = result["test_accuracy"]
    assert shares["reference"] == shares["qkeras_file"] == shares["student_quantized_after_qat"]
    assert shares["reference"] > 0.8, shares  # two digits that a template already separates; chance is a half
    assert list(result["training"]["cost"]) == list(STAGES)
    for network in ("teacher", "student2"):
        calibration = result["calibration"][network]
        assert [point["threshold"] for point in calibration["after"]["reject_curve"]] == [0.5, 0.85, 0.95]


def test_an_unfinished_run_with_other_settings_is_left_alone(tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "settings.json").write_text("{}\n")
    with pytest.raises(BitsmithError, match="other settings"):
        train("digits", out=tmp_path, quick=True, progress=False)
    assert (checkpoints / "settings.json").read_text() == "{}\n"


def test_bad_arguments_are_one_line_and_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cases = (
        ({"data": "digits", "out": tmp_path / "file"}, "cannot write"),
        ({"seed": 2**32, "out": tmp_path / "e"}, "out of range"),
        ({"data": "cifar", "out": tmp_path / "a"}, "synthetic, digits, lymphomnist"),
        ({"data": "lymphomnist", "out": tmp_path / "b"}, "--path"),
        ({"data": "digits", "teacher": "vgg", "out": tmp_path / "c"}, "resnet10"),
        ({"data": "digits", "teacher_classes": (0, 2), "out": tmp_path / "d"}, "the teacher's classes lack digit 3"),
    )
    for arguments, message in cases:
        with pytest.raises(BitsmithError, match=message) as error:
            train(**{"quick": True, "progress": False, **arguments})  # type: ignore[arg-type]
        assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_progress_bar_shows_seed_and_epochs(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar({"teacher": 2}, seed=41, shown=True) as report:
        report("teacher", 1, 2, None)
        report("teacher", 2, 2, 0.125)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "nan" not in shown.err
    assert "seed 41" in shown.err
    assert "2/2" in shown.err
    assert "0.1250" in shown.err
    with progress_bar({"teacher": 2}, seed=41, shown=True):
        pass
    assert "loss" not in capfd.readouterr().err
    with progress_bar({"teacher": 2}, seed=41, shown=False) as report:
        report("teacher", 1, 2, 0.25)
    assert capfd.readouterr().err == ""
