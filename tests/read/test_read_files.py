"""Files that are no model, and models that cannot be built: one line each, and nothing in a file is run."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import BITS4, Layers, dense, input_layer, keras_zip, model_json, numbered, quantize, write_h5

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.rtl.emit import emit_plan
from bitsmith.sim.errors import BitsmithError


def refused(path: Path, message: str, config: dict[str, Any] | None = None) -> None:
    with pytest.raises(BitsmithError) as error:
        read_model(path, parse_config(config or {}))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def small(tmp_path: Path, *layers: Any) -> Path:
    return write_h5(tmp_path / "model.h5", [input_layer(3), quantize(), *layers])


def keras_file(path: Path, config: str | None, weights: bytes | None, method: int = zipfile.ZIP_STORED) -> Path:
    path.write_bytes(keras_zip(config, weights, method))
    return path


def test_the_small_model_is_good(tmp_path: Path) -> None:
    graph = read_model(small(tmp_path, dense()))
    assert [node.op.stem for node in graph.nodes] == ["dense"]
    again = keras_file(tmp_path / "m.keras", model_json([input_layer(3), quantize(), dense()]), numbered())
    assert read_model(again).nodes[0].op.kernel.tolist() == [[4, 4]] * 3  # type: ignore[attr-defined]


class TestContainers:
    def test_missing(self, tmp_path: Path) -> None:
        refused(tmp_path / "absent.h5", "no such file")

    def test_folder(self, tmp_path: Path) -> None:
        refused(tmp_path, "is a folder")

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "m.h5").touch()
        refused(tmp_path / "m.h5", "is empty")

    def test_text(self, tmp_path: Path) -> None:
        (tmp_path / "m.h5").write_text("no model at all")
        refused(tmp_path / "m.h5", "neither HDF5 nor a .keras zip")

    @pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
    def test_truncated_hdf5(self, tmp_path: Path, part: float) -> None:
        path = small(tmp_path, dense())
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * part)])
        refused(path, "damaged or truncated")

    @pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
    def test_truncated_zip(self, tmp_path: Path, part: float) -> None:
        path = keras_file(tmp_path / "m.keras", model_json([input_layer(3), quantize(), dense()]), numbered())
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * part)])
        refused(path, "damaged or truncated")

    def test_flipped_bytes_in_a_zip(self, tmp_path: Path) -> None:
        path = keras_file(
            tmp_path / "m.keras",
            model_json([input_layer(3), quantize(), dense()]),
            numbered(),
            zipfile.ZIP_DEFLATED,
        )
        data = bytearray(path.read_bytes())
        data[60:80] = bytes(20)
        path.write_bytes(bytes(data))
        refused(path, "damaged or truncated")

    def test_zip_without_parts(self, tmp_path: Path) -> None:
        refused(keras_file(tmp_path / "m.keras", None, numbered()), "no config.json inside")
        refused(keras_file(tmp_path / "n.keras", model_json([]), None), "no model.weights.h5 inside")

    def test_zip_with_broken_weights(self, tmp_path: Path) -> None:
        path = keras_file(tmp_path / "m.keras", model_json([input_layer(3)]), b"no HDF5")
        refused(path, "damaged or truncated HDF5")

    def test_zip_bomb(self, tmp_path: Path) -> None:
        path = keras_file(tmp_path / "m.keras", "0" * ((64 << 20) + 1), b"", zipfile.ZIP_DEFLATED)
        assert path.stat().st_size < 1 << 20
        refused(path, "the limit is")

    def test_weights_only(self, tmp_path: Path) -> None:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            file.create_dataset("x", data=[1.0])
        refused(tmp_path / "m.h5", "holds weights but no model")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{", "is no JSON"),
            ("[" * 100000, "is no JSON"),
            ("[1]", "describes no model"),
            ('{"class_name": "Sequential"}', "describes no model"),
            ('{"class_name": "Sequential", "config": {}}', "has no layers"),
            ('{"class_name": "Sequential", "config": {"layers": []}}', "has no layers"),
            ('{"class_name": "Sequential", "config": {"layers": [1]}}', "layers[0] of the model is no layer"),
            ('{"class_name": "Custom", "config": {"layers": []}}', "class 'Custom' is not supported"),
        ],
    )
    def test_json_that_is_no_model(self, tmp_path: Path, text: str, message: str) -> None:
        with h5py.File(tmp_path / "m.h5", "w") as file:
            file.attrs["model_config"] = text[:60000] if len(text) > 60000 else text
        refused(tmp_path / "m.h5", message)

    def test_links_out_of_the_file(self, tmp_path: Path) -> None:
        path = small(tmp_path, dense())
        with h5py.File(path, "a") as file:
            del file["model_weights/dense"]
            file["model_weights/dense"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
        refused(path, "is a link")

    def test_external_storage(self, tmp_path: Path) -> None:
        path = small(tmp_path, dense())
        (tmp_path / "raw").write_bytes(bytes(24))
        with h5py.File(path, "a") as file:
            group = file["model_weights/dense/w"]
            del group["kernel:0"]
            group.create_dataset("kernel:0", (3, 2), "f4", external=[(str(tmp_path / "raw"), 0, 24)])
        refused(path, "no plain array")

    def test_enormous_weights(self, tmp_path: Path) -> None:
        path = small(tmp_path, dense())
        with h5py.File(path, "a") as file:
            del file["model_weights/dense/w/kernel:0"]
            file.create_dataset("model_weights/dense/w/kernel:0", (1 << 20, 1 << 20), "f4", chunks=(1, 1024))
        refused(path, "beyond the")


class TestWeights:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, tmp_path: Path, value: float) -> None:
        class_name, config, weights = dense()
        kernel = np.zeros((3, 2))
        kernel[1, 0] = value
        refused(small(tmp_path, (class_name, config, weights | {"kernel": kernel})), "'dense': kernel[(1, 0)] is")

    def test_wrong_shape(self, tmp_path: Path) -> None:
        refused(small(tmp_path, dense(inputs=4)), "'dense': kernel has shape (4, 2), expected (3, 2)")

    def test_missing(self, tmp_path: Path) -> None:
        class_name, config, weights = dense()
        refused(small(tmp_path, (class_name, config, {"kernel": weights["kernel"]})), "the file holds no bias")

    def test_off_the_grid_of_the_configuration(self, tmp_path: Path) -> None:
        config = {"HLSConfig": {"LayerName": {"dense": {"Precision": {"weight": "fixed<3,1>"}}}}}
        refused(small(tmp_path, dense()), "is not on the grid of fixed<3,1>", config)

    def test_a_precision_that_cannot_hold_the_weights(self, tmp_path: Path) -> None:
        layer = dense(kernel_quantizer=None)
        config = {"HLSConfig": {"LayerName": {"dense": {"Precision": {"weight": "fixed<8,0>"}}}}}
        refused(small(tmp_path, layer), "'dense': kernel[0, 0] = -0.9 does not fit in fixed<8,0>", config)

    def test_no_quantizer_and_no_precision(self, tmp_path: Path) -> None:
        refused(
            small(tmp_path, dense(kernel_quantizer=None)), "'dense': kernel has no quantizer; give HLSConfig.LayerName"
        )
        refused(small(tmp_path, dense(bias_quantizer=None)), "'dense': bias has no quantizer; give HLSConfig.LayerName")


class TestLayers:
    @pytest.mark.parametrize(
        ("class_name", "config", "message"),
        [
            ("Lambda", {"function": ["4wEAAAAA", None, None]}, "holds code, which is never run"),
            ("ConvLSTM2D", {"filters": 2}, "'x' is a ConvLSTM2D, which is not supported"),
            ("RNN", {"cell": {}}, "'x' is a RNN, which is not supported"),
            ("LSTM", {"units": 2, "stateful": True}, "stateful=True on 'x' is not supported"),
            ("QGRU", {"units": 2, "recurrent_quantizer": None}, "recurrent_quantizer=None on 'x'"),
            ("MaxPooling3D", {}, "'x' is a MaxPooling3D, which is not supported; images have two axes"),
            ("Unheard", {}, "'x' is a Unheard, which is not supported"),
            ("QDense", {"units": 2, "sparsity": 3}, "sparsity=3 on 'x' is not understood"),
            ("QDense", {"units": 0}, "units=0 on 'x' is not supported; supported: a positive whole number"),
            (
                "QDense",
                {"units": 2, "dtype": "mixed_float16"},
                "dtype=mixed_float16 on 'x' is not supported; supported: float32",
            ),
            ("Activation", {"activation": "sine"}, "activation=sine on 'x' is not supported; supported: linear, relu"),
            ("Activation", {"activation": "sparsemax"}, "sparsemax on 'x' is not supported; use softmax"),
            ("Activation", {"activation": "glu"}, "glu on 'x' is not supported; it halves the channels"),
            ("Activation", {"activation": "quantized_ulaw(4)"}, "quantized_ulaw is not supported"),
            ("QActivation", {"activation": "bernoulli()"}, "it is random"),
            ("QActivation", {"activation": "__import__('os').system('true')"}, "is not supported; supported"),
            ("QActivation", {"activation": "quantized_bits(__import__('os'))"}, "cannot read"),
            ("QActivation", {"activation": "quantized_relu(8,0,1)"}, "use_sigmoid=1 is not supported; supported: 0"),
            ("QActivation", {"activation": "quantized_bits(8,0,alpha='auto')"}, "depends on the data"),
            ("QActivation", {"activation": "quantized_po2(9)"}, "more than 63 bits; give it fewer bits"),
            (
                "ReLU",
                {"threshold": 1.0, "negative_slope": 0.5},
                "threshold=1.0 on 'x' is not supported; supported: 0, where negative_slope is not",
            ),
            ("ThresholdedReLU", {"theta": -1.0}, "theta=-1.0 on 'x' is not supported; supported: 0 and more"),
            ("Softmax", {"axis": 0}, "axis=0 on 'x' is not supported; supported: -1"),
            ("Reshape", {"target_shape": [2, 2]}, "cannot be reshaped"),
            ("Flatten", {"data_format": "channels_first"}, "data_format=channels_first on 'x' is not supported"),
            ("Add", {}, "Add of one tensor; give two or more"),
            ("Conv2D", {"filters": 2, "kernel_size": [1, 1]}, "it needs 3 axes"),
        ],
    )
    def test_not_supported(self, tmp_path: Path, class_name: str, config: dict[str, Any], message: str) -> None:
        weights = {"kernel": np.zeros((3, 2)), "bias": np.zeros(2)} if class_name == "QDense" else {}
        extra = {"kernel_quantizer": BITS4, "bias_quantizer": BITS4} if class_name == "QDense" else {}
        refused(small(tmp_path, (class_name, {"name": "x"} | extra | config, weights)), message)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"groups": 2},
                "groups=2 on 'conv' is not supported; supported: a divisor of its 1 channels and 1 filters",
            ),
            ({"groups": 0}, "groups=0 on 'conv' is not supported; supported: a positive whole number"),
            ({"groups": True}, "groups=True on 'conv' is not supported"),
            (
                {"data_format": "channels_first"},
                "data_format=channels_first on 'conv' is not supported; supported: channels_last",
            ),
            ({"padding": "reflect"}, "padding=reflect on 'conv' is not supported; supported: valid, same"),
            ({"strides": [0, 1]}, "strides=(0, 1) on 'conv' is not supported"),
            ({"kernel_size": [9, 9]}, "leaves no output"),
            ({"dilation_rate": [4, 1]}, "leaves no output"),
            ({"kernel_size": [True, 2]}, "kernel_size=(True, 2) on 'conv' is not supported"),
        ],
    )
    def test_convolution_attributes(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        config = {"name": "conv", "filters": 1, "kernel_size": [3, 3], "kernel_quantizer": BITS4, "use_bias": False}
        layers: Layers = [
            input_layer(6, 6, 1), quantize(), ("QConv2D", config | changes, {"kernel": np.zeros((3, 3, 1, 1))})
        ]  # fmt: skip
        refused(write_h5(tmp_path / "model.h5", layers), message)

    def test_attributes_that_change_nothing(self, tmp_path: Path) -> None:
        changes: dict[str, Any] = {
            "trainable": False,
            "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}},
            "kernel_regularizer": {"class_name": "L2"},
            "activity_regularizer": None,
            "bias_initializer": "zeros",
            "kernel_constraint": {"class_name": "Clip"},
            "kernel_range": None,
        }
        assert read_model(small(tmp_path, dense(**changes))).outputs == ("dense",)

    @pytest.mark.parametrize("name", ["a; exit", "module", "$x", "Ünïcode", "wire", "int", "x" * 200])
    def test_odd_names_work(self, tmp_path: Path, name: str) -> None:
        graph = read_model(write_h5(tmp_path / "model.h5", [input_layer(3), quantize(), dense(name)], name=name))
        assert graph.outputs[0].isidentifier()
        assert graph.labels[graph.outputs[0]] == name
        assert name in (graph.nodes[0].layer,)

    @pytest.mark.parametrize("layer", ["same", "same_trace", "same_fifos"])
    def test_a_model_called_like_a_layer(self, tmp_path: Path, layer: str) -> None:
        """Both become Verilog modules, each with a file of its own."""
        graph = read_model(write_h5(tmp_path / "m.h5", [input_layer(3), quantize(), dense(layer)], name="same"))
        assert (graph.name, graph.outputs) == ("same_2", (layer,))
        emit_plan(plan_for(graph, parse_config({})), tmp_path / "rtl")
        assert {"same_2.v", f"same_2_{layer}.v"} <= {path.name for path in (tmp_path / "rtl").iterdir()}

    def test_a_layer_called_like_another_s_buffer(self, tmp_path: Path) -> None:
        layers = [input_layer(3), quantize(), dense("a"), quantize("b"), dense("a_fifo", 2)]
        graph = read_model(write_h5(tmp_path / "m.h5", layers))
        with pytest.raises(BitsmithError, match="two modules would be called 'network_a_fifo'; rename the layer"):
            emit_plan(plan_for(graph, parse_config({})), tmp_path / "rtl")
        assert not (tmp_path / "rtl").exists()

    def test_a_name_that_climbs_out_of_the_folder(self, tmp_path: Path) -> None:
        config = model_json([input_layer(3), quantize(), dense("../x")])
        graph = read_model(keras_file(tmp_path / "m.keras", config, numbered()))
        assert graph.outputs == ("x",)
        assert graph.labels == {"x": "../x"}

    def test_two_layers_of_one_name(self, tmp_path: Path) -> None:
        config = model_json([input_layer(3), quantize("same"), quantize("same")])
        refused(keras_file(tmp_path / "m.keras", config, numbered()), "two layers are called 'same'")


class TestInputs:
    def test_no_type(self, tmp_path: Path) -> None:
        path = write_h5(tmp_path / "model.h5", [input_layer(3), dense()])
        refused(path, "input 'pixels' has no type; give e.g. 'Bitsmith: {input:")

    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"Bitsmith": {"input": "ufixed<8,0>"}}, "ufixed<8,0>"),
            ({"Bitsmith": {"input": {"pixels": "fixed<5,2>"}}}, "fixed<5,2>"),
            ({"HLSConfig": {"LayerName": {"pixels": {"Precision": "fixed<7,3>"}}}}, "fixed<7,3>"),
            ({"HLSConfig": {"LayerType": {"InputLayer": {"Precision": {"result": "fixed<9,3>"}}}}}, "fixed<9,3>"),
            ({"HLSConfig": {"Model": {"Precision": "fixed<16,6>"}}}, "fixed<16,6>"),
        ],
    )
    def test_types_from_the_configuration(self, tmp_path: Path, config: dict[str, Any], expected: str) -> None:
        path = write_h5(tmp_path / "model.h5", [input_layer(3), dense()])
        assert str(read_model(path, parse_config(config)).inputs[0][1].type) == expected

    def test_a_first_quantizer_gives_the_type_and_no_node(self, tmp_path: Path) -> None:
        graph = read_model(small(tmp_path, dense()))
        assert str(graph.inputs[0][1].type) == "ufixed<4,0>"
        wide = read_model(small(tmp_path, dense()), parse_config({"Bitsmith": {"input": "fixed<8,2>"}}))
        assert [node.name for node in wide.nodes] == ["quantize", "dense"]

    @pytest.mark.parametrize("shape", [(None,), (None, 3), (1 << 25,), (2, 2, 2, 2), ()])
    def test_shapes_that_hardware_cannot_have(self, tmp_path: Path, shape: tuple[Any, ...]) -> None:
        path = write_h5(tmp_path / "model.h5", [input_layer(*shape), quantize(), dense()])
        with pytest.raises(BitsmithError, match="'pixels': an input of|the input's shape|a tensor of shape"):
            read_model(path)


def test_thresholds(tmp_path: Path) -> None:
    path = small(tmp_path, dense())
    refused(path, "has no meaning without", {"Bitsmith": {"threshold": 0.5}})
    refused(path, "is outside the output's", {"Bitsmith": {"output": "argmax", "threshold": 1e9}})
    refused(path, "no finite number", {"Bitsmith": {"output": "argmax", "threshold": float("nan")}})


def test_no_code_in_a_file_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    activation = f"quantized_bits(open({str(marker)!r}, 'w'))"
    refused(small(tmp_path, ("QActivation", {"name": "x", "activation": activation}, {})), "cannot read")
    assert not marker.exists()


def test_reading_imports_no_tensorflow(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = small(tmp_path, dense())
    heavy = ("tensorflow", "keras", "tf_keras", "qkeras", "hls4ml", "amaranth")
    code = (
        f"import sys; from bitsmith.gen.convert import read_model; read_model({str(path)!r}); "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_functional_edges_that_make_no_sense(tmp_path: Path) -> None:
    def functional(inbound: Any, output: Any) -> str:
        layers = [
            {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 3]}, "inbound_nodes": []},
            {"class_name": "Flatten", "config": {"name": "f"}, "name": "f", "inbound_nodes": inbound},
        ]
        config = {"name": "m", "layers": layers, "input_layers": [["in", 0, 0]], "output_layers": output}
        return json.dumps({"class_name": "Functional", "config": config})

    for inbound, output, message in (
        ([[["absent", 0, 0, {}]]], [["f", 0, 0]], "waits for a tensor that no layer makes"),
        ([[["f", 0, 0, {}]]], [["f", 0, 0]], "waits for a tensor that no layer makes"),
        ([[["in", 0, 0, {}]]], [["g", 0, 0]], "no tensor 0 of layer 'g'"),
        ([[["in", 0, 3, {}]]], [["f", 0, 0]], "no tensor 3 of layer 'in'"),
        ([[{"scale": 2}]], [["f", 0, 0]], "is called on something that is no tensor"),
    ):
        path = keras_file(tmp_path / "m.keras", functional(inbound, output), numbered())
        refused(path, message, {"Bitsmith": {"input": "ufixed<8,0>"}})
