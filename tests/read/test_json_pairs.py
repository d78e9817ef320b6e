"""A model's JSON and its weights in two files, as hls4ml takes them: every form of weights, and every mix-up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import BITS4, Layers, dense, input_layer, model_json, numbered, quantize, write_h5
from reading import evaluate, legacy_keras, library, randomize, save
from test_read_files import keras_file

import bitsmith
from bitsmith.cli import main
from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.convert import read_model
from bitsmith.gen.inspect import inspect
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import BitsmithError

LAYERS: Layers = [input_layer(3), quantize(), dense()]


def write_json(path: Path, layers: Layers = LAYERS) -> Path:
    path.write_text(model_json(layers))
    return path


def write_weights(path: Path, layers: Layers = LAYERS) -> Path:
    """What ``save_weights('x.h5')`` of Keras 2 writes: a group for each layer, and a list of them."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [config["name"].encode() for _, config, _ in layers]
        for _, config, values in layers:
            file.create_group(config["name"])
            for key, value in values.items():
                file.create_dataset(f"{config['name']}/{config['name']}/{key}:0", data=np.asarray(value, np.float32))
    return path


def pair(folder: Path, layers: Layers = LAYERS, weights: Layers = LAYERS) -> tuple[Path, Path]:
    return write_json(folder / "model.json", layers), write_weights(folder / "weights.h5", weights)


def refusal(path: Path, weights: Path | None = None) -> str:
    with pytest.raises(BitsmithError) as error:
        read_model(path, weights=weights)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_pair_is_the_whole_model(tmp_path: Path) -> None:
    whole = read_model(write_h5(tmp_path / "whole.h5", LAYERS))
    model, weights = pair(tmp_path)
    graph = read_model(model, weights=weights)
    kernels = [g.nodes[0].op.kernel.tolist() for g in (whole, graph)]  # type: ignore[attr-defined]
    assert kernels[0] == kernels[1]
    assert np.unique(kernels[0]).size > 2


def test_weights_out_of_a_whole_model(tmp_path: Path) -> None:
    """As hls4ml and Keras's load_weights take them."""
    model = write_json(tmp_path / "model.json")
    wanted = read_model(model, weights=write_weights(tmp_path / "w.h5")).nodes[0].op.kernel  # type: ignore[attr-defined]
    whole = write_h5(tmp_path / "whole.h5", LAYERS)
    assert read_model(model, weights=whole).nodes[0].op.kernel.tolist() == wanted.tolist()  # type: ignore[attr-defined]
    zipped = keras_file(tmp_path / "whole.keras", model_json(LAYERS), numbered())
    assert read_model(model, weights=zipped).nodes[0].op.kernel.tolist() == [[4, 4]] * 3  # type: ignore[attr-defined]


def test_json_with_a_byte_order_mark_and_space(tmp_path: Path) -> None:
    model, weights = pair(tmp_path)
    model.write_bytes(b"\xef\xbb\xbf \n" + model.read_bytes())
    assert len(read_model(model, weights=weights).nodes) == 1


