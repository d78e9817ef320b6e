"""The same model and configuration give the same bytes: whatever the folder, the user's settings and the processor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import Layer, conv2d, dense, flatten, gru, input_layer, quantize, write_h5
from rigs import NASTY

CONFIG = "HLSConfig: {Model: {Precision: 'fixed<16,6>'}}\nBitsmith: {input: 'fixed<8,2>'}\n"
SCRIPT = """
import json, locale, os, sys, time
from bitsmith.cli import run
for command in json.loads(sys.argv[1]):
    try:
        run([os.fsdecode(part.encode()) for part in command])  # as an interpreter gets them in any locale
    except SystemExit as leave:
        assert not leave.code, command
import numpy
features = getattr(numpy, "_core", None) or numpy.core
mask = os.umask(0)
say = [hash("x"), locale.getpreferredencoding(False), time.tzname[0], mask, os.environ.get("OMP_NUM_THREADS")]
print(json.dumps([*say, sorted(k for k, v in features._multiarray_umath.__cpu_features__.items() if v)]))
"""
SAYS = ("hash seed", "encoding", "time zone", "umask", "threads", "processor")


def features() -> str:
    """What numpy can do without, of what this processor has."""
    core: Any = getattr(np, "_core", None) or np.core  # numpy 1
    umath = core._multiarray_umath
    return " ".join(name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name))


VARIABLES: dict[str, Callable[[], dict[str, str]]] = {
    "hash seed": lambda: {"PYTHONHASHSEED": "7"},
    "encoding": lambda: {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "time zone": lambda: {"TZ": "Asia/Kathmandu"},
    "threads": lambda: {"OMP_NUM_THREADS": "5", "OPENBLAS_NUM_THREADS": "5"},
    "processor": lambda: {"NPY_DISABLE_CPU_FEATURES": features(), "OPENBLAS_CORETYPE": "Prescott"},
}
IMAGES: list[Layer] = [
    *(input_layer(6, 6, 1), quantize(), conv2d("größe"), quantize("q"), flatten(), dense("last", 64, 2)),
    ("Softmax", {"name": "soft"}, {}),
]
RECURRENT: list[Layer] = [input_layer(5, 3), gru()]


def made(
    folder: Path, layers: list[Layer], variables: dict[str, str] | None = None, places: bool = False
) -> tuple[dict[str, bytes], list[Any]]:
    """Every file that ``build`` and ``calibrate`` write, and what the process says of itself.

    ``places``: other folders, of an odd name, and another umask.
    """
    home = folder / NASTY if places else folder
    home.mkdir(parents=True)
    write_h5(home / "model.h5", layers)
    (home / "c.yaml").write_text(CONFIG)
    shape = layers[0][1]["batch_input_shape"][1:]
    np.save(home / "x.npy", np.random.default_rng(1).normal(size=(33, *shape)))
    here = folder if places else home
    (home / "deep" / "er").mkdir(parents=True)
    paths = {
        name: f"./{os.path.relpath(home / name, here)}"
        for name in ("model.h5", "c.yaml", "x.npy", "deep/er/out", "r.yaml")
    }
    build = ["build", paths["model.h5"], "-c", paths["c.yaml"], "-o", paths["deep/er/out"], "--vectors", "9"]
    commands = [build, ["calibrate", paths["model.h5"], "--data", paths["x.npy"], "-o", paths["r.yaml"]]]
    fixed = {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    environment = {**os.environ, **fixed, **(variables or {})}
    command = [sys.executable, "-c", SCRIPT, json.dumps(commands)]
    umask = 0o077 if places else 0o022
    done = subprocess.run(
        command, cwd=here, env=environment, umask=umask, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    out = home / "deep" / "er" / "out"
    files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return files | {"r.yaml": (home / "r.yaml").read_bytes()}, json.loads(done.stdout.splitlines()[-1])


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def test_all_at_once(tmp_path: Path) -> None:
    """Everything else is another, and each of it took effect, so that the test is one."""
    files, said = made(tmp_path / "one", IMAGES)
    variables = {key: value for values in VARIABLES.values() for key, value in values().items()}
    others, says = made(tmp_path / "other", IMAGES, variables, places=True)
    assert len(files) > 50
    assert differing(files, others) == []
    same = [name for name, mine, theirs in zip(SAYS, said, says) if mine == theirs]
    assert same == ([] if features() else ["processor"])


@pytest.mark.slow
@pytest.mark.parametrize("layers", [IMAGES, RECURRENT], ids=["images", "recurrent"])
def test_one_after_the_other(layers: list[Layer], tmp_path: Path) -> None:
    files, _ = made(tmp_path / "one", layers)
    for number, (name, values) in enumerate(VARIABLES.items()):
        others, _ = made(tmp_path / str(number), layers, values())
        assert differing(files, others) == [], name
    others, _ = made(tmp_path / "places", layers, places=True)
    assert differing(files, others) == []
