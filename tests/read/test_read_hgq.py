"""Models of HGQ2 against HGQ2's own forward pass: the same numbers, bit for bit, in and beyond their ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hardware import side_by_side
from hgq_models import graph_of, mismatches, randomize, stacked
from test_networks import proven

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.ops.retype import Retype

hgq = pytest.importorskip("hgq", reason="HGQ2 is not there; make test gets it (Python 3.11 and later)")
pytest.importorskip("tensorflow")

WIDE = "fixed<20,9>"
"""Finer than every quantizer here and far beyond its range."""
MODES = [
    ("RND", "WRAP", "kif"),
    ("RND_CONV", "SAT", "kbi"),
    ("TRN", "SAT_SYM", "kif"),
    ("TRN_ZERO", "WRAP", "kbi"),
    ("RND_ZERO", "SAT", "kif"),
    ("RND_MIN_INF", "SAT_SYM", "kbi"),
    ("RND_INF", "WRAP", "kif"),
    ("S_RND", "SAT", "kif"),
]


def compared(model: Any, path: Path) -> None:
    """The file's graph gives the model's own numbers."""
    model.save(path)
    for input_type in (None, WIDE):
        wrong, different = mismatches(model, graph_of(path, input_type))
        assert wrong == 0
        assert different > 100


def mlp(seed: int = 0, **oq: Any) -> Any:
    from hgq.layers import QDense

    layers = [QDense(7, activation="relu"), QDense(6, use_bias=False), QDense(4, activation="relu", **oq)]
    return stacked((5,), layers, seed)


@pytest.mark.parametrize(("rounding", "overflow", "kind"), MODES)
def test_dense_layers_in_every_mode(rounding: str, overflow: str, kind: str, tmp_path: Path) -> None:
    from hgq.config import QuantizerConfigScope

    with QuantizerConfigScope(default_q_type=kind, round_mode=rounding, overflow_mode=overflow):
        model = mlp(len(rounding), enable_oq=True)
    compared(model, tmp_path / "m.keras")
    ops = [node.op for node in graph_of(tmp_path / "m.keras").nodes if isinstance(node.op, Retype)]
    assert len(ops) == 4
    assert kind == "kbi" or any(None in op.types for op in ops)
    assert all(len(op.types) > 2 for op in ops)


def test_every_way_to_the_weights_gives_one_graph(tmp_path: Path) -> None:
    """.keras by number, .h5 and the model in memory by name."""
    model = mlp(3)
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
    assert graph_of(tmp_path / "m.keras") == graph_of(tmp_path / "m.h5") == read_model(model)


AXES: dict[str, dict[str, Any]] = {
    "one type": {"homogeneous_axis": (0, 1, 2, 3)},
    "for each channel": {"homogeneous_axis": (0, 1, 2)},
    "for each element": {"homogeneous_axis": (0,)},
    "for each row": {"heterogeneous_axis": (1,)},
}


@pytest.mark.parametrize("axes", AXES.values(), ids=list(AXES))
def test_convolutions_and_pools(axes: dict[str, Any], tmp_path: Path) -> None:
    from hgq.config import QuantizerConfigScope
    from hgq.layers import QAveragePooling2D, QConv2D, QGlobalAveragePooling2D, QMaxPooling2D

    with QuantizerConfigScope(place="datalane", **axes):
        layers = [
            QConv2D(3, 3, padding="same", activation="relu"),
            QMaxPooling2D(2),
            QConv2D(4, (2, 1), strides=2, enable_oq=True),
            QAveragePooling2D((1, 2), enable_oq=True),
            QGlobalAveragePooling2D(),
        ]
        compared(stacked((9, 8, 2), layers, 1), tmp_path / "m.keras")


def test_sequences(tmp_path: Path) -> None:
    from hgq.config import QuantizerConfigScope
    from hgq.layers import QAveragePooling1D, QConv1D, QDense, QGlobalMaxPooling1D, QMaxPooling1D

    with QuantizerConfigScope(place="datalane", homogeneous_axis=(0, 1)):
        layers = [
            QConv1D(3, 3, activation="relu", dilation_rate=2),
            QMaxPooling1D(2, padding="same"),
            QDense(3, activation="relu"),
            QConv1D(4, 2, padding="causal", use_bias=False),
            QAveragePooling1D(2),
            QGlobalMaxPooling1D(enable_oq=True),
        ]
    compared(stacked((14, 2), layers, 2), tmp_path / "m.keras")


def test_quantizers_between_layers_of_keras(tmp_path: Path) -> None:
    from hgq.layers import QDense, Quantizer
    from keras.layers import Activation, Flatten, ReLU, Reshape

    layers = [
        Flatten(),
        Quantizer(),
        Reshape((2, 2)),
        Flatten(),
        QDense(6),
        ReLU(),
        Quantizer(),
        Reshape((3, 2)),
        QDense(2),
        Activation("relu"),
    ]
    compared(stacked((2, 2), layers, 4), tmp_path / "m.keras")


@pytest.mark.parametrize("scale", [True, False])
def test_batch_normalization_in_a_dense_layer(scale: bool, tmp_path: Path) -> None:
    from hgq.layers import QBatchNormDense, QDense

    layers = [QBatchNormDense(6, activation="relu", scale=scale), QDense(5), QBatchNormDense(4, enable_oq=True)]
    model = stacked((6,), layers, 5)
    compared(model, tmp_path / "m.keras")
    assert graph_of(tmp_path / "m.keras") == read_model(model)


@pytest.mark.parametrize(("center", "scale"), [(True, True), (False, True), (True, False)])
def test_batch_normalization(center: bool, scale: bool, tmp_path: Path) -> None:
    from hgq.config import QuantizerConfigScope
    from hgq.layers import QBatchNormalization

    layers = [QBatchNormalization(center=center, scale=scale), QBatchNormalization(enable_oq=True, epsilon=0.01)]
    with QuantizerConfigScope(place="datalane", homogeneous_axis=(0, 1, 2)):
        model = stacked((3, 4, 5), layers, 6)
    compared(model, tmp_path / "m.keras")
    model.save(tmp_path / "m.h5")
    assert graph_of(tmp_path / "m.keras") == graph_of(tmp_path / "m.h5")


def small_cnn() -> Any:
    """Types for each channel, then for each element; two pixels wide and odd."""
    from hgq.config import QuantizerConfigScope
    from hgq.layers import QBatchNormalization, QConv2D, QDense, QMaxPooling2D
    from keras.layers import Flatten

    with QuantizerConfigScope(place="datalane", homogeneous_axis=(0, 1, 2)):
        first = [QConv2D(3, 3, padding="same", activation="relu"), QMaxPooling2D(2), QBatchNormalization()]
    return stacked((6, 7, 2), [*first, QConv2D(2, 2, activation="relu", enable_oq=True), Flatten(), QDense(3)], 8)


def test_hls_and_verilog_give_the_same(tmp_path: Path, need: Callable[..., None]) -> None:
    """Every level of verify on a dense and a convolutional network and on merges, every layer's result compared."""
    need("g++", "verilator")
    models = {"mlp": mlp(7, enable_oq=True), "cnn": small_cnn(), "merges": merges()}
    for name, model in models.items():
        compared(model, tmp_path / f"{name}.keras")
    graphs = {name: graph_of(tmp_path / f"{name}.keras", WIDE) for name in models}
    config = {"Bitsmith": {"pixels_per_cycle": 2, "strategy": "distributed_arithmetic"}}
    proven(side_by_side(graphs), config, ("hls", "rtl"), tmp_path / "build", frames=12)


