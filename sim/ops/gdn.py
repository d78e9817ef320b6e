"""Generalized divisive normalization and its inverse: every pixel's channels divided by a root of their energies.

Ballé, Laparra and Simoncelli, "Density Modeling of Images using a Generalized Normalization Transformation", 2016;
Mazouz et al., "Lightweight FPGA Deployment of Learned Image Compression", 2025, equations 3 and 4 with alpha = 1/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from ..cast import Cast, cast, cast_type
from ..errors import BitsmithError
from ..fixed import Fixed, IntArray
from ..interval import checked, exact_product
from ..op import Operator, Spec
from ..params import freeze_array, freeze_enum
from ..ranges import Accumulator, accumulator
from ..root import Form, Root, gain_type


@dataclass(frozen=True, eq=False)
class GDN(Operator):
    """``y[i] = x[i] * gain(beta[i] + sum gamma[j, i] * x[j]**2)``, the gain being ``s**-0.5``, inverse ``s**0.5``.

    ``gamma`` (c, c), from channel j to channel i, none negative, and ``beta`` (c,), all positive, are raw integers of
    their types. The sum is exact; ``root`` says how the gain is found and with which error. ``square`` rounds x**2
    (None: exact), ``gain`` the gain. The product is exact: input (…, c), output the same shape in ``product_type``.
    """

    stem: ClassVar[str] = "gdn"
    per_pixel: ClassVar[bool] = True

    input_type: Fixed
    gamma: IntArray
    gamma_type: Fixed
    beta: IntArray
    beta_type: Fixed
    gain: Cast
    inverse: bool = False
    form: Form = Form.RECIPROCAL_SQUARE_ROOT
    segments: int = 64
    width: int = 32
    newton: bool = False
    square: Cast | None = None

    def __post_init__(self) -> None:
        gamma = freeze_array(self, "gamma", (None, None), self.gamma_type)
        beta = freeze_array(self, "beta", (gamma.shape[1],), self.beta_type)
        freeze_enum(self, "form", Form)
        if gamma.shape[0] != gamma.shape[1]:
            raise BitsmithError(f"gdn: gamma has shape {gamma.shape}; it must be square, (channels, channels)")
        if gamma.min() < 0:
            raise BitsmithError("gdn: a gamma is negative; all must be zero or more")
        if beta.min() < 1:
            raise BitsmithError("gdn: a beta is zero or negative; give every one at least one step of its type")
        if self.square is not None and self.square.type.signed:
            raise BitsmithError(f"gdn: the squares' type {self.square.type} is signed; use ufixed")
        self.product_type, self.root  # noqa: B018  a value that is too wide is an error now, not later

    @property
    def channels(self) -> int:
        return len(self.beta)

    @cached_property
    def gains(self) -> int:
        """Gains of a pixel: one for all channels where their sums are the same, as in a layer normalization."""
        alike = (self.gamma == self.gamma[:, :1]).all() and (self.beta == self.beta[0]).all()
        return 1 if alike else self.channels

    @cached_property
    def exact_square(self) -> Fixed:
        """The type of ``x * x``."""
        largest = max(-self.input_type.raw_min, self.input_type.raw_max)
        return checked(0, largest * largest, 2 * self.input_type.fraction)

    @property
    def square_type(self) -> Fixed:
        """The type of the squares that gamma is multiplied with."""
        return cast_type(self.exact_square, self.square)

    @cached_property
    def accumulator(self) -> Accumulator:
        """The sum under the root, per channel, from the actual weights."""
        return accumulator(self.stem, self.square_type, self.gamma, self.gamma_type, self.beta, self.beta_type)

    @cached_property
    def root(self) -> Root:
        """What computes the gain from the sum."""
        sums = self.accumulator
        low, high = min(sums.low), max(sums.high)
        return Root(sums.type, low, high, self.gain, self.inverse, self.form, self.segments, self.width, self.newton)

    @cached_property
    def product_type(self) -> Fixed:
        return exact_product(self.input_type, self.gain.type)

    def fitting_gain(self, width: int) -> Cast:
        """A gain of ``width`` bits for these weights: the finest step with which none saturates."""
        return Cast(gain_type(self.root.range[1], width))

    def squares(self, x: IntArray) -> IntArray:
        """Raw squares, rounded where ``square`` says so."""
        return cast(x * x, self.exact_square, self.square)

    def infer(self, *inputs: Spec) -> Spec:
        self.expect(inputs, (self.input_type,))
        if inputs[0].shape[-1] != self.channels:
            raise BitsmithError(
                f"gdn: the input has {inputs[0].shape[-1]} channels, beta has {self.channels}; they must be equal"
            )
        return Spec(inputs[0].shape, self.product_type)

    def compute(self, *inputs: IntArray) -> IntArray:
        x, sums = inputs[0], self.accumulator
        s = ((self.squares(x) @ self.gamma) << sums.product_shift) + (self.beta << sums.bias_shift)
        return x * self.root(s)
