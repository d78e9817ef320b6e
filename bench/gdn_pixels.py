"""``python -m bitsmith.bench.gdn_pixels [CHANNELS ...]``: 100,000 pixels through divisive normalization.

Both forms, with and without a Newton step, and their inverses: the C++ and the Verilog against the reference, integer
for integer, on random pixels and on the extremes. The weights are random and shaped like trained ones: synthetic.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..gen.config.schema import Config, parse_config
from ..gen.hls import HlsModel, emit
from ..gen.rtl.choices import plan_for
from ..gen.rtl.emit import emit_plan
from ..gen.simulate import verilator
from ..gen.simulate.ports import Top
from ..gen.verify import vectors
from ..sim.errors import BitsmithError
from ..sim.fast.predict import Reference
from ..sim.graph import Graph, Node
from ..sim.op import Spec
from ..sim.ops.gdn import GDN
from ..sim.root import Form
from .gdn import FORMS, layer

HEIGHT, WIDTH, FRAMES = 20, 50, 100
"""An image and how many of them are random; a frame for each of the extremes comes before them."""
EXTREMES, SEED = 4, 1
INPUT_BITS, INSIDE = 8, 32
CHANNELS = (8, 96, 192)


@dataclass(frozen=True)
class Found:
    """Integers that differ, of how many, and the cycles of the last frame's end."""

    compared: int
    hls: int
    rtl: int
    predicted: int
    simulated: int

    @property
    def met(self) -> bool:
        return self.hls == self.rtl == 0 and self.predicted == self.simulated


def graph(channels: int, form: Form, newton: bool, inverse: bool) -> Graph:
    """The layer alone; its input is rounded to 8 bits, its gain to 32."""
    op: GDN = layer(channels, INPUT_BITS, INSIDE, form, newton, inverse)
    x = Spec((HEIGHT, WIDTH, channels), op.input_type)
    return Graph("gdn", (("x", x),), (Node("norm", op, ("x",), "norm"),), ("norm",))


def compare(whole: Graph, frames: int, folder: Path) -> Found:
    """C++ and Verilog of ``whole`` in ``folder`` on the extremes and ``frames`` random images."""
    batch = vectors.make(whole.inputs, EXTREMES + frames, SEED)
    (expected,) = Reference(whole).predict_raw(*batch.values())
    (spec,) = (spec for _, spec in whole.inputs)
    section = {"norm": {"Strategy": "resource", "ReuseFactor": spec.shape[-1]}}
    config: Config = parse_config({"HLSConfig": {"LayerName": section}})
    few = {name: x[:EXTREMES] for name, x in batch.items()}
    vectors.save(folder / "vectors", few, {"norm": expected[:EXTREMES]})
    emit(whole, config, folder, folder / "vectors")
    (cpp,) = HlsModel(folder).predict_raw(*batch.values())
    schedule = emit_plan(plan_for(whole, config), folder / "rtl")
    run = verilator.build(Top.load(folder / "rtl").without_traces(), folder / "sim").run(batch)
    return Found(
        expected.size,
        int(np.sum(cpp != expected)),
        int(np.sum(run.outputs["norm"] != expected)) + len(run.problems),
        int(schedule.ends[0] + (len(expected) - 1) * schedule.interval),
        int(run.frame_ends[0][-1] - run.first_input),
    )


def rows(channels: list[int], frames: int) -> Iterator[tuple[str, Found, float]]:
    """Words, what was found, and the seconds it took, of each kind of layer."""
    for count, (name, (form, newton)), inverse in product(channels, FORMS.items(), (False, True)):
        start = time.monotonic()
        with TemporaryDirectory(prefix="bitsmith-gdn-") as folder:
            found = compare(graph(count, form, newton, inverse), frames, Path(folder))
        yield f"{count} channels, {name}{', inverse' * inverse}", found, time.monotonic() - start


def main() -> int:
    """0 where nothing differs, 1 where something does."""
    parser = argparse.ArgumentParser(prog="bitsmith.bench.gdn_pixels", description=__doc__)
    parser.add_argument("channels", type=int, nargs="*", default=list(CHANNELS))
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"random images of {HEIGHT} × {WIDTH} pixels")
    given = parser.parse_args()
    random, extreme = (count * HEIGHT * WIDTH for count in (given.frames, EXTREMES))
    print(f"{random:,} random pixels, and {extreme:,} of the extremes; random weights, seed {SEED}")
    wrong = False
    try:
        for words, found, seconds in rows(given.channels, given.frames):
            wrong |= not found.met
            cycles = f"cycles predicted {found.predicted:,}, simulated {found.simulated:,}"
            told = f"{found.compared:,} integers, mismatches hls {found.hls}, rtl {found.rtl}; {cycles}"
            print(f"{words}: {told} ({seconds:.0f} s)", flush=True)
    except BitsmithError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
