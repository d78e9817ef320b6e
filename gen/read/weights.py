"""A layer's weights by its place in the model: from Keras 2's and 3's ``.h5``, from ``.keras``, from a live model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .hdf5 import FloatArray, child, finite, read_array

MAX_DEPTH = 16

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

    def of(self, place: Place) -> Weights:
        """The layer's weights; empty where it has none."""


@dataclass(frozen=True)
class NamedWeights:
    """``.h5`` of Keras 2 and 3: one group for each layer of the outermost model, weights by name.

    The lists of names that Keras keeps as attributes are not read: damaged ones send the HDF5 library into a loop.
    """

    root: Any

    def of(self, place: Place) -> Weights:
        group = child(self.root, place.names[0], str(place))
        if group is None:
            return {}
        inner = place.names[-1] if len(place.names) > 1 else None
        return _named(group, inner, place, MAX_DEPTH)


def _named(group: Any, inner: str | None, place: Place, depth: int) -> Weights:
    """Every array below a group by the last part of its path; those of ``inner`` alone where that is given."""
    result: Weights = {}
    for name in group if depth else ():
        where = f"'{place}': {name.split(':')[0]}"
        node = child(group, name, where)
        if hasattr(node, "keys"):
            result |= _named(node, None if name == inner else inner, place, depth - 1)
        elif inner is None:
            result[name.split(":")[0]] = read_array(node, where)
    return result


@dataclass(frozen=True)
class NumberedWeights:
    """``model.weights.h5`` inside a ``.keras`` file: groups by class name, weights by number."""

    root: Any

    def of(self, place: Place) -> Weights:
        path = "/".join(part for group in place.groups for part in ("layers", group))
        group = child(self.root, path, str(place))
        if group is None:
            path = path.replace("layers/", "_layer_checkpoint_dependencies/")  # tf_keras 2.12 and 2.13
            group = child(self.root, path, str(place))
        return {} if group is None else _numbered(group, "", place)


def _numbered(group: Any, prefix: str, place: Place) -> Weights:
    result: Weights = {}
    variables = child(group, "vars", str(place))
    for name in sorted(variables or (), key=lambda n: (len(n), n)):
        where = f"'{place}': {prefix}{name}"
        result[prefix + name] = read_array(child(variables, name, where), where)
    for name in ("batchnorm", "layer"):  # the parts of QConv2DBatchnorm and TimeDistributed
        inner = child(group, name, str(place))
        if inner is not None:
            result |= _numbered(inner, f"{name}/", place)
    return result


@dataclass(frozen=True)
class LiveWeights:
    """The variables of a Keras model in memory (Keras 3, tf_keras or QKeras)."""

    model: Any

    def of(self, place: Place) -> Weights:
        layer = self.model
        for name in place.names:
            layer = layer.get_layer(name)
        result: Weights = {}
        for variable in layer.weights:
            name = str(getattr(variable, "path", variable.name)).split(":")[0].split("/")[-1]
            result[name] = finite(np.asarray(variable), f"'{place}': {name}")
        return result
