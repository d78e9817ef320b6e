"""results.json and results.md: what was measured here with small networks, trained on synthetic dead leaves.

No figure is typed: results.md is made from results.json alone. BD-rate and BD-PSNR (Bjøntegaard) come from the package
bjontegaard with Akima interpolation, over the range that both curves share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import distillation, stages
from .data import Image
from .dead_leaves import KINDS
from .jobs import LATENT, Plan
from .packages import package

Found = dict[str, Any]
NAMES = {
    "teacher": "teacher",
    "student": "student, GDN",
    "relu": "student, ReLU in GDN's place",
    "longer": "student, trained on without a teacher",
    "distilled": "student, trained on with the teacher",
    "pruned1": "pruned, round 1",
    "pruned2": "pruned, round 2",
    "pruned": "pruned, round 3",
    "pruned_longer": "pruned, trained on in float",
    "wide": "8 bits, wide GDN, QAT",
    "wide_ptq": "8 bits, wide GDN, PTQ",
    "narrow": "8 bits, 8-bit GDN, QAT",
    "narrow_ptq": "8 bits, 8-bit GDN, PTQ",
    "jpeg": "JPEG",
    "jpeg2000": "JPEG 2000",
}
PAIRS = (
    ("student against its teacher", "teacher", "student"),
    ("GDN against ReLU, same steps", "relu", "student"),
    ("distilled against not distilled, same steps", "longer", "distilled"),
    ("pruned by three rounds against not pruned", "distilled", "pruned"),
    ("8 bits with wide GDN (QAT) against float, same steps", "pruned_longer", "wide"),
    ("QAT against PTQ, wide GDN", "wide_ptq", "wide"),
    ("QAT against PTQ, 8-bit GDN", "narrow_ptq", "narrow"),
    ("wide GDN against 8-bit GDN, both QAT", "narrow", "wide"),
    *((f"{NAMES[name]} against {NAMES[other]}", other, name)
      for name in ("teacher", "student", "wide") for other in ("jpeg", "jpeg2000")),
)  # fmt: skip
"""What is compared: words, the anchor, the tested one."""
ABSENT = "not measured here"

HEAD = """# lic: what the networks reach: small networks, trained on synthetic dead leaves

`bitsmith train lic` wrote this file from results.json; nothing in it is typed by hand.

**These are small networks** ({filters}; y has {latent} channels), **trained for minutes on
synthetic dead leaves** ({images} images made by dead_leaves.py; no photograph was trained on), so they say what one
choice costs against another, and not what learned compression can reach. Measured on {tests} images, their middles cut
to multiples of 64: {names}.

A rate is the entropy model's estimate in bits per pixel, of JPEG, JPEG 2000 and the exported files a file's real size
with its header. PSNR is over all channels of 8 bits. Both are means over the images. The loss is R + lambda · D, D the
mean squared error in levels. All trainings draw their crops from the same images.

The numbers of steps and the terms of distillation were chosen by what they gave on the natural images that come inside
scikit-image and scikit-learn. Those say what was reached, and are no independent test of it.
"""
BD_HEAD = """## Bjøntegaard differences

BD-rate: how much more rate (%) at equal PSNR; BD-PSNR: how much more PSNR (dB) at equal rate. Over the range of PSNR,
or rate, that both curves share; "shared" is that range's part of the whole. A point that another one of its curve beats
in both is left out; with fewer than three left there is none. GDN and ReLU had the same steps, each its own first rate
(the table of trainings has them). The pruned networks had the steps of their rounds more than the ones that they are
compared with.

"""
TWIN_HEAD = """## 8 bits against float, lambda by lambda

Against the pruned network in float after the same number of further steps. QAT begins where PTQ ends.

"""
FILE_HEAD = """## The exported codecs: real files

Every image was encoded to a file and decoded from it in integers; the rate is the file's size, header included.

"""
TEACHING = """## Distillation