def merges() -> Any:
    """Each input has a quantizer of its own; one tensor is taken twice, by two quantizers."""
    import keras
    from hgq.layers import QAdd, QDense, QMaximum, QMinimum, QMultiply, QSubtract
    from keras.layers import Concatenate

    a, b = keras.layers.Input((4,)), keras.layers.Input((4,))
    total = QAdd(enable_oq=True)([a, b, QDense(4)(a)])
    ends = [layer([total, b]) for layer in (QSubtract(), QMultiply(enable_oq=True), QMaximum(), QMinimum())]
    one, other = (layer([total, ends[0]]) for layer in (QMaximum(), QAdd(enable_oq=True)))
    behind = [QDense(3)(one), QDense(3)(Concatenate()([other, other])), QAdd()([total, total])]
    model = keras.Model([a, b], [total, *ends, *behind])
    randomize(model, 11)
    return model


def test_merges(tmp_path: Path) -> None:
    model = merges()
    compared(model, tmp_path / "m.keras")
    model.save(tmp_path / "m.h5")
    assert graph_of(tmp_path / "m.keras") == graph_of(tmp_path / "m.h5") == read_model(model)


FUNCTIONS = ("tanh", "sigmoid", "softplus", "elu", "silu", "exponential", "softsign", "relu")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_by_table(name: str, tmp_path: Path) -> None:
    """Inputs with a type for each channel, results with one for all."""
    from hgq.layers import QUnaryFunctionLUT

    model = stacked((6,), [QUnaryFunctionLUT(name)], 13)
    for variable in model.weights:
        if "_oq/" in variable.path:
            variable.assign(np.full(variable.shape, {"k": 1, "b": 9, "i": 2}[variable.path.split("/")[-1]]))
    model.save(tmp_path / "m.keras")
    wrong, different = mismatches(model, graph_of(tmp_path / "m.keras", WIDE), frames=2000)
    assert wrong == 0
    assert different > 30


