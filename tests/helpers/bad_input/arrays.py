"""Inputs and labels that are no arrays of numbers, or of others: through ``calibrate`` and ``verify``."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .case import Break, Case
from .good import Good, npy

X = np.arange(12).reshape(4, 3) / 16


class _Bomb:
    """Whoever unpickles it makes a file."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, ("hacked", "w")


def _header(text: str, data: bytes = b"", version: bytes = b"\x01\x00", length: int | None = None) -> bytes:
    size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + version + size + text.encode("latin-1") + data


def _shaped(shape: str, kind: str = "<f8") -> bytes:
    return _header(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n", bytes(96))


def _objects() -> bytes:
    text = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    return _header(text, pickle.dumps(_Bomb()))


DATA: dict[str, bytes] = {
    "empty": b"",
    "text": b"1,2,3\n4,5,6\n",
    "a magic alone": b"\x93NUMPY",
    "version 9": b"\x93NUMPY\x09\x00" + bytes(40),
    "truncated header": npy(X)[:40],
    "truncated data": npy(X)[:-5],
    "a pickle": pickle.dumps(_Bomb()),
    "objects": _objects(),
    "a header that is no dictionary": _header("[1, 2]\n"),
    "a header that is code": _header("__import__('os').system('touch hacked')\n"),
    "a deep header": _header("(" * 9000 + "\n"),
    "a header of 4 GB": _header("{}", version=b"\x02\x00", length=0xFFFFFFF0),
    "a shape beyond all": _shaped("(99999999999, 99999999999)"),
    "a shape of a terabyte": _shaped("(50000000000, 3)"),
    "a negative shape": _shaped("(-4, 3)"),
    "a shape of floats": _shaped("(4.5, 3)"),
    "a shape of digits": _shaped(f"({'9' * 5000},)"),
    "many axes": _shaped("(" + "1," * 70 + ")"),
    "a zero in its shape": _shaped("(0, 3)"),
    "another shape": npy(np.zeros((4, 5))),
    "one axis": npy(np.zeros(3)),
    "no axis": npy(np.float64(1)),
    "one axis too many": npy(np.zeros((4, 3, 2))),
    "complex": npy(X + 1j),
    "text of numpy": npy(np.full((4, 3), "a")),
    "dates": npy(np.zeros((4, 3), "M8[s]")),
    "records": npy(np.zeros(4, [("a", "f4", 3)])),
    "bytes": npy(np.zeros((4, 3), "V3")),
    "NaN": npy(np.full((4, 3), np.nan)),
    "infinity": npy(np.full((4, 3), np.inf)),
    "a descr of 2 GB": _shaped("(1,)", "|V2147483647"),
    "a descr that is none": _shaped("(4, 3)", "<q9"),
    "a zip of nothing": b"PK\x05\x06" + bytes(18),
    "a zip that is damaged": b"PK\x03\x04" + bytes(60),
}
LABELS: dict[str, bytes] = {
    "too few": npy(np.array([0, 1])),
    "too many": npy(np.arange(9)),
    "fractions": npy(np.array([0, 0.5, 1, 1])),
    "negative": npy(np.array([0, -1, 1, 1])),
    "beyond the classes": npy(np.array([0, 1, 1, 10**15])),
    "two axes": npy(np.zeros((4, 2))),
    "NaN": npy(np.array([0, 1, np.nan, 1])),
    "text": npy(np.array(["a", "b", "a", "b"])),
    "objects": _objects(),
}
VERIFY = ("verify", "out", "--level", "rtl", "--inputs", "x.npy")


def _file(name: str, data: bytes) -> Break:
    def make(folder: Path, good: Good, rng: np.random.Generator) -> None:
        good.put(folder, "model.h5", "x.npy")
        good.copy_build(folder)
        (folder / name).write_bytes(data)

    return make


def _zipped(folder: Path, good: Good, rng: np.random.Generator) -> None:
    """A .npz of a gigabyte of zeros."""
    good.put(folder, "model.h5")
    good.copy_build(folder)
    header = _header("{'descr': '<f8', 'fortran_order': False, 'shape': (120000000,), }\n")
    with zipfile.ZipFile(folder / "x.npy", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        file.write(header)
        for _ in range(2):
            file.write(bytes(1 << 20))


def cases() -> list[Case]:
    """Every broken file through both commands where both read it."""
    calibrate = ("calibrate", "model.h5", "--data", "x.npy", "-o", "c.yaml")
    found = [Case("npy", name, calibrate, _file("x.npy", data)) for name, data in DATA.items()]
    taken = ("NaN", "infinity")  # floats are saturated; both are refused where the type is measured
    found += [Case("npy", n, VERIFY, _file("x.npy", d)) for n, d in DATA.items() if n not in taken]
    labelled = (*VERIFY, "--labels", "labels.npy")
    found += [Case("labels", name, labelled, _file("labels.npy", data)) for name, data in LABELS.items()]
    return [*found, Case("npy", "a zip of zeros", VERIFY, _zipped), Case("npy", "a zip of zeros", calibrate, _zipped)]
