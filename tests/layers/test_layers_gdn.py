"""``GDN`` against plain numpy, its gradient at the bound, and as a Keras layer (these tests need TensorFlow)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bitsmith.layers.gdn import gdn, lower_bound
from bitsmith.models.training.keras import save
from bitsmith.sim.errors import BitsmithError

pytestmark = pytest.mark.train

FloatArray = NDArray[np.float64]
PEDESTAL = 2.0**-36


def definition(x: FloatArray, beta: FloatArray, gamma: FloatArray, inverse: bool) -> FloatArray:
    """Pixel by pixel, channel by channel, from the stored variables."""
    beta = np.maximum(beta, np.sqrt(1e-6 + PEDESTAL)) ** 2 - PEDESTAL
    gamma = np.maximum(gamma, np.sqrt(PEDESTAL)) ** 2 - PEDESTAL
    y = np.zeros_like(x)
    for place in np.ndindex(x.shape[:-1]):
        for i in range(x.shape[-1]):
            norm = beta[i] + sum(gamma[j, i] * x[place][j] ** 2 for j in range(x.shape[-1]))
            y[place][i] = x[place][i] * (np.sqrt(norm) if inverse else 1 / np.sqrt(norm))
    return y


def filled(channels: int, rng: np.random.Generator, **options: Any) -> Any:
    """A layer with variables of both signs: about half of them lie below their bounds."""
    layer = gdn()(**options)
    layer.build((None, None, None, channels))
    layer.set_weights([rng.normal(0, 0.5, weight.shape) for weight in layer.get_weights()])
    return layer


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("shape", [(3, 4, 5, 6), (7, 9), (2, 3, 8)])
def test_it_is_the_definition(shape: tuple[int, ...], inverse: bool) -> None:
    rng = np.random.default_rng(3)
    layer = filled(shape[-1], rng, inverse=inverse, dtype="float64")
    x = rng.normal(0, 2, shape)
    beta, gamma = layer.get_weights()
    assert (beta < 0).any()
    assert (gamma < 0).any()
    np.testing.assert_allclose(layer(x).numpy(), definition(x, beta, gamma, inverse), rtol=1e-12)


def test_it_starts_as_compressai_does() -> None:
    """beta = 1 and gamma = 0.1 I as parameters; the variables are their roots, over a pedestal."""
    layer = gdn()(dtype="float64")
    layer.build((None, 8, 8, 4))
    beta, gamma = layer.get_weights()
    np.testing.assert_allclose(beta, np.sqrt(1 + PEDESTAL), rtol=1e-15)
    np.testing.assert_allclose(gamma[0, :2], [np.sqrt(0.1 + PEDESTAL), 2.0**-18], rtol=1e-15)
    found = [parameter.numpy() for parameter in layer.parameters()]
    np.testing.assert_allclose(found[0], np.ones(4), rtol=1e-15)
    np.testing.assert_allclose(found[1], 0.1 * np.eye(4), atol=1e-17)


def test_stored_parameters_come_back() -> None:
    rng = np.random.default_rng(5)
    layer = gdn()(dtype="float64")
    layer.build((None, 3))
    beta, gamma = rng.uniform(0.01, 9, 3), rng.uniform(0, 1, (3, 3)) * (rng.random((3, 3)) < 0.5)
    layer.set_weights([layer.stored(beta), layer.stored(gamma)])
    for expected, found in zip((beta, gamma), layer.parameters(), strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-16)


def test_the_gradient_at_the_bound_leads_back_only() -> None:
    """Above the bound every gradient passes, below only a negative one: a step against it raises the variable."""
    import tensorflow as tf

    x = tf.constant([0.5, 0.5, 1.0, 1.0, 2.0, 2.0])
    upstream = tf.constant([-3.0, 3.0, -3.0, 3.0, -3.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = lower_bound(x, 1.0)
        loss = tf.reduce_sum(y * upstream)
    np.testing.assert_array_equal(y.numpy(), [1, 1, 1, 1, 2, 2])
    np.testing.assert_array_equal(tape.gradient(loss, x).numpy(), [-3, 0, -3, 3, -3, 3])


def test_gradients_are_those_of_the_definition() -> None:
    """Against central differences, in each variable above its bound and in the input."""
    import tensorflow as tf

    rng = np.random.default_rng(7)
    layer = filled(3, rng, dtype="float64")
    layer.set_weights([np.abs(weight) + 0.1 for weight in layer.get_weights()])
    x, weights = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    values: list[FloatArray] = [x, *layer.get_weights()]
    with tf.GradientTape() as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        loss = tf.reduce_sum(layer(inputs) * weights)
    found = tape.gradient(loss, [inputs, *layer.trainable_variables])
    for which, gradient in enumerate(found):
        for place in np.ndindex(values[which].shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [value.copy() for value in values]
                moved[which][place] += step
                ends.append((definition(moved[0], moved[1], moved[2], False) * weights).sum())
            np.testing.assert_allclose(gradient.numpy()[place], (ends[0] - ends[1]) / 2e-5, atol=1e-8)


def test_the_inverse_undoes_it_nearly_and_keeps_the_shape() -> None:
    """With one beta and no gamma it undoes it exactly; else it is one step of the iteration that does."""
    rng = np.random.default_rng(11)
    there, back = filled(6, rng), filled(6, rng, inverse=True)
    weights = [there.stored(np.full(6, 2.25)), there.stored(np.zeros((6, 6)))]
    there.set_weights(weights)
    back.set_weights(weights)
    x = rng.normal(size=(2, 5, 7, 6)).astype(np.float32)
    y = back(there(x))
    assert y.shape == x.shape
    np.testing.assert_allclose(there(x).numpy(), x / 1.5, rtol=1e-6)
    np.testing.assert_allclose(y.numpy(), x, rtol=1e-6)


def test_a_saved_layer_is_the_same_layer(tmp_path: Path) -> None:
    """The file names the class Bitsmith>GDN and its variables beta and gamma."""
    import h5py
    import tf_keras

    image = tf_keras.Input((4, 4, 3), name="image")
    model = tf_keras.Model(image, gdn()(inverse=True, name="igdn")(image))
    rng = np.random.default_rng(13)
    model.set_weights([rng.normal(size=weight.shape) for weight in model.get_weights()])
    save(model, tmp_path / "gdn.h5")
    read = tf_keras.models.load_model(tmp_path / "gdn.h5", compile=False)
    assert read.get_layer("igdn").get_config() == model.get_layer("igdn").get_config()
    assert read.get_layer("igdn").get_config()["inverse"] is True
    x = rng.normal(size=(2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(read(x).numpy(), model(x).numpy())
    with h5py.File(tmp_path / "gdn.h5") as file:
        assert '"class_name": "Bitsmith>GDN"' in file.attrs["model_config"]
        assert sorted(file["model_weights/igdn/igdn"]) == ["beta:0", "gamma:0"]


def test_it_learns() -> None:
    """A layer finds another's parameters from its outputs."""
    import tensorflow as tf
    import tf_keras

    rng = np.random.default_rng(17)
    teacher, student = filled(3, rng), gdn()()
    x = tf.constant(rng.normal(0, 2, (256, 3)), tf.float32)
    student.build((None, 3))
    optimizer, losses = tf_keras.optimizers.legacy.Adam(0.05), []
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(student(x) - teacher(x)))
        optimizer.apply_gradients(zip(tape.gradient(loss, student.trainable_variables), student.trainable_variables))
        losses.append(float(loss))
    assert losses[-1] < 0.1 * losses[0]


def test_what_it_cannot_be_is_one_line() -> None:
    with pytest.raises(BitsmithError, match="inverse=yes on 'g' is not supported; supported: True, False"):
        gdn()(inverse="yes", name="g")
    with pytest.raises(BitsmithError, match="'g' has the input shape .*; fix the number of channels"):
        gdn()(name="g").build((None, 4, 4, None))
    with pytest.raises(BitsmithError, match="beta_min and reparam_offset on 'g' are no positive numbers"):
        gdn()(beta_min=0.0, name="g")
