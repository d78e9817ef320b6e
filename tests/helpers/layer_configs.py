"""One of every layer that is read: class name, input shape, attributes as Keras writes them, shapes of its weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from model_files import BITS4
from numpy.typing import NDArray

from bitsmith.gen.quantize.quantizers import SIGNATURES
from bitsmith.gen.read.weights import Place, WeightSource

IMAGE, SEQUENCE, VECTOR = (6, 6, 2), (6, 2), (4,)
Config = dict[str, Any]
Shapes = dict[str, Any]
"""Of the weights, by name."""


class Case(NamedTuple):
    """A layer, called on so many tensors of one shape."""

    class_name: str
    shape: tuple[int, ...]
    config: Config
    weights: Shapes | None = None
    tensors: int = 1


def window(d: int, **more: Any) -> Config:
    lists = {"kernel_size": [3] * d, "strides": [1] * d, "dilation_rate": [1] * d}
    return {**lists, "padding": "valid", "data_format": "channels_last", **LINEAR, **more}


def pool(d: int, **more: Any) -> Config:
    return {"pool_size": [2] * d, "strides": [2] * d, "padding": "valid", "data_format": "channels_last", **more}


def recurrent(**more: Any) -> Config:
    flags = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "time_major")
    return {**dict.fromkeys(flags, False), "units": 2, "use_bias": True, "activation": "tanh", "dropout": 0.0, **more}


LINEAR = {"activation": "linear", "use_bias": True}
GATED = {"recurrent_activation": "sigmoid", "implementation": 2}
QUANTIZED = {"kernel_quantizer": BITS4, "bias_quantizer": BITS4, "kernel_range": None}
QCELL = {f"{name}_quantizer": BITS4 for name in ("kernel", "recurrent", "bias", "state")}
NORM: Config = {"axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True}
STATISTICS: Shapes = dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (2,))
KERNEL: Shapes = {"kernel": (3, 3, 2, 2)}
BIAS: Shapes = {"bias": (2,)}
HARD = {"activation": "hard_tanh", "recurrent_activation": "hard_sigmoid"}
TYPES = ("kernel", "recurrent", "bias", "state", "gate_input", "gate", "candidate_input", "candidate")
GDN_TYPES = {
    "input_type": "fixed<8,4>",
    "beta_type": "ufixed<12,2>",
    "gamma_type": "ufixed<12,2>",
    "gain_type": "ufixed<12,2>",
    "square_type": None,
    "output_type": "fixed<8,4>",
}
FORM = {"form": "reciprocal_square_root", "segments": 16, "width": 16, "newton": False}
OURS = {"inverse": False, "beta_min": 1e-6, "reparam_offset": 2.0**-18}
FIXED_GDN = OURS | GDN_TYPES | FORM
POOLS = ("MaxPooling", "AveragePooling")
PARAMETERS: Shapes = {"beta": (2,), "gamma": (2, 2)}


def inner(class_name: str, config: Config) -> Config:
    return {"class_name": class_name, "config": {"name": "inside", "trainable": True, "dtype": "float32"} | config}


def theirs(name: str) -> Config:
    return {"class_name": f"tensorflow_compression>{name}", "config": {"minimum": 1e-6, "offset": 2.0**-18}}


def cell(gates: int, bias: tuple[int, ...]) -> Shapes:
    return {"kernel": (2, 2 * gates), "recurrent_kernel": (2, 2 * gates), "bias": bias}


GRU = recurrent(**GATED, reset_after=True)
BOTH = {"merge_mode": "concat", "layer": inner("GRU", GRU), "backward_layer": None}
DIRECTIONS = {
    f"{part}_layer/{name}": shape for part in ("forward", "backward") for name, shape in cell(3, (2, 6)).items()
}


def hgq_bits(kind: str, place: str, **more: Any) -> Config:
    """A quantizer's configuration as hgq2 0.2.0 writes it."""
    numbers = {"k0": True, "i0": 2, **({"f0": 6} if kind == "kif" else {"b0": 8})}
    limits = dict.fromkeys(("ic", "ir", *(("fc", "fr") if kind == "kif" else ("bc", "br"))))
    axes = {"homogeneous_axis": [0] if place == "datalane" else [], "heterogeneous_axis": None, "bw_mapper": None}
    general = {"q_type": kind, "place": place, "scaler": None, "qnoise_factor": None, "affine": None}
    modes = {"round_mode": "RND", "overflow_mode": "SAT", "i_decay_speed": 0.01, "trainable": True}
    config = general | numbers | modes | limits | axes | {"is_weight": place == "weight"} | more
    return {"class_name": "hgq>QuantizerConfig", "config": config}


