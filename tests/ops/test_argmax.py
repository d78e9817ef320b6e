"""The operator contract (contract.py) for the decision: ties, the threshold and its changes at run time, "rejected"."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from contract import Need, OperatorContract
from definitions import Real
from hardware import FRAMES, SEED, Case, Hardware, draw

from bitsmith.gen.hls.layers import layer_list
from bitsmith.gen.simulate.simulation import Drive
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.argmax import Argmax
from bitsmith.sim.ops.dense import Dense
from bitsmith.sim.ops.flatten import Flatten

S8, U4 = Fixed(True, 3, 4), Fixed(False, 2, 2)
NARROW = Fixed(True, 1, 1)
THRESHOLD = 40
IMAGE = Graph("images", (("x", Spec((2, 2, 2), S8)),), (Node("y", Argmax(S8, 0), ("x",)),), ("y",))


def case(classes: int, pixels: int = 1, x: Fixed = S8, threshold: int = THRESHOLD) -> Case:
    return Case(Argmax(x, threshold), (Spec((classes,), x),), pixels)


def behind_dense() -> Case:
    dense = Dense(S8, draw(U4, 6, 4), U4, draw(S8, 4), S8)
    x = dense.accumulator.type
    return Case(Argmax(x, x.raw_max // 4), (Spec((6,), S8),), before=(dense,))


class TestArgmax(OperatorContract):
    cases: ClassVar = {
        "2 classes": case(2),
        "1 class": case(1),
        "3 classes": case(3),
        "5 classes": case(5),
        "13 classes": case(13),
        "an image's values": Case(Argmax(S8, THRESHOLD), (Spec((2, 3, 2), S8),), before=(Flatten(S8, (12,)),)),
        "4 pixels, 7 classes": case(7, 4),
        "4 pixels, 3 classes": case(3, 4),
    }
    bad: ClassVar = {
        "a threshold out of range": (lambda: Argmax(S8, 128), "threshold 128 is outside fixed<8,4>; give -128 to 127"),
        "a negative threshold of unsigned": (lambda: Argmax(U4, -1), "threshold -1 is outside"),
        "an image in HLS": (lambda: layer_list(IMAGE, "io_stream"), "'y': argmax of .* flatten it, or use the Verilog"),
    }

    def float_result(self, op: Argmax, *x_float: Real) -> Real:
        """The first of the largest, class by class; the number of classes where that is below the threshold."""
        least = op.threshold * 2.0**-op.input_type.fraction
        frames = x_float[0].tolist()
        return np.array([[frame.index(max(frame)) if max(frame) >= least else len(frame)] for frame in frames])

    @pytest.mark.parametrize("threshold", [-128, -1, 0, 63, 127])
    def test_threshold_at_run_time(self, name: str, threshold: int, hardware: Hardware, need: Need) -> None:
        """The Verilog's port and the C++'s argument, on what was built for another threshold."""
        need("g++", "verilator")
        raw = hardware.inputs_of(name)[0].reshape(FRAMES, -1)
        expected = np.where(raw.max(axis=1) < threshold, raw.shape[1], raw.argmax(axis=1))[:, None]
        np.testing.assert_array_equal(hardware.hls(threshold)[name], expected)
        run = hardware.run(self.cases[name], Drive(threshold=threshold, seed=SEED))
        np.testing.assert_array_equal(run.outputs[hardware.output(name)], expected)
        assert run.problems == ()

    def test_the_frames_matter(self, hardware: Hardware) -> None:
        """Some are rejected and some are not, or the tests above would say little."""
        rejected = hardware.expected["5 classes"] == 5
        assert rejected.any()
        assert not rejected.all()


class TestArgmaxOfOtherTypes(OperatorContract):
    """Each in a top of its own, which has one threshold of one type."""

    cases: ClassVar = {
        "ties": case(7, x=NARROW, threshold=0),
        "unsigned": case(6, x=U4, threshold=12),
        "behind dense": behind_dense(),
    }
    bad: ClassVar = {"a threshold of another type": (lambda: Argmax(U4, 16), "threshold 16 is outside ufixed<4,2>")}
    float_result = TestArgmax.float_result

    def test_there_are_ties(self, hardware: Hardware) -> None:
        raw = hardware.inputs_of("ties")[0]
        assert ((raw == raw.max(axis=1, keepdims=True)).sum(axis=1) > 1).any()
