"""``bitsmith train lic``: its loss, its resume, distillation's phases, its plan, what it writes and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitsmith.models.lic import distillation, jobs, measure, network, results, stages
from bitsmith.models.lic import train as training
from bitsmith.models.lic.data import Pool
from bitsmith.models.lic.dead_leaves import dead_leaves
from bitsmith.models.lic.entropy_models import gaussian_bits
from bitsmith.models.lic.network import FloatKit, Widths
from bitsmith.models.training.keras import keras
from bitsmith.models.training.run_folder import prepare
from bitsmith.sim.errors import BitsmithError

needs_keras = pytest.mark.train
SMALL = Widths.uniform(4, 6)


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(*dead_leaves(8, 72, 3))


@pytest.fixture
def small_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two crops a step, of 64 pixels, in place of many large ones."""
    monkeypatch.setattr(stages, "SMALL", (2, 64))
    monkeypatch.setattr(stages, "LARGE", (2, 64))


def silent(name: str, done: int, steps: int, loss: float | None) -> None:
    """No progress."""


def fresh(seed: int = 6) -> network.Codec:
    keras().utils.set_random_seed(seed)
    return network.codec(SMALL, FloatKit(), seed=seed)


@needs_keras
def test_the_loss_is_rate_and_distortion(pool: Pool) -> None:
    """With y and z rounded and the noise drawn again: the parts, computed anew from the models."""
    import tensorflow as tf

    codec, pixels, seed = fresh(), pool.crops(2, 64, np.random.RandomState(1))[0], np.array([3, 5], np.int32)
    found = stages.forward(codec, pixels, True, seed)
    y, z = (part.numpy() for part in codec.latents(pixels))
    image = codec.synthesis(np.clip(np.rint(y), -128, 127)).numpy()
    assert float(found.distortion) == pytest.approx(np.square(256 * (image - pixels)).mean(), rel=1e-5)
    noisy = [v + tf.random.stateless_uniform(v.shape, seed + k, -0.5, 0.5).numpy() for k, v in enumerate((y, z))]
    assert max(np.abs(a - b).max() for a, b in zip(noisy, (y, z))) <= 0.5
    scales = codec.hyper_synthesis(np.clip(np.rint(z), -128, 127))
    bits = float(gaussian_bits(noisy[0], scales)) + float(codec.prior.bits(noisy[1]))
    assert float(found.rate) == pytest.approx(bits / (2 * 64 * 64), rel=1e-5)


