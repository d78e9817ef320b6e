"""The committed networks of fli: the trained Keras model, the reference, the C simulation and the Verilog.

All at their full size of 70 samples. The larger ones take minutes to compile: ``make proofs`` has them in hardware.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

import bitsmith
from bitsmith.gen.build import build
from bitsmith.gen.config.schema import load_config
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.gen.verify import verify
from bitsmith.hw.rtl.recurrent import RecurrentCore
from bitsmith.models.fli.synthetic import SAMPLES, proof_curves
from bitsmith.sim.fast.predict import Reference
from bitsmith.sim.fixed import to_float

Need = Callable[..., None]
FOLDER = Path(bitsmith.__file__).parent / "models" / "fli"
FILES = ("lite32_8", "lite32_16", "lite16_8", "lite16_16", "stacked64x16_8")


def keras_output(stem: str, curves: NDArray[Any], folder: Path) -> NDArray[Any]:
    """The trained model's own output, computed in float64: float32 would round the products of 16 bits."""
    from bitsmith.models.fli.network import load
    from bitsmith.models.training.keras import keras

    double = folder / f"{stem}.h5"
    shutil.copy(FOLDER / f"{stem}.h5", double)
    with h5py.File(double, "r+") as file:
        file.attrs["model_config"] = str(file.attrs["model_config"]).replace('"float32"', '"float64"')
    keras().backend.set_floatx("float64")
    try:
        return np.asarray(load(double).predict(curves.astype(np.float64), verbose=0))
    finally:
        keras().backend.set_floatx("float32")


@pytest.mark.train
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("stem", FILES)
def test_the_trained_model_gives_the_reference_s_integers(stem: str, tmp_path: Path) -> None:
    pytest.importorskip("tf_keras")
    pytest.importorskip("qkeras")
    curves = proof_curves()
    graph = bitsmith.load(FOLDER / f"{stem}.h5")
    (raw,) = Reference(graph).predict(curves)
    reference = to_float(raw, graph.specs()[graph.outputs[0]].type).reshape(len(curves), SAMPLES, 1)
    np.testing.assert_array_equal(keras_output(stem, curves, tmp_path), reference)


def test_one_step_of_one_pixel_per_cycle() -> None:
    """What config.yaml asks for: adder graphs that take up a step in every cycle, as the schedule has it."""
    graph = bitsmith.load(FOLDER / "lite16_8.h5", FOLDER / "config.yaml")
    plan = plan_for(graph, load_config(FOLDER / "config.yaml"))
    network = plan.network()
    schedule = network.solve(network.depths())
    assert schedule.interval == SAMPLES * plan.sequences
    cores = [stage.core for stage in plan.stages if isinstance(stage.core, RecurrentCore)]
    assert [core.utilization for core in cores] == [1.0, 1.0]


@pytest.mark.parametrize("config", ["config.yaml", pytest.param("config_resource.yaml", marks=pytest.mark.slow)])
def test_the_smallest_in_hardware(config: str, tmp_path: Path, need: Need) -> None:
    need("g++", "verilator")
    model = FOLDER / "lite16_8.h5"
    build(bitsmith.load(model, FOLDER / config), FOLDER / config, tmp_path / "build", vectors=4)
    levels = ["hls", "rtl"] if config == "config.yaml" else ["rtl"]
    report = verify(tmp_path / "build", levels, inputs=proof_curves()[60:140])
    assert {row["mismatches"] for row in report["levels"].values()} == {0}
    assert report["cycles"]["equal"] is True
    assert report["passed"] is True
