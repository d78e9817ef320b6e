"""``train("digits", quick=True)`` from end to end: what it writes, and what it refuses (needs TensorFlow)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bitsmith.models.cells.train import STAGES, train
from bitsmith.sim.errors import BitsmithError

pytestmark = pytest.mark.train


def test_a_quick_run_writes_a_model_and_its_figures(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = train("digits", out=tmp_path, seed=3, quick=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accuracy.json", "student2.h5"]
    assert "seed 3" in capfd.readouterr().err
    assert json.loads((tmp_path / "accuracy.json").read_text()) == json.loads(json.dumps(result))
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
        ({"out": tmp_path / "file"}, "cannot write"),
        ({"data": "cifar", "out": tmp_path / "a"}, "synthetic, digits, lymphomnist"),
        ({"data": "lymphomnist", "out": tmp_path / "b"}, "--path"),
        ({"data": "digits", "teacher": "vgg", "out": tmp_path / "c"}, "resnet10"),
        ({"data": "synthetic", "teacher_classes": (0, 2), "out": tmp_path / "d"}, "teacher"),
    )
    for arguments, message in cases:
        with pytest.raises(BitsmithError, match=message) as error:
            train(**{"quick": True, "progress": False, **arguments})  # type: ignore[arg-type]
        assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
