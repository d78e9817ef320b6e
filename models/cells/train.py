"""``bitsmith train cells``: teacher, student from scratch, student distilled, quantization-aware training, figures."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...gen.files.folder import write_text, writing
from ...sim.errors import BitsmithError
from ..training.display import progress_bar
from ..training.keras import keras, require_training_extra, save
from ..training.loop import Cost
from ..training.run_folder import Report, prepare
from . import accuracy, mixing, network, quantization
from .data import Dataset, Split, load
from .quantization import StudentBits
from .stages import Stage, predict, run

STAGES = ("teacher", "student_from_scratch", "student_distilled", "student_qat")


@dataclass(frozen=True)
class Settings:
    """All that decides the outcome of a run; a run is resumed only with the same settings."""

    data: str
    path: str | None
    classes: tuple[int, ...] | None
    teacher: str
    teacher_classes: tuple[int, ...] | None
    seed: int
    quick: bool
    epochs: tuple[int, ...]
    temperature: float
    bits: StudentBits


def train(
    data: str = "synthetic",
    path: str | Path | None = None,
    out: str | Path | None = None,
    seed: int = 1,
    quick: bool = False,
    teacher: str = "resnet10",
    classes: tuple[int, ...] | None = None,
    teacher_classes: tuple[int, ...] | None = None,
    bits: StudentBits | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Train Student 2 on a data set; ``student2.h5`` and ``accuracy.json`` go to ``out`` (or build/train/cells-DATA).

    ``classes`` are the source labels of the student's outputs; ``teacher_classes``, where given, those of the teacher's
    (a superset: the student imitates the logits of its own). ``bits`` gives widths; integer bits are then chosen. A run
    that was interrupted goes on from its last epoch. Returns what accuracy.json says. BitsmithError for bad arguments
    and where the training extra is missing.
    """
    require_training_extra()
    settings = Settings(
        data,
        str(path) if path is not None else None,
        classes,
        teacher,
        teacher_classes,
        seed,
        quick,
        _epochs(data, quick),
        2.0,
        bits or StudentBits(),
    )
    folder = Path(out) if out is not None else Path("build") / "train" / f"cells-{data}"
    datasets = _load(settings)
    checkpoints = prepare(folder, settings)
    with progress_bar(dict(zip(STAGES, settings.epochs, strict=True)), seed, progress) as report:
        result = _run(_Runner(settings, *datasets, checkpoints, report), folder)
    write_text(folder / "accuracy.json", json.dumps(result, indent=1) + "\n")
    shutil.rmtree(checkpoints)
    return result


def _epochs(data: str, quick: bool) -> tuple[int, ...]:
    """Epochs of the four stages; digits are few images, so an epoch is short and they need more of them."""
    if quick:
        return (5, 10, 10, 4) if data != "digits" else (30, 40, 40, 10)
    return (16, 60, 60, 16) if data != "digits" else (150, 300, 300, 100)


def _load(settings: Settings) -> tuple[Dataset, Dataset]:
    """The student's and the teacher's data; every bad argument is found here, before anything is written."""
    path = Path(settings.path) if settings.path is not None else None
    if not 0 <= settings.seed < 2**32:
        raise BitsmithError(f"seed {settings.seed} is out of range; give 0 to {2**32 - 1}")
    if settings.teacher not in network.TEACHERS:
        raise BitsmithError(f"no teacher is called '{settings.teacher}'; choose {', '.join(network.TEACHERS)}")
    student = load(settings.data, path, settings.classes, settings.quick)
    if settings.teacher_classes is None:
        return student, student
    teacher = load(settings.data, path, settings.teacher_classes, settings.quick)
    missing = [name for name in student.class_names if name not in teacher.class_names]
    if missing:
        raise BitsmithError(f"the teacher's classes lack {', '.join(missing)}; it must know all of the student's")
    return student, teacher