def test_einsum_dense(tmp_path: Path) -> None:
    from hgq.layers import QEinsumDense

    layers = [
        QEinsumDense("bij,jk->bik", (3, 5), bias_axes="k", activation="relu"),
        QEinsumDense("...x,xy->...y", 4),
    ]
    compared(stacked((3, 4), layers, 12), tmp_path / "m.keras")
    for equation, shape in (("bij,jkl->bikl", (3, 2, 2)), ("bij,ik->bkj", (2, 4))):
        stacked((3, 4), [QEinsumDense(equation, shape)], 1).save(tmp_path / "n.keras")
        with pytest.raises(BitsmithError, match=r"equation=.* on '.*' is not supported; supported: a product over"):
            graph_of(tmp_path / "n.keras")


def test_predict_gives_what_a_call_gives(tmp_path: Path) -> None:
    """The other tests call the model, which is quicker."""
    model = mlp(9, enable_oq=True)
    model.save(tmp_path / "m.keras")
    assert mismatches(model, graph_of(tmp_path / "m.keras", WIDE), predict=True)[0] == 0


SOFTMAXES: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "scaled": {"input_scaler": 0.3},
    "not stable": {"stable": False, "enable_iq": True},
    "not stable, scaled": {"stable": False, "enable_iq": True, "input_scaler": 0.7},
    "quantized around": {"enable_iq": True, "enable_oq": True},
}


def softmaxes(overflow: str, rounding: str, shape: tuple[int, ...] = (5,)) -> Any:
    """One of each kind beside the others, their tables with random types, behind quantizers that differ by element."""
    import keras
    from hgq.config import QuantizerConfig
    from hgq.layers import QSoftmax

    modes = {"overflow_mode": overflow, "round_mode": rounding}
    tables = {f"{part}_iq_conf": QuantizerConfig("kif", "datalane", **modes) for part in ("exp", "inv")}
    x = keras.layers.Input(shape)
    model = keras.Model(x, [QSoftmax(**options, **tables)(x) for options in SOFTMAXES.values()])
    randomize(model, 17)
    rng = np.random.default_rng(len(overflow))
    for variable in model.weights:
        group, _, name = variable.path.rpartition("/")
        if "_table/" in group and "fixed_point_quantizer" in group and name != "i_decay_speed":
            signed = 0 if "_oq/" in group else 1
            whole = {"k": signed, "i": rng.integers(1, 4), "f": rng.integers(2, 6), "b": rng.integers(6, 12)}
            variable.assign(np.full(variable.shape, whole[name]))
    return model


