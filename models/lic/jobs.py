"""Which codecs ``bitsmith train lic`` trains, in which order, and which of them become files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .network import Widths

TRADES = (0.0016, 0.004, 0.01, 0.025)
"""lambda: from the paper's least in equal ratios (its own are 0.0016, 0.0032, 0.0075, 0.045)."""
FIRST = 0.01
"""Trained from random weights; the others begin with its weights."""
TEACHER, STUDENT, LATENT = 32, 16, 64
"""N of the teacher, N of a student, M."""
KEPT = (14, 13, 11)
"""Of a student's 16 filters, after each round that takes 10 % of them."""
RATE, RELU_RATE, FINE_RATE, FIXED_RATE = 2e-3, 5e-4, 4e-4, 2e-4
"""First learning rates: from random weights with GDN, with ReLU (which hardly learns at GDN's rate, so it has the
better of the two), from trained weights, quantization-aware."""


@dataclass(frozen=True)
class Job:
    """One training of ``filters`` per layer for one lambda. It begins with the weights of the job ``start``, if any.

    Where ``start`` has more filters it is pruned. ``teacher`` names the job it imitates. ``bits``: "" is float, "wide"
    8 bits with a wide GDN, "narrow" with GDN in 8 bits as well.
    """

    variant: str
    trade: float
    filters: int
    steps: int
    rate: float
    seed: int
    start: str = ""
    teacher: str = ""
    bits: str = ""
    gdn: bool = True

    @property
    def name(self) -> str:
        return title(self.variant, self.trade)

    @property
    def widths(self) -> Widths:
        """z keeps its channels when filters are pruned, as y does."""
        whole = Widths.uniform(self.filters, LATENT)
        side = TEACHER if self.variant == "teacher" else STUDENT
        return Widths(whole.analysis, whole.synthesis, whole.hyper_analysis, whole.hyper_synthesis, LATENT, side)


@dataclass(frozen=True)
class Steps:
    """How long: from random weights, each further lambda, distillation likewise, pruning's rounds, the twin."""

    first: int
    further: int
    distilled: int
    distilled_further: int
    round: int
    fixed: int
    features: int


@dataclass(frozen=True)
class Plan:
    """The jobs in an order in which each finds what it needs; ``files`` maps a file's folder to the job inside it."""

    jobs: tuple[Job, ...]
    files: dict[str, str]
    images: int
    """Synthetic training images."""
    features: int
    """Steps of the perceptual network."""


def title(variant: str, trade: float) -> str:
    """``teacher_100``: lambda in units of 0.0001."""
    return f"{variant}_{round(trade * 1e4)}"


def full_plan(seed: int) -> Plan:
    """All variants at four lambdas."""
    steps = Steps(first=5500, further=500, distilled=800, distilled_further=300, round=1000, fixed=500, features=3000)
    files = {f"wide_{round(t * 1e4)}": title("wide", t) for t in TRADES} | {"narrow_100": title("narrow", FIRST)}
    return Plan(tuple(_jobs(steps, TRADES, seed)), files, 512, steps.features)


def quick_plan(seed: int) -> Plan:
    """A few minutes: two lambdas and hardly any steps."""
    steps = Steps(first=300, further=100, distilled=100, distilled_further=50, round=30, fixed=30, features=50)
    return Plan(tuple(_jobs(steps, (FIRST, 0.0016), seed)), {"wide_100": title("wide", FIRST)}, 64, steps.features)


def _jobs(steps: Steps, trades: tuple[float, ...], seed: int) -> Iterator[Job]:
    """The lambda that starts from random weights comes first in each variant."""
    ordered = sorted(trades, key=lambda trade: trade != FIRST)
    for variant, filters, gdn in (("teacher", TEACHER, True), ("student", STUDENT, True), ("relu", STUDENT, False)):
        for trade in ordered:
            first = trade == FIRST
            count = steps.first if first else steps.further
            rate = (RATE if gdn else RELU_RATE) if first else FINE_RATE
            start = "" if first else title(variant, FIRST)
            yield Job(variant, trade, filters, count, rate, seed, start, gdn=gdn)
    for variant in ("longer", "distilled"):
        for trade in ordered:
            first = trade == FIRST
            start = title("student" if first else variant, FIRST)
            teacher = title("teacher", trade) if variant == "distilled" else ""
            count = steps.distilled if first else steps.distilled_further
            yield Job(variant, trade, STUDENT, count, FINE_RATE, seed, start, teacher)
    for trade in ordered:
        yield from _hardware(steps, trade, seed)


def _hardware(steps: Steps, trade: float, seed: int) -> Iterator[Job]:
    """Pruned in three rounds, then as many steps in float as its fixed twins get."""
    start = title("distilled", trade)
    for place, filters in enumerate(KEPT, 1):
        variant = "pruned" if place == len(KEPT) else f"pruned{place}"
        yield Job(variant, trade, filters, steps.round, FINE_RATE, seed, start)
        start = title(variant, trade)
    for variant, bits in (("pruned_longer", ""), ("wide", "wide"), ("narrow", "narrow")):
        yield Job(variant, trade, KEPT[-1], steps.fixed, FIXED_RATE, seed, start, bits=bits)