def _run(stages: _Runner, folder: Path) -> dict[str, Any]:
    """The four stages, the saved file and its figures."""
    k = keras()  # before TensorFlow, which reads the legacy switch when it is imported
    import tensorflow as tf

    k.utils.set_random_seed(stages.settings.seed)
    tf.config.experimental.enable_op_determinism()
    teacher = stages.teacher()
    scratch = stages.float_student("student_from_scratch", None)
    distilled = stages.float_student("student_distilled", teacher)
    student, bits, before = stages.quantized_student(distilled, teacher)

    model_file = folder / "student2.h5"
    with writing(model_file) as fresh:
        save(student, fresh)
    networks = {
        "teacher": teacher,
        "student_float_from_scratch": scratch,
        "student_float_distilled": distilled,
        "student_quantized_without_training": before,
        "student_quantized_after_qat": student,
    }
    measured = accuracy.measure(stages.dataset, networks, model_file, student, bits)
    return {"application": "cells", **measured, "training": stages.summary()}


class _Runner:
    """Runs stages on one data set and keeps what each has cost."""

    def __init__(
        self, settings: Settings, dataset: Dataset, teacher_dataset: Dataset, checkpoints: Path, report: Report
    ) -> None:
        self.settings, self.checkpoints, self.report = settings, checkpoints, report
        self.dataset, self.teacher_dataset = dataset, teacher_dataset
        self.costs: dict[str, Cost] = {}
        self.plain = mixing.plain_view(dataset.turnable)
        self.mixed = mixing.mixed_view(dataset.turnable)
        self.classes = len(dataset.class_names)

    def teacher(self) -> Any:
        """The trained teacher, with logits for the student's classes in the student's order."""
        names, wanted = self.teacher_dataset.class_names, self.dataset.class_names
        model = network.teacher(self.settings.teacher, len(names))
        self._train("teacher", model, 2e-3, self.plain, self.teacher_dataset.train)
        return model if names == wanted else network.only_logits(model, [names.index(name) for name in wanted])

    def float_student(self, name: str, teacher: Any | None) -> Any:
        """A float student with its batch norm folded; from the labels, or from the teacher on the mixed view."""
        model = network.trainable_student(self.classes)
        self._train(name, model, 4e-3, self.mixed if teacher else self.plain, self.dataset.train, teacher)
        folded = network.float_student(self.classes)
        folded.set_weights(network.folded_weights(model))
        return folded

    def quantized_student(self, distilled: Any, teacher: Any) -> tuple[Any, StudentBits, Any]:
        """(after quantization-aware training, its bits, before that training)."""
        weights = quantization.equalize(quantization.center_logits(distilled.get_weights()))
        bits = quantization.choose_integers(self.settings.bits, weights, *self._activations(weights))
        before, student = (network.quantized_student(bits, self.classes) for _ in range(2))
        for model in (before, student):
            model.set_weights(weights)
        self._train("student_qat", student, 5e-4, self.mixed, self.dataset.train, teacher)
        largest = bits.dense_kernel.largest(signed=True)
        student.set_weights(quantization.center_logits(student.get_weights(), largest))
        network.put_on_grid(student)
        return student, bits, before

    def summary(self) -> dict[str, Any]:
        """Settings, versions and cost; the times are this machine's, with whatever else it did."""
        import qkeras
        import tensorflow as tf
        import tf_keras

        settings = asdict(self.settings)
        del settings["bits"], settings["path"]
        return {
            **settings,
            "epochs": dict(zip(STAGES, self.settings.epochs, strict=True)),
            "cost": {name: cost.of("epoch") for name, cost in self.costs.items()},
            "versions": {"tensorflow": tf.__version__, "tf_keras": tf_keras.__version__, "qkeras": qkeras.__version__},
        }

    def _train(
        self, name: str, model: Any, rate: float, view: mixing.View, split: Split, teacher: Any | None = None
    ) -> None:
        imitate = None if teacher is None else lambda images: teacher(images, training=False)
        epochs = self.settings.epochs[STAGES.index(name)]
        stage = Stage(name, epochs, rate, view, imitate, self.settings.temperature)
        self.costs[name] = run(stage, model, split, self.settings.seed, self.checkpoints, self.report)

    def _activations(self, weights: quantization.Weights) -> tuple[Any, Any]:
        """What relu1 and relu2 give on part of the validation images."""
        model = network.float_student(self.classes)
        model.set_weights(weights)
        part = Split(self.dataset.validation.images[:200], self.dataset.validation.labels[:200])
        return predict(network.outputs_of(model, "relu1"), part), predict(network.outputs_of(model, "relu2"), part)
