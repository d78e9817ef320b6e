"""Model files that are broken by hand."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from model_files import Layer, dense, input_layer, keras_zip, model_json, numbered, quantize, write_h5

from .case import Break, Case, build
from .good import Good

Random = np.random.Generator


def _bytes(name: str, data: bytes | Callable[[Good], bytes]) -> Break:
    def make(folder: Path, good: Good, rng: Random) -> None:
        (folder / name).write_bytes(data if isinstance(data, bytes) else data(good))

    return make


def _layers(*layers: Layer) -> Break:
    def make(folder: Path, good: Good, rng: Random) -> None:
        write_h5(folder / "model.h5", [input_layer(3), quantize(), *layers])

    return make


def _edited(edit: Callable[[Any], None], name: str = "model.h5") -> Break:
    """The whole file, opened with h5py and changed."""

    def make(folder: Path, good: Good, rng: Random) -> None:
        good.put(folder, name)
        with h5py.File(folder / name, "r+") as file:
            edit(file)

    return make


def _place(act: Callable[[Path], None]) -> Break:
    def make(folder: Path, good: Good, rng: Random) -> None:
        act(folder / "model.h5")

    return make


def _many_names(file: Any) -> None:
    group = file["model_weights/dense"]
    del group.attrs["weight_names"]
    group.attrs["weight_names"] = [f"w/{k}".encode() for k in range(3000)]


def _text(file: Any, text: str) -> None:
    file.attrs["model_config"] = text


def _big(file: Any) -> None:
    del file["model_weights/dense/w/kernel:0"]
    file.create_dataset("model_weights/dense/w/kernel:0", (1 << 20, 1 << 20), "f4", chunks=(1, 1024))


def _filled(file: Any) -> None:
    """Small on disk, 32 GiB in memory."""
    del file["model_weights/dense/w/kernel:0"]
    path = "model_weights/dense/w/kernel:0"
    file.create_dataset(path, (1 << 16, 1 << 16), "f8", chunks=(64, 64), compression="gzip", fillvalue=1.0)


def _zip(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Break:
    def make(folder: Path, good: Good, rng: Random) -> None:
        with zipfile.ZipFile(folder / "model.keras", "w", method) as archive:
            for name, data in parts.items():
                archive.writestr(name, data)

    return make


def _locked(folder: Path, good: Good, rng: Random) -> None:
    good.put(folder, "model.h5")
    (folder / "model.h5").chmod(0)


SMALL = [input_layer(3), quantize(), dense()]
DEEP = '{"class_name": "Sequential", "config": ' + "[" * 30_000
H5: dict[str, Break] = {
    "absent": lambda folder, good, rng: None,
    "a folder": _place(lambda path: path.mkdir()),
    "a pipe": _place(lambda path: os.mkfifo(path)),
    "a device": _place(lambda path: path.symlink_to("/dev/zero")),
    "a link to itself": _place(lambda path: path.symlink_to("model.h5")),
    "a dangling link": _place(lambda path: path.symlink_to("absent.h5")),
    "of /proc": _place(lambda path: path.symlink_to("/proc/self/mem")),
    "empty": _bytes("model.h5", b""),
    "text": _bytes("model.h5", b"no model"),
    "a signature alone": _bytes("model.h5", b"\x89HDF\r\n\x1a\n"),
    "a signature and noise": _bytes("model.h5", b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 40),
    "a pickle": _bytes("model.h5", b"\x80\x04\x95\x00."),
    "an ONNX file": _bytes("model.h5", lambda good: good.files.get("model.onnx", b"\x08\x08")),
    "weights alone": _bytes("model.h5", lambda good: good.files["w.h5"]),
    "no JSON": _edited(lambda file: _text(file, "{")),
    "deep JSON": _edited(lambda file: _text(file, DEEP)),
    "JSON of a list": _edited(lambda file: _text(file, "[1]")),
    "JSON with NaN": _edited(lambda file: _text(file, '{"class_name": NaN, "config": {"layers": NaN}}')),
    "huge number": _edited(lambda file: _text(file, model_json(SMALL).replace('"units": 2', f'"units": {"9" * 9000}'))),
    "many units": _edited(lambda file: _text(file, model_json(SMALL).replace('"units": 2', '"units": 2000000000'))),
    "many inputs": _edited(lambda file: _text(file, model_json(SMALL).replace("[null, 3]", "[null, 9999999999999]"))),
    "many axes": _edited(lambda file: _text(file, model_json(SMALL).replace("[null, 3]", "[null" + ", 1" * 80 + "]"))),
    "config is a number": _edited(lambda file: file.attrs.__setitem__("model_config", 7)),
    "config is an array": _edited(lambda file: file.attrs.__setitem__("model_config", np.zeros(9))),
    "config is empty": _edited(lambda file: file.attrs.__setitem__("model_config", h5py.Empty("S1"))),
    "names are numbers": _edited(lambda file: file["model_weights/dense"].attrs.__setitem__("weight_names", [1, 2])),
    "thousands of names": _edited(_many_names),
    "names are one text": _edited(lambda file: file["model_weights/dense"].attrs.__setitem__("weight_names", "w")),
    "enormous weights": _edited(_big),
    "weights that unpack to 32 GiB": _edited(_filled),
    "no weights": _edited(lambda file: file.__delitem__("model_weights")),
    "a lambda": _layers(("Lambda", {"name": "x", "function": ["4wEAAAAA", None, None]}, {})),
    "unheard class": _layers(("Unheard", {"name": "x"}, {})),
    "a class that is no text": _layers(("Dense", {"name": ["x"], "units": {"a": 1}}, {})),
    "code in a quantizer": _layers(dense(kernel_quantizer="quantized_bits(__import__('os').system('touch hacked'))")),
    "quantizer of a billion bits": _layers(dense(kernel_quantizer="quantized_bits(1000000000,0,1)")),
    "quantizer of NaN": _layers(dense(kernel_quantizer="quantized_bits(nan,0,1)")),
    "quantizer of 1e999": _layers(dense(kernel_quantizer="quantized_bits(1e999,0,1)")),
    "quantizer without end": _layers(dense(kernel_quantizer="(" * 5000)),
    "the same name twice": _layers(quantize("a"), dense("a")),
    "no permission": _locked,
}
KERAS: dict[str, Break] = {
    "no zip": _bytes("model.keras", b"PK\x03\x04" + bytes(50)),
    "no config": _bytes("model.keras", keras_zip(None, numbered())),
    "no weights": _bytes("model.keras", keras_zip(model_json(SMALL), None)),
    "a bomb": _bytes("model.keras", keras_zip("0" * ((64 << 20) + 1), b"")),
    "weights of another file": _bytes("model.keras", keras_zip(model_json(SMALL), b"no HDF5")),
    "names with paths": _zip({"../../config.json": b"{}", "/model.weights.h5": b""}),
    "empty members": _zip({"config.json": b"", "model.weights.h5": b""}),
    "config is no UTF-8": _zip({"config.json": b"\xff\xfe{}", "model.weights.h5": numbered()}),
    "LZMA that is damaged": lambda folder, good, rng: _damaged_zip(folder, zipfile.ZIP_LZMA),
    "BZIP2 that is damaged": lambda folder, good, rng: _damaged_zip(folder, zipfile.ZIP_BZIP2),
    "an unknown compression": lambda folder, good, rng: _method(folder, 99),
    "encrypted": lambda folder, good, rng: _flags(folder, 1),
}
ONNX: dict[str, Break] = {
    "empty": _bytes("model.onnx", b""),
    "text": _bytes("model.onnx", b"no model at all"),
    "zeros": _bytes("model.onnx", bytes(100)),
    "a length beyond the end": _bytes("model.onnx", b"\x3a\xff\xff\xff\xff\x0f"),
    "groups without end": _bytes("model.onnx", b"\x0b" * 5000),
    "an HDF5 file": _bytes("model.onnx", lambda good: good.files["model.h5"]),
    "external data": lambda folder, good, rng: _external(folder, good, "../../etc/passwd"),
    "a loop of nodes": lambda folder, good, rng: _loop(folder, good),
    "dims of a tensor": lambda folder, good, rng: _dims(folder, good, [1 << 40, 1 << 40]),
    "negative dims": lambda folder, good, rng: _dims(folder, good, [-3, 2]),
    "a huge input": lambda folder, good, rng: _input(folder, good, 1 << 40),
}
JSONS: dict[str, Break] = {
    "without weights": lambda folder, good, rng: good.put(folder, "model.json"),
    "deep": _bytes("model.json", DEEP.encode()),
    "no UTF-8": _bytes("model.json", b'{"config": "\xff\xfe"}'),
    "huge number": _bytes("model.json", b'{"class_name": "Sequential", "config": ' + b"9" * 9000 + b"}"),
}
PAIRS: dict[str, Break] = {
    "the same file twice": lambda folder, good, rng: (folder / "w.h5").symlink_to("model.json"),
    "weights absent": lambda folder, good, rng: None,
    "weights empty": _bytes("w.h5", b""),
    "weights of another model": _bytes("w.h5", lambda good: good.files["image.h5"]),
    "weights are text": _bytes("w.h5", b"no weights"),
}


def _damaged_zip(folder: Path, method: int) -> None:
    data = bytearray(keras_zip(model_json(SMALL), numbered(), method))
    data[60:90] = bytes(range(30))
    (folder / "model.keras").write_bytes(data)


def _header(folder: Path, offset: int, central: int, value: int) -> None:
    """A number of two bytes in every header of the zip, the local and the central ones."""
    data = bytearray(keras_zip(model_json(SMALL), numbered()))
    for signature, at in ((b"PK\x03\x04", offset), (b"PK\x01\x02", central)):
        start = data.find(signature)
        while start >= 0:
            data[start + at : start + at + 2] = value.to_bytes(2, "little")
            start = data.find(signature, start + 1)
    (folder / "model.keras").write_bytes(data)


def _method(folder: Path, value: int) -> None:
    _header(folder, 8, 10, value)


def _flags(folder: Path, value: int) -> None:
    _header(folder, 6, 8, value)


def _parsed(good: Good) -> Any:
    import onnx

    return onnx.ModelProto.FromString(good.files["plain.onnx"])


def _saved(folder: Path, proto: Any) -> None:
    (folder / "model.onnx").write_bytes(proto.SerializePartialToString())


def _external(folder: Path, good: Good, location: str) -> None:
    proto = _parsed(good)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    tensor.external_data.add(key="location", value=location)
    _saved(folder, proto)


def _loop(folder: Path, good: Good) -> None:
    proto = _parsed(good)
    proto.graph.node[0].input[0] = proto.graph.node[-1].output[0]
    _saved(folder, proto)


def _dims(folder: Path, good: Good, dims: list[int]) -> None:
    proto = _parsed(good)
    proto.graph.initializer[0].dims[:] = dims
    _saved(folder, proto)


def _input(folder: Path, good: Good, size: int) -> None:
    proto = _parsed(good)
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = size
    _saved(folder, proto)


def _with_json(make: Break) -> Break:
    def both(folder: Path, good: Good, rng: Random) -> None:
        good.put(folder, "model.json")
        make(folder, good, rng)

    return both


UNREAD = frozenset({"names are numbers", "thousands of names", "names are one text"})
"""Weights are found by the names of their datasets; the attribute that lists them is not read."""


def cases(onnx: bool) -> list[Case]:
    """Each through ``build``, and through ``inspect`` in turn with ``config``."""
    found = []
    for kind, name, table in (("h5", "model.h5", H5), ("keras", "model.keras", KERAS), ("json", "model.json", JSONS)):
        for number, (what, make) in enumerate(table.items()):
            may, private = what in UNREAD, what == "no permission"
            found.append(Case(kind, what, build(name), make, may, private))
            found.append(Case(kind, what, (("inspect", "config")[number % 2], name), make, may, private))
    for what, make in PAIRS.items():
        found.append(Case("json", what, build("model.json", "--weights", "w.h5"), _with_json(make)))
    for what, make in ONNX.items() if onnx else ():
        found += [Case("onnx", what, command, make) for command in (build("model.onnx"), ("inspect", "model.onnx"))]
    return found
