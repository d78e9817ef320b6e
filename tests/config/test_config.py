"""hls4ml's configuration with Bitsmith's key: right files work, wrong ones say what is nearest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bitsmith.gen.config.fit import check_layers
from bitsmith.gen.config.schema import Config, load_config, parse_config
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, Overflow, Rounding

HLS4ML = """
Backend: Vitis
ProjectName: myproject
OutputDir: my-hls-test
Part: xcku035-fbva676-2-e
ClockPeriod: 4
ClockUncertainty: 12.5%
IOType: io_stream
HLSConfig:
  Model:
    Precision: {default: 'ap_fixed<16,6>', maximum: 'ap_fixed<32,16>'}
    ReuseFactor: 1
    Strategy: Latency
    BramFactor: 1000000000
    BitExact: null
    TraceOutput: false
  LayerName:
    conv1:
      Trace: false
      Precision: {weight: 'fixed<6,1>', bias: auto, result: auto, accum: auto}
      ReuseFactor: 9
      ParallelizationFactor: 1
      ConvImplementation: LineBuffer
    relu1: {Precision: 'ap_ufixed<8,2,AP_RND_CONV,AP_SAT>', TableSize: 1024}
  LayerType:
    Dense: {Precision: 'fixed<12,4>', Strategy: Resource}
WriterConfig: {TBOutputStream: both}
KerasModel: !keras_model 'hp/keras_model.keras'
InputData: null
InputShapes: {pixels: [48, 48, 1]}
OutputShapes: {layer6_out: [3]}
Stamp: e75d4db3
Version: 1.0.0
Bitsmith:
  pixels_per_cycle: 16
  strategy: distributed_arithmetic
  input: ufixed<8,0>
  output: argmax
  threshold: 0.5
"""


def test_an_hls4ml_file_works_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(HLS4ML)
    config = load_config(path)
    assert config.clock_period_ns == 4.0
    assert config.bitsmith.pixels_per_cycle == 16
    assert config.hls.layer_name["conv1"].reuse_factor == 9
    assert config.hls.layer_type["Dense"].strategy == "resource"
    assert config.hls.model.strategy == "latency"
    weight = config.precision("conv1", "QConv2D", "weight")
    assert weight == (Fixed(True, 0, 5), Rounding.TRN, Overflow.WRAP)
    assert config.precision("conv1", "QConv2D", "bias") == (Fixed(True, 5, 10), Rounding.TRN, Overflow.WRAP)
    assert config.precision("conv1", "QConv2D", "result") is None  # auto: derived, here exact
    assert config.precision("conv1", "QConv2D", "result", required=True) == (
        Fixed(True, 5, 10),
        Rounding.TRN,
        Overflow.WRAP,
    )
    assert config.precision("relu1", "ReLU", "result") == (Fixed(False, 2, 6), Rounding.RND_CONV, Overflow.SAT)
    assert config.precision("dense", "Dense", "result") == (Fixed(True, 3, 8), Rounding.TRN, Overflow.WRAP)
    assert config.precision("other", "Add", "result") == (Fixed(True, 5, 10), Rounding.TRN, Overflow.WRAP)
    assert config.precision("other", "Add", "result", model=False) is None
    assert parse_config(config.model_dump(mode="json", by_alias=True, exclude_unset=True)) == config


def test_what_others_teach_the_safe_loader_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hls4ml's convert_from_config has the safe loader load a Keras model, for the whole process."""
    called: list[str] = []
    for name in ("yaml_constructors", "yaml_multi_constructors", "yaml_implicit_resolvers", "yaml_path_resolvers"):
        monkeypatch.setattr(yaml.SafeLoader, name, getattr(yaml.SafeLoader, name).copy())
    yaml.SafeLoader.add_constructor("!keras_model", lambda loader, node: called.append("one"))
    yaml.SafeLoader.add_multi_constructor("!other", lambda loader, tag, node: called.append("several"))
    yaml.SafeLoader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: called.append("float"))
    yaml.SafeLoader.add_implicit_resolver("!keras_model", re.compile("Vi.*"), ["V"])
    path = tmp_path / "config.yaml"
    path.write_text("KerasModel: !keras_model a.h5\nInputData: !other_thing x\nClockPeriod: 4.5\nBackend: Vivado\n")
    config = load_config(path)
    assert called == []
    assert (config.clock_period_ns, config.backend) == (4.5, "Vivado")


def test_the_names_of_the_plugin_are_those_of_the_vendor_s_tools() -> None:
    assert [parse_config({"Backend": name}).backend for name in ("Bitsmith", "bitsmithvivado")] == ["Vitis", "Vivado"]


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    assert load_config(tmp_path / "empty.yaml") == Config()


