"""A fault that can live, which faults are drawn, and the network that they are planted in."""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar
from unittest import mock

from bitsmith.gen.build import build

from . import equivalence, frames, reference
from .equivalence import Answer
from .judge import PATIENCE, Verdict, apart
from .networks import Network, network
from .trained import TRAINED, Trained, trained

SEED = 1
builder = import_module("bitsmith.gen.build")


class HasKind(Protocol):
    """What all three kinds of sites have."""

    @property
    def kind(self) -> str: ...

    @property
    def key(self) -> str: ...


S = TypeVar("S", bound=HasKind)


@dataclass(frozen=True)
class Planted:
    """A fault that can live: its name, and what ``verify`` and a closer look say of it.

    ``keras``: what the level keras alone says, where there is a model's file.
    """

    part: str
    network: str
    kind: str
    key: str
    verify: Callable[[], Verdict]
    closer: Callable[[], Answer]
    keras: Callable[[], Verdict] | None = None

    @property
    def name(self) -> str:
        return f"{self.part} {self.network}: {self.key}"

    @property
    def code(self) -> str:
        """The name for a command line."""
        return f"{self.part}-{self.network}-{digest(self.key)}"


def without_a_fault(like: Planted) -> Planted:
    """None of the faults: the build must pass, or nothing that is found with a fault says anything."""
    return replace(like, kind="none", key="without a fault")


def digest(key: str) -> str:
    """A few characters that stand for a key."""
    return sha256(key.encode()).hexdigest()[:10]


def drawn(sites: Sequence[S], count: int, rng: random.Random, only: str = "") -> list[S]:
    """So many of them, from all kinds in turn; of those with the same key one. ``only``: the digest of a key."""
    by_kind: dict[str, list[S]] = defaultdict(list)
    for site in {site.key: site for site in sites}.values():
        if only in ("", digest(site.key)):
            by_kind[site.kind].append(site)
    for group in by_kind.values():
        rng.shuffle(group)
    most = max(map(len, by_kind.values()), default=0)
    return [group[k] for k in range(most) for group in by_kind.values() if k < len(group)][:count]


class Home:
    """One network in a folder: as it is built, and with faults in it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.trained: Trained | None = trained(folder / "model") if name == TRAINED else None
        self.network = network(name) if self.trained is None else Network(self.trained.graph(), self.trained.config)
        self.work = folder / "work"
        self.work.mkdir(parents=True, exist_ok=True)

    @cached_property
    def right(self) -> Path:
        """The build without a fault."""
        return self.built("right")

    def built(self, name: str) -> Path:
        if self.trained is None:
            build(self.network.graph, self.network.config, self.folder / name, seed=SEED)
        else:
            self.trained.build(self.folder / name)
        return self.folder / name

    @cached_property
    def emitting(self) -> reference.Used:
        """The reference's functions that are called where C++ and Verilog are written."""

        there = self.right / "vectors"

        def write_vectors(_: Any, folder: Path, *more: object) -> None:
            shutil.copytree(there, folder)

        with mock.patch.object(builder, "_write_vectors", write_vectors):
            return reference.used(lambda: self.built("emitted"))

    @cached_property
    def many(self) -> tuple[dict[str, Any], list[Any]]:
        """Every frame that there is, and the reference's outputs."""
        batch = frames.many(self.network.graph)
        return batch, frames.right(self.network.graph, batch)

    @cached_property
    def traced(self) -> dict[str, Any]:
        """Every tensor of all these frames."""
        return frames.traced(self.network.graph, self.many[0])

    def looked_at(self, task: Callable[[], tuple[str, str]], patience: int = PATIENCE) -> Answer:
        """Of all frames: equal in every one is a proof, of the scope that the task names."""
        verdict = apart(task, self.work, patience)
        if verdict.found != equivalence.SAME:
            return Answer(equivalence.OTHER, "frames", f"{verdict.found} {verdict.why}", verdict.seconds)
        count = len(next(iter(self.many[0].values())))
        return Answer(equivalence.SAME, verdict.why or "frames", f"all {count:,} frames", verdict.seconds)
