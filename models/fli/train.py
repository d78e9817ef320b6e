"""``bitsmith train fli``: teacher, students, quantization-aware training, distillation, and what they reach.

Everything is trained and measured on synthetic decays.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...gen.files.folder import write_text, writing
from ...sim.errors import BitsmithError
from ..training.display import progress_bar
from ..training.keras import keras, require_training_extra, save
from ..training.run_folder import Report, announce, prepare
from . import measure, network, results
from .jobs import Job, Plan, full_plan, quick_plan
from .stages import BATCH, CLIP_NORM, Stage, run
from .synthetic import Decays, mono_test_set, test_set, train_set, validation_set

Weights = list[NDArray[np.floating]]


def train(
    data: str = "synthetic",
    path: str | Path | None = None,
    out: str | Path | None = None,
    seed: int = 1,
    quick: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Train every network of the plan; the .h5 files, results.json and results.md go to ``out`` (build/train/fli).

    A run that was interrupted goes on from its last checkpoint. Returns :func:`results.summary`. BitsmithError for bad
    arguments and where the training extra is missing.
    """
    require_training_extra()
    if data != "synthetic" or path is not None:
        raise BitsmithError("fli is trained on its own synthetic decays; give neither --data nor --path")
    if not 0 <= seed < 2**32 - 4:
        raise BitsmithError(f"seed {seed} is out of range; give 0 to {2**32 - 5}")
    folder = Path(out) if out is not None else Path("build") / "train" / "fli"
    plan = quick_plan(seed) if quick else full_plan(seed)
    checkpoints = prepare(folder, plan)
    with progress_bar({job.name: job.steps for job in plan.jobs}, seed, progress) as report:
        runner = Runner(plan, folder, checkpoints, report)
        for job in plan.jobs:
            runner.run(job)
    result = runner.write_results()
    shutil.rmtree(checkpoints)
    return results.summary(result)


class Runner:
    """Does the jobs one by one. What a job has found lies in the checkpoints' folder and is not done again."""

    def __init__(self, plan: Plan, folder: Path, checkpoints: Path, report: Report) -> None:
        keras()  # before TensorFlow, which reads the legacy switch when it is imported
        self.plan, self.folder, self.checkpoints, self.report = plan, folder, checkpoints, report
        train, validation, test = plan.images
        self.curves = {"train": train_set(train), "validation": validation_set(validation), "test": test_set(test)}
        self.curves["mono"] = mono_test_set(plan.mono_curves)

    def run(self, job: Job) -> None:
        """Train, measure, save; nothing where that is done already."""
        note = self.checkpoints / f"{job.name}.json"
        if note.exists():
            announce(job.name, note, job.steps, job.steps, "step", self.report)
            return
        keras().backend.clear_session()
        keras().utils.set_random_seed(job.seed)
        model, first = self._model(job)
        found = {"job": asdict(job), **first, "parameters": int(model.count_params())}
        teacher = self.teacher_curves(job.teacher) if job.teacher else None
        stage = Stage(job.name, job.steps, job.rate, job.alpha)
        data: Decays = self.curves["train"]
        cost = run(stage, model, data.tpsf, data.sfd, teacher, job.seed, self.checkpoints, self.report)
        weights = model.get_weights()
        with writing(self.checkpoints / f"{job.name}.npz") as fresh:
            np.savez(fresh, *weights)
        found["training"] = {**cost.of("step"), "curves": len(data), "batch": BATCH, "clip_norm": CLIP_NORM}
        found |= self._measured(job, model)
        write_text(note, json.dumps(found, indent=1) + "\n")
        for stem in (stem for stem, name in self.plan.files.items() if name == job.name):
            self.save(job, stem)

    def save(self, job: Job, stem: str) -> None:
        """The job's network as ``stem``.h5, in the dtype in which it is exact, the weights on their grid."""
        model = self._model(job, job.precision.exact_in)[0]
        model.set_weights(self.weights(job.name))
        network.put_on_grid(model)
        with writing(self.folder / f"{stem}.h5") as fresh:
            save(model, fresh)

    def write_results(self) -> dict[str, Any]:
        """results.json and results.md of all jobs that are done."""
        done = [self.checkpoints / f"{job.name}.json" for job in self.plan.jobs]
        result = results.assemble(self.plan, [json.loads(note.read_text()) for note in done if note.exists()])
        result["lifetimes"] = {
            stem: measure.lifetimes(self.folder / f"{stem}.h5", self.curves["test"], self.curves["mono"])
            for stem in self.plan.files
            if (self.folder / f"{stem}.h5").exists()
        }
        write_text(self.folder / "results.json", json.dumps(result, indent=1) + "\n")
        write_text(self.folder / "results.md", results.markdown(result))
        return result

    def weights(self, name: str) -> Weights:
        """What a finished job has learnt, in Keras's order."""
        with np.load(self.checkpoints / f"{name}.npz") as stored:
            return [stored[f"arr_{place}"] for place in range(len(stored.files))]

    def teacher_curves(self, name: str) -> NDArray[np.float32]:
        """The teacher's outputs for the training curves (n, 70), computed once."""
        path = self.checkpoints / f"{name}_curves.npy"
        if not path.exists():
            teacher = next(job for job in self.plan.jobs if job.name == name)
            model = network.float_network(teacher.units)
            model.set_weights(self.weights(name))
            curves = network.predict(model, self.curves["train"].tpsf).astype(np.float32)
            with writing(path) as fresh:
                np.save(fresh, curves)
        stored: NDArray[np.float32] = np.load(path, allow_pickle=False)
        return stored

    def _model(self, job: Job, dtype: str = "float32") -> tuple[Any, dict[str, Any]]:
        """The job's network before its training, and its types where it is a fixed one."""
        if not job.bits:
            model = network.float_network(job.units)
            if job.start:
                model.set_weights(self.weights(job.start))
            return model, {}
        model = network.fixed_network(self.weights(job.start), job.units, job.precision, dtype=dtype)
        return model, {"precision": asdict(job.precision), "types": network.types(model)}

    def _measured(self, job: Job, model: Any) -> dict[str, Any]:
        """Metrics on the two test sets, of the network and of its post-training quantization."""
        sets = {"test": self.curves["test"], "mono": self.curves["mono"]}
        if not job.bits:
            quantized = measure.post_training(model, sets)
            return {"metrics": measure.metrics(model, sets), "post_training": quantized}
        trained, before = (self._model(job, job.precision.exact_in)[0] for _ in range(2))
        trained.set_weights(model.get_weights())
        return {"metrics": measure.metrics(trained, sets), "before_training": measure.metrics(before, sets)}
