"""The table: each measure beside what was asked, as a ratio that is 1 or more where it is reached."""

from __future__ import annotations

from typing import Any

PIXELS = 48 * 48


def rows(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Measure, value, unit, limit, ratio (how many times better) and whether it is met; None where not measured."""
    one, sixteen = figures["one_pixel"], figures["sixteen_pixels"]
    table = [*_speed(figures["predict"]), *_mismatches(one, figures["predict"]), *_recurrent(figures["recurrent"])]
    table += [
        at_most("model file to Verilog and HLS project", figures["build"]["wall"], "s", 15),
        at_most("bitsmith --help", figures["help"]["wall"], "s", 0.5),
        at_most("bitsmith inspect", figures["inspect"]["wall"], "s", 1.5),
    ]
    table += _cycles(one, "1 pixel per cycle", PIXELS + 120, PIXELS)
    table += _cycles(sixteen, "16 pixels per cycle", 400, 160)
    return table + _resources(figures["resources"])


def at_most(measure: str, value: float | None, unit: str, limit: float) -> dict[str, Any]:
    """A row whose value may be as large as the limit; a ratio for zero limits would say nothing."""
    if value is None:
        return _row(measure, None, unit, f"at most {limit:,}", None, None)
    ratio = limit / value if value and limit else None
    return _row(measure, value, unit, f"at most {limit:,}", ratio, value <= limit)


def at_least(measure: str, value: float | None, unit: str, limit: float) -> dict[str, Any]:
    if value is None:
        return _row(measure, None, unit, f"at least {limit:,}", None, None)
    return _row(measure, value, unit, f"at least {limit:,}", value / limit, value >= limit)


def _row(measure: str, value: Any, unit: str, limit: str, ratio: float | None, met: bool | None) -> dict[str, Any]:
    return {"measure": measure, "value": value, "unit": unit, "limit": limit, "ratio": ratio, "met": met}


def _speed(predict: Any) -> list[dict[str, Any]]:
    own = None if isinstance(predict, str) else predict["reference"]["wall_seconds"]

    def times(rival: str) -> float | None:
        return predict[rival]["wall_seconds"] / own if own and rival in predict else None

    return [
        at_least("reference's predict against hls4ml's", times("hls4ml"), "times faster", 200),
        at_least("reference's predict against QKeras's", times("qkeras"), "times faster", 1),
    ]


def _recurrent(predict: Any) -> list[dict[str, Any]]:
    """hls4ml refuses a QGRU with hard activations: its time and Keras's are those of a plain GRU of the same sizes."""
    found = {} if isinstance(predict, str) else predict
    own = found["reference"]["wall_seconds"] if "reference" in found else None

    def row(who: str, rival: str, limit: float) -> dict[str, Any]:
        times = found[rival]["wall_seconds"] / own if own and rival in found else None
        return at_least(f"QGRU(32), 64 steps: predict against {who}", times, "times faster", limit)

    return [
        row("hls4ml's, GRU(32)", "hls4ml", 50),
        row("Keras's, GRU(32)", "keras", 1),
        row("QKeras's", "qkeras", 1),
        at_most("QGRU(32): QKeras in float64", found.get("qkeras_mismatches"), "mismatches", 0),
    ]


def _mismatches(one: Any, predict: Any) -> list[dict[str, Any]]:
    levels = {} if isinstance(one, str) else one["levels"]
    found = [
        at_most(
            f"{level} against the reference, {levels[level]['compared']:,} images",
            levels[level]["mismatches"],
            "mismatches",
            0,
        )
        if level in levels
        else at_most(f"{level} against the reference", None, "mismatches", 0)
        for level in ("hls", "rtl")
    ]
    keras = None if isinstance(predict, str) else predict.get("qkeras_mismatches")
    return [*found, at_most("QKeras against the reference", keras, "mismatches", 0)]


def _cycles(proof: Any, name: str, latency: int, interval: int) -> list[dict[str, Any]]:
    cycles = None if isinstance(proof, str) else proof["cycles"]
    value = cycles or {}
    found = [
        at_most(f"{name}: first pixel in to class out, simulated", value.get("latency_cycles"), "cycles", latency),
        at_most(f"{name}: a new frame every, simulated", value.get("interval_cycles"), "cycles", interval),
    ]
    off = abs(value["latency_cycles"] - value["predicted_latency_cycles"]) if cycles else None
    if cycles:
        off = max(off or 0, abs(value["interval_cycles"] - value["predicted_interval_cycles"]))
    return [*found, at_most(f"{name}: prediction off by", off, "cycles", 0)]


def _resources(resources: Any) -> list[dict[str, Any]]:
    total = {} if isinstance(resources, str) else resources["total"]
    return [
        at_most("1 pixel per cycle, xcu by Yosys (an estimate)", total["lut"][0] if total else None, "LUT", 30_000),
        at_most("1 pixel per cycle, xcu by Yosys (an estimate)", total["dsp"][0] if total else None, "DSP", 0),
    ]


def text(table: list[dict[str, Any]], figures: dict[str, Any]) -> str:
    """For people: the rows, then the formula's error by layer, then what was skipped."""
    lines = [f"{'measure':58} {'value':>12} {'unit':14} {'asked':18} {'ratio':>7}"]
    for row in table:
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.2f}"
        verdict = {True: "", False: "  MISSED", None: "  not measured"}[row["met"]]
        lines.append(
            f"{row['measure']:58} {_number(row['value']):>12} {row['unit']:14} {row['limit']:18} {ratio:>7}{verdict}"
        )
    resources = figures["resources"]
    if not isinstance(resources, str):
        lines += ["", f"{'LUT by layer':24} {'Yosys':>9} {'formula':>9} {'off':>8}"]
        layers = [*resources["layers"], {"name": "all", **resources["total"]}]
        for layer in layers:
            measured, guess = layer["lut"]
            off = f"{100 * (guess - measured) / measured:+.1f} %" if measured else "-"
            lines.append(f"{layer['name']:24} {measured:9,} {guess:9,} {off:>8}")
    lines += _processor_time(figures)
    skipped = [figure for figure in figures.values() if isinstance(figure, str) and figure.startswith("skipped")]
    predicts = [found for found in (figures["predict"], figures["recurrent"]) if isinstance(found, dict)]
    skipped += [f"skipped: {found['skipped']}" for found in predicts if "skipped" in found]
    return "\n".join([*lines, *skipped])


def _processor_time(figures: dict[str, Any]) -> list[str]:
    """What a busy machine cannot distort: processor time, of all threads together."""
    found = [_shares(figures["predict"], "an image"), _shares(figures["recurrent"], "a sequence")]
    parts = "; ".join([*filter(None, found), f"build {figures['build']['cpu']:.2f} s"])
    return ["", f"processor time: {parts}; load when the run began: {figures['machine']['load']}"]


def _shares(predict: Any, unit: str) -> str:
    """The reference's processor time, and the others' as multiples of it."""
    if isinstance(predict, str) or "reference" not in predict:
        return ""
    own = predict["reference"]["cpu_seconds"]
    others = [name for name in ("hls4ml", "qkeras", "keras") if name in predict]
    times = {name: predict[name]["cpu_seconds"] for name in others}
    shares = [f"{name} {1000 * seconds:.3f} ms ({seconds / own:.1f} times)" for name, seconds in times.items()]
    return "; ".join([f"reference {1000 * own:.3f} ms {unit}", *shares])


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
