"""``bitsmith train lic``: teacher, students, distillation, pruning, the fixed twins, and what they reach.

Everything is trained on synthetic dead leaves, and measured on the natural images inside scikit-image and scikit-learn.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...gen.files.folder import write_text, writing
from ...sim.errors import BitsmithError
from ..training.display import progress_bar
from ..training.keras import require_training_extra
from ..training.run_folder import Report, announce, prepare
from . import distillation, measure, network, results
from .data import Image, Pool, training_pool
from .export import EXPORT_SIZE, export
from .jobs import Job, Plan, full_plan, quick_plan
from .network import Codec, FloatKit, Weights, keras
from .packages import package
from .pruning import pruned
from .quantization import FixedKit, Types, calibrated, stored
from .stages import Stage, run

NEEDED = ("PIL.Image", "constriction", "bjontegaard")
"""Packages that are imported late; what is missing is said before the training."""


def train(
    data: str = "synthetic",
    path: str | Path | None = None,
    out: str | Path | None = None,
    seed: int = 1,
    quick: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Train every codec of the plan; trained/, results.json and results.md go to ``out`` (build/train/lic).

    ``path`` is a folder of PNG or JPEG images to measure on in place of the natural ones inside scikit-image and
    scikit-learn. A run that was interrupted goes on from its last checkpoint. Returns :func:`results.summary`.
    BitsmithError for bad arguments and where a package is missing.
    """
    require_training_extra()
    if data != "synthetic":
        raise BitsmithError("lic is trained on synthetic dead leaves; give no --data (--path: images to measure on)")
    if not 0 <= seed < 2**32:
        raise BitsmithError(f"seed {seed} is out of range; give 0 to {2**32 - 1}")
    for name in NEEDED:
        package(name)
    images = measure.images(Path(path) if path is not None else None)
    folder = Path(out) if out is not None else Path("build") / "train" / "lic"
    plan = quick_plan(seed) if quick else full_plan(seed)
    checkpoints = prepare(folder, plan)
    with progress_bar({job.name: job.steps for job in plan.jobs}, seed, progress) as report:
        runner = Runner(plan, folder, checkpoints, images, report)
        for job in plan.jobs:
            runner.run(job)
    result = runner.write_results()
    shutil.rmtree(checkpoints)
    return results.summary(result)


