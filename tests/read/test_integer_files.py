"""Files with integer weights that Keras would not write: one line for each, which names the layer and what helps."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import Layers, input_layer, model_json, write_h5

from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.inspect import inspect
from bitsmith.gen.read.integer_variables import new_axes, unpacked
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import to_float
from bitsmith.sim.graph import Graph

TYPES = {"HLSConfig": {"Model": {"Precision": "fixed<16,8>"}}}
INT8: dict[str, Any] = {"kernel": np.array([[-128, 3], [0, 127], [64, -1]]), "kernel_scale": np.array([100.0, 33.0])}
INT4: dict[str, Any] = {
    "kernel": np.array([[0x21], [-0x71], [0x77]]),  # 1 2, -1 -8, 7 7
    "kernel_scale": np.array([[0.25, 0.75]]),
    "kernel_zero": np.array([[-8, 7]]),
    "g_idx": np.zeros(3),
}
NAMES = {"kernel": "embeddings", "kernel_scale": "embeddings_scale", "kernel_zero": "embeddings_zero"}


def quantized(mode: str, **config: Any) -> dict[str, Any]:
    name = "Int4DTypePolicy" if mode.startswith("int4") else "QuantizedDTypePolicy"
    return {"class_name": name, "config": {"mode": mode, "source_name": "float32"} | config}


def dense(mode: str, variables: dict[str, Any], **config: Any) -> Any:
    config = {"name": "layer", "units": 2, "use_bias": False, "dtype": quantized(mode)} | config
    return "Dense", config, variables


def embedding(mode: str, variables: dict[str, Any]) -> Any:
    config = {"name": "layer", "input_dim": 3, "output_dim": 2, "dtype": quantized(mode)}
    return "Embedding", config, {NAMES.get(key, key): value for key, value in variables.items()}


def einsum(mode: str, variables: dict[str, Any], equation: str = "ab,bc->ac", shape: Any = 2) -> Any:
    config = {"name": "layer", "equation": equation, "output_shape": shape, "dtype": quantized(mode)}
    return "EinsumDense", config, variables


def written(folder: Path, layer: Any) -> Path:
    return write_h5(folder / "m.h5", [input_layer(3), layer])


def read(path: Path, **precision: str) -> Graph:
    named = {"LayerName": {"layer": {"Precision": precision}}} if precision else {}
    return read_model(path, parse_config({"HLSConfig": TYPES["HLSConfig"] | named}))


def refused(path: Path) -> str:
    """The one reason that reading, inspecting and calibrating give; in one line, without a file's name."""
    found = inspect(path)
    assert not found["supported"]
    reasons = {found["problems"][0]["reason"]}
    for attempt in (lambda: read(path), lambda: calibrate(path, np.zeros((4, 3)))):
        with pytest.raises(BitsmithError) as error:
            attempt()
        reasons.add(str(error.value).removeprefix(f"{path}: "))
    reason = str(*reasons)
    assert "\n" not in reason
    return reason


@pytest.mark.parametrize("dtype", [quantized("int8"), "int8_from_float32", quantized("int8", source_name="float64")])
def test_integers_and_the_float32_of_a_scale(tmp_path: Path, dtype: Any) -> None:
    graph = read(written(tmp_path, dense("int8", INT8, dtype=dtype)))
    kernel, scale = (graph.nodes[0].op, graph.nodes[1].op)
    np.testing.assert_array_equal(kernel.kernel, INT8["kernel"])  # type: ignore[attr-defined]
    values = to_float(scale.scale, scale.scale_type)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(values, np.array([0.01, 1 / 33], dtype=np.float32))


def test_the_model_s_default_counts_for_results(tmp_path: Path) -> None:
    """As in a float model: integer weights are no quantizers of what a layer gives."""
    graph = read(written(tmp_path, dense("int8", INT8)))
    assert str(graph.specs()[graph.outputs[0]].type) == "fixed<16,8>"