@pytest.mark.parametrize(("overflow", "rounding"), [("WRAP", "RND"), ("SAT", "TRN"), ("SAT_SYM", "RND_CONV")])
def test_softmax(overflow: str, rounding: str, tmp_path: Path) -> None:
    model = softmaxes(overflow, rounding)
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
    graph = graph_of(tmp_path / "m.keras", "fixed<12,4>")
    assert graph == graph_of(tmp_path / "m.h5", "fixed<12,4>")
    assert graph == read_model(model, parse_config({"Bitsmith": {"input": "fixed<12,4>"}}))
    wrong, different = mismatches(model, graph, frames=2000)
    assert wrong == 0
    assert different > 200


def test_a_softmax_without_bits(tmp_path: Path) -> None:
    """Addresses without bits are 0, and so are entries without bits."""
    from hgq.layers import QSoftmax

    for part in ("exp_table_iq", "exp_table_oq", "inv_table_iq", "inv_table_oq"):
        model = stacked((5,), [QSoftmax()], 7)
        for variable in model.weights:
            name = variable.path.rpartition("/")[2]
            if "fixed_point_quantizer" in variable.path and name != "i_decay_speed":
                none, some = {"k": 0, "i": 1, "f": -3, "b": 0}[name], {"k": 0, "i": 1, "f": 6, "b": 7}[name]
                variable.assign(np.full(variable.shape, none if part in variable.path else some))
        model.save(tmp_path / "m.keras")
        assert mismatches(model, graph_of(tmp_path / "m.keras", "fixed<12,4>"))[0] == 0


def test_a_classifier_s_decision_is_that_of_its_softmax(tmp_path: Path) -> None:
    """Where no step wraps around it is taken from the logits; otherwise the outputs decide, as HGQ2's do."""
    from hgq.config import QuantizerConfig
    from hgq.layers import QDense, QSoftmax

    for overflow, stems in (("SAT", []), ("WRAP", ["softmax"])):
        tables = {
            f"{part}_iq_conf": QuantizerConfig("kif", "datalane", overflow_mode=overflow) for part in ("exp", "inv")
        }
        model = stacked((4,), [QDense(5), QSoftmax(enable_iq=True, **tables)], 19)
        for variable in model.weights:
            group, _, name = variable.path.rpartition("/")
            if "_table/" in group and "fixed_point_quantizer" in group and name != "i_decay_speed":
                variable.assign(np.full(variable.shape, {"k": 0, "i": 2, "f": 4, "b": 9}[name]))
        import keras

        keras.Model(model.inputs, model.outputs[-1]).save(tmp_path / "m.keras")
        graph = read_model(tmp_path / "m.keras", parse_config({"Bitsmith": {"output": "argmax", "input": WIDE}}))
        assert [node.op.stem for node in graph.nodes if node.op.stem == "softmax"] == stems
        assert graph.nodes[-1].op.stem == "argmax"


def test_what_a_softmax_cannot_be(tmp_path: Path) -> None:
    from hgq.config import QuantizerConfig
    from hgq.layers import QSoftmax

    several = {"heterogeneous_axis": (1,), "homogeneous_axis": None}
    for layer, shape, message in (
        (QSoftmax(axis=1), (3, 4), r"axes=.* on '.*' is not supported; supported: \[-1\], \[2\]"),
        (
            QSoftmax(allow_heterogeneous_table=True, exp_iq_conf=QuantizerConfig("kif", "datalane", **several)),
            (6,),
            "exp_iq_conf has not one type with bits for all values; give it one",
        ),
    ):
        stacked(shape, [layer], 3).save(tmp_path / "m.keras")
        with pytest.raises(BitsmithError, match=message):
            graph_of(tmp_path / "m.keras", WIDE)
