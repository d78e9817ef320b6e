"""The reference's predict against hls4ml's compiled predict and QKeras's own, on the same images in one process.

Run as a process of its own (``python -m bitsmith.bench.rivals MODEL IMAGES.npy FOLDER``), since TensorFlow takes
seconds to load and prints what it likes; the result is JSON on the last line of stdout.
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
from .timing import Time, of_call

BATCH, RUNS = 256, 40
HLS4ML_RUNS = 1  # of 256 images at tens of milliseconds each


def main(model: Path, images_file: Path, folder: Path) -> dict[str, Any]:
    """Seconds per image of each, and how often their outputs differ from the reference's."""
    from ..gen.build import load
    from ..sim.fast.predict import Reference

    images = np.load(images_file)
    batch = images[np.arange(BATCH) % len(images)]
    graph = load(model)
    reference = Reference(graph)
    found: dict[str, Any] = {"reference": _per_image(of_call(lambda: reference.predict(batch), RUNS))}
    if find_spec("tensorflow") is None or find_spec("qkeras") is None:
        return {**found, "skipped": f"TensorFlow and QKeras are not installed; {install_extra('train')}"}
    network = _keras(model)
    (raw,) = reference.predict(images)
    fraction = graph.specs()[graph.outputs[0]].type.fraction
    answers = network.predict(images, batch_size=BATCH, verbose=0).astype(np.float64)
    found["qkeras"] = _per_image(of_call(lambda: network.predict(batch, batch_size=BATCH, verbose=0), RUNS))
    found["qkeras_mismatches"] = int((answers * 2.0**fraction != raw.reshape(answers.shape)).sum())
    found["qkeras_compared"] = int(answers.size)
    compiled = hls4ml_project(network, folder)
    found["hls4ml"] = _per_image(of_call(lambda: compiled.predict(batch), HLS4ML_RUNS))
    answers = compiled.predict(batch).astype(np.float64).reshape(BATCH, -1)
    right = raw.reshape(len(raw), -1)[np.arange(BATCH) % len(images)]
    found["hls4ml_mismatches"] = int((answers * 2.0**fraction != right).sum())
    return found


def _per_image(time: Time) -> dict[str, float]:
    return {"wall_seconds": time.wall / BATCH, "cpu_seconds": time.cpu / BATCH}


def _keras(model: Path) -> Any:
    """The QKeras model, by tf_keras, which stands in for keras: hls4ml looks at the latter's version."""
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    import tf_keras

    sys.modules["keras"] = tf_keras
    from qkeras.utils import load_qmodel

    return load_qmodel(str(model), compile=False)


def hls4ml_project(network: Any, folder: Path) -> Any:
    """hls4ml's own conversion, compiled by its own script (g++ -O3)."""
    import hls4ml

    config = hls4ml.utils.config_from_keras_model(network, granularity="name", backend="Vitis")
    project = {"Backend": "Vitis", "IOType": "io_stream", "ProjectName": "rival", "OutputDir": str(folder)}
    model = hls4ml.converters.keras_v2_to_hls({**project, "KerasModel": network, "HLSConfig": config, "ClockPeriod": 4})
    model.compile()
    return model


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))))
