"""Cases drawn by chance: a whole file is damaged, and goes through a command that reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from model_files import keras_zip, numbered

from . import mutate
from .case import Break, Case, build
from .good import Good

Random = np.random.Generator
BUILT = ("bitsmith.json", "graph.json", "estimate.json", "verify.json", "rtl/ports.json", "hls/ports.json")
COMMANDS = {
    "bitsmith.json": (("estimate", "out"), ("report", "out"), ("verify", "out", "--level", "rtl")),
    "graph.json": (("estimate", "out"), ("synth", "out", "--tool", "yosys")),
    "rtl/ports.json": (("verify", "out", "--level", "rtl"),),
    "hls/ports.json": (("verify", "out", "--level", "hls"),),
}


def draw(rng: Random, good: Good) -> Case:
    """A case; what it does is drawn from ``rng`` now and when it is made."""
    kinds = (_model, _model, _model, _config, _config, _data, _built, _built)
    return mutate.one(rng, kinds)(rng, good)  # type: ignore[no-any-return]


def _model(rng: Random, good: Good) -> Case:
    """A damaged model of any kind."""
    name = mutate.one(rng, [*good.models, "model.json"])
    suffix = Path(name).suffix
    deep: dict[str, mutate.Damage] = {
        ".h5": mutate.hdf5,
        ".onnx": mutate.proto,
        ".json": mutate.json_text,
        ".keras": keras_damage,
    }
    how, damage = mutate.one(rng, (("bits", mutate.flipped), ("length", mutate.cut), *(("values", deep[suffix]),) * 4))
    more: tuple[str, ...] = ("-c", "gru.yaml") if name == "gru.h5" or rng.random() < 0.2 else ()
    more += ("--weights", "w.h5") if suffix == ".json" else ()
    also = ("config.yaml", "gru.yaml", "w.h5", "x.npy")
    commands = [build(name, *more)] * 4 + [("inspect", name, *more)] * 2
    if suffix != ".json":
        commands += [("config", name, *more), ("calibrate", name, "--data", "x.npy", "-o", "c.yaml")]
    kind = {"hgq.keras": "hgq2"}.get(name, suffix[1:])
    return Case(kind, f"{name}: {how}", mutate.one(rng, commands), _damaged(name, damage, also), accepted=True)


def keras_damage(data: bytes, rng: Random) -> bytes:
    """A zip with a damaged part: its JSON or its weights."""
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        config, weights = archive.read("config.json"), archive.read("model.weights.h5")
    if rng.random() < 0.7:
        return keras_zip(mutate.json_text(config, rng), weights)
    damage: mutate.Damage = mutate.one(rng, (mutate.hdf5, mutate.hdf5, mutate.flipped, mutate.cut))
    return keras_zip(config, damage(weights if rng.random() < 0.8 else numbered(), rng))


def _config(rng: Random, good: Good) -> Case:
    damage = mutate.one(rng, (mutate.yaml_text,) * 6 + (mutate.flipped, mutate.cut))
    given = ("model.h5", "-c", "config.yaml")
    commands = (build(*given), build(*given), ("config", *given), ("inspect", *given))
    make = _damaged("config.yaml", damage, ("model.h5",))
    return Case("yaml", damage.__name__, mutate.one(rng, commands), make, accepted=True)


def _data(rng: Random, good: Good) -> Case:
    damage = mutate.one(rng, (_head, _head, mutate.flipped, mutate.cut))
    if rng.random() < 0.6:
        calibrate = ("calibrate", "model.h5", "--data", "x.npy", "-o", "c.yaml")
        return Case("npy", damage.__name__, calibrate, _damaged("x.npy", damage, ("model.h5",)), accepted=True)
    verify = ("verify", "out", "--level", "rtl", "--inputs", "x.npy", "--vectors", "4")
    return Case("npy", damage.__name__, verify, _in_build("x.npy", damage), accepted=True)


def _head(data: bytes, rng: Random) -> bytes:
    """Damage in the header alone."""
    return mutate.flipped(data[:128], rng) + data[128:]


def _built(rng: Random, good: Good) -> Case:
    name = mutate.one(rng, BUILT)
    how, damage = mutate.one(
        rng, (("bits", mutate.flipped), ("length", mutate.cut), *(("values", mutate.json_text),) * 4)
    )
    command = mutate.one(rng, COMMANDS.get(name, (("report", "out"),)))
    accepted = command[0] == "report" or name == "hls/ports.json"
    return Case("build", f"{name}: {how}", command, _in_build(f"out/{name}", damage), accepted=accepted)


def _damaged(name: str, damage: mutate.Damage, also: tuple[str, ...]) -> Break:
    """The damaged file, others beside it, and a build that must stay as it is."""

    def make(folder: Path, good: Good, rng: Random) -> None:
        good.put(folder, *(other for other in also if other != name))
        _small_build(folder)
        (folder / name).write_bytes(damage(good.files[name], rng))

    return make


def _small_build(folder: Path) -> None:
    """The least that a build may replace."""
    (folder / "out").mkdir()
    (folder / "out" / "bitsmith.json").write_text('{"made_by": "bitsmith"}')
    (folder / "out" / "graph.json").write_text("{}")


def _in_build(name: str, damage: mutate.Damage) -> Break:
    def make(folder: Path, good: Good, rng: Random) -> None:
        good.put(folder, "model.h5", "x.npy")
        good.copy_build(folder)
        (folder / name).write_bytes(damage((folder / name).read_bytes(), rng))

    return make
