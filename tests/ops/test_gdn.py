"""The operator contract (contract.py) for generalized divisive normalization's parameters.

The definition in fractions; 8-bit outputs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from operator import mul
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from contract import OperatorContract
from definitions import Real, quantized, real
from hardware import SEED, Case, Hardware, draw, plan_alone
from hls_cases import joined
from numpy.testing import assert_array_equal
from sim_graphs import random_inputs
from test_conv2d_transpose import spoil
from test_hls import FRAMES, check, project
from test_hls import SEED as HLS_SEED
from test_hls_recurrent import job
from test_sim_root import KIND_NAMES, KINDS, nearest_even, slow_gain

from bitsmith.gen.hls import HlsModel
from bitsmith.gen.verify import vectors
from bitsmith.gen.verify.levels import hls
from bitsmith.hw.rtl.gdn import GDNKernel
from bitsmith.sim.cast import Cast
from bitsmith.sim.fixed import Fixed, IntArray, Overflow, Rounding, quantize
from bitsmith.sim.graph import Graph, Node
from bitsmith.sim.op import Spec
from bitsmith.sim.ops.activation import Activation, Kind
from bitsmith.sim.ops.gdn import GDN
from bitsmith.sim.root import Form

Need = Callable[..., None]
S8, U8, S5 = Fixed(True, 3, 4), Fixed(False, 0, 8), Fixed(True, 1, 3)
GAMMA, BETA = Fixed(False, 0, 8), Fixed(False, 1, 9)
PAPER, ONE_TABLE = Form.SQUARE_ROOT_RECIPROCAL, Form.RECIPROCAL_SQUARE_ROOT


def gdn(channels: int = 4, x: Fixed = S8, gamma: Fixed = GAMMA, beta: Fixed = BETA, gain: int = 14, **more: Any) -> GDN:
    """Random weights over their whole range; a gain of ``gain`` bits that none of them saturates."""
    weights = draw(gamma, channels, channels)
    offsets = np.maximum(draw(beta, channels), 1)
    first = GDN(x, weights, gamma, offsets, beta, Cast(Fixed(False, 1, 8)), **more)
    return replace(first, gain=first.fitting_gain(gain))


def case(channels: int = 4, height: int = 3, width: int = 4, pixels: int = 1, x: Fixed = S8, **more: Any) -> Case:
    return Case(gdn(channels, x, **more), (Spec((height, width, channels), x),), pixels)


def shared(reuse: int, pixels: int = 1, strategy: str = "resource", **more: Any) -> Case:
    layer = {"Strategy": strategy, "ReuseFactor": reuse}
    return Case(gdn(4, **more), (Spec((2, 5, 4), S8),), pixels, layer)


def weighted(weights: IntArray, offsets: IntArray) -> Case:
    op = gdn(len(offsets))
    op = replace(op, gamma=weights, beta=offsets)
    return Case(replace(op, gain=op.fitting_gain(14)), (Spec((2, 3, len(offsets)), S8),))


def one_gain(reuse: int = 1, pixels: int = 1, strategy: str = "resource", channels: int = 4, **more: Any) -> Case:
    """Channels with the same beta and the same gammas."""
    op = gdn(channels, **more)
    op = replace(op, gamma=np.tile(op.gamma[:, :1], channels), beta=np.full(channels, 77))
    layer = {"Strategy": strategy, "ReuseFactor": reuse}
    return Case(replace(op, gain=op.fitting_gain(14)), (Spec((2, 5, channels), S8),), pixels, layer)


def gained(gain: Cast) -> Case:
    return Case(replace(gdn(), gain=gain), (Spec((3, 4, 4), S8),))


def kind(form: Form, inverse: bool, newton: bool) -> dict[str, Any]:
    return {"form": form, "inverse": inverse, "newton": newton}


def expected_gain(op: GDN, x: Real) -> Real:
    """In float64, from its definition, with the squares as they are rounded."""
    squares = x * x
    if op.square is not None:
        squares = quantized(squares, op.square.type, op.square.rounding, op.square.overflow)
    s = np.einsum("...j,ji->...i", squares, real(op.gamma, op.gamma_type)) + real(op.beta, op.beta_type)
    return np.asarray(np.sqrt(s) if op.inverse else 1 / np.sqrt(s))


class TestGDN(OperatorContract):
    cases: ClassVar = {
        **{name: case(**kind(*k)) for name, k in zip(KIND_NAMES, KINDS)},
        "1 channel": case(1),
        "3 channels, inverse": case(3, inverse=True),
        "8 channels": case(8),
        "8 channels, the paper's form": case(8, form=PAPER, segments=128),
        "16 channels, inverse": case(16, 2, 2, inverse=True, form=PAPER),
        "18 bits inside": case(width=18, newton=True),
        "27 bits inside": case(width=27, inverse=True),
        "8 bits inside": case(width=8, segments=16),
        "4 segments": case(segments=4, newton=True),
        "256 segments": case(segments=256),
        "rounded squares": case(square=Cast(Fixed(False, 6, 2))),
        "saturating squares": case(square=Cast(Fixed(False, 3, 4)), inverse=True),
        "cut squares": case(square=Cast(Fixed(False, 8, 1), Rounding.TRN)),
        "a cut gain": gained(Cast(Fixed(False, 5, 4), Rounding.TRN)),
        "a saturating gain": gained(Cast(Fixed(False, -3, 9))),
        "a fine gain": case(gain=30, newton=True),
        "a gain of one bit": case(gain=1),
        "no gamma": weighted(np.zeros((3, 3), dtype=np.int64), np.array([1, 100, 1023])),
        "the least beta": weighted(np.eye(4, dtype=np.int64) * 255, np.ones(4, dtype=np.int64)),
        "the largest of all": weighted(np.full((4, 4), 255), np.full(4, 1023)),
        "unsigned": case(x=U8),
        "an odd fraction": case(beta=Fixed(False, 0, 17)),
        "negative fraction": case(x=Fixed(True, 9, -3), beta=Fixed(False, 6, 0), gamma=Fixed(False, 4, 1)),
        "negative integer part": case(x=Fixed(True, -3, 10), beta=Fixed(False, -4, 14)),
        "one bit": case(x=Fixed(False, 1, 0), gamma=Fixed(False, 1, 0), beta=Fixed(False, 1, 0)),
        "16 bits": case(x=Fixed(True, 7, 8), gamma=Fixed(False, 0, 16), beta=Fixed(False, 2, 16), gain=16),
        "a vector": Case(gdn(6), (Spec((6,), S8),)),
        "a sequence": Case(gdn(3), (Spec((1, 7, 3), S8),)),
        "between activations": Case(
            gdn(4, S5),
            (Spec((3, 3, 4), S8),),
            before=(Activation(S8, Kind.LINEAR, S5),),
            after=(Activation(gdn(4, S5).product_type, Kind.LINEAR, S8),),
        ),
        "one gain": one_gain(),
        "one gain, resource, 2": one_gain(2, inverse=True),
        "one gain, resource, 4": one_gain(4, newton=True),
        "one gain, adder graphs": one_gain(1, 2, "distributed_arithmetic"),
        "one gain, 4 pixels": one_gain(1, 4),
        "one gain, 6 channels in threes": one_gain(3, channels=6),
        "resource, 2": shared(2),
        "resource, 4": shared(4, form=PAPER),
        "resource, 16, inverse": shared(16, inverse=True),
        "adder graphs": shared(1, strategy="distributed_arithmetic"),
        "4 pixels, width no multiple": case(3, 2, 6, 4),
        "4 pixels, resource": shared(4, 4),
        "16 pixels, width 5": case(2, 3, 5, 16),
    }
    bad: ClassVar = {
        "a gamma that is no square": (
            lambda: replace(gdn(), gamma=np.ones((3, 4), dtype=np.int64)),
            r"gamma has shape \(3, 4\); it must be square",
        ),
        "a negative gamma": (
            lambda: replace(gdn(2), gamma=np.array([[1, -1], [0, 1]]), gamma_type=Fixed(True, 0, 8)),
            "a gamma is negative",
        ),
        "a beta of zero": (lambda: replace(gdn(2), beta=np.array([5, 0])), "a beta is zero or negative"),
        "a beta for another channel": (lambda: replace(gdn(2), beta=np.ones(3, dtype=np.int64)), "beta has shape"),
        "signed squares": (lambda: gdn(square=Cast(S8)), r"the squares' type fixed<8,4> is signed; use ufixed"),
        "a signed gain": (lambda: replace(gdn(), gain=Cast(S8)), "signed and a root is not; use ufixed"),
        "48 segments": (lambda: gdn(segments=48), "48 segments; use a power of two"),
        "an unknown form": (lambda: gdn(form="cordic"), "form 'cordic' is unknown; use one of square_root_reciprocal"),
        "33 bits inside": (lambda: gdn(width=33), "use 8 to 32"),
        "squares too wide": (lambda: gdn(x=Fixed(True, 16, 16)), "62 is the most"),
        "other channels": (
            lambda: gdn(4).infer(Spec((2, 2, 3), S8)),
            "the input has 3 channels, beta has 4; they must be equal",
        ),
        "reuse 8 of one sum": (lambda: plan_alone(one_gain(8)), "legal: 1, 2, 4$"),
        "reuse 3 with resource": (lambda: plan_alone(shared(3)), "legal: 1, 2, 4, 8, 16$"),
    }

    def test_float_bound(self, name: str) -> None:
        """What ``root.error`` proves, the gain's rounding, and nothing else."""
        case = self.cases[name]
        op = case.op
        assert isinstance(op, GDN)
        (spec,) = case.operator_inputs
        raw = vectors.make((("x", spec),), 40, SEED)["x"]
        x, step = real(raw, spec.type), 2.0**-op.gain.type.fraction
        gain = expected_gain(op, x)
        largest = op.gain.type.raw_max * step
        rounding = step / 2 if op.gain.rounding is Rounding.RND_CONV else step
        allowed = np.abs(x) * (gain * op.root.error + rounding) * (1 + 1e-9)
        got = real(op.compute(raw), op.infer(spec).type)
        saturated = gain * (1 - op.root.error) > largest
        assert (np.abs(got - x * gain) <= allowed)[~saturated].all()
        assert_array_equal(got[saturated], (x * largest)[saturated])
        assert saturated.any() == (name == "a saturating gain")


