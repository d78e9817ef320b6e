"""Integers to beats and back: every width of an element, rows that do not fill their last beat, sequences."""

from __future__ import annotations

import numpy as np
import pytest

from bitsmith.gen.rtl.top import container
from bitsmith.gen.simulate.ports import Port
from bitsmith.hw.rtl.layout import Layout
from bitsmith.sim.fixed import Fixed

SEED = 1


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 19, 24, 33, 62])
@pytest.mark.parametrize("sequences", [0, 3])
def test_beats_are_read_back(signed: bool, width: int, sequences: int) -> None:
    """With whole bytes for each element, as on the top, and with its own width, as a layer's stream is traced."""
    type_ = Fixed(signed, width - int(signed), 0)
    layout = Layout(4, 3, 2, 2, type_) if sequences else Layout(2, 5, 3, 2, type_)
    shape = (1, 4, 2) if sequences else (2, 5, 3)
    raw = np.random.default_rng(SEED).integers(type_.raw_min, type_.raw_max, (7, *shape), endpoint=True)
    for bits in {width, container(width)}:
        port = Port("x", "x", shape, layout, bits, sequences)
        octets = port.pack(raw)
        assert octets.shape == (port.frames(7), port.beats, port.beat_bytes)
        np.testing.assert_array_equal(port.unpack(octets)[:7], raw)
        some = octets.reshape(-1, port.beat_bytes)[:5]
        np.testing.assert_array_equal(port.completed(some, raw), raw)


def test_beats_by_hand() -> None:
    """Three numbers of three bits in one beat of two bytes, the first one lowest: 5, 2, 7 are 111 010 101."""
    port = Port("x", "x", (1, 3, 1), Layout(1, 3, 1, 3, Fixed(False, 3, 0)), 3)
    octets = port.pack(np.array([5, 2, 7]).reshape(1, 1, 3, 1))
    assert octets.tolist() == [[[0b11010101, 0b1]]]