class Runner:
    """Does the jobs one by one. What a job has found lies in the checkpoints' folder and is not done again."""

    def __init__(self, plan: Plan, folder: Path, checkpoints: Path, images: dict[str, Image], report: Report) -> None:
        keras()  # before TensorFlow, which reads the legacy switch when it is imported
        self.plan, self.folder, self.checkpoints, self.report = plan, folder, checkpoints, report
        self.images, self.pool = images, self._pool()

    def run(self, job: Job) -> None:
        """Train, measure, export; nothing where that is done already."""
        self.train(job)
        self.measure(job)
        for name in (name for name, inside in self.plan.files.items() if inside == job.name):
            self.export(job, name)

    def train(self, job: Job) -> None:
        """The job's weights and a note of what they cost."""
        note = self._note(job.name, "training")
        if note.exists():
            announce(job.name, note, job.steps, job.steps, "step", self.report)
            return
        codec = self.codec(job, trained=False)
        teacher = self._teacher(job.teacher) if job.teacher else None
        stage = Stage(job.name, job.steps, job.rate, job.trade, rounded=bool(job.start))
        cost, switched = run(stage, codec, self.pool, teacher, job.seed, self.checkpoints, self.report)
        self._keep(job.name, codec.weights())
        said = {"job": asdict(job), **cost.of("step"), "switched": switched, "parameters": codec.parameters()}
        _write(note, said)

    def measure(self, job: Job) -> None:
        """Rate and PSNR on the test images; of a fixed codec also before its training, which is PTQ."""
        note = self._note(job.name, "measured")
        if note.exists():
            return
        found = {"test": measure.codec(self.codec(job, trained=True), self.images)}
        if job.bits:
            found["post_training"] = measure.codec(self.codec(job, trained=False), self.images)
        _write(note, found)

    def export(self, job: Job, name: str) -> None:
        """The job's codec as files in trained/``name``, and what they reach."""
        note, folder = self._note(name, "files"), self.folder / "trained" / name
        if not note.exists():
            export(self.codec(job, trained=True, size=EXPORT_SIZE), folder)
            _write(note, {"job": job.name, "files": measure.files(folder, self.images)})

    def write_results(self) -> dict[str, Any]:
        """results.json and results.md of all jobs that are done."""
        done = {}
        for job in self.plan.jobs:
            notes = [self._note(job.name, kind) for kind in ("training", "measured")]
            if all(note.exists() for note in notes):
                training, measured = (_read(note) for note in notes)
                done[job.name] = {"training": training, **measured}
        files = {name: _read(self._note(name, "files")) for name in self.plan.files}
        files = {name: {**found, "test": done[found["job"]]["test"]} for name, found in files.items() if found}
        features = _read(self._note("features", "training"))
        result = results.assemble(self.plan, done, self.images, features, files, self._conventional())
        _write(self.folder / "results.json", result)
        write_text(self.folder / "results.md", results.markdown(result))
        return result

    def codec(self, job: Job, trained: bool, size: int | None = None) -> Codec:
        """The job's codec with what it has learnt, or as it begins."""
        keras().backend.clear_session()
        keras().utils.set_random_seed(job.seed)
        start = self._start(job)
        if job.bits:
            assert start is not None
            types = self._types(job, start)
            codec = network.codec(job.widths, FixedKit(types), size, job.seed)
            start = stored(start, types)
        else:
            codec = network.codec(job.widths, FloatKit(job.gdn), size, job.seed)
        weights = self._weights(job.name) if trained else start
        if weights is not None:
            codec.set_weights(weights)
        return codec

    def _start(self, job: Job) -> Weights | None:
        """Weights to begin with, pruned to the job's filters."""
        if not job.start:
            return None
        origin = next(other for other in self.plan.jobs if other.name == job.start)
        weights = self._weights(origin.name)
        return pruned(weights, job.filters) if origin.filters > job.filters else weights

    def _types(self, job: Job, start: Weights) -> Types:
        """The twin's types, found once."""
        path = self._note(job.name, "types")
        if not path.exists():
            whole = network.codec(job.widths, FloatKit(job.gdn))
            whole.set_weights(start)
            _write(path, calibrated(whole, self.pool, job.bits == "narrow"))
        return _read(path)

    def _teacher(self, name: str) -> distillation.Teacher:
        job = next(other for other in self.plan.jobs if other.name == name)
        return distillation.Teacher(self.codec(job, trained=True), distillation.maps_of(self._features()))

    def _features(self) -> Any:
        """The perceptual network, trained once."""
        net, path = distillation.feature_network(), self.checkpoints / "features.npz"
        if not path.exists():
            right = distillation.train_features(net, self.pool, self.plan.features, self.plan.jobs[0].seed)
            _write(self._note("features", "training"), {"right": right, "steps": self.plan.features})
            with writing(path) as fresh:
                np.savez(fresh, *net.get_weights())
        with np.load(path) as stored_weights:
            net.set_weights([stored_weights[f"arr_{place}"] for place in range(len(stored_weights.files))])
        return net

    def _pool(self) -> Pool:
        """The training images, drawn once."""
        path = self.checkpoints / "pool.npz"
        if not path.exists():
            pool = training_pool(self.plan.images)
            with writing(path) as fresh:
                np.savez(fresh, images=pool.images, kinds=pool.kinds)
        with np.load(path) as kept:
            return Pool(kept["images"], kept["kinds"])

    def _keep(self, name: str, weights: Weights) -> None:
        flat: dict[str, Any] = {
            f"{layer}/{place}": t for layer, tensors in weights.items() for place, t in enumerate(tensors)
        }
        with writing(self.checkpoints / f"{name}.npz") as fresh:
            np.savez(fresh, **flat)

    def _weights(self, name: str) -> Weights:
        """What a finished job has learnt."""
        weights: Weights = {}
        with np.load(self.checkpoints / f"{name}.npz") as kept:
            for key in kept.files:
                weights.setdefault(key.partition("/")[0], []).append(kept[key])
        return weights

    def _note(self, name: str, kind: str) -> Path:
        return self.checkpoints / f"{name}.{kind}.json"

    def _conventional(self) -> dict[str, Any]:
        """JPEG and JPEG 2000 on the same images, measured once."""
        path = self._note("conventional", "measured")
        if not path.exists():
            _write(path, {"jpeg": measure.jpeg(self.images), "jpeg2000": measure.jpeg2000(self.images)})
        return _read(path)


def _write(path: Path, found: dict[str, Any]) -> None:
    write_text(path, json.dumps(found, indent=1) + "\n")


def _read(path: Path) -> dict[str, Any]:
    """Empty where there is no such file."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found
