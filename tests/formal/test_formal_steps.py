"""Every operator's core keeps exactly the steps that its schedule says, for every input, every stall and every reset.

That is more than a handshake: the cycles that ``estimate`` states follow from these steps (decisions/0002), and a core
that takes each of them as soon as it may waits for nothing that does not come. The cores are those of the operators'
contracts; what operators share (entrances, other lanes, reshapes) is in test_formal_streams.py.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module

import pytest
from formal import Prove, marked
from formal_core import control, emitted
from hardware import Case, plan_alone

from bitsmith.hw.rtl.core import Core
from bitsmith.hw.rtl.role import JoinRole, StreamRole, role_of
from bitsmith.sim.op import Operator

MOST = 40
"""Steps of a frame: what has more has smaller cases beside it."""
SHARED = ("join", "narrow", "reshape")
"""Modules whose cores belong to no operator."""
IN_CI = ("add",)


def stems() -> Iterator[str]:
    """The operators that have cores of their own."""
    for stem, kind in sorted(Operator.registry.items()):
        if ".sim.ops." in kind.__module__ and isinstance(role_of(kind), (JoinRole, StreamRole)):
            yield stem


def cases(stem: str) -> Iterator[Case]:
    """Those of the operator's contracts."""
    for name, kind in vars(import_module(f"test_{stem}")).items():
        if name.startswith("Test") and hasattr(kind, "steps_off"):
            yield from kind.cases.values()


def cores(stem: str) -> dict[str, list[Core]]:
    """By class, the ones with at most ``MOST`` steps, those with fewest first."""
    found: dict[str, list[Core]] = defaultdict(list)
    for case in cases(stem):
        for stage in plan_alone(case).stages:
            module = type(stage.core).__module__.rsplit(".", 1)[1]
            own = module not in (*SHARED, "zero_padding2d", "up_sampling2d") or module == stem
            if own and len(stage.core.steps().emits) <= MOST:
                found[type(stage.core).__name__].append(stage.core)
    assert found, f"the contract of {stem} has no case of {MOST} steps or fewer"
    return {name: sorted(several, key=lambda core: len(core.steps().emits)) for name, several in found.items()}


@pytest.mark.parametrize("stem", marked(stems(), IN_CI))
def test_every_step_is_the_scheduled_one(stem: str, proof: Prove) -> None:
    """Of each class the case with the most steps, and one in the middle."""
    for name, several in cores(stem).items():
        for core in {id(core): core for core in (several[len(several) // 2], several[-1])}.values():
            verdict = proof(f"{stem}: {name}, {len(core.steps().emits)} steps", control(core), emitted(core))
            assert verdict.proven, f"{name}: {verdict}"


def ignored(signal: str) -> Callable[[str], str]:
    """The core reads a 1 in the place of a signal; the port stays."""
    return lambda text: re.sub(rf"(?<!input  )\b{signal}\b", "1'h1", text)


BUGS: dict[str, Callable[[str], str]] = {
    "a step without room": ignored("m_room"),
    "a step without a beat": ignored("s0?_tvalid"),
    "a reset in mid-frame leaves what was": lambda text: text.replace("if (rst)", "if (1'h0)"),
}


@pytest.mark.parametrize("bug", marked(BUGS, list(BUGS)[:1]))
@pytest.mark.parametrize("stem", marked(stems(), ("max_pool2d",)))
def test_a_planted_bug_is_found(stem: str, bug: str, proof: Prove) -> None:
    for name, several in cores(stem).items():
        core = several[len(several) // 2]
        texts = emitted(core)
        spoilt = {**texts, "core": BUGS[bug](texts["core"])}
        assert spoilt != texts
        verdict = proof(f"{stem}: {name}: {bug}", control(core), spoilt)
        assert not verdict.proven, f"{name} with the bug '{bug}' is proven"
