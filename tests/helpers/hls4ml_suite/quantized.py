"""QKeras: quantizers by themselves, and the layers that have them."""

from __future__ import annotations

from typing import Any

from .case import Kit, Layers, Model, stacked

MODELS: list[Model] = []


def add(name: str, shape: tuple[int, ...], layers: Layers, file: str = "test_qkeras", **more: Any) -> None:
    MODELS.append(stacked(file, name, shape, layers, **{"quantized": True, "steps": None} | more))


def _exactly(alpha: Any) -> Layers:
    return lambda layers, q: [
        q.QActivation(q.quantized_bits(4, 0, alpha=1), name="inp_quant"),
        q.QDense(
            16,
            name="fc1",
            kernel_quantizer=q.quantized_bits(4, 0, alpha=alpha),
            bias_quantizer=q.quantized_bits(4, 0, alpha=1),
        ),
        q.QActivation(q.quantized_relu(4, 0), name="relu1"),
    ]


for alpha in (1, "auto_po2"):
    add(f"dense exact alpha {alpha}", (16,), _exactly(alpha), exact=True)

BITS = ((8, 0), (8, 4), (4, 2), (4, 0), (10, 0))
RELUS = ((4, 0), (4, 2), (8, 0), (8, 4), (10, 0), (10, 5))
ALONE: tuple[tuple[str, tuple[int, ...], dict[str, Any]], ...] = (
    ("quantized_tanh", (8,), {}),
    ("quantized_sigmoid", (5,), {}),
    ("quantized_sigmoid", (7,), {"use_real_sigmoid": True}),
    *(("quantized_bits", bits, {}) for bits in BITS),
    *(("quantized_relu", bits, {}) for bits in RELUS),
    ("quantized_relu", (4, 0), {"negative_slope": 0.5}),
    ("quantized_relu", (8, 4), {"negative_slope": 1.0}),
    ("quantized_relu", (10, 2), {"negative_slope": 0.25}),
)


def _quantizer(name: str, *given: int, **named: Any) -> Layers:
    return lambda layers, q: [q.QActivation(getattr(q, name)(*given, **named), name="quantizer")]


for name, given, named in ALONE:
    what = ",".join([*map(str, given), *(f"{key}={value}" for key, value in named.items())])
    low = -1.0 if "negative_slope" in named else 0.0
    add(f"{name}({what})", (1,), _quantizer(name, *given, **named), low=low, high=low + 1, exact=True)


def _signs(kernel: Any, function: Any, norm: bool) -> Layers:
    def build(layers: Any, q: Any) -> Any:
        dense = q.QDense(10, kernel_quantizer=kernel(q), bias_quantizer=q.quantized_bits(5, 2), name="dense")
        between = [layers.BatchNormalization(name="bn")] if norm else []
        return [dense, *between, q.QActivation(function(q) if callable(function) else function)]

    return build


NETWORKS: tuple[tuple[Any, Any, bool], ...] = (
    (lambda q: q.ternary(alpha=1), "binary_tanh", False),
    (lambda q: q.binary(), "binary_tanh", False),
    (lambda q: q.ternary(alpha="auto"), lambda q: q.binary(), True),
    (lambda q: q.ternary(alpha="auto"), "ternary", True),
    (lambda q: q.ternary(alpha="auto"), lambda q: q.ternary(threshold=0.2), True),
    (lambda q: q.ternary(alpha="auto"), lambda q: q.ternary(threshold=0.8), True),
    (lambda q: q.binary(), lambda q: q.binary(), False),
)
for number, (kernel, function, norm) in enumerate(NETWORKS, 1):
    add(f"btnn {number}", (10,), _signs(kernel, function, norm))


def _inside(kernel: str, function: str) -> Layers:
    return lambda layers, q: [
        q.QDense(10, activation=function, name="qdense", kernel_quantizer=kernel, bias_quantizer=kernel)
    ]


FOUR = "quantized_bits(4, 0, alpha=1)"
for kernel, function in (
    ("binary", "binary"),
    ("ternary", "ternary"),
    *((FOUR, f"quantized_relu({n}, 0)") for n in (2, 4, 8)),
):
    add(f"kernel {kernel} activation {function}", (10,), _inside(kernel, function))

