"""What a seed draws: a recipe of plain data that says everything about one build. Nothing here imports Keras."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import numpy as np

from .kinds import KINDS, PLAIN, Kind

for _name in ("layers", "functions", "moves", "sequences", "states", "signed", "hgq", "onnx_kinds"):  # they register
    import_module(f".{_name}", __package__)
from .deck import Card, cards, flavour  # noqa: E402  knows them all then
from .moves import JOINS  # noqa: E402

Recipe = dict[str, Any]
Layer = dict[str, Any]
Network = dict[str, Any]
QUANTIZERS = ("bits", "bits", "bits", "relu", "relu", "relu", "leaky", "tanh", "sigmoid", "binary", "ternary")
PARTS = ("xcvu13p-flga2577-2-e", "xc7a100tcsg324-1", "xczu7ev-ffvc1156-2-e")


class Draw:
    """A build of ``count`` networks."""

    def __init__(self, seed: int, count: int, small: bool) -> None:
        self.small = small
        self.seed, self.rng = seed, np.random.default_rng(seed)
        sort = flavour(seed)
        self.recurrent, self.library, self.decides = sort.recurrent, sort.library, sort.decides
        self.exact = True
        self.count = 1 if sort.decides else count

    def recipe(self) -> Recipe:
        wanted = cards(self.seed, self.count)
        networks = [self.network(k, each) for k, each in zip(range(self.count), wanted)]
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
        if self.decides:
            own["output"] = "argmax"
        if self.rng.random() < 0.2:
            own["prefix"] = "left"
        found = {"Bitsmith": own, "HLSConfig": {"Model": {"ReuseFactor": self.pick(1, 1, 2, 3, 4, 8, 16)}}}
        if self.rng.random() < 0.3:
            found |= {"ClockPeriod": self.pick(2.5, 4, 8, 10), "Part": self.pick(*PARTS)}
        return found | {"IOType": "io_parallel"} if self.rng.random() < 0.15 else found

    def network(self, number: int, wanted: tuple[Card, ...]) -> Network:
        """Rank 3 is an image, 2 a sequence, 1 a vector."""
        quantized = {"hgq": True, "onnx": True, "keras": False}.get(self.library, self.rng.random() < 0.8)
        for card in reversed(wanted):
            quantized = quantized if card.form.quantized is None else card.form.quantized
        wanted = tuple(card for card in wanted[: 2 if self.small else 3] if card.fits(quantized))
        self.exact = self.rng.random() < 0.6 and all(card.kind.exact for card in wanted)
        wanted = tuple(sorted(wanted, key=lambda card: (not card.kind.first, -max(card.ranks))))
        rank = self.pick(*(r for r in wanted[0].ranks if r < 3 or not self.recurrent))
        bits = self.width()
        network = {
            "id": number,
            "quantized": quantized,
            "shape": self.shape(rank),
            "type": [bits, self.whole(0, min(bits, 3))],
        }
        return network | {"layers": self.wanted(rank, wanted)}

    def shape(self, rank: int) -> list[int]:
        """Of an input; of ONNX files rows and columns are more than channels, so that these tell themselves apart."""
        if rank == 1:
            return [self.whole(1, 16)]
        if self.library == "onnx":
            size = [self.whole(4, 5 if self.small else 8) for _ in range(rank - 1)]
            return [*size, self.whole(1, 3)]
        rows = self.pick(1, 3, 4) if self.small else self.pick(1, 3, 4, 5, 6, 7, 8)
        return [rows, self.whole(1, 4 if self.small else 9), self.whole(1, 2 if self.small else 4)][3 - rank :]

    def wanted(self, rank: int, wanted: tuple[Card, ...]) -> list[Layer]:
        """Random layers around those that must be there."""
        found: list[Layer] = []
        for k, card in enumerate(wanted):
            if not card.kind.first and self.rng.random() < 0.5:
                found += self.layers(rank, 1, keeps=True)[0]
            bridge, rank = self.bridge(rank, card.ranks)
            found += [*bridge, self.made(card, rank)]
            rank = card.kind.to.get(rank, rank) if rank in card.ranks else rank
            more, rank = self.layers(rank, self.whole(0, 1 if self.small else 2 - k) if k < 2 else 0)
            found += more
        if self.decides and rank > 1:
            found.append(self.layer(KINDS["flatten"]))
        return [*found, self.layer(KINDS["dense"]) | {"n": self.whole(2, 5)}] if self.decides else found

    def bridge(self, rank: int, ranks: tuple[int, ...]) -> tuple[list[Layer], int]:
        """Layers that bring a tensor to one of these ranks; as far as there are any."""
        found: list[Layer] = []
        while rank not in ranks and len(found) < 3:
            names = ("flatten", "o_flatten") if rank > max(ranks) or len(found) == 2 else ("reshape", "repeat")
            kind = next((KINDS[n] for n in names if self._fits(KINDS[n], rank, False)), None)
            if kind is None:
                break
            found, rank = [*found, self.layer(kind)], kind.to[rank]
        return found, rank

    def made(self, card: Card, rank: int) -> Layer:
        """The layer of a card."""
        layer = self.fork(rank, card.form.params["join"]) if card.kind.name == "fork" else self.layer(card.kind)
        return layer | card.form.params

    def layers(self, rank: int, count: int, keeps: bool = False) -> tuple[list[Layer], int]:
        """``keeps``: a branch, whose layers leave rows and columns as they are."""
        found = []
        for _ in range(count):
            kinds = [k for k in KINDS.values() if not k.first and self._fits(k, rank, keeps)]
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

    def fork(self, rank: int, join: str = "") -> Layer:
        """Two branches, or a branch and an input of its own, and what joins them."""
        second, _ = self.layers(rank, self.whole(0, 2), keeps=True)
        layer = self.layer(KINDS["fork"])
        joins = JOINS + {1: ("Dot",), 2: () if self.exact else ("Attention", "MultiHeadAttention"), 3: ()}[rank]
        branches = [self.layers(rank, self.whole(1, 2), keeps=True)[0], second]
        return layer | {"join": join or self.pick(*joins), "own": self.rng.random() < 0.25, "branches": branches}

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
