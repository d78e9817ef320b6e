"""QKeras quantizers: reading them, and their numbers by hand and by qkeras itself."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from reading import legacy_keras

from bitsmith.gen.quantize.activation import activation_operators, exact_constant, plain_type
from bitsmith.gen.quantize.quantizers import NOT_SAVED, SIGNATURES, Quantizer, parse_quantizer
from bitsmith.gen.quantize.signatures import NOT_QKERAS
from bitsmith.gen.quantize.weights import on_type, quantize_weights
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fixed import Fixed, Overflow, Rounding, to_float
from bitsmith.sim.op import Spec


def parsed(text: Any) -> Quantizer:
    q = parse_quantizer(text, "'conv1' (kernel_quantizer)")
    assert q is not None
    return q


def test_text_and_dictionary_are_the_same() -> None:
    config = {"bits": 6, "integer": 1, "symmetric": 0, "alpha": 1, "keep_negative": True, "qnoise_factor": 1.0}
    for text in ("quantized_bits(6,1,alpha=1)", " quantized_bits( 6, integer=1, alpha = 1 ) "):
        assert parsed(text) == parsed({"class_name": "quantized_bits", "config": config, "module": "qkeras.quantizers"})
    assert parsed("quantized_relu(6)")["integer"] == 0
    assert parsed("binary") == parsed("binary()")
    assert parsed("quantized_bits(4,0,alpha='auto_po2')")["symmetric"] is True
    assert parse_quantizer(None, "x") is None
    assert str(parsed("quantized_relu(6,2,negative_slope=0.25)")) == "quantized_relu(6, 2, negative_slope=0.25)"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("quantised_bits(4)", "unknown quantizer 'quantised_bits'; supported: quantized_bits"),
        ("quantized_bits(4,", "cannot read"),
        ("quantized_bits(x)", "cannot read"),
        ("os.system('x')", "cannot read"),
        ("quantized_bits(4)(3)", "cannot read"),
        ("(" * 5000, "cannot read"),
        ("quantized_bits(4,wide=3)", "has no parameter 'wide'"),
        ("quantized_tanh(1,2,3,4,5,6)", "too many arguments"),
        ("quantized_bits(0)", "bits=0 of quantized_bits is not supported; supported: 1 to 32"),
        ("quantized_bits(4.5)", "no whole number"),
        ("quantized_bits(4,99)", "integer=99"),
        ("quantized_bits(4,alpha='best')", "alpha='best' is not supported"),
        ("quantized_bits(4,alpha=-1)", "alpha=-1 is not supported"),
        ("quantized_bits(4,qnoise_factor=0.5)", "qnoise_factor=0.5 is not supported; supported: 1.0"),
        ("bernoulli()", "bernoulli is not supported (it is random)"),
        ("stochastic_ternary()", "random"),
        ("quantized_linear(8,post_training_scale=1)", "quantized_linear has no parameter 'post_training_scale'"),
        ("quantized_hswish(8)", "the operator is missing"),
        ({"class_name": "quantized_bits", "config": [4]}, "no dictionary"),
        (17, "is no quantizer"),
    ],
)
def test_what_is_no_quantizer(data: Any, message: str) -> None:
    with pytest.raises(BitsmithError) as error:
        parse_quantizer(data, "'conv1' (kernel_quantizer)")
    assert message in str(error.value)
    assert "'conv1'" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "values", "raw", "type"),
    [
        ("quantized_bits(4,0,alpha=1)", [0.0625, 0.1875, -0.0625, 0.99, -3.0], [0, 2, 0, 7, -8], Fixed(True, 0, 3)),
        ("quantized_bits(4,0,1,alpha=1)", [-3.0, 3.0], [-7, 7], Fixed(True, 0, 3)),
        ("quantized_bits(4,2,alpha=1)", [0.5, 1.5, 2.6, -9.0], [1, 3, 5, -8], Fixed(True, 2, 1)),
        ("quantized_bits(4,0,alpha=0.5)", [0.5, -1.0], [4, -8], Fixed(True, -1, 4)),
        ("quantized_bits(3,0,keep_negative=False,alpha=1)", [-1.0, 0.5, 2.0], [0, 4, 7], Fixed(False, 0, 3)),
        ("quantized_bits(1,0,alpha=1)", [-0.1, 0.0, 0.1], [-1, 1, 1], Fixed(True, 1, 0)),
        ("binary(alpha=1)", [-0.1, 0.0, 5.0], [-1, 1, 1], Fixed(True, 1, 0)),
        ("binary(use_01=True,alpha=1)", [-0.1, 0.0, 5.0], [0, 1, 1], Fixed(False, 1, 0)),
        ("ternary(alpha=1)", [-0.4, -0.3, 0.2, 0.34], [-1, 0, 0, 1], Fixed(True, 1, 0)),
        ("quantized_po2(4)", [1.0, -0.5, 0.01, 100.0], [16, -8, 1, 128], Fixed(True, 4, 4)),
    ],
)
def test_weights_by_hand(text: str, values: list[float], raw: list[int], type: Fixed) -> None:
    grid = quantize_weights(parsed(text), np.array(values), "'conv1': kernel")
    assert grid.raw.tolist() == raw
    assert grid.type == type
    assert grid.scale is None


def test_scales_by_hand() -> None:
    """max|x| = 0.875 and 1.75 over two channels at 4 bits: steps of exactly 1/8 and 1/4, shifts of one type."""
    values = np.array([[0.875, -1.75], [0.5, 0.25]])
    grid = quantize_weights(parsed("quantized_bits(4,0,alpha='auto')"), values, "x")
    assert grid.scale is None
    assert to_float(grid.raw, grid.type).tolist() == values.tolist()
    other = quantize_weights(parsed("quantized_bits(4,0,alpha='auto')"), values * 0.75, "x")
    assert other.scale is not None
    assert other.raw.tolist() == [[7, -7], [4, 1]]
    np.testing.assert_array_equal(other.scale, np.array([[0.09375, 0.1875]]))


@pytest.mark.parametrize(
    ("text", "cure", "cured"),
    [
        ("quantized_po2(8)", "fewer bits", "quantized_po2(7)"),
        ("quantized_po2(8,max_value=1)", "fewer bits", "quantized_po2(6,max_value=1)"),  # max_value makes it worse
        ("quantized_bits(4,0,alpha='auto_po2')", "alpha=1", "quantized_bits(4,0,alpha=1)"),
    ],
)
def test_weights_that_take_too_many_bits_and_what_helps(text: str, cure: str, cured: str) -> None:
    least, largest = (1e-3, 1e17) if "auto" in text else (1e-20, 1.0)
    values = np.array([[least, largest], [0.0, largest]])
    with pytest.raises(BitsmithError, match=f"more than 62 bits; use {cure}$"):
        quantize_weights(parsed(text), values, "'conv1': kernel")
    quantize_weights(parsed(cured), values, "'conv1': kernel")


def test_configured_types_hold_their_weights() -> None:
    t = Fixed(True, 0, 3)
    values = np.array([0.1875, -1.0, 0.9])
    assert on_type(values, t, Rounding.TRN, Overflow.WRAP, "w").raw.tolist() == [1, -8, 7]
    assert on_type(values, t, Rounding.RND_CONV, Overflow.SAT, "w").raw.tolist() == [2, -8, 7]
    assert on_type(np.array([1.0]), t, Rounding.TRN, Overflow.SAT, "w").raw.tolist() == [7]
    for bad, overflow in ((1.0, Overflow.WRAP), (1.2, Overflow.SAT), (-1.2, Overflow.SAT)):
        with pytest.raises(BitsmithError, match=r"w\[1\] = -?1"):
            on_type(np.array([0.0, bad]), t, Rounding.TRN, overflow, "w")


def test_types_of_plain_quantizers() -> None:
    assert plain_type(parsed("quantized_relu(6,2)")) == (Fixed(False, 2, 4), Overflow.SAT)
    assert plain_type(parsed("quantized_bits(6,2)")) == (Fixed(True, 2, 3), Overflow.SAT)
    assert plain_type(parsed("quantized_bits(6,2,1)")) == (Fixed(True, 2, 3), Overflow.SAT_SYM)
    for text in ("quantized_tanh(4)", "quantized_bits(1)", "quantized_bits(4,alpha=2)", "quantized_relu(4,0,0,0.5)"):
        assert plain_type(parsed(text)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quantized_po2(4)", "quantized_po2 is not supported here"),
        ("quantized_bits(4,alpha='auto')", "depends on the data"),
        ("quantized_relu(4,0,1)", "use_sigmoid=1 is not supported"),
        ("quantized_relu(4,0,negative_slope=2.0)", "negative_slope=2.0 is not supported"),
        ("quantized_relu(4,0,negative_slope=0.0625)", "supported: powers of two from 0.125 to 1"),
        ("quantized_relu(8,0,negative_slope=0.75)", "supported: powers of two from 0.0078125 to 1"),
        ("quantized_relu(4,2,relu_upper_bound=1.1,is_quantized_clip=False)", "is not a multiple of"),
        ("ternary(threshold='auto')", "threshold='auto'"),
        ("ternary(threshold=0)", "threshold=0.0 is not supported"),
        ("quantized_tanh(4,use_real_tanh=True)", "needs 25 address bits"),
    ],
)
def test_activations_that_cannot_be_exact(text: str, message: str) -> None:
    with pytest.raises(BitsmithError) as error:
        activation_operators(parsed(text), Spec((2,), Fixed(True, 9, 20)), "'act'")
    assert message in str(error.value)


def test_upper_bounds_on_the_grid() -> None:
    q = parsed("quantized_relu(4,2,relu_upper_bound=1.5,is_quantized_clip=False)")
    (op,) = activation_operators(q, Spec((3,), Fixed(True, 4, 3)), "'act'")
    assert op.compute(np.array([[100, 7, -5]])).tolist() == [
        [6, 4, 0]
    ]  # 12.5, 0.875 -> 1.0 (a tie goes to even), -0.625


@pytest.mark.parametrize(("bits", "integer", "slope"), [(5, 2, 0.125), (5, 2, 0.0625), (3, 4, 0.25), (8, 0, 2.0**-7)])
def test_every_slope_down_to_one_step_works(bits: int, integer: int, slope: float) -> None:
    """The lower limit, -slope * 2**integer, is on the grid wherever the slope is no finer than 2**-(bits - 1)."""
    q = parsed(f"quantized_relu({bits},{integer},negative_slope={slope})")
    (op,) = activation_operators(q, Spec((1,), Fixed(True, 8, 0)), "'act'")
    y = to_float(op.compute(np.array([[-256]])), op.output_type)  # type: ignore[attr-defined]
    assert y.item() == -slope * 2**integer


@pytest.mark.parametrize("threshold", [None, 0.7, 1.0, 5.0, 1e-6])
def test_ternary_of_any_type(threshold: float | None) -> None:
    """By the definition, sign(x) where |x| >= threshold in float32, around the threshold and at the ends."""
    q = parsed(f"ternary(alpha=1,threshold={threshold})")
    t = float(np.float32(0.33 if threshold is None else threshold))
    for type in (Fixed(True, 3, 4), Fixed(True, 13, 30), Fixed(True, 13, 48), Fixed(True, -3, 48), Fixed(False, 4, 50)):
        k = int(np.ceil(np.ldexp(t, type.fraction)))
        near = [sign * (k + d) for sign in (-1, 1) for d in (-1, 0, 1)]
        raw = [r for r in (*near, type.raw_min, 0, type.raw_max) if type.raw_min <= r <= type.raw_max]
        spec, y = Spec((1,), type), np.array(raw)[:, None]
        for op in activation_operators(q, spec, "'act'"):
            y, spec = op.compute(y), op.infer(spec)
        assert y[:, 0].tolist() == [int(np.sign(r)) if abs(r) >= k else 0 for r in raw]


RELU = {"bits": 6, "integer": 2, "use_sigmoid": 0, "negative_slope": 0.0, "relu_upper_bound": 1.5}


def test_what_qkeras_does_not_save_is_not_guessed() -> None:
    """A bound that cuts something off counts only with is_quantized_clip=False, which get_config leaves out."""
    with pytest.raises(BitsmithError, match=r"'act'.* without is_quantized_clip.*bitsmith.load\(model\)") as error:
        parse_quantizer({"class_name": "quantized_relu", "config": RELU}, "'act'")
    cure = str(error.value).split("QActivation('")[1].split("')")[0]
    types = [plain_type(parsed(text)) for text in ("quantized_relu(6,2,relu_upper_bound=1.5)", cure)]
    assert types == [(Fixed(False, 2, 4), Overflow.SAT), None]  # text says all of it
    for changes in ({"relu_upper_bound": 3.9375}, {"relu_upper_bound": 0}, {"is_quantized_clip": True}):
        q = parsed({"class_name": "quantized_relu", "config": RELU | changes})
        assert plain_type(q) == (Fixed(False, 2, 4), Overflow.SAT)


@pytest.mark.train
def test_what_qkeras_does_not_save_is_known() -> None:
    """Each quantizer's parameters, and which of them its own get_config leaves out; 0.9.0 has fewer than master."""
    legacy_keras()
    from qkeras import quantizers

    training = {"var_name", "use_ste", "use_variables"}
    for name, parameters in SIGNATURES.items():
        if name in NOT_QKERAS:
            continue
        if not hasattr(quantizers, name):
            assert name == "quantized_linear"
            continue
        quantizer = getattr(quantizers, name)
        there = list(inspect.signature(quantizer).parameters)
        assert there == [p for p in parameters if p in there]
        lost = set(there) - set(quantizer().get_config())
        assert lost - training == set(NOT_SAVED.get(name, ())) & set(there), name


