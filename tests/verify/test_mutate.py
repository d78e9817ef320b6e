"""``make mutate`` in small, in a process in which no library has started threads: see mutation_checks.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = Path(__file__).parents[1] / "helpers" / "mutation_checks.py"


@pytest.mark.parametrize("more", [[], pytest.param(["--slow", "-m", "slow"], marks=pytest.mark.slow)], ids=["", "slow"])
def test_verify_finds_planted_faults(more: list[str]) -> None:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", *more, str(CHECKS)]
    done = subprocess.run(command, cwd=CHECKS.parents[2], capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
