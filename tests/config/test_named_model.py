"""``bitsmith build -c CONFIG.yaml``: the model that a configuration names, from the configuration's own folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from model_files import write_h5
from test_json_pairs import LAYERS, pair

import bitsmith
from bitsmith.cli import main
from bitsmith.gen.config.named_model import files_of, in_file
from bitsmith.sim.errors import BitsmithError

NAMED = {
    "KerasModel: m.h5": ("m.h5", None),
    "KerasModel: !keras_model m.h5": ("m.h5", None),
    "KerasH5: m.h5": ("m.h5", None),
    "OnnxModel: m.onnx": ("m.onnx", None),
    "KerasJson: m.json\nKerasH5: sub/w.h5": ("m.json", "sub/w.h5"),
    "KerasModel: /there/m.h5": ("/there/m.h5", None),
}


@pytest.mark.parametrize("text", NAMED)
def test_paths_are_from_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text(text)
    model, weights = NAMED[text]
    assert in_file(tmp_path / "c.yml") == (tmp_path / model, None if weights is None else tmp_path / weights)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "names no model; name one, e.g. 'KerasModel: model.h5'"),
        ({"KerasModel": "a", "OnnxModel": "b"}, r"names 2 models \(KerasModel, OnnxModel\)"),
        ({"KerasJson": "a"}, "KerasJson needs KerasH5"),
        ({"KerasJson": "a", "KerasModel": "b"}, "KerasJson needs KerasH5, the file of its weights, and no other"),
        ({"KerasModel": {"a": 1}}, "KerasModel is no file's path"),
    ],
)
def test_what_names_no_one_model(data: dict[str, Any], text: str) -> None:
    with pytest.raises(BitsmithError, match=text):
        files_of(data, Path())


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main.run([str(argument) for argument in arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_command_builds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From another folder; a MODEL that is given counts, and the keys then change nothing."""
    there = tmp_path / "there"
    there.mkdir()
    pair(there)
    whole = write_h5(tmp_path / "whole.h5", LAYERS)
    config = there / "c.yml"
    config.write_text("KerasJson: model.json\nKerasH5: weights.h5\n")
    assert run("build", "-c", config, "-o", tmp_path / "out") == 0
    mark = json.loads((tmp_path / "out" / "bitsmith.json").read_text())
    assert (mark["file"], mark["weights_file"]) == ("model.json", "weights.h5")
    assert run("build", whole, "-c", config, "-o", tmp_path / "other") == 0
    assert json.loads((tmp_path / "other" / "bitsmith.json").read_text())["file"] == "whole.h5"
    capsys.readouterr()
    for command, text in (
        (["build", "-o", str(tmp_path / "no")], "no model is given; give a model, or the path of a configuration"),
        (["build", "-c", str(config), "--weights", "w.h5", "-o", str(tmp_path / "no")], "leave out weights=w.h5"),
    ):
        assert run(*command) == 2
        assert text in capsys.readouterr().err
    config.write_text("ClockPeriod: 5\n")
    with pytest.raises(BitsmithError, match="c.yml: the configuration names no model"):
        bitsmith.build(None, config, tmp_path / "no")
    assert not (tmp_path / "no").exists()