def hgq_layer(*weights: str, **more: Any) -> Config:
    """What every layer of HGQ2 has; a quantizer of its input, its output, and of ``weights`` (kq, bq)."""
    places = {"iq": "datalane", "oq": "datalane", "kq": "weight", "bq": "bias"}
    quantizers = {f"{role}_conf": hgq_bits("kif", places[role]) for role in ("iq", "oq", *weights)}
    training = {"enable_ebops": True, "ebops_factor": 1.0, "beta0": None, "parallelization_factor": 1}
    return {"enable_iq": True, "enable_oq": True, **training, **quantizers, **more}


def hgq_shapes(own: Shapes, **quantized: tuple[int, ...]) -> Shapes:
    """The layer's weights, and the bits of its quantizers, by role."""
    return own | {f"{role}/quantizer/{name}": shape for role, shape in quantized.items() for name in "kif"}


HEADS = {"num_heads": 2, "key_dim": 3, "value_dim": 1, "dropout": 0.1, "use_bias": True, "use_gate": False,
         "output_shape": None, "attention_axes": [1], "sliding_window": None, "seed": None}  # fmt: skip
HEADS_SHAPES: Shapes = {
    **{f"{part}_dense/kernel": (2, 2, size) for part, size in (("query", 3), ("key", 3), ("value", 1))},
    **{f"{part}_dense/bias": (2, size) for part, size in (("query", 3), ("key", 3), ("value", 1))},
    **{"output_dense/kernel": (2, 1, 2), "output_dense/bias": (2,)},
}


