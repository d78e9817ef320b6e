"""What accuracy.json says: every figure is measured here, on the whole test set, none is typed."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import calibration
from .data import Dataset, Split
from .quantization import StudentBits
from .stages import predict

Logits = NDArray[np.float64]


def accuracy(logits: Logits, split: Split) -> float:
    """Share of images whose largest logit (the first of equals) is the label's."""
    return float((logits.argmax(axis=1) == split.labels).mean())


def reference_logits(model_file: Path, split: Split) -> Logits:
    """Logits (n, classes) of the saved file on Bitsmith's fixed-point reference."""
    from ...gen.build import load
    from ...sim.fast.predict import Reference

    graph = load(model_file)
    (raw,) = Reference(graph).predict(split.pixels())
    fraction = graph.specs()[graph.outputs[0]].type.fraction
    logits: Logits = raw.reshape(len(split), -1).astype(np.float64) * 2.0**-fraction
    return logits


def measure(
    dataset: Dataset, networks: dict[str, Any], model_file: Path, student: Any, bits: StudentBits
) -> dict[str, Any]:
    """Accuracy of each network, of the file on the reference, their mismatches, and the calibration of two of them.

    ``networks`` maps a name to a model with logits for the data set's classes; ``student`` is what the file holds.
    """
    logits = {name: predict(model, dataset.test) for name, model in networks.items()}
    qkeras, reference = predict(student, dataset.test), reference_logits(model_file, dataset.test)
    shares = {name: accuracy(values, dataset.test) for name, values in logits.items()}
    shares["qkeras_file"], shares["reference"] = accuracy(qkeras, dataset.test), accuracy(reference, dataset.test)
    return {
        "dataset": describe(dataset),
        "student": {"parameters": int(student.count_params()), "bits": asdict(bits)},
        "test_accuracy": shares,
        "qkeras_against_reference": {
            "images": len(dataset.test),
            "logits": int(reference.size),
            "mismatches": int((qkeras != reference).sum()),
        },
        "calibration": {
            "teacher": _calibration(networks["teacher"], dataset, logits["teacher"]),
            "student2": _calibration(student, dataset, reference),
        },
    }


def describe(dataset: Dataset) -> dict[str, Any]:
    """The data set in words and numbers; the hash tells whether the same test images were made again."""
    test = dataset.test.images.tobytes() + dataset.test.labels.astype("<i8").tobytes()
    return {
        "name": dataset.name,
        "title": dataset.title,
        "synthetic": dataset.name == "synthetic",
        "outputs": list(dataset.class_names),
        "images": {
            "train": len(dataset.train),
            "validation": len(dataset.validation),
            "test": len(dataset.test),
        },
        "test_sha256": hashlib.sha256(test).hexdigest(),
    }


def _thresholds(logits: Logits, temperature: float) -> list[dict[str, float]] | None:
    """For each confidence the threshold for the hardware's argmax; None where the logits do not sum to zero."""
    if logits.shape[1] != 2 or np.any(logits.sum(axis=1)):
        return None
    return [
        {"confidence": p, "largest_logit": calibration.logit_threshold(p, temperature)} for p in calibration.THRESHOLDS
    ]


def _calibration(model: Any, dataset: Dataset, test_logits: Logits) -> dict[str, Any]:
    validation = predict(model, dataset.validation), dataset.validation.labels
    report = calibration.report(validation, (test_logits, dataset.test.labels))
    return {**report, "argmax_thresholds": _thresholds(test_logits, report["temperature"])}
