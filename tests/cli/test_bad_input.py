"""A sample of ``make bad-input`` and ``make kills``, each a program of its own, since they fork."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HELPERS = Path(__file__).parents[1] / "helpers"


def last_lines(tmp_path: Path, program: str, *options: str) -> str:
    command = [sys.executable, str(HELPERS / program), str(tmp_path / "work"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def test_broken_inputs_are_answered_with_one_line(tmp_path: Path) -> None:
    said = last_lines(tmp_path, "bad_input_table.py", "--cases", "50", "--without-hgq")
    kinds = {line.split()[0] for line in said.splitlines() if re.fullmatch(r"\w+( +\d+){4}", line)}
    assert {"h5", "keras", "yaml", "npy", "build", "all"} <= kinds
    assert "50 cases, seed 1, 0 failed" in said


def test_killed_commands_leave_nothing_broken(tmp_path: Path) -> None:
    said = last_lines(tmp_path, "kills_table.py", "--kills", "4", "--commands", "build,report")
    assert "4 kills, seed 1, 0 failed" in said


def test_a_bad_answer_is_seen(tmp_path: Path) -> None:
    """What the judge looks for, one by one."""
    from bad_input.case import Case
    from bad_input.forked import Answer
    from bad_input.judge import ANSWERED, FAILED, snapshot, verdict

    case = Case("h5", "x", ("build", "m.h5", "-o", "out"), lambda folder, good, rng: None)
    before = snapshot(tmp_path)
    line = "error: m.h5: no such file; give a model\n"
    assert verdict(case, Answer(2, "", line, 0.1), before, tmp_path) == (ANSWERED, "")
    for status, text in (
        (0, ""), (1, line), (2, ""), (2, line * 2), (2, line[7:]), (2, line[:-1]), (-9, ""), (-11, line),
        (2, "error: unexpected KeyError: 'x'\n"), (2, "error: out of memory; x\n"), (2, f"error: {'x' * 700}\n"),
    ):  # fmt: skip
        assert verdict(case, Answer(status, "", text, 0.1), before, tmp_path)[0] == FAILED, (status, text)
    (tmp_path / "hacked").touch()
    assert verdict(case, Answer(2, "", line, 0.1), before, tmp_path) == (FAILED, "changed on disk: hacked")
