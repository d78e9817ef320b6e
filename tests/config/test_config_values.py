"""Values that no key takes, keys that a network has no use for, and files that are no files: one line each, at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any, NoReturn

import pytest
from configured import read
from model_files import dense, input_layer, write_h5

from bitsmith.gen.calibrate.ranges import load_data
from bitsmith.gen.config.fit import check_layers
from bitsmith.gen.config.schema import load_config, parse_config
from bitsmith.gen.files.graph_file import load_graph
from bitsmith.gen.files.input_file import read_file
from bitsmith.gen.read.container import open_container
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.verify.vectors import load as load_vectors
from bitsmith.models.fli.readers import read_stack
from bitsmith.models.lic.images import read_image
from bitsmith.models.lic.tables import read as read_tables
from bitsmith.sim.errors import BitsmithError

SECONDS = 20


@pytest.fixture(autouse=True)
def _no_test_waits_for_ever() -> Iterator[None]:
    """A test that hangs fails: pipes are waited for, and some texts would take hours."""

    def late(number: int, frame: object) -> NoReturn:
        raise TimeoutError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def under(path: str, value: Any) -> dict[str, Any]:
    """``value`` under the keys of a path like ``HLSConfig.Model.ReuseFactor``."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def refusal(work: Callable[[], object]) -> str:
    """The one line with which something is refused."""
    with pytest.raises(BitsmithError) as error:
        work()
    assert "\n" not in str(error.value)
    return str(error.value)


OURS = ("pixels_per_cycle", "latency_cycles", "interval_cycles", "slack_cycles", "interleaved_sequences", "table_bits",
        "scale_bits")  # fmt: skip
FACTORS = ("ReuseFactor", "RecurrentReuseFactor", "DepthwiseReuseFactor", "PointwiseReuseFactor", "TableSize")
INTEGERS = [
    *(f"Bitsmith.{key}" for key in OURS),
    *(f"HLSConfig.LayerType.GDN.{key}" for key in FACTORS),
    *(f"HLSConfig.LayerName.gdn.Bitsmith.{key}" for key in ("segments", "width")),
    *("HLSConfig.Model.ReuseFactor", "HLSConfig.Model.PipelineInterval", "HLSConfig.Model.TableRangePower2"),
    *("HLSConfig.Model.ParallelizationFactor", "HLSConfig.Model.BramFactor"),
]


@pytest.mark.parametrize("value", [True, 1.0, "1", [1]], ids=str)
@pytest.mark.parametrize("key", INTEGERS)
def test_an_integer_is_no_bool_float_or_text(key: str, value: Any) -> None:
    assert key in refusal(lambda: parse_config(under(key, value)))


@pytest.mark.parametrize("value", [True, 1.0, "8"], ids=str)
def test_the_sizes_of_an_image_are_integers(value: Any) -> None:
    assert "Bitsmith.image" in refusal(lambda: parse_config(under("Bitsmith.image", [8, value])))


@pytest.mark.parametrize("value", [True, "low", [1]], ids=str)
def test_a_threshold_is_a_number(value: Any) -> None:
    assert "Bitsmith.threshold" in refusal(lambda: parse_config(under("Bitsmith.threshold", value)))
    assert parse_config(under("Bitsmith.threshold", 1)).bitsmith.threshold == 1.0


@pytest.mark.parametrize("value", [True, 0, -1, 1e-320, 1e300, float("nan"), float("inf"), 10**30], ids=str)
def test_a_clock_period_is_a_time(value: Any) -> None:
    assert "ClockPeriod" in refusal(lambda: parse_config({"ClockPeriod": value}))


@pytest.mark.parametrize("value", [True, -1, "-5%", "half", "12.5%%", "101%", 10**30, "nan"], ids=str)
def test_a_clock_uncertainty_is_a_part_or_a_time(value: Any) -> None:
    assert "ClockUncertainty" in refusal(lambda: parse_config({"ClockUncertainty": value}))
    assert parse_config({"ClockUncertainty": "12.5%"}).clock_uncertainty == "12.5%"


