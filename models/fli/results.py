"""results.json and results.md: what was measured here on synthetic decays, beside what the paper published.

No figure of ours is typed: results.md is made from results.json alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from .jobs import ALPHA, Plan, key
from .measure import LIFETIME_CURVES
from .network import STUDENTS, title

Found = dict[str, Any]
Published = dict[str, tuple[tuple[float, float], ...]]
SETS = {"test": "synthetic test", "mono": "synthetic, one lifetime"}
MEASURES = {"rmse": "RMSE", "r2": "R²", "l2": "L2 norm", "dtw": "DTW distance"}

# Erbas et al., Tables 1 to 3, transcribed: (mean, standard deviation) over the pixels of a measured well plate.
# The columns of Tables 1 and 2 are STUDENTS, of Table 3 LITE_TITLES.
PUBLISHED_FLOAT: Published = {
    "rmse": ((0.071, 0.01), (0.084, 0.01), (0.032, 0.001), (0.063, 0.01), (0.1, 0.01), (0.1, 0.01)),
    "r2": ((0.86, 0.02), (0.81, 0.03), (0.96, 0.01), (0.89, 0.02), (0.74, 0.04), (0.76, 0.03)),
    "l2": ((0.60, 0.05), (0.71, 0.05), (0.32, 0.04), (0.53, 0.05), (0.83, 0.05), (0.79, 0.05)),
    "dtw": ((0.49, 0.01), (0.47, 0.03), (0.35, 0.02), (0.46, 0.02), (0.55, 0.04), (0.48, 0.02)),
}
PUBLISHED_QUANTIZED: dict[int, Published] = {
    16: {
        "rmse": ((0.071, 0.01), (0.084, 0.01), (0.032, 0.001), (0.063, 0.01), (0.1, 0.01), (0.095, 0.01)),
        "r2": ((0.87, 0.02), (0.81, 0.03), (0.96, 0.01), (0.89, 0.02), (0.74, 0.04), (0.76, 0.03)),
        "l2": ((0.59, 0.05), (0.71, 0.05), (0.31, 0.04), (0.53, 0.05), (0.83, 0.05), (0.79, 0.05)),
        "dtw": ((0.49, 0.01), (0.47, 0.03), (0.34, 0.02), (0.46, 0.02), (0.55, 0.04), (0.48, 0.02)),
    },
    8: {
        "rmse": ((0.063, 0.01), (0.089, 0.01), (0.032, 0.001), (0.071, 0.01), (0.105, 0.01), (0.089, 0.01)),
        "r2": ((0.89, 0.02), (0.79, 0.03), (0.97, 0.01), (0.87, 0.02), (0.70, 0.04), (0.79, 0.03)),
        "l2": ((0.54, 0.05), (0.74, 0.05), (0.27, 0.04), (0.58, 0.05), (0.88, 0.05), (0.75, 0.05)),
        "dtw": ((0.69, 0.02), (0.72, 0.04), (0.52, 0.03), (0.53, 0.02), (0.61, 0.04), (0.44, 0.02)),
    },
}
LITE_COLUMNS = ("lite128_{}_qat", "lite32_{}_qat", "lite32_{}_kd", "lite16_{}_qat", "lite16_{}_kd")
LITE_TITLES = ("128", "32", "32 with KD", "16", "16 with KD")
PUBLISHED_LITE: dict[int, Published] = {
    16: {
        "rmse": ((0.03, 0.000), (0.1, 0.01), (0.068, 0.01), (0.088, 0.01), (0.072, 0.01)),
        "r2": ((0.98, 0.01), (0.73, 0.39), (0.88, 0.29), (0.79, 0.04), (0.86, 0.03)),
        "l2": ((0.25, 0.04), (0.84, 0.05), (0.57, 0.06), (0.74, 0.06), (0.60, 0.06)),
        "dtw": ((0.37, 0.03), (0.50, 0.04), (0.44, 0.04), (0.49, 0.03), (0.45, 0.04)),
    },
    8: {
        "rmse": ((0.12, 0.01), (0.138, 0.02), (0.01, 0.001), (0.13, 0.01), (0.047, 0.01)),
        "r2": ((0.62, 0.08), (0.49, 0.11), (0.99, 0.01), (0.55, 0.08), (0.94, 0.02)),
        "l2": ((1.00, 0.10), (1.15, 0.12), (0.10, 0.02), (1.09, 0.09), (0.39, 0.06)),
        "dtw": ((0.61, 0.07), (0.71, 0.08), (0.52, 0.05), (0.71, 0.06), (0.55, 0.03)),
    },
}
ABSENT = "not trained here"

HEAD = """# fli: what the networks reach, on synthetic decays