BAD: list[tuple[Any, str]] = [
    ({"ClockPeriode": 5}, "unknown key 'ClockPeriode'; did you mean 'ClockPeriod'?"),
    ({"HLSConfig": {"Modell": {}}}, "unknown key 'HLSConfig.Modell'; did you mean 'Model'?"),
    ({"HLSConfig": {"LayerName": {"a": {"Presicion": "x"}}}}, "did you mean 'Precision'?"),
    ({"HLSConfig": {"Model": {"ReuseFaktor": 2}}}, "did you mean 'ReuseFactor'?"),
    ({"Bitsmith": {"pixels_per_cycles": 4}}, "did you mean 'pixels_per_cycle'?"),
    ({"Bitsmith": {"pixels_per_cycle": 3}}, "Bitsmith.pixels_per_cycle: Input should be 1, 2, 4, 8 or 16"),
    ({"Bitsmith": {"input": "ufix<8,0>"}}, "cannot read the type 'ufix<8,0>'"),
    ({"Bitsmith": {"output": "softmax"}}, "Bitsmith.output: Input should be 'argmax'"),
    ({"HLSConfig": {"Model": {"Precision": "fixed<80,6>"}}}, "a type has 1 to 63 bits"),
    ({"HLSConfig": {"Model": {"Precision": {"results": "fixed<8,2>"}}}}, "did you mean 'result'?"),
    ({"HLSConfig": {"Model": {"ReuseFactor": 0}}}, "greater than or equal to 1"),
    ({"HLSConfig": {"Model": {"Strategy": "latancy"}}}, "did you mean 'latency'?"),
    ({"ClockPeriod": -5}, "ClockPeriod: Input should be greater than or equal to 0.001"),
    ({"ClockPeriod": "fast"}, "ClockPeriod"),
    ({"Backend": "Quartus"}, "Backend: 'Quartus' is not supported"),
    ({"IOType": "io_serial"}, "IOType"),
    ([1, 2], "expected keys and values"),
    ("text", "expected keys and values"),
]


@pytest.mark.parametrize(("data", "message"), BAD, ids=[m[:30] for _, m in BAD])
def test_wrong_values_are_one_line_with_a_cure(data: Any, message: str) -> None:
    with pytest.raises(BitsmithError) as error:
        parse_config(data)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("section", "name", "message"),
    [
        ("LayerName", "conv_1", "the model has no layer 'conv_1'; did you mean 'conv1'?"),
        ("LayerName", "conv1_rellu", "did you mean 'conv1'?"),
        ("LayerType", "QConv2d", "did you mean 'QConv2D'?"),
    ],
)
def test_layers_that_the_model_lacks(section: str, name: str, message: str) -> None:
    config = parse_config({"HLSConfig": {section: {name: {}}}})
    with pytest.raises(BitsmithError, match="HLSConfig") as error:
        check_layers(config, ["conv1", "pool1"], ["QConv2D", "MaxPooling2D"])
    assert message in str(error.value)


def test_layers_that_the_model_has() -> None:
    names: dict[str, Any] = {"conv1": {}, "conv1_relu": {}, "conv1_quantized_relu": {}}
    config = parse_config({"HLSConfig": {"LayerName": names, "LayerType": {"QConv2D": {}}}})
    check_layers(config, ["conv1"], ["QConv2D"])


def test_an_input_that_the_model_lacks() -> None:
    config = parse_config({"Bitsmith": {"input": {"pixel": "ufixed<8,0>"}}})
    with pytest.raises(BitsmithError, match="did you mean 'pixels'"):
        check_layers(config, ["pixels"], ["InputLayer"], ["pixels"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1, 2", "is no YAML"),
        ("a: b: c", "is no YAML"),
        ("!!python/object/apply:os.system ['true']", "is no YAML"),
        ("a: &x [*x]", "refers to itself"),
        ("[" * 3000, "is no YAML"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(BitsmithError, match=message) as error:
        load_config(path)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BitsmithError, match=r"cannot read .*: no such file; give a YAML file"):
        load_config(tmp_path / "absent.yaml")
    with pytest.raises(BitsmithError, match=r"cannot read .*: it is a folder; give a YAML file"):
        load_config(tmp_path)
    big = tmp_path / "big.yaml"
    big.write_text("# " + "x" * (1 << 20))
    with pytest.raises(BitsmithError, match="more than 1,048,576"):
        load_config(big)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BitsmithError, match="is no YAML"):
        load_config(tmp_path / "binary.yaml")
