"""Accuracy from labels: figures counted by hand, and one line for labels that do not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_builds import decision
from model_files import dense, input_layer, quantize, write_h5
from rigs import adder_graph

from bitsmith.gen.convert import read_model
from bitsmith.gen.files.graph_file import save_graph
from bitsmith.gen.files.hashes import sealed
from bitsmith.gen.verdict import information
from bitsmith.gen.verify import labels, verify
from bitsmith.gen.verify.job import Job, classes
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.graph import Graph

LOGITS = np.array([[5, 1, 0], [1, 5, 0], [2, 1, 0], [0, 0, 7]])
"""Raw: the classes 0, 1, 0 and 2; below a threshold of 4 the third is rejected."""


def job(graph: Graph, truth: Any) -> Job:
    reference = Reference(graph)
    inputs = {graph.inputs[0][0]: LOGITS}
    expected = dict(zip(graph.outputs, reference.predict_raw(LOGITS)))
    right = labels.read(np.array(truth), graph, len(LOGITS))
    return Job(Path(), graph, reference, inputs, expected, 0, lambda line: None, labels=right)


def test_rejected_frames_are_not_right() -> None:
    """Right are the first and the last; the third would be, but is rejected."""
    found = labels.accuracy(job(decision(4), [0, 2, 0, 2]))
    assert found == {
        "frames": 4,
        "classes": 3,
        "reference": {"correct": 2, "rejected": 1, "accuracy": 0.5, "accuracy_of_accepted": 2 / 3},
        "keras": None,
    }
    (line,) = information({"labels": found})
    assert line == ("accuracy of reference: 50.00% (2 of 4 frames, 3 classes), 1 rejected; 66.67% of the others")


def test_where_all_are_rejected_nothing_is_accepted() -> None:
    found = labels.accuracy(job(decision(31), [0, 2, 0, 2]))
    assert found is not None
    assert found["reference"] == {"correct": 0, "rejected": 4, "accuracy": 0.0, "accuracy_of_accepted": None}
    assert information({"labels": found})[0].endswith("4 rejected")


def test_keras_rejects_nothing() -> None:
    class Keras:
        def predict(self, inputs: Any, say: Any) -> list[Any]:
            return [np.array([[0.1, 0.9, 0.0]] * 4)]  # class 1, four times

    graph = decision(31)
    found = labels.accuracy(replace(job(graph, [1, 1, 2, 1]), keras=Keras(), real={"logits": LOGITS / 4.0}))  # type: ignore[arg-type]
    assert found is not None
    assert found["keras"] == {"correct": 3, "rejected": 0, "accuracy": 0.75, "accuracy_of_accepted": 0.75}


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_labels_of_every_integer_type(shape: tuple[int, ...], dtype: Any) -> None:
    found = labels.read(np.array([0, 2, 0, 1], dtype=dtype).reshape(shape), decision(0), 4)
    assert found.tolist() == [0, 2, 0, 1]


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (np.zeros(3, int), "3 labels and 4 inputs"),
        (np.zeros(0, int), "0 labels and 4 inputs"),
        (np.zeros(4), "float64; give integers"),
        (np.array(["a"] * 4), "give integers"),
        (np.array([True] * 4), "give integers"),
        (np.array([0, 1, 2, 3]), "are 0 to 3; the model has 3 classes"),
        (np.array([0, -1, 2, 2]), "are -1 to 2; the model has 3 classes"),
        (np.eye(4, 3, dtype=int), r"numpy.argmax\(y, axis=1\)"),
        (np.zeros((4, 2), int), "one class for each frame"),
        (np.zeros((4, 1, 1), int), "one class for each frame"),
        (np.int64(1), "one class for each frame"),
    ],
)
def test_labels_that_do_not_fit_are_one_line(truth: Any, words: str) -> None:
    with pytest.raises(BitsmithError, match=words) as error:
        labels.read(truth, decision(0), 4)
    assert "\n" not in str(error.value)


def test_files_that_hold_no_labels(tmp_path: Path) -> None:
    (tmp_path / "y.npy").write_bytes(b"nonsense")
    np.savez(tmp_path / "y.npz", a=np.zeros(4, int))
    np.save(tmp_path / "objects.npy", np.array([{}, 1, 2, 3], dtype=object))
    for name, words in (("y.npy", "is no .npy file"), ("y.npz", "are a .npz"), ("objects.npy", "no .npy file")):
        with pytest.raises(BitsmithError, match=words):
            labels.read(tmp_path / name, decision(0), 4)


def test_models_that_are_no_classifiers(tmp_path: Path) -> None:
    """An image, and one value alone: which class is meant by it nobody says."""
    single = read_model(write_h5(tmp_path / "m.h5", [input_layer(3), quantize(), dense(units=1)]))
    for graph in (adder_graph(), single):
        with pytest.raises(BitsmithError, match="two classes or more"):
            labels.read(np.zeros(4, int), graph, 4)
    assert classes(single) == 0


def test_verify_wants_the_inputs_that_the_labels_are_for(tmp_path: Path) -> None:
    """Checked before anything is compiled: this folder has nothing to compile."""
    save_graph(decision(0), tmp_path / "graph.json")
    (tmp_path / "bitsmith.json").write_text(json.dumps(sealed(tmp_path, {"made_by": "bitsmith"})))
    with pytest.raises(BitsmithError, match="give --inputs"):
        verify(tmp_path, ["hls"], truth=np.zeros(4, int))
    with pytest.raises(BitsmithError, match="3 labels and 4 inputs"):
        verify(tmp_path, ["hls"], inputs=LOGITS, vectors=3, truth=np.zeros(3, int))
