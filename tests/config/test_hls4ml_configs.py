"""The configurations that hls4ml writes for our layers go through as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hls4ml_configs import BACKENDS, GRANULARITIES, hls4ml, keras_2, network, of_case, quiet, reads, through
from layer_configs import CASES
from reading import legacy_keras, library, randomize, save

from bitsmith.gen.config.schema import load_config, parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.resolved import resolved, text_of
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import to_float

NEED_MORE = {"QLSTM": "table too long", "QSimpleRNN": "table too long"}
"""With sigmoid and tanh: the exact tables that QKeras's values need are too long, whatever hls4ml writes."""
LEFT_OUT = {"BinaryDense": "is not on the grid"}
"""hls4ml leaves out its H, and so writes the type of other weights."""


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_every_layer_that_hls4ml_reads_goes_through(granularity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    legacy_keras()
    package = hls4ml(monkeypatch)
    tried = [(case, backend) for case in CASES if reads(package, case) for backend in BACKENDS]
    refused = {}
    for case, backend in tried:
        result = through(network(case), of_case(package, case, granularity, backend))
        if isinstance(result, str):
            refused[case.class_name, backend] = result
    passed = len(tried) - len(refused)
    print(f"granularity={granularity!r}: {passed} of {len(tried)} configurations go through")
    expected = NEED_MORE if granularity == "model" else NEED_MORE | LEFT_OUT
    assert {name for name, _ in refused} == set(expected), refused
    assert all(expected[name] in reason for (name, _), reason in refused.items())
    assert passed > 100


@pytest.mark.parametrize("granularity", [None, *GRANULARITIES])
def test_what_bitsmith_config_writes_gives_the_same_graph(
    granularity: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every layer, with hls4ml's configuration and with one type for all."""
    legacy_keras()
    package, compared = hls4ml(monkeypatch), 0
    for case in CASES:
        if granularity is not None and not reads(package, case):
            continue
        one: dict[str, Any] = {"Model": {"Precision": "fixed<16,6>"}}
        made = through(network(case), of_case(package, case, granularity, "Vitis") if granularity else one)
        if isinstance(made, str):
            continue
        graph, config = made
        text = text_of(resolved(network(case), config), "model", str)
        again = parse_config(yaml.safe_load(text))
        assert convert(network(case), again).to_json() == graph.to_json(), case.class_name
        assert stages(graph, again) == stages(graph, config), case.class_name
        compared += 1
    assert compared >= 57


def stages(graph: Any, config: Any) -> list[tuple[str, str, int]]:
    return [(s.name, s.strategy, s.reuse) for s in plan_for(graph, config).stages]


def models() -> dict[str, Any]:
    """Models of tf_keras that hls4ml reads from memory only, or in which it makes several layers of one."""
    k, q = legacy_keras()
    layers, bits = k.layers, q.quantized_bits

    def sequential(shape: tuple[int, ...], *stack: Any) -> Any:
        return k.Sequential([layers.Input(shape, name="x"), *stack])

    def dense(quantizer: Any, name: str = "d", **more: Any) -> Any:
        return q.QDense(4, kernel_quantizer=quantizer, bias_quantizer=bits(6, 2, alpha=1), name=name, **more)

    kernels = {
        "alpha 1": bits(4, 0, alpha=1), "no alpha": bits(4, 0), "auto": bits(4, 0, alpha="auto"),
        "auto_po2": bits(6, 3, alpha="auto_po2"), "alpha 0.5": bits(4, 0, alpha=0.5), "one bit": bits(1, 0, alpha=1),
        "binary": q.binary(alpha=1), "binary auto": q.binary(), "ternary": q.ternary(alpha=1),
        "ternary auto": q.ternary(), "po2": q.quantized_po2(4),
    }  # fmt: skip
    separable = {f"{part}_quantizer": bits(4, 0) for part in ("depthwise", "pointwise", "bias")}
    norms = {f"{part}_quantizer": bits(8, 2, alpha=1) for part in ("gamma", "beta", "mean", "variance")}
    return {
        **{name: sequential((6,), dense(quantizer)) for name, quantizer in kernels.items()},
        "fused": sequential((6,), dense(bits(4, 0), activation="quantized_relu(4,1)"), dense(bits(4, 0), "e")),
        "softmax": sequential((6,), q.QActivation(bits(8, 2, alpha=1)), dense(bits(4, 0)), layers.Softmax()),
        "float": sequential((6,), *(layers.Dense(6, activation="relu") for _ in range(8))),
        "separable": sequential((6, 6, 2), layers.SeparableConv2D(3, 3, activation="relu", name="s")),
        "quantized separable": sequential((6, 6, 2), q.QSeparableConv2D(3, 3, **separable)),
        "normalization": sequential((6, 6, 2), q.QBatchNormalization(**norms)),
        "bidirectional": sequential((5, 3), layers.Bidirectional(layers.GRU(4))),
        "distributed": sequential((5, 3), layers.TimeDistributed(layers.Dense(4, activation="relu"))),
        "back": sequential((5, 3), layers.SimpleRNN(3, go_backwards=True)),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")  # QKeras's own, of initializers and of saving
def test_models_in_memory_go_through(tmp_path: Path) -> None:
    package, count = pytest.importorskip("hls4ml"), 0
    for model in models().values():
        randomize(model, 1)
        save(model, tmp_path / "m.h5")
        for granularity in GRANULARITIES:
            with keras_2():
                found = quiet(package.utils.config_from_keras_model, model, granularity=granularity, backend="Vitis")
            config = parse_config({"HLSConfig": found})
            plan_for(read_model(tmp_path / "m.h5", config), config)
            count += 1
    print(f"{count} configurations of models in memory go through")


@pytest.mark.parametrize("keras", ["keras", "tf_keras"])
def test_the_file_that_hls4ml_leaves_in_its_project_goes_through(keras: str, tmp_path: Path) -> None:
    """With the model's own entry: a tag, or where that is a stranger's a pickle, of which nothing is made."""
    package, k = pytest.importorskip("hls4ml"), library(keras)
    layers = k.layers
    model = k.Sequential([layers.Input((6, 6, 2)), layers.Conv2D(2, 3, activation="relu"), layers.BatchNormalization(),
                          layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(3, activation="softmax")])  # fmt: skip
    saved = tmp_path / ("m.keras" if keras == "keras" else "m.h5")
    save(model, saved)
    if keras == "tf_keras":
        with keras_2():
            written(package, model, tmp_path)
    else:
        written(package, model, tmp_path)
    text = (tmp_path / "project" / "hls4ml_config.yml").read_text()
    assert ("!keras_model" if keras == "keras" else "!!python/object/apply") in text
    config = load_config(tmp_path / "project" / "hls4ml_config.yml")
    plan_for(read_model(saved, config), config)


def written(package: Any, model: Any, folder: Path) -> None:
    """hls4ml's project; nothing is compiled."""
    config = quiet(package.utils.config_from_keras_model, model, granularity="name", backend="Vitis")
    project = quiet(
        package.converters.convert_from_keras_model,
        model,
        hls_config=config,
        output_dir=str(folder / "project"),
        backend="Vitis",
    )
    quiet(project.write)


def test_nothing_is_made_of_a_pickle_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("HLSConfig: !!python/object/apply:os.system ['touch made']\n")
    with pytest.raises(BitsmithError, match="is no YAML"):
        load_config(tmp_path / "c.yml")
    (tmp_path / "c.yml").write_text("KerasModel: !!python/object/apply:os.system ['touch made']\nClockPeriod: 4\n")
    assert load_config(tmp_path / "c.yml").clock_period_ns == 4
    assert not Path("made").exists()


@pytest.mark.filterwarnings("ignore::UserWarning")  # QKeras's own, of initializers and of saving
def test_the_integers_are_hls4mls(tmp_path: Path, need: Any) -> None:
    """hls4ml's own compiled model of a convolution, a quantized layer and a plain one, every result's type given."""
    need("g++")
    package, (k, q) = pytest.importorskip("hls4ml"), legacy_keras()
    layers, bits = k.layers, q.quantized_bits
    quantizers = {"kernel_quantizer": bits(5, 1, alpha=1), "bias_quantizer": bits(6, 2, alpha=1)}
    model = k.Sequential([layers.Input((5, 5, 2), name="x"), layers.Conv2D(3, 3, activation="relu", name="c"),
                          layers.Flatten(name="f"), q.QDense(6, name="d", **quantizers),
                          q.QActivation("quantized_relu(7,3)", name="a"), layers.Dense(4, name="e")])  # fmt: skip
    randomize(model, 3)
    save(model, tmp_path / "m.h5")
    with keras_2():
        hls = quiet(package.utils.config_from_keras_model, model, granularity="name", backend="Vitis")
        for name in ("c", "d", "e"):
            hls["LayerName"][name]["Precision"]["result"] = "fixed<14,6,RND,SAT>"
        hls["LayerName"]["c_relu"]["Precision"]["result"] = "ufixed<9,4,RND,SAT>"
        place = str(tmp_path / "project")
        make = package.converters.convert_from_keras_model
        theirs = quiet(make, model, hls_config=hls, output_dir=place, backend="Vitis")
    quiet(theirs.compile)
    graph = read_model(tmp_path / "m.h5", parse_config({"HLSConfig": hls}))
    ((_, spec),) = graph.inputs
    raw = np.random.default_rng(1).integers(spec.type.raw_min, spec.type.raw_max + 1, (50, *spec.shape)) >> 3
    (ours,) = Reference(graph).predict_raw(raw)
    wanted = quiet(theirs.predict, np.ascontiguousarray(to_float(raw, spec.type).astype(np.float32)))
    np.testing.assert_array_equal(to_float(ours, graph.specs()[graph.outputs[0]].type), np.asarray(wanted))
    assert np.unique(ours).size > 50
