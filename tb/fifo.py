"""The buffer behind every core, in lockstep with a queue: every beat kept, in order, and room never granted twice.

FIFO_WIDTH and FIFO_DEPTH name the device; FIFO_LATENCY is how many cycles a reserved beat is on its way.
"""

from __future__ import annotations

import os
import random
from collections import deque
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly

WIDTH, DEPTH = int(os.environ["FIFO_WIDTH"]), int(os.environ["FIFO_DEPTH"])
LATENCY = int(os.environ["FIFO_LATENCY"])
CYCLES = 3000


class Producer:
    """A core's pipeline: it reserves a place, and the beat arrives ``LATENCY`` cycles later."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.flight: deque[int | None] = deque([None] * LATENCY)

    def next(self, reserved: bool) -> int | None:
        """What arrives in this cycle."""
        self.flight.append(self.rng.getrandbits(WIDTH) if reserved else None)
        return self.flight.popleft()


async def reset(dut: Any) -> None:
    await FallingEdge(dut.clk)
    for name in ("reserve", "w_tvalid", "w_tdata", "r_tready"):
        getattr(dut, name).value = 0
    dut.rst.value = 1
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


async def lockstep(dut: Any, seed: int, greed: float, thirst: float) -> int:
    """``CYCLES`` cycles against a queue; the producer takes room, the consumer beats, with these chances."""
    rng = random.Random(seed)
    producer, queue, taken = Producer(rng), deque[int](), 0
    for _ in range(CYCLES):
        await FallingEdge(dut.clk)
        in_flight = sum(beat is not None for beat in producer.flight)
        free = DEPTH - len(queue) - in_flight
        assert int(dut.room.value) == (free > 0), f"room is {dut.room.value} with {free} places free"
        assert int(dut.r_tvalid.value) == bool(queue), f"{len(queue)} beats queued, r_tvalid is {dut.r_tvalid.value}"
        reserve, ready = free > 0 and rng.random() < greed, rng.random() < thirst
        arrived = producer.next(reserve)
        dut.reserve.value, dut.r_tready.value = int(reserve), int(ready)
        dut.w_tvalid.value = int(arrived is not None)
        dut.w_tdata.value = rng.getrandbits(WIDTH) if arrived is None else arrived
        await ReadOnly()
        if queue:
            assert int(dut.r_tdata.value) == queue[0], "not the oldest beat"
        if queue and ready:
            queue.popleft()
            taken += 1
        if arrived is not None:
            queue.append(arrived)
    return taken


@cocotb.test()
async def every_pace(dut: Any) -> None:
    """A fast and a slow producer against a fast and a slow consumer, and a reset between them."""
    Clock(dut.clk, 10, unit="ns").start()
    for seed, (greed, thirst) in enumerate([(1.0, 1.0), (1.0, 0.2), (0.2, 1.0), (0.5, 0.5)]):
        await reset(dut)
        assert await lockstep(dut, seed, greed, thirst) > CYCLES // 40
