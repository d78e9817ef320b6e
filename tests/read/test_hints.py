"""What is said about a layer that is not supported: nothing but what computes the same, and the reader takes that."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from reading import legacy_keras, library

from bitsmith.gen.convert.hints import _HINTS, hint
from bitsmith.gen.convert.layers import check_class
from bitsmith.gen.ops import CONVERTERS
from bitsmith.gen.read.network import Layer
from bitsmith.sim.errors import BitsmithError


def refusal(class_name: str) -> str:
    with pytest.raises(BitsmithError) as error:
        check_class(Layer("x", "x", class_name, {}, ("in",)))
    return str(error.value)


@pytest.mark.parametrize("name", [*_HINTS, "Conv3D", "Embedding", "densse", "QDens", ""])
def test_no_name_is_guessed(name: str) -> None:
    text = refusal(name)
    assert "did you mean" not in text
    assert f"is a {name}, which is not supported; " in text
    assert len(text) < 250


def test_a_hint_is_not_for_what_is_read() -> None:
    """Once a layer is supported, its hint goes."""
    assert not set(_HINTS) & set(CONVERTERS)


@pytest.mark.parametrize("name", _HINTS)
def test_what_a_hint_names_is_read(name: str) -> None:
    named = set(
        re.findall(r"\bQ?[A-Z][a-zA-Z]+(?:Normalization|Activation)\b|\bQ?Conv[12]D\b|\bGRU\b|\bLSTM\b", hint(name))
    )
    assert named <= set(CONVERTERS)


@pytest.mark.train
@pytest.mark.parametrize("keras", ["tf_keras", "keras"])
def test_every_layer_of_keras_is_read_or_refused_without_a_guess(keras: str) -> None:
    layers = library(keras).layers
    classes = [n for n, c in vars(layers).items() if inspect.isclass(c) and issubclass(c, layers.Layer)]
    refused = [name for name in classes if name not in CONVERTERS and name != "InputLayer"]
    assert len(refused) > 10
    assert all("did you mean" not in refusal(name) for name in refused)


@pytest.mark.train
def test_the_cures_for_normalization_and_rescaling() -> None:
    """What the hints say computes the same."""
    k, _ = legacy_keras()
    x = np.linspace(-3, 9, 12, dtype=np.float32).reshape(4, 3)
    norm = k.layers.Normalization(mean=[1.0, -2.0, 0.5], variance=[4.0, 0.5, 2.0])
    batch = k.layers.BatchNormalization(center=False, scale=False, epsilon=0)
    batch.build((None, 3))
    batch.set_weights([np.array([1.0, -2.0, 0.5]), np.array([4.0, 0.5, 2.0])])
    np.testing.assert_allclose(np.asarray(batch(x)), np.asarray(norm(x)), rtol=1e-6)
    assert "BatchNormalization(center=False, scale=False, epsilon=0)" in hint("Normalization")
    rescaling, batch = k.layers.Rescaling(0.25, offset=-1.0), k.layers.BatchNormalization(epsilon=0)
    batch.build((None, 3))
    batch.set_weights([np.full(3, 0.25), np.full(3, -1.0), np.zeros(3), np.ones(3)])
    np.testing.assert_allclose(np.asarray(batch(x)), np.asarray(rescaling(x)), rtol=1e-6)
    assert "gamma its scale, beta its offset, mean 0, variance 1" in hint("Rescaling")
