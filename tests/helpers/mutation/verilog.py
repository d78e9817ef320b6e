"""Faults in emitted Verilog: every place for one, and many in one text, of which a file chooses one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mutants import SELECTOR

from . import edits

MODULE = re.compile(r"(?ms)^module (\w+) \(.*?^endmodule$")
WIDTH = r"(?:signed )?(?:\[(\d+):0\] )?"
DECLARED = re.compile(rf"(?m)\b(?:wire|reg|input) +{WIDTH}(\w+)")
NOT_TOUCHED = re.compile(r"(?ms)^ *//[^\n]*$|^`ifdef.*?^`endif$|^  wire unused = [^;]*;|^ *initial .*?;\n[^;]*;")
STATEMENTS = {
    "wire": re.compile(rf"(?m)^  wire (?P<type>{WIDTH})(?P<name>\w+) = (?P<value>[^;]+);"),
    "assign": re.compile(r"(?m)^  assign (?P<name>\w+)(?P<part>\[(\d+):(\d+)\])? = (?P<value>[^;]+);"),
    "set": re.compile(r"(?m)^ +(?P<label>\d+'d\d+: )?(?P<name>\w+)(?P<part>\[\w+\])? <= (?P<value>[^;]+);"),
    "if": re.compile(r"(?m)^ +(?:end )?(?:else )?if (?P<name>)\((?P<value>[^;]*?)\)(?= begin$|$)"),
}
RESET = re.compile(r"if \(rst\)(?: begin)?\n(?: +\w+ <= [^;]+;\n)+")
FLAG = re.compile(r"valid|ready|room|reserve|error|step|emit|start|busy|last|pop|idle")
TRACED = re.compile(r"trace_|probe_")
"""What nothing but the tracing twin sees."""
PLACE = re.compile(r"row|column|beat|count|address|place|following|phase|pointer|into|asked|first|turn|hold")


@dataclass(frozen=True)
class Site:
    """A fault and its place: in ``file`` the ``value`` of a statement is ``fault`` instead.

    ``start`` and ``end`` are the statement's, ``form`` is its key in ``STATEMENTS``; ``holder`` is what it is assigned
    to, ``bits`` how it is declared there. ``fault`` is None where a register is not reset.
    """

    kind: str
    file: str
    module: str
    form: str
    start: int
    end: int
    text: str
    holder: str
    bits: str
    value: str
    fault: str | None

    @property
    def key(self) -> str:
        """The same for the same fault in the same text, whatever else is planted."""
        there = "not reset" if self.fault is None else " ".join(self.fault.split())
        entry = re.match(r" +(\d+'d\d+: )", self.text)
        head = f"{entry[1] if entry else ''}{self.holder} = " if self.holder else ""
        return f"{self.kind} | {self.module} | {head}{' '.join(self.value.split())} -> {there}"

    def alone(self, text: str) -> str:
        """A file's text with this fault in it."""
        if self.fault is None:
            new = re.sub(r"\w+(?:\[\w+\])? <= .*", ";", self.text, flags=re.S)
        else:
            at = self.text.rindex(self.value)
            new = self.text[:at] + self.fault + self.text[at + len(self.value) :]
        return text[: self.start] + new + text[self.end :]


def is_a_value(site: Site) -> bool:
    """Whether it is in a value on its way and in no handshake, counter or address: then a frame's result depends on
    that frame alone."""
    kinds = {"constant", "rounding", "saturation", "signedness", "slice", "swap", "table entry"}
    steers = FLAG.search(site.holder) or PLACE.search(site.holder) or site.form == "if" or "fifo" in site.module
    return site.kind in kinds and not steers


def sites(folder: Path) -> list[Site]:
    """Every fault that can be planted in the Verilog there, the tracing twin left out."""
    files = [path for path in sorted(folder.glob("*.v")) if not path.stem.endswith("_trace")]
    return [site for path in files for site in of_text(path.name, path.read_text())]


def of_text(file: str, text: str) -> Iterator[Site]:
    """Those of one file."""
    for module in MODULE.finditer(text):
        widths = {name: int(high or 0) + 1 for high, name in DECLARED.findall(module[0])}
        signed = set(re.findall(r"\b(?:wire|reg|input) +signed (?:\[\d+:0\] )?(\w+)", module[0]))
        traced = _traced(module[0])
        shut = [match.span() for match in NOT_TOUCHED.finditer(module[0])]
        resets = [match.span() for match in RESET.finditer(module[0])]
        for form, pattern in STATEMENTS.items():
            for match in pattern.finditer(module[0]):
                if match["name"] in traced or TRACED.match(match["name"]):
                    continue
                if not any(a <= match.start() < b or a <= match.end() <= b for a, b in shut):
                    reset = any(a <= match.start() < b for a, b in resets)
                    yield from _of_statement(file, module, form, match, widths, signed, reset)


def _traced(module: str) -> set[str]:
    """Registers that nothing but the trace reads, or another such register."""
    assigned = re.findall(r"(?m)^ +(?:assign )?(\w+)(?:\[\w+\])? <?= ([^;]+);", module)
    declared = set(re.findall(r"(?m)^  reg (?:signed )?(?:\[\d+:0\] )?(\w+) = ", module))
    found: set[str] = set()
    while True:
        seen_by_trace = " ".join(value for name, value in assigned if TRACED.match(name) or name in found)
        more = {
            name
            for name in declared - found
            if len(re.findall(rf"\b{name}\b", module)) - 1 - sum(name == other for other, _ in assigned)
            <= len(re.findall(rf"\b{name}\b", seen_by_trace))
        }
        if not more:
            return found
        found |= more


