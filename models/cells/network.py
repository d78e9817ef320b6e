"""The networks of the cell sorter: Student 2 (float and QKeras) and its teachers. Keras is imported late."""

from __future__ import annotations

from typing import Any

from ...sim.errors import BitsmithError
from ..training.keras import keras
from .quantization import Bits, StudentBits, Weights, fold
from .synthetic import SIZE

TEACHERS = ("resnet10", "resnet18", "resnet50")


def float_student(classes: int = 2) -> Any:
    """Student 2 in floating point, logits out; the layers are named as in :func:`quantized_student`."""
    k = keras()
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((SIZE, SIZE, 1), name="pixels_in"),
            layers.Activation("linear", name="pixels"),
            layers.Conv2D(16, 3, name="conv1"),
            layers.ReLU(name="relu1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(16, 3, name="conv2"),
            layers.ReLU(name="relu2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(classes, name="dense"),
        ],
        name="student2_float",
    )


def trainable_student(classes: int = 2) -> Any:
    """Student 2 with batch norm before each ReLU, for training only: :func:`folded_weights` takes it away again."""
    k = keras()
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((SIZE, SIZE, 1), name="pixels_in"),
            layers.Conv2D(16, 3, use_bias=False, name="conv1"),
            layers.BatchNormalization(momentum=0.9, name="norm1"),
            layers.ReLU(name="relu1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(16, 3, use_bias=False, name="conv2"),
            layers.BatchNormalization(momentum=0.9, name="norm2"),
            layers.ReLU(name="relu2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(classes, name="dense"),
        ],
        name="student2_training",
    )


def folded_weights(trained: Any) -> Weights:
    """The weights of :func:`float_student` that make it the same function as this :func:`trainable_student`."""
    weights: Weights = []
    for number in "12":
        norm = trained.get_layer(f"norm{number}")
        (kernel,) = trained.get_layer(f"conv{number}").get_weights()
        gamma, beta, mean, variance = norm.get_weights()
        weights += fold(kernel, gamma, beta, mean, variance, norm.epsilon)
    return weights + trained.get_layer("dense").get_weights()


def quantized_student(bits: StudentBits | None = None, classes: int = 2) -> Any:
    """Student 2 as a QKeras model: (48, 48, 1) pixels in [0, 1) to ``classes`` logits, no softmax."""
    k = keras()
    import qkeras

    b = bits or StudentBits()

    def weights(q: Bits) -> Any:
        return qkeras.quantized_bits(q.bits, q.integer, alpha=1)

    def relu(q: Bits) -> Any:
        return qkeras.quantized_relu(q.bits, q.integer)

    def parameters(kernel: Bits, bias: Bits) -> dict[str, Any]:
        # Seeded: QKeras calls an initializer twice where the grid is coarse, and Keras warns of an unseeded one.
        start = k.initializers.HeNormal(seed=1)
        return {"kernel_quantizer": weights(kernel), "bias_quantizer": weights(bias), "kernel_initializer": start}

    layers = k.layers
    return k.Sequential(
        [
            layers.Input((SIZE, SIZE, 1), name="pixels_in"),
            qkeras.QActivation(relu(b.pixels), name="pixels"),
            qkeras.QConv2D(16, 3, name="conv1", **parameters(b.conv1_kernel, b.conv1_bias)),
            qkeras.QActivation(relu(b.relu1), name="relu1"),
            layers.MaxPooling2D(2, name="pool1"),
            qkeras.QConv2D(16, 3, name="conv2", **parameters(b.conv2_kernel, b.conv2_bias)),
            qkeras.QActivation(relu(b.relu2), name="relu2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Flatten(name="flatten"),
            qkeras.QDense(classes, name="dense", **parameters(b.dense_kernel, b.dense_bias)),
        ],
        name="student2",
    )


def put_on_grid(model: Any) -> None:
    """Replace every weight by its quantized value, in place: the file then holds what the hardware computes with."""
    for layer in model.layers:
        quantizers = getattr(layer, "quantizers", None)
        if quantizers and layer.get_weights():
            layer.set_weights(
                [q(w).numpy() if q is not None else w.numpy() for q, w in zip(quantizers, layer.weights, strict=True)]
            )


def teacher(name: str = "resnet10", classes: int = 2) -> Any:
    """A teacher by name: ``resnet10`` (compact, trains on a laptop), ``resnet18`` or ``resnet50`` (the paper's).

    Input as Student 2's, so that both see the same view; the grey image is repeated where a network wants colour.
    """
    if name == "resnet10":
        return _basic_resnet(name, 1, 24, classes)
    if name == "resnet18":
        return _basic_resnet(name, 2, 64, classes)
    if name == "resnet50":
        return _resnet50(classes)
    raise BitsmithError(f"no teacher is called '{name}'; choose {', '.join(TEACHERS)}")


def _resnet50(classes: int) -> Any:
    k = keras()
    pixels = k.Input((SIZE, SIZE, 1), name="pixels")
    colour = k.layers.Concatenate(name="colour")([pixels, pixels, pixels])
    trunk = k.applications.ResNet50(include_top=False, weights=None, pooling="avg", input_shape=(SIZE, SIZE, 3))
    return k.Model(pixels, k.layers.Dense(classes, name="logits")(trunk(colour)), name="resnet50")


def _basic_resnet(name: str, blocks: int, width: int, classes: int) -> Any:
    """He et al. 2015, basic blocks; four stages of ``blocks`` blocks, the first convolution with stride 2."""
    k = keras()
    layers = k.layers
    pixels = k.Input((SIZE, SIZE, 1), name="pixels")
    x = layers.Conv2D(width, 5, strides=2, padding="same", use_bias=False, name="stem")(pixels)
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(momentum=0.9, name="stem_norm")(x))
    for stage in range(4):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            x = _basic_block(k, x, width << stage, stride, f"stage{stage + 1}_block{block + 1}")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return k.Model(pixels, layers.Dense(classes, name="logits")(x), name=name)


def _basic_block(k: Any, x: Any, width: int, stride: int, name: str) -> Any:
    layers = k.layers
    y = layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False, name=f"{name}_conv1")(x)
    y = layers.ReLU(name=f"{name}_relu1")(layers.BatchNormalization(momentum=0.9, name=f"{name}_norm1")(y))
    y = layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"{name}_conv2")(y)
    y = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm2")(y)
    if stride != 1 or x.shape[-1] != width:
        x = layers.Conv2D(width, 1, strides=stride, use_bias=False, name=f"{name}_skip")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_skip_norm")(x)
    return layers.ReLU(name=f"{name}_relu2")(layers.Add(name=f"{name}_add")([x, y]))


def only_logits(model: Any, indices: list[int]) -> Any:
    """The same network with the chosen logits only, in the given order."""
    k = keras()
    import tensorflow as tf

    chosen = k.layers.Lambda(lambda logits: tf.gather(logits, indices, axis=1), name="chosen")(model.output)
    return k.Model(model.input, chosen, name=f"{model.name}_chosen")


def outputs_of(model: Any, layer: str) -> Any:
    """The same network up to one layer."""
    return keras().Model(model.input, model.get_layer(layer).output)
