"""What ``bitsmith inspect`` has to show, for good models and for those that cannot be built."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import dense, input_layer, quantize, write_h5

from bitsmith.gen.inspect import inspect
from bitsmith.sim.errors import BitsmithError

STUDENT = Path(__file__).parent.parent / "models" / "cells" / "student2.h5"


def test_student_2() -> None:
    data = inspect(STUDENT)
    assert data["supported"]
    assert data["problems"] == []
    assert data["parameters"] == 5682
    rows = {row["name"]: row for row in data["layers"]}
    assert rows["conv1"]["shape"] == [46, 46, 16]
    assert rows["conv2"]["shape"] == [21, 21, 16]
    assert rows["flatten"]["shape"] == [1600]
    assert rows["dense"]["parameters"] == 3202
    assert rows["conv1"]["quantizers"]["kernel"].startswith("quantized_bits(")
    json.dumps(data)


def test_every_problem_is_listed_and_shapes_are_still_found(tmp_path: Path) -> None:
    layers: list[Any] = [
        input_layer(6, 6, 1),
        (
            "Conv2D",
            {"name": "conv", "filters": 2, "kernel_size": [3, 3]},
            {"kernel": np.ones((3, 3, 1, 2)), "bias": np.zeros(2)},
        ),
        ("QActivation", {"name": "act", "activation": "quantized_relu(4,1)"}, {}),
        ("Lambda", {"name": "code", "function": "x"}, {}),
        ("ConvLSTM2D", {"name": "memory", "filters": 3}, {}),
    ]
    data = inspect(write_h5(tmp_path / "m.h5", layers))
    assert not data["supported"]
    assert {p["layer"] for p in data["problems"]} == {"pixels", "code", "memory"}
    rows = {row["name"]: row for row in data["layers"]}
    assert rows["conv"]["shape"] == [4, 4, 2]
    assert rows["act"]["shape"] == [4, 4, 2]
    assert rows["act"]["type"] is None
    assert rows["code"]["shape"] is None
    assert "never run" in rows["code"]["reason"]
    assert rows["act"]["activation"] == "quantized_relu(4, 1)"


def test_a_configuration_counts(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", [input_layer(3), dense()])
    (tmp_path / "c.yaml").write_text("Bitsmith: {input: 'ufixed<8,0>'}")
    assert not inspect(path)["supported"]
    assert inspect(path, tmp_path / "c.yaml")["supported"]
    (tmp_path / "d.yaml").write_text("Bitsmith: {input: 'ufixed<8,0>'}\nHLSConfig: {LayerName: {dens: {}}}")
    assert "did you mean 'dense'" in inspect(path, tmp_path / "d.yaml")["problems"][0]["reason"]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match="no such file"):
        inspect(tmp_path / "absent.h5")


def test_unknown_quantizers_are_shown(tmp_path: Path) -> None:
    odd = {"class_name": "my_bits", "config": {}}
    path = write_h5(tmp_path / "m.h5", [input_layer(3), quantize(), dense(kernel_quantizer=odd)])
    data = inspect(path)
    assert data["layers"][2]["quantizers"] == {"kernel": "my_bits", "bias": "quantized_bits(4, 0, alpha=1)"}
    assert data["problems"][0]["layer"] == "dense"


def test_it_imports_nothing_heavy() -> None:
    heavy = ("tensorflow", "keras", "hls4ml", "amaranth", "alkaid", "rich", "matplotlib")
    code = (
        f"import sys; from bitsmith.gen.inspect import inspect; inspect({str(STUDENT)!r}); "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