def _of_statement(
    file: str,
    module: re.Match[str],
    form: str,
    match: re.Match[str],
    widths: dict[str, int],
    signed: set[str],
    reset: bool,
) -> Iterator[Site]:
    name, value, part = match["name"], match["value"], match.groupdict().get("part") or ""
    if form == "if" and (value == "rst" or "(*" in value):
        return
    size = widths.get(name, 1)
    if form == "assign" and part:
        size = int(match[3]) - int(match[4]) + 1
    bits = f"{'signed ' if name in signed and not part else ''}{f'[{size - 1}:0] ' if size > 1 else ''}"
    faults = list(_faults(name, value, widths, size, bool(match.groupdict().get("label")), reset))
    start, end = module.start() + match.start(), module.start() + match.end()
    for kind, fault in dict.fromkeys((_kind(kind, module[1], name, value), fault) for kind, fault in faults):
        if fault == value:
            continue
        yield Site(kind, file, module[1], form, start, end, match[0], name + part, bits, value, fault)


def _faults(
    name: str, value: str, widths: dict[str, int], size: int, entry: bool, reset: bool
) -> Iterator[tuple[str, str | None]]:
    for kind, fault in edits.constants(value):
        yield _constant_kind(name, entry, reset), fault
        del kind
    if reset:
        yield "reset removed", None
        return
    every = (edits.operators(value), edits.signs(value), edits.slices(value, widths), edits.limits(value))
    for faults in every:
        for kind, fault in faults:
            yield ("rounding" if kind == "operator" and name.endswith("_rounded") else kind), fault
    if size == 1 and FLAG.search(name):
        kind = "tlast" if "tlast" in name and "error" not in name else "stuck"
        yield kind, "1'b0"
        if kind == "stuck":
            yield kind, "1'b1"


def _kind(kind: str, module: str, name: str, value: str) -> str:
    """What is wrong with a buffer or with the error flag is of a kind of its own."""
    if name == "tlast_error" or (not name and "_tlast != " in " ".join(value.split())):
        return "error flag"
    if module.endswith("_fifo") and kind in ("constant", "address or counter", "reset value"):
        if name in ("credits", "level"):
            return f"fifo {name}"
        if PLACE.search(name):
            return "fifo depth" if kind == "address or counter" else kind
    return kind


def _constant_kind(name: str, entry: bool, reset: bool) -> str:
    if entry:
        return "table entry"
    if reset:
        return "reset value"
    if name.endswith("_rounded"):
        return "rounding"
    return "address or counter" if PLACE.search(name) else "constant"


def plant(folder: Path, chosen: Iterable[tuple[int, Site]]) -> None:
    """All of them in the Verilog of ``folder``, under their numbers; ``mutants.FILE`` says which one lives."""
    for file, planted in edits.grouped(chosen, lambda site: site.file).items():
        path = folder / file
        path.write_text(planted_text(path.read_text(), planted))


def planted_text(text: str, planted: list[tuple[int, Site]]) -> str:
    """One file's text with several faults, each under its number."""
    by_place = edits.grouped(planted, lambda site: (site.start, site.end))
    for (start, end), several in sorted(by_place.items(), reverse=True):
        text = text[:start] + _switched(several) + text[end:]
    modules = {site.module for _, site in planted}
    for name in modules:
        head = re.search(rf"(?ms)^module {name} \(.*?^\);[^\n]*\n", text)
        assert head is not None
        text = text[: head.end()] + SELECTOR + text[head.end() :]
    return text


def _switched(several: list[tuple[int, Site]]) -> str:
    """A statement that is another one while one of these faults lives."""
    site = several[0][1]
    if site.form == "if":
        at = site.text.rindex(site.value)
        value = f"({site.value})"
        for number, one in several:
            value = f"(mutant[0] == {number}) ? ({one.fault}) : {value}"
        return site.text[:at] + value + site.text[at + len(site.value) :]
    if site.form == "set":
        begin = re.search(r"\w+(?:\[\w+\])? <= ", site.text)
        assert begin is not None
        statement = site.text[begin.start() :]
        for number, one in several:
            wrong = "" if one.fault is None else f"{site.holder} <= {one.fault}"
            statement = f"if (mutant[0] == {number}) begin {wrong}; end else {statement}"
        return f"{site.text[: begin.start()]}begin {statement} end"
    return _switched_wire(site, several)


def _switched_wire(site: Site, several: list[tuple[int, Site]]) -> str:
    """Each value on a wire of its own, so that no sign and no width of one gets into another."""
    stem = re.sub(r"\W", "_", site.holder)
    lines = [f"  wire {site.bits}{stem}_right = {site.value};"]
    value = f"{stem}_right"
    for number, one in several:
        lines.append(f"  wire {site.bits}{stem}_mutant_{number} = {one.fault};")
        value = f"(mutant[0] == {number}) ? {stem}_mutant_{number} : {value}"
    head = f"wire {site.bits}{site.holder}" if site.form == "wire" else f"assign {site.holder}"
    return "\n".join([*lines, f"  {head} = {value};"])