{weights} Unlike the paper's, both terms are relative to
the teacher's mean squares, and weigh less. Perceptual features come from a network that was trained here to tell eight
kinds of dead leaves apart ({right}), for want of an ImageNet network.
The paper's student keeps the teacher's hyperprior; this one has its own. Change of phase, by lambda: {switches}.
"""


def assemble(
    plan: Plan, done: Found, tests: dict[str, Image], features: Found | None, files: Found, conventional: Found
) -> Found:
    """What results.json says. ``done``: training and measurement of each finished job; ``files``: of each export."""
    import qkeras
    import tensorflow as tf
    import tf_keras

    curves = {**_curves(plan, done), **{name: {"points": points} for name, points in conventional.items()}}
    return {
        "application": "lic",
        "what": "small networks, trained on synthetic dead leaves",
        "training_images": plan.images,
        "latent": LATENT,
        "test_images": {name: [image.shape[1], image.shape[0]] for name, image in tests.items()},
        "features": features,
        "jobs": done,
        "missing": [job.name for job in plan.jobs if job.name not in done],
        "files": files,
        "curves": curves,
        "bjontegaard": [
            {"what": what, "anchor": anchor, "test": test, **difference(curves[anchor], curves[test])}
            for what, anchor, test in PAIRS
            if anchor in curves and test in curves
        ],
        "versions": {"tensorflow": tf.__version__, "tf_keras": tf_keras.__version__, "qkeras": qkeras.__version__},
    }


def difference(anchor: Found, test: Found) -> Found:
    """BD-rate (%), BD-PSNR (dB) of ``test`` against ``anchor``, each None where there is none, and what they share."""
    curves = [_rising(curve["points"]) for curve in (anchor, test)]
    rates, psnrs = zip(*curves)
    enough = min(map(len, rates)) > 2
    shared = {"rate": _shared(*map(np.log, rates)), "psnr": _shared(*psnrs)}
    bd, given = package("bjontegaard"), (rates[0], psnrs[0], rates[1], psnrs[1])
    method = "akima" if min(map(len, rates)) > 3 else "pchip"
    options = {"method": method, "require_matching_points": False, "min_overlap": 0}
    return {
        "bd_rate": float(bd.bd_rate(*given, **options)) if enough and shared["psnr"] else None,
        "bd_psnr": float(bd.bd_psnr(*given, **options)) if enough and shared["rate"] else None,
        "shared": shared,
    }


def summary(result: Found) -> Found:
    """What the command line says: the files, and each job's estimated rate and PSNR on the test images."""
    points = {
        name: {"bpp": found["test"]["bpp"], "psnr": found["test"]["psnr"]} for name, found in result["jobs"].items()
    }
    return {"application": "lic", "what": result["what"], "files": list(result["files"]), "test_images": points}


def markdown(result: Found) -> str:
    """results.md, from results.json alone."""
    parts = [_head(result), _rates(result), _bd(result), _twins(result), _files(result), _teaching(result)]
    return "\n".join([*parts, _trainings(result)])


def _curves(plan: Plan, done: Found) -> Found:
    """Each variant's points in rising lambda."""
    curves: Found = {}
    for job in sorted(plan.jobs, key=lambda job: job.trade):
        found = done.get(job.name)
        for kind, suffix in (("test", ""), ("post_training", "_ptq")):
            if found and kind in found:
                point = {"trade": job.trade, "bpp": found[kind]["bpp"], "psnr": found[kind]["psnr"]}
                curves.setdefault(job.variant + suffix, {"points": []})["points"].append(point)
    return curves


def _rising(points: Sequence[Found]) -> Any:
    """(rates, PSNRs) in rising order of the points that no other one equals or beats in both."""
    pairs = {(p["bpp"], p["psnr"]) for p in points}
    best = [
        (rate, psnr)
        for rate, psnr in sorted(pairs)
        if not any(r <= rate and q >= psnr and (r, q) != (rate, psnr) for r, q in pairs)
    ]
    return np.array(best).T


def _shared(one: Any, other: Any) -> float:
    """The part of the whole range that lies in both."""
    both = min(one.max(), other.max()) - max(one.min(), other.min())
    return max(0.0, float(both / (max(one.max(), other.max()) - min(one.min(), other.min()))))


def _head(result: Found) -> str:
    jobs = [found["training"]["job"] for found in result["jobs"].values()]
    widths = sorted({job["filters"] for job in jobs}, reverse=True)
    names = ", ".join(f"{name} {width}×{height}" for name, (width, height) in result["test_images"].items())
    return HEAD.format(
        filters=f"{', '.join(map(str, widths[:-1]))} or {widths[-1]} filters in a layer" if widths[1:] else f"{widths}",
        latent=result["latent"],
        images=result["training_images"],
        tests=len(result["test_images"]),
        names=names,
    )


