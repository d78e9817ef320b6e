"""A compiled top: integers in, integers and cycles out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import numpy as np

from ...sim.errors import BitsmithError
from ...sim.fixed import IntArray
from ..files import cache
from ..files.folder import writes_to
from ..files.workplace import remaking, sweep, work_folder
from ..rtl.schedule import later_half, mean_interval
from ..running import run
from .ports import ByteArray, Port, Top

TEMPLATES = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Drive:
    """How the streams are driven.

    Before the frames come ``wrong_tlasts``: so many times an early, a missing and a late ``tlast`` on every input, the
    first time at full speed. Then ``resets``: so many runs that a reset ends at a random cycle, at full speed, under
    stalls, with full buffers and at rest in turn. ``stalls``: random pauses of every source and sink, noise on
    ``tdata`` and ``tlast`` while ``tvalid`` is low. ``holds``: ports pause until nothing moves any more, so that every
    buffer fills up and drains; the frames come over and over for as long as that takes. ``threshold``: raw, constant
    over the run. ``idle``: cycles without a transfer that count as a deadlock; by default the top's own. ``traced``:
    what the layers hand on is recorded, where the simulation sees it.
    """

    stalls: bool = False
    resets: int = 0
    holds: bool = False
    wrong_tlasts: int = 0
    threshold: int = 0
    seed: int = 0
    idle: int | None = None
    traced: bool = True


FULL_SPEED = Drive()


@dataclass(frozen=True)
class Run:
    """What came out. A stream holds only the frames that arrived whole.

    ``shown``: which of the given frames each frame of a whole output comes from. ``aborted``: what came out before each
    reset, by the port's prefix, whole beats. ``latencies``: every one seen at full speed after one of these resets.
    """

    outputs: dict[str, IntArray]
    traces: dict[str, IntArray]
    problems: tuple[str, ...]
    first_input: int = -1
    frame_ends: tuple[tuple[int, ...], ...] = field(default=())
    shown: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    aborted: tuple[dict[str, ByteArray], ...] = field(default=())
    latencies: tuple[int, ...] = field(default=())

    @property
    def latency_cycles(self) -> int:
        """From the first input beat's transfer to that of frame 0's last output beat, both cycles counted."""
        return max(ends[0] for ends in self.frame_ends) - self.first_input + 1

    @property
    def interval_cycles(self) -> float:
        """``interval`` over the later half of the frames, of which there are three or more."""
        return self.interval(later_half(len(self.frame_ends[0])))

    def interval(self, steady: tuple[int, int]) -> float:
        """The mean cycles from frame to frame between two frames' last output beats."""
        return mean_interval(np.max(self.frame_ends, axis=0).tolist(), steady)


class Report(TypedDict):
    """What harness.cpp prints."""

    finished: bool
    frames: int
    cycles: int
    first_input: int
    frame_ends: list[list[int]]
    aborted_beats: list[list[int]]
    aborted_traces: list[list[int]]
    latencies: list[int]
    problems: list[str]


