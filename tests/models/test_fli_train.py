"""``bitsmith train fli``: its loss, its resume, its plan, what it writes and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitsmith.models.fli import jobs, results, stages
from bitsmith.models.fli import train as training
from bitsmith.models.fli.network import STUDENTS, float_network, load
from bitsmith.models.fli.quantization import EIGHT
from bitsmith.models.fli.synthetic import make_curves
from bitsmith.models.training.keras import keras
from bitsmith.models.training.loop import Cost
from bitsmith.models.training.run_folder import Report, prepare
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed

HERE = Path(results.__file__).parent
needs_keras = pytest.mark.train


def silent(name: str, done: int, steps: int, loss: float | None) -> None:
    """No progress."""


def tiny_plan(seed: int = 1) -> jobs.Plan:
    """The quick plan with two steps in place of hundreds; of the two fixed networks the one with a teacher."""
    plan = jobs.quick_plan(seed)
    short = tuple(replace(job, steps=2) for job in plan.jobs if job.teacher or not job.bits)
    return jobs.Plan(short, plan.files, (1, 1, 1), 20)


@needs_keras
def test_combined_loss_by_hand() -> None:
    """y = (1, 2), s = (0, 0), t = (1, 0): mean squares 5/2 and 4/2; a quarter of the first, three of the second."""
    y, s, t = (np.array([row]) for row in ((1.0, 2.0), (0.0, 0.0), (1.0, 0.0)))
    assert float(stages.combined_loss(y, s, t, 0.75)) == pytest.approx(0.25 * 2.5 + 0.75 * 2.0)
    assert float(stages.combined_loss(y, s, t, 0.0)) == pytest.approx(2.5)


@pytest.mark.slow
@needs_keras
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stop after one block, start again in a new network: the same weights as in one go, bit for bit."""
    monkeypatch.setattr(stages, "BLOCK", 2)
    stage, data = stages.Stage("part", 5, 1e-3), make_curves(40, 83)

    class Interrupted(Exception):
        pass

    def stop(name: str, done: int, steps: int, loss: float | None) -> None:
        raise Interrupted

    def fresh() -> Any:
        keras().utils.set_random_seed(6)
        return float_network((4,))

    def run(model: Any, folder: str, report: Report) -> Cost:
        return stages.run(stage, model, data.tpsf, data.sfd, None, 6, tmp_path / folder, report)

    whole, resumed, done = fresh(), fresh(), []
    run(whole, "whole", silent)
    with pytest.raises(Interrupted):
        run(fresh(), "parts", stop)
    capsys.readouterr()
    cost = run(resumed, "parts", lambda *said: done.append(said[1:]))
    assert [steps for steps, *_ in done] == [2, 4, 5]
    assert done[0] == (2, 5, None)  # no loss before there is one
    assert capsys.readouterr().err == f"part goes on after step 2 of 5: {tmp_path / 'parts' / 'part' / 'ckpt-1'}\n"
    assert cost.done == 5
    assert cost.seconds > 0
    for expected, found in zip(whole.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@needs_keras
def test_the_student_learns_the_teachers_curves(tmp_path: Path) -> None:
    """With alpha 1 the truth does not matter: curves that are not the teacher's change nothing."""
    data = make_curves(40, 89)
    teacher = data.sfd / np.float32(2)
    found = []
    for name, truth in (("a", data.sfd), ("b", 1 - data.sfd)):
        keras().utils.set_random_seed(8)
        model = float_network((4,))
        stages.run(stages.Stage("same", 3, 1e-2, 1.0), model, data.tpsf, truth, teacher, 8, tmp_path / name, silent)
        found.append(model.get_weights())
    for first, second in zip(*found):
        np.testing.assert_array_equal(first, second)


@needs_keras
def test_a_run_writes_its_files_and_is_not_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "quick_plan", tiny_plan)
    summary = training.train(out=tmp_path, quick=True, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lite16_8.h5", "results.json", "results.md"]
    result = json.loads((tmp_path / "results.json").read_text())
    assert summary == results.summary(result)
    assert (tmp_path / "results.md").read_text() == results.markdown(result)
    assert result["synthetic"] is True
    assert list(result["jobs"]) == ["lite32_float", "lite16_float", "lite16_8_kd"]
    assert result["jobs"]["lite16_8_kd"]["job"]["teacher"] == "lite32_float"
    assert {layer.units for layer in load(tmp_path / "lite16_8.h5").layers if hasattr(layer, "type_names")} == {16}


@needs_keras
def test_finished_jobs_are_not_done_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tiny_plan()
    checkpoints = prepare(tmp_path, plan)
    losses: list[float | None] = []
    job = plan.jobs[1]  # it needs no other
    for _ in range(2):
        runner = training.Runner(plan, tmp_path, checkpoints, lambda *said: losses.append(said[3]))
        runner.run(job)
    assert [loss is None for loss in losses] == [False, True]
    assert capsys.readouterr().err == (
        f"{job.name} was finished, all {job.steps} steps: {checkpoints / f'{job.name}.json'}\n"
    )
    half = runner.write_results()
    assert half["missing"] == [other.name for other in plan.jobs if other != job]
    assert results.ABSENT in (tmp_path / "results.md").read_text()


def test_every_job_finds_what_it_needs_before_it() -> None:
    for plan in (jobs.full_plan(1), jobs.quick_plan(7)):
        names = [job.name for job in plan.jobs]
        assert len(set(names)) == len(names)
        for place, job in enumerate(plan.jobs):
            assert {job.start, job.teacher} <= {"", *names[:place]}
            assert job.start or not job.bits
        assert set(plan.files.values()) <= set(names)


def test_the_plan_has_all_rows_of_the_three_tables_and_five_seeds() -> None:
    plan = jobs.full_plan(1)
    names = {job.name for job in plan.jobs}
    assert {f"{jobs.key(units)}_float" for units in STUDENTS} <= names
    assert {column.format(bits) for column in results.LITE_COLUMNS for bits in (8, 16)} <= names
    for kind in ("float", "8_qat", "8_kd"):
        lite = [job for job in plan.jobs if job.name.startswith(f"lite32_{kind}") and not job.state_type]
        assert sorted(job.seed for job in lite) == [1, 2, 3, 4, 5]
        assert len({(job.steps, job.rate, job.bits, job.teacher) for job in lite}) == 1  # one recipe


def test_the_report_is_made_from_the_figures_alone() -> None:
    """The committed results.md is what the committed results.json says, and says that it is synthetic."""
    result = json.loads((HERE / "results.json").read_text())
    text = (HERE / "results.md").read_text()
    assert text == results.markdown(result)
    assert "synthetic" in text
    assert {f"{stem}.h5" for stem in result["files"]} == {path.name for path in HERE.glob("*.h5")}


def test_five_seeds_by_hand() -> None:
    """Only seeds whose three trainings are done; PTQ from the float job and from the fixed one before its training."""

    def at(rmse: float) -> dict[str, Any]:
        return {"test": {"rmse": {"mean": rmse}}}

    done = {
        "lite32_float": {"metrics": at(1.0), "post_training": {"8": at(2.0)}},
        "lite32_8_qat": {"metrics": at(4.0), "before_training": at(3.0)},
        "lite32_8_kd": {"metrics": at(5.0)},
        "lite32_float_seed2": {"metrics": at(9.0), "post_training": {"8": at(9.0)}},
    }
    rows = results.five_seeds(jobs.full_plan(1), done)
    assert list(rows) == list(results.SEED_ROWS)
    assert list(rows.values()) == [[1.0], [2.0], [3.0], [4.0], [5.0]]


def test_bad_arguments_are_one_line_and_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"data": "digits", "out": tmp_path / "a"}, "synthetic decays"),
        ({"path": tmp_path, "out": tmp_path / "b"}, "synthetic decays"),
        ({"seed": 2**32, "out": tmp_path / "c"}, "out of range"),
        ({"out": tmp_path / "file"}, "cannot write"),
    )
    for arguments, message in cases:
        with pytest.raises(BitsmithError, match=message) as error:
            training.train(**{"quick": True, "progress": False, **arguments})
        assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_unfinished_run_with_another_plan_is_left_alone(tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "settings.json").write_text("{}\n")
    with pytest.raises(BitsmithError, match="other settings"):
        training.train(out=tmp_path, quick=True, progress=False)
    assert (checkpoints / "settings.json").read_text() == "{}\n"


def test_eight_bits_means_eight_bits() -> None:
    """Weights, addresses, gates, candidate; the bias is wider, and the state by one bit, which results.md says."""
    types = (EIGHT.gate_input_type, EIGHT.gate_type, EIGHT.candidate_input_type, EIGHT.candidate_type)
    assert {Fixed.parse(text)[0].width for text in types} == {EIGHT.bits} == {8}
    assert Fixed.parse(EIGHT.state_type)[0].width == 9
    assert f"state {EIGHT.state_type}" in (HERE / "results.md").read_text()