def test_four_bits_two_in_a_byte(tmp_path: Path) -> None:
    graph = read(written(tmp_path, dense("int4/128", INT4)))
    np.testing.assert_array_equal(graph.nodes[0].op.kernel, [[9, -5], [7, -15], [15, 0]])  # type: ignore[attr-defined]
    one = {"kernel": INT4["kernel"], "kernel_scale": np.array([3.0, 5.0])}
    graph = read(written(tmp_path, dense("int4/-1", one)))
    np.testing.assert_array_equal(graph.nodes[0].op.kernel, [[1, 2], [-1, -8], [7, 7]])  # type: ignore[attr-defined]
    every = np.arange(-128.0, 128.0)
    low, high = unpacked(every[:, None], 2).T
    np.testing.assert_array_equal(low % 16 + 16 * high, every)
    assert (low.min(), low.max(), high.min(), high.max()) == (-8, 7, -8, 7)
    np.testing.assert_array_equal(unpacked(np.array([[0x21, 0x03]]), 3), [[1, 2, 3]])


def test_a_type_given_for_integers_must_hold_them(tmp_path: Path) -> None:
    path = written(tmp_path, dense("int8", INT8))
    assert len(read(path, weight="fixed<8,8>").nodes) == len(read(path).nodes)
    with pytest.raises(
        BitsmithError, match=r"'layer': kernel\[0, 0\] = -128 is not on the grid of fixed<8,1>; give it f"
    ):
        read(path, weight="fixed<8,1>")


def test_outputs_without_weights_take_no_bits(tmp_path: Path) -> None:
    """Keras's scale of them is 1.27e9, whose reciprocal has no bit in common with the others'."""
    zero = {"kernel": INT8["kernel"] * [1, 0], "kernel_scale": np.array([100.0, 1.27e9])}
    assert read(written(tmp_path, dense("int8", zero))).nodes[1].op.scale_type.width <= 24  # type: ignore[attr-defined]
    zero["kernel"] = INT8["kernel"] * 0
    read(written(tmp_path, dense("int8", zero)))


def test_factors_that_take_too_many_bits(tmp_path: Path) -> None:
    path, types = written(tmp_path, dense("int8", INT8)), {"HLSConfig": {"Model": {"Precision": "fixed<36,18>"}}}
    with pytest.raises(
        BitsmithError, match=r"'layer': .* bits and 63 is the most; .* scales \(Bitsmith: scale_bits\)$"
    ):
        read_model(path, parse_config(types))
    read_model(path, parse_config({**types, "Bitsmith": {"scale_bits": 8}}))


