"""``make mutate`` in small: faults in the Verilog of one network, what ``verify`` says, and what survives.

Run by tests/verify/test_mutate.py in a process of its own: each fault gets a fork, which is sound where no other test
has started threads, as TensorFlow does.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from mutation import judge, results
from mutation.__main__ import reported
from mutation.equivalence import OTHER
from mutation.networks import KINDS, network
from mutation.parts import hls, rtl
from mutation.planted import Home, Planted, digest
from mutation.python import shared, sim
from mutation.trained import TRAINED

from bitsmith.sim.op import Operator

Need = Callable[..., None]
FAULTS = 14
NEVER_TAKEN = "stuck | panes_mean_x | idle = 1'b1 -> 1'b0"
ALIKE = "constant | ops/average_pool2d.py mean_division | line 3: 0 -> 1"
READ_ON = "reset removed | panes_turned_x | read_beat_place = 2'd0 -> not reset"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> list[Planted]:
    """The network without a fault first, then faults of every kind, of which the first are known."""
    home = Home("panes", tmp_path_factory.mktemp("mutate"))
    return rtl(home, FAULTS, random.Random(1), also=(digest(NEVER_TAKEN), digest(READ_ON)))


@pytest.fixture(scope="module")
def judged(planted: list[Planted]) -> list[results.Result]:
    return [results.judged(one, results.reasons()) for one in planted[1:]]


def test_without_a_fault_it_passes(planted: list[Planted], need: Need) -> None:
    need("g++", "verilator")
    found = planted[0].verify()
    assert (found.found, found.why) == (judge.SURVIVED, "")


def test_verify_finds_what_changes_an_output(judged: list[results.Result], need: Need) -> None:
    need("g++", "verilator", "yosys")
    assert [one.name for one in judged if one.end == results.HOLE] == []
    ends = Counter(one.end for one in judged)
    assert ends["rtl data"] >= 5
    assert ends["rtl protocol"] >= 5
    assert len({one.kind for one in judged}) >= 10


def test_a_fault_that_verify_misses_is_a_hole(
    planted: list[Planted], judged: list[results.Result], capsys: pytest.CaptureFixture[str], need: Need
) -> None:
    """One that changes data; as if the vectors had missed it."""
    need("yosys")
    harmful = next(one for one, end in zip(planted[1:], judged) if end.end == "rtl data")
    missed = replace(harmful, verify=lambda: judge.Verdict(judge.SURVIVED, "", 0.0))
    found = results.judged(missed, {})
    assert found.end == results.HOLE
    assert "not equal" in found.why
    assert reported([*judged, found]) == 1
    assert f"make mutate ONLY={found.code}  # {found.name}" in capsys.readouterr().out
    assert reported(judged) == 0


def test_an_input_that_is_never_taken_ends_the_simulation(planted: list[Planted], need: Need) -> None:
    """Others go on for ever beside it, and are no progress of its own."""
    need("g++", "verilator")
    assert planted[1].key == NEVER_TAKEN
    found = planted[1].verify()
    assert (found.found, found.why.split(":")[0]) == ("rtl protocol", "deadlock")


def test_a_reset_while_a_frame_is_read(planted: list[Planted], need: Need) -> None:
    """The next frame begins at a wrong place, which shows in none whose values are all the same."""
    need("g++", "verilator")
    assert planted[2].key == READ_ON
    assert planted[2].verify().found == "rtl reset"


def test_every_operator_is_in_a_network() -> None:
    stems = {node.op.stem for name in KINDS for node in network(name).graph.nodes}
    assert set(Operator.registry) - stems == set()


@pytest.mark.slow
@pytest.mark.parametrize(("part", "network"), [(hls, "panes"), (sim, "panes"), (shared, TRAINED)])
def test_faults_in_the_others(part: Callable[..., list[Planted]], network: str, tmp_path: object, need: Need) -> None:
    need("g++", "verilator")
    count = 6 if network == TRAINED else 12
    right, *wrong = part(Home(network, tmp_path), count, random.Random(2))  # type: ignore[arg-type]
    assert right.verify().found == judge.SURVIVED
    harmful = next(one for one in wrong if one.verify().found == "hls")
    assert harmful.closer().result == OTHER, "what is right must not come from where the fault lives"
    ends = Counter(results.judged(one, {}).end for one in wrong)
    assert ends[results.HOLE] == 0
    assert ends["hls"] >= count // 4


@pytest.mark.slow
def test_a_fault_that_all_three_have_is_found_beside_keras(tmp_path: object, need: Need) -> None:
    need("g++", "verilator")
    _, fault = shared(Home(TRAINED, tmp_path), 1, random.Random(1), digest(ALIKE))  # type: ignore[arg-type]
    assert fault.key == ALIKE
    found = results.judged(fault, {})
    assert (found.end, found.keras) == ("keras", "keras")
