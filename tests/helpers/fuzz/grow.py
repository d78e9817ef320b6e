"""One network of a recipe as Keras tensors, its sections of the configuration, and how its weights are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .kinds import KINDS, PLAIN

Params = dict[str, Any]
Tensor = Any
QUANTIZER = {
    "bits": "quantized_bits({b},{i},alpha=1)",
    "relu": "quantized_relu({b},{i})",
    "leaky": "quantized_relu({b},{i},negative_slope=0.25)",
    "tanh": "quantized_tanh({b})",
    "sigmoid": "quantized_sigmoid({b})",
    "binary": "binary(alpha=1)",
    "ternary": "ternary(alpha=1)",
}


@dataclass(frozen=True)
class Grid:
    """The weights of a layer: a seed, their spread, and the fraction bits they are rounded to (None: not)."""

    seed: int
    spread: float
    fraction: int | None
    bits: int = 8

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        return (1 << (self.bits - 1)) - 1


@dataclass
class Grow:
    """``k`` is tf_keras or Keras 3, ``q`` QKeras or HGQ2's layers; ``inside`` is set in branches, whose layers keep the
    size.

    ``exact``: Keras in float64 gives the reference's integers. ``blurred`` are layers that round inside, ``curves``
    tables of functions, ``hinted`` layers that get their type from the quantizer behind them.
    """

    k: Any
    q: Any
    prefix: str
    quantized: bool
    library: str = "tf_keras"
    sections: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    grids: dict[str, Grid] = field(default_factory=dict)
    inputs: list[Tensor] = field(default_factory=list)
    blurred: set[str] = field(default_factory=set)
    curves: set[str] = field(default_factory=set)
    hinted: set[str] = field(default_factory=set)
    exact: bool = True
    inside: bool = False
    count: int = 0

    def input(self, shape: tuple[int, ...], type_: list[int], whole: int = 0) -> Tensor:
        """An input of so many bits, of which the second number stands before the point besides the sign."""
        name = f"{self.prefix}x{len(self.inputs)}"
        x = self.k.layers.Input(shape, name=name)
        self.inputs.append(x)
        bits, integer = max(type_[0], 2), min(type_[1], max(type_[0], 2) - 1)
        if whole:
            return x
        if self.quantized and self.library == "tf_keras":
            return self.activation(x, ["bits", bits, integer])
        self.types[name] = f"fixed<{bits},{integer + 1}>"
        return x

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{self.prefix}{kind}{self.count}"

    def layers(self, x: Tensor, layers: list[Params]) -> Tensor:
        """Each layer that fits behind the one before it; one that does not is left out."""
        for layer in layers:
            kind = KINDS[layer["kind"]]
            if len(x.shape) - 1 in kind.ranks:
                x = kind.make(self, x, {**PLAIN, **layer})
        return x

    # quantizers and types -----------------------------------------------------------------------

    def activation(self, x: Tensor, q: list[Any]) -> Tensor:
        if self.library == "hgq":
            return self.q.Quantizer(name=self.name("q"))(x)
        text = self.quantizer(q)
        return self.q.QActivation(text, name=self.name("q"))(x)

    def quantizer(self, q: list[Any]) -> str:
        name, bits, integer = q
        if name in ("bits", "tanh", "leaky") and bits < 2:
            name = "binary"
        if name == "relu" and bits - integer < 0:
            integer = bits
        if name in ("bits", "leaky"):
            integer = min(integer, bits - 1)
        return QUANTIZER[name].format(b=bits, i=integer)

    def weights(self, p: Params) -> str:
        """QKeras's quantizer for a layer's weights."""
        bits, integer = p["w"]
        if bits == 2 and p["r"] % 3 == 0:
            return "ternary(alpha=1)"
        return "binary(alpha=1)" if bits == 1 else f"quantized_bits({bits},{min(integer, bits - 1)},alpha=1)"

    def fixed(self, p: Params) -> str:
        """The same as a type; one bit is no type of signed numbers."""
        bits = max(p["w"][0], 2)
        return f"fixed<{bits},{min(p['w'][1], bits - 1) + 1}>"

    def section(self, name: str, p: Params, **types: str) -> None:
        """The layer's types and strategy; the grid that its weights are drawn on."""
        section: dict[str, Any] = {"Precision": types} if types else {}
        if "strategy" in p:
            section["Strategy"] = p["strategy"]
        if section:
            self.sections[name] = section
        bits = max(p["w"][0], 2)
        integer = min(p["w"][1], bits - 1)
        self.grids[name] = Grid(p["r"], 2.0**integer * 0.6, bits - 1 - integer, bits)

    def blur(self, *names: str) -> None:
        """These layers round inside, so that Keras's results are near only."""
        self.exact = False
        self.blurred.update(names)

    def weighted(self, x: Tensor, kind: str, layer: Callable[..., Any], p: Params, *roles: str, **given: Any) -> Tensor:
        """A layer with weights: ``roles`` are its weights' in the configuration."""
        name = self.name(kind)
        self.section(name, p, **dict.fromkeys(roles, self.fixed(p)) if roles else {})
        return self.rounded(layer(name=name, **given)(x), p, name)

    def rounded(self, y: Tensor, p: Params, name: str, always: bool = True) -> Tensor:
        """A quantizer behind a layer, or a type for its result; plain layers with an odd ``alt`` stay exact."""
        if self.quantized:
            return self.activation(y, p["q"]) if always or p["alt"] % 3 == 0 else y
        if p["alt"] % 2 == 0 and always:
            self.result(name, p)
        return y

    def result(self, name: str, p: Params, signed: bool = True) -> None:
        """A type for a result, which then is no longer what Keras has."""
        bits, integer = max(p["q"][1], 4), min(p["q"][2], 3)
        mode = ("RND_CONV,SAT", "RND,SAT", "TRN,SAT", "RND_ZERO,SAT", "TRN,WRAP", "RND_INF,SAT_SYM")[p["r"] % 6]
        text = f"fixed<{bits},{integer + 1},{mode}>" if signed else f"ufixed<{bits},{integer},{mode}>"
        self.sections.setdefault(name, {}).setdefault("Precision", {})["result"] = text
        self.exact = False

    def untyped(self, y: Tensor, p: Params, name: str, exact: bool = False) -> Tensor:
        """Behind what needs a type for its result: the quantizer's, or one of the configuration."""
        self.curves |= set() if exact else {name}
        if self.quantized:
            self.hinted.add(name)
            self.exact = self.exact and exact
            named = p["q"] if p["q"][0] in ("bits", "relu") else ["bits", *p["q"][1:]]
            return self.activation(y, [named[0], max(named[1], 2), named[2]])
        self.result(name, p)
        return y