@pytest.mark.parametrize("value", [10**30, 1 << 63, 1 << 40, 1 << 32, 0, -1, -(10**30)], ids=str)
@pytest.mark.parametrize("key", [key for key in INTEGERS if "gdn" not in key.lower()])
def test_a_number_of_any_size_is_planned_or_refused(key: str, value: int, tmp_path: Path) -> None:
    """The error names the key, and a plan takes no longer for it."""
    found = ""
    try:
        graph, config = read("recurrent", tmp_path, under(key, value))
        plan_for(graph, config)
    except BitsmithError as error:
        found = str(error)
    assert bool(found) or 0 <= value <= 1 << 32 or "TableRange" in key
    assert not found or key.rpartition(".")[2] in found
    assert "\n" not in found


def test_a_factor_of_any_size_for_a_layer_names_it(tmp_path: Path) -> None:
    graph, config = read("recurrent", tmp_path, under("HLSConfig.LayerName.gru.ReuseFactor", 1 << 32))
    assert "layer 'gru': a reuse factor of" in refusal(lambda: plan_for(graph, config))


UNFITTING = [
    ("vector", "Bitsmith.image", [8, 8], "Bitsmith.image: the model has no input of height"),
    ("recurrent", "Bitsmith.image", [8, 8], "Bitsmith.image: the model has no input of height"),
    ("vector", "Bitsmith.threshold", 0.5, "Bitsmith.threshold has no meaning without 'output: argmax'"),
    ("vector", "HLSConfig.Model.Bitsmith.width", 24, "HLSConfig.Model.Bitsmith is for GDN"),
    (
        "vector",
        "HLSConfig.LayerName.dense.Bitsmith.width",
        24,
        "dense.Bitsmith is for GDN or LayerNorm, not for QDense",
    ),
    ("vector", "HLSConfig.LayerName.dense.RecurrentReuseFactor", 2, "RecurrentReuseFactor is for GRU"),
    ("image", "HLSConfig.LayerType.QConv2D.DepthwiseReuseFactor", 2, "DepthwiseReuseFactor is for Separable"),
    ("image", "HLSConfig.LayerType.QConv2D.PointwiseReuseFactor", 2, "PointwiseReuseFactor is for Separable"),
    ("vector", "HLSConfig.Model.RecurrentReuseFactor", 2, "Model.RecurrentReuseFactor has no meaning here; give it to"),
    ("vector", "HLSConfig.LayerName.dense.PipelineStyle", "auto", "PipelineStyle has no meaning here; give it under"),
    ("vector", "HLSConfig.LayerName.dense.Precision.gate", "fixed<8,2>", "Precision.gate is for GRU"),
    ("vector", "HLSConfig.LayerType.QDense.Precision.gamma", "fixed<8,2>", "Precision.gamma is for GDN"),
    ("vector", "HLSConfig.Model.Precision.state", "fixed<8,2>", "Precision.state is for GRU"),
    ("image", "HLSConfig.LayerName.conv.Precision.depthwise", "fixed<8,2>", "Precision.depthwise is for Depthwise"),
    ("image", "HLSConfig.LayerName.q2.Precision.weight", "fixed<8,2>", "Precision.weight is for Conv"),
    ("vector", "HLSConfig.LayerName.dense.Static", True, "Static is for GRU"),
]


@pytest.mark.parametrize(("network", "key", "value", "message"), UNFITTING, ids=[f"{n}:{k}" for n, k, *_ in UNFITTING])
def test_a_key_that_the_network_has_no_use_for(
    network: str, key: str, value: Any, message: str, tmp_path: Path
) -> None:
    assert message in refusal(lambda: read(network, tmp_path, under(key, value)))


def test_sequences_side_by_side_need_a_recurrent_layer(tmp_path: Path) -> None:
    graph, config = read("vector", tmp_path, under("Bitsmith.interleaved_sequences", 4))
    assert "Bitsmith.interleaved_sequences: the model has no recurrent layer" in refusal(
        lambda: plan_for(graph, config)
    )