def _rates(result: Found) -> str:
    """Rate and PSNR of every curve, point by point."""
    learned = {name: curve for name, curve in result["curves"].items() if "trade" in curve["points"][0]}
    trades = sorted({p["trade"] for curve in learned.values() for p in curve["points"]})
    rows = []
    for name in (name for name in NAMES if name in learned):
        points = {p["trade"]: f"{p['bpp']:.3f} / {p['psnr']:.2f}" for p in learned[name]["points"]}
        rows.append([NAMES[name], *(points.get(trade, ABSENT) for trade in trades)])
    text = "## Rate and distortion\n\nBits per pixel (estimated) / PSNR in dB.\n\n"
    text += _grid(["lambda", *(f"{trade:g}" for trade in trades)], rows)
    for name in ("jpeg", "jpeg2000"):
        points = result["curves"].get(name, {"points": []})["points"]
        cells = [[f"{p['setting']}", f"{p['bpp']:.3f}", f"{p['psnr']:.2f}"] for p in points]
        setting = "quality" if name == "jpeg" else "ratio"
        text += f"\n{NAMES[name]} (Pillow), the same images:\n\n" + _grid([setting, "bits per pixel", "PSNR"], cells)
    return text


def _bd(result: Found) -> str:
    rows = [
        [
            d["what"],
            "none" if d["bd_rate"] is None else f"{d['bd_rate']:+.1f} %",
            "none" if d["bd_psnr"] is None else f"{d['bd_psnr']:+.2f} dB",
            f"{d['shared']['psnr']:.0%} of PSNR, {d['shared']['rate']:.0%} of log rate",
        ]
        for d in result["bjontegaard"]
    ]
    return BD_HEAD + _grid(["compared", "BD-rate", "BD-PSNR", "shared"], rows)


def _twins(result: Found) -> str:
    curves = result["curves"]
    base = {p["trade"]: p for p in curves.get("pruned_longer", {"points": []})["points"]}
    rows = [
        [NAMES[name], f"{p['trade']:g}", _signed(p, base[p["trade"]], "psnr", "dB"), _percent(p, base[p["trade"]])]
        for name in ("wide_ptq", "wide", "narrow_ptq", "narrow")
        for p in curves.get(name, {"points": []})["points"]
        if p["trade"] in base
    ]
    return TWIN_HEAD + _grid(["network", "lambda", "PSNR", "estimated rate"], rows)


def _files(result: Found) -> str:
    rows = [
        [
            f"trained/{name}",
            image,
            f"{p['bpp']:.3f}",
            f"{found['test']['images'][image]['bpp']:.3f}",
            f"{p['psnr']:.2f}",
        ]
        for name, found in result["files"].items()
        for image, p in found["files"]["images"].items()
    ]
    head = ["codec", "image", "real bits per pixel", "estimated bits per pixel", "PSNR"]
    return FILE_HEAD + _grid(head, rows)


def _teaching(result: Found) -> str:
    taught = [found["training"] for found in result["jobs"].values() if found["training"]["job"]["teacher"]]
    switches = ", ".join(f"{t['job']['trade']:g} after step {t['switched']} of {t['steps']}" for t in taught)
    early, late = distillation.EARLY, distillation.LATE
    weights = f"alpha, beta: {early[0]:g}, {early[1]:g}, then {late[0]:g}, {late[1]:g}; gamma {distillation.GAMMA:g}."
    chance = f"chance would be {1 / len(KINDS):.0%}"
    right = f"{result['features']['right']:.0%} right on held-out images; {chance}" if result["features"] else ABSENT
    return TEACHING.format(weights=weights, right=right, switches=switches or ABSENT)


def _trainings(result: Found) -> str:
    columns = [
        "training",
        "filters",
        "parameters",
        "begins with",
        "teacher",
        "steps",
        "first rate",
        "seconds (processor)",
    ]
    rows = []
    for name, found in result["jobs"].items():
        job, cost = found["training"]["job"], found["training"]
        origin = [name, str(job["filters"]), f"{cost['parameters']:,}", job["start"] or "random weights"]
        seconds = f"{cost['seconds']:.0f} ({cost['cpu_seconds']:.0f})"
        rows.append([*origin, job["teacher"] or "none", str(cost["steps"]), f"{job['rate']:g}", seconds])
    rows += [[name, ABSENT, *[""] * (len(columns) - 2)] for name in result["missing"]]
    large, small = stages.LARGE, stages.SMALL
    text = (
        f"## Trainings\n\nA step has {large[0]} crops of {large[1]}×{large[1]} pixels; from random weights the first "
    )
    text += (
        f"{stages.SHARE_OF_SMALL:.0%} of the steps have {small[0]} of {small[1]}×{small[1]}. Seconds are wall clock "
    )
    return text + "(processor) of the machine that trained, with whatever else it did.\n\n" + _grid(columns, rows)


def _signed(point: Found, base: Found, key: str, unit: str) -> str:
    return f"{point[key] - base[key]:+.2f} {unit}"


def _percent(point: Found, base: Found) -> str:
    return f"{100 * (point['bpp'] / base['bpp'] - 1):+.1f} %"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
