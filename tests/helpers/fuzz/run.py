"""``make fuzz``: builds from seeds that count up, for so many minutes, in two processes; or one recipe again."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bitsmith.gen.files.workplace import work_folder

from .model import prefix
from .prove import CYCLES, Result, prove
from .recipe import Recipe, draw
from .shrink import shrink
from .table import Tally

WORKERS, NETWORKS, PATIENCE, SHRINKING = 2, 6, 1800, 600
"""Processes; networks of a build; seconds without an answer, after which a build counts as hung; seconds to shrink."""
BUILDS_OF_A_PROCESS = 30  # TensorFlow keeps memory
FOLDER = Path("build/fuzz")


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 where anything failed."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the first build; the next ones count up")
    parser.add_argument("--networks", type=int, default=NETWORKS, help="of each build")
    parser.add_argument("--small", action="store_true", help="few layers and pixels: what the tests run")
    parser.add_argument("--repeat", type=Path, help="a recipe that was written for a failure")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where failures are written")
    given = parser.parse_args(arguments)
    with _workplace(given.folder.resolve()):
        return again(given.repeat) if given.repeat else _fuzz(given)


@contextmanager
def _workplace(folder: Path) -> Iterator[None]:
    """All temporary files, TensorFlow's too, go with the run; what a killed one left goes with the next run."""
    ending = signal.SIGTERM, signal.SIGHUP
    before, environment, named = [signal.getsignal(n) for n in ending], dict(os.environ), tempfile.tempdir
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for number in ending:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        with work_folder(folder / "run") as work:
            os.environ |= {"BITSMITH_CACHE": f"{work}/cache", "TMPDIR": str(work)}  # the processes inherit it
            tempfile.tempdir = str(work)
            yield
    finally:
        tempfile.tempdir = named
        os.environ.clear()
        os.environ.update(environment)
        for number, handler in zip(ending, before):
            signal.signal(number, handler)


def _fuzz(given: Any) -> int:
    start, tally = time.monotonic(), Tally()
    _run(given, start + 60 * given.minutes, tally)
    print(tally.text(time.monotonic() - start, _processor_time()))
    return 1 if tally.failed else 0


def _processor_time() -> float:
    """Seconds, of this process and of all that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def again(path: Path) -> int:
    """One recipe, first what failed of it, then all; the model file stays beside it."""
    recipe, keep = json.loads(path.read_text()), path.parent / f"{path.stem}_model"
    result = prove(recipe, recipe.get("failed", CYCLES), keep)
    if not result.stage and "failed" in recipe:
        result = prove(recipe, keep=keep)
    print(line(result))
    return 1 if result.stage else 0


def line(result: Result) -> str:
    """One build for people."""
    networks = f"{len(result.recipe['networks'])} networks"
    refused = f", {len(result.refused)} refused ({'; '.join(result.refused.values())[:300]})" if result.refused else ""
    end = f"FAILED at {result.stage}: {result.reason}" if result.stage else "equal"
    end += f", {result.seconds:.0f} s"
    return f"seed {result.recipe['seed']}: {networks}{refused}, {end}"


def one(seed: int, networks: int, small: bool, folder: Path) -> tuple[Result, str]:
    """A seed's result; where it failed, also what was written of it."""
    result = prove(draw(seed, networks, small))
    return result, failure(result, folder) if result.stage else ""


def failure(result: Result, folder: Path, proves: Callable[..., Result] = prove, seconds: float = SHRINKING) -> str:
    """Shrinks, writes the recipes and the model file, and says how to repeat it."""
    stage, seed = result.stage, result.recipe["seed"]
    folder.mkdir(parents=True, exist_ok=True)
    whole, path = folder / f"seed{seed}_whole.json", folder / f"seed{seed}.json"
    whole.write_text(json.dumps(result.recipe))

    def fails(recipe: Recipe) -> bool:
        return proves(recipe, until=_level(stage)).stage == stage

    networks = sorted(result.recipe["networks"], key=lambda n: prefix(n["id"]) not in result.reason)
    small = shrink(result.recipe | {"networks": networks}, fails, seconds)
    path.write_text(json.dumps(small | {"failed": _level(stage)}))
    shutil.rmtree(folder / f"seed{seed}_model", ignore_errors=True)
    found = proves(small, until=_level(stage), keep=folder / f"seed{seed}_model")
    layers = sum(len(network["layers"]) for network in small["networks"])
    return (
        f"seed {seed} shrunk to {len(small['networks'])} networks with {layers} layers ({whole} is the whole recipe):\n"
        f"  {line(found)}\n  {json.dumps(small)}\n  make fuzz REPEAT={path}"
    )


def _level(stage: str) -> str:
    return stage if stage != "cycles" else CYCLES


def _run(given: Any, end: float, tally: Tally) -> None:
    """Two builds at a time; what does not answer is a failure, too, and ends the run."""
    seed, pending = given.seed, list[tuple[int, float, Any]]()
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(WORKERS, _end_with_us, maxtasksperchild=BUILDS_OF_A_PROCESS) as pool:
        while pending or time.monotonic() < end or seed == given.seed:
            while len(pending) < WORKERS and (time.monotonic() < end or seed == given.seed):
                pending.append(
                    (seed, time.monotonic(), pool.apply_async(one, (seed, given.networks, given.small, given.folder)))
                )
                seed += 1
            ready = [each for each in pending if each[2].ready()]
            for each in ready:
                _take(each[2].get(), tally)
                pending.remove(each)
            late = [each[0] for each in pending if time.monotonic() - each[1] > PATIENCE]
            if late:
                tally.failed += [f"seed {number}: no answer in {PATIENCE} s" for number in late]
                return
            time.sleep(0 if ready else 0.2)
        pool.close()
        pool.join()  # what they used counts as soon as they have ended


def _end_with_us() -> None:
    """A process of the pool ends when the run does, whatever ends that; its compilers end with it."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _take(answer: tuple[Result, str], tally: Tally) -> None:
    result, report = answer
    tally.add(result)
    print(line(result), flush=True)
    if report:
        print(report, flush=True)
