"""Whether Verilog with a fault in it is the same machine: proven by Yosys and ABC, or broken in so many cycles.

First the module alone, its inputs free: equal in every output and cycle. What is not equal there may be so in its
place; then the whole top, whose inputs keep AXI4-Stream's promise and are free else: equal handshakes in every cycle,
equal data and ``tlast`` wherever ``tvalid`` is high, equal ``tlast_error``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from formal import Harness, prove

from bitsmith.sim.errors import BitsmithError

from .verilog import MODULE, Site

PORT = re.compile(r"(?m)^  (input|output) +(?:wire |reg )? *(?:signed )?(?:\[(\d+):0\] )?(\w+)")
UNDEFINED = "zero"
"""What a memory gives for an address that it has not: the same in both machines, which else were never equal."""
SAME, OTHER, UNDECIDED = "equal", "not equal", "undecided"


@dataclass(frozen=True)
class Answer:
    """``SAME``, ``OTHER`` or ``UNDECIDED``; of what (``module`` or ``top``), and of a difference where and when."""

    result: str
    scope: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class Ports:
    """Widths by name."""

    inputs: dict[str, int]
    outputs: dict[str, int]

    @staticmethod
    def of(module: str) -> Ports:
        found = [(kind, name, int(high or 0) + 1) for kind, high, name in PORT.findall(module)]
        return Ports(
            {name: width for kind, name, width in found if kind == "input"},
            {name: width for kind, name, width in found if kind == "output"},
        )


def modules(texts: dict[str, str]) -> dict[str, str]:
    """Every module's text by its name."""
    return {match[1]: match[0] for text in texts.values() for match in MODULE.finditer(text)}


def renamed(every: dict[str, str]) -> dict[str, str]:
    """The same modules under other names, so that both stand in one design."""
    names = re.compile(rf"\b({'|'.join(sorted(every, key=len, reverse=True))})\b")
    return {f"{name}_other": names.sub(r"\1_other", text) for name, text in every.items()}


def instances(h: Harness, module: str, ports: Ports, clock: dict[str, str]) -> None:
    """Both machines on the same inputs; an output ``y`` is ``y`` and ``other_y``."""
    for name, width in ports.outputs.items():
        h.body.append(f"wire [{width - 1}:0] {name}, other_{name};")
    given = [f".{name}({clock.get(name, name)})" for name in ports.inputs]
    for prefix, suffix in (("", ""), ("other_", "_other")):
        out = [f".{name}({prefix}{name})" for name in ports.outputs]
        h.body.append(f"{module}{suffix} dut{suffix} ({', '.join([*given, *out])});")


def alone(module: str, text: str) -> Harness:
    """Equal in every output and cycle, whatever comes."""
    ports = Ports.of(text)
    h = Harness({name: width for name, width in ports.inputs.items() if name not in ("clk", "rst")})
    instances(h, module, ports, {})
    h.properties = {name: f"{name} == other_{name}" for name in ports.outputs}
    return h


def whole(top: str, text: str, part: str, errors: bool) -> Harness:
    """Equal at the ports whose names have ``part`` in them, with inputs that stay until they are taken.

    ``errors``: and in ``tlast_error``, which a fault outside of the top itself reaches by way of a ``tready`` only.
    """
    ports = Ports.of(text)
    h = Harness()
    instances(h, top, ports, {"aclk": "clk", "aresetn": "~rst"})
    given = {name for name in ports.inputs if name not in ("aclk", "aresetn")}
    for stream in sorted(name.removesuffix("_tvalid") for name in given if name.endswith("_tvalid")):
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
    for name in ports.outputs:
        if part in name or (name == "tlast_error" and errors):
            valid = re.sub(r"_t(data|last)$", "_tvalid", name)
            masked = f"!{valid} || " if valid != name and valid in ports.outputs else ""
            h.properties[name] = f"{masked}{name} == other_{name}"
    return h


def chain(site: Site, top: str) -> str:
    """What the names of the ports have in them that the fault can reach; empty where that is any."""
    text = site.holder + site.value if site.module == top else site.module.removeprefix(f"{top}_")
    found = re.search(r"(?<![a-z])(\w+?_x)(?=_|\b)", re.sub(r"\b[sm]_axis_", "", text))
    return f"_axis_{found[1]}" if found else ""


def compared(site: Site, rtl: Path, folder: Path, patience: int) -> Answer:
    """``rtl`` has the Verilog without any fault. ``patience``: seconds for each of the two proofs."""
    texts = {path.name: path.read_text() for path in rtl.glob("*.v") if not path.stem.endswith("_trace")}
    right, wrong = modules(texts), modules({**texts, site.file: site.alone(texts[site.file])})
    top = next(path.stem.removesuffix("_trace") for path in rtl.glob("*_trace.v"))
    answer = Answer(UNDECIDED, "module", "", 0.0)
    for scope, name in _scopes(site, top):
        needed = _needed(right, name)
        errors = site.module == top or not chain(site, top)
        harness = alone(name, right[name]) if scope == "module" else whole(top, right[top], chain(site, top), errors)
        both = {n: right[n] for n in needed} | renamed({n: wrong[n] for n in needed})
        answer = _answer(scope, harness, both, folder / scope, patience, answer.seconds)
        if answer.result == SAME:
            break
    return answer


def _scopes(site: Site, top: str) -> Iterator[tuple[str, str]]:
    if site.module != top:
        yield "module", site.module
    yield "top", top


def _needed(every: dict[str, str], name: str) -> list[str]:
    """A module and all that it is made of."""
    found = [name]
    for inside in found:
        parts = dict.fromkeys(re.findall(r"(?m)^  (\w+) \w+ \($", every[inside]))
        found += [one for one in parts if one in every and one not in found]
    return found


def _answer(scope: str, harness: Harness, both: dict[str, str], folder: Path, patience: int, before: float) -> Answer:
    try:
        verdict = prove(harness, both, folder, patience, UNDEFINED)
    except (RuntimeError, BitsmithError) as error:
        return Answer(UNDECIDED, scope, str(error)[:200], before + patience)
    detail = "" if verdict.proven else f"{verdict.broken} in cycle {verdict.depth}"
    return Answer(SAME if verdict.proven else OTHER, scope, detail, round(before + verdict.seconds, 1))
