"""Bitsmith as hls4ml's backend: hls4ml's calls, what ``bitsmith.load`` and ``bitsmith.build`` give."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from configured import NETWORKS, merged
from model_files import dense, input_layer, quantize, write_h5
from numpy.typing import NDArray
from reading import legacy_keras, randomize
from test_json_pairs import pair

import bitsmith
from bitsmith.plugin import register
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference

ROOT = Path(__file__).parents[2]
ENTRY = re.compile(r'^\[project\.entry-points\."hls4ml\.backends"\]\n(bitsmith) = "(bitsmith\.plugin:register)"$', re.M)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Keras's own advice


@pytest.fixture(scope="module")
def hls4ml() -> Any:
    """hls4ml with the plugin: as its entry point does it, where this installation does not have that yet."""
    import hls4ml as package
    from hls4ml.backends import get_available_backends, register_backend

    if "bitsmith" not in get_available_backends():
        register(register_backend=register_backend, register_writer=None)
    return package


@pytest.fixture
def convert(hls4ml: Any, tmp_path: Path) -> Callable[..., Any]:
    """hls4ml's reader of Keras models as its converters call it, on a network of ``configured``; imports no Keras."""

    def model(network: str = "vector", **settings: Any) -> Any:
        layers, needed = NETWORKS[network]
        path = write_h5(tmp_path / f"{network}.h5", layers)
        given = {"Backend": "Bitsmith", "OutputDir": str(tmp_path / "out"), "KerasModel": path}
        return hls4ml.converters.keras_v3_to_hls(merged(given, {"HLSConfig": needed}, settings), True, True)

    return model


def values(graph: Any, outputs: tuple[Any, ...]) -> list[Any]:
    """The reference's integers as real values, worked out by division."""
    specs = graph.specs()
    return [raw / 2.0 ** specs[name].type.fraction for name, raw in zip(graph.outputs, outputs)]


def qkeras_model() -> Any:
    k, q = legacy_keras()
    bits = {"kernel_quantizer": q.quantized_bits(4, 0, alpha=1), "bias_quantizer": q.quantized_bits(4, 0, alpha=1)}
    layers = [
        q.QActivation("quantized_bits(8,1,alpha=1)", name="quantize"),
        q.QDense(4, name="hidden", **bits),
        q.QActivation("quantized_relu(6,1)", name="act"),
        q.QDense(3, name="Out-1", **bits),
    ]
    model = k.Sequential([k.layers.Input((5,), name="x"), *layers], name="network")
    randomize(model, 1, 0.5)
    return model