CASES: tuple[Case, ...] = (
    Case("Absolute", VECTOR, {}),
    Case("Activation", VECTOR, {"activation": "relu"}),
    Case("ActivityRegularization", VECTOR, {"l1": 0.0, "l2": 0.0}),
    Case("Add", VECTOR, {}, tensors=2),
    Case("AlphaDropout", VECTOR, {"rate": 0.1, "noise_shape": None, "seed": None}),
    Case("Attention", SEQUENCE, {"use_scale": False, "score_mode": "dot", "dropout": 0.1, "seed": None}, tensors=2),
    Case("Average", VECTOR, {}, tensors=2),
    Case("AveragePooling1D", SEQUENCE, pool(1)),
    Case("AveragePooling2D", IMAGE, pool(2)),
    Case("BatchNormalization", IMAGE, NORM | {"renorm": False, "synchronized": False}, STATISTICS),
    Case("Bidirectional", SEQUENCE, BOTH, DIRECTIONS),
    Case(
        "BinaryDense",
        VECTOR,
        {"units": 2, "H": 0.5, "kernel_lr_multiplier": 7.3, "bias_lr_multiplier": None} | LINEAR,
        {"kernel": (4, 2)} | BIAS,
    ),
    Case("Concatenate", VECTOR, {"axis": -1}, tensors=2),
    Case("Conv1D", SEQUENCE, window(1, filters=2, groups=1), {"kernel": (3, 2, 2)} | BIAS),
    Case("Conv1DTranspose", SEQUENCE, window(1, filters=2, output_padding=None), {"kernel": (3, 2, 2)} | BIAS),
    Case("Conv2D", IMAGE, window(2, filters=2, groups=1), KERNEL | BIAS),
    Case("Conv2DTranspose", IMAGE, window(2, filters=2, output_padding=None, groups=1), KERNEL | BIAS),
    Case("Cropping1D", SEQUENCE, {"cropping": [1, 1]}),
    Case("Cropping2D", IMAGE, {"cropping": [[1, 1], [1, 1]], "data_format": "channels_last"}),
    Case("Dense", VECTOR, {"units": 2, "quantization_config": None} | LINEAR, {"kernel": (4, 2)} | BIAS),
    Case("DepthwiseConv1D", SEQUENCE, window(1, depth_multiplier=1), {"depthwise_kernel": (3, 2, 1)} | BIAS),
    Case("DepthwiseConv2D", IMAGE, window(2, depth_multiplier=1), {"depthwise_kernel": (3, 3, 2, 1)} | BIAS),
    Case("Dot", VECTOR, {"axes": 1, "normalize": False}, tensors=2),
    Case("Dropout", VECTOR, {"rate": 0.1, "noise_shape": None, "seed": None}),
    Case("ELU", VECTOR, {"alpha": 0.5}),
    Case(
        "EinsumDense",
        SEQUENCE,
        {"equation": "abc,cd->abd", "output_shape": [6, 2], "activation": "linear", "bias_axes": "d"},
        {"kernel": (2, 2)} | BIAS,
    ),
    Case("Elu", VECTOR, {"alpha": 1.0}),
    Case("Embedding", VECTOR, {"input_dim": 5, "output_dim": 2, "mask_zero": False}, {"embeddings": (5, 2)}),
    Case("Exp", VECTOR, {}),
    Case("FixedGDN", IMAGE, FIXED_GDN, PARAMETERS),
    Case(
        "FixedGRU",
        SEQUENCE,
        {f"{name}_type": "fixed<10,4>" for name in TYPES}
        | HARD
        | {"units": 2, "use_bias": True, "reset_after": True, "return_sequences": False, "reset_product_type": None},
        cell(3, (2, 6)),
    ),
    Case("Flatten", IMAGE, {"data_format": "channels_last"}),
    Case("GDN", IMAGE, OURS, PARAMETERS),
    Case("GRU", SEQUENCE, GRU, cell(3, (2, 6))),
    Case("GaussianDropout", VECTOR, {"rate": 0.1}),
    Case("GaussianNoise", VECTOR, {"stddev": 0.1}),
    Case("Gelu", VECTOR, {"approximate": True}),
    Case("GlobalAveragePooling1D", SEQUENCE, {"data_format": "channels_last", "keepdims": False}),
    Case("GlobalAveragePooling2D", IMAGE, {"data_format": "channels_last", "keepdims": False}),
    Case("GlobalMaxPooling1D", SEQUENCE, {"data_format": "channels_last", "keepdims": False}),
    Case("GlobalMaxPooling2D", IMAGE, {"data_format": "channels_last", "keepdims": False}),
    *(Case(name, VECTOR, {}) for name in ("HardSigmoid", "HardSilu", "HardTanh", "LogSigmoid")),
    Case("LSTM", SEQUENCE, recurrent(**GATED, unit_forget_bias=True), cell(4, (8,))),
    Case(
        "LayerNormalization",
        IMAGE,
        {"axis": -1, "epsilon": 0.001, "center": True, "scale": True, "rms_scaling": False},
        {"gamma": (2,), "beta": (2,)},
    ),
    Case("LeakyReLU", VECTOR, {"alpha": 0.25}),
    Case("LeakyRelu", VECTOR, {"negative_slope": 0.25}),
    Case("LogSoftmax", VECTOR, {"axis": -1}),
    Case("Matmul", (3, 3), {}, tensors=2),
    Case("MaxPooling1D", SEQUENCE, pool(1)),
    Case("MaxPooling2D", IMAGE, pool(2)),
    Case("Maximum", VECTOR, {}, tensors=2),
    Case("Minimum", VECTOR, {}, tensors=2),
    Case("MultiHeadAttention", SEQUENCE, HEADS, HEADS_SHAPES, tensors=2),
    Case("Multiply", VECTOR, {}, tensors=2),
    Case("Normalization", IMAGE, {"axis": [-1], "invert": False, "mean": [0.5, 1.0], "variance": [1.0, 4.0]}),
    Case("PReLU", IMAGE, {"shared_axes": [1, 2]}, {"alpha": (1, 1, 2)}),
    Case("Permute", SEQUENCE, {"dims": [2, 1]}),
    Case("QActivation", VECTOR, {"activation": BITS4}),
    Case("QAveragePooling2D", IMAGE, pool(2, average_quantizer=None, activation="linear")),
    Case(
        "QBatchNormalization",
        IMAGE,
        NORM | {f"{n}_quantizer": None for n in ("gamma", "beta", "mean", "variance")},
        STATISTICS,
    ),
    Case(
        "QBidirectional",
        SEQUENCE,
        {"merge_mode": "sum", "layer": inner("QGRU", recurrent(**GATED, **QCELL))},
        {f"{part}_layer/{n}": s for part in ("forward", "backward") for n, s in cell(3, (6,)).items()},
    ),
    Case("QConv1D", SEQUENCE, window(1, filters=2, **QUANTIZED), {"kernel": (3, 2, 2)} | BIAS),
    Case("QConv2D", IMAGE, window(2, filters=2, groups=1, **QUANTIZED), KERNEL | BIAS),
    Case(
        "QConv2DBatchnorm",
        IMAGE,
        window(2, filters=2, **QUANTIZED, **NORM, folding_mode="ema_stats_folding", ema_freeze_delay=None),
        KERNEL | BIAS | STATISTICS,
    ),
    Case("QConv2DTranspose", IMAGE, window(2, filters=2, output_padding=None, **QUANTIZED), KERNEL | BIAS),
    Case("QDense", VECTOR, {"units": 2} | LINEAR | QUANTIZED, {"kernel": (4, 2)} | BIAS),
    Case(
        "QDepthwiseConv2D",
        IMAGE,
        window(2, depth_multiplier=1, depthwise_quantizer=BITS4, bias_quantizer=BITS4),
        {"depthwise_kernel": (3, 3, 2, 1)} | BIAS,
    ),
    Case(
        "QDepthwiseConv2DBatchnorm",
        IMAGE,
        window(
            2,
            depth_multiplier=1,
            depthwise_quantizer=BITS4,
            bias_quantizer=BITS4,
            **NORM,
            folding_mode="ema_stats_folding",
        ),
        {"depthwise_kernel": (3, 3, 2, 1)} | BIAS | STATISTICS,
    ),
    Case("QGRU", SEQUENCE, recurrent(**GATED, **QCELL), cell(3, (6,))),
    Case("QGlobalAveragePooling2D", IMAGE, {"keepdims": False, "average_quantizer": BITS4, "activation": "linear"}),
    Case("QLSTM", SEQUENCE, recurrent(**GATED, **QCELL), cell(4, (8,))),
    Case(
        "QSeparableConv1D",
        SEQUENCE,
        window(
            1, filters=2, depth_multiplier=1, depthwise_quantizer=BITS4, pointwise_quantizer=BITS4, bias_quantizer=BITS4
        ),
        {"depthwise_kernel": (3, 2, 1), "pointwise_kernel": (1, 2, 2)} | BIAS,
    ),
    Case(
        "QSeparableConv2D",
        IMAGE,
        window(
            2, filters=2, depth_multiplier=1, depthwise_quantizer=BITS4, pointwise_quantizer=BITS4, bias_quantizer=BITS4
        ),
        {"depthwise_kernel": (3, 3, 2, 1), "pointwise_kernel": (1, 1, 2, 2)} | BIAS,
    ),
    Case("QSimpleRNN", SEQUENCE, recurrent(**QCELL), cell(1, (2,))),
    Case("ReLU", VECTOR, {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}),
    *(Case(name, VECTOR, {}) for name in ("Relu", "Relu6")),
    Case("RepeatVector", VECTOR, {"n": 3}),
    Case("Rescaling", IMAGE, {"scale": 0.25, "offset": [-1.0, 1.0]}),
    Case("Reshape", VECTOR, {"target_shape": [2, 2]}),
    Case("Round", VECTOR, {"decimals": 0}),
    Case(
        "SeparableConv1D",
        SEQUENCE,
        window(1, filters=2, depth_multiplier=1),
        {"depthwise_kernel": (3, 2, 1), "pointwise_kernel": (1, 2, 2)} | BIAS,
    ),
    Case(
        "SeparableConv2D",
        IMAGE,
        window(2, filters=2, depth_multiplier=1),
        {"depthwise_kernel": (3, 3, 2, 1), "pointwise_kernel": (1, 1, 2, 2)} | BIAS,
    ),
    *(Case(name, VECTOR, {}) for name in ("Selu", "Sigmoid", "Silu", "Softplus", "Softsign", "Tanh")),
    Case("SimpleRNN", SEQUENCE, recurrent(), cell(1, (2,))),
    Case("Softmax", VECTOR, {"axis": -1}),
    Case("SpatialDropout1D", SEQUENCE, {"rate": 0.1}),
    Case("SpatialDropout2D", IMAGE, {"rate": 0.1, "data_format": "channels_last"}),
    Case("Subtract", VECTOR, {}, tensors=2),
    Case(
        "TernaryDense",
        VECTOR,
        {"units": 2, "H": 1.0, "kernel_lr_multiplier": "Glorot", "bias_lr_multiplier": None} | LINEAR,
        {"kernel": (4, 2)} | BIAS,
    ),
    Case("TFOpLambda", VECTOR, {"function": "math.abs"}),
    Case("ThresholdedReLU", VECTOR, {"theta": 0.75}),
    Case("TimeDistributed", SEQUENCE, {"layer": inner("Dense", {"units": 2} | LINEAR)}, {"kernel": (2, 2)} | BIAS),
    Case("UpSampling1D", SEQUENCE, {"size": 2}),
    Case("UpSampling2D", IMAGE, {"size": [2, 2], "data_format": "channels_last", "interpolation": "nearest"}),
    Case("ZeroPadding1D", SEQUENCE, {"padding": [1, 1]}),
    Case("ZeroPadding2D", IMAGE, {"padding": [[1, 1], [1, 1]], "data_format": "channels_last"}),
    Case(
        "tensorflow_compression>GDN",
        IMAGE,
        {
            "inverse": False,
            "rectify": False,
            "alpha_parameter": 2,
            "epsilon_parameter": 0.5,
            "beta_parameter": theirs("GDNParameter"),
            "gamma_parameter": theirs("GDNParameter"),
        },
        PARAMETERS,
    ),
)


