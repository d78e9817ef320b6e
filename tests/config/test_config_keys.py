"""Every key of a configuration changes what is built, or is refused with a reason, or is listed as without effect."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from configured import merged, project, read
from pydantic import BaseModel

from bitsmith.gen.config.layer import KINDS, SINGLE, UNUSED_KINDS, GDNConfig, LayerConfig
from bitsmith.gen.config.schema import BitsmithConfig, Config, HLSConfig, WriterConfig
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.sim.errors import BitsmithError

USAGE = Path(__file__).parents[2] / "docs" / "usage.md"
SECTIONS: tuple[type[BaseModel], ...] = (Config, WriterConfig, HLSConfig, LayerConfig, BitsmithConfig, GDNConfig)
INSIDE = {"HLSConfig", "Bitsmith", "Model", "LayerName", "LayerType", "WriterConfig"}
"""Keys that are sections themselves."""

Settings = dict[str, Any]
NAMES = {"image": "conv", "vector": "dense", "recurrent": "gru", "gru": "gru", "lstm": "lstm", "float": "separable",
         "scaled": "dense", "normalized": "norm", "gdn": "gdn", "resized": "conv"}  # fmt: skip
PARALLEL: Settings = {"IOType": "io_parallel"}


def top(**keys: Any) -> Settings:
    return keys


def model(**keys: Any) -> Settings:
    return {"HLSConfig": {"Model": keys}}


def layer(network: str, **keys: Any) -> Settings:
    return {"HLSConfig": {"LayerName": {NAMES[network]: keys}}}


def ours(**keys: Any) -> Settings:
    return {"Bitsmith": keys}


def precision(network: str, kind: str, text: str) -> tuple[str, Settings, Settings]:
    return network, {}, layer(network, Precision={kind: text})


EFFECTS: dict[str, tuple[str, Settings, Settings]] = {
    "Backend": ("vector", {}, top(Backend="Vivado")),
    "ProjectName": ("vector", {}, top(ProjectName="other")),
    "Part": ("vector", {}, top(Part="xcku035-fbva676-2-e")),
    "ClockPeriod": ("vector", {}, top(ClockPeriod=4)),
    "ClockUncertainty": ("vector", {}, top(ClockUncertainty="0%")),
    "IOType": ("vector", {}, PARALLEL),
    "Version": ("vector", {}, top(Version="2.0.0")),
    "Precision": ("recurrent", {}, layer("recurrent", Precision="fixed<9,2,RND,SAT>")),
    "ReuseFactor": ("vector", ours(strategy="resource"), layer("vector", ReuseFactor=12)),
    "RecurrentReuseFactor": ("recurrent", ours(strategy="resource"), layer("recurrent", RecurrentReuseFactor=2)),
    "DepthwiseReuseFactor": ("float", ours(strategy="resource"), layer("float", DepthwiseReuseFactor=9)),
    "PointwiseReuseFactor": ("float", ours(strategy="resource"), layer("float", PointwiseReuseFactor=8)),
    "Strategy": ("vector", {}, layer("vector", Strategy="Resource")),
    "PipelineStyle": ("vector", PARALLEL, model(PipelineStyle="dataflow")),
    "PipelineInterval": ("vector", merged(PARALLEL, model(PipelineStyle="pipeline")), model(PipelineInterval=3)),
    "input": ("vector", {}, ours(input="ufixed<6,0>")),
    "image": ("resized", {}, ours(image=[10, 9])),
    "output": ("vector", {}, ours(output="argmax")),
    "threshold": ("vector", ours(output="argmax"), ours(threshold=0.5)),
    "prefix": ("vector", {}, ours(prefix="another")),
    "pixels_per_cycle": ("vector", {}, ours(pixels_per_cycle=2)),
    "strategy": ("vector", {}, ours(strategy="resource")),
    "latency_cycles": ("image", ours(strategy="resource"), ours(latency_cycles=95)),
    "interval_cycles": ("vector", ours(strategy="resource"), ours(interval_cycles=1000)),
    "slack_cycles": ("image", ours(strategy="resource"), ours(slack_cycles=0)),
    "interleaved_sequences": ("recurrent", {}, ours(interleaved_sequences=3)),
    "table_bits": ("recurrent", {}, ours(table_bits=5)),
    "scale_bits": ("scaled", {}, ours(scale_bits=6)),
    "form": ("gdn", {}, layer("gdn", Bitsmith={"form": "square_root_reciprocal"})),
    "segments": ("gdn", {}, layer("gdn", Bitsmith={"segments": 32})),
    "width": ("gdn", {}, layer("gdn", Bitsmith={"width": 24})),
    "newton": ("gdn", {}, layer("gdn", Bitsmith={"newton": True})),
    "result": precision("vector", "result", "fixed<5,2>"),
    "weight": precision("recurrent", "weight", "fixed<9,2>"),
    "bias": precision("recurrent", "bias", "fixed<9,2>"),
    "scale": precision("normalized", "scale", "fixed<9,2>"),
    "default": precision("recurrent", "default", "fixed<9,2,RND,SAT>"),
    "table": precision("recurrent", "table", "fixed<9,2>"),
    "depthwise": precision("float", "depthwise", "fixed<9,2>"),
    "pointwise": precision("float", "pointwise", "fixed<9,2>"),
    "depthwise_result": precision("float", "depthwise_result", "fixed<9,3>"),
    "recurrent_weight": precision("recurrent", "recurrent_weight", "fixed<9,2>"),
    "recurrent_bias": precision("recurrent", "recurrent_bias", "fixed<9,2>"),
    "gate_input": precision("recurrent", "gate_input", "fixed<9,3>"),
    "gate": precision("recurrent", "gate", "ufixed<7,0>"),
    "reset_product": precision("gru", "reset_product", "fixed<9,2>"),
    "candidate_input": precision("recurrent", "candidate_input", "fixed<9,3>"),
    "candidate": precision("recurrent", "candidate", "fixed<9,1>"),
    "state": precision("recurrent", "state", "fixed<9,2>"),
    "cell": precision("lstm", "cell", "fixed<9,3>"),
    "beta": precision("gdn", "beta", "ufixed<24,8>"),
    "gamma": precision("gdn", "gamma", "ufixed<16,0>"),
    "gain": precision("gdn", "gain", "ufixed<18,2,RND_CONV,SAT>"),
    "square": precision("gdn", "square", "ufixed<6,0,RND_CONV,SAT>"),
}
"""Keys and kinds of Precision: a network, a configuration, and what is added so that something else is built."""

REFUSED: dict[str, tuple[Settings, str]] = {
    "Namespace": (top(Namespace="mine"), "no namespace; leave it out"),
    "ParallelizationFactor": (model(ParallelizationFactor=4), "pixels_per_cycle says"),
    "ConvImplementation": (model(ConvImplementation="Encoded"), "only LineBuffer is supported: every window has"),
    "BramFactor": (model(BramFactor=100), "weights stay inside"),
    "Skip": (model(Skip=True), "leaves a softmax out"),
    "Implementation": (model(Implementation="argmax"), "makes a decision; leave it out"),
    "Static": (layer("recurrent", Static=False), "one cell"),
}
"""Keys that have one value, and what is said of another."""

UNUSED: Settings = {
    "OutputDir": "there", "Device": "d", "Board": "b", "Stamp": "1", "KerasModel": {"a": 1}, "KerasJson": "x",
    "KerasH5": "x", "InputData": "x", "InputShapes": {"pixels": [6]}, "OutputShapes": {"y": [4]},
    "OutputPredictions": "x", "WriteWeightsTxt": True, "WriteTar": True, "TBOutputStream": "file",
    "Optimizers": ["x"], "SkipOptimizers": ["reshape_stream"], "Trace": True, "TraceOutput": True, "TableSize": 512,
    "TableRangePower2": 3, "BitExact": True, "ChannelsLastConversion": "full", "TransposeOutputs": True,
}  # fmt: skip
"""A value for each key that changes nothing."""
WHERE: dict[type[BaseModel], tuple[str, ...]] = {
    Config: (), WriterConfig: ("WriterConfig",), HLSConfig: ("HLSConfig",), LayerConfig: ("HLSConfig", "Model"),
}  # fmt: skip


@cache
def built(network: str, settings: str) -> tuple[str, str, str]:
    """The graph, the plan and the HLS project, as text and digests."""
    with TemporaryDirectory() as place:
        graph, config = read(network, Path(place), json.loads(settings))
        plan = plan_for(graph, config)
        stages = [(s.name, s.strategy, s.reuse, s.layout, s.core.timing().latency) for s in plan.stages]
        files = sorted(path for path in project(graph, config, Path(place)).rglob("*") if path.is_file())
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        return graph.to_json(), repr((plan.sequences, plan.prefix, stages)), digest


def made(network: str, settings: Settings) -> tuple[str, str, str]:
    return built(network, json.dumps(settings, sort_keys=True))


def keys(unused: bool) -> dict[str, tuple[type[BaseModel], str]]:
    """The keys that are declared to change something, or not to: the section and the reason."""
    found = {}
    for section in SECTIONS:
        for name, field in section.model_fields.items():
            extra = field.json_schema_extra
            reason = extra.get("without_effect", "") if isinstance(extra, dict) else ""
            if bool(reason) == unused and (field.alias or name) not in INSIDE:
                found[field.alias or name] = (section, str(reason))
    return found


def test_every_key_is_tried() -> None:
    """A new key has to show its effect below, or to be declared and listed as without one."""
    assert set(keys(unused=False)) | set(KINDS) - set(UNUSED_KINDS) == set(EFFECTS) | set(REFUSED)
    assert set(keys(unused=True)) == set(UNUSED)
    assert {LayerConfig.model_fields[name].alias for name in SINGLE} | {"Namespace"} == set(REFUSED)


@pytest.mark.parametrize("key", EFFECTS)
def test_a_key_changes_what_is_built(key: str) -> None:
    network, base, added = EFFECTS[key]
    assert made(network, merged(base, added)) != made(network, base)


@pytest.mark.parametrize("key", REFUSED)
def test_a_key_with_one_value_refuses_others_with_the_reason(key: str, tmp_path: Path) -> None:
    settings, reason = REFUSED[key]
    with pytest.raises(BitsmithError, match=reason):
        read("recurrent", tmp_path, settings)


@pytest.mark.parametrize("key", UNUSED)
def test_a_key_that_is_listed_as_without_effect_has_none(key: str) -> None:
    settings: Settings = {key: UNUSED[key]}
    for part in reversed(WHERE[keys(unused=True)[key][0]]):
        settings = {part: settings}
    assert made("recurrent", settings) == made("recurrent", {})


@pytest.mark.parametrize("kind", UNUSED_KINDS)
def test_a_kind_of_precision_that_is_listed_as_without_effect_has_none(kind: str) -> None:
    network = "float" if kind.startswith(("depthwise", "pointwise")) else "recurrent"
    assert made(network, layer(network, Precision={kind: "fixed<5,3>"})) == made(network, {})


@pytest.mark.parametrize("name", SINGLE)
def test_the_one_value_changes_nothing(name: str) -> None:
    alias = str(LayerConfig.model_fields[name].alias)
    assert made("recurrent", layer("recurrent", **{alias: SINGLE[name][0]})) == made("recurrent", {})


def test_the_documentation_lists_exactly_what_has_no_effect() -> None:
    text = USAGE.read_text(encoding="utf-8")
    listed = re.search(r"<!-- without effect.*?-->\n(.*?)<!-- /without effect -->", text, re.DOTALL)
    assert listed is not None
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in listed[1].strip().splitlines()[2:]]
    found = {key: why for names, why in rows for key in re.findall(r"`([^`]+)`", names)}
    expected = {key: reason for key, (_, reason) in keys(unused=True).items()}
    expected |= {f"Precision: {kind}": reason for kind, reason in UNUSED_KINDS.items()}
    assert found == expected


def test_the_documentation_lists_the_keys_with_one_value() -> None:
    text = USAGE.read_text(encoding="utf-8")
    for name, (value, _) in SINGLE.items():
        written = str(value).lower() if isinstance(value, bool) else value
        assert f"`{LayerConfig.model_fields[name].alias}: {written}`" in text


HLS4ML: dict[str, Settings] = {
    "lstm": {
        "Precision": {"accum": "auto", "bias": "auto", "recurrent_bias": "auto", "recurrent_weight": "auto",
                      "result": "fixed<8,2>", "table": "fixed<18,8,TRN,WRAP,0>", "weight": "auto"},
        "RecurrentReuseFactor": 1, "ReuseFactor": 1, "Static": True, "TableSize": 1024, "Trace": False,
    },
    "float": {
        "ConvImplementation": "LineBuffer", "DepthwiseReuseFactor": 1, "PointwiseReuseFactor": 1, "Trace": False,
        "Precision": {"bias": "auto", "depthwise": "auto", "depthwise_accum": "auto", "depthwise_result": "auto",
                      "pointwise": "auto", "pointwise_accum": "auto", "result": "auto"},
    },
    "vector": {
        "Precision": {"accum": "auto", "bias": "fixed<4,1,TRN,WRAP,0>", "result": "auto",
                      "weight": "fixed<4,1,TRN,WRAP,0>"},
        "Trace": False,
    },
}  # fmt: skip
"""A layer's section as hls4ml 1.3's config_from_keras_model writes it; a plain LSTM needs a type for its state."""


@pytest.mark.parametrize("network", HLS4ML)
def test_what_hls4ml_writes_for_a_layer_works(network: str, tmp_path: Path) -> None:
    wide = {"BramFactor": 1_000_000_000, "ReuseFactor": 1, "Strategy": "Latency", "TraceOutput": False}
    read(network, tmp_path, merged(model(**wide), layer(network, **HLS4ML[network])))
