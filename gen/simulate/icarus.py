"""The Verilog run by Icarus Verilog, event by event and with unknown values: slow, so a few frames only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...hw.rtl.fifo_check import CHECK
from ...sim.errors import BitsmithError
from ...sim.fixed import IntArray
from ..files.folder import writes_to
from ..files.workplace import work_folder
from ..running import run
from ..tools import iverilog
from .ports import Port, Top
from .simulation import FULL_SPEED, Drive, Run, cached, problem_lines, render


class IcarusSimulation:
    """A compiled bench; ``run`` as ``Simulation.run``, but without resets in mid-frame and wrong tlasts.

    Under ``holds`` the frames come over and over until every buffer has filled up and drained.
    """

    def __init__(self, program: Path, top: Top) -> None:
        self.program = program
        self.top = top

    def run(self, inputs: dict[str, IntArray], drive: Drive = FULL_SPEED) -> Run:
        """Drive (frames, *shape) integers by input name; returns whatever came out, with the protocol's problems."""
        count = len(next(iter(inputs.values())))
        frames = self.top.inputs[0].frames(count)
        with writes_to(self.program.parent), work_folder(self.program.parent) as folder:
            noise = np.random.default_rng(drive.seed)
            for port in self.top.inputs:
                _write(folder, port, inputs[port.name], noise)
            log = self._execute(folder, frames, drive)
            ends = [tuple(int(e.split()[2]) for e in log if e.startswith(f"end {p.prefix} ")) for p in self.top.outputs]
            for port, done in zip(self.top.outputs, ends):
                _check_written(folder / f"{port.prefix}.out", len(done) * port.beats)
            unknown = [port.prefix for port in self.top.outputs if "x" in (folder / f"{port.prefix}.out").read_text()]
            sent = next((int(line.split()[1]) for line in log if line.startswith("frames ")), frames)
            shown = self.top.inputs[0].shown(count, sent)
            outputs = {port.name: _read(folder, port)[: len(shown)] for port in self.top.outputs}
        problems = problem_lines(log)
        problems += [f"unknown bits on {prefix}" for prefix in unknown]
        first = min((int(line.split()[1]) for line in log if line.startswith("first")), default=-1)
        return Run(outputs, {}, tuple(problems[:8]), first, tuple(ends), shown)

    def _execute(self, folder: Path, frames: int, drive: Drive) -> list[str]:
        idle = drive.idle or self.top.idle_cycles
        threshold = drive.threshold & ((1 << (self.top.threshold or 1)) - 1)
        numbers = (f"+frames={frames}", f"+seed={drive.seed}", f"+stalls={int(drive.stalls)}", f"+idle={idle}")
        holds = (f"+holds={int(drive.holds)}", f"+still={self.top.still_cycles}")
        command = ["vvp", "-n", str(self.program), *numbers, *holds, f"+threshold={threshold:x}"]
        done = run(command, folder)
        if done.returncode:
            raise BitsmithError(f"vvp ended with status {done.returncode}: {done.stderr.strip()[:200]}")
        return done.stdout.splitlines()


def build(top: Top, folder: Path) -> IcarusSimulation:
    """Compile ``top`` under ``folder``, once for the same sources; BitsmithError where Icarus is missing or fails."""
    tool = iverilog()
    text = render(
        "icarus.v.j2",
        top=top.name,
        inputs=list(top.inputs),
        outputs=list(top.outputs),
        traces=list(top.traces),
        threshold=top.threshold,
    )
    sources = {path.name: path.read_text() for path in top.sources()}

    def compile_in(work: Path) -> None:
        for file, source in {"bench.v": text, **sources}.items():
            (work / file).write_text(source)
        tool.run(["-g2005", f"-D{CHECK}", "-s", "bench", "-o", "harness", "bench.v", *sources], work, "Icarus Verilog")

    texts = [text, *sources.values()]
    return IcarusSimulation(cached(folder.resolve(), f"{top.name}-icarus", texts, compile_in) / "harness", top)


def _check_written(path: Path, beats: int) -> None:
    """Icarus says nothing where a file cannot be written: what is missing would look like wrong hardware."""
    if not path.is_file() or path.read_bytes().count(b"\n") < beats:
        raise BitsmithError(f"'{path}' could not be written as a whole; make room there and start again")


def _write(folder: Path, port: Port, raw: IntArray, noise: np.random.Generator) -> None:
    beats = port.pack(raw, noise).reshape(-1, port.beat_bytes)[:, ::-1]
    (folder / f"{port.prefix}.in").write_text("\n".join(beat.tobytes().hex() for beat in beats) + "\n")


def _read(folder: Path, port: Port) -> IntArray:
    lines = (folder / f"{port.prefix}.out").read_text().replace("x", "0").replace("z", "0").split()
    octets = b"".join(int(line, 16).to_bytes(port.beat_bytes, "little") for line in lines)
    frames = len(lines) // port.beats
    beats = np.frombuffer(octets, dtype=np.uint8).reshape(-1, port.beat_bytes)[: frames * port.beats]
    return port.unpack(beats.reshape(frames, port.beats, port.beat_bytes))
