"""The order of inputs and outputs against Keras itself: what ``predict`` takes and gives, from files and in memory."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reading import batch, evaluate, library, save

from bitsmith.gen.config.schema import parse_config
from bitsmith.gen.convert import read_model
from bitsmith.sim.errors import BitsmithError

CONFIG = parse_config(
    {"HLSConfig": {"Model": {"Precision": "fixed<24,12,RND_CONV,SAT>"}}, "Bitsmith": {"input": "fixed<8,4>"}}
)
pytestmark = pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")  # keys that are no layers' names
KINDS = {"tf_keras": (".h5", ".keras", ""), "keras": (".h5", ".keras", "")}
"""The empty ending is the model in memory."""


def on_grid(model: Any) -> Any:
    rng = np.random.default_rng(3)
    model.set_weights([rng.integers(-4, 5, w.shape) / 4 for w in model.get_weights()])
    return model


def branches(k: Any, count: int = 2) -> tuple[list[Any], list[Any], Any]:
    """Inputs, named in an order that is not theirs, with branches of several lengths; and their sum."""
    inputs = [k.Input((3,), name=name) for name in ("z", "a", "m")[:count]]
    ends = list(inputs)
    for i, length in enumerate((1, 3, 2)[:count]):
        for _ in range(length):
            ends[i] = k.layers.Dense(3, activation="linear")(ends[i])
    return inputs, ends, k.layers.Add(name="total")(ends)


def two(k: Any) -> Any:
    inputs, ends, total = branches(k)
    return k.Model(inputs, [total, ends[1], ends[0]])


def three(k: Any) -> Any:
    inputs, _, total = branches(k, 3)
    return k.Model(inputs, total)


def dictionaries(k: Any) -> Any:
    (z, a), ends, total = branches(k)
    return k.Model({"y": z, "b": a}, {"q": total, "c": ends[0], "e": ends[1]})


def nested(k: Any) -> Any:
    """Two calls of one model, one of them on a dictionary, and an input that goes out as it came in."""
    inputs, _, total = branches(k)
    inner = k.Model({"y": inputs[0], "b": inputs[1]}, total, name="inner")
    q, p = k.Input((3,), name="q"), k.Input((3,), name="p")
    first, second = inner({"y": p, "b": q}), inner({"b": p, "y": q})
    return k.Model([p, q], [second, first, q, second])


def by_name(k: Any) -> Any:
    """A model of a list that is called on a dictionary: the keys are the inputs' names."""
    inputs, _, total = branches(k)
    inner = k.Model(inputs, total, name="inner")
    q, p = k.Input((3,), name="q"), k.Input((3,), name="p")
    return k.Model([p, q], inner({"a": q, "z": p}))


def state_first(k: Any) -> Any:
    x, s = k.Input((2, 3), name="x"), k.Input((2,), name="s")
    layer = k.layers.SimpleRNN(2, activation="linear", use_bias=False, return_state=True)
    y, h = layer(x, initial_state=s)
    return k.Model([s, x], [h, y, y])


MODELS = {f.__name__: f for f in (two, three, dictionaries, nested, by_name, state_first)}


def predicted(model: Any, inputs: list[Any]) -> list[Any]:
    """What Keras gives for inputs in the order of ``model.inputs``, as it flattens it."""
    given = [x.reshape(len(x), *t.shape[1:]).astype(np.float32) for x, t in zip(inputs, model.inputs)]
    keyed = isinstance(model.input, dict)
    result = model.predict(dict(zip(sorted(model.input), given)) if keyed else given, verbose=0)
    if isinstance(result, dict):
        return [result[key] for key in sorted(result)]
    return result if isinstance(result, list) else [result]


@pytest.mark.parametrize("which", MODELS)
@pytest.mark.parametrize("keras", KINDS)
def test_predict_takes_and_gives_the_same_order(tmp_path: Path, keras: str, which: str) -> None:
    k = library(keras)
    model = on_grid(MODELS[which](k))
    expected: list[Any] = []
    for ending in KINDS[keras]:
        path = tmp_path / f"m{ending}"
        if ending:
            save(model, path)
        graph = read_model(path if ending else model, CONFIG)
        inputs = batch(graph)
        expected = expected or predicted(model, inputs)
        for got, want in zip(evaluate(graph, *inputs), expected, strict=True):
            np.testing.assert_array_equal(got.reshape(want.shape), want.astype(np.float64), ending)


def test_an_ordered_dictionary_that_a_file_cannot_hold() -> None:
    k = library("keras")
    (z, a), _, total = branches(k)
    for ends in ((OrderedDict(y=z, b=a), total), ([z, a], OrderedDict(q=total, c=a))):
        with pytest.raises(BitsmithError, match="are an OrderedDict, whose order is lost"):
            read_model(k.Model(*ends), CONFIG)
    read_model(k.Model(OrderedDict(b=a, y=z), total), CONFIG)