class Simulation:
    """An executable built from ``harness.cpp`` around one top."""

    def __init__(self, program: Path, top: Top) -> None:
        self.program = program
        self.top = top

    def run(self, inputs: dict[str, IntArray], drive: Drive = FULL_SPEED) -> Run:
        """Drive (count, *shape) integers by input name; returns whatever came out, with the protocol's problems."""
        count = len(next(iter(inputs.values())))
        frames = self.top.inputs[0].frames(count)
        with writes_to(self.program.parent), work_folder(self.program.parent) as folder:
            noise = np.random.default_rng(drive.seed)
            for port in self.top.inputs:
                port.pack(inputs[port.name], noise).tofile(folder / f"{port.prefix}.in")
            report = self._execute(folder, frames, drive)
            shown = self.top.inputs[0].shown(count, report["frames"])
            outputs = {port.name: _read(folder, port)[: len(shown)] for port in self.top.outputs}
            traces = {port.name: _read(folder, port)[: len(shown)] for port in self.top.traces}
            aborted = self._aborted(folder, [*report["aborted_beats"], *report["aborted_traces"]])
        ends, seen = tuple(tuple(one) for one in report["frame_ends"]), tuple(report["latencies"])
        return Run(outputs, traces, tuple(report["problems"]), report["first_input"], ends, shown, aborted, seen)

    def _execute(self, folder: Path, frames: int, drive: Drive) -> Report:
        top = self.top
        numbers = (frames, drive.seed, drive.threshold, drive.idle or top.idle_cycles, int(drive.stalls))
        trials = (
            drive.resets,
            top.reset_window,
            int(drive.holds),
            top.still_cycles,
            drive.wrong_tlasts,
            int(drive.traced),
        )
        command = [str(self.program), str(folder), *map(str, (*numbers, *trials))]
        done = run(command)
        if done.returncode:
            raise BitsmithError(f"'{self.program}' ended with status {done.returncode}: {done.stderr.strip()[:200]}")
        *lines, last = done.stdout.splitlines()
        report: Report = json.loads(last)
        report["problems"] += problem_lines(lines)
        return report

    def _aborted(self, folder: Path, beats: list[list[int]]) -> tuple[dict[str, ByteArray], ...]:
        """By reset and port, from one file for each port."""
        parts = []
        for port, counts in zip([*self.top.outputs, *self.top.traces], beats):
            octets = np.fromfile(folder / f"{port.prefix}.aborted", dtype=np.uint8).reshape(-1, port.beat_bytes)
            parts.append([(port.prefix, part) for part in np.split(octets, np.cumsum(counts)[:-1])] if counts else [])
        return tuple(dict(each) for each in zip(*parts))


def problem_lines(log: list[str]) -> list[str]:
    """What a bench and the checks inside of the Verilog have to say, a line each."""
    return [line.removeprefix("problem ") for line in log if line.startswith("problem ")]


def _read(folder: Path, port: Port) -> IntArray:
    octets = np.fromfile(folder / f"{port.prefix}.out", dtype=np.uint8)
    frames = len(octets) // (port.beats * port.beat_bytes)
    return port.unpack(octets[: frames * port.beats * port.beat_bytes].reshape(frames, port.beats, port.beat_bytes))


def render(template: str, **values: object) -> str:
    """A template beside this file, filled in."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)


def device(top: Top, adapter: str, mangle: Callable[[str], str], **values: object) -> str:
    """The harness's device.cpp for one top.

    ``mangle`` turns a port's name, or ``top.signal``, into the simulator's member. ``adapter`` is the template of the
    simulator's ``Device``, which ``values`` are for.
    """

    def streams(ports: tuple[Port, ...], inside: bool = False) -> list[dict[str, object]]:
        suffixes = ("tdata", "tvalid", "tready", "tlast")
        shown = [f"{top.name}.{port.inside}" if inside else port.prefix for port in ports]
        names = [{s: f"dut().top.{mangle(f'{name}_{s}')}" for s in suffixes} for name in shown]
        return [{**n, "prefix": p.prefix, "bytes": p.beat_bytes, "beats": p.beats} for n, p in zip(names, ports)]

    bits = top.threshold
    threshold = bits and {
        "signal": f"dut().top.{mangle('threshold')}",
        "bytes": -(-bits // 8),
        "mask": f"0x{(1 << bits) - 1:x}ull",
    }
    return render(
        "device.cpp.j2",
        top=top.name,
        adapter=adapter,
        inputs=streams(top.inputs),
        outputs=streams(top.outputs),
        traces=streams(top.traces, top.inside),
        threshold=threshold,
        tlast_error=f"dut().top.{mangle('tlast_error')}",
        **values,
    )


def cached(
    folder: Path, kind: str, texts: list[str], build: Callable[[Path], None], versions: Callable[[], str] | None = None
) -> Path:
    """``folder/<kind>-<hash of texts>``, filled by ``build`` the first time; a failed build leaves only logs.

    Where ``versions`` says which tools make ``harness`` out of the texts, the user's cache may have it already.
    """
    home = folder / f"{kind}-{cache.key(kind, *texts)[:16]}"
    sweep(folder)
    if (home / "harness").is_file():
        return home
    with writes_to(folder), remaking(home) as fresh:
        if versions:
            cache.filled("program", cache.key(versions(), *texts), fresh, ["harness"], build)
        else:
            build(fresh)
    return home
