"""What a seed must have: every operator in turn, in every form that makes it, so that no run of some length lacks one.

Which classes there are and which operator each becomes, the registry says; the kinds say what they can make.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from bitsmith.gen.ops import CONVERTERS

from .kinds import KINDS, Form, Kind

NOT_MADE = {
    "FixedPointQuantizer": "a layer of HGQ 1's proxy models, whose package the tests do not have",
    "HGQ>FixedPointQuantizer": "a layer of HGQ 1's proxy models, whose package the tests do not have",
    "tensorflow_compression>GDN": "its package is not among the tests' requirements",
}
"""Classes that no kind makes, and why."""
DECISION = "argmax"
"""The one operator that no class becomes: the configuration asks for it, in a model with one output."""


@dataclass(frozen=True)
class Flavour:
    """One sort of build: the library; with recurrent layers or not; several networks, or one with a decision."""

    library: str
    recurrent: bool = False
    decides: bool = False


TF, KERAS = Flavour("tf_keras"), Flavour("keras")
CYCLE = (
    TF, KERAS, Flavour("tf_keras", recurrent=True), Flavour("onnx"), TF, Flavour("hgq"), TF,
    Flavour("keras", recurrent=True), TF, Flavour("tf_keras", decides=True),
)  # fmt: skip
"""The builds of seeds that follow each other."""


@dataclass(frozen=True)
class Card:
    """A class that a network must have, and how."""

    class_name: str
    kind: Kind
    form: Form

    @property
    def ranks(self) -> tuple[int, ...]:
        return self.form.ranks or self.kind.ranks

    def fits(self, quantized: bool) -> bool:
        return self.form.quantized in (None, quantized)


def flavour(seed: int) -> Flavour:
    return CYCLE[seed % len(CYCLE)]


def cards(seed: int, networks: int) -> Iterator[tuple[Card, ...]]:
    """For each network of a build cards that go together: of two operators that follow each other, and of one class.

    What the most frequent sort of build cannot have comes first in the others: recurrent layers, say.
    """
    own = flavour(seed)
    deck = _deck(own)
    leading = {stem: each for stem, each in deck.items() if stem not in _deck(CYCLE[0])}
    rounds, place = divmod(seed, len(CYCLE))
    before = rounds * CYCLE.count(own) + CYCLE[:place].count(own)
    for k in range(networks):
        slot = before * networks + k
        leads = own.recurrent or k < len(leading)
        first = _card(leading, slot) if leads else _card(deck, 2 * slot)
        second = _card(deck, 2 * slot + 1, first.form.quantized)
        quantized = second.form.quantized if first.form.quantized is None else first.form.quantized
        yield first, second, _in_turn(deck, slot, quantized)


def _card(deck: dict[str, list[Card]], slot: int, quantized: bool | None = None) -> Card:
    """The operator's next form, of those with the same kind of layers where that matters."""
    turn, place = divmod(slot, len(deck))
    of_stem = list(deck.values())[place]
    fitting = [card for card in of_stem if quantized is None or card.fits(quantized)] or of_stem
    return fitting[turn % len(fitting)]


def _in_turn(deck: dict[str, list[Card]], slot: int, quantized: bool | None) -> Card:
    """Every class as often as any other: an operator has one or thirty."""
    every = [card for each in deck.values() for card in each if not card.kind.first]
    place = slot % len(every)
    return next(card for card in every[place:] + every if quantized is None or card.fits(quantized))


@cache
def _deck(own: Flavour) -> dict[str, list[Card]]:
    """By operator, everything that makes it in builds of this sort."""
    found: dict[str, list[Card]] = {}
    for kind in KINDS.values():
        if own.library in kind.libraries and (kind.recurrent if own.recurrent else not kind.only_recurrent):
            for name, form in kind.makes.items():
                flat = min(form.ranks or kind.ranks) < 3 or not own.recurrent
                if own.library in (form.libraries or kind.libraries) and flat:
                    found.setdefault(stem_of(name), []).append(Card(name, kind, form))
    return dict(sorted(found.items()))


def stem_of(class_name: str) -> str:
    """The operator in whose file a class is registered."""
    return CONVERTERS[class_name].__module__.rpartition(".")[2]
