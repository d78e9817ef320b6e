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

from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.inspect import inspect
from bitsmith.sim.errors import BitsmithError

STUDENT = Path(__file__).parents[2] / "models" / "cells" / "student2.h5"


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
    assert [p["layer"] for p in data["problems"]] == ["code", "memory"]
    assert [p["layer"] for p in data["missing"]] == ["pixels", "conv", "conv"]
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
    assert [p["layer"] for p in inspect(path)["missing"]] == ["pixels"]
    assert inspect(path, tmp_path / "c.yaml")["missing"] == inspect(path, tmp_path / "c.yaml")["problems"] == []
    (tmp_path / "d.yaml").write_text("Bitsmith: {input: 'ufixed<8,0>'}\nHLSConfig: {LayerName: {dens: {}}}")
    assert "did you mean 'dense'" in inspect(path, tmp_path / "d.yaml")["problems"][0]["reason"]


def float_layers() -> list[Any]:
    """Dense, normalization, sigmoid, GRU, softmax: every kind of thing that needs a type."""
    rng = np.random.default_rng(4)

    def gru(units: int, inputs: int) -> dict[str, Any]:
        shapes = {"kernel": (inputs, 3 * units), "recurrent_kernel": (units, 3 * units), "bias": (2, 3 * units)}
        return {name: rng.normal(0, 0.5, shape) for name, shape in shapes.items()}

    norm = {
        "gamma": 1 + rng.random(4),
        "beta": rng.random(4),
        "moving_mean": rng.random(4),
        "moving_variance": rng.random(4),
    }
    kernel = {"kernel": rng.normal(0, 0.5, (3, 4)), "bias": rng.normal(0, 0.5, 4)}
    last = {"kernel": rng.normal(0, 0.5, (4, 2)), "bias": rng.normal(0, 0.5, 2)}
    return [
        input_layer(6, 3),
        ("Dense", {"name": "first", "units": 4, "activation": "sigmoid"}, kernel),
        ("BatchNormalization", {"name": "norm", "axis": [2]}, norm),
        ("GRU", {"name": "gru", "units": 4, "reset_after": True}, gru(4, 4)),
        ("Dense", {"name": "last", "units": 2, "activation": "softmax"}, last),
    ]


def test_a_float_model_has_everything_that_it_needs_listed_and_calibrate_gives_it(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "m.h5", float_layers())
    data = inspect(path)
    assert (data["supported"], data["problems"]) == (True, [])
    found = [(p["layer"], p["reason"].split("Precision.")[-1].split()[0]) for p in data["missing"][1:]]
    assert found == [
        ("first", "weight"), ("first", "bias"), ("first", "result"), ("norm", "scale"), ("norm", "bias"),
        ("gru", "weight"), ("gru", "recurrent_weight"), ("gru", "bias"), ("gru", "recurrent_bias"), ("gru", "state"),
        ("last", "weight"), ("last", "bias"), ("last", "result"),
    ]  # fmt: skip
    assert [row["shape"] for row in data["layers"]] == [[6, 3], [6, 4], [6, 4], [4], [2]]
    assert {row["type"] for row in data["layers"]} == {None}  # what was assumed is not shown
    np.save(tmp_path / "x.npy", np.random.default_rng(5).normal(size=(20, 6, 3)))
    config = calibrate(path, tmp_path / "x.npy")
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    done = inspect(path, tmp_path / "c.yaml")
    assert done["missing"] == done["problems"] == []


def test_what_is_not_supported_is_listed_beside_what_has_no_type(tmp_path: Path) -> None:
    layers = float_layers()
    layers[1][1]["activation"] = "glu"
    layers[4][1]["groups"] = 7
    data = inspect(write_h5(tmp_path / "m.h5", layers))
    assert [p["layer"] for p in data["problems"]] == ["last", "first"]  # attributes need no shape
    layers[1][1]["activation"] = "relu"
    data = inspect(write_h5(tmp_path / "m.h5", layers))
    assert [p["layer"] for p in data["problems"]] == ["last"]
    assert "groups=7" in data["problems"][0]["reason"]
    assert {p["layer"] for p in data["missing"]} == {"pixels", "first", "norm", "gru"}


@pytest.mark.parametrize(("last", "status"), [("softmax", 0), ("glu", 2)])
def test_status_and_cure(tmp_path: Path, last: str, status: int) -> None:
    layers = float_layers()
    layers[4][1]["activation"] = last
    path = write_h5(tmp_path / "m.h5", layers)
    done = subprocess.run([sys.executable, "-m", "bitsmith", "inspect", str(path)], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert done.stdout.count("no type: ") == len(inspect(path)["missing"])
    assert (f"bitsmith calibrate {path} --data x.npy -o c.yaml" in done.stdout) == (status == 0)
    assert bool(done.stderr) == (status == 2)


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
