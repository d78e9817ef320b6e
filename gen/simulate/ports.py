"""What ``rtl/ports.json`` says about a top, and how integers become the bytes on its streams."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...hw.rtl.layout import Layout
from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed, IntArray
from ...sim.op import Shape
from ..files.json_file import read_json

ByteArray = NDArray[np.uint8]


@dataclass(frozen=True)
class Port:
    """One stream: ``layout`` says where each element travels, every element takes ``container`` bits.

    With ``sequences``, a frame of the hardware holds so many of the model's, side by side: (1, steps, channels) of each
    travel as an image (steps, sequences, channels), and (channels,) as (1, sequences, channels).
    """

    name: str
    prefix: str
    shape: Shape
    layout: Layout
    container: int
    sequences: int = 0

    @property
    def inside(self) -> str:
        """The prefix of the signals inside of the top that a tracing port shows."""
        return self.prefix.removeprefix("trace_")

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Port:
        height, width, channels, lanes = entry["layout"]
        type_ = Fixed(entry["signed"], entry["integer"], entry["fraction"])
        layout = Layout(height, width, channels, lanes, type_)
        shape, sequences = tuple(entry["shape"]), entry["sequences"]
        return cls(entry["name"], entry["prefix"], shape, layout, entry["container"], sequences)

    @property
    def type(self) -> Fixed:
        return self.layout.type

    @property
    def beats(self) -> int:
        """Beats in a frame."""
        return self.layout.beats

    @property
    def elements(self) -> int:
        """Numbers in a beat, void ones included."""
        return self.layout.elements

    @property
    def bits(self) -> int:
        """Width of ``tdata``."""
        return self.elements * self.container

    @property
    def beat_bytes(self) -> int:
        return -(-self.bits // 8)

    def pack(self, raw: IntArray, garbage: np.random.Generator | None = None) -> ByteArray:
        """(count, *shape) integers to (frames, beats, beat_bytes), every element ``container`` bits wide.

        There are ``frames(count)``: a last one that is not full is filled up with the last sequence.
        With ``garbage``, void lanes and the bits above an element's own width, which a top must ignore, are random;
        without, void lanes are 0 and numbers are extended.
        """
        self._check(raw)
        images = self._side_by_side(raw)
        beats = self.layout.pack(images)
        if garbage is not None:
            noise = garbage.integers(-(2**62), 2**62, beats.shape)
            own = (1 << self.type.width) - 1
            beats = np.where(self.layout.index() < 0, noise, (noise & ~own) | (beats & own))
        octets = np.ascontiguousarray(beats.astype("<i8")).view(np.uint8).reshape(*beats.shape, 8)
        if self.container % 8 == 0:
            return octets[..., : self.container // 8].reshape(len(images), self.beats, self.beat_bytes)
        bits = np.unpackbits(octets, axis=-1, bitorder="little")[..., : self.container]  # a layer's own stream
        return np.packbits(bits.reshape(len(images), self.beats, self.bits), axis=-1, bitorder="little")

    def unpack(self, octets: ByteArray) -> IntArray:
        """(frames, beats, beat_bytes) back to (count, *shape): every element read ``container`` bits wide."""
        if len(octets) == 0:
            return np.zeros((0, *self.shape), dtype=np.int64)
        bits = np.unpackbits(octets, axis=-1, bitorder="little")[..., : self.bits]
        bits = bits.reshape(*octets.shape[:2], self.elements, self.container)
        sign = bits[..., -1:] if self.type.signed else np.zeros_like(bits[..., -1:])
        wide = np.concatenate([bits, np.broadcast_to(sign, (*bits.shape[:-1], 64 - self.container))], axis=-1)
        beats = np.packbits(wide, axis=-1, bitorder="little").view("<i8")[..., 0].astype(np.int64)
        if not self.sequences:
            return self.layout.unpack(beats, self.shape)
        layout = self.layout
        images = self.layout.unpack(beats, (layout.height, layout.width, layout.channels))
        return images.swapaxes(1, 2).reshape(-1, *self.shape)

    def frames(self, count: int) -> int:
        """Frames of the hardware for so many of the model's."""
        return -(-count // max(1, self.sequences))

    def shown(self, count: int, frames: int) -> IntArray:
        """Which of ``count`` frames of the model come out of so many of the hardware's, which takes them over and over.

        The filling of a last one that is not full is not shown where nothing comes behind it.
        """
        own, side = self.frames(count), max(1, self.sequences)
        each = np.minimum(np.arange(own * side), count - 1)
        order: IntArray = np.resize(each, frames * side)
        return order if frames > own else order[:count]

    def completed(self, octets: ByteArray, raw: IntArray) -> IntArray:
        """Beats (n, beat_bytes) as integers, filled up to whole frames with what ``raw`` says of the missing ones."""
        beats = self.pack(raw).reshape(-1, self.beat_bytes)
        if np.array_equal(beats[: len(octets)], octets):  # nearly always, and unpacking takes longest
            return raw
        beats[: len(octets)] = octets
        return self.unpack(beats.reshape(-1, self.beats, self.beat_bytes))[: len(raw)]

    def _side_by_side(self, raw: IntArray) -> IntArray:
        """(frames, height, width, channels) in the layout's order."""
        if not self.sequences:
            return raw
        frames = self.frames(len(raw))
        missing = frames * self.sequences - len(raw)
        filled = np.concatenate([raw, np.repeat(raw[-1:], missing, axis=0)])
        return filled.reshape(frames, self.sequences, self.layout.height, self.layout.channels).swapaxes(1, 2)

    def _check(self, raw: IntArray) -> None:
        if raw.shape[1:] != self.shape:
            raise BitsmithError(f"input '{self.name}' has shape {raw.shape[1:]}; the hardware takes {self.shape}")
        if raw.size and (raw.min() < self.type.raw_min or raw.max() > self.type.raw_max):
            raise BitsmithError(
                f"input '{self.name}' holds {raw.min()}..{raw.max()}; its raw integers are "
                f"{self.type.raw_min}..{self.type.raw_max}"
            )


STREAM = ("tdata", "tvalid")
_SHOWN = re.compile(r"(output wire|wire|assign) (signed )?(\[\d+:0\] )?(trace|probe)_\w+( = \w+)?;?")


def _statements(verilog: str, name: str) -> list[str]:
    """The lines of the top or the twin called ``name``, in any order, but those that only show a layer's stream."""
    lines = (line.strip().rstrip(",") for line in verilog.replace(f"module {name} ", "module top ").splitlines())
    return sorted(line for line in lines if line and not line.startswith("//") and not _SHOWN.fullmatch(line))


@dataclass(frozen=True)
class Top:
    """The generated Verilog: where it stands, its streams, and the twin that shows every layer's stream."""

    folder: Path
    name: str
    files: tuple[str, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    traces: tuple[Port, ...]
    threshold: int | None
    quiet_cycles: int = 0
    """For how long nothing may move on the ports of a network that is well: its latency and an interval."""
    frame_ends: dict[str, list[int]] | None = None
    """By output, when the last beats of the first frames leave, as the build predicts it."""
    inside: bool = False
    """The traces are no ports but signals inside, without ``trace_`` in their names; Verilator is told to keep them."""

    @classmethod
    def load(cls, rtl: Path) -> Top:
        """Read ``rtl/ports.json``; BitsmithError where there is none."""
        try:
            data = read_json(rtl / "ports.json", "a whole build folder")
            names = ("inputs", "outputs", "traces")
            inputs, outputs, traces = (tuple(Port.from_json(e) for e in data.get(key, ())) for key in names)
            return cls(
                rtl,
                data["top"],
                tuple(data["files"]),
                inputs,
                outputs,
                traces,
                threshold=data.get("threshold"),
                quiet_cycles=data.get("quiet_cycles", 0),
                frame_ends=data.get("frame_ends"),
            )
        except (BitsmithError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise BitsmithError(f"no readable ports.json in '{rtl}': run 'bitsmith build' again") from error

    @property
    def sequences(self) -> int:
        """The model's frames in one of the hardware's."""
        return max(1, self.inputs[0].sequences)

    def without_traces(self) -> Top:
        return replace(self, traces=())

    def traced(self) -> Top:
        """The twin top: the same layers' files, each layer's stream a port."""
        twin = f"{self.name}_trace"
        files = (*(f for f in self.files if f not in (f"{self.name}.v", f"{twin}.v")), f"{twin}.v")
        return replace(self, name=twin, files=files, inside=False)

    def seen_inside(self) -> Top | None:
        """The top itself with the layers' streams taken from its signals; None where they are not the twin's ports."""
        twin = self.traced().name
        try:
            texts = [(self.folder / f"{name}.v").read_text() for name in (self.name, twin)]
        except OSError:
            return None
        own, other = (_statements(text, name) for text, name in zip(texts, (self.name, twin)))
        shows = {line.strip() for line in texts[1].splitlines()}
        layers = [p for p in self.traces if p.prefix != p.inside]
        assigned = [f"assign {p.prefix}_{end} = {p.inside}_{end};" for p in layers for end in STREAM]
        return replace(self, inside=True) if own == other and shows.issuperset(assigned) else None

    @property
    def input_beats(self) -> int:
        return sum(port.beats for port in self.inputs)

    @property
    def idle_cycles(self) -> int:
        """Cycles without a transfer that count as a deadlock, stalls on both sides included."""
        return 10_000 + 4 * (self.quiet_cycles + self.input_beats)

    @property
    def still_cycles(self) -> int:
        """Cycles without a transfer after which nothing moves inside, either, until a port does something else."""
        return 64 + (self.quiet_cycles or 4 * self.input_beats)

    @property
    def reset_window(self) -> int:
        """Cycles in which every part has been in each of its states: the first frame is out and another under way."""
        return self.still_cycles + max(port.beats for port in self.inputs)

    def sources(self) -> list[Path]:
        """The Verilog files; BitsmithError where one is missing."""
        paths = [self.folder.resolve() / name for name in self.files]
        for path in paths:
            if not path.is_file():
                raise BitsmithError(f"'{path}' is missing: run 'bitsmith build' again")
        return paths