@needs_keras
def test_training_lowers_the_loss(tmp_path: Path, pool: Pool, small_crops: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(stages, "BLOCK", 20)
    said: list[float] = []
    stage = stages.Stage("part", 60, 2e-3, 0.01, False)
    cost, switched = stages.run(stage, fresh(), pool, None, 6, tmp_path, lambda *report: said.append(report[3]))
    assert len(said) == 3
    assert said[2] < 0.7 * said[0]
    assert (cost.done, cost.loss, switched) == (60, said[2], -1)


@pytest.mark.slow
@needs_keras
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, pool: Pool, small_crops: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stop after one block, start again in a new network: the same weights as in one go, bit for bit."""
    monkeypatch.setattr(stages, "BLOCK", 2)
    stage = stages.Stage("part", 5, 1e-3, 0.01, False)

    class Interrupted(Exception):
        pass

    def stop(name: str, done: int, steps: int, loss: float | None) -> None:
        raise Interrupted

    whole, resumed, done = fresh(), fresh(), []
    stages.run(stage, whole, pool, None, 6, tmp_path / "whole", silent)
    with pytest.raises(Interrupted):
        stages.run(stage, fresh(), pool, None, 6, tmp_path / "parts", stop)
    capsys.readouterr()
    cost, _ = stages.run(stage, resumed, pool, None, 6, tmp_path / "parts", lambda *said: done.append(said[1:]))
    assert [steps for steps, *_ in done] == [2, 4, 5]
    assert done[0] == (2, 5, None)  # no loss before there is one
    assert capsys.readouterr().err == f"part goes on after step 2 of 5: {tmp_path / 'parts' / 'part' / 'ckpt-1'}\n"
    assert cost.done == 5
    for expected, found in zip(whole.variables(), resumed.variables()):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


@needs_keras
def test_phases_change_on_a_plateau_and_at_half() -> None:
    phases = distillation.Phases(1000)
    assert [float(w) for w in phases.weights()] == pytest.approx([0.1, 0.01])
    for place, latent in enumerate((9.0, 5.0, 4.99, 4.98, 4.97)):  # three blocks without one percent
        assert phases.switched == -1
        phases.after(10 * (place + 1), latent)
    assert phases.switched == 50
    assert [float(w) for w in phases.weights()] == pytest.approx([0.01, 0.1])
    phases.after(500, 1.0)
    assert phases.switched == 50
    later = distillation.Phases(1000)
    for done in range(100, 600, 100):
        assert later.switched == -1
        later.after(done, 100.0 / done)
    assert later.switched == 500


@needs_keras
def test_the_distillation_loss_by_hand(pool: Pool) -> None:
    """alpha · latent + beta · perceptual + own / 2, with the identity as the only feature map."""
    teacher_codec, pixels = fresh(1), pool.crops(1, 64, np.random.RandomState(1))[0]
    teacher = distillation.Teacher(teacher_codec, lambda image: [image])
    y = teacher_codec.latents(pixels)[0].numpy()
    seen = teacher_codec.synthesis(np.rint(y)).numpy()
    value, near = teacher.loss(pixels, y + 2.0, seen * 3.0, np.float32(7.0), (0.5, 0.25))
    apart = 4.0 / (np.square(y).mean() + 1e-6)
    assert float(near) == pytest.approx(apart, rel=1e-4)
    relative = np.square(2 * seen).mean() / (np.square(seen).mean() + 1e-6)
    assert float(value) == pytest.approx(0.5 * apart + 0.25 * relative + 0.5 * 7.0, rel=1e-4)


@pytest.mark.slow
@needs_keras
def test_the_perceptual_network_learns_to_tell_leaves_apart(pool: Pool) -> None:
    keras().utils.set_random_seed(2)
    net = distillation.feature_network()
    images, kinds = dead_leaves(160, 72, 4)
    chosen = (kinds == 0) | (kinds == 6)  # the smallest leaves against the largest
    assert distillation.train_features(net, Pool(images[chosen], kinds[chosen]), 150, 1) > 0.7
    maps = distillation.maps_of(net)(pool.crops(2, 64, np.random.RandomState(1))[0])
    assert [part.shape[-1] for part in maps] == list(distillation.FEATURE_WIDTHS)


def tiny_plan(seed: int = 1) -> jobs.Plan:
    """A student, its distillation (from itself) while one filter is pruned, and the fixed twin; two steps each."""
    student = jobs.Job("student", jobs.FIRST, 4, 2, 1e-3, seed)
    distilled = replace(student, variant="distilled", filters=3, start=student.name, teacher=student.name)
    wide = replace(distilled, variant="wide", start=distilled.name, teacher="", bits="wide")
    return jobs.Plan((student, distilled, wide), {"wide_100": wide.name}, 8, 2)


@needs_keras
def test_a_run_writes_its_files_and_does_nothing_twice(
    tmp_path: Path, pool: Pool, small_crops: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.RandomState(2).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    monkeypatch.setattr(training, "quick_plan", tiny_plan)
    monkeypatch.setattr(training, "training_pool", lambda count: pool)
    monkeypatch.setattr(measure, "images", lambda folder: {"noise": image})
    monkeypatch.setattr(training, "EXPORT_SIZE", 64)
    monkeypatch.setattr("bitsmith.models.lic.quantization.CALIBRATION_SIDE", 64)
    summary = training.train(out=tmp_path, quick=True, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "results.md", "trained"]
    result = json.loads((tmp_path / "results.json").read_text())
    assert summary == results.summary(result)
    assert (tmp_path / "results.md").read_text() == results.markdown(result)
    assert list(result["jobs"]) == ["student_100", "distilled_100", "wide_100"]
    assert result["missing"] == []
    assert result["jobs"]["wide_100"]["training"]["job"]["filters"] == 3
    assert list(result["files"]) == ["wide_100"]
    real = result["files"]["wide_100"]["files"]["images"]["noise"]
    assert real["psnr"] == result["jobs"]["wide_100"]["test"]["images"]["noise"]["psnr"]  # the twin is exact
    assert len(list((tmp_path / "trained" / "wide_100").iterdir())) == 4


@needs_keras
def test_finished_jobs_are_not_done_again(
    tmp_path: Path, pool: Pool, small_crops: None, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "training_pool", lambda count: pool)
    plan, losses = tiny_plan(), []
    checkpoints, job = prepare(tmp_path, plan), plan.jobs[0]
    for _ in range(2):
        runner = training.Runner(plan, tmp_path, checkpoints, {}, lambda *said: losses.append(said[3]))
        runner.train(job)
    assert [loss is None for loss in losses] == [False, True]
    note = checkpoints / f"{job.name}.training.json"
    assert capsys.readouterr().err.endswith(f"{job.name} was finished, all {job.steps} steps: {note}\n")


def test_every_job_finds_what_it_needs_before_it() -> None:
    for plan in (jobs.full_plan(1), jobs.quick_plan(7)):
        names = [job.name for job in plan.jobs]
        assert len(set(names)) == len(names)
        for place, job in enumerate(plan.jobs):
            assert {job.start, job.teacher} <= {"", *names[:place]}
            assert job.start or not job.bits
        assert set(plan.files.values()) <= {job.name for job in plan.jobs if job.bits}


def test_the_plan_compares_like_with_like() -> None:
    """GDN and ReLU, with and without a teacher, float and fixed: the same steps from the same start."""
    plan = {(job.variant, job.trade): job for job in jobs.full_plan(1).jobs}
    assert {trade for _, trade in plan} == set(jobs.TRADES)
    for trade in jobs.TRADES:
        student, relu = plan["student", trade], plan["relu", trade]
        assert (student.steps, student.filters, student.widths) == (relu.steps, relu.filters, relu.widths)
        assert (student.gdn, relu.gdn) == (True, False)
        longer, distilled = plan["longer", trade], plan["distilled", trade]
        assert longer.steps == distilled.steps
        assert (longer.teacher, distilled.teacher) == ("", f"teacher_{round(trade * 1e4)}")
        twins = [plan[name, trade] for name in ("pruned_longer", "wide", "narrow")]
        assert len({(job.start, job.steps, job.rate, job.filters) for job in twins}) == 1
        rounds = [plan[name, trade].filters for name in ("distilled", "pruned1", "pruned2", "pruned")]
        assert rounds == [round(jobs.STUDENT * (1 - k / 10)) for k in range(4)]


def test_bad_arguments_are_one_line_and_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"data": "digits", "out": tmp_path / "a"}, "dead leaves"),
        ({"path": tmp_path / "empty", "out": tmp_path / "b"}, "has no image"),
        ({"seed": -1, "out": tmp_path / "c"}, "seed -1"),
        ({"out": tmp_path / "file"}, "cannot write"),
    )
    for arguments, words in cases:
        with pytest.raises(BitsmithError, match=words) as caught:
            training.train(progress=False, **arguments)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]
