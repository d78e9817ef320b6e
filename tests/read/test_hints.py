"""What is said about a layer that is not supported: nothing but what computes the same, and the reader takes that."""

from __future__ import annotations

import inspect
import re

import pytest
from reading import library

from bitsmith.gen.convert.hints import _HINTS, hint
from bitsmith.gen.convert.layers import check_class
from bitsmith.gen.ops import CONVERTERS
from bitsmith.gen.read.network import Layer
from bitsmith.sim.errors import BitsmithError


def refusal(class_name: str) -> str:
    with pytest.raises(BitsmithError) as error:
        check_class(Layer("x", "x", class_name, {}, ("in",)))
    return str(error.value)


@pytest.mark.parametrize("name", [*_HINTS, "Conv3D", "densse", "QDens", ""])
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