def changed(variables: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """With other variables; None stands for none."""
    return {key: value for key, value in (variables | changes).items() if value is not None}


MALFORMED: dict[str, tuple[Any, str]] = {
    "scale 0": (dense("int8", changed(INT8, kernel_scale=[1.0, 0.0])), "kernel_scale[1] = 0 is no scale"),
    "negative": (dense("int8", changed(INT8, kernel_scale=[1.0, -2.0])), "kernel_scale[1] = -2 is no scale"),
    "tiny": (dense("int8", changed(INT8, kernel_scale=[1e-35, 1.0])), "kernel_scale[0] = 1e-35 is no scale"),
    "huge": (dense("int8", changed(INT8, kernel_scale=[1.0, 1e35])), "kernel_scale[1] = 1e+35 is no scale"),
    "three scales": (dense("int8", changed(INT8, kernel_scale=np.ones(3))), "shape (3,), expected (2,)"),
    "scale of no axis": (dense("int8", changed(INT8, kernel_scale=np.float32(1))), "shape (), expected (2,)"),
    "no scale": (dense("int8", changed(INT8, kernel_scale=None)), "the file holds no kernel_scale"),
    "no kernel": (dense("int8", changed(INT8, kernel=None)), "the file holds no kernel;"),
    "floats": (dense("int8", changed(INT8, kernel=INT8["kernel"] / 2)), "kernel[0, 1] = 1.5 is no whole number"),
    "nine bits": (dense("int8", changed(INT8, kernel=INT8["kernel"] * 2)), "kernel[0, 0] = -256 is no whole number"),
    "units": (dense("int8", INT8, units=3), "kernel has shape (3, 2) for 3 outputs"),
    "no units": (dense("int8", INT8, units="2"), "how many outputs it has is not known"),
    "a vector": (dense("int8", changed(INT8, kernel=np.ones(2))), "kernel has shape (2,)"),
    "not packed": (dense("int4/-1", changed(INT8)), "kernel has shape (3, 2) for 2 outputs, two in a byte"),
    "no zero": (dense("int4/128", changed(INT4, kernel_zero=None)), "the file holds no kernel_zero"),
    "zero of 8": (dense("int4/128", changed(INT4, kernel_zero=[[8, 0]])), "kernel_zero[0, 0] = 8 is no whole number"),
    "zeros": (dense("int4/128", changed(INT4, kernel_zero=[[1, 1, 1]])), "kernel_zero has shape (1, 3), expected (1,"),
    "no g_idx": (dense("int4/128", changed(INT4, g_idx=None)), "the file holds no g_idx"),
    "g_idx": (dense("int4/128", changed(INT4, g_idx=[0, 1, 0])), "g_idx[1] = 1 is no whole number from 0 to 0"),
    "short g_idx": (dense("int4/128", changed(INT4, g_idx=[0, 0])), "g_idx has shape (2,), expected (3,)"),
    "rows": (embedding("int8", INT8), "embeddings_scale has shape (2,), expected (3,)"),
    "rows of matrices": (embedding("int8", changed(INT8, kernel=np.ones((3, 1, 2)))), "embeddings has shape (3, 1, 2)"),
    "kernels": (dense("int4/-1", changed(INT8, kernel=np.ones((3, 1, 1)))), "kernel has shape (3, 1, 1) for 2 outputs"),
    "nothing": (dense("int8", changed(INT8, kernel=np.ones((0, 2)))), "kernel has shape (0, 2) for 2 outputs"),
    "row of 0": (embedding("int8", changed(INT8, kernel_scale=[1, 0, 1])), "embeddings_scale[1] = 0 is no scale"),
    "blocks": (
        embedding("int4/1", changed(INT4, kernel_scale=np.ones((3, 2)), kernel_zero=np.zeros((3, 2)), g_idx=[1, 0])),
        "g_idx is not in blocks of 1",
    ),
    "outputs": (einsum("int8", INT8, shape=(3,)), "kernel has shape (3, 2) for 3 outputs"),
    "no outputs": (einsum("int8", INT8, shape=None), "how many outputs it has is not known"),
    "equation": (einsum("int8", INT8, equation="ab,cb->ac"), "equation=ab,cb->ac on 'layer' is not supported"),
    "more": (dense("int8", changed(INT8, kernel_zero=[1.0])), "variables that are not understood: kernel_zero;"),
    "one scale for two blocks": (dense("int4/2", INT4), "g_idx is not in blocks of 2"),
    "two blocks": (dense("int4/2", changed(INT4, g_idx=[0, 0, 1])), "kernel_zero has shape (1, 2), expected (2, 2)"),
    "lora": (dense("int8", INT8, lora_rank=2), "lora_rank=2 on 'layer' is not supported; supported: None; save"),
    "an older int4": (dense("int4", INT4), "an older Keras packs it otherwise"),
    "own activations": (
        dense("int8", INT8, quantization_config={"class_name": "Int8QuantizationConfig", "config": {
            "weight_quantizer": None, "activation_quantizer": {"class_name": "Mine", "config": {}}}}),
        "quantization_config=Int8QuantizationConfig (Mine) on 'layer'",
    ),
    "another config": (
        dense("int8", INT8, quantization_config={"class_name": "Int4QuantizationConfig", "config": {}}),
        "quantization_config=Int4QuantizationConfig (no Int8QuantizationConfig) on 'layer'",
    ),
    "a config of text": (dense("int8", INT8, quantization_config="int8"), "quantization_config=int8 (no Int8Q"),
    "conv": (("Conv1D", {"name": "layer", "filters": 2, "kernel_size": 1, "dtype": quantized("int8")}, INT8),
             "dtype=int8_from_float32 on 'layer' is not supported"),
    "reversible": (("ReversibleEmbedding", {"name": "layer", "dtype": quantized("int8")}, INT8),
                   "'layer' is a ReversibleEmbedding, which is not supported"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str, tmp_path: Path) -> None:
    layer, expected = MALFORMED[name]
    reason = refused(written(tmp_path, layer))
    assert expected in reason
    assert "'layer'" in reason
    assert ";" in reason, "the cure"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scales_that_are_no_numbers(value: float, tmp_path: Path) -> None:
    path = written(tmp_path, dense("int8", changed(INT8, kernel_scale=[1.0, value])))
    for attempt in (read, inspect):
        with pytest.raises(BitsmithError, match=r"^'layer': kernel_scale\[\(1,\)\] is (nan|inf); "):
            attempt(path)


@pytest.mark.parametrize("scales", [None, "x", [], [1.0], [[1.0, 2.0, 3.0]], [0.0, 1.0], {"a": 1}, [1e-5, 1e-5]])
def test_a_file_that_names_the_quantizer_itself(scales: Any, tmp_path: Path) -> None:
    """Nothing writes it to a file; it is a refusal, with and without a normalization behind the layer."""
    grid = {"class_name": "integers", "config": {"bits": 8, "scales": scales}}
    layer: Any = ("Dense", {"name": "layer", "units": 2, "use_bias": False, "kernel_quantizer": grid}, INT8)
    norm: Any = ("BatchNormalization", {"name": "norm", "axis": [1], "center": False, "scale": False}, {
        "moving_mean": np.zeros(2), "moving_variance": np.ones(2),
    })  # fmt: skip
    for behind in ([], [norm]):
        path = write_h5(tmp_path / "m.h5", [input_layer(3), layer, *behind])
        with pytest.raises(BitsmithError, match="'layer'") as error:
            read(path)
        assert "\n" not in str(error.value)


def numbered(path: Path, layer: Any, values: list[Any]) -> Path:
    """A ``.keras`` file, whose variables are numbers."""
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        for i, value in enumerate(values):
            file.create_dataset(f"layers/dense/vars/{i}", data=np.asarray(value, dtype=np.float32))
    layers: Layers = [input_layer(3), layer]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", model_json(layers))
        archive.writestr("model.weights.h5", held.getvalue())
    return path


def test_numbered_variables(tmp_path: Path) -> None:
    """Kernel, bias where there is one, scale; nothing else."""
    kernel, scale, bias = INT8["kernel"], INT8["kernel_scale"], np.array([0.5, -0.5])
    path = numbered(tmp_path / "m.keras", dense("int8", {}), [kernel, scale])
    np.testing.assert_array_equal(read(path).nodes[0].op.kernel, kernel)  # type: ignore[attr-defined]
    biased = dense("int8", {}, use_bias=True)
    graph = read(numbered(tmp_path / "m.keras", biased, [kernel, bias, scale]))
    np.testing.assert_array_equal(graph.nodes[1].op.offset, [128, -128])  # type: ignore[attr-defined]
    assert "holds no kernel_scale" in refused(numbered(tmp_path / "m.keras", biased, [kernel, scale]))
    more = numbered(tmp_path / "m.keras", biased, [kernel, bias, scale, bias])
    assert "not understood: 3;" in refused(more)


def test_new_axes() -> None:
    found = {
        e: new_axes(e) for e in ("ab,bc->ac", "a b , b c d -> a c d", "...x,xy->...y", "ab,cb->ac", "ab,ab->a", "x")
    }
    assert list(found.values()) == [1, 2, 1, 0, 0, 0]
    assert [new_axes(odd) for odd in (None, 3, "", ",", "->", ["ab"])] == [0] * 6


def test_a_config_without_its_dictionary(tmp_path: Path) -> None:
    for own in (
        {"class_name": "Int4QuantizationConfig"},
        {"class_name": "Int4QuantizationConfig", "config": 3},
        [1],
        5,
    ):
        assert "quantization_config" in refused(written(tmp_path, dense("int4/128", INT4, quantization_config=own)))
    odd = json.loads(json.dumps(quantized("int8")))
    odd["config"]["mode"] = ["int8"]
    assert "['int8']_from_float32" in refused(written(tmp_path, dense("int8", INT8, dtype=odd)))