def fitting(shape: Any, p: Params, inside: bool) -> Params:
    """Kernel, strides, padding and dilation of a window that fits rows and columns of ``shape`` (with the batch)."""
    sizes = list(shape[1:-1])
    kernel = [min(k, n) for k, n in zip(p["k"], sizes)]
    strides = [1 if inside else min(s, n) for s, n in zip(p["s"], sizes)]
    room = all((k - 1) * p["d"] + 1 <= n for k, n in zip(kernel, sizes))
    if p.get("even"):
        strides = [min(strides)] * len(sizes)
    dilation = p["d"] if room and max(strides) == 1 else 1
    padding = "same" if inside or p["same"] else "valid"
    return {"kernel_size": kernel, "strides": strides, "padding": padding, "dilation_rate": [dilation] * len(sizes)}


def drawn(grid: Grid | None, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """One variable's values."""
    spread = grid.spread if grid else 0.5
    if "variance" in name:
        return rng.uniform(0.4, 1.9, shape)
    if "beta" in name and grid and grid.fraction is None:  # of a GDN
        return rng.uniform(0.5, 1.5, shape)
    if "gamma" in name:
        return rng.uniform(0.1, 0.8, shape)
    values = rng.normal(0, spread, shape)
    if grid is None or grid.fraction is None:
        return values
    return np.clip(np.round(np.ldexp(values, grid.fraction)), grid.low, grid.high) / 2.0**grid.fraction
