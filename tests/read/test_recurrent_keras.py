"""GRU, LSTM and SimpleRNN of tf_keras and Keras 3 in float64 against the reference: inside of the proven bound.

Weights and inputs are on their grids, so that what differs is only what is rounded inside of the recurrence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import batch, keras_shape, library, randomize, save
from recurrent_bound import bounded

from bitsmith.gen.calibrate.float_model import run
from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.gen.read import read_network_file

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::UserWarning")]
STEPS, CHANNELS, UNITS = 7, 3, 4
STATE = "fixed<20,3,RND_CONV,SAT>"
CONFIG = {
    "HLSConfig": {
        "Model": {"Precision": {"default": STATE, "weight": "fixed<8,2>", "bias": "fixed<8,2>", "cell": STATE}},
    },
    "Bitsmith": {"input": "fixed<8,2>", "table_bits": 17},
}
KINDS = [("GRU", {"reset_after": after, "use_bias": bias}) for after in (True, False) for bias in (True, False)] + [
    (name, {"use_bias": bias}) for name in ("LSTM", "SimpleRNN") for bias in (True, False)
]


@pytest.fixture(params=["tf_keras", "keras"])
def k(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Either library, computing in float64."""
    keras = library(request.param)
    keras.backend.set_floatx("float64")
    yield keras
    keras.backend.set_floatx("float32")


def on_grid(model: Any, seed: int = 2, step: float = 2.0**-6) -> None:
    """Random weights of fixed<8,2>, nowhere zero biases among them."""
    randomize(model, seed, 0.4)
    model.set_weights([np.clip(np.round(np.asarray(w) / step), -127, 127) * step for w in model.get_weights()])


def assert_within_bound(model: Any, folder: Path, most: float = 2.0**-6, config: dict[str, Any] = CONFIG) -> None:
    """Both files and the live model give one graph. Its outputs are within their bounds, the bounds below ``most``.

    The float model, which calibrate measures ranges with, is Keras's own.
    """
    on_grid(model)
    for name in ("m.h5", "m.keras"):
        save(model, folder / name)
    graph, other = (read_model(folder / name, parse_config(config)) for name in ("m.h5", "m.keras"))
    assert graph.nodes == other.nodes == read_model(model, parse_config(config)).nodes
    inputs = batch(graph, 6, spread=0.7)
    expected = model([keras_shape(x, tuple(t.shape)) for x, t in zip(inputs, model.inputs)])
    network = read_network_file(folder / "m.h5")
    values = run(network, [keras_shape(x, tuple(t.shape)) for x, t in zip(inputs, model.inputs)])
    for key, want in zip(network.outputs, expected, strict=True):
        np.testing.assert_allclose(values[key], np.asarray(want), rtol=0, atol=1e-12, err_msg=f"float model: {key}")
    for (got, bound), want in zip(bounded(graph, *inputs), expected, strict=True):
        wanted = np.asarray(want).reshape(got.shape)
        assert wanted.dtype == np.float64
        assert (np.abs(got - wanted) <= bound + 1e-12).all(), np.max(np.abs(got - wanted) / bound)
        assert bound.max() < most, "a bound that allows everything proves nothing"
        assert wanted.std() > 0.02, "an output that hardly moves proves nothing"


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_every_option(k: Any, tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    """Last output, sequence, states, initial states, backwards, stacked, both directions: one model, each an output."""
    make = getattr(k.layers, name)
    x = k.layers.Input((STEPS, CHANNELS), name="x")
    given = [k.layers.Input((UNITS,), name=f"given{i}") for i in range(2 if name == "LSTM" else 1)]

    def layer(label: str, **more: Any) -> Any:
        return make(UNITS, name=label, unroll=True, **options, **more)  # unrolled, Keras is faster here

    sequence, *states = layer("all", return_sequences=True, return_state=True)(x)
    _, *last = layer("ends", return_state=True)(x, initial_state=given)
    started = layer("started", return_sequences=True)(sequence, initial_state=last)
    backwards = layer("backwards", return_sequences=True, go_backwards=True)(x)
    both, *ends = k.layers.Bidirectional(layer("in", return_sequences=True, return_state=True), name="both")(x)
    merged = [
        k.layers.Bidirectional(layer(f"in_{mode}"), merge_mode=mode, name=mode)(backwards) for mode in ("sum", "ave")
    ]
    model = k.Model([x, *given], [sequence, *states, started, backwards, both, *ends, *merged])
    assert_within_bound(model, tmp_path, 2.0**-5 if name == "SimpleRNN" else 2.0**-6)


def test_two_classes_of_layers_in_both_directions(k: Any, tmp_path: Path) -> None:
    x = k.layers.Input((STEPS, CHANNELS), name="x")

    def both(name: str, forward: str, backward: str, sequences: bool, mode: str) -> Any:
        one, two = (
            getattr(k.layers, kind)(
                UNITS, unroll=True, name=f"{name}_{kind}", return_sequences=sequences, go_backwards=back
            )
            for back, kind in ((False, forward), (True, backward))
        )
        return k.layers.Bidirectional(one, backward_layer=two, merge_mode=mode, name=name)(x)

    outputs = [both("a", "LSTM", "GRU", True, "concat"), both("b", "GRU", "SimpleRNN", False, "sum")]
    assert_within_bound(k.Model(x, outputs), tmp_path, 2.0**-5)
