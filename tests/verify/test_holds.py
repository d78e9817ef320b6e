"""One port held while the others go on: what the sources have begun comes out whole, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hardware import Case, Hardware, draw

from bitsmith.gen.simulate.simulation import Drive
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.dense import Dense

X, W = Fixed(True, 4, 4), Fixed(True, 2, 4)


def dense(inputs: int, outputs: int) -> Case:
    op = Dense(X, draw(W, inputs, outputs), W, draw(X, outputs), X)
    return Case(op, (Spec((inputs,), X),), layer={"Strategy": "resource", "ReuseFactor": inputs * outputs})


def test_a_frame_whose_first_beat_is_offered_is_begun(tmp_path: Path, need: Callable[..., None]) -> None:
    """A frame of one beat, a busy core: when the last port is let go, a beat waits that cannot be taken back."""
    need("g++", "verilator")
    waiting, held = dense(1, 8), dense(12, 1)
    hardware = Hardware({"waiting": waiting, "held": held}, tmp_path)
    for seed in range(6):
        run = hardware.run(held, Drive(holds=True, seed=seed))
        assert run.problems == ()
        assert len({len(ends) for ends in run.frame_ends}) == 1
