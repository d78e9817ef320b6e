"""Whether Verilog with a fault in it is the same machine: proven by Yosys and ABC, or broken in so many cycles.

First the module alone, its inputs free: equal in every output and cycle; or, where that takes too long and in the top
itself, the statement alone: the same value with anything in it. What is not equal there may be so in its place. Then
the module alone again, its ``tdata`` compared where its ``tvalid`` is high, together with the top around it, in which
nothing may change with data that is not valid (``rest``); or, of a module in a module, that one alone. Last the whole
top, whose inputs keep AXI4-Stream's promise and are free else: equal handshakes in every cycle, equal data and
``tlast`` wherever ``tvalid`` is high, equal ``tlast_error``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from formal import Harness, prove

from bitsmith.sim.errors import BitsmithError

from .expression import expression
from .ports import Ports, masks
from .rest import CUT, SEEN, around
from .verilog import MODULE, Site

UNDEFINED = "zero"
"""What a memory gives for an address that it has not: the same in both machines, which else were never equal."""
SAME, OTHER, UNDECIDED = "equal", "not equal", "undecided"
STATEMENT, ALONE, WHERE_VALID, REST, TOP = "statement", "module", "module where valid", "rest", "top"
PARENT = "module around"


@dataclass(frozen=True)
class Answer:
    """``SAME``, ``OTHER`` or ``UNDECIDED``; of what (one of the scopes), and of a difference where and when."""

    result: str
    scope: str
    detail: str
    seconds: float


def modules(texts: dict[str, str]) -> dict[str, str]:
    """Every module's text by its name."""
    return {match[1]: match[0] for text in texts.values() for match in MODULE.finditer(text)}


def renamed(every: dict[str, str]) -> dict[str, str]:
    """The same modules under other names, so that both stand in one design."""
    names = re.compile(rf"\b({'|'.join(sorted(every, key=len, reverse=True))})\b")
    return {f"{name}_other": names.sub(r"\1_other", text) for name, text in every.items()}


def instances(h: Harness, module: str, ports: Ports, clock: dict[str, str]) -> None:
    """Both machines on the same inputs, but for data that is cut off; an output ``y`` is ``y`` and ``other_y``."""
    for name, width in ports.outputs.items():
        h.body.append(f"wire [{width - 1}:0] {name}, other_{name};")
    for prefix, suffix in (("", ""), ("other_", "_other")):
        given = [f".{name}({_given(h, name, prefix, ports, clock)})" for name in ports.inputs]
        out = [f".{name}({prefix}{name})" for name in ports.outputs]
        h.body.append(f"{module}{suffix} dut{suffix} ({', '.join([*given, *out])});")


def _given(h: Harness, name: str, prefix: str, ports: Ports, clock: dict[str, str]) -> str:
    """An input's value. What was cut off is the same in both machines; data only where it is valid."""
    mask = masks(ports.inputs).get(name, "") if name.startswith(CUT) else ""
    if not prefix or not mask:
        return clock.get(name, name)
    h.free[f"odd_{name}"] = ports.inputs[name]
    return f"{mask} ? {name} : odd_{name}"


def alone(module: str, text: str, where_valid: bool = False) -> Harness:
    """Equal in every output and cycle, whatever comes; ``where_valid``: data where it is valid."""
    ports = Ports.of(text)
    h = Harness({name: width for name, width in ports.inputs.items() if name not in ("clk", "rst")})
    instances(h, module, ports, {})
    h.properties = _equal(ports.outputs, masks(ports.outputs) if where_valid else {})
    return h


def _equal(names: Iterable[str], mask: dict[str, str]) -> dict[str, str]:
    """Both machines give the same; where ``mask`` has a name for one, while that is high."""
    return {name: f"{f'!{mask[name]} || ' if name in mask else ''}{name} == other_{name}" for name in names}


def whole(top: str, text: str, part: str, errors: bool) -> Harness:
    """Equal at the ports whose names have ``part`` in them, with inputs that stay until they are taken.

    What a module that was cut out gets is equal in every cycle. ``errors``: and ``tlast_error``, which a fault outside
    of the top itself reaches by way of a ``tready`` only.
    """
    ports = Ports.of(text)
    h = Harness()
    instances(h, top, ports, {"aclk": "clk", "aresetn": "~rst"})
    given = {name for name in ports.inputs if name not in ("aclk", "aresetn")}
    for stream in sorted(
        name.removesuffix("_tlast") for name in given if name.endswith("_tlast") and not name.startswith(CUT)
    ):
        width = ports.inputs[f"{stream}_tdata"] + 1
        h.free |= {f"offer_{stream}": 1, f"free_{stream}": width}
        kept = f"waits_{stream} ? kept_{stream} : free_{stream}"
        h.wire(f"{stream}_tvalid", f"waits_{stream} | offer_{stream}")
        h.body.append(f"wire [{width - 2}:0] {stream}_tdata; wire {stream}_tlast;")
        h.body.append(f"assign {{{stream}_tlast, {stream}_tdata}} = {kept};")
        h.register(f"waits_{stream}", 1, f"{stream}_tvalid & ~{stream}_tready")
        h.register(f"kept_{stream}", width, f"{{{stream}_tlast, {stream}_tdata}}")
        given -= {f"{stream}_{end}" for end in ("tdata", "tvalid", "tlast")}
    h.free |= {name: ports.inputs[name] for name in sorted(given)}
    seen = [name for name in ports.outputs if name.startswith(SEEN)]
    compared = [name for name in ports.outputs if part in name or (name == "tlast_error" and errors)]
    h.properties = _equal([n for n in compared if n not in seen], masks(ports.outputs)) | _equal(seen, {})
    return h


