"""Recurrent layers from files made by hand: which type each tensor gets, which nodes come out, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from model_files import input_layer, quantize, write_h5
from reading import evaluate

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.calibrate.ranges import calibrate
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.inspect import inspect
from bitsmith.gen.read import read_network_file
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, Overflow, Rounding
from bitsmith.sim.graph import Graph
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.conv2d import Conv2D
from bitsmith.sim.ops.gru import GRU
from bitsmith.sim.ops.lstm import LSTM
from bitsmith.sim.ops.simple_rnn import SimpleRNN
from bitsmith.sim.recurrent import Recurrent

STEPS, CHANNELS, UNITS = 5, 3, 2
GATES = {"GRU": 3, "LSTM": 4, "SimpleRNN": 1, "FixedGRU": 3}
PLAIN: dict[str, Any] = {
    "HLSConfig": {"Model": {"Precision": "fixed<12,3,RND,SAT>"}},
    "Bitsmith": {"input": "fixed<8,1>"},
}
FIXED = {
    "kernel_type": "fixed<8,1>",
    "recurrent_type": "fixed<7,1>",
    "bias_type": "fixed<16,4>",
    "gate_input_type": "fixed<8,4>",
    "gate_type": "ufixed<8,0>",
    "candidate_input_type": "fixed<9,3>",
    "candidate_type": "fixed<8,1>",
    "reset_product_type": None,
    "state_type": "fixed<10,1>",
}
Item = tuple[str, dict[str, Any], dict[str, Any]]


def bits(n: int, integer: int = 0, **more: Any) -> dict[str, Any]:
    return {"class_name": "quantized_bits", "config": {"bits": n, "integer": integer, "alpha": 1} | more}


QUANTIZED: dict[str, Any] = {
    "kernel_quantizer": bits(6),
    "recurrent_quantizer": bits(7),
    "bias_quantizer": bits(5, 1),
    "state_quantizer": bits(9),
    "activation": "quantized_tanh(8)",
    "recurrent_activation": "quantized_sigmoid(4)",
}


def layer(class_name: str, inputs: int = CHANNELS, **changes: Any) -> Item:
    """A layer ``rnn`` with weights that are nowhere zero."""
    gates, rng = GATES[class_name.removeprefix("Q")], np.random.default_rng(1)
    config: dict[str, Any] = {"name": "rnn", "units": UNITS, "use_bias": True, "activation": "tanh"}
    config |= {} if gates == 1 else {"recurrent_activation": "sigmoid"}
    config |= QUANTIZED if class_name.startswith("Q") else FIXED if class_name == "FixedGRU" else {}
    config = {key: value for key, value in (config | changes).items() if gates > 1 or key != "recurrent_activation"}
    config |= {"reset_after": changes.get("reset_after", True)} if gates == 3 else {}
    shapes: dict[str, tuple[int, ...]] = {"kernel": (inputs, gates * UNITS), "recurrent_kernel": (UNITS, gates * UNITS)}
    if config["use_bias"]:
        shapes["bias"] = (2, gates * UNITS) if config.get("reset_after") else (gates * UNITS,)
    return class_name, config, {name: rng.uniform(0.2, 0.9, shape) for name, shape in shapes.items()}


def read(folder: Path, *layers: Item, config: dict[str, Any] | None = None, first: Item | None = None) -> Graph:
    items = [input_layer(STEPS, CHANNELS) if first is None else first, *layers]
    return read_model(write_h5(folder / "model.h5", items), parse_config(config or {}))


def operator(graph: Graph) -> Recurrent:
    return next(node.op for node in graph.nodes if isinstance(node.op, Recurrent))


def projection(graph: Graph) -> Conv2D:
    """The node ``rnn_gates``."""
    return next(node.op for node in graph.nodes if isinstance(node.op, Conv2D))


def stems(graph: Graph) -> list[tuple[str, str]]:
    return [(node.name, node.op.stem) for node in graph.nodes]


def precision(**roles: str) -> dict[str, Any]:
    """The configuration of plain layers, and these roles for ``rnn``."""
    entry = {"rnn": {"Precision": {"default": "fixed<12,3,RND,SAT>", **roles}}}
    return {"HLSConfig": PLAIN["HLSConfig"] | {"LayerName": entry}, "Bitsmith": PLAIN["Bitsmith"]}


def fixed(text: str) -> Fixed:
    return Fixed.parse(text)[0]


class TestQuantizers:
    """What hls4ml has read wrongly in recurrent layers: quantizers that it dropped or took from another tensor."""

    def test_every_tensor_has_its_own_bits(self, tmp_path: Path) -> None:
        """hls4ml#1166, #1171: the recurrent weights silently got a default."""
        graph = read(tmp_path, quantize(), layer("QGRU"))
        op, gates = operator(graph), projection(graph)
        assert isinstance(op, GRU)
        assert (gates.kernel_type, gates.bias_type) == (Fixed(True, 0, 5), Fixed(True, 1, 3))
        assert op.recurrent_kernel_type == Fixed(True, 0, 6)
        assert op.recurrent_bias_type == Fixed(True, 1, 3)
        assert op.state.type == Fixed(True, 0, 8)
        assert (op.gate_type, op.activation.output_type) == (Fixed(False, 0, 4), Fixed(True, 0, 7))

    def test_no_default_for_recurrent_weights(self, tmp_path: Path) -> None:
        config = {"HLSConfig": {"Model": {"Precision": "fixed<16,6>"}}}
        rnn = layer("QLSTM", recurrent_quantizer=None)
        with pytest.raises(BitsmithError, match="recurrent_quantizer=None on 'rnn' is not supported without a type"):
            read(tmp_path, quantize(), rnn, config=config)
        own = {"HLSConfig": {"LayerName": {"rnn": {"Precision": {"recurrent_weight": "fixed<9,1>"}}}}}
        assert operator(read(tmp_path, quantize(), rnn, config=own)).recurrent_kernel_type == fixed("fixed<9,1>")

    @pytest.mark.parametrize("use_bias", [True, False])
    @pytest.mark.parametrize("reset_after", [True, False])
    def test_biases_and_the_reset_gate(self, tmp_path: Path, use_bias: bool, reset_after: bool) -> None:
        """hls4ml#594 and what 1.3.0 does with reset_after=False and use_bias=False."""
        item = layer("QGRU", use_bias=use_bias, reset_after=reset_after)
        graph = read(tmp_path, quantize(), item)
        op, gates = operator(graph), projection(graph)
        assert isinstance(op, GRU)
        assert op.reset_after == reset_after
        rounded = np.rint(np.asarray(item[2].get("bias", np.zeros((2, 6)))) * 8).astype(int)
        first, second = rounded if reset_after or not use_bias else (rounded, 0 * rounded)
        np.testing.assert_array_equal(gates.bias, first)
        np.testing.assert_array_equal(op.recurrent_bias, second)

    def test_qkeras_would_use_the_kernel(self, tmp_path: Path) -> None:
        with pytest.raises(BitsmithError, match="recurrent_quantizer=None on 'rnn' is not supported: qkeras 0.9.0"):
            read(tmp_path, quantize(), layer("QGRU", recurrent_quantizer=None))

    def test_a_state_without_a_type(self, tmp_path: Path) -> None:
        with pytest.raises(BitsmithError, match=r"'rnn' has no type for its state.*LayerName.rnn.Precision.state"):
            read(tmp_path, quantize(), layer("QGRU", state_quantizer=None))
        own = {"HLSConfig": {"LayerName": {"rnn": {"Precision": {"state": "fixed<9,2>"}}}}}
        op = operator(read(tmp_path, quantize(), layer("QGRU", state_quantizer=None), config=own))
        assert op.state.type == fixed("fixed<9,2>")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"state_quantizer": bits(8, alpha="auto")}, "state_quantizer on 'rnn' is not supported"),
            ({"activation": bits(8, alpha=0.75)}, r"'rnn' \(candidate\): quantized_bits\(8, 0, alpha=0.75\) is not"),
            ({"activation": "quantized_ulaw(4)"}, "quantized_ulaw is not supported"),
            ({"recurrent_activation": "softmax"}, "activation=softmax on 'rnn' is not supported"),
            ({"recurrent_activation": "quantized_sigmoid(8,use_real_sigmoid=1)"}, "give Precision.gate_input"),
            ({"activation": "quantized_tanh(8,use_real_tanh=1)"}, "give Precision.candidate_input"),
        ],
    )
    def test_refused(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(BitsmithError, match=message):
            read(tmp_path, quantize(), layer("QGRU", **changes))

    def test_a_configuration_that_contradicts_the_model(self, tmp_path: Path) -> None:
        for role, item in (("state", layer("QGRU")), ("gate", layer("QGRU")), ("candidate", layer("FixedGRU")),
                           ("reset_product", layer("FixedGRU"))):  # fmt: skip
            own = {"HLSConfig": {"LayerName": {"rnn": {"Precision": {role: "fixed<30,20>"}}}}}
            with pytest.raises(BitsmithError, match=f"'rnn': the model gives .* for {role}; remove Precision.{role}"):
                read(tmp_path, quantize(), item, config=own)


class TestPlainLayers:
    """Types from hls4ml's configuration; failures 3 and 13."""

    def test_defaults_follow_from_the_state(self, tmp_path: Path) -> None:
        graph = read(tmp_path, layer("GRU"), config=PLAIN)
        op = operator(graph)
        assert isinstance(op, GRU)
        assert stems(graph) == [("rnn_gates", "conv2d"), ("rnn", "gru"), ("rnn_round", "activation")]
        assert (op.state.type, op.state.rounding) == (fixed("fixed<12,3>"), Rounding.RND)
        assert op.gate_type == fixed("ufixed<12,0>")
        assert op.activation.output_type == fixed("fixed<10,1>")
        assert op.gate_input is not None
        assert op.gate_input.type == op.recurrent_activation.table_type == fixed("fixed<12,5>")
        assert (op.gate_input.rounding, op.gate_input.overflow) == (Rounding.RND, Overflow.SAT)
        assert op.reset_product is None, "exact: one rounding is enough"

    def test_every_role(self, tmp_path: Path) -> None:
        roles = {
            "weight": "fixed<6,1>",
            "recurrent_weight": "fixed<7,1>",
            "bias": "fixed<9,2>",
            "recurrent_bias": "fixed<10,2>",
            "state": "fixed<11,2>",
            "gate_input": "fixed<8,4>",
            "gate": "ufixed<9,0>",
            "reset_product": "fixed<13,3,RND,SAT>",
            "candidate_input": "fixed<10,3>",
            "candidate": "fixed<14,1>",
            "result": "fixed<7,2>",
        }
        graph = read(tmp_path, layer("GRU"), config=precision(**roles))
        op, gates = operator(graph), projection(graph)
        assert isinstance(op, GRU)
        assert op.gate_input is not None
        assert op.reset_product is not None
        assert op.candidate_input is not None
        found = {
            "weight": gates.kernel_type,
            "recurrent_weight": op.recurrent_kernel_type,
            "bias": gates.bias_type,
            "recurrent_bias": op.recurrent_bias_type,
            "state": op.state.type,
            "gate_input": op.gate_input.type,
            "gate": op.gate_type,
            "reset_product": op.reset_product.type,
            "candidate_input": op.candidate_input.type,
            "candidate": op.activation.output_type,
            "result": graph.specs()["rnn_round"].type,
        }
        assert found == {role: fixed(text) for role, text in roles.items()}
        assert op.reset_product.rounding is Rounding.RND

    @pytest.mark.parametrize("role", ["table", "<layer>_tanh"])
    def test_a_table_s_precision_counts(self, tmp_path: Path, role: str) -> None:
        """hls4ml 1.3.0 ignores it for a GRU."""
        config = precision(table="fixed<10,2>")
        if role != "table":
            config = precision()
            config["HLSConfig"]["LayerName"]["rnn_tanh"] = {"Precision": "fixed<10,2>"}
        op = operator(read(tmp_path, layer("GRU"), config=config))
        assert op.activations["candidate"].output_type == fixed("fixed<10,2>")
        assert (op.activations["gates"].output_type == fixed("fixed<10,2>")) == (role == "table")

    def test_the_cell_has_its_own_type(self, tmp_path: Path) -> None:
        op = operator(read(tmp_path, layer("LSTM"), config=precision(cell="fixed<13,5>")))
        assert isinstance(op, LSTM)
        assert (op.state.type, op.cell.type) == (fixed("fixed<12,3>"), fixed("fixed<13,5>"))
        assert op.cell_activation.input_type == op.new_cell_type

    def test_hard_functions_of_keras_2_and_3(self, tmp_path: Path) -> None:
        dtype: dict[str, Any] = {"class_name": "DTypePolicy", "config": {"name": "float32"}}
        cases: list[tuple[dict[str, Any], float]] = [({}, 0.2), ({"dtype": dtype}, 1 / 6)]
        for more, slope in cases:
            graph = read(tmp_path, layer("LSTM", recurrent_activation="hard_sigmoid", **more), config=PLAIN)
            found = operator(graph).activations["gates"]
            assert found.kind is Kind.HARD_SIGMOID
            assert float(found.slope) == float(np.float32(slope))

    def test_relu_and_none(self, tmp_path: Path) -> None:
        for name, kind in (("relu", Kind.RELU), (None, Kind.LINEAR)):
            op = operator(read(tmp_path, layer("SimpleRNN", activation=name), config=PLAIN))
            assert isinstance(op, SimpleRNN)
            assert (op.activation.kind, op.activation.output_type) == (kind, fixed("fixed<12,3>"))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"stateful": True}, "stateful=True on 'rnn' is not supported; supported: False"),
            ({"time_major": True}, "time_major=True on 'rnn' is not supported"),
            ({"surprise": 1}, "surprise=1 on 'rnn' is not understood"),
            ({"units": 0}, "units=0 on 'rnn' is not supported"),
        ],
    )
    def test_refused(self, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
        """Among them stateful, which hls4ml 1.3.0 resets at each call without a word."""
        with pytest.raises(BitsmithError, match=message):
            read(tmp_path, layer("GRU", **changes), config=PLAIN)

    def test_harmless_attributes(self, tmp_path: Path) -> None:
        more: dict[str, Any] = {
            "dropout": 0.5,
            "recurrent_dropout": 0.5,
            "unroll": True,
            "implementation": 2,
            "stateful": False,
        }
        assert operator(read(tmp_path, layer("GRU", **more), config=PLAIN)).units == UNITS

    def test_no_sequence(self, tmp_path: Path) -> None:
        with pytest.raises(BitsmithError, match=r"'rnn': GRU needs a sequence; its input has shape \(4, 4, 3\)"):
            read(tmp_path, layer("GRU"), config=PLAIN, first=input_layer(4, 4, 3))

    def test_masking(self, tmp_path: Path) -> None:
        with pytest.raises(BitsmithError, match="'mask' is a Masking, .*; every sequence has all its steps"):
            read(tmp_path, ("Masking", {"name": "mask"}, {}), layer("GRU"), config=PLAIN)


class TestFixedGRU:
    def test_its_own_types(self, tmp_path: Path) -> None:
        graph = read(tmp_path, quantize(), layer("FixedGRU"))
        op = operator(graph)
        assert isinstance(op, GRU)
        assert (op.state.type, op.state.rounding, op.state.overflow) == (
            fixed("fixed<10,1>"), Rounding.RND_CONV, Overflow.SAT
        )  # fmt: skip
        assert op.gate_input is not None
        assert (op.gate_input.type, op.gate_input.rounding) == (fixed("fixed<8,4>"), Rounding.RND)
        assert op.recurrent_activation.table_type == fixed("fixed<8,4>")
        assert (op.recurrent_kernel_type, op.reset_product) == (fixed("fixed<7,1>"), None)
        last = graph.nodes[-1].op
        assert isinstance(last, Activation)
        assert (last.kind, last.output_type, last.rounding) == (Kind.LINEAR, op.state.type, Rounding.RND_CONV)

    def test_a_type_that_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(BitsmithError, match="gate_type=None on 'rnn' is not supported; supported: a type"):
            read(tmp_path, quantize(), layer("FixedGRU", gate_type=None))

    def test_inspect_shows_them(self, tmp_path: Path) -> None:
        row = inspect(write_h5(tmp_path / "m.h5", [input_layer(STEPS, CHANNELS), quantize(), layer("FixedGRU")]))
        assert row["supported"]
        assert row["layers"][-1]["quantizers"]["gate_input"] == "fixed<8,4>"


class TestNetworks:
    """Edges: states in and out, repetition, both directions."""

    def functional(self, folder: Path, call: Any, more: Item, outputs: list[Any] | None = None) -> Path:
        """``rnn`` of ``more`` called by ``call`` (inbound nodes) on the inputs x and s."""
        items = [
            ("InputLayer", {"name": "x", "batch_input_shape": [None, STEPS, CHANNELS]}, []),
            ("InputLayer", {"name": "s", "batch_input_shape": [None, UNITS]}, []),
            (more[0], more[1], [call]),
        ]
        data = [
            {"class_name": c, "config": config, "name": config["name"], "inbound_nodes": n} for c, config, n in items
        ]
        model = {"name": "net", "layers": data, "input_layers": [["x", 0, 0], ["s", 0, 0]],
                 "output_layers": outputs or [["rnn", 0, 0]]}  # fmt: skip
        with h5py.File(folder / "f.h5", "w") as file:
            file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": model})
            for key, value in more[2].items():
                file.create_dataset(f"model_weights/rnn/rnn/{key}:0", data=value)
        return folder / "f.h5"

    @pytest.mark.parametrize(
        "call",
        [
            [["x", 0, 0, {}], ["s", 0, 0, {}]],
            [["x", 0, 0, {"initial_state": ["s", 0, 0]}]],
            {
                "args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}],
                "kwargs": {
                    "initial_state": {"class_name": "__keras_tensor__", "config": {"keras_history": ["s", 0, 0]}},
                    "mask": None,
                    "training": False,
                },
            },
        ],
        ids=["list", "keyword", "keras3"],
    )
    def test_initial_state_and_return_state(self, tmp_path: Path, call: Any) -> None:
        """hls4ml#1111: ignored by 1.3.0, off by 0.92; return_state raises there."""
        item = layer("GRU", return_state=True, return_sequences=True)
        path = self.functional(tmp_path, call, item, [["rnn", 0, 0], ["rnn", 0, 1]])
        graph = read_model(path, parse_config(PLAIN))
        assert graph.nodes[1].inputs == ("rnn_gates", "s")
        assert operator(graph).initial_type == fixed("fixed<8,1>")
        assert stems(graph)[2:] == [("rnn_round", "activation"), ("rnn_state_step", "crop"), ("rnn_state", "flatten")]
        assert graph.outputs == ("rnn_round", "rnn_state")
        assert graph.specs()["rnn_state"].shape == (UNITS,)

    def test_only_the_state_is_used(self, tmp_path: Path) -> None:
        """Then no sequence is computed, and a GRU's last output is its state."""
        item = layer("GRU", return_state=True, return_sequences=True)
        path = self.functional(tmp_path, [["x", 0, 0, {}], ["s", 0, 0, {}]], item, [["rnn", 0, 1]])
        graph = read_model(path, parse_config(PLAIN))
        assert graph.outputs == ("rnn_round",)
        assert graph.specs()["rnn_round"].shape == (UNITS,)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            ([["x", 0, 0, {"mask": ["s", 0, 0]}]], "layer 'rnn' is called with mask="),
            ([["x", 0, 0, {"initial_state": [[0.5, 0.5]]}]], "layer 'rnn' is called with an initial_state of numbers"),
            ([["x", 0, 0, {}], ["s", 0, 0, {}], ["s", 0, 0, {}]], "'rnn' is called with 2 states; it has 1"),
        ],
    )
    def test_calls_that_are_refused(self, tmp_path: Path, call: Any, message: str) -> None:
        with pytest.raises(BitsmithError, match=message):
            read_model(self.functional(tmp_path, call, layer("GRU")), parse_config(PLAIN))

    def test_repeat_vector_is_projected_once(self, tmp_path: Path) -> None:
        vector = input_layer(CHANNELS)
        repeat: Item = ("RepeatVector", {"name": "again", "n": 7}, {})
        graph = read(tmp_path, repeat, layer("GRU", return_sequences=True), config=PLAIN, first=vector)
        assert stems(graph)[:3] == [("rnn_gates", "dense"), ("rnn_repeat", "repeat_vector"), ("rnn", "gru")]
        assert graph.specs()["rnn"].shape == (1, 7, UNITS)
        relu: Item = ("ReLU", {"name": "relu"}, {})
        graph = read(tmp_path, repeat, relu, config=PLAIN, first=vector)
        assert stems(graph) == [("again", "repeat_vector"), ("relu", "activation")]

    def test_time_distributed(self, tmp_path: Path) -> None:
        """Dense per step is a 1x1 convolution, pointwise layers are themselves; others are refused."""
        dense = {"class_name": "Dense", "config": {"name": "d", "units": 2, "use_bias": False}}
        item: Item = ("TimeDistributed", {"name": "td", "layer": dense}, {"kernel": np.full((CHANNELS, 2), 0.5)})
        assert stems(read(tmp_path, item, config=PLAIN))[0] == ("td", "conv2d")
        relu = {"class_name": "ReLU", "config": {"name": "r"}}
        assert stems(read(tmp_path, ("TimeDistributed", {"name": "td", "layer": relu}, {}), config=PLAIN)) == [
            ("td", "activation")
        ]
        flat = {"class_name": "Flatten", "config": {"name": "f"}}
        with pytest.raises(BitsmithError, match="layer=Flatten on 'td' is not supported; supported: Dense"):
            read(tmp_path, ("TimeDistributed", {"name": "td", "layer": flat}, {}), config=PLAIN)

    def test_backwards_is_a_reversal(self, tmp_path: Path) -> None:
        graph = read(tmp_path, layer("GRU", go_backwards=True, return_sequences=True), config=PLAIN)
        assert stems(graph)[:3] == [("rnn_reverse", "reverse"), ("rnn_gates", "conv2d"), ("rnn", "gru")]

    def test_both_directions(self, tmp_path: Path) -> None:
        _, config, weights = layer("GRU", return_sequences=True)
        inner = {"class_name": "GRU", "config": config | {"name": "inner"}}
        path = write_h5(
            tmp_path / "m.h5", [input_layer(STEPS, CHANNELS), ("Bidirectional", {"name": "rnn", "layer": inner}, {})]
        )
        with h5py.File(path, "a") as file:
            for direction, sign in (("forward_inner", 1), ("backward_inner", -1)):
                for key, value in weights.items():
                    file.create_dataset(f"model_weights/rnn/rnn/{direction}/gru_cell/{key}:0", data=sign * value)
        graph = read_model(path, parse_config(PLAIN))
        names = [name for name, _ in stems(graph)]
        assert names == ["rnn_forward_gates", "rnn_forward", "rnn_forward_round", "rnn_backward_reverse",
                         "rnn_backward_gates", "rnn_backward", "rnn_backward_round", "rnn_ordered", "rnn"]  # fmt: skip
        forward, backward = (n.op for n in graph.nodes if isinstance(n.op, GRU))
        assert (forward.recurrent_kernel > 0).all()
        assert (backward.recurrent_kernel < 0).all()
        assert graph.specs()["rnn"].shape == (1, STEPS, 2 * UNITS)

    @pytest.mark.parametrize("mode", ["mul", None])
    def test_merge_modes_that_are_refused(self, tmp_path: Path, mode: str | None) -> None:
        inner = {"class_name": "GRU", "config": layer("GRU")[1]}
        item: Item = ("Bidirectional", {"name": "both", "layer": inner, "merge_mode": mode}, {})
        with pytest.raises(
            BitsmithError, match=f"merge_mode={mode} on 'both' is not supported; supported: concat, sum"
        ):
            read(tmp_path, item, config=PLAIN)

    def test_cropping(self, tmp_path: Path) -> None:
        image = input_layer(6, 7, 2)
        graph = read(
            tmp_path, ("Cropping2D", {"name": "cut", "cropping": [[1, 2], [0, 3]]}, {}), config=PLAIN, first=image
        )
        x = np.arange(84).reshape(1, 6, 7, 2)
        np.testing.assert_array_equal(graph.nodes[0].op.compute(x), x[:, 1:4, 0:4])
        graph = read(tmp_path, ("Cropping1D", {"name": "cut", "cropping": [1, 2]}, {}), config=PLAIN)
        assert graph.specs()["cut"].shape == (1, 2, CHANNELS)
        with pytest.raises(BitsmithError, match="leaves nothing"):
            read(tmp_path, ("Cropping1D", {"name": "cut", "cropping": [3, 2]}, {}), config=PLAIN)


@pytest.mark.parametrize("name", ["GRU", "LSTM", "SimpleRNN"])
def test_calibrate_finds_types_that_build_and_are_close(tmp_path: Path, name: str) -> None:
    """From ranges over all steps; more bits come closer to the float model."""
    path = write_h5(tmp_path / "m.h5", [input_layer(STEPS, CHANNELS), layer(name)])
    x = np.random.default_rng(3).uniform(-1, 1, (50, STEPS, CHANNELS))
    np.save(tmp_path / "x.npy", x)
    wanted = run(read_network_file(path), [x])["rnn"]
    errors = []
    for width in (8, 14):
        config = calibrate(path, tmp_path / "x.npy", width)
        assert ("cell" in config["HLSConfig"]["LayerName"]["rnn"]["Precision"]) == (name == "LSTM")
        graph = read_model(path, parse_config(config))
        errors.append(np.abs(evaluate(graph, x)[0] - wanted).max())
    assert errors[0] < 0.1
    assert errors[1] < errors[0] / 3  # tables keep 12 address bits
