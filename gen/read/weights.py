"""A layer's weights by its place in the model: from Keras 2's and 3's ``.h5``, from ``.keras``, from a live model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import BitsmithError
from ..classes import DIRECTIONS
from .hdf5 import FloatArray, child, finite, read_array

MAX_DEPTH = 16

DIRECTED_LAYERS = tuple(f"{direction}_layer" for direction in DIRECTIONS)
"""The two layers inside Bidirectional."""

ATTENTION_LAYERS = {
    "query_dense": "query",
    "key_dense": "key",
    "value_dense": "value",
    "output_dense": "attention_output",
}
"""The layers inside a MultiHeadAttention, and their names."""

_RANDOM = ("seed_generator",)
"""Groups that hold the state of a random generator, which only training draws from."""

Weights = dict[str, FloatArray]
"""Keys are the variables' own names (``kernel``) or, in ``.keras`` files, numbers (``0``)."""


@dataclass(frozen=True)
class Place:
    """Where a layer stands: the names from the model down to it, and the groups ``.keras`` files use for them."""

    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def into(self, name: str, group: str) -> Place:
        return Place((*self.names, name), (*self.groups, group))

    def __str__(self) -> str:
        return "/".join(self.names)


class WeightSource:
    """Anything that hands out a layer's weights."""

    file: Path | None = None
    """The weights' own file, where the model is in another one."""

    def of(self, place: Place, part: str = "") -> Weights:
        """The layer's weights, or those of one of ``DIRECTED_LAYERS`` or ``ATTENTION_LAYERS`` inside it; empty where it
        has none."""
        raise NotImplementedError

    def inside(self, place: Place, name: str) -> Weights:
        """The weights of a layer inside of the layer, where the file keeps them under its name ``name``."""
        return {}

    @property
    def cure(self) -> str:
        """What helps where a layer's weights are missing or misshapen."""
        return "save the model again" if self.file is None else f"give the weights that belong to it, not {self.file}"

    def check(self, places: list[Place], model: object) -> None:
        """BitsmithError where the weights' own file has some for a layer that the outermost model does not have.

        ``places`` are those of all layers of the outermost model.
        """
        known = {name for place in places for name in self._names(place)}
        for name in self._stored() if self.file is not None else ():
            if name not in known:
                raise BitsmithError(
                    f"{self.file} has weights of a layer '{name}', which {model} does not have; "
                    "give a model and weights that belong together"
                )

    def _names(self, place: Place) -> tuple[str, ...]:
        """The names under which the file may keep a layer of the outermost model."""
        return place.names[:1]

    def _stored(self) -> list[str]:
        """The names in the file that hold any weights."""
        return []


def _stored_below(group: Any, where: Path | None) -> list[str]:
    """The names in a group that any array is below."""
    return [name for name in group or () if _has_arrays(group, name, where, MAX_DEPTH)]


def _has_arrays(group: Any, name: str, where: Path | None, depth: int) -> bool:
    node = None if name in _RANDOM else child(group, name, str(where))
    if node is None or not hasattr(node, "keys"):
        return node is not None
    return depth > 0 and any(_has_arrays(node, inner, where, depth - 1) for inner in node)


@dataclass(frozen=True)
class NamedWeights(WeightSource):
    """``.h5`` of Keras 2 and 3: one group for each layer of the outermost model, weights by name.

    The lists of names that Keras keeps as attributes are not read: damaged ones send the HDF5 library into a loop.
    """

    root: Any
    file: Path | None = None

    def _stored(self) -> list[str]:
        return _stored_below(self.root, self.file)

    def of(self, place: Place, part: str = "") -> Weights:
        group = child(self.root, place.names[0], str(place))
        if group is None:
            return {}
        inner = place.names[-1:] if len(place.names) > 1 or part else ()
        within = ATTENTION_LAYERS.get(part, part.removesuffix("layer"))
        return _named(group, (*inner, within) if part else inner, place, MAX_DEPTH)

    def inside(self, place: Place, name: str) -> Weights:
        """Keras 3 does so with a ``backward_layer`` that was given to a Bidirectional."""
        group = child(self.root, place.names[0], str(place))
        return {} if group is None else _named(group, (place.names[-1], name), place, MAX_DEPTH)