def chain(site: Site, top: str) -> str:
    """What the names of the ports have in them that the fault can reach; empty where that is any."""
    text = site.holder + site.value if site.module == top else site.module.removeprefix(f"{top}_")
    found = re.search(r"(?<![a-z])(\w+?_x)(?=_|\b)", re.sub(r"\b[sm]_axis_", "", text))
    return f"_axis_{found[1]}" if found else ""


@dataclass
class Proofs:
    """Of one fault; ``right`` and ``wrong`` are all modules without and with it. ``seconds``: of all proofs so far."""

    site: Site
    top: str
    right: dict[str, str]
    wrong: dict[str, str]
    folder: Path
    patience: int
    seconds: float = 0.0

    def statement(self) -> Answer | None:
        """Equal is the value; None where it is not, or where it cannot be said of the statement alone."""
        h = expression(self.site, self.right[self.site.module])
        found = self._proven(STATEMENT, h, {}) if h is not None else None
        return found if found is not None and found.result == SAME else None

    def module(self, where_valid: bool = False) -> Answer:
        name = self.site.module
        h = alone(name, self.right[name], where_valid)
        return self._of(WHERE_VALID if where_valid else ALONE, name, h, self.right, self.wrong)

    def parent(self) -> Answer | None:
        """Equal is the module that this one stands in; None where that is the top, or there are several, or unknown."""
        names = [name for name, text in self.right.items() if self.site.module in _parts(text)]
        if len(names) != 1 or names[0] == self.top:
            return None
        h = alone(names[0], self.right[names[0]])
        found = self._of(PARENT, names[0], h, self.right, self.wrong)
        return found if found.result == SAME else None

    def whole(self) -> Answer:
        return self._of(TOP, self.top, self._whole(self.right[self.top]), self.right, self.wrong)

    def where_valid(self) -> Answer | None:
        """Equal where the module's data is valid, and the top around it reads no other; None where that shows
        nothing."""
        cut = around(self.right[self.top], self.site.module, self.right[self.site.module])
        if not cut or self.module(where_valid=True).result != SAME:
            return None
        inside = {**self.right, self.top: cut}
        found = self._of(REST, self.top, self._whole(cut), inside, inside)
        return replace(found, scope=WHERE_VALID) if found.result == SAME else None

    def _whole(self, text: str) -> Harness:
        part = chain(self.site, self.top)
        return whole(self.top, text, part, errors=self.site.module == self.top or not part)

    def _of(self, scope: str, name: str, h: Harness, right: dict[str, str], wrong: dict[str, str]) -> Answer:
        needed = _needed(right, name)
        return self._proven(scope, h, {n: right[n] for n in needed} | renamed({n: wrong[n] for n in needed}))

    def _proven(self, scope: str, h: Harness, both: dict[str, str]) -> Answer:
        answer = _answer(scope, h, both, self.folder / scope.replace(" ", "_"), self.patience, self.seconds)
        self.seconds = answer.seconds
        return answer


def compared(site: Site, rtl: Path, folder: Path, patience: int) -> Answer:
    """``rtl`` has the Verilog without any fault. ``patience``: seconds for each of the proofs."""
    texts = {path.name: path.read_text() for path in rtl.glob("*.v") if not path.stem.endswith("_trace")}
    right, wrong = modules(texts), modules({**texts, site.file: site.alone(texts[site.file])})
    top = next(path.stem.removesuffix("_trace") for path in rtl.glob("*_trace.v"))
    proofs = Proofs(site, top, right, wrong, folder, patience)
    shown = proofs.statement() if site.module == top else _in_its_place(proofs)
    return shown if shown is not None else proofs.whole()


def _in_its_place(proofs: Proofs) -> Answer | None:
    """Of a fault inside of a module; None where nothing below the whole top shows that it is equal."""
    answer = proofs.module()
    if answer.result == SAME:
        return answer
    data = masks(Ports.of(proofs.right[proofs.site.module]).outputs)
    if answer.result == UNDECIDED:
        return proofs.statement() or proofs.where_valid()
    # What differs in something else does so where data is valid, too.
    return proofs.where_valid() if answer.detail.split()[0] in data else proofs.parent()


def _needed(every: dict[str, str], name: str) -> list[str]:
    """A module and all that it is made of."""
    found = [name]
    for inside in found:
        found += [one for one in _parts(every[inside]) if one in every and one not in found]
    return found


def _parts(text: str) -> list[str]:
    """What stands in a module itself, each once."""
    return list(dict.fromkeys(re.findall(r"(?m)^  (\w+) \w+ \($", text)))


def _answer(scope: str, harness: Harness, both: dict[str, str], folder: Path, patience: int, before: float) -> Answer:
    try:
        verdict = prove(harness, both, folder, patience, UNDEFINED)
    except (RuntimeError, BitsmithError) as error:
        return Answer(UNDECIDED, scope, str(error)[:200], before + patience)
    detail = "" if verdict.proven else f"{verdict.broken} in cycle {verdict.depth}"
    return Answer(SAME if verdict.proven else OTHER, scope, detail, round(before + verdict.seconds, 1))
