"""A layer's weights by its place in the model: from Keras 2's and 3's ``.h5``, from ``.keras``, from a live model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .hdf5 import FloatArray, child, finite, read_array

MAX_DEPTH = 16

DIRECTIONS = ("forward_layer", "backward_layer")
"""The two layers inside Bidirectional."""

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


class WeightSource(Protocol):
    """Anything that hands out a layer's weights."""

    def of(self, place: Place, part: str = "") -> Weights:
        """The layer's weights, or those of one of ``DIRECTIONS`` inside it; empty where it has none."""


@dataclass(frozen=True)
class NamedWeights:
    """``.h5`` of Keras 2 and 3: one group for each layer of the outermost model, weights by name.

    The lists of names that Keras keeps as attributes are not read: damaged ones send the HDF5 library into a loop.
    """

    root: Any

    def of(self, place: Place, part: str = "") -> Weights:
        group = child(self.root, place.names[0], str(place))
        if group is None:
            return {}
        inner = place.names[-1:] if len(place.names) > 1 or part else ()
        return _named(group, (*inner, part.removesuffix("layer")) if part else inner, place, MAX_DEPTH)


def _named(group: Any, inside: tuple[str, ...], place: Place, depth: int) -> Weights:
    """Every array below a group by the last part of its path; only those inside of the groups ``inside``, in order.

    A name that ends in ``_`` stands for all that begin so: Bidirectional puts ``forward_`` before a layer's name.
    """
    result: Weights = {}
    for name in group if depth else ():
        where = f"'{place}': {name.split(':')[0]}"
        node = child(group, name, where)
        if hasattr(node, "keys"):
            found = bool(inside) and (name == inside[0] or (inside[0].endswith("_") and name.startswith(inside[0])))
            result |= _named(node, inside[1:] if found else inside, place, depth - 1)
        elif not inside:
            result[name.split(":")[0]] = read_array(node, where)
    return result


@dataclass(frozen=True)
class NumberedWeights:
    """``model.weights.h5`` inside a ``.keras`` file: groups by class name, weights by number."""

    root: Any

    def of(self, place: Place, part: str = "") -> Weights:
        path = "/".join(name for group in place.groups for name in ("layers", group))
        group = child(self.root, path, str(place))
        if group is None:
            path = path.replace("layers/", "_layer_checkpoint_dependencies/")  # tf_keras 2.12 and 2.13
            group = child(self.root, path, str(place))
        group = child(group, part, str(place)) if part else group
        return {} if group is None else _numbered(group, "", place, MAX_DEPTH)


_RANDOM = ("seed_generator",)
"""Groups that hold the state of a random generator, which only training draws from."""


def _numbered(group: Any, prefix: str, place: Place, depth: int) -> Weights:
    """Variables of a group, and of the groups inside: ``batchnorm/0`` and ``layer/0``; a cell's are its layer's own."""
    result: Weights = {}
    variables = child(group, "vars", str(place))
    for name in sorted(variables or (), key=lambda n: (len(n), n)):
        where = f"'{place}': {prefix}{name}"
        result[prefix + name] = read_array(child(variables, name, where), where)
    for name in group if depth else ():
        inner = None if name in ("vars", *_RANDOM) else child(group, name, f"'{place}': {name}")
        if hasattr(inner, "keys"):
            result |= _numbered(inner, prefix if name == "cell" else f"{prefix}{name}/", place, depth - 1)
    return result


@dataclass(frozen=True)
class LiveWeights:
    """The variables of a Keras model in memory (Keras 3, tf_keras or QKeras)."""

    model: Any

    def of(self, place: Place, part: str = "") -> Weights:
        layer = self.model
        for name in place.names:
            layer = layer.get_layer(name)
        layer = getattr(layer, part) if part else layer
        result: Weights = {}
        for variable in layer.weights:
            name = str(getattr(variable, "path", variable.name)).split(":")[0].split("/")[-1]
            result[name] = finite(np.asarray(variable), f"'{place}': {name}")
        return result
