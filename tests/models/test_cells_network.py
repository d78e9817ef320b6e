"""The networks and the losses of the cell sorter, held to their definitions (these tests need TensorFlow)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitsmith.models.cells import network, quantization, stages
from bitsmith.models.cells.data import Split
from bitsmith.models.cells.quantization import Bits, StudentBits
from bitsmith.models.training.keras import keras, save
from bitsmith.sim.errors import BitsmithError

pytestmark = pytest.mark.train


def some_split(count: int = 160) -> Split:
    """Bright and dark images with noise: learnable in seconds."""
    rng = np.random.default_rng(9)
    labels = np.arange(count, dtype=np.int64) % 2
    images = rng.integers(0, 120, (count, 48, 48, 1)) + 100 * labels[:, None, None, None]
    return Split(images.astype(np.uint8), labels)


def same(images: Any, rng: np.random.RandomState) -> Any:
    """The view that changes nothing."""
    return images


def silent(name: str, done: int, epochs: int, loss: float | None) -> None:
    """No progress."""


def test_student_2_has_its_5682_parameters_and_layers() -> None:
    for model in (network.float_student(), network.quantized_student()):
        assert model.count_params() == 5682
        assert model.output_shape == (None, 2)
        names = [layer.name for layer in model.layers]
        wanted = ["pixels", "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten", "dense"]
        assert names == wanted


def test_bits_reach_their_layers() -> None:
    bits = StudentBits(conv2_kernel=Bits(4, 1), relu1=Bits(7, 3), dense_bias=Bits(9, 2))
    model = network.quantized_student(bits, classes=3)
    kernel = model.get_layer("conv2").kernel_quantizer_internal
    assert (kernel.bits, kernel.integer, kernel.alpha) == (4, 1, 1)
    relu = model.get_layer("relu1").quantizer
    assert (relu.bits, relu.integer) == (7, 3)
    bias = model.get_layer("dense").bias_quantizer_internal
    assert (bias.bits, bias.integer) == (9, 2)
    assert model.output_shape == (None, 3)


def test_weights_are_put_on_their_grid_once_and_for_all() -> None:
    model = network.quantized_student()
    model.set_weights([np.random.default_rng(1).normal(0, 0.6, w.shape) for w in model.get_weights()])
    images = np.random.default_rng(2).random((3, 48, 48, 1)).astype(np.float32)
    before = model.predict(images, verbose=0)
    network.put_on_grid(model)
    np.testing.assert_array_equal(model.predict(images, verbose=0), before)
    for weights, step in zip(model.get_weights(), (32, 512, 32, 512, 32, 512)):
        np.testing.assert_array_equal(weights * step, np.rint(weights * step))
        assert np.abs(weights).max() <= 1


@pytest.mark.parametrize(("name", "millions"), [("resnet10", 0.7), ("resnet18", 11.2), ("resnet50", 23.6)])
def test_teachers_by_name(name: str, millions: float) -> None:
    model = network.teacher(name, classes=3)
    assert model.output_shape == (None, 3)
    assert model.count_params() / 1e6 == pytest.approx(millions, rel=0.05)
    with pytest.raises(BitsmithError, match="resnet10, resnet18, resnet50"):
        network.teacher("vgg")


def test_folding_keeps_the_function() -> None:
    trained = network.trainable_student()
    rng = np.random.default_rng(3)
    for number in "12":
        norm = trained.get_layer(f"norm{number}")
        norm.set_weights([rng.uniform(0.5, 2, 16), rng.normal(size=16), rng.normal(size=16), rng.uniform(0.5, 2, 16)])
    folded = network.float_student()
    folded.set_weights(network.folded_weights(trained))
    images = rng.random((4, 48, 48, 1)).astype(np.float32)
    expected = trained.predict(images, verbose=0)
    np.testing.assert_allclose(folded.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-4)
    even = network.float_student()
    even.set_weights(quantization.equalize(folded.get_weights()))
    np.testing.assert_allclose(even.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-4)


def test_distillation_loss_by_hand() -> None:
    """T = 2: softmax((ln 9, 0) / 2) = (3/4, 1/4) against (1/2, 1/2); T^2 KL = 4 (3/4 ln 3/2 + 1/4 ln 1/2)."""
    teacher, student = np.log([[9.0, 1.0]]), np.zeros((1, 2))
    expected = 4 * (0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert float(stages.distillation_loss(teacher, student, 2.0)) == pytest.approx(expected)
    assert float(stages.distillation_loss(teacher, teacher + 5.0, 2.0)) == pytest.approx(0.0, abs=1e-12)


def test_distillation_takes_logits_not_probabilities() -> None:
    """Sharp logits stay sharp: with a softmax applied twice, this loss could not exceed ln(e + 1) - ln 2 < 0.63."""
    loss = float(stages.distillation_loss(np.array([[20.0, 0.0]]), np.array([[0.0, 20.0]]), 1.0))
    assert loss == pytest.approx(20.0, rel=1e-6)


def test_teacher_and_student_see_the_same_mixed_pixels(tmp_path: Path) -> None:
    """Inputs are mixed, once, before both networks; outputs never."""
    import tensorflow as tf

    seen: dict[str, list[Any]] = {"teacher": [], "student": []}

    def spy(name: str, images: Any) -> Any:
        tf.py_function(lambda x: seen[name].append(x.numpy()), [images], [])
        return tf.reduce_mean(images, axis=(1, 2)) * tf.constant([[1.0, -1.0]])

    class Student(tf.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(1.0)
            self.trainable_list = [self.weight]

        def __call__(self, images: Any, training: bool) -> Any:
            return self.weight * spy("student", images)

    def half_and_half(images: Any, rng: np.random.RandomState) -> Any:
        return (images + images[::-1]) / 2

    stage = stages.Stage("spy", 1, 1e-3, half_and_half, imitate=lambda images: spy("teacher", images))
    split = some_split(128)
    stages.run(stage, Student(), split, 1, tmp_path, silent)
    assert len(seen["teacher"]) == len(seen["student"]) == 2
    for teacher, student in zip(seen["teacher"], seen["student"]):
        np.testing.assert_array_equal(teacher, student)
        np.testing.assert_array_equal(teacher, teacher[::-1])  # what half_and_half makes, and no raw image is


def test_classes_are_sampled_evenly_where_they_are_not(tmp_path: Path) -> None:
    labels = np.array([0] * 900 + [1] * 100, np.int64)
    order = stages._balanced_order(labels, np.random.RandomState(4))
    assert len(order) == 1000
    assert labels[order].mean() == pytest.approx(0.5, abs=0.06)
    even = np.arange(10) % 2
    np.testing.assert_array_equal(np.sort(stages._balanced_order(even, np.random.RandomState(4))), np.arange(10))


def test_an_interrupted_stage_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stop after one epoch, start again in a new model: the same weights as a run in one go, bit for bit."""
    k = keras()
    stage = stages.Stage("labels", 3, 1e-3, same)

    class Interrupted(Exception):
        pass

    def stop(name: str, done: int, epochs: int, loss: float | None) -> None:
        raise Interrupted

    def fresh() -> Any:
        k.utils.set_random_seed(6)
        return network.quantized_student()

    whole = fresh()
    stages.run(stage, whole, some_split(), 6, tmp_path / "whole", silent)
    with pytest.raises(Interrupted):
        stages.run(stage, fresh(), some_split(), 6, tmp_path / "parts", stop)
    resumed = fresh()
    said: list[tuple[Any, ...]] = []
    capsys.readouterr()
    again = stages.run(stage, resumed, some_split(), 6, tmp_path / "parts", lambda *report: said.append(report[1:]))
    assert [epochs for epochs, *_ in said] == [1, 2, 3]
    assert said[0] == (1, 3, None)  # no loss before there is one
    place = tmp_path / "parts" / "labels" / "ckpt-1"
    assert capsys.readouterr().err == f"labels goes on after epoch 1 of 3: {place}\n"
    assert again.done == 3
    assert again.seconds > 0
    for expected, found in zip(whole.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(found, expected)


def test_a_teacher_of_three_classes_gives_the_students_two_logits() -> None:
    model = network.teacher("resnet10", classes=3)
    images = np.random.default_rng(4).random((2, 48, 48, 1)).astype(np.float32)
    chosen = network.only_logits(model, [2, 0])
    np.testing.assert_array_equal(chosen(images).numpy(), model(images).numpy()[:, [2, 0]])


def test_the_same_weights_make_the_same_file(tmp_path: Path) -> None:
    """Byte for byte, so that a committed model changes only when the network does; and no optimizer inside."""
    weights = network.quantized_student().get_weights()
    for name in ("a.h5", "b.h5"):
        model = network.quantized_student()
        model.set_weights(weights)
        save(model, tmp_path / name)
    first = (tmp_path / "a.h5").read_bytes()
    assert first == (tmp_path / "b.h5").read_bytes()
    assert b"optimizer" not in first
    assert len(first) < 100_000