QUANTIZERS = tuple(
    {"class_name": name, "config": SIGNATURES[name] | {"bits": 4} if "bits" in SIGNATURES[name] else SIGNATURES[name]}
    for name in (
        *("quantized_bits", "quantized_relu", "quantized_tanh", "quantized_sigmoid", "binary", "ternary"),
        *("Quant", "Trunc"),
    )
)
"""Those of activations, with all parameters."""
POWERS = {"class_name": "quantized_po2", "config": SIGNATURES["quantized_po2"] | {"bits": 4}}
ENDS = {"iq": (1, 1, 1, 2), "oq": (1, 1, 1, 2)}
SEQUENCE_ENDS = {"iq": (1, 1, 2), "oq": (1, 1, 2)}
WEIGHTED = hgq_layer("kq", "bq")
MERGES = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
MERGED = {
    name: value for name, value in hgq_layer(iq_confs=[hgq_bits("kif", "datalane")] * 2).items() if name != "iq_conf"
}
MERGED_SHAPES = hgq_shapes({}, **{"iq/quantizers/quantizer": (1, 4), "iq/quantizers/quantizer_1": (1, 4), "oq": (1, 4)})
HGQ_STATISTICS: Shapes = dict.fromkeys(("bn_gamma", "bn_beta", "moving_mean", "moving_variance"), (2,))
HGQ_NORM: Shapes = {"bn_gamma": (4,), "moving_mean": (4,), "moving_variance": (4,)}
GLOBAL_ENDS = {"iq": (1, 1, 1, 2), "oq": (1, 2)}
CASES += (
    Case(
        "hgq>QDense",
        VECTOR,
        {"units": 2} | LINEAR | WEIGHTED,
        hgq_shapes({"kernel": (4, 2)} | BIAS, iq=(1, 4), oq=(1, 2), kq=(4, 2), bq=(2,)),
    ),
    Case(
        "hgq>QEinsumDense",
        VECTOR,
        {"equation": "ab,bc->ac", "bias_axes": "c", "output_shape": [2], "activation": "linear"} | WEIGHTED,
        hgq_shapes({"kernel": (4, 2)} | BIAS, iq=(1, 4), oq=(1, 2), kq=(4, 2), bq=(2,)),
    ),
    *(Case(f"hgq>Q{name}", VECTOR, MERGED, MERGED_SHAPES, tensors=2) for name in MERGES),
    Case(
        "hgq>QBatchNormDense",
        VECTOR,
        {"units": 2, "scale": True, "epsilon": 0.001, "momentum": 0.99, "synchronized": False} | LINEAR | WEIGHTED,
        hgq_shapes({"kernel": (4, 2)} | BIAS | HGQ_NORM, iq=(1, 4), oq=(1, 2), kq=(4, 2), bq=(2,)),
    ),
    Case(
        "hgq>QBatchNormalization",
        IMAGE,
        NORM | {"renorm": False, "synchronized": False} | WEIGHTED,
        hgq_shapes(
            dict.fromkeys(("bn_gamma", "bn_beta", "moving_mean", "moving_variance"), (2,)), **ENDS, kq=(2,), bq=(2,)
        ),
    ),
    Case(
        "hgq>QConv1D",
        SEQUENCE,
        window(1, filters=2, groups=1) | WEIGHTED,
        hgq_shapes({"kernel": (3, 2, 2)} | BIAS, **SEQUENCE_ENDS, kq=(3, 2, 2), bq=(2,)),
    ),
    Case(
        "hgq>QConv2D",
        IMAGE,
        window(2, filters=2, groups=1) | WEIGHTED,
        hgq_shapes(KERNEL | BIAS, **ENDS, kq=(3, 3, 2, 2), bq=(2,)),
    ),
    *(Case(f"hgq>Q{name}1D", SEQUENCE, pool(1) | hgq_layer(), hgq_shapes({}, **SEQUENCE_ENDS)) for name in POOLS),
    *(Case(f"hgq>Q{name}2D", IMAGE, pool(2) | hgq_layer(), hgq_shapes({}, **ENDS)) for name in POOLS),
    *(
        Case(f"hgq>QGlobal{name}2D", IMAGE, {"keepdims": False} | hgq_layer(), hgq_shapes({}, **GLOBAL_ENDS))
        for name in POOLS[:1]
    ),
    *(
        Case(f"hgq>QGlobal{name}2D", (4, 4, 2), {"keepdims": False} | hgq_layer(), hgq_shapes({}, **GLOBAL_ENDS))
        for name in POOLS[1:]
    ),
    *(
        Case(f"hgq>QGlobal{name}1D", (4, 2), {"keepdims": False} | hgq_layer(), hgq_shapes({}, iq=(1, 1, 2), oq=(1, 2)))
        for name in POOLS
    ),
    *(
        Case(
            name,
            VECTOR,
            {"RND": "TRN", "SAT": "WRAP", "shape": [1, 4], "overrides": {"layers": {}}, "fusible": False},
            dict.fromkeys(("keep_negative", "bits", "integers"), (1, 4)),
        )
        for name in ("FixedPointQuantizer", "HGQ>FixedPointQuantizer")
    ),
    Case(
        "hgq>QSoftmax",
        VECTOR,
        {"axes": [1], "stable": True, "allow_heterogeneous_table": False, "input_scaler": 1.0}
        | {f"{part}_iq_conf": hgq_bits("kif", "datalane") for part in ("exp", "inv")}
        | {f"{part}_oq_conf": hgq_bits("kif", "table", round_mode="RND_CONV") for part in ("exp", "inv")}
        | hgq_layer(),
        hgq_shapes(
            {}, iq=(1, 4), oq=(1, 4), **{f"{part}_table/{r}": (1, 1) for part in ("exp", "inv") for r in ("iq", "oq")}
        ),
    ),
    Case(
        "hgq>QUnaryFunctionLUT",
        VECTOR,
        {"activation": "tanh", "allow_heterogeneous_table": True, "allow_heterogeneous_input": True} | hgq_layer(),
        hgq_shapes({}, iq=(1, 4), oq=(1, 1)),
    ),
    Case(
        "hgq>Quantizer",
        VECTOR,
        {"config": hgq_bits("kbi", "datalane", overflow_mode="WRAP")},
        {f"quantizer/{name}": (1, 4) for name in "kbi"},
    ),
)
CASES += tuple(Case("QActivation", VECTOR, {"activation": quantizer}) for quantizer in QUANTIZERS)
CASES += (  # as the reader of ONNX writes them
    Case("Conv2D", IMAGE, {"filters": 2, "kernel_size": [3, 3], "pads": [[1, 0], [0, 2]], **LINEAR}, KERNEL | BIAS),
    Case("MaxPooling1D", SEQUENCE, {"pool_size": [2], "pads": [0, 1]}),
)
CASES += (Case("Affine", VECTOR, {}, {"scale": (4,), "offset": (4,)}),)  # of an ONNX graph
CASES += (Case("QDense", VECTOR, {"units": 2, **LINEAR, "kernel_quantizer": POWERS}, {"kernel": (4, 2)} | BIAS),)