EIGHT = "quantized_bits(8, 0, alpha=1)"
add(
    "no quantizer for weights",
    (10,),
    precision="fixed<24,8>",
    steps=8,
    layers=lambda layers, q: [
        q.QDense(8, kernel_quantizer=None, bias_quantizer=None, activation="quantized_relu(8, 0)")
    ],
)
add(
    "qconv2dbn",
    (8, 8, 1),
    precision="fixed<24,8>",
    layers=lambda layers, q: [
        q.QConv2DBatchnorm(4, 3, kernel_quantizer=EIGHT, bias_quantizer=EIGHT, activation="quantized_relu(8, 0)")
    ],
)
add(
    "qdepthwiseconv2d",
    (32, 32, 3),
    precision="fixed<24,8>",
    layers=lambda layers, q: [
        q.QDepthwiseConv2D(
            3,
            depthwise_quantizer="quantized_bits(6, 0, alpha=1)",
            bias_quantizer=FOUR,
            activation="quantized_relu(3, 0)",
        )
    ],
)
add(
    "po2",
    (26,),
    precision="fixed<64,32>",
    layers=lambda layers, q: [q.QDense(6, name="dense", kernel_quantizer=q.quantized_po2(18, max_value=2**20))],
)


def _separable(dim: int) -> Layers:
    def build(layers: Any, q: Any) -> Any:
        parts = {f"{part}_quantizer": q.quantized_bits(8, 3, alpha=1) for part in ("depthwise", "pointwise", "bias")}
        return [getattr(q, f"QSeparableConv{dim}D")(5, 3, name="qsepconv_1", **parts)]

    return build


for dim, shape in ((1, (13, 20)), (2, (13, 21, 20))):
    add(
        f"qseparableconv{dim}d",
        shape,
        _separable(dim),
        precision="fixed<23,7>",
        exact=True,
        changes={
            "x": {"Precision": {"result": "fixed<8,1>"}},
            "qsepconv_1": {"Precision": {"dw_output": "fixed<15,4>"}},
        },
    )


def _binary_cnn(layers: Any, q: Any) -> Any:
    return [
        q.QConv2D(4, 3, kernel_quantizer="binary", bias_quantizer="quantized_bits(5,2)", name="conv2d_1"),
        q.QBatchNormalization(),
        q.QActivation("binary", name="act1"),
        q.QConv2D(8, 3, kernel_quantizer="binary", use_bias=False, name="conv2d_2"),
        q.QBatchNormalization(),
        q.QActivation("binary", name="act2"),
        layers.MaxPooling2D(2),
        q.QConv2D(8, 3, kernel_quantizer="binary", use_bias=False, name="conv2d_3"),
        q.QBatchNormalization(),
        q.QActivation("binary", name="act3"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        q.QDense(10, kernel_quantizer="binary", use_bias=False, name="q_dense_6"),
        q.QBatchNormalization(),
        q.QActivation("binary_tanh", name="act4"),
        q.QDense(10, kernel_quantizer="binary", activation="linear", use_bias=False, name="q_dense_7"),
    ]


add("binary", (28, 28, 1), _binary_cnn, file="test_binary_cnn", precision="fixed<32,12>")


def _saved(layers: Any, q: Any) -> Any:
    return [
        q.QConv2D(4, 3, kernel_quantizer="quantized_bits(8,4)", bias_quantizer=q.ternary(), name="conv2d_1"),
        q.QActivation("quantized_relu(6)", name="relu_1"),
        q.QConv2D(5, 3, kernel_quantizer=q.quantized_bits(8, 4), bias_quantizer=q.binary(), name="conv2d_2"),
        q.QActivation(q.quantized_relu(2), name="relu_2"),
        layers.Flatten(),
        q.QDense(5, activation="softmax", kernel_quantizer="quantized_po2(8,4)", name="dense_1"),
    ]


add("qkeras", (8, 8, 3), _saved, file="test_serialization")


def garnet(stack: bool) -> Any:
    """hls4ml's own layer of Keras, of a graph network."""

    def build(kit: Kit) -> Any:
        from hls4ml.contrib import garnet as layers

        common: dict[str, Any] = {
            "simplified": True,
            "collapse": "mean",
            "input_format": "xn",
            "output_activation": None,
            "name": "gar_1",
        }
        inputs = [kit.input(16, 3), kit.input(1, dtype="uint16")]
        if stack:
            layer = layers.GarNetStack([4, 4, 8], [4, 4, 8], [8, 8, 16], quantize_transforms=None, **common)
        else:
            layer = layers.GarNet(8, 8, 16, quantize_transforms=False, **common)
        return kit.model(inputs, layer(inputs))

    return build


MODELS += [Model("test_garnet", name, garnet(stack)) for name, stack in (("one", False), ("stack", True))]


def _custom(kit: Kit) -> Any:
    """A layer that the test's own code makes known to hls4ml."""

    class KReverse(kit.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, inputs: Any) -> Any:
            return inputs[..., ::-1]

    return kit.stack((8,), KReverse(), kit.layers.ReLU(), KReverse(), KReverse())


MODELS.append(Model("test_extensions", "custom layer", _custom, precision="ap_int<6>", low=-5.0, high=4.0, whole=True))
