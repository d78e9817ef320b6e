"""The level keras: the right file or none, what its figures say, and that equality can fail."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hgq_models import stacked
from keras_builds import decision, unbuilt
from model_files import dense, input_layer, quantize, write_h5
from reading import legacy_keras, library, randomize, recurrent_qkeras, save

from bitsmith.gen.read.network import Layer, Network
from bitsmith.gen.verdict import equal, information, verdict
from bitsmith.gen.verify import keras_level, keras_model, verify
from bitsmith.gen.verify.job import Job
from bitsmith.gen.verify.keras_model import KerasModel
from bitsmith.gen.verify.origin import Origin
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import to_float

CELLS = Path(__file__).parents[2] / "models" / "cells" / "student2.h5"
TYPES = {"HLSConfig": {"Model": {"Precision": "fixed<12,4,RND_CONV,SAT>"}}, "Bitsmith": {"input": "fixed<8,2>"}}


class Tensor:
    """A Keras tensor as far as it is asked."""

    def __init__(self, *shape: int | None) -> None:
        self.shape, self.dtype = (None, *shape), "float32"


class Stub:
    """A model that gives what it is told."""

    def __init__(self, shapes: list[Any], results: Any = None, name: str = "stub") -> None:
        self.inputs, self.results, self.name = [Tensor(*shape) for shape in shapes], results, name

    def __call__(self, x: Any, training: bool) -> Any:
        assert not training
        if isinstance(self.results, Exception):
            raise self.results
        return self.results


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_h5(tmp_path / "m.h5", [input_layer(3), quantize(), dense()])


def compare(built: Path, results: Any, **changes: Any) -> dict[str, Any]:
    """``verify`` of two frames with a model that gives ``results``, in the place of one in memory."""
    return verify(built, ["keras"], inputs=np.array([[1, 2, 3], [4, 5, 6]]), model=Origin(results), **changes)


@pytest.fixture
def stubbed(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Any]:
    """A build, what its reference gives for the two frames, and Keras replaced by a stub."""
    built = unbuilt(tmp_path / "built", model)

    def load(origin: Origin, home: Path, mark: Any, graph: Any) -> KerasModel:
        return KerasModel(Stub([(3,)], origin.model), graph, "stub")

    monkeypatch.setattr(keras_model, "load", load)
    graph = keras_model._read(model, {})
    (raw,) = Reference(graph).predict_raw(np.array([[1, 2, 3], [4, 5, 6]]))
    return built, to_float(raw, graph.specs()["dense"].type)


def test_equal_values_pass_and_prove_nothing_about_hardware(stubbed: tuple[Path, Any]) -> None:
    built, right = stubbed
    report = compare(built, right)
    level = report["levels"]["keras"]
    assert (report["passed"], level["mismatches"], level["compared"], level["required"]) == (True, 0, 2, False)
    assert level["figures"]["dense"]["equal_share"] == 1.0
    assert not equal(report)
    assert verdict(report) == "no hardware was compared (keras informs)"
    assert equal(compare(built, right, exact=True))
    assert json.loads((built / "verify.json").read_text())["levels"]["keras"]["required"] is True


def test_what_differs_informs_and_fails_where_equality_is_demanded(stubbed: tuple[Path, Any]) -> None:
    """One value of four is a quarter of a step off, another two and a half steps."""
    built, right = stubbed
    step = compare(built, right)["levels"]["keras"]["figures"]["dense"]["step"]
    off = right + np.array([[0, step / 4], [-2.5 * step, 0]])
    report = compare(built, off)
    figures = report["levels"]["keras"]["figures"]["dense"]
    assert (report["passed"], report["levels"]["keras"]["mismatches"]) == (True, 2)
    assert (figures["equal"], figures["values"], figures["within_half_step"]) == (2, 4, 0.75)
    assert (figures["largest_difference"], figures["largest_steps"]) == (2.5 * step, 2.5)
    assert figures["worst"] == {"frame": 1, "index": [0], "keras": float(off[1, 0]), "reference": float(right[1, 0])}
    assert "2 of 4 values equal (50.00%), 75.00% within half an output step" in information(report)[0]
    strict = compare(built, off, exact=True)
    assert (strict["passed"], equal(strict)) == (False, False)
    assert verdict(strict) == "keras differs on 2 of 2 frames"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(stubbed: tuple[Path, Any], value: float) -> None:
    """They are named, they are never equal, and the JSON stays JSON."""
    built, right = stubbed
    some = right.copy()
    some[1, 1] = value
    report = compare(built, some, exact=True)
    assert report["passed"] is False
    assert report["levels"]["keras"]["problems"] == ["Keras gives NaN or infinity in 'dense', first in frame 1"]
    assert report["levels"]["keras"]["figures"]["dense"]["largest_difference"] == 0
    every = compare(built, np.full_like(right, value))["levels"]["keras"]["figures"]["dense"]
    assert (every["largest_difference"], every["equal"]) == (None, 0)
    json.dumps(every, allow_nan=False)


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (ValueError("no\nway"), "Keras cannot compute 'stub' .ValueError: no way"),
        (np.zeros((2, 5)), r"shape \(5,\) in Keras and \(2,\) in the build"),
    ],
)
def test_a_model_that_fails_is_one_line(stubbed: tuple[Path, Any], results: Any, words: str) -> None:
    with pytest.raises(BitsmithError, match=words):
        compare(stubbed[0], results)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [([(4,)], "takes .4,. in Keras"), ([(3, 1)], "takes .3, 1. in Keras"), ([(3,), (3,)], "has 2 inputs")],
)
def test_another_shape_is_one_line(model: Path, shapes: list[Any], words: str) -> None:
    with pytest.raises(BitsmithError, match=words):
        KerasModel(Stub(shapes), keras_model._read(model, {}), "stub")


def test_classes_are_compared_whatever_is_rejected() -> None:
    """Keras decides 0, 1 and 1; the reference 0, 1 and 0, of which its threshold rejects the last two."""
    graph = decision(4)
    raw = np.array([[5, 1, 0], [1, 3, 0], [2, 1, 0]])
    reference = Reference(graph)
    (expected,) = reference.predict_raw(raw)
    keras = KerasModel(Stub([(3,)], np.array([[9.0, 0, 0], [0, 9, 0], [0, 9, 0]])), graph, "stub")
    job = Job(Path(), graph, reference, {"logits": raw}, {"argmax": expected}, 0, print, {"logits": raw / 4.0}, keras)
    assert expected.reshape(-1).tolist() == [0, 3, 3]
    outcome = keras_level.level(job)
    assert outcome.mismatches == 1
    assert outcome.figures == {"argmax": {"values": 3, "equal": 2, "equal_share": 2 / 3}}


def test_floats_reach_keras_as_they_were_given(stubbed: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The input's own rounding is part of the difference; raw integers are what they stand for, here sixteenths."""
    built, right = stubbed
    seen: list[Any] = []

    def predict(self: KerasModel, inputs: list[Any], say: Any) -> list[Any]:
        seen.extend(inputs)
        return [right]

    monkeypatch.setattr(KerasModel, "predict", predict)
    floats = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    verify(built, ["keras"], inputs=floats)
    compare(built, right)
    np.testing.assert_array_equal(seen[0], floats)
    np.testing.assert_array_equal(seen[1], np.array([[1, 2, 3], [4, 5, 6]]) / 16)


