"""``python -m bitsmith.bench.jets [DIR]``: a jet tagger of HGQ2, our LUTs beside alkaid's for the same file.

16 to 64, 32, 32 and 5, trained here on five clusters of 16 correlated features (synthetic: the jets' own data is not
there). Both tools' Verilog goes flat through the same Yosys for UltraScale. Ours is streams with registered buffers,
alkaid's a pipeline without; ours is also given module by module, as ``synth`` counts it.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..gen.build import build, load
from ..gen.config.schema import parse_config
from ..gen.files.folder import write_json
from ..gen.simulate.ports import Top
from ..gen.synth.yosys import synth
from ..gen.verify import verify
from ..sim.errors import BitsmithError
from ..sim.fast.predict import Reference
from .modules import resources_of

FEATURES, CLASSES, SEED, FRAMES = 16, 5, 3, 1000
WIDTHS = (64, 32, 32)
BETA, EPOCHS, BATCH = 1e-4, 60, 2048
STAGES_NS = 5.0
"""alkaid puts registers where its model of delays exceeds so much."""
GOAL = 1.05

Samples = tuple[NDArray[np.float32], NDArray[np.int64]]


def main() -> int:
    """0 where the integers are equal and our LUTs are at most ``GOAL`` of alkaid's."""
    parser = argparse.ArgumentParser(prog="bitsmith.bench.jets", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/bench_jets"))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    file = given.folder / "jets.keras"
    figures = train(file, given.epochs)
    figures["bitsmith"] = ours(file, given.folder / "bitsmith", samples(FRAMES, SEED + 1)[0])
    figures["alkaid"] = alkaids(file, given.folder / "alkaid", samples(FRAMES, SEED + 1)[0])
    figures["lut_ratio"] = figures["bitsmith"]["flat"]["lut"] / figures["alkaid"]["flat"]["lut"]
    write_json(given.folder / "jets.json", figures)
    print(text(figures))
    return int(figures["lut_ratio"] > GOAL or figures["bitsmith"]["mismatches"] > 0)


def samples(count: int, seed: int) -> Samples:
    """``count`` vectors and their clusters; the clusters themselves are always the same."""
    fixed, rng = np.random.default_rng(0), np.random.default_rng(seed)
    centers, mix = fixed.normal(0, 0.9, (CLASSES, FEATURES)), np.eye(FEATURES) * 0.8
    mix += fixed.normal(0, 0.35, mix.shape)
    labels = rng.integers(0, CLASSES, count)
    x = (centers[labels] + rng.normal(size=(count, FEATURES))) @ mix / 2
    return np.clip(x, -4, 4).astype(np.float32), labels


def train(file: Path, epochs: int) -> dict[str, Any]:
    """HGQ2's own training of bit widths, half a minute; its accuracy on 8,000 other samples."""
    keras = hgq()
    from hgq.config import LayerConfigScope, QuantizerConfigScope
    from hgq.layers import QDense
    from hgq.utils import trace_minmax

    keras.utils.set_random_seed(SEED)
    weights = QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM")
    values = QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP")
    with weights, values, LayerConfigScope(enable_ebops=True, beta0=BETA):
        inner = [QDense(width, activation="relu") for width in WIDTHS]
        model = keras.Sequential([keras.layers.Input((FEATURES,)), *inner, QDense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
    x, y = samples(40_000, SEED)
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
    trace_minmax(model, x, batch_size=2 * BATCH, verbose=False)
    _, accuracy = model.evaluate(*samples(8000, SEED + 2), batch_size=2 * BATCH, verbose=0)
    model.save(file)
    return {"accuracy": accuracy, "epochs": epochs, "seed": SEED, "data": "synthetic clusters"}


def ours(file: Path, folder: Path, x: NDArray[np.float32]) -> dict[str, Any]:
    """Built, simulated against the reference, and against HGQ2's own forward pass; LUTs flat and by module."""
    settings = {"Bitsmith": {"pixels_per_cycle": 16, "strategy": "distributed_arithmetic"}}
    graph = load(file, parse_config(settings))
    build(graph, settings, folder, vectors=8)
    levels = verify(folder, ["rtl"], inputs=x)["levels"]
    answers = hgq().models.load_model(file, compile=False).predict(x, verbose=0)
    (raw,) = Reference(graph).predict(x)
    fraction = graph.specs()[graph.outputs[0]].type.fraction
    top = Top.load(folder / "rtl").without_traces()
    found = synth(folder)
    return {
        "mismatches": levels["rtl"]["mismatches"],
        "mismatches_with_hgq": int((np.ldexp(raw, -fraction).reshape(answers.shape) != answers).sum()),
        "flat": flat(top.sources(), top.name, folder.with_name("bitsmith_flat")),
        "by_module": {key: found[key] for key in ("lut", "ff")},
    }


def alkaids(file: Path, folder: Path, x: NDArray[np.float32]) -> dict[str, Any]:
    """The same file by alkaid's own tracer and Verilog writer, compared with HGQ2's forward pass too."""
    from alkaid.codegen import RTLModel
    from alkaid.converter import trace_model
    from alkaid.trace import HWConfig, trace

    model = hgq().models.load_model(file, compile=False)
    logic = trace(*trace_model(model, HWConfig(1, 1, -1), {"hard_dc": 5}, False), optimize=True)
    project = RTLModel(logic, folder, "model", flavor="verilog", latency_cutoff=5, clock_period=STAGES_NS)
    project.write(None)
    sources = [path for path in sorted((folder / "src").rglob("*.v")) if path.stem != "model_wrapper"]
    wrong = logic.predict(x, n_threads=1) != model.predict(x, verbose=0)
    return {"mismatches_with_hgq": int(wrong.sum()), "flat": flat(sources, "model", folder.with_name("alkaid_flat"))}


def flat(sources: list[Path], top: str, work: Path) -> dict[str, int | float]:
    """LUTs and flip-flops of a whole design as one module."""
    files = {path.name: path.read_text(encoding="utf-8") for path in sources}
    found = resources_of(top, files, work, flatten=True)
    return {key: found[key] for key in ("lut", "ff")}


def hgq() -> Any:
    """Keras 3 with HGQ2's layers known; BitsmithError where HGQ2 is not installed."""
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    sys.path.append(str(Path(sys.prefix) / "hgq2"))  # where `make test` puts it
    try:
        import_module("hgq.layers")
        return import_module("keras")
    except ImportError as error:
        raise BitsmithError("HGQ2 is not installed; pip install hgq2, or make .venv/.test") from error


def text(figures: dict[str, Any]) -> str:
    """A table: LUTs and flip-flops of each, and the ratio that counts."""
    rows = {
        "bitsmith, flat": figures["bitsmith"]["flat"],
        "bitsmith, by module": figures["bitsmith"]["by_module"],
        "alkaid, flat": figures["alkaid"]["flat"],
    }
    lines = [f"jet tagger on synthetic clusters, accuracy {figures['accuracy']:.3f}, {figures['epochs']} epochs"]
    lines += [f"{name:20} {row['lut']:6.0f} LUT {row['ff']:6.0f} FF" for name, row in rows.items()]
    wrong = figures["bitsmith"]["mismatches"], figures["bitsmith"]["mismatches_with_hgq"]
    lines.append(
        f"Verilog against reference: {wrong[0]} mismatches in {FRAMES} vectors; reference against HGQ2: {wrong[1]}"
    )
    met = "met" if figures["lut_ratio"] <= GOAL else "not met"
    lines.append(f"LUT, flat, bitsmith / alkaid: {figures['lut_ratio']:.3f} (goal {GOAL}, {met})")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BitsmithError as error:
        sys.exit(f"error: {error}")
