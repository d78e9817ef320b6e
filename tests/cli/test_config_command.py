"""``bitsmith config``: what it writes can be changed and fed back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from model_files import conv2d, dense, flatten, gru, input_layer, quantize, write_h5
from test_cli import bitsmith

from bitsmith.gen.config.schema import load_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.resolved import resolve, text_of
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.sim.errors import BitsmithError

CONFIG = {
    "Part": "xcku035",
    "Bitsmith": {"pixels_per_cycle": 2, "strategy": "resource", "output": "argmax", "threshold": 0.5},
    "HLSConfig": {"Model": {"Precision": {"default": "fixed<12,4,RND,SAT>"}}},
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    stack = [input_layer(8, 8, 1), quantize(), conv2d("größe: #1"), quantize("q2"), flatten(), dense("on", 144, 3)]
    return write_h5(tmp_path / "m.h5", stack)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "c.yml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path / "c.yml"


def test_the_file_gives_the_same_graph_and_plan(model: Path, config: Path, tmp_path: Path) -> None:
    target = tmp_path / "all.yml"
    target.write_text("what was there before")
    done = bitsmith("config", str(model), "-c", str(config), "-o", str(target))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{target}\n", "")
    before, after = load_config(config), load_config(target)
    assert after.part == "xcku035"
    assert after.bitsmith == before.bitsmith
    graph, again = read_model(model, before), read_model(model, after)
    assert again.to_json() == graph.to_json()
    assert plan_for(again, after).decided.keys() == plan_for(graph, before).decided.keys()
    for name, choice in plan_for(graph, before).decided.items():
        found = plan_for(again, after).decided[name]
        assert (found.strategy, found.reuse) == (choice.strategy, choice.reuse)
    layers = yaml.safe_load(target.read_text())["HLSConfig"]["LayerName"]
    assert layers["größe: #1"]["Strategy"] == "Resource"
    assert layers["on"]["ReuseFactor"] > 1
    assert "# legal reuse factors: " in target.read_text()
    assert "kernel quantized_bits(4, 0, alpha=1)" in target.read_text()


def test_what_is_printed_is_what_is_written(model: Path, config: Path) -> None:
    found = resolve(model, config)
    done = bitsmith("config", str(model), "-c", str(config))
    assert done.stdout.rstrip() == text_of(found, str(model), str).rstrip()
    done = bitsmith("config", str(model), "-c", str(config), "--json")
    assert json.loads(done.stdout) == {"config": found.config} == {"config": yaml.safe_load(text_of(found, "m", str))}


def test_a_changed_type_is_obeyed(model: Path, config: Path, tmp_path: Path) -> None:
    data = resolve(model, config).config
    data["HLSConfig"]["LayerName"]["größe: #1"]["Precision"]["result"] = "fixed<7,3>"
    (tmp_path / "changed.yml").write_text(yaml.safe_dump(data, allow_unicode=True))
    specs = read_model(model, load_config(tmp_path / "changed.yml")).specs()
    assert "fixed<7,3>" in [str(spec.type) for spec in specs.values()]


def test_a_model_without_types_is_refused_as_by_build(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", [input_layer(5, 3), gru()])
    with pytest.raises(BitsmithError, match="has no type") as error:
        resolve(path)
    done = bitsmith("config", str(path), "-o", str(tmp_path / "c.yml"))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {error.value}\n")
    assert not (tmp_path / "c.yml").exists()


def test_a_place_that_cannot_be_written(model: Path, config: Path, tmp_path: Path) -> None:
    for target in (tmp_path / "absent" / "c.yml", tmp_path):
        done = bitsmith("config", str(model), "-c", str(config), "-o", str(target))
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert f"'{target}'" in done.stderr
        assert done.stderr.count("\n") == 1