class Stored(WeightSource):
    """The weights of one layer wherever they are asked for: numbers between 1/8 and 3/4, on a grid of 1/8."""

    def __init__(self, case: Case) -> None:
        self.shapes = case.weights or {}

    def of(self, place: Place, part: str = "") -> dict[str, NDArray[np.float64]]:
        inside = {n.removeprefix(f"{part}/"): s for n, s in self.shapes.items() if not part or n.startswith(f"{part}/")}
        return {name: 1 / 8 + (np.arange(np.prod(s)).reshape(s) % 6) / 8 for name, s in inside.items()}


def model(case: Case, config: Config, **outer: Any) -> dict[str, Any]:
    """The layer, called 'tested', behind an input 'x' of the case's shape, as a Functional model's JSON."""
    entry = {"name": "x", "batch_input_shape": [None, *case.shape], "dtype": "float32"}
    tested = {"class_name": case.class_name, "name": "tested", "config": {"name": "tested"} | config} | outer
    calls = {"inbound_nodes": [[["x", 0, 0, {}]] * case.tensors]}
    layers = [{"class_name": "InputLayer", "name": "x", "config": entry, "inbound_nodes": []}, calls | tested]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["tested", 0, 0]]}
    return {"class_name": "Functional", "config": {"name": "net", "layers": layers} | ends}