class TestMixUps:
    def test_no_weights(self, tmp_path: Path) -> None:
        text = refusal(write_json(tmp_path / "model.json"))
        assert "model.json holds a model without its weights; add them: --weights FILE.h5" in text

    @pytest.mark.parametrize("form", ["Keras 2", "Keras 3"])
    def test_weights_alone(self, tmp_path: Path, form: str) -> None:
        """The message is the cure: what it says works."""
        model, weights = pair(tmp_path)
        if form == "Keras 3":
            weights.write_bytes(numbered())
        text = refusal(weights)
        assert f"{weights} holds weights but no model; name the model's JSON" in text
        assert f"MODEL.json --weights {weights} (in Python: weights=)" in text
        assert len(read_model(model, weights=weights).nodes) == 1

    @pytest.mark.parametrize("name", ["whole.h5", "whole.keras"])
    def test_a_whole_model_has_its_weights(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        if path.suffix == ".h5":
            write_h5(path, LAYERS)
        else:
            keras_file(path, model_json(LAYERS), numbered())
        weights = write_weights(tmp_path / "w.h5")
        assert refusal(path, weights) == f"{path} is a whole model with its weights; leave out --weights {weights}"

    def test_the_wrong_way_round(self, tmp_path: Path) -> None:
        model, weights = pair(tmp_path)
        assert f"the model's JSON comes first: MODEL.json --weights {weights}" in refusal(weights, model)
        assert "is JSON and holds no weights" in refusal(model, model)

    def test_weights_that_are_no_file_of_weights(self, tmp_path: Path) -> None:
        model, weights = pair(tmp_path)
        assert "no such file; give a .h5 file of weights" in refusal(model, tmp_path / "absent.h5")
        weights.write_text("text")
        assert "neither HDF5 nor a .keras zip" in refusal(model, weights)
        weights.write_bytes(write_weights(tmp_path / "w.h5").read_bytes()[:500])
        assert "weights.h5 is a damaged or truncated HDF5 file" in refusal(model, weights)

    def test_a_layer_that_the_model_does_not_have(self, tmp_path: Path) -> None:
        model, weights = pair(tmp_path, weights=[*LAYERS, dense("other")])
        text = refusal(model, weights)
        assert f"{weights} has weights of a layer 'other', which {model} does not have" in text

    def test_a_layer_of_keras_3_that_the_model_does_not_have(self, tmp_path: Path) -> None:
        model, weights = pair(tmp_path)
        with h5py.File(weights, "w") as file:
            for group in ("q_dense", "q_dense_1"):
                file.create_dataset(f"layers/{group}/vars/0", data=np.zeros((3, 2)))
            file.create_group("layers/dropout/vars")
            file.create_dataset("layers/dropout/seed_generator/vars/0", data=np.zeros(2))
        assert f"{weights} has weights of a layer 'q_dense_1', which {model}" in refusal(model, weights)

    def test_a_layer_without_weights(self, tmp_path: Path) -> None:
        model, weights = pair(tmp_path, layers=[*LAYERS, dense("other", 2)])
        text = refusal(model, weights)
        assert f"'other': the file holds no kernel; give the weights that belong to it, not {weights}" in text

    def test_another_shape(self, tmp_path: Path) -> None:
        model, weights = pair(tmp_path, weights=[input_layer(3), quantize(), dense(inputs=4)])
        text = refusal(model, weights)
        assert (
            f"'dense': kernel has shape (4, 2), expected (3, 2); give the weights that belong to it, not {weights}"
            in text
        )

    @pytest.mark.parametrize("text", ["{", '{"class_name": "Sequential"}', "{}", '{"weight_map": {}}', "{" * 100000])
    def test_json_that_is_no_model(self, tmp_path: Path, text: str) -> None:
        model, weights = pair(tmp_path)
        model.write_text(text)
        assert str(model) in refusal(model, weights)

    def test_a_model_in_memory(self, tmp_path: Path) -> None:
        with pytest.raises(BitsmithError, match="a model in memory has its weights; leave out weights="):
            bitsmith.load(object(), weights=tmp_path / "w.h5")

    def test_a_link_in_the_weights(self, tmp_path: Path) -> None:
        model, weights = pair(tmp_path)
        with h5py.File(weights, "a") as file:
            file["far"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
        assert "is a link" in refusal(model, weights)


class TestCommands:
    def run(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
        with pytest.raises(SystemExit) as left:
            main.run([*map(str, arguments), "--json"])
        data: dict[str, Any] = json.loads(capsys.readouterr().out)
        return data | {"status": left.value.code}

    def test_inspect(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        model, weights = pair(tmp_path)
        data = self.run(capsys, "inspect", model, "--weights", weights)
        assert (data["status"], data["parameters"], data["weights"]) == (0, 8, str(weights))
        assert "--weights FILE.h5" in self.run(capsys, "inspect", model)["error"]

    def test_the_command_that_inspect_proposes_names_the_weights(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        plain = [input_layer(3), dense(kernel_quantizer=None, bias_quantizer=None)]
        model, weights = pair(tmp_path, plain, plain)
        with pytest.raises(SystemExit):
            main.run(["inspect", str(model), "--weights", str(weights)])
        assert f"bitsmith calibrate {model} --weights {weights} --data x.npy" in capsys.readouterr().out

    def test_calibrate(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        plain = [input_layer(3), ("Dense", {"name": "dense", "units": 2}, dense()[2])]
        model, weights = pair(tmp_path, plain, plain)
        np.save(tmp_path / "x.npy", np.linspace(-1, 1, 12).reshape(4, 3))
        data = self.run(capsys, "calibrate", model, "--data", tmp_path / "x.npy", "--weights", weights)
        whole = write_h5(tmp_path / "whole.h5", plain)
        assert data["config"] == calibrate(whole, tmp_path / "x.npy")

    def test_build_says_what_it_was_made_of(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        model, weights = pair(tmp_path)
        data = self.run(capsys, "build", model, "--weights", weights, "-o", tmp_path / "out", "--vectors", 1)
        assert (data["status"], data["file"], data["weights_file"]) == (0, "model.json", "weights.h5")
        assert len(data["weights_sha256"]) == 64
        self.run(capsys, "build", model, "--weights", weights, "-o", tmp_path / "out", "--vectors", 1)
        into = self.run(capsys, "build", model, "--weights", tmp_path / "out" / "w.h5", "-o", tmp_path / "out")
        assert into["status"] == 2

    def test_python(self, tmp_path: Path) -> None:
        model, weights = pair(tmp_path)
        assert len(bitsmith.load(str(model), None, str(weights)).nodes) == 1
        assert inspect(model, None, weights)["supported"]


def saved_by(k: Any, folder: Path, name: str) -> tuple[Any, Path, Path, Path]:
    """A model with a nested one and shared weights: itself, its JSON, its weights as ``name``, and a whole file."""
    inner = k.Sequential(
        [k.layers.Dense(4, activation="relu", name="first"), k.layers.Dense(3, name="second")], name="inner"
    )
    x = k.layers.Input((5,), name="x")
    y = k.layers.Dense(2, name="last")(inner(k.layers.Dense(5, name="begin")(x)))
    model = k.Model(x, y, name="net")
    randomize(model, 3)
    (folder / "m.json").write_text(model.to_json())
    model.save_weights(folder / name)
    save(model, folder / ("whole.h5" if name.endswith("keras2.h5") else "whole.keras"))
    return (
        model,
        folder / "m.json",
        folder / name,
        folder / ("whole.h5" if name.endswith("keras2.h5") else "whole.keras"),
    )


@pytest.mark.train
@pytest.mark.parametrize(
    ("keras", "name"), [("tf_keras", "keras2.h5"), ("tf_keras", "m.weights.h5"), ("keras", "m.weights.h5")]
)
def test_what_keras_itself_writes(tmp_path: Path, keras: str, name: str) -> None:
    model, path, weights, whole = saved_by(library(keras), tmp_path, name)
    config = {"HLSConfig": {"Model": {"Precision": "fixed<32,8,RND_CONV,SAT>"}}}
    one, other = bitsmith.load(path, config, weights), bitsmith.load(whole, config)
    assert [n.op.stem for n in one.nodes] == [n.op.stem for n in other.nodes]
    x = np.linspace(-1, 1, 20).reshape(4, 5)
    got, wanted = evaluate(one, x)[0], evaluate(other, x)[0]
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_allclose(got, np.asarray(model(x.astype(np.float32))), atol=1e-4)
    assert np.ptp(got) > 0.1


@pytest.mark.parametrize(
    "layer",
    [
        {"output_dim": 2, "W_regularizer": None, "bias": True, "input_dim": 3},
        {"nb_filter": 2, "nb_row": 3, "nb_col": 3, "border_mode": "valid", "dim_ordering": "tf"},
        {"units": 2},
    ],
    ids=["Dense", "Convolution2D", "its version alone"],
)
def test_a_model_of_keras_1(tmp_path: Path, layer: dict[str, Any]) -> None:
    """Its attributes and its weights have other names: not a word of a missing 'units'."""
    model, weights = pair(tmp_path, layers=[input_layer(3), ("Dense", {"name": "dense", **layer}, {})])
    data = json.loads(model.read_text())
    if "units" in layer:
        data["keras_version"] = "1.2.2"
    model.write_text(json.dumps(data))
    assert f"{model} was written by Keras 1; load it in Keras 2" in refusal(model, weights)


@pytest.mark.train
def test_a_gru_of_keras_2_1(tmp_path: Path) -> None:
    """Its JSON knows neither reset_after nor a dtype, its recurrent activation is hard, its bias has one row."""
    k, _ = legacy_keras()
    model = k.Sequential(
        [k.layers.Input((4, 3)), k.layers.GRU(2, reset_after=False, recurrent_activation="hard_sigmoid", name="gru")],
        name="net",
    )
    randomize(model, 5)
    data = json.loads(model.to_json())
    config = data["config"]["layers"][-1]["config"]
    for name in ("reset_after", "dtype", "time_major"):
        config.pop(name, None)
    config |= {"implementation": 1, "batch_input_shape": [None, 4, 3]}
    data["config"], data["keras_version"] = data["config"]["layers"][-1:], "2.1.3"
    (tmp_path / "m.json").write_text(json.dumps(data))
    model.save_weights(tmp_path / "w.h5")
    x = np.random.default_rng(1).normal(0, 1, (5, 4, 3))
    floats = run(read_network_file(tmp_path / "m.json", tmp_path / "w.h5"), [x])["gru"]
    np.testing.assert_allclose(floats, np.asarray(model(x.astype(np.float32))), atol=1e-6)
    types = {"HLSConfig": {"Model": {"Precision": "fixed<16,4,RND_CONV,SAT>"}}, "Bitsmith": {"table_bits": 14}}
    graph = bitsmith.load(tmp_path / "m.json", types, tmp_path / "w.h5")
    np.testing.assert_allclose(evaluate(graph, x)[0].reshape(5, 2), floats, atol=2e-3)


def test_quantizers_of_a_pair(tmp_path: Path) -> None:
    assert BITS4["class_name"] == "quantized_bits"
    model, weights = pair(tmp_path)
    assert inspect(model, None, weights)["layers"][-1]["quantizers"]["kernel"] == "quantized_bits(4, 0, alpha=1)"
