"""``make fuzz-reader``: damaged models for the reader, by hypothesis: a graph, or a BitsmithError, and nothing else.

Each example is a whole model (of every format, and those of BITSMITH_EXAMPLE_MODELS where it is set) and some damages.
It runs in this process, within limits of memory and time, so thousands of them take minutes.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from bad_input import mutate
from bad_input.drawn import keras_damage
from bad_input.good import Good, make
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.inspect import inspect
from bitsmith.sim.errors import BitsmithError

SECONDS = 30
"""For one example."""
MEMORY = 4 << 30
LARGEST = 1 << 20
"""Bytes of a model of BITSMITH_EXAMPLE_MODELS that is taken."""
CONFIGS: tuple[dict[str, Any], ...] = (
    {},
    {"Bitsmith": {"input": "fixed<8,4>"}, "HLSConfig": {"Model": {"Precision": "fixed<16,6>"}}},
)
DEEP: dict[str, mutate.Damage] = {
    ".h5": mutate.hdf5,
    ".keras": keras_damage,
    ".onnx": mutate.proto,
    ".json": mutate.json_text,
}
Damages = list[tuple[str, int]]
"""What is done, and the seed of how."""


def models(folder: Path, hgq: bool) -> dict[str, bytes]:
    """Whole models by their names."""
    good: Good = make(folder, hgq)
    found = {name: good.files[name] for name in (*good.models, "model.json", "w.h5")}
    given_ = os.environ.get("BITSMITH_EXAMPLE_MODELS", "")
    for path in sorted(Path(given_).glob("*/*")) if given_ else ():
        if path.suffix in DEEP and path.stat().st_size <= LARGEST:
            found[path.name] = path.read_bytes()
    return found


def damaged(data: bytes, suffix: str, damages: Damages) -> bytes:
    """Each after the other; where a file is no whole one any more, its bits are damaged."""
    for how, number in damages:
        rng = np.random.default_rng(number)
        damage = {"values": DEEP[suffix], "bits": mutate.flipped, "length": mutate.cut}[how]
        try:
            data = damage(data, rng)
        except Exception:
            data = mutate.flipped(data, rng)
    return data


def read(path: Path, weights: Path | None, config: dict[str, Any]) -> str:
    """``read``, or ``refused`` by what ``build`` reads with; anything else is raised, by what ``inspect`` does, too."""
    with suppress(BitsmithError):
        inspect(path, config, weights)
    try:
        read_model(path, parse_config(config), weights)
    except BitsmithError:
        return "refused"
    return "read"


def fuzz(
    whole: dict[str, bytes], folder: Path, examples: int, number: int, count: Counter[str], shrink: bool = True
) -> Callable[[], None]:
    """A function that tries so many examples; it raises what hypothesis found."""
    (folder / "w.h5").write_bytes(whole.get("w.h5", b""))
    kinds = st.sampled_from(("values", "values", "values", "bits", "length"))
    damages = st.lists(st.tuples(kinds, st.integers(0, 1 << 30)), min_size=1, max_size=3)
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)

    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=phases, derandomize=False, print_blob=False,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.sampled_from(sorted(set(whole) - {"w.h5"})), damages, st.sampled_from(CONFIGS))
    def one(name: str, edits: Damages, config: dict[str, Any]) -> None:
        suffix = Path(name).suffix
        path = folder / f"model{suffix}"
        path.write_bytes(damaged(whole[name], suffix, edits))
        signal.alarm(SECONDS)
        try:
            count[read(path, folder / "w.h5" if suffix == ".json" else None, config)] += 1
        finally:
            signal.alarm(0)

    return one


def _late(number: int, frame: object) -> None:
    raise TimeoutError(f"the reader took longer than {SECONDS} s")


def limited() -> None:
    """Limits for this process."""
    signal.signal(signal.SIGALRM, _late)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    warnings.simplefilter("error")


def main() -> int:
    """Exit status 1 where anything was found; the model that shows it is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the models that show a fault are kept")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the next ones count up")
    parser.add_argument("--examples", type=int, default=500, help="of a round")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    count, found, number = Counter[str](), 0, arguments.seed
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        whole = models(work, hgq=True)
        limited()
        end = time.monotonic() + 60 * arguments.minutes
        while time.monotonic() < end:
            try:
                fuzz(whole, work, arguments.examples, number, count)()
            except Exception as error:
                found += 1
                kept = arguments.folder / f"seed_{number}"
                kept.mkdir(exist_ok=True)
                newest = max((path for path in work.glob("model.*")), key=lambda path: path.stat().st_mtime_ns)
                (kept / newest.name).write_bytes(newest.read_bytes())
                print(f"seed {number}: {type(error).__name__}: {str(error)[:300]}; kept in {kept}")
                print("\n".join(getattr(error, "__notes__", []))[:600], flush=True)
            number += 1
    total = sum(count.values())
    print(f"{total:,} models from {len(whole)}, {count['refused']:,} refused, {count['read']:,} read; {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
