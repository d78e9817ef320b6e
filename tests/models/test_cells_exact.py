"""The committed cell sorters: QKeras's own output against the reference on the whole test sets, and their figures.

QKeras computes in float32. Every partial sum of Student 2 is an integer below 2^24 on its grid, whatever the order of
the additions, so float32 is exact there; ``test_float32_cannot_round`` proves it from the weights.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bitsmith
from bitsmith.gen.config.schema import parse_config
from bitsmith.models.cells import calibration, data
from bitsmith.models.cells.accuracy import describe
from bitsmith.models.training.keras import keras
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import Fixed
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.dense import Dense

FOLDER = Path(bitsmith.__file__).parent / "models" / "cells"
MODELS = {"synthetic": "student2", "digits": "student2_digits"}


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def model_file(name: str) -> Path:
    return FOLDER / f"{MODELS[name]}.h5"


def figures(name: str) -> dict[str, Any]:
    file = "accuracy.json" if name == "synthetic" else "accuracy_digits.json"
    found: dict[str, Any] = json.loads((FOLDER / file).read_text())
    return found


@lru_cache
def test_set(name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Made once for all tests, and read-only for that."""
    if name == "digits":
        pytest.importorskip("sklearn")
    images, labels = data.test_images(name, figures(name)["dataset"]["images"]["test"])
    images.setflags(write=False)
    labels.setflags(write=False)
    return images, labels


test_set.__test__ = False  # type: ignore[attr-defined]


@lru_cache
def raw_logits(name: str) -> tuple[NDArray[np.int64], NDArray[np.int64], Fixed]:
    """The reference's logits on the whole test set, its labels, and the logits' type."""
    images, labels = test_set(name)
    graph = bitsmith.load(model_file(name))
    (raw,) = Reference(graph).predict_raw(images)
    raw.setflags(write=False)
    return raw, labels, graph.specs()[graph.outputs[0]].type


@pytest.mark.train
def test_qkeras_equals_the_reference_on_the_whole_test_set(name: str) -> None:
    keras()
    from qkeras.utils import load_qmodel

    raw, _, type = raw_logits(name)
    images, _ = test_set(name)
    model = load_qmodel(str(model_file(name)), compile=False)
    assert model.count_params() == 5682
    logits = model.predict(images.astype(np.float32) / 256, batch_size=256, verbose=0).astype(np.float64)
    np.testing.assert_array_equal(logits * 2.0**type.fraction, raw)
    assert len(np.unique(raw, axis=0)) > len(raw) // 2  # the comparison sees different numbers, not one constant


def test_float32_cannot_round(name: str) -> None:
    """Sum of |weight| times the largest input, plus |bias|, on the accumulator's grid: below 2^24 for each output."""
    graph = bitsmith.load(model_file(name))
    layers = [node.op for node in graph.nodes if isinstance(node.op, (Conv2D, Dense))]
    assert len(layers) == 3
    for op in layers:
        kernel, bias = op.kernel.reshape(-1, op.kernel.shape[-1]), op.bias
        product = op.input_type.fraction + op.kernel_type.fraction
        fraction = max(product, op.bias_type.fraction)
        sums = np.abs(kernel).sum(axis=0) * op.input_type.raw_max << (fraction - product)
        biases = np.abs(bias) << (fraction - op.bias_type.fraction)
        assert (sums + biases).max() < 2**24


def test_the_committed_figures_are_those_of_the_committed_model(name: str) -> None:
    raw, labels, type = raw_logits(name)
    said = figures(name)
    assert said["qkeras_against_reference"] == {"images": len(labels), "logits": raw.size, "mismatches": 0}
    assert said["test_accuracy"]["reference"] == float((raw.argmax(axis=1) == labels).mean())
    assert said["student"]["parameters"] == 5682
    assert said["dataset"]["synthetic"] is (name == "synthetic")
    assert ("synthetic" in said["dataset"]["title"]) is (name == "synthetic")
    student = said["calibration"]["student2"]
    probabilities = calibration.softmax(raw.astype(np.float64) * 2.0**-type.fraction, student["temperature"])
    ece, mce = calibration.calibration_errors(probabilities, labels)
    assert (student["after"]["ece"], student["after"]["mce"]) == (pytest.approx(ece), pytest.approx(mce))


def test_the_test_set_is_the_one_that_was_measured(name: str) -> None:
    """Fails where a library or a processor makes other images than those behind the committed figures."""
    images, labels = test_set(name)
    split = data.Split(images, labels)
    made = data.Dataset(name, "", (), split, split, split)
    assert describe(made)["test_sha256"] == figures(name)["dataset"]["test_sha256"]


def test_the_largest_logit_is_the_confidence(name: str) -> None:
    """Logits are exact opposites, so argmax's threshold rejects what the calibrated softmax says is unsure."""
    raw, labels, _ = raw_logits(name)
    np.testing.assert_array_equal(raw[:, 0], -raw[:, 1])
    student = figures(name)["calibration"]["student2"]
    images, _ = test_set(name)
    for point, threshold in zip(student["after"]["reject_curve"], student["argmax_thresholds"]):
        limit = threshold["largest_logit"]
        config = parse_config({"Bitsmith": {"output": "argmax", "threshold": limit}})
        (classes,) = Reference(bitsmith.load(model_file(name), config)).predict_raw(images)
        kept = classes.ravel() < 2  # 2 is "rejected"
        assert float(kept.mean()) == pytest.approx(point["coverage"], abs=1 / len(labels))
        np.testing.assert_array_equal(classes.ravel()[kept], raw.argmax(axis=1)[kept])
        assert kept.any()
