"""What a seed draws: a recipe of plain data that says everything about one build. Nothing here imports Keras."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import numpy as np

from .kinds import KINDS, PLAIN, Kind

for _name in ("layers", "moves", "sequences"):  # they register their kinds
    import_module(f".{_name}", __package__)

Recipe = dict[str, Any]
Layer = dict[str, Any]
Network = dict[str, Any]
QUANTIZERS = ("bits", "bits", "bits", "relu", "relu", "relu", "leaky", "tanh", "sigmoid", "binary", "ternary")
JOINS = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
PARTS = ("xcvu13p-flga2577-2-e", "xc7a100tcsg324-1", "xczu7ev-ffvc1156-2-e")


class Draw:
    """A build of ``count`` networks."""

    def __init__(self, seed: int, count: int, small: bool) -> None:
        self.small = small
        self.seed, self.rng = seed, np.random.default_rng(seed)
        self.recurrent = self.rng.random() < 0.25
        self.library = "keras" if self.rng.random() < 0.25 else "tf_keras"
        self.exact = True
        self.count = count

    def recipe(self) -> Recipe:
        networks = [self.network(k) for k in range(self.count)]
        return {"seed": self.seed, "library": self.library, "config": self.config(), "networks": networks}

    def pick(self, *values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    def whole(self, low: int, high: int) -> int:
        """From ``low`` to ``high``, both included."""
        return int(self.rng.integers(low, high, endpoint=True))

    def config(self) -> dict[str, Any]:
        """Pixels per cycle, strategy, reuse factor, clock, part, and what HLS is for."""
        own: dict[str, Any] = {"strategy": self.pick("latency", "latency", "resource", "distributed_arithmetic")}
        if self.recurrent:
            if self.rng.random() < 0.5:
                own["interleaved_sequences"] = self.whole(1, 5)
        else:
            own["pixels_per_cycle"] = self.pick(1, 1, 1, 2, 4, 8)
        if self.rng.random() < 0.2:
            own["prefix"] = "left"
        found = {"Bitsmith": own, "HLSConfig": {"Model": {"ReuseFactor": self.pick(1, 1, 2, 3, 4, 8, 16)}}}
        if self.rng.random() < 0.3:
            found |= {"ClockPeriod": self.pick(2.5, 4, 8, 10), "Part": self.pick(*PARTS)}
        return found | {"IOType": "io_parallel"} if self.rng.random() < 0.15 else found

    def network(self, number: int) -> Network:
        """Rank 3 is an image, 2 a sequence, 1 a vector."""
        rank = self.pick(1, 2, 2, 2) if self.recurrent else self.pick(1, 2, 3, 3, 3)
        rows = self.pick(1, 3, 4) if self.small else self.pick(1, 3, 4, 5, 6, 7, 8)
        shape = [rows, self.whole(1, 4 if self.small else 9), self.whole(1, 2 if self.small else 4)][3 - rank :]
        if rank == 1:
            shape = [self.whole(1, 16)]
        quantized = self.library == "tf_keras" and self.rng.random() < 0.8
        bits = self.width()
        self.exact = self.rng.random() < 0.6
        if rank < 3 and not self.recurrent and self.rng.random() < 0.15:
            rank, shape, quantized = 2, shape[:1], self.library == "tf_keras"
            first = [self.layer(KINDS["embed"])]
        else:
            first = []
        network = {"id": number, "quantized": quantized, "shape": shape, "type": [bits, self.whole(0, min(bits, 3))]}
        layers, rank = self.layers(rank, self.whole(2, 3 if self.small else 6))
        if self.recurrent and rank == 2 and self.rng.random() < 0.8:
            layers.append(self.layer(KINDS["rnn"]))
        return network | {"layers": first + layers}

    def layers(self, rank: int, count: int, keeps: bool = False) -> tuple[list[Layer], int]:
        """``keeps``: a branch, whose layers leave rows and columns as they are."""
        found = []
        for _ in range(count):
            kinds = [k for k in KINDS.values() if self._fits(k, rank, keeps)]
            weights = np.array([k.weight for k in kinds], dtype=float)
            kind = kinds[int(self.rng.choice(len(kinds), p=weights / weights.sum()))]
            found.append(self.fork(rank) if kind.name == "fork" else self.layer(kind))
            rank = kind.to.get(rank, rank)
        return found, rank

    def _fits(self, kind: Kind, rank: int, keeps: bool) -> bool:
        if rank not in kind.ranks or (keeps and not kind.keeps) or self.library not in kind.libraries:
            return False
        if self.exact and not kind.exact:
            return False
        return kind.recurrent if self.recurrent else not kind.only_recurrent

    def fork(self, rank: int) -> Layer:
        """Two branches, or a branch and an input of its own, and what joins them."""
        second, _ = self.layers(rank, self.whole(0, 2), keeps=True)
        layer = self.layer(KINDS["fork"])
        joins = JOINS + {1: ("Dot",), 2: () if self.exact else ("Attention", "MultiHeadAttention"), 3: ()}[rank]
        branches = [self.layers(rank, self.whole(1, 2), keeps=True)[0], second]
        return layer | {"join": self.pick(*joins), "own": self.rng.random() < 0.25, "branches": branches}

    def layer(self, kind: Kind) -> Layer:
        """Numbers that every kind reads in its own way; the builder clips them to the shape that it finds."""
        bits = self.pick(1, 2, 3, 4, 4, 5, 6, 8)
        layer = dict(PLAIN) | {
            "kind": kind.name,
            "n": self.whole(1, 5),
            "k": [self.whole(1, 3), self.whole(1, 3)],
            "s": [self.pick(1, 1, 1, 2, 3), self.pick(1, 1, 2)],
            "same": self.pick(0, 1),
            "d": self.pick(1, 1, 1, 2),
            "w": [bits, self.whole(0, min(bits - 1, 2))],
            "alt": self.whole(0, 7),
            "r": self.whole(0, 9999),
        }
        width = self.width()
        layer["q"] = [self.pick(*QUANTIZERS), width, self.whole(0, min(width, 4))]
        if self.rng.random() < 0.3:
            layer["strategy"] = self.pick("Latency", "Resource")
        return layer

    def width(self) -> int:
        return self.whole(1, 16) if self.rng.random() < 0.3 else self.whole(3, 8)


def draw(seed: int, count: int = 6, small: bool = False) -> Recipe:
    """The recipe of a seed: the same every time, and JSON. ``small`` ones have few layers and pixels."""
    recipe: Recipe = json.loads(json.dumps(Draw(seed, count, small).recipe()))
    return recipe