@pytest.mark.train
def test_a_qkeras_model_gives_the_integers_of_the_reference(
    hls4ml: Any, tmp_path: Path, need: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: hls4ml's two functions, the C simulation, the trace, and the synthesis of a tool that pretends."""
    need("g++")
    model, folder = qkeras_model(), tmp_path / "project"
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Bitsmith")
    converted = hls4ml.converters.convert_from_keras_model(
        model, output_dir=str(folder), backend="Bitsmith", hls_config=config, clock_period=4
    )
    assert not folder.exists()
    converted.compile()
    mark = json.loads((folder / "bitsmith.json").read_text())
    assert mark["config"]["ClockPeriod"] == 4
    x = np.random.default_rng(1).uniform(-3, 3, (40, 5)).astype(np.float32)  # some outside of the input's type
    reference = Reference(bitsmith.load(model))
    (expected,) = values(reference.graph, reference.predict(x))
    assert len(np.unique(expected)) > 20
    found = converted.predict(x)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert np.array_equal(found, model.predict(x, verbose=0))
    answer, traced = converted.trace(x)
    assert np.array_equal(answer, expected)
    assert set(traced) == {"hidden", "act", "Out-1"}
    assert np.array_equal(traced["Out-1"], expected)
    pretend(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert converted.build(csim=False)["lut"] == 7
    assert "csim       0" in (folder / "hls" / "build_opt.tcl").read_text()


def pretend(folder: Path) -> None:
    """A vitis-run that writes a report."""
    report = "<profile><AreaEstimates><Resources><LUT>7</LUT></Resources></AreaEstimates></profile>"
    place = "myproject_prj/solution1/syn/report"
    tool = folder / "vitis-run"
    tool.write_text(f"#!/bin/sh\nmkdir -p {place}\necho '{report}' > {place}/myproject_csynth.xml\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)


@pytest.mark.train
def test_a_gru_with_states_and_a_gdn_which_hls4ml_cannot_read(hls4ml: Any, tmp_path: Path) -> None:
    import keras

    from bitsmith.layers import GDN

    k, _ = legacy_keras()
    for library in (k, keras):
        x, s = library.Input((5, 3), name="x"), library.Input((2,), name="s")
        y, h = library.layers.GRU(2, return_state=True, return_sequences=True, name="gru")(x, initial_state=s)
        image = k.Input((4, 4, 2), name="x")
        models = [library.Model([x, s], [y, h]), k.Model(image, GDN(name="gdn")(image))]
        recurrent, gdn = (
            hls4ml.converters.convert_from_keras_model(
                model,
                output_dir=str(tmp_path / "out"),
                backend="bitsmith",
                hls_config={"Model": {"Precision": "fixed<12,3,RND,SAT>"}},
                bitsmith={"input": "fixed<8,1>"},
            )
            for model in models
        )
        assert "gru" in {node.op.stem for node in recurrent.graph.nodes}
        assert "gdn" in {node.op.stem for node in gdn.graph.nodes}
        assert_several(recurrent)


def assert_several(model: Any) -> None:
    """Two inputs and two outputs, in the model's own order; the reference stands for the C simulation."""
    reference = Reference(model.graph)
    model._simulation = reference
    rng = np.random.default_rng(0)
    x, s = rng.uniform(-1, 1, (3, 5, 3)), rng.uniform(-1, 1, (3, 2))
    found, expected = model.predict([x, s]), values(model.graph, reference.predict(x, s))
    assert [y.shape for y in found] == [(3, 10), (3, 2)]
    assert all(np.array_equal(a, b.reshape(3, -1)) for a, b in zip(found, expected))
    assert np.array_equal(found[0][:, -2:], found[1])  # the last step's output is the state
    assert [y.shape for y in model.predict((x[:1], s[:1]))] == [(10,), (2,)]
    for wrong, said in [(x, "the model has 2 inputs; give a list of arrays for x, s"), ([s, x], "input 'x' has shape")]:
        with pytest.raises(BitsmithError, match=said):
            model.predict(wrong)
    with pytest.raises(BitsmithError, match="give the same number of each"):
        model.predict([x, s[:2]])


@pytest.mark.train
def test_yaml_and_the_other_backends(hls4ml: Any, tmp_path: Path) -> None:
    """A file with ``Backend: Bitsmith``; Vitis gets what it got."""
    import keras

    layers, _ = NETWORKS["vector"]
    path, file = write_h5(tmp_path / "model.h5", layers), tmp_path / "config.yaml"
    file.write_text(f"KerasModel: {path}\nBackend: Bitsmith\nOutputDir: {tmp_path / 'out'}\nClockPeriod: 3\n")
    converted = hls4ml.converters.convert_from_config(str(file))
    assert converted.settings.clock_period_ns == 3
    assert converted.graph.to_json() == bitsmith.load(path).to_json()
    assert bitsmith.load(path, file).to_json() == converted.graph.to_json()  # the same file for the command line
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")])
    own = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    assert own["LayerName"]["dense"]["Trace"] is False
    vitis = hls4ml.converters.convert_from_keras_model(model, backend="Vitis", output_dir=str(tmp_path / "v"))
    assert type(vitis) is hls4ml.model.ModelGraph
    assert [layer.name for layer in vitis.get_layers()][-1] == "dense"


def test_files_that_hls4ml_itself_makes_nothing_of(hls4ml: Any, tmp_path: Path) -> None:
    """``KerasH5``, and ``KerasJson`` with it: from the folder of the YAML file, or from here for a dictionary."""
    from hls4ml.converters import convert_from_config

    folder = tmp_path / "models"
    folder.mkdir()
    json_file, weights = pair(folder)
    whole = write_h5(folder / "whole.h5", NETWORKS["vector"][0])
    config = f"Backend: Bitsmith\nOutputDir: {tmp_path / 'out'}\n"
    (folder / "whole.yml").write_text(f"{config}KerasH5: whole.h5\n")
    assert convert_from_config(str(folder / "whole.yml")).graph.to_json() == bitsmith.load(whole).to_json()
    (folder / "pair.yml").write_text(f"{config}KerasJson: model.json\nKerasH5: weights.h5\n")
    found = hls4ml.converters.convert_from_config(str(folder / "pair.yml"))
    assert found.graph.to_json() == bitsmith.load(json_file, weights=weights).to_json()
    data = {"Backend": "bitsmithvivado", "OutputDir": str(tmp_path / "out"), "KerasH5": str(whole)}
    assert convert_from_config(data).graph.to_json() == bitsmith.load(whole).to_json()
    for wrong, text in (
        ({"KerasH5": None}, "the configuration names no model"),
        ({"KerasJson": "m.json", "KerasH5": None}, "KerasJson needs KerasH5"),
        ({"KerasH5": ["a"]}, "KerasH5 is no file's path"),
    ):
        with pytest.raises(BitsmithError, match=text):
            convert_from_config({**data, **wrong})
    assert convert_from_config({**data, "Backend": "Vitis"}) is None  # what hls4ml does with it


def in_python(script: str, folder: Path, **environment: str) -> str:
    """What a script prints in a Python of its own, with ``folder`` on its path and bitsmith from here."""
    paths = [str(folder), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore", **environment}
    done = subprocess.run([sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_entry_point_works_while_hls4ml_is_being_imported(tmp_path: Path) -> None:
    """What pyproject.toml declares, as an installation writes it down; Bitsmith's generator is not loaded."""
    found = ENTRY.search((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert found is not None
    folder = tmp_path / "declared-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: declared\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[hls4ml.backends]\n{found[1]} = {found[2]}\n")
    script = """
import importlib.metadata, json, sys
from importlib.machinery import PathFinder
sys.meta_path = [PathFinder, *(finder for finder in sys.meta_path if finder is not PathFinder)]  # found or not at all
assert "declared" in {d.name for d in importlib.metadata.distributions()}
from hls4ml import backends, converters, utils  # and hls4ml.utils last
readers = [getattr(converters, f"{kind}_to_hls") for kind in ("keras_v2", "keras_v3", "onnx", "pytorch")]
wrapped = [hasattr(reader, "_bitsmith") for reader in readers]
wrapped += [hasattr(f, "_bitsmith") for f in (utils.config_from_keras_model, utils.config.config_from_keras_model)]
loaded = [name for name in sys.modules if name.startswith("bitsmith.") and not name.startswith("bitsmith.plugin")]
left = [type(finder).__name__ for finder in sys.meta_path if type(finder).__module__.startswith("bitsmith")]
print(json.dumps([backends.get_available_backends()[-2:], wrapped, loaded, left]))
"""
    last = in_python(script, tmp_path).splitlines()[-1]
    backends, wrapped, loaded, left = json.loads(last)
    assert backends == ["bitsmith", "bitsmithvivado"]
    assert wrapped == [True] * 6
    assert left == []
    assert set(loaded) <= {"bitsmith.version", "bitsmith.sim", "bitsmith.sim.errors"}


def test_another_hls4ml_is_imported_as_ever_and_refused_in_one_line(tmp_path: Path) -> None:
    """hls4ml without one of the functions: its import must not fail because of us."""
    (tmp_path / "hls4ml" / "utils").mkdir(parents=True)
    for name in ("__init__", "backends", "_version"):
        (tmp_path / "hls4ml" / f"{name}.py").write_text("")
    (tmp_path / "hls4ml" / "converters.py").write_text("keras_v2_to_hls = keras_v3_to_hls = print\n")
    start = "from . import backends\nfrom bitsmith.plugin import register\nbackends.found = {}\n"
    end = (
        "register(backends.found.__setitem__)\nfrom . import converters\nfrom ._version import *\n__version__ = '9.0'\n"
    )
    (tmp_path / "hls4ml" / "__init__.py").write_text(start + end)
    script = """
import hls4ml
try:
    hls4ml.backends.found["Bitsmith"]().create_initial_config()
except Exception as error:
    print(type(error).__name__, error)
"""
    said = in_python(script, tmp_path)
    assert said.startswith("BitsmithError hls4ml 9.0 reads models without onnx_to_hls; install 'hls4ml~=1.3.0'")


@pytest.mark.parametrize("granularity", ["model", "type", "name"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_configuration_to_start_from_fits(network: str, granularity: str, hls4ml: Any, tmp_path: Path) -> None:
    """For every network: it has a section for each layer or class, and as it is it changes nothing."""
    layers, needed = NETWORKS[network]
    path = write_h5(tmp_path / "model.h5", layers)
    config = hls4ml.utils.config_from_keras_model(path, granularity=granularity, backend="Bitsmith")
    kinds = {kind.removeprefix("Bitsmith>") for kind, _, _ in layers[1:]}
    expected = {"type": kinds, "name": {settings["name"] for _, settings, _ in layers[1:]}}
    sections = {key: set(value) for key, value in config.items() if key != "Model"}
    assert list(sections.values()) == ([] if granularity == "model" else [expected[granularity]])
    model = needed.get("Model", config["Model"])
    plain = bitsmith.load(path, {"HLSConfig": {"Model": model}})
    assert bitsmith.load(path, {"HLSConfig": config | {"Model": model}}).to_json() == plain.to_json()


class TestPredict:
    """Shapes, orders and types as in hls4ml, by the reference in the place of the C simulation."""

    @pytest.fixture
    def model(self, convert: Callable[..., Any]) -> Any:
        model = convert()
        model._simulation = Reference(model.graph)
        return model

    @pytest.fixture
    def x(self) -> NDArray[np.float64]:
        return np.random.default_rng(0).uniform(-0.5, 1.5, (7, 6))

    def test_real_values(self, model: Any, x: Any) -> None:
        (expected,) = values(model.graph, Reference(model.graph).predict(x))
        assert np.array_equal(model.predict(x), expected)
        assert model.predict(x).dtype == np.float64

    def test_one_frame_loses_its_axis(self, model: Any, x: Any) -> None:
        assert model.predict(x[:1]).shape == (4,)
        assert np.array_equal(model.predict(x[0]), model.predict(x)[0])
        assert np.array_equal(model.predict(list(x[0])), model.predict(x)[0])

    def test_a_list_of_one_array_and_none_at_all(self, model: Any, x: Any) -> None:
        assert np.array_equal(model.predict([x]), model.predict(x))
        assert model.predict(x[:0]).shape == (0, 4)

    def test_flat_images(self, convert: Callable[..., Any]) -> None:
        model = convert("image")
        model._simulation = Reference(model.graph)
        x = np.random.default_rng(0).uniform(0, 1, (3, 8, 8, 1))
        assert np.array_equal(model.predict(x.reshape(3, 64)), model.predict(x))
        assert model.predict(x).shape == (3, 6)

    def test_a_sequence_as_keras_has_it_comes_out_flat(self, convert: Callable[..., Any]) -> None:
        model = convert("recurrent", Bitsmith={"input": "fixed<8,1>"})
        model._simulation = Reference(model.graph)
        x = np.random.default_rng(0).uniform(-1, 1, (3, 5, 3))
        (expected,) = values(model.graph, Reference(model.graph).predict(x))
        assert np.array_equal(model.predict(x), expected.reshape(3, -1))
        assert np.array_equal(model.predict(x[0]), expected[0].reshape(-1))

    def test_float32_where_it_holds_the_result(self, hls4ml: Any, tmp_path: Path) -> None:
        """The 30 bits of a sum do not fit into a float32."""
        wide = {"class_name": "quantized_bits", "config": {"bits": 24, "integer": 0, "alpha": 1}}
        layers = [input_layer(6), quantize(), dense("dense", 6, 4, kernel_quantizer=wide)]
        config = {"Backend": "Bitsmith", "OutputDir": str(tmp_path), "KerasModel": write_h5(tmp_path / "m.h5", layers)}
        model = hls4ml.converters.keras_v2_to_hls(config | {"OutputDir": str(tmp_path / "out")})
        model._simulation = Reference(model.graph)
        x = np.random.default_rng(0).uniform(0, 1, (7, 6)).astype(np.float32)
        (expected,) = values(model.graph, Reference(model.graph).predict(x))
        assert model.predict(x).dtype == np.float64
        assert np.array_equal(model.predict(x), expected)
        assert not np.array_equal(expected.astype(np.float32), expected)

    @pytest.mark.parametrize(
        ("x", "said"),
        [
            (np.zeros((2, 5)), r"^input 'pixels' has shape \(2, 5\); give \(frames, 6\)$"),
            ([np.zeros(6), np.zeros(5)], "is no array; give numbers of shape"),
            ("text", r"has shape \(\)"),
            (None, r"has shape \(\)"),
            (np.full((2, 6), np.nan), "nan|NaN|finite"),
            (np.full((2, 6), "x"), "dtype <U1"),
            (np.full((2, 6), None), "dtype object"),
            (np.zeros((2, 6), complex), "dtype complex128"),
        ],
    )
    def test_what_does_not_fit_is_one_line(self, model: Any, x: Any, said: str) -> None:
        with pytest.raises(BitsmithError, match=said) as caught:
            model.predict(x)
        assert "\n" not in str(caught.value)


def test_before_it_is_compiled(convert: Callable[..., Any]) -> None:
    for call in (convert().predict, convert().trace):
        with pytest.raises(BitsmithError, match=r"^the model is not compiled; call compile\(\) first$"):
            call(np.zeros((2, 6)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"OutputDir": None}, "OutputDir: no folder is named"),
        ({"OutputDir": ""}, "OutputDir: no folder is named"),
        ({"OutputDir": 3}, "OutputDir: no folder is named"),
        ({"OutputDir": "/"}, "above it|not a build|not empty"),
        ({"KerasModel": "nothing.h5"}, "cannot read 'nothing.h5'"),
        ({"KerasModel": 3}, "a int is no model"),
        ({"KerasModel": None}, "names no model; give one"),
        ({"KerasModel": None, "OnnxModel": "nothing.onnx"}, "cannot read 'nothing.onnx'|nothing.onnx"),
        ({"HLSConfig": {"Model": {"Strateg": "Latency"}}}, "did you mean 'Strategy'"),
        ({"HLSConfig": {"LayerName": {"dens": {}}}}, "no layer 'dens'; did you mean 'dense'"),
        ({"HLSConfig": {"Streams": ["x"]}}, "unknown key 'HLSConfig.Streams'"),
    ],
)
def test_errors_of_a_conversion(convert: Callable[..., Any], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(BitsmithError, match=said) as caught:
        convert(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"cosim": True}, "^build: cosim is not done here: 'bitsmith verify' simulates"),
        ({"export": True}, "^build: export is not done here"),
        ({"synth": False}, "^build: synth=False leaves nothing to do"),
        ({"cosin": True}, "^build has no argument 'cosin'; did you mean 'cosim'"),
        ({"reset": False, "cosim": False, "log_to_stdout": False}, "^no vitis-run or vitis_hls on PATH; install"),
    ],
)
def test_errors_of_a_synthesis_come_before_any_work(
    convert: Callable[..., Any], arguments: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = convert()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BitsmithError, match=said):
        model.build(**arguments)
    assert not (tmp_path / "out").exists()


def test_the_other_backend_is_vivado_hls(convert: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = convert(Backend="BitsmithVivado")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BitsmithError, match="^no vivado_hls on PATH"):
        model.build()


def test_what_hls4ml_has_more(hls4ml: Any, convert: Callable[..., Any]) -> None:
    model = convert()
    assert not hasattr(model, "get_layers")
    with pytest.raises(AttributeError, match="has no 'get_layers'; it has write, compile, predict, trace, build"):
        model.get_layers()
    settings = {"Backend": "Bitsmith", "HLSConfig": {"Model": {"Precision": "fixed<8,2>", "ReuseFactor": 1}}}
    with pytest.raises(BitsmithError, match="a graph of hls4ml's own cannot be built"):
        hls4ml.model.ModelGraph.from_layer_list(settings, [])


def test_arguments_of_a_conversion(hls4ml: Any) -> None:
    start = hls4ml.backends.get_backend("Bitsmith").create_initial_config
    assert start(part=None) == {}
    assert start(part="xc7", io_type="io_parallel", write_tar=True, bitsmith={"input": "fixed<8,1>"}) == {
        "Part": "xc7",
        "IOType": "io_parallel",
        "Bitsmith": {"input": "fixed<8,1>"},
        "WriterConfig": {"WriteTar": True},
    }
    with pytest.raises(BitsmithError, match="no argument 'clock_perod'; did you mean 'clock_period'"):
        start(clock_perod=4)
    with pytest.raises(BitsmithError, match="granularity: 'nam' is not supported; did you mean 'name'"):
        hls4ml.utils.config_from_keras_model("m.h5", granularity="nam", backend="Bitsmith")
    with pytest.raises(BitsmithError, match="cannot read the type 'fixd<1>'"):
        hls4ml.utils.config_from_keras_model("m.h5", backend="Bitsmith", default_precision="fixd<1>")


def test_registering_twice_wraps_once(hls4ml: Any) -> None:
    names: list[str] = []
    before = hls4ml.converters.keras_v3_to_hls
    register(lambda name, backend: names.append(name))
    assert names == ["Bitsmith", "BitsmithVivado"]
    assert hls4ml.converters.keras_v3_to_hls is before


def test_keras_is_not_imported_for_a_file(hls4ml: Any, convert: Callable[..., Any]) -> None:
    before = {"tensorflow", "keras"} & set(sys.modules)
    convert()
    assert {"tensorflow", "keras"} & set(sys.modules) == before
