"""Faults in the emitted C++: our cores' headers, what is emitted around them, weights, tables and types.

All of them stand in one project, and ``MUTANT`` of the environment says which one lives when its library is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import edits

VARIABLE, SEEN = "MUTANT", "MUTANT_SEEN"
# What every planted fault asks, and a type that rounds or overflows as another one while its fault lives.
LIVES = """\
#include <cstdio>
#include <cstdlib>
inline int mutant_number() {
    const char *text = std::getenv("MUTANT");
    return text ? std::atoi(text) : 0;
}
struct Seen { // which faults a run comes to; written where MUTANT_SEEN says
    bool seen[10000] = {};
    ~Seen() {
        const char *path = std::getenv("MUTANT_SEEN");
        std::FILE *file = path ? std::fopen(path, "w") : NULL;
        for (int k = 0; file && k < 10000; k++)
            if (seen[k])
                std::fprintf(file, "%d\\n", k);
        if (file)
            std::fclose(file);
    }
};
inline bool mutant(int number) {
    static const int living = mutant_number();
    static Seen all;
    all.seen[number] = true;
    return living == number;
}
template <int NUMBER, class RIGHT, class WRONG>
struct Either : RIGHT {
    Either() {}
    Either(const Either &) = default;
    Either &operator=(const Either &) = default;
    template <class X> Either(const X &x) : RIGHT(mutant(NUMBER) ? RIGHT(WRONG(x)) : RIGHT(x)) {}
    template <class X> Either &operator=(const X &x) { return *this = Either(x); }
    template <class X> Either &operator+=(const X &x) { return *this = Either(*this + x); }
};
"""
OURS = re.compile(r"^bitsmith/(?!raw|fill)\w+\.hpp$|^parameters\.h$|^defines\.h$|^weights/\w+\.h$")
LEFT = r"[\w.\[\]>*][^;={}()]*?(?:\([^;={}()]*\))?[^;={}()]*?"
STATEMENTS = {
    "if": re.compile(r"(?m)^ +(?:} else )?(?:else )?if \((?P<value>[^;{}]*?)\)(?= \{$|$)"),
    "loop": re.compile(r"(?m)^ +for \(unsigned \w+ = (?P<value>[^;]+; [^;]+);"),
    "let": re.compile(r"(?m)^ +const (?P<type>bool|unsigned|typename [\w:<>]+) \w+ = (?P<value>[^;{}]+);"),
    "set": re.compile(rf"(?m)^ +(?!(?:else|const|typename|static|typedef|return|unsigned|using|for|if|bool)\b|ap_)"
                      rf"(?P<left>{LEFT}) (?P<sign>[-+]?=|<<=) (?P<value>[^;{{}}]+);"),
    "return": re.compile(r"(?m)^ +return (?P<value>[^;{}]+);"),
}  # fmt: skip
TYPE = re.compile(r"ap_u?fixed<(\d+),(-?\d+),(AP_\w+),(AP_\w+),0>")
ROUNDINGS = {"AP_RND": "AP_RND_CONV", "AP_RND_CONV": "AP_RND", "AP_RND_ZERO": "AP_RND", "AP_RND_INF": "AP_RND"}
WEIGHTS = re.compile(r"(?ms)^#define \w+_VALUES \\\n(?P<value>.*?)\n\n.*?^(?P<type>\w+) \w+\[\d+\];$")
SEVERAL = re.compile(r", \w+ = |multipliers|CONFIG::reuse_factor")
NUMBER = re.compile(r"(?<![\w.<,])(\d+)(LL|u)?(?![\w.>])")


@dataclass(frozen=True)
class Site:
    """A fault and its place; as of ``verilog.Site``, with ``right`` and ``wrong`` in the place of the value."""

    kind: str
    file: str
    form: str
    start: int
    end: int
    right: str
    wrong: str
    extra: str = ""

    @property
    def key(self) -> str:
        """The same for the same fault in the same text."""
        where = f"{self.file} {self.extra}".strip()
        return f"{self.kind} | {where} | {' '.join(self.right.split())} -> {' '.join(self.wrong.split())}"


def sites(firmware: Path) -> list[Site]:
    """Every fault that can be planted there."""
    paths = {str(path.relative_to(firmware)): path for path in sorted(firmware.rglob("*.h*"))}
    types = (firmware / "defines.h").read_text()
    parameters = (firmware / "parameters.h").read_text()
    options = set(re.findall(r"static const bool (\w+)", parameters))
    # These layers round in a type of their configuration; the modes of their stream's type are not used.
    own = {f"layer{n}_t" for n, body in re.findall(r"(?ms)^struct config(\d+) (.*?)^};", parameters) if " y_t;" in body}
    found: list[Site] = []
    for file, path in paths.items():
        if OURS.match(file):
            text = path.read_text()
            found += _weights(file, text, types) if file.startswith("weights") else _code(file, text, options)
    return [site for site in found if site.extra not in own]


def _weights(file: str, text: str, types: str) -> Iterator[Site]:
    """One step of its type more, or less where that does not fit."""
    for block in WEIGHTS.finditer(text):
        declared = re.search(rf"typedef ap_(u?)(fixed|int)<(\d+)(?:,(-?\d+))?.*> {block['type']};", types)
        if declared is None:
            continue
        width, signed = int(declared[3]), not declared[1]
        step = 2.0 ** (int(declared[4]) - width) if declared[4] else 1.0
        most = ((1 << (width - signed)) - 1) * step
        kind = "table entry" if declared[2] == "int" else "constant"
        for place, match in enumerate(re.finditer(r"-?\d+(?:\.\d+)?", block["value"])):
            value = float(match[0])
            wrong = value + step if value + step <= most else value - step
            at = block.start("value") + match.start()
            yield Site(kind, file, "value", at, at + len(match[0]), match[0], repr(wrong), f"[{place}]")


def _code(file: str, text: str, options: set[str]) -> Iterator[Site]:
    for line in re.finditer(r"(?m)^ *typedef .*$", text):
        for match in TYPE.finditer(line[0]):
            for kind, wrong in _modes(match[0]):
                at = line.start() + match.start()
                yield Site(kind, file, "type", at, at + len(match[0]), match[0], wrong, line[0].split()[-1].rstrip(";"))
    if file == "defines.h":
        return
    for form, pattern in STATEMENTS.items():
        for match in pattern.finditer(text):
            if SEVERAL.search(match["value"]):
                continue
            for kind, wrong in dict.fromkeys(_faults(match["value"], form, options)):
                right = match[0].lstrip()
                at = match.start("value") - match.start() - (len(match[0]) - len(right))
                changed = right[:at] + wrong + right[at + len(match["value"]) :]
                start = match.end() - len(right)
                yield Site(kind, file, form, start, match.end(), right, changed)


def _modes(type_: str) -> Iterator[edits.Fault]:
    """Another rounding, none, and wrapping around where it saturates."""
    match = TYPE.search(type_)
    if match is None:
        return
    if match[3] in ROUNDINGS:
        yield "rounding", type_.replace(f"{match[3]},", f"{ROUNDINGS[match[3]]},")
        yield "rounding", type_.replace(f"{match[3]},", "AP_TRN,")
    if match[4] != "AP_WRAP":
        yield "saturation", type_.replace(match[4], "AP_WRAP")


def _faults(value: str, form: str, options: set[str]) -> Iterator[edits.Fault]:
    """``options``: members of the configuration that are no numbers."""
    if form == "loop":
        first, until = value.split("; ")
        yield "address or counter", f"{int(first) + 1 if first.isdigit() else f'({first}) + 1'}; {until}"
        yield "address or counter", f"{first}; " + re.sub(r"(?<= < )(.*)", r"(\1) - 1", until)
        return
    yield from edits.operators(value)
    for match in NUMBER.finditer(value):
        for step in (1, -1):
            if int(match[1]) + step >= 0:
                kind = "address or counter" if "[" in value else "constant"
                yield kind, edits.put(value, match, f"{int(match[1]) + step}{match[2] or ''}")
    for match in re.finditer(r"CONFIG::(\w+)\b(?![:(>])", value):
        yield "constant", edits.put(value, match, f"(!{match[0]})" if match[1] in options else f"({match[0]} + 1)")
    for match in TYPE.finditer(value):
        for kind, wrong in _modes(match[0]):
            yield kind, edits.put(value, match, wrong)


def plant(firmware: Path, chosen: Iterable[tuple[int, Site]]) -> dict[str, dict[int, list[int]]]:
    """All of them in the project; returns the numbers of those that stand in each line, by file."""
    by_file = edits.grouped(chosen, lambda site: site.file)
    for file, planted in by_file.items():
        path = firmware / file
        path.write_text(_planted(path.read_text(), planted))
    defines = firmware / "defines.h"
    defines.write_text(defines.read_text().replace("#define DEFINES_H_\n", f"#define DEFINES_H_\n{LIVES}", 1))
    return {file: _lines((firmware / file).read_text()) for file in by_file}


def _lines(text: str) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        numbers = [int(one) for one in re.findall(r"(?:mutant\(|Either<)(\d+)\b", line)]
        if numbers:
            found[number] = numbers
    return found


def _planted(text: str, planted: list[tuple[int, Site]]) -> str:
    by_place = edits.grouped(planted, lambda site: (site.start, site.end))
    end = len(text) + 1
    for (start, stop), several in sorted(by_place.items(), reverse=True):
        if stop <= end:  # a statement inside of another one that is planted already is left as it is
            text = text[:start] + _switched(several) + text[stop:]
            end = start
    return text


def _switched(several: list[tuple[int, Site]]) -> str:
    """What stands there, and is another thing while one of these faults lives."""
    form, text = several[0][1].form, several[0][1].right
    right = STATEMENTS[form].match(f" {text}") if form in STATEMENTS else None
    for number, site in several:
        if form == "value":
            text = f"(mutant({number}) ? {site.wrong} : {text})"
        elif form == "type":
            text = f"Either<{number}, {text}, {site.wrong} >"
        elif form in ("set", "return"):
            text = f"{{ if (mutant({number})) {{ {site.wrong} }} else {text} }}"
        elif right is not None:
            wrong = STATEMENTS[form].match(f" {site.wrong}")
            assert wrong is not None
            text = text.replace(_value(right), _either(form, number, right, _value(wrong), _value(right)), 1)
            right = STATEMENTS[form].match(f" {text}") or right
    return text


def _value(match: re.Match[str]) -> str:
    return match["value"]


def _either(form: str, number: int, match: re.Match[str], wrong: str, right: str) -> str:
    if form == "loop":
        (first, until), (other_first, other_until) = right.split("; "), wrong.split("; ")
        return f"mutant({number}) ? {other_first} : {first}; mutant({number}) ? {other_until} : {until}"
    type_ = match["type"].removeprefix("typename ") if form == "let" else "bool"
    kind = f"typename {type_}" if form == "let" and "::" in type_ else type_
    return f"mutant({number}) ? {kind}({wrong}) : {kind}({right})"