# --- the definition, 100,000 pixels -----------------------------------------------------------------------------------

PIXELS = 100_000
DEFINED = {
    "the paper's": gdn(8, form=PAPER, segments=32, width=32),
    "the paper's, inverse": gdn(8, form=PAPER, segments=64, width=16, inverse=True),
    "one table": gdn(8, S5, width=17),
    "one table, inverse": gdn(8, S5, width=27, inverse=True, square=Cast(Fixed(False, 3, 3))),
    "Newton": gdn(8, S5, segments=16, newton=True),
    "the paper's, Newton, inverse": gdn(8, S5, form=PAPER, newton=True, inverse=True, width=24),
}


def pixels(op: GDN, count: int, seed: int = SEED) -> IntArray:
    """Random ones over the whole range and over small parts of it, and the extremes."""
    low, high = op.input_type.raw_min, op.input_type.raw_max
    rng = np.random.default_rng(seed)
    raw = rng.integers(low, high, (count, op.channels), endpoint=True) >> rng.integers(0, 7, (count, 1))
    corners = list(product((low, 0, high), repeat=3))
    for k, corner in enumerate(corners):
        raw[k] = np.resize(corner, op.channels)
    return raw


def slow_square(op: GDN, x: int) -> int:
    if op.square is None:
        return x * x
    type_ = op.square.type
    return min(nearest_even(x * x, type_.fraction - 2 * op.input_type.fraction), type_.raw_max)


