"""The schedule of several cores: what a machine can do and no more, and closed forms where there are some."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lic_codecs import BYTE, Chain

from bitsmith.gen.build import build
from bitsmith.gen.resources.estimate import estimate
from bitsmith.models.lic import pipeline
from bitsmith.models.lic.frames import Patches
from bitsmith.models.lic.pipeline import DECODING, ENCODING, MODES, Schedule, Step, pipelined, sequential
from bitsmith.sim.errors import BitsmithError


@st.composite
def steps(draw: st.DrawFn) -> tuple[Step, ...]:
    """One to five steps; some share a unit, as the entropy coder's two do."""
    units = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5))
    numbers = st.integers(1, 30)
    return tuple(Step(unit, draw(numbers), draw(st.sampled_from([0, draw(numbers) + 30]))) for unit in units)


CASES = (steps(), st.integers(1, 4), st.integers(1, 13))


@settings(max_examples=200)
@given(*CASES, st.sampled_from(sorted(MODES)))
def test_what_a_machine_can_do_and_no_more(steps: tuple[Step, ...], cores: int, patches: int, mode: str) -> None:
    schedule = MODES[mode](steps, cores, patches)
    assert sorted((job.patch, job.step) for job in schedule.jobs) == [
        (patch, step) for patch in range(patches) for step in range(len(steps))
    ]
    by = {(job.patch, job.step): job for job in schedule.jobs}
    for (patch, step), job in by.items():
        assert job.core == patch % cores
        assert (job.free - job.start, job.end - job.start) == (steps[step].cycles, steps[step].latency)
        assert step == 0 or job.start >= by[patch, step - 1].end, "a step begins when the one before it is done"
        assert patch < cores or job.start >= by[patch - cores, step].free, "the order is kept"
    check_units(schedule)


def check_units(schedule: Schedule) -> None:
    """No unit does two things at once; the whole takes at least as long as any unit's work and any patch's steps."""
    for core in range(schedule.cores):
        for unit in {step.unit for step in schedule.steps}:
            jobs = [job for job in schedule.jobs if job.core == core and schedule.steps[job.step].unit == unit]
            assert all(a.free <= b.start for a, b in pairwise(sorted(jobs, key=lambda job: job.start)))
            assert schedule.makespan >= sum(job.free - job.start for job in jobs)
    assert schedule.makespan >= sum(step.latency for step in schedule.steps)
    assert all(0 < share <= 1 for share in schedule.utilization.values())


@settings(max_examples=300)
@given(*CASES)
def test_a_pipeline_is_never_slower(steps: tuple[Step, ...], cores: int, patches: int) -> None:
    assert pipelined(steps, cores, patches).makespan <= sequential(steps, cores, patches).makespan