def test_the_file_is_found_by_its_name_or_asked_for(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = unbuilt(tmp_path / "built", model)
    mark = json.loads((built / "bitsmith.json").read_text())
    assert keras_model._file(None, built, mark) == tmp_path / "m.h5"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    shutil.move(model, "m.h5")
    assert keras_model._file(None, built, mark) == Path("m.h5")
    Path("m.h5").write_bytes(b"another")
    with pytest.raises(BitsmithError, match="give it with --model m.h5"):
        keras_model._file(None, built, mark)
    with pytest.raises(BitsmithError, match="is not the file .*SHA-256 is another"):
        verify(built, ["keras"], model=Origin("m.h5"))


@pytest.mark.parametrize("name", [None, 7, "../m.h5", "/etc/passwd", ["m.h5"]])
def test_a_folder_that_does_not_say_its_file(tmp_path: Path, name: Any) -> None:
    with pytest.raises(BitsmithError, match="give the model with --model"):
        keras_model._file(None, tmp_path, {"file": name})


def test_a_model_in_json_with_its_weights_is_not_for_keras(model: Path, tmp_path: Path) -> None:
    built = unbuilt(tmp_path / "built", model, weights_sha256="00" * 32)
    with pytest.raises(BitsmithError, match="not a JSON with its weights"):
        verify(built, ["keras"], model=Origin(model))


def test_an_onnx_file_is_not_for_keras(model: Path, tmp_path: Path) -> None:
    """What is in the file does not matter: it has the build's hash."""
    built = unbuilt(tmp_path / "built", model)
    with pytest.raises(BitsmithError, match="not an ONNX file"):
        verify(built, ["keras"], model=Origin(shutil.copyfile(model, tmp_path / "m.onnx")))


@pytest.mark.parametrize("package", ["tensorflow", "tf_keras", "qkeras"])
def test_a_missing_package_is_one_line_with_the_extra(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    built = unbuilt(tmp_path / "built", model)
    monkeypatch.setattr(keras_model, "find_spec", lambda name: None if name == package else find_spec("json"))
    with pytest.raises(BitsmithError, match=rf"needs {package}, which is missing; .*\.\[train\]"):
        verify(built, ["keras"], model=Origin(model))


def test_what_the_reader_refuses_never_gets_to_keras(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forged build may name the hash of any file: a Lambda's code in it is not run."""
    lambda_layer: Any = ("Lambda", {"name": "evil", "function": ["4wEAAAA=", None, None]}, {})
    evil = write_h5(tmp_path / "evil.h5", [input_layer(3), lambda_layer, quantize(), dense()])
    built = unbuilt(tmp_path / "built", model, sha256=keras_model.of_file(evil))  # type: ignore[attr-defined]
    monkeypatch.setattr(keras_model, "find_spec", lambda name: find_spec("json"))
    monkeypatch.setattr(keras_model, "_loaded", lambda *_: pytest.fail("Keras got it"))
    with pytest.raises(BitsmithError, match="Lambda"):
        verify(built, ["keras"], model=Origin(evil))


@pytest.mark.train
def test_the_cell_sorter_is_equal(tmp_path: Path) -> None:
    """Every tensor is quantized by QKeras, and float32 is exact; beside another network's graph nothing is."""
    built = unbuilt(tmp_path / "built", CELLS)
    report = verify(built, ["keras"], vectors=8, model=Origin(CELLS), exact=True)
    assert report["passed"] is True
    other = CELLS.with_name("student2_digits.h5")
    wrong = unbuilt(tmp_path / "wrong", CELLS, file=other.name, sha256=keras_model.of_file(other))  # type: ignore[attr-defined]
    report = verify(wrong, ["keras"], vectors=8, model=Origin(other), exact=True)
    assert (report["passed"], report["levels"]["keras"]["mismatches"]) == (False, 8)


@pytest.mark.train
@pytest.mark.parametrize("name", ["tf_keras", "keras"])
def test_a_float_model_differs_by_little(name: str, tmp_path: Path) -> None:
    """Both libraries; a sequence, which is an image in the graph; a live model is the same as its file."""
    keras = library(name)
    layers = keras.layers
    x = layers.Input((6, 2))
    y = layers.Conv1D(3, 2, activation="relu")(x)
    live = keras.Model(x, layers.Dense(4)(layers.Flatten()(y)))
    randomize(live, 3, 0.3)
    path = tmp_path / ("m.h5" if name == "tf_keras" else "m.keras")
    save(live, path)
    built = unbuilt(tmp_path / "built", path, TYPES)
    report = verify(built, ["keras"], vectors=20)
    (figures,) = report["levels"]["keras"]["figures"].values()
    assert report["passed"] is True
    assert 0 < figures["largest_steps"] < 100
    assert 0 < figures["within_half_step"] < 1
    again = verify(built, ["keras"], vectors=20, model=Origin(live))
    assert list(again["levels"]["keras"]["figures"].values()) == [figures]
    assert verify(built, ["keras"], vectors=20, exact=True)["passed"] is False
    randomize(live, 4, 0.3)
    with pytest.raises(BitsmithError, match="is not the one that was built"):
        verify(built, ["keras"], model=Origin(live))


@pytest.mark.train
def test_several_inputs_and_outputs_in_a_dictionary(tmp_path: Path) -> None:
    """In the order of the sorted keys, each output beside its own."""
    keras, qkeras = legacy_keras()
    layers, bits = keras.layers, "quantized_bits(6,2,alpha=1)"
    ends = {key: layers.Input((3,), name=key) for key in ("b", "a")}
    rounded = {key: qkeras.QActivation(bits)(x) for key, x in ends.items()}
    dense = {key: qkeras.QDense(2, kernel_quantizer=bits, bias_quantizer=bits)(x) for key, x in rounded.items()}
    live = keras.Model(ends, {"second": dense["a"], "first": dense["b"]})
    randomize(live, 5)
    save(live, tmp_path / "m.h5")
    built = unbuilt(tmp_path / "built", tmp_path / "m.h5")
    report = verify(built, ["keras"], vectors=12, exact=True)
    assert report["passed"] is True
    assert len(report["levels"]["keras"]["figures"]) == 2


# HGQ ------------------------------------------------------------------------------------------------


def forged(monkeypatch: pytest.MonkeyPatch, class_name: str, *there: str) -> list[Any]:
    """What ``_needs_hgq`` sees: a layer of a class, and the packages that are there. Gives what it said of Keras."""
    layer = Layer("layer", "layer", class_name, {}, ())
    monkeypatch.setattr(keras_model, "read_network_file", lambda path: Network("net", (layer,), (), ()))
    monkeypatch.setattr(keras_model, "find_spec", lambda name: find_spec("json") if name in there else None)
    return [keras_model._needs_hgq(Path("m.keras"))]


def test_a_model_of_hgq_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    assert forged(monkeypatch, "Dense") == [False]
    assert forged(monkeypatch, "hgq>QDense", "hgq") == [True]
    with pytest.raises(BitsmithError, match=r"needs hgq for a model of HGQ2, which is missing; pip install hgq2~=0\.2"):
        forged(monkeypatch, "hgq>QDense")
    with pytest.raises(BitsmithError, match="cannot compute a proxy model of HGQ 1.*leave the level out"):
        forged(monkeypatch, "HGQ>FixedPointQuantizer", "hgq")


@pytest.mark.train
@pytest.mark.parametrize("suffix", [".keras", pytest.param(".h5", marks=pytest.mark.slow)])
def test_a_model_of_hgq_is_equal(tmp_path: Path, suffix: str) -> None:
    """In a process that has not imported it, as the command line has not."""
    pytest.importorskip("hgq", reason="HGQ2 is not there; make test gets it (Python 3.11 and later)")
    from hgq.layers import QDense

    model = stacked((5,), [QDense(7, activation="relu"), QDense(4)], 3)
    path = tmp_path / f"m{suffix}"
    model.save(path)
    built = unbuilt(tmp_path / "built", path)
    script = (
        "import sys\n"
        "from bitsmith.gen.verify import verify\n"
        "from bitsmith.gen.verify.keras_model import Origin\n"
        "from pathlib import Path\n"
        "report = verify(Path(sys.argv[1]), ['keras'], vectors=50, model=Origin(Path(sys.argv[2])), exact=True)\n"
        "assert 'hgq' in sys.modules\n"
        "print(report['levels']['keras']['mismatches'], report['passed'])\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[2] / "src"), *sys.path])
    variables = {**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", script, str(built), str(path)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.split()[-2:] == ["0", "True"], done.stdout + done.stderr


@pytest.mark.train
@pytest.mark.parametrize("name", ["QConv2DTranspose", "QGRU"])
def test_what_qkeras_misses_in_tensorflow_is_put_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that a newer TensorFlow has elsewhere; other tests of the process may have put them back before."""
    k, q = recurrent_qkeras()
    from tensorflow.python.ops import array_ops

    monkeypatch.setattr(array_ops, "stack", importlib.import_module("tensorflow").stack, raising=False)
    eight = {f"{part}_quantizer": "quantized_bits(8,1,alpha=1)" for part in ("kernel", "bias")}
    turned = {"recurrent_quantizer": eight["bias_quantizer"], "state_quantizer": eight["bias_quantizer"],
              "activation": "quantized_tanh(5)", "recurrent_activation": "quantized_sigmoid(5)"}  # fmt: skip
    image = name == "QConv2DTranspose"
    layer = q.QConv2DTranspose(2, 2, **eight) if image else q.QGRU(2, **eight, **turned)
    layers = [k.layers.Input((3, 3, 1) if image else (3, 2)), q.QActivation("quantized_bits(4,0,alpha=1)"), layer]
    model = k.Sequential([*layers, q.QActivation("quantized_bits(6,2,alpha=1)")])
    randomize(model, 3)
    save(model, tmp_path / "m.h5")
    built = unbuilt(tmp_path / "built", tmp_path / "m.h5")
    for missing in ("stack", "unstack"):
        monkeypatch.delattr(array_ops, missing)
    report = verify(built, ["keras"], vectors=20, model=Origin(tmp_path / "m.h5"), exact=True)
    assert (report["passed"], report["levels"]["keras"]["compared"]) == (True, 20)