def _named(group: Any, inside: tuple[str, ...], place: Place, depth: int) -> Weights:
    """Every array below a group by the last part of its path; only those inside of the groups ``inside``, in order.

    A name that ends in ``_`` stands for all that begin so: Bidirectional puts ``forward_`` before a layer's name.
    """
    result: Weights = {}
    for name in group if depth else ():
        where = f"'{place}': {name.split(':')[0]}"
        node = child(group, name, where)
        if name.startswith(BITS) and hasattr(node, "keys") and not inside:
            result |= _quantizer_bits(node, group.name.split("/")[-1], place)
        elif hasattr(node, "keys"):
            found = bool(inside) and (name == inside[0] or (inside[0].endswith("_") and name.startswith(inside[0])))
            result |= _named(node, inside[1:] if found else inside, place, depth - 1)
        elif not inside:
            result[name.split(":")[0]] = read_array(node, where)
    return result


BITS = "fixed_point_quantizer"
"""What begins the name of the group, inside of a quantizer of HGQ2, that holds its bits."""
DECAY = "i_decay_speed"
"""Read while training only, and often infinite."""


def _quantizer_bits(group: Any, parent: str, place: Place) -> Weights:
    """The bits of a layer's quantizer, called as in ``.keras`` files: ``iq/quantizer/i`` of ``<layer>_iq``."""
    where = f"'{place}': {parent}"
    role = quantizer_key(parent, place.names[-1])
    names = [name for name in group if name.split(":")[0] != DECAY]
    return {role + name.split(":")[0]: read_array(child(group, name, where), where) for name in names}


def quantizer_key(parent: str, layer: str) -> str:
    """How the variables of a quantizer of HGQ2 are called here, by the name that it has in the layer."""
    role = parent.removeprefix(layer).removeprefix("_")
    return f"{role}/quantizer/" if role else "quantizer/"


_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
"""The group of a model's layers; the second in tf_keras 2.12 and 2.13."""


@dataclass(frozen=True)
class NumberedWeights(WeightSource):
    """``model.weights.h5`` inside a ``.keras`` file, and Keras's ``.weights.h5``: groups by class name, weights by
    number."""

    root: Any
    file: Path | None = None

    @staticmethod
    def recognizes(root: Any) -> bool:
        """Whether a file of weights has this form."""
        return "layer_names" not in root.attrs and any(name in root for name in _CONTAINERS)

    def _names(self, place: Place) -> tuple[str, ...]:
        return place.groups[:1]

    def _stored(self) -> list[str]:
        groups = (child(self.root, name, str(self.file)) for name in _CONTAINERS)
        return [name for group in groups for name in _stored_below(group, self.file)]

    def of(self, place: Place, part: str = "") -> Weights:
        path = "/".join(name for group in place.groups for name in ("layers", group))
        group = child(self.root, path, str(place))
        if group is None:
            path = path.replace("layers/", f"{_CONTAINERS[1]}/")
            group = child(self.root, path, str(place))
        if part:  # Keras 2 calls those of attention by their private names
            inside = (child(group, name, str(place)) for name in (part, f"_{part}"))
            group = next((found for found in inside if found is not None), None)
        return {} if group is None else _numbered(group, "", place, MAX_DEPTH)


def _numbered(group: Any, prefix: str, place: Place, depth: int) -> Weights:
    """Variables of a group, and of the groups inside: ``batchnorm/0`` and ``layer/0``; a cell's are its layer's own."""
    result: Weights = {}
    variables = child(group, "vars", str(place))
    for name in sorted(variables or (), key=lambda n: (len(n), n)):
        where = f"'{place}': {prefix}{name}"
        variable = child(variables, name, where)
        if not (prefix.endswith("quantizer/") and getattr(variable, "shape", None) == ()):  # HGQ2's i_decay_speed
            result[prefix + name] = read_array(variable, where)
    for name in group if depth else ():
        inner = None if name in ("vars", *_RANDOM) else child(group, name, f"'{place}': {name}")
        if hasattr(inner, "keys"):
            result |= _numbered(inner, prefix if name == "cell" else f"{prefix}{name}/", place, depth - 1)
    return result


@dataclass(frozen=True)
class LiveWeights(WeightSource):
    """The variables of a Keras model in memory (Keras 3, tf_keras or QKeras)."""

    model: Any

    def of(self, place: Place, part: str = "") -> Weights:
        layer = self.model
        for name in place.names:
            layer = layer.get_layer(name)
        layer = getattr(layer, f"_{part}" if part in ATTENTION_LAYERS else part) if part else layer
        result: Weights = {}
        for variable in layer.weights:
            path = str(getattr(variable, "path", variable.name)).split(":")[0].split("/")
            name = path[-1]
            if len(path) > 2 and path[-2].startswith(BITS):
                if name == DECAY:
                    continue
                name = quantizer_key(path[-3], place.names[-1]) + name
            result[name] = finite(np.asarray(variable), f"'{place}': {name}")
        return result