@settings(max_examples=200)
@given(*CASES)
def test_sequential_is_the_sum(steps: tuple[Step, ...], cores: int, patches: int) -> None:
    groups = -(-patches // cores)
    assert sequential(steps, cores, patches).makespan == groups * sum(step.latency for step in steps)


@settings(max_examples=200)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 4), st.integers(1, 15))
def test_units_of_their_own_give_the_flow_shops_closed_form(cycles: list[int], cores: int, patches: int) -> None:
    """Equal patches through different units: each waits for the slowest alone, sum(c) + (patches - 1) max(c)."""
    found = pipelined([Step(str(i), c) for i, c in enumerate(cycles)], cores, patches)
    assert found.makespan == sum(cycles) + (-(-patches // cores) - 1) * max(cycles)


@pytest.mark.parametrize("cores", [1, 3])
def test_equal_steps(cores: int) -> None:
    """Four steps of 10 cycles, 7 patches a core: (4 + 7 - 1) 10 in a pipeline, 4 * 7 * 10 one after another."""
    steps = [Step(unit, 10) for unit in "abcd"]
    fast, slow = pipelined(steps, cores, 7 * cores), sequential(steps, cores, 7 * cores)
    assert (fast.makespan, slow.makespan) == (100, 280)
    assert fast.utilization == dict.fromkeys("abcd", 0.7)
    assert slow.utilization == dict.fromkeys("abcd", 0.25)


def test_a_shared_unit_by_hand() -> None:
    """z 2, hyper decoder 3, y 2, decoder 4, one core, two patches: z of 1 is decoded while 0 waits for its scales.

    entropy 0-2 z0, 2-4 z1; hyper 2-5 y0's scales, 5-8 y1's; entropy 5-7 y0, 8-10 y1; decoder 7-11, 11-15.
    """
    found = pipelined([Step("e", 2), Step("h", 3), Step("e", 2), Step("d", 4)], 1, 2)
    starts = {(job.patch, job.step): job.start for job in found.jobs}
    assert starts == {(0, 0): 0, (1, 0): 2, (0, 1): 2, (1, 1): 5, (0, 2): 5, (1, 2): 8, (0, 3): 7, (1, 3): 11}
    assert found.makespan == 15
    assert found.utilization == {"e": 8 / 15, "h": 6 / 15, "d": 8 / 15}


def test_a_streaming_core_takes_the_next_patch_early() -> None:
    """100 cycles to the result, a new patch every 10: three patches end at 100, 110 and 120."""
    found = pipelined([Step("a", 10, 100)], 1, 3)
    assert [job.end for job in found.jobs] == [100, 110, 120]
    assert sequential([Step("a", 10, 100)], 1, 3).makespan == 300


def test_the_table() -> None:
    """All steps equal: with many patches a pipeline of four units is four times as fast; the decoder's three units hold
    the entropy coder twice, so it is twice as fast.
    """
    cycles = {unit: Step(unit, 100) for unit in {*ENCODING, *DECODING}}
    frame = Patches(720, 1280)
    rows = pipeline.compare(cycles, 3, 300.0, frame)
    by = {(row["direction"], row["mode"]): row for row in rows}
    assert list(by) == [(d, m) for d in ("encoder", "decoder") for m in ("sequential", "pipelined")]
    groups = -(-pipeline.FRAMES * frame.count // 3)
    for direction in ("encoder", "decoder"):
        assert by[direction, "sequential"]["fps"] == pytest.approx(8 * 300e6 / (groups * 400))
    assert by["encoder", "pipelined"]["makespan"] == (groups + 3) * 100
    assert by["decoder", "pipelined"]["utilization"]["entropy_coder"] > 0.95
    assert {row["paper_fps"] for row in rows} == {17.3, 43.6, 13.6, 30.5}
    text = pipeline.markdown(rows).splitlines()
    assert len(text) == 2 + len(rows)
    assert "| 43.6 | 2.52 |" in text[3]
    del cycles["decoder"]
    assert {row["direction"] for row in pipeline.compare(cycles, 3, 300.0, frame)} == {"encoder"}


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The command takes a build's estimate, or a number of cycles."""
    chain = Chain("encoder", (8, 8, 3), BYTE, 1)
    chain.conv(3, 2)
    chain.round(BYTE)
    build(chain.graph(), None, tmp_path / "built", vectors=4)
    data = estimate(tmp_path / "built")
    step = pipeline.parse_unit(f"encoder={tmp_path / 'built'}")
    assert (step.cycles, step.latency) == (data["interval_cycles"], data["latency_cycles"])
    units = [f"encoder={tmp_path / 'built'}", "hyper_encoder=5,9", "hyper_decoder=7", "entropy_coder=100"]
    assert pipeline.main(units) == 0
    printed = capsys.readouterr().out
    assert "| encoder | pipelined |" in printed
    assert "decoder | sequential" not in printed.replace("hyper_decoder", "")


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for units, said in (
        (["encoder"], "names no unit"),
        (["coder=5"], "names no unit"),
        (["encoder=0"], "give at least 1"),
        (["encoder=/absent"], "no folder"),
        (["encoder=5"], "no cycles given for hyper_encoder"),
        ([f"{unit}=5" for unit in ENCODING] + ["--cores", "0"], "on 0 cores"),
    ):
        assert pipeline.main(units) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    with pytest.raises(BitsmithError, match="0 patches"):
        pipelined([Step("a", 1)], 1, 0)