@pytest.mark.parametrize("name", DEFINED)
def test_the_integers_are_the_definition_s(name: str) -> None:
    """Each pixel's sum and gain in Python's integers: all channels of the extremes, then one channel after another."""
    op = DEFINED[name]
    x = pixels(op, PIXELS)
    got, up = op.compute(x).tolist(), (op.accumulator.product_shift, op.accumulator.bias_shift)
    square = {v: slow_square(op, v) for v in range(op.input_type.raw_min, op.input_type.raw_max + 1)}
    weights, biases = op.gamma.T.tolist(), [b * 2 ** up[1] for b in op.beta.tolist()]
    known: dict[int, int] = {}
    for p, pixel in enumerate(x.tolist()):
        squares = [square[v] for v in pixel]
        for i in range(op.channels) if p < 30 else [p % op.channels]:
            s = sum(map(mul, weights[i], squares)) * 2 ** up[0] + biases[i]
            if s not in known:
                known[s] = slow_gain(op.root, s)
            assert got[p][i] == pixel[i] * known[s], (p, i)
    assert len(known) > 1000, "many different sums"


# --- 8-bit outputs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "inverse", "newton"), KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("channels", [8, 192])
def test_8_bit_outputs_are_the_float_s(channels: int, form: Form, inverse: bool, newton: bool) -> None:
    """With weights as training leaves them (beta about 1, gamma small and strongest on the diagonal) and 128 segments:
    never off by more than one step, equal in at least 99.5 %."""
    rng = np.random.default_rng(channels)
    gamma, beta = Fixed(False, 0, 16), Fixed(False, 2, 14)
    weights = rng.exponential(0.3 / channels, (channels, channels)) + 0.1 * np.eye(channels)
    x_type = Fixed(True, 4, 11)
    op = GDN(
        *(x_type, quantize(weights, gamma), gamma, quantize(rng.uniform(0.5, 2, channels), beta), beta),
        gain=Cast(Fixed(False, 1, 8)),
        segments=128,
        **kind(form, inverse, newton),
    )
    op = replace(op, gain=op.fitting_gain(18))
    x = quantize(rng.laplace(0, 2, (PIXELS // channels, channels)), x_type)
    exact = real(x, x_type) * expected_gain(op, real(x, x_type))
    y_type = Fixed(True, int(np.ceil(np.log2(np.abs(exact).max()))), 0)
    y_type = Fixed(True, y_type.integer, 7 - y_type.integer)
    y = Activation(op.product_type, Kind.LINEAR, y_type, Rounding.RND_CONV, Overflow.SAT).compute(op.compute(x))
    off = np.abs(y - quantize(exact, y_type, Rounding.RND_CONV, Overflow.SAT))
    assert off.max() <= 1
    assert (off == 0).mean() >= 0.995
    assert len(np.unique(y)) > 100, "most of the 256 outputs occur"


def test_one_gain_has_one_sum_and_one_root() -> None:
    op, other = one_gain().op, shared(1).op
    assert isinstance(op, GDN)
    assert isinstance(other, GDN)
    for found, roots in ((op, 1), (other, 4), (replace(op, beta=np.array([77, 77, 77, 78])), 4)):
        kernel = GDNKernel("g", found, "resource", 1)
        assert (kernel.units, kernel.roots) == (4, roots)
        assert len(kernel.matrix.o) == roots * found.accumulator.type.width


# --- the C++ ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("io_type", "backend", "names"),
    [
        ("io_parallel", "Vitis", KIND_NAMES),
        pytest.param("io_parallel", "Vitis", list(TestGDN.cases), marks=pytest.mark.slow),
        pytest.param("io_stream", "Vivado", KIND_NAMES, marks=pytest.mark.slow),
    ],
)
def test_other_projects(io_type: str, backend: str, names: list[str], tmp_path: Path, need: Need) -> None:
    need("g++")
    check(joined([TestGDN.cases[name].graph("norm") for name in names]), tmp_path, IOType=io_type, Backend=backend)


def alone(op: GDN, height: int, width: int) -> Graph:
    x = Spec((height, width, op.channels), op.input_type)
    return Graph("alone", (("x", x),), (Node("norm", op, ("x",), "norm"),), ("norm",))


def frames_of(op: GDN, count: int, height: int, width: int) -> IntArray:
    return pixels(op, count * height * width).reshape(count, height, width, op.channels)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Hardware:
    """100,000 pixels for each of ``DEFINED``, as frames of 20 × 50."""
    cases = {name: Case(op, (Spec((20, 50, op.channels), op.input_type),)) for name, op in DEFINED.items()}
    hardware = Hardware(cases, tmp_path_factory.mktemp("many"))
    hardware.batch = {x: frames_of(op, 100, 20, 50) for x, op in zip(hardware.batch, DEFINED.values())}
    return hardware


@pytest.mark.slow
def test_100_000_pixels_in_the_cpp(many: Hardware, tmp_path: Path, need: Need) -> None:
    need("g++")
    project(many.whole, tmp_path)
    for name, got in zip(DEFINED, HlsModel(tmp_path).predict_raw(*many.batch.values())):
        assert_array_equal(got, many.expected[name], err_msg=name)


@pytest.mark.slow
def test_100_000_pixels_in_the_verilog(many: Hardware, need: Need) -> None:
    need("g++", "verilator")
    run = many.full_speed(next(iter(many.cases.values())))
    assert run.problems == ()
    for name in DEFINED:
        assert_array_equal(run.outputs[many.output(name)], many.expected[name], err_msg=name)


@pytest.mark.parametrize(("form", "inverse"), [pytest.param(PAPER, False, marks=pytest.mark.slow), (ONE_TABLE, True)])
def test_192_channels_in_the_cpp(form: Form, inverse: bool, tmp_path: Path, need: Need) -> None:
    need("g++")
    op = gdn(192, gain=16, form=form, inverse=inverse)
    project(alone(op, 4, 5), tmp_path)
    x = frames_of(op, 10, 4, 5)
    assert_array_equal(HlsModel(tmp_path).predict_raw(x)[0], op.compute(x))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unchanged project."""
    folder = tmp_path_factory.mktemp("whole")
    project(alone(MUTANT, 5, 6), folder)
    return folder


MUTANT = gdn(form=PAPER)


def looked_up(name: str, x: IntArray) -> int:
    """An entry of a table that a value needs far from its segment's start, where the slope counts; not the last one,
    whose results are clamped."""
    root, sums = MUTANT.root, MUTANT.accumulator
    s = ((MUTANT.squares(x) @ MUTANT.gamma) << sums.product_shift) + (MUTANT.beta << sums.bias_shift)
    m, _ = root.normalize(s)
    argument = m if name == "square_root" else root.clamp(root.tables["square_root"](m))
    k, d = root.tables[name].address(argument)
    return int(k.flat[np.argmax(np.where(k < root.segments - 1, d, 0))])


@pytest.mark.parametrize("role", ["g", *(pytest.param(r, marks=pytest.mark.slow) for r in ("b", "ri", "srs"))])
def test_a_flipped_bit_in_the_cpp(role: str, whole: Path, tmp_path: Path, need: Need) -> None:
    """A weight, or a line's intercept or slope: the level hls fails and names the layer. The bit is large enough that
    the gain's rounding cannot hide it."""
    need("g++")
    folder, graph = tmp_path / "spoilt", alone(MUTANT, 5, 6)
    shutil.copytree(whole, folder)
    (x,) = random_inputs(graph, FRAMES, HLS_SEED)
    (path,) = (folder / "hls" / "firmware" / "weights").glob(f"{role}[0-9]*.h")
    if role in "gb":
        spoil(path, 0, 5, (GAMMA if role == "g" else BETA).fraction)
    else:
        name = "square_root" if role.startswith("s") else "reciprocal"
        table = MUTANT.root.tables[name]
        bit = table.shift + table.fraction - 6 if role.endswith("i") else table.shift - 3
        spoil(path, looked_up(name, x), bit)
    outcome = hls(job(graph, folder, [x]))
    assert outcome.mismatches > 0
    assert outcome.divergence is not None
    assert outcome.divergence.node == "norm"