`bitsmith train fli` wrote this file from results.json; nothing in it is typed by hand, but for the published figures,
which are the paper's (Erbas et al., Tables 1 to 3).

**All figures of ours are measured on synthetic decays**, made by synthetic.py: training {curves:,} curves of
{images[train]} images; "synthetic test" {test:,} curves of {images[test]} other images; "synthetic, one lifetime"
{mono:,} curves of 1 ns, in place of the paper's dye. The paper measured a well plate, which is not in this repository.
So a figure of ours and a published one stand side by side, but do not measure the same curves.

Each measure is taken per pixel; the tables have its mean ± standard deviation over the pixels.

Float is float32 with Keras's GRU. PTQ in Table 2 rounds the weights only, with s = max|x| / (2^(b-1) - 1) per tensor
(the paper's 2^b - 1 would need one bit more), and computes in float, as the paper did. Fixed point (Table 3) means that
everything is rounded as the hardware rounds it: input, weights, gates, tables, state.

The loss, with y the network's curves, s the true decays and t the teacher's curves (mean over batch and samples):
L = (1 - alpha) (y - s)² + alpha (y - t)², alpha = {alpha:g} with a teacher (KD), else 0. Optimizer Adam; the learning
rate falls to zero as a cosine. Quantization-aware training (QAT) begins with the float network's weights, so it has had
more steps than the float network that it is compared with.

{verdict}"""
LIFETIMES = """## Lifetimes

Errors in ns on the first {curves} curves of each synthetic set, by the network in the file and by the conventional
ways (see `lifetimes.compare`); undefined: curves without a lifetime by that way, left out.

"""
TRAININGS = """## Trainings

Seconds are wall clock (processor) of this machine, with whatever else it did.

"""

PRECISION_TYPES = ("gate_input_type", "gate_type", "candidate_input_type", "candidate_type", "state_type")
SEED_ROWS = ("float", "PTQ, weights only", "PTQ, all in fixed point", "QAT", "QAT + KD")


def assemble(plan: Plan, done: list[Found]) -> Found:
    """What results.json says, but for the lifetimes; ``done`` is what the finished jobs found, in order."""
    import qkeras
    import tensorflow as tf
    import tf_keras

    jobs = {found["job"]["name"]: found for found in done}
    return {
        "application": "fli",
        "synthetic": True,
        "images": dict(zip(("train", "validation", "test"), plan.images, strict=True)),
        "mono_curves": plan.mono_curves,
        "alpha": ALPHA,
        "files": {stem: name for stem, name in plan.files.items() if name in jobs},
        "jobs": jobs,
        "missing": [job.name for job in plan.jobs if job.name not in jobs],
        "five_seeds": five_seeds(plan, jobs),
        "versions": {"tensorflow": tf.__version__, "tf_keras": tf_keras.__version__, "qkeras": qkeras.__version__},
    }


def five_seeds(plan: Plan, jobs: Found) -> dict[str, list[float]]:
    """RMSE on the synthetic test set of Lite 32, float and in 8 bits, of each seed whose three trainings are done."""
    rows: dict[str, list[float]] = {name: [] for name in SEED_ROWS}
    for name in (job.name for job in plan.jobs if job.units == (32,) and not job.bits):
        whole, qat, kd = (jobs.get(name.replace("float", kind)) for kind in ("float", "8_qat", "8_kd"))
        if whole and qat and kd:
            ptq = whole["post_training"]["8"], qat["before_training"]
            for row, metrics in zip(SEED_ROWS, (whole["metrics"], *ptq, qat["metrics"], kd["metrics"]), strict=True):
                rows[row].append(metrics["test"]["rmse"]["mean"])
    return rows


def summary(result: Found) -> Found:
    """What the command line says: the files, and each training's mean RMSE on the synthetic test set."""
    rmse = {name: found["metrics"]["test"]["rmse"]["mean"] for name, found in result["jobs"].items()}
    files = {f"{stem}.h5": name for stem, name in result["files"].items()}
    return {"application": "fli", "synthetic": True, "files": files, "rmse_on_the_synthetic_test_set": rmse}


def markdown(result: Found) -> str:
    """results.md, from results.json alone."""
    jobs, titles = result["jobs"], [title(units) for units in STUDENTS]
    names = [f"{key(units)}_float" for units in STUDENTS]
    parts = [_head(result), "## Table 1: Seq2Seq in float", _table(titles, _metrics(jobs, names), PUBLISHED_FLOAT)]
    for bits, published in PUBLISHED_QUANTIZED.items():
        rounded = [jobs[name]["post_training"][str(bits)] if name in jobs else None for name in names]
        parts += [f"## Table 2: Seq2Seq after PTQ, {bits} bits", _table(titles, rounded, published)]
    for bits, published in PUBLISHED_LITE.items():
        found = _metrics(jobs, [name.format(bits) for name in LITE_COLUMNS])
        parts += [f"## Table 3: Seq2SeqLite in fixed point, {bits} bits", _precision(jobs, bits)]
        parts += [_table(LITE_TITLES, found, published)]
    parts += [
        _states(jobs),
        _seeds(result["five_seeds"]),
        _lifetimes(result["lifetimes"]),
        _types(result),
        _trainings(result),
    ]
    return "\n\n".join(parts) + "\n"


def _metrics(jobs: Found, names: list[str]) -> list[Found | None]:
    return [jobs[name]["metrics"] if name in jobs else None for name in names]


def _precision(jobs: Found, bits: int) -> str:
    """What "8 bits" means, tensor by tensor."""
    used = [f["precision"] for f in jobs.values() if f["job"]["bits"] == bits and not f["job"].get("state_type")]
    if not used:
        return f"{bits} bits: {ABSENT}."
    types = ", ".join(f"{name.removesuffix('_type').replace('_', ' ')} {used[0][name]}" for name in PRECISION_TYPES)
    return f"{bits} bits means: input and weights {bits} bits, {types}; biases {used[0]['bias_bits']} bits."


def _table(titles: Sequence[str], found: Sequence[Found | None], published: Published) -> str:
    """Per measure one row for each synthetic set and one for the paper."""
    rows = []
    for measure, name in MEASURES.items():
        for where, label in SETS.items():
            cells = [ABSENT if metrics is None else _spread(**metrics[where][measure]) for metrics in found]
            rows.append([f"{name}, {label}", *cells])
        rows.append([f"{name}, published", *(f"{mean:g} ± {std:g}" for mean, std in published[measure])])
    return _grid(["", *titles], rows)


def _head(result: Found) -> str:
    images, jobs = result["images"], result["jobs"]
    first = next(iter(jobs.values()))
    test, mono = (first["metrics"][where]["curves"] for where in ("test", "mono"))
    return HEAD.format(
        alpha=result["alpha"],
        images=images,
        curves=first["training"]["curves"],
        test=test,
        mono=mono,
        verdict=_verdict(jobs),
    )


def _verdict(jobs: Found) -> str:
    """The 8-bit Lite 32 without and with distillation, and its teacher, against the float Lite 32."""
    chosen = {
        "8 bits, QAT": "lite32_8_qat",
        "8 bits, QAT with KD": "lite32_8_kd",
        "its teacher": jobs["lite32_8_kd"]["job"]["teacher"] if "lite32_8_kd" in jobs else "",
    }
    if "lite32_float" not in jobs or not all(name in jobs for name in chosen.values()):
        return f"Lite 32 in 8 bits: {ABSENT}."
    base = jobs["lite32_float"]["metrics"]
    rows = [
        [title, *(_above([jobs[name]["metrics"][w]["rmse"]["mean"]], base[w]["rmse"]["mean"]) for w in SETS)]
        for title, name in chosen.items()
    ]
    head = ["RMSE against Lite 32's own float network, same pixels", *SETS.values()]
    return "**Lite 32 in short**\n\n" + _grid(head, rows)


def _seeds(rows: dict[str, list[float]]) -> str:
    """RMSE per seed, mean and sample standard deviation, and how far the mean lies above float's."""
    if not rows["float"]:
        return f"## Lite 32 in 8 bits over several seeds\n\n{ABSENT}"
    base = mean(rows["float"])
    lines = [
        [
            name,
            *(f"{value:.5f}" for value in values),
            f"{mean(values):.5f} ± {_deviation(values)}",
            _above(values, base),
        ]
        for name, values in rows.items()
    ]
    columns = ["RMSE, synthetic test", *(f"run {place + 1}" for place in range(len(rows["float"])))]
    return "## Lite 32 in 8 bits over several seeds\n\n" + _grid([*columns, "mean ± std", "against float"], lines)


def _states(jobs: Found) -> str:
    """Lite 32 after QAT without a teacher, with states of several widths."""
    chosen = [f for name, f in jobs.items() if name.startswith("lite32_8_qat") and "seed" not in name]
    rows = [
        [found["precision"]["state_type"], *(_spread(**found["metrics"][where]["rmse"]) for where in SETS)]
        for found in chosen
    ]
    columns = ["state", *(f"RMSE, {label}" for label in SETS.values())]
    return "## Lite 32 in 8 bits after QAT, by the width of its state\n\n" + _grid(columns, rows)


def _deviation(values: list[float]) -> str:
    return f"{stdev(values):.5f}" if len(values) > 1 else "unknown"


def _above(values: list[float], base: float) -> str:
    return f"{100 * (mean(values) / base - 1):+.1f} %"


def _lifetimes(files: Found) -> str:
    rows = [
        [
            f"`{stem}.h5`",
            SETS[where],
            way,
            *(f"{errors[name]:.4f}" for name in ("bias", "std", "rmse")),
            str(errors["undefined"]),
        ]
        for stem, sets in files.items()
        for where, ways in sets.items()
        for way, errors in ways.items()
    ]
    return LIFETIMES.format(curves=LIFETIME_CURVES) + _grid(
        ["file", "curves", "way", "bias", "std", "RMSE", "undefined"], rows
    )


def _types(result: Found) -> str:
    rows = [
        [
            f"`{stem}.h5`",
            layer,
            ", ".join(f"{name.removesuffix('_type')} {type}" for name, type in types.items() if type),
        ]
        for stem, name in result["files"].items()
        for layer, types in result["jobs"][name]["types"].items()
    ]
    return "## Types in the files\n\n" + _grid(["file", "layer", "types (W, I; the sign counts in I)"], rows)


def _trainings(result: Found) -> str:
    columns = ["training", "parameters", "begins with", "teacher", "steps", "batch", "first rate", "seed", "seconds"]
    rows = []
    for name, found in result["jobs"].items():
        job, cost = found["job"], found["training"]
        origin = [name, f"{found['parameters']:,}", job["start"] or "random weights", job["teacher"] or "none"]
        seconds = f"{cost['seconds']:.0f} ({cost['cpu_seconds']:.0f})"
        rows.append([*origin, str(job["steps"]), str(cost["batch"]), f"{job['rate']:g}", str(job["seed"]), seconds])
    rows += [[name, ABSENT, *[""] * (len(columns) - 2)] for name in result["missing"]]
    return TRAININGS + _grid(columns, rows)


def _spread(mean: float, std: float) -> str:
    return f"{mean:.4f} ± {std:.4f}"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
