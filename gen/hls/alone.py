"""Layers of an emitted project by themselves: each layer's own call as it stands there, between ports of its own.

Everything but the top function is the project's own: types, parameters, weights and headers.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from ...sim.graph import Graph, Node
from ...sim.op import Spec
from ..files.json_file import read_json
from .bench import render

INCLUDED = ("ap_fixed.h", "ap_int.h", "hls_stream.h", "defines.h")
_STREAM = re.compile(r"hls::stream<(\w+)> &?(\w+)\b")
_ARRAY = re.compile(r"(?:^|[(,])\s*(\w+) (\w+)\[([^\]]+)\]", re.MULTILINE)
_ALIAS = re.compile(r"auto& (\w+) = (\w+);")
_CALL = re.compile(r"^\s*([\w:]+(?:<.*>)?\((.*)\);) // (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Call:
    """One statement; ``arguments`` are its tensors by their names there, inputs first, each with its C++ type."""

    text: str
    arguments: list[tuple[str, str]]


class Project:
    """What an emitted project's top function says of its layers. BitsmithError where it cannot be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = read_json(folder / "ports.json", "a whole build folder")
        self.streams = self.ports["io_type"] == "io_stream"
        try:
            self.text = (folder / "firmware" / f"{self.ports['top']}.cpp").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BitsmithError(f"no C++ to read in '{folder}': run 'bitsmith build' again") from error
        found = _STREAM.findall(self.text) if self.streams else [part[:2] for part in _ARRAY.findall(self.text)]
        self.types = {name: type_ for type_, name in found}
        for alias, name in _ALIAS.findall(self.text):
            if name in self.types:
                self.types[alias] = self.types[name]

    def call(self, node: Node) -> Call:
        """The node's own; BitsmithError where it is not one statement of its inputs and its output."""
        layer = self.ports["traces"][node.name]["layer"]
        found = [(text, inside) for text, inside, name in _CALL.findall(self.text) if name == layer]
        if len(found) != 1:
            raise BitsmithError("in C++ it is not one call")
        text, inside = found[0]
        names = [name.strip() for name in inside.split(",")]
        call = Call(text, [(name, self.types[name]) for name in names if name in self.types])
        if len({name for name, _ in call.arguments}) != len(node.inputs) + 1 + node.op.has_threshold:
            raise BitsmithError("in C++ it has other inputs than the layer")
        return call


def emit(project: Project, graph: Graph, folder: Path) -> None:
    """A project in ``folder`` of the same files, whose top function calls each node of ``graph`` on its own ports."""
    top, specs = project.ports["top"], graph.specs()
    shutil.copytree(project.folder / "firmware", folder / "firmware")
    parts = [_Part(project, node, specs) for node in graph.nodes]
    ports: dict[str, Any] = {
        "top": top,
        "inputs": [port for part in parts for port in part.inputs],
        "outputs": [part.output for part in parts],
        "traces": {},
        "internals": {
            name: trace
            for name, trace in project.ports["internals"].items()
            if name.split(".")[0] in {node.name for node in graph.nodes}
        },
    }
    # C++ takes the thresholds behind all other inputs
    ports["inputs"].sort(key=lambda port: not port["given"])
    every = [*ports["inputs"], *ports["outputs"]]
    head = f"void {top}({', '.join(_parameter(project, port['cpp'], port['variable']) for port in every)})"
    lines = [*(f'#include "{name}"' for name in INCLUDED), f"{head};", ""]
    (folder / "firmware" / f"{top}.h").write_text("\n".join(lines), encoding="utf-8")
    body = [f"    {part.name}({', '.join(part.variables)});" for part in parts]
    lines = [f'#include "{top}.h"', '#include "parameters.h"', *(part.function() for part in parts)]
    text = "\n".join([*lines, f"{head} {{", *body, "}", ""])
    (folder / "firmware" / f"{top}.cpp").write_text(text, encoding="utf-8")
    (folder / "bitsmith_bridge.cpp").write_text(render("bridge.cpp.j2", ports), encoding="utf-8")
    (folder / "ports.json").write_text(json.dumps(ports, indent=1) + "\n", encoding="utf-8")


class _Part:
    """A node's function and its ports."""

    def __init__(self, project: Project, node: Node, specs: dict[str, Spec]) -> None:
        self.project, self.name, self.call = project, f"alone_{node.name}", project.call(node)
        own = [port["variable"] for port in project.ports["inputs"] if not port["given"]]
        arguments = list(dict.fromkeys(self.call.arguments))
        tensors, given = [*node.inputs, node.name], [a for a in arguments if a[0] not in own]
        ports = dict(zip(given, [self._port(name, specs[name], type_) for name, (_, type_) in zip(tensors, given)]))
        for argument in arguments:
            if argument not in ports:
                ports[argument] = self._threshold(argument)
        self.arguments, every = arguments, [ports[argument] for argument in arguments]
        self.inputs, self.output = every[:-1], every[-1]

    @property
    def variables(self) -> list[str]:
        return [port["variable"] for port in (*self.inputs, self.output)]

    def function(self) -> str:
        given = ", ".join(_parameter(self.project, type_, name) for name, type_ in self.arguments)
        return f"static void {self.name}({given}) {{\n    {self.call.text}\n}}"

    def _port(self, name: str, spec: Spec, cpp: str) -> dict[str, Any]:
        size, variable = prod(spec.shape), f"port_{name}"
        port = {"name": name, "variable": variable, "cpp": cpp, "size": size, "shape": list(spec.shape)}
        return {**port, "type": str(spec.type), "given": True, "declaration": self._declared(cpp, variable, size)}

    def _threshold(self, argument: tuple[str, str]) -> dict[str, Any]:
        known = next(port for port in self.project.ports["inputs"] if port["variable"] == argument[0])
        variable = f"{self.name}_{argument[0]}"
        return {
            **known,
            "variable": variable,
            "cpp": argument[1],
            "declaration": self._declared(argument[1], variable, 1),
        }

    def _declared(self, cpp: str, variable: str, size: int) -> str:
        return f'hls::stream<{cpp}> {variable}("{variable}")' if self.project.streams else f"{cpp} {variable}[{size}]"


def _parameter(project: Project, cpp: str, name: str) -> str:
    return f"hls::stream<{cpp}> &{name}" if project.streams else f"{cpp} *{name}"


def refused(project: Project, nodes: Sequence[Node]) -> dict[str, str]:
    """Which of some nodes cannot stand alone, and why."""
    every = {node.name: _reason(project, node) for node in nodes}
    return {name: reason for name, reason in every.items() if reason}


def _reason(project: Project, node: Node) -> str:
    try:
        project.call(node)
    except BitsmithError as error:
        return str(error)
    except (LookupError, TypeError):
        return "in C++ it is not known"
    return ""