def test_auto_is_right_everywhere() -> None:
    """hls4ml writes it for every kind it knows."""
    config = parse_config(under("HLSConfig.LayerName.dense.Precision", {"depthwise": "auto", "weight": "auto"}))
    check_layers(config, ["dense"], ["QDense"])


def nested(levels: int, item: str, join: Callable[[str], str]) -> str:
    """Half a kilobyte that means 9**levels values."""
    lines = [f"a0: &a0 {item}"]
    lines += [f"a{i}: &a{i} {join(', '.join([f'*a{i - 1}'] * 9))}" for i in range(1, levels)]
    return "\n".join(lines)


BOMBS = {
    "lists in lists": nested(12, "[x]", lambda items: f"[{items}]"),
    "merged": nested(12, "{x: 1}", lambda items: f"{{<<: [{items}]}}"),
    "below a key": "KerasModel:\n" + indent(nested(12, "[x]", lambda items: f"[{items}]"), "  "),
    "a long list": "KerasModel:\n" + "- 1\n" * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_text_that_means_much_is_refused_at_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[name])
    start = time.process_time()
    assert "values with its anchors written out; write it without anchors" in refusal(lambda: load_config(path))
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    "text", ["&a [*a]", "KerasModel: &a [*a]", "HLSConfig: {LayerName: &a {x: *a}}", "? &a [*a]\n: 1", "&a {<<: *a}"]
)
def test_a_text_that_refers_to_itself_names_the_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "self.yaml"
    path.write_text(text)
    assert refusal(lambda: load_config(path)) == (
        f"{path}: the value in line 1 refers to itself; write it without anchors"
    )


def test_an_alias_that_repeats_a_little_is_fine(tmp_path: Path) -> None:
    """As hls4ml's own writer makes them."""
    path = tmp_path / "config.yaml"
    path.write_text("HLSConfig: {LayerName: {a: {Precision: &p {result: 'fixed<8,2>'}}, b: {Precision: *p}}}")
    names = load_config(path).hls.layer_name
    assert names["a"] == names["b"]


READERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a configuration": (load_config, "c.yaml"),
    "a model": (open_container, "model.h5"),
    "vectors": (load_vectors, "x.npy"),
    "samples": (lambda path: load_data(path, (3,)), "x.npy"),
    "a graph": (load_graph, "graph.json"),
    "a photon stack": (lambda path: read_stack(path, step_ns=0.1), "x.tif"),
    "a picture": (read_image, "x.png"),
    "a codec's tables": (read_tables, "entropy.json"),
    "a compressed image": (lambda path: read_file(path, "a file of 'codec encode'", 100), "a.lic"),
}


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder", "nothing"])
@pytest.mark.parametrize("what", READERS)
def test_only_regular_files_are_read(what: str, kind: str, tmp_path: Path) -> None:
    work, name = READERS[what]
    path = tmp_path / name
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    found = refusal(lambda: work(path))
    assert str(path) in found
    assert ("no such file" if kind == "nothing" else f"it is {kind}") in found
    assert "; give " in found


def test_a_file_beyond_its_limit_is_not_read(tmp_path: Path) -> None:
    """Nor is one of /proc, which says that it is empty."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert "more than 1,000" in refusal(lambda: read_file(path, "less", 1000))
    assert "more than 10" in refusal(lambda: read_file(Path("/proc/self/status"), "less", 10))
    assert "more than 2,147,483,648" in refusal(lambda: open_container(path))


def test_the_command_line_says_it_too(tmp_path: Path) -> None:
    write_h5(tmp_path / "m.h5", [input_layer(3), dense()])
    command = [sys.executable, "-m", "bitsmith", "inspect", str(tmp_path / "m.h5"), "-c", "/dev/zero"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: cannot read '/dev/zero': it is a device; give a YAML file\n"
