"""What is emitted reads well: Verilator's lint finds nothing in the trained networks, and signals have names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hardware import lint_says

from bitsmith.gen.build import load, read_config
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.comments import comment, safe
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.simulate.ports import Top
from bitsmith.hw.rtl.fifo_check import CHECK

Need = Callable[..., None]
MODELS = Path(__file__).parents[2] / "models"
NETWORKS = {
    "cells": ("cells/student2.h5", "cells/config.yaml"),
    "fli": ("fli/lite32_8.h5", "fli/config.yaml"),
    "analysis": ("lic/trained/wide_100/analysis.h5", "lic/config.yaml"),
    "synthesis": ("lic/trained/wide_100/synthesis.h5", "lic/config_synthesis.yaml"),
    "hyper_synthesis": ("lic/trained/wide_100/hyper_synthesis.h5", "lic/config_hyper.yaml"),
}
QUICK = ("cells", "hyper_synthesis")
"""The operator contract lints every case of every operator; whole networks are what more there is."""
DECLARED = re.compile(r"^ *(?:input|output (?:wire|reg)|wire|reg) +(?:signed )?(?:\[\d+:0\] )?(\w+)", re.M)
UNNAMED = re.compile(r"\w+_t(_\d+)?|\w+_choice(_\d+)?|signal(_\d+)?|_?n?\d+_?")
"""A wire that the writer made for a part of an expression, and a signal that nobody gave a name."""
MODULE = re.compile(r"((?:^//[^\n]*\n)*)^module (\w+) \(\n(.*?)^\);[^\n]*\n(.*?)^endmodule\n", re.S | re.M)
MOST_UNNAMED = 0.05


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in NETWORKS]
)
def rtl(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained network's Verilog."""
    folder = tmp_path_factory.mktemp(request.param) / "rtl"
    emitted(request.param, folder)
    return folder


def emitted(network: str, folder: Path) -> None:
    model, config = (MODELS / name for name in NETWORKS[network])
    settings = read_config(config)
    emit_plan(plan_for(load(model, settings), settings), folder)


def test_lint_finds_nothing(rtl: Path, need: Need) -> None:
    """With the buffers' checks and without them."""
    need("verilator")
    top = Top.load(rtl)
    assert lint_says(top.without_traces()) == ""
    assert lint_says(top.traced(), f"-D{CHECK}") == ""


def test_names_ports_comments(rtl: Path) -> None:
    for path in sorted(rtl.glob("*.v")):
        text = path.read_text()
        assert "always @*" not in text
        modules = MODULE.findall(text)
        assert len(modules) == text.count("endmodule"), path.name
        for about, name, ports, body in modules:
            assert about.startswith(f"// {name}"), f"{path.name}: {name} has no comment"
            kinds = [line.split()[0] for line in ports.splitlines()]
            assert kinds == sorted(kinds), f"{name}: inputs, then outputs"
            clock = "aclk" if "aclk" in ports else "clk"
            assert clock not in ports or ports.split()[1].startswith(clock), f"{name}: the clock first"
            names = DECLARED.findall(f"{ports}\n);\n{body}")
            assert len(names) == len(set(names)), f"{name} declares a name twice"
            assert len(ports.splitlines()) <= len(names)
            unnamed = [word for word in names if UNNAMED.fullmatch(word)]
            assert len(unnamed) <= MOST_UNNAMED * max(len(names), 20), f"{path.name}: {name} has {unnamed}"


def test_a_memory_is_cleared_by_one_loop(rtl: Path) -> None:
    """And filled by a line for each word where a word is not zero."""
    kinds = set()
    for path in rtl.glob("*.v"):
        for _, module, _, body in MODULE.findall(path.read_text()):
            for name in re.findall(r"^  reg (?:\[\d+:0\] )?(\w+) \[0:\d+\];$", body, re.M):
                words = re.findall(rf"^ +{name}\[\d+\] =\s+\d+'h([0-9a-f]+);$", body, re.M)
                loops = re.findall(rf"^  initial for \({name}_index = 0; ", body, re.M)
                assert len(loops) == int(not any(int(word, 16) for word in words)), f"{module}: {name}"
                assert not (loops and words), f"{module}: {name}"
                kinds.add(bool(loops))
    assert True in kinds


SPOILT = {
    "UNUSEDSIGNAL": ("wire unused = &", "wire forgotten = &"),
    "WIDTHEXPAND": ("wire idle = hold == 2'd0;", "wire idle = hold == 1'd0;"),
    "WIDTHTRUNC": ("hold <= 2'd3;", "hold <= 3'd3;"),
}


def test_lint_finds_what_is_spoilt(tmp_path: Path, need: Need) -> None:
    """A fault for each rule, and nothing else."""
    need("verilator")
    emitted("cells", tmp_path)
    for old, new in SPOILT.values():
        path = next(path for path in sorted(tmp_path.glob("*.v")) if old in path.read_text())
        path.write_text(path.read_text().replace(old, new, 1))
    found = re.findall(r"%Warning-(\w+)", lint_says(Top.load(tmp_path).without_traces()))
    assert sorted(found) == sorted(SPOILT)


@pytest.mark.parametrize("label", ["a\nendmodule", "a */ b /* c", "a\\", "a\r\n`define x", "\x1b[31m", "é" * 300])
def test_a_models_name_stays_in_its_comment(label: str) -> None:
    text = comment(f"relu: layer '{safe(label)}'", [])
    assert all(line.startswith("// ") and line.isascii() and line.isprintable() for line in text.splitlines())
    assert "*/" not in text
    assert "\\" not in text
    assert all(len(line) <= 120 for line in text.splitlines())
