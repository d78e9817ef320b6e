"""What a run has shown: a table of layers, frames by level, and what was refused or failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import bitsmith.sim.ops  # noqa: F401  fills the registry
from bitsmith.sim.op import Operator

from .deck import NOT_MADE
from .prove import Result

ROOT = Path(__file__).parents[3]


def layers() -> dict[str, list[str]]:
    """The README's table: the classes of each operator."""
    between = (ROOT / "README.md").read_text().partition("<!-- layers:")[2].partition("<!-- /layers -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in between.splitlines() if line.startswith("|")]
    return {stem: names.split(", ") for stem, names in rows[2:]}


@dataclass
class Tally:
    """Adds up results. Networks count, not builds."""

    operators: Counter[str] = field(default_factory=Counter)
    classes: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    builds: int = 0
    networks: int = 0
    exact: int = 0
    held: int = 0

    def add(self, result: Result) -> None:
        self.builds += 1
        self.refused += result.refused.values()
        if result.stage:
            self.failed.append(f"seed {result.recipe['seed']}: {result.stage}: {result.reason}")
            return
        self.networks += len(result.proven)
        self.exact += len(result.exact)
        self.held += result.layers
        for number in result.proven:
            self.operators.update(set(result.operators[number]))
            self.classes.update(set(result.classes[number]))
        for level, frames in result.compared.items():
            self.frames[level] += frames * len(result.proven)

    @property
    def deadlocks(self) -> int:
        return sum("deadlock" in why or "no answer" in why for why in self.failed)

    def _reached(self) -> str:
        """Which operators and classes no network had."""
        rows = layers()
        stems, named = Operator.registry, [name for names in rows.values() for name in names]
        lacking = sorted(stem for stem in stems if not self.operators[stem])
        found = f"operators reached: {len(stems) - len(lacking)} of {len(stems)}"
        found += f", not {', '.join(lacking)}" if lacking else ""
        missing = [name for name in named if not self.classes[name]]
        found += f"\nclasses reached: {len(named) - len(missing)} of {len(named)}"
        reasons = {why: [n for n in missing if NOT_MADE.get(n) == why] for why in NOT_MADE.values()}
        rest = [name for name in missing if name not in NOT_MADE]
        found += f"\n  not drawn or refused: {', '.join(rest)}" if rest else ""
        return found + "".join(f"\n  {', '.join(names)}: {why}" for why, names in reasons.items() if names)

    def text(self, seconds: float, processor: float) -> str:
        """The table, for people. ``seconds`` went by, ``processor`` seconds were used."""
        lines = ["networks with it, by operator and by Keras's class (those that went through every level):"]
        for stem, names in layers().items():
            shown = ", ".join(f"{name} {self.classes[name]}" for name in names)
            lines.append(f"{stem:>22} {self.operators[stem]:5}  {shown}")
        frames = ", ".join(f"{level} {count:,}" for level, count in self.frames.items())
        lines += [
            f"frames of networks compared: {frames or 'none'}",
            f"refused networks: {len(self.refused)}",
            *(f"  {count} × {why}" for why, count in Counter(map(_kind, self.refused)).most_common()),
            self._reached(),
            f"failed builds: {len(self.failed)}, of these deadlocks: {self.deadlocks}",
            *(f"  {why}" for why in self.failed),
            f"{self.builds} builds, {self.networks} networks through every level, {self.exact} of them equal to Keras "
            f"in every value, {self.networks / max(seconds, 1e-9) * 3600:.0f} networks per hour",
            f"of the others {self.held} layers equal to Keras, each on the reference's own tensors",
            f"{seconds:.0f} s, {processor:.0f} s of processor time: an estimated "
            f"{self.networks * 7200 / max(processor, 1e-9):.0f} networks per hour on two idle cores",
        ]
        return "\n".join(lines)


def _kind(reason: str) -> str:
    """Without the names of one network."""
    return " ".join(word for word in reason.split() if not word.strip("':;").startswith("n") or "_" not in word)[:160]
