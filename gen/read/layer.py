"""One call of one layer of a model, with its attributes and its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...sim.errors import BitsmithError
from ..classes import BIDIRECTIONAL, STATES, class_name, is_layer
from .hdf5 import FloatArray
from .weights import Weights


@dataclass(frozen=True)
class Layer:
    """One call of one layer. ``key`` is unique; ``inputs`` are keys of other layers' outputs."""

    key: str
    name: str
    class_name: str
    config: dict[str, Any]
    inputs: tuple[str, ...]
    weights: Weights = field(default_factory=dict)
    folded: str = ""
    """The name of a batch normalization that was folded into this layer."""
    cure: str = field(default="save the model again", compare=False, repr=False)
    """What helps where its weights are missing or misshapen."""
    direction: str = ""
    """``forward`` or ``backward`` where it is one of the two layers inside of a Bidirectional."""
    taken: set[int] = field(default_factory=set, compare=False, repr=False)
    """Identities of the variables that somebody took, shared with the layers made of this one (``replace``)."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The key of each tensor that the layer gives: its own, then ``key:1`` …, the states it returns."""
        return self.key, *(f"{self.key}:{i}" for i in range(1, _outputs(self.class_name, self.config)))

    def weight(self, index: int, names: tuple[str, ...], shape: tuple[int, ...]) -> FloatArray:
        """A variable by name, or by number in ``.keras`` files; BitsmithError where it is missing or misshapen."""
        found = self.variable(*names, str(index))
        if found.shape != shape:
            raise BitsmithError(f"'{self.name}': {names[0]} has shape {found.shape}, expected {shape}; {self.cure}")
        return found

    def variable(self, *names: str) -> FloatArray:
        """The variable of the first name that is there, whatever its shape; BitsmithError where none is."""
        found = next((self.weights[name] for name in names if name in self.weights), None)
        if found is None:
            raise BitsmithError(f"'{self.name}': the file holds no {names[0]}; {self.cure}")
        self.taken.add(id(found))
        return found

    def check_taken(self) -> None:
        """BitsmithError where the layer has variables that nobody took: what they do to it is not known."""
        left = [name for name, value in self.weights.items() if id(value) not in self.taken]
        if left:
            raise BitsmithError(
                f"'{self.name}' ({self.class_name}) has variables that are not understood: {', '.join(left[:4])}; "
                "save the model without what brings them (model.quantize, enable_lora, …)"
            )


def inner_layer(config: Any, name: str = "layer") -> tuple[str, dict[str, Any]]:
    """Class name and configuration of the layer inside TimeDistributed or Bidirectional; empty where there is none."""
    inner = config.get(name) if isinstance(config, dict) else None
    return (class_name(inner), inner["config"]) if isinstance(inner, dict) and is_layer(inner) else ("", {})


def _outputs(name: str, config: dict[str, Any]) -> int:
    """How many tensors a layer of class ``name`` gives: its output (both of an unmerged Bidirectional), its states."""
    outputs, parts = 1, 1
    if name in BIDIRECTIONAL:
        outputs, parts = 1 if config.get("merge_mode", "concat") is not None else 2, 2
        name, config = inner_layer(config)
    return outputs + (parts * STATES.get(name, 0) if config.get("return_state") is True else 0)
