"""The models of hls4ml's own tests under the configuration that it writes for them: ``make hls4ml-suite`` shows all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hls4ml_suite import MODELS, Model
from hls4ml_suite.refused import NO_BOUND, NOT_BY_HLS4ML, REFUSED
from hls4ml_suite.run import DIFFERS, EQUAL, OPEN, UNREAD, WITHIN, Result, attempt, beside_keras, compared, proved
from hls4ml_suite.run import REFUSED as TURNED_DOWN

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_any, read_model
from bitsmith.gen.resolved import resolved, text_of
from bitsmith.gen.rtl.choices import plan_for

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore::UserWarning"),  # QKeras's own, of initializers
]
BY_KEY = {model.key: model for model in MODELS}
FEW = (
    "test_activations: elu (8,)",
    "test_softmax: 9,6 (8,) tables 3",
    "test_softsign: (8,)",
    "test_multi_dense: (2, 3, 2)",
    "test_dense_unrolled: dense, reuse 32",
    "test_pipeline_style: conv",
    "test_auto_precision: SeparableConv1D",
    "test_sepconv1d: same strides 2 kernel 3",
    "test_merge: Average, swapped True",
    "test_multi_graph: two outputs",
    "test_keras_nested_model: deeper",
    "test_dense_unrolled: GRU, reuse 4",
    "test_qkeras: btnn 3",
    "test_qkeras: qseparableconv1d",
    "test_serialization: qkeras",
    "test_keras_v3_api: reused layer",
    "test_einsum_dense: ...i,oi->...o bias None",
    "test_bit_exact_zeropadding: 1d",
)
"""One of each kind of model, and of each kind of section in what hls4ml writes."""
SAMPLE = (
    *FEW,
    "test_activations: threshold_relu (8, 8, 3)",
    "test_batchnorm: center and scale True",
    "test_keras_api: activation prelu",
    "test_keras_api: MaxPooling2D same",
    "test_depthconv2d: same strides 2 kernel 3",
    "test_causalpadding: conv1d",
    "test_globalpooling: 1d Average keepdims True",
    "test_cropping: 2d",
    "test_merge: Concatenate 3d axis 2",
    "test_graph: Add (1, 1, 2) (3, 4, 2)",
    "test_transpose_concat: permute",
    "test_stream_clone: seven clones",
    "test_repack_stream: two inputs",
    "test_time_distributed: lstm",
    "test_qkeras: qsimplernn",
    "test_qkeras: kernel binary activation binary",
    "test_einsum_dense: bi,j->bij bias j",
    "test_embed: embedding",
)
"""These go through the C simulation and the Verilog, too."""


@pytest.mark.parametrize("key", FEW)
def test_a_few_of_every_kind(key: str) -> None:
    result = compared(BY_KEY[key])
    assert result.kind in (EQUAL, WITHIN), result.reason
    print(f"{key}: {result.kind}, {result.reason}")


@pytest.mark.parametrize(
    "key",
    [
        "test_sepconv1d: same strides 2 kernel 3",
        "test_dense_unrolled: GRU, reuse 4",
        "test_auto_precision: SeparableConv1D",
        "test_qkeras: qseparableconv1d",
    ],
)
def test_other_weights_are_outside_of_the_bound(key: str) -> None:
    """Each an eighth larger: a bound that allows that proves nothing."""
    found = attempt(BY_KEY[key])
    assert not isinstance(found, Result)
    model, graph, _ = found
    model.set_weights([weight * 1.125 for weight in model.get_weights()])
    assert beside_keras(BY_KEY[key], model, graph).kind == DIFFERS


@pytest.mark.parametrize(
    "key",
    [
        "test_keras_nested_model: deeper",
        "test_keras_v3_api: reused layer",
        "test_bit_exact_zeropadding: 1d",
        "test_sepconv1d: same strides 2 kernel 3",
        "test_dense_unrolled: GRU, reuse 4",
        "test_auto_precision: SeparableConv1D",
        "test_dense_unrolled: dense, reuse 32",
    ],
)
def test_what_bitsmith_config_makes_of_it_gives_the_same(key: str) -> None:
    found = attempt(BY_KEY[key])
    assert not isinstance(found, Result)
    model, graph, config = found
    again = parse_config(yaml.safe_load(text_of(resolved(read_any(model), config), "model", str)))
    assert read_model(model, again).to_json() == graph.to_json()
    one, other = (
        {name: (c.strategy, c.reuse) for name, c in plan_for(graph, given).decided.items()} for given in (config, again)
    )
    assert one == other


def test_the_corpus_is_what_it_says() -> None:
    assert len(BY_KEY) == len(MODELS)
    assert len(MODELS) >= 293
    assert len({model.file for model in MODELS}) >= 32
    assert not set(REFUSED) - set(BY_KEY)


@pytest.mark.slow
def test_all_of_them() -> None:
    results = [compared(model) for model in MODELS]
    assert {r.model.key: r.reason for r in results if r.kind == UNREAD}.keys() == set(NOT_BY_HLS4ML)
    assert {r.model.key for r in results if r.kind == OPEN} == set(NO_BOUND)
    refused = {r.model.key: r.reason for r in results if r.kind == TURNED_DOWN}
    assert refused.keys() == REFUSED.keys()
    assert all(part in refused[key] for key, part in REFUSED.items()), refused
    others = [r for r in results if r.kind not in (UNREAD, OPEN, TURNED_DOWN, EQUAL, WITHIN)]
    assert not others, others
    print(Counter(r.kind for r in results))


@pytest.mark.slow
@pytest.mark.parametrize("model", [BY_KEY[key] for key in SAMPLE], ids=lambda model: model.key)
def test_hardware_is_equal(model: Model, tmp_path: Path, need: Any) -> None:
    need("g++", "verilator")
    report = proved(model, tmp_path / "built")
    assert report["passed"], report["levels"]
    assert all(level["compared"] for level in report["levels"].values())