@pytest.mark.parametrize("value", [0.3, 0.2, 1 / 6, 6.0, 0.5, 0.0, -0.75, 1e-6])
def test_exact_constants(value: float) -> None:
    assert float(exact_constant(value)) == float(np.float32(value))


@pytest.mark.train
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("axes", [1, 2, 4])
@pytest.mark.parametrize(
    "text",
    [
        "quantized_bits(6,0,alpha=1)",
        "quantized_bits(4,1,1,alpha=1)",
        "quantized_bits(9,2)",
        "quantized_bits(4,0,alpha='auto')",
        "quantized_bits(7,1,alpha='auto')",
        "quantized_bits(4,0,alpha='auto_po2')",
        "quantized_bits(8,0,alpha='auto_po2')",
        "quantized_bits(4,0,alpha=1.5)",
        "quantized_po2(4)",
        "quantized_po2(5,max_value=2)",
        "quantized_po2(5,quadratic_approximation=True)",
        "quantized_po2(4,log2_rounding='floor')",
        "binary(alpha=1)",
        "binary(alpha='auto')",
        "binary(alpha='auto_po2')",
        "binary(use_01=True)",
        "ternary(alpha=1)",
        "ternary(alpha=2.0,threshold=0.1)",
        "ternary(alpha='auto')",
        "ternary(alpha='auto_po2')",
    ],
)
def test_weights_by_qkeras(text: str, axes: int) -> None:
    """The same integers: a value that went to another integer would be a whole step off, float32 is 2**-22 off."""
    _, _ = legacy_keras()
    from qkeras.quantizers import get_quantizer

    values = np.random.default_rng(11).normal(0, 0.5, (3, 3, 4, 5)[:axes]).astype(np.float32)
    grid = quantize_weights(parsed(text), values.astype(np.float64), "w")
    ours = to_float(grid.raw, grid.type) * (1.0 if grid.scale is None else grid.scale)
    theirs = np.asarray(get_quantizer(text)(values), dtype=np.float64)
    if grid.scale is None:
        np.testing.assert_array_equal(ours, theirs)
    else:
        assert np.abs(ours - theirs).max() <= 2.0**-22 * np.abs(values).max()
