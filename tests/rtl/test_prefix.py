"""Modules of one build have names of their own, so that several stand in one project."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_files import Layers, dense, input_layer, quantize, write_h5

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.gen.simulate.ports import Top
from bitsmith.gen.tools import iverilog
from bitsmith.sim.errors import BitsmithError

LAYERS: Layers = [input_layer(3), quantize(), dense("dense")]


def emitted(folder: Path, model: str, layers: Layers = LAYERS, **ours: Any) -> Path:
    folder.mkdir()
    graph, config = read_model(write_h5(folder / "m.h5", layers, name=model)), parse_config({"Bitsmith": ours})
    emit_plan(plan_for(graph, config), folder / "rtl")
    return folder / "rtl"


def modules(rtl: Path) -> dict[str, str]:
    """Every module's text by its name."""
    texts = [path.read_text() for path in sorted(rtl.glob("*.v"))]
    parts = [part for text in texts for part in re.split(r"(?=^module )", text, flags=re.M)[1:]]
    names = [re.match(r"module (\w+)", part) for part in parts]
    found = {name[1]: part for name, part in zip(names, parts) if name is not None}
    assert len(found) == len(parts)
    return found


def test_every_module_and_file_begins_with_the_models_name(tmp_path: Path) -> None:
    rtl = emitted(tmp_path / "one", "My Net")
    assert all(re.match(r"my_net(_|$)", name) for name in modules(rtl))
    assert {"my_net_dense", "my_net_dense_fifo", "my_net", "my_net_trace"} <= set(modules(rtl))
    assert all(re.match(r"my_net(_|\.)", path.name) for path in rtl.glob("*.v"))
    assert "module my_net_dense (" in (rtl / "my_net_dense.v").read_text()
    assert "// my_net_dense: layer 'dense' (QDense)" in (rtl / "my_net_dense.v").read_text()


def test_a_prefix_of_ones_own(tmp_path: Path) -> None:
    """The top is called so, too; the ports and all else are the same."""
    plain, other = emitted(tmp_path / "one", "net"), emitted(tmp_path / "two", "net", prefix="left")
    assert {name.replace("left", "net", 1) for name in modules(other)} == set(modules(plain))
    assert Top.load(other).name == "left"
    ports = [json.loads((rtl / "ports.json").read_text()) for rtl in (plain, other)]
    differ = {key for key in ports[0] if ports[0][key] != ports[1][key]}
    assert differ == {"top", "trace_top", "files"}
    for name, text in modules(plain).items():
        renamed = re.sub(r"\bnet(?=_|\b)", "left", text)
        assert renamed.split("\n//")[0] == modules(other)[name.replace("net", "left", 1)].split("\n//")[0]


def test_two_builds_in_one_project(tmp_path: Path, need: Callable[..., None]) -> None:
    """The same layers' names; a compiler takes both, with a module around them."""
    need("iverilog")
    sources: Any = {}
    for name in ("left", "right"):
        rtl = emitted(tmp_path / name, "net", prefix=name)
        sources |= {path.name: path for path in rtl.glob("*.v") if not path.stem.endswith("_trace")}
    both = "module both; left a (); right b (); endmodule\n"
    (tmp_path / "both.v").write_text(both)
    arguments = ["-g2005", "-s", "both", "-o", "program", "both.v", *map(str, sources.values())]
    iverilog().run(arguments, tmp_path, "Icarus Verilog")
    assert len(sources) == 2 * 3  # the top, its buffers, a layer


@pytest.mark.parametrize("layer", ["trace", "fifos", "net", "net_trace", "x_", "in"])
def test_layers_called_like_the_tops_own_modules(layer: str, tmp_path: Path) -> None:
    rtl = emitted(tmp_path / "one", "net", [input_layer(3), quantize(), dense(layer)])
    top = Top.load(rtl)
    assert set(top.files) < {path.name for path in rtl.glob("*.v")}
    made = modules(rtl)
    used = {found for text in made.values() for found in re.findall(r"^  (\w+) \w+ \($", text, flags=re.M)}
    assert used <= set(made)
    assert set(made) - used == {top.name, f"{top.name}_trace"}


@pytest.mark.parametrize("prefix", ["", "1x", "a b", "module", "Net", "x" * 49, "a;b", "é", "../x"])
def test_what_is_no_prefix(prefix: str) -> None:
    with pytest.raises(BitsmithError, match=r"Bitsmith\.prefix: .*is no name for a module; give one like '[a-z0-9_]+'"):
        parse_config({"Bitsmith": {"prefix": prefix}})


@pytest.mark.parametrize("prefix", [1, ["x"], True, {}])
def test_a_prefix_that_is_no_text(prefix: Any) -> None:
    with pytest.raises(BitsmithError, match=r"Bitsmith\.prefix"):
        parse_config({"Bitsmith": {"prefix": prefix}})
