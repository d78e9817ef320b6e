"""The reference's predict on a GRU, against hls4ml's compiled predict and against Keras's own, in one process.

The network has random weights: 64 steps of one channel, QGRU(32) with hard activations, 8-bit kernel and
recurrent kernel and 16-bit state, then Dense(1) at each step. hls4ml 1.3.0 refuses a QGRU with hard activations, so
its time is that of its plain GRU(32) and Dense(1) of the same sizes, which is also Keras's. QKeras is timed in float32,
as it runs by default; its outputs are compared in float64, since its sums need more than float32's 24 bits.

Run as a process of its own (``python -m bitsmith.bench.recurrent FOLDER``); the result is JSON on the last line.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..sim.errors import install_extra
from .rivals import hls4ml_project
from .timing import Time, of_call

SEQUENCES, STEPS, UNITS, RUNS, SEED = 256, 64, 32, 20, 1
HLS4ML_RUNS = 1  # of 256 sequences at milliseconds each


def main(folder: Path) -> dict[str, Any]:
    """Seconds per sequence of each, and how many of QKeras's outputs are not the reference's."""
    from ..gen.build import load
    from ..sim.fast.predict import Reference

    if find_spec("tensorflow") is None or find_spec("qkeras") is None:
        return {"skipped": f"TensorFlow and QKeras are not installed; {install_extra('train')}"}
    keras = _legacy_keras()
    x = np.random.default_rng(SEED).integers(-128, 128, (SEQUENCES, STEPS, 1)) / np.float32(128)
    quantized, plain = quantized_network(keras), plain_network(keras)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "qgru.h5"
    quantized.save(path)
    graph = load(path)
    reference = Reference(graph)
    found: dict[str, Any] = {"reference": _per_sequence(of_call(lambda: reference.predict(x[:, np.newaxis]), RUNS))}
    found["qkeras"] = _per_sequence(of_call(lambda: quantized.predict(x, batch_size=SEQUENCES, verbose=0), RUNS))
    found["keras"] = _per_sequence(of_call(lambda: plain.predict(x, batch_size=SEQUENCES, verbose=0), RUNS))
    compiled = hls4ml_project(plain, folder / "rival")
    found["hls4ml"] = _per_sequence(of_call(lambda: compiled.predict(x), HLS4ML_RUNS))
    keras.backend.set_floatx("float64")
    exact = quantized_network(keras)
    exact.set_weights(quantized.get_weights())
    answers = exact.predict(x, batch_size=SEQUENCES, verbose=0)
    scaled = np.ldexp(answers, graph.specs()[graph.outputs[0]].type.fraction)
    wrong = scaled != reference.predict(x[:, np.newaxis])[0].reshape(scaled.shape)
    return {**found, "qkeras_mismatches": int(wrong.sum()), "qkeras_compared": int(wrong.size)}


def quantized_network(keras: Any) -> Any:
    """The benchmark's QGRU: 8-bit weights, 16-bit gates and state, hard activations."""
    import qkeras

    def bits(width: int) -> Any:
        return qkeras.quantized_bits(width, 0, alpha=1)

    weights = {"kernel_quantizer": bits(8), "bias_quantizer": bits(8)}
    x = inputs = keras.layers.Input((STEPS, 1), name="x")
    x = qkeras.QActivation(bits(8), name="x_rounded")(x)
    x = qkeras.QGRU(
        UNITS,
        activation=qkeras.quantized_tanh(16),
        recurrent_activation=qkeras.quantized_sigmoid(16),
        recurrent_quantizer=bits(8),
        state_quantizer=bits(16),
        return_sequences=True,
        reset_after=True,
        name="gru",
        **weights,
    )(x)
    x = qkeras.QActivation(bits(16), name="gru_rounded")(x)
    return keras.Model(inputs, qkeras.QDense(1, name="y", **weights)(x))


def plain_network(keras: Any) -> Any:
    """GRU and Dense of the same sizes."""
    x = inputs = keras.layers.Input((STEPS, 1), name="x")
    x = keras.layers.GRU(UNITS, return_sequences=True, reset_after=True, name="gru")(x)
    return keras.Model(inputs, keras.layers.Dense(1, name="y")(x))


def _per_sequence(time: Time) -> dict[str, float]:
    return {"wall_seconds": time.wall / SEQUENCES, "cpu_seconds": time.cpu / SEQUENCES}


def _legacy_keras() -> Any:
    """tf_keras, which stands in for keras; two names that QKeras's recurrent layers miss in TensorFlow are put back."""
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    import tensorflow as tf
    import tf_keras
    from tensorflow.python.ops import array_ops
    from tensorflow.python.util import nest

    nest.is_sequence = nest.is_nested
    array_ops.unstack = tf.unstack
    sys.modules["keras"] = tf_keras
    tf_keras.utils.set_random_seed(SEED)
    return tf_keras


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
