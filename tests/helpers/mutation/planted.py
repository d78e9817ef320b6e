"""A fault that can live, which faults are drawn, and the network that they are planted in."""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar
from unittest import mock

from bitsmith.gen.build import build

from . import equivalence, frames, reference
from .equivalence import Answer
from .judge import Verdict, apart
from .networks import Network, network

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
    """A fault that can live: its name, and what ``verify`` and a closer look say of it."""

    part: str
    network: str
    kind: str
    key: str
    verify: Callable[[], Verdict]
    closer: Callable[[], Answer]

    @property
    def name(self) -> str:
        return f"{self.part} {self.network}: {self.key}"

    @property
    def code(self) -> str:
        """The name for a command line."""
        return f"{self.part}-{self.network}-{digest(self.key)}"


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
        self.network: Network = network(name)
        self.work = folder / "work"
        self.work.mkdir(parents=True, exist_ok=True)

    @cached_property
    def right(self) -> Path:
        """The build without a fault."""
        return self.built("right")

    def built(self, name: str) -> Path:
        build(self.network.graph, self.network.config, self.folder / name, seed=SEED)
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

    def looked_at(self, task: Callable[[], tuple[str, str]]) -> Answer:
        """Of all frames: equal in every one is a proof."""
        verdict = apart(task, self.work)
        if verdict.found != equivalence.SAME:
            return Answer(equivalence.OTHER, "frames", f"{verdict.found} {verdict.why}", verdict.seconds)
        count = len(next(iter(self.many[0].values())))
        return Answer(equivalence.SAME, "frames", f"all {count:,} frames", verdict.seconds)
