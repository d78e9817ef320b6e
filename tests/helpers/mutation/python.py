"""Faults in the reference's Python, in a process each, with whatever is built from it there and then."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from bitsmith.gen.verify import vectors
from bitsmith.gen.verify.batch import Batch
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import IntArray

from . import frames, judge, reference
from .equivalence import Answer
from .judge import apart
from .planted import Home, Planted, drawn, without_a_fault

Task = Callable[[], tuple[str, str]]
NOTHING = reference.Used(set(), set())


def sim(home: Home, count: int, rng: random.Random, only: str = "") -> list[Planted]:
    """Faults in functions of the reference that compute this network's frames, fast or plainly, and that emit nothing.

    What emits the network calls some functions, too: see ``shared``.
    """
    graph = home.network.graph
    batch = vectors.make(graph.inputs, 64, 0)
    inputs = [batch[name] for name, _ in graph.inputs]

    def compute() -> None:
        both = Reference(graph, threads=1)
        both.predict_raw(*inputs)
        both.trace_raw(*inputs)

    return _planted("sim", home, drawn(reference.sites(reference.used(compute), home.emitting), count, rng, only))


def shared(home: Home, count: int, rng: random.Random, only: str = "") -> list[Planted]:
    """Faults in functions of the reference that a model is read with, or C++ and Verilog are made with.

    They are in all three alike, so that no comparison of the three sees one. Keras's outputs are what they are held to.
    """
    return _planted("shared", home, drawn(reference.sites(home.emitting, NOTHING), count, rng, only))


def _planted(part: str, home: Home, chosen: list[reference.Site]) -> list[Planted]:
    if not chosen:
        return []
    first = _one(part, home, None, chosen[0])
    return [without_a_fault(first), *(_one(part, home, site, site) for site in chosen)]


def _one(part: str, home: Home, site: reference.Site | None, like: reference.Site) -> Planted:
    """``site`` is None for no fault."""

    def wrong(task: Task) -> Task:
        def run() -> tuple[str, str]:
            if site is not None:
                reference.live(site)
            return task()

        return run

    def closer() -> Answer:
        right = home.many, home.traced, home.right  # made here, where no fault lives
        return home.looked_at(wrong(lambda: _every_frame(home, *right)), judge.COMPILED)

    def verify() -> judge.Verdict:
        return apart(wrong(lambda: _verified(home)), home.work, judge.COMPILED)

    def keras() -> judge.Verdict:
        return apart(wrong(lambda: _beside_keras(home)), home.work)

    alone = keras if home.trained else None
    return Planted(part, home.name, like.kind, like.key, verify, closer, alone)


def _verified(home: Home) -> tuple[str, str]:
    """``verify`` of what is built now: with a model's file beside Keras as well, before the Verilog is compiled."""
    if home.trained is None:
        return judge.judged(home.built("spoilt"), ("hls", "rtl"))
    found = _beside_keras(home, "hls", "keras")
    return judge.judged(home.folder / "spoilt", ("rtl",)) if found[0] == judge.SURVIVED else found


def _beside_keras(home: Home, *levels: str) -> tuple[str, str]:
    """The level keras, alone or behind others, of what is built now."""
    assert home.trained is not None
    with home.trained.instead_of_keras():
        return judge.judged(home.built("spoilt"), levels or ("keras",), inputs=home.trained.inputs, exact=True)


def _every_frame(home: Home, many: tuple[Batch, list[IntArray]], traced: Batch, right: Path) -> tuple[str, str]:
    """Whether every frame there is gives the right integers: in the reference, and in whatever is emitted otherwise.

    ``many``, ``traced`` and ``right`` are ``home``'s without a fault.
    """
    batch, expected = many
    graph, changed = home.network.graph, list[str]()
    if home.trained is not None:
        changed = _changed(home.built("spoilt"), right)
        graph = home.trained.graph()
    got = frames.first_wrong(graph.outputs, expected, frames.right(graph, batch))
    got = got or frames.first_wrong(list(traced), traced.values(), frames.traced(graph, batch).values())
    if got or not changed:
        return ("not equal" if got else "equal"), got
    for simulated in (frames.in_cpp, frames.in_verilog):
        found = simulated(home.folder / "spoilt", graph, batch, expected)
        if found[0] != "equal":
            return found[0], f"{found[1]}, and {changed[0]} is emitted otherwise"
    return "equal", "values"


def _changed(there: Path, right: Path) -> list[str]:
    """The files that are emitted otherwise than without a fault."""
    emitted = sorted([Path("graph.json"), *_inside(right, "rtl/*.v"), *_inside(right, "hls/firmware/**/*.*")])
    return [str(one) for one in emitted if (there / one).read_bytes() != (right / one).read_bytes()]


def _inside(folder: Path, pattern: str) -> list[Path]:
    return [path.relative_to(folder) for path in folder.glob(pattern) if path.is_file()]
