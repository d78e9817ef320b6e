"""What the corpus says of a model: where it comes from, how it is built, and what hls4ml's test sets for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Build = Callable[["Kit"], Any]
Layers = Callable[[Any, Any], Sequence[Any]]
"""From Keras's layers and QKeras to the layers behind the input."""

KERAS_2, KERAS_3, HGQ = "tf_keras", "keras", "hgq"


@dataclass(frozen=True)
class Kit:
    """What a model is built with: a Keras, its layers, and ``q``: QKeras for Keras 2, HGQ2's layers for HGQ."""

    keras: Any
    layers: Any
    q: Any = None

    def input(self, *shape: int, name: str | None = None, **more: Any) -> Any:
        return self.layers.Input(shape, name=name, **more)

    def model(self, inputs: Any, outputs: Any, **more: Any) -> Any:
        return self.keras.Model(inputs, outputs, **more)

    def stack(self, shape: Sequence[int], *layers: Any, name: str | None = None) -> Any:
        """A Sequential model."""
        return self.keras.Sequential([self.layers.Input(shape, name="x" if name is None else None), *layers], name=name)


@dataclass(frozen=True)
class Model:
    """A model of hls4ml's test suite: ``file`` is the test's, ``name`` says which of the file's models.

    Inputs are drawn evenly from ``low`` to ``high``. ``precision`` and ``reuse`` are what the test gives to
    ``config_from_keras_model``, ``changes`` what it sets afterwards, by layer, where that is a part of the model.
    ``exact``: every tensor has a quantizer, so Keras's values are the reference's.
    """

    file: str
    name: str
    build: Build
    precision: str = "fixed<16,6>"
    reuse: int = 1
    library: str = KERAS_2
    low: float = 0.0
    high: float = 1.0
    whole: bool = False
    """Inputs are whole numbers."""
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    exact: bool = False
    weighted: bool = True
    """Weights are drawn; else they are as the model is built."""
    steps: int | None = 8
    """Fraction bits of drawn weights; None: as they come, where quantizers round them."""
    quantized: bool = False
    """Every activation is a quantizer of QKeras's."""

    @property
    def key(self) -> str:
        return f"{self.file}: {self.name}"


def stacked(file: str, name: str, shape: Sequence[int], layers: Layers, **more: Any) -> Model:
    """A Sequential model of ``layers`` behind an input called x."""
    return Model(file, name, lambda kit: kit.stack(shape, *layers(kit.layers, kit.q)), **more)
