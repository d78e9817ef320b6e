"""Damage by chance: bits, lengths, JSON, HDF5, protobuf, YAML."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

HOSTILE: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 7, 1 << 31, 1 << 63, 10**30, -(10**30), 0.5, -0.0, 1e308, 1e-320,
    float("nan"), float("inf"), float("-inf"), "", "x", "x" * 3000, "\x00", "\ud800", "../../etc/passwd", "$(id)",
    "a\nb", "<script>", "None", "float64", "valid", "relu", "quantized_bits(4,0,1)", "quantized_bits(" * 400,
    "fixed<8,2>", "fixed<-1,1e9>", [], [None], [[]], [0], [-1, -1], [1 << 40], [1, 2, 3, 4, 5, 6, 7, 8], ["a", 1], {},
    {"": ""}, {"class_name": "Lambda", "config": {"function": ["4wEAAAAA", None, None]}}, {"class_name": None},
    {"class_name": "Functional", "config": {}}, {"class_name": "__tuple__", "items": [1, None]},
    {"class_name": "quantized_bits", "config": {"bits": 10**9}}, [[[[[[[[[[1]]]]]]]]]],
)  # fmt: skip
Random = np.random.Generator
Damage = Callable[[bytes, Random], bytes]


def one(rng: Random, values: Any) -> Any:
    """One of them, as it is: numpy's own ``choice`` would make an array of them."""
    return values[int(rng.integers(len(values)))]


def flipped(data: bytes, rng: Random) -> bytes:
    """A few bits changed, or a run of bytes overwritten, removed or doubled."""
    found = bytearray(data)
    if not found:
        return data
    at, length = int(rng.integers(len(found))), int(rng.integers(1, 40))
    how = int(rng.integers(6))
    if how < 3:
        for _ in range(int(one(rng, (1, 1, 2, 8, 64)))):
            found[int(rng.integers(len(found)))] ^= 1 << int(rng.integers(8))
    elif how == 3:
        found[at : at + length] = one(rng, (b"\x00", b"\xff", rng.bytes(1))) * length
    elif how == 4:
        del found[at : at + length]
    else:
        found[at:at] = found[at : at + length]
    return bytes(found)


def cut(data: bytes, rng: Random) -> bytes:
    """Truncated anywhere, or with something behind its end."""
    if rng.random() < 0.2:
        return data + rng.bytes(int(rng.integers(1, 2000)))
    return data[: int(rng.integers(len(data)))]


def json_value(value: Any, rng: Random, times: int = 1) -> Any:
    """A copy with ``times`` places changed: a hostile value, a key less or more, an entry twice, two places swapped."""
    root = {"": copy.deepcopy(value)}
    for _ in range(times):
        container, key = one(rng, _places(root))
        how = int(rng.integers(10))
        if how < 6 or container is root:
            container[key] = copy.deepcopy(one(rng, HOSTILE))
        elif how == 6:
            del container[key]
        elif how == 7 and isinstance(container, dict):
            container[one(rng, ("unheard", "", "name", "units", "x" * 500))] = copy.deepcopy(one(rng, HOSTILE))
        elif how == 8 and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        else:
            other, name = one(rng, _places(root))
            container[key] = copy.deepcopy(other[name])
    return root[""]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    found = [(value, key) for key in keys]
    return found + [place for key in keys for place in _places(value[key])]


def json_text(data: bytes, rng: Random) -> bytes:
    """A JSON text with changed values, or no JSON any more."""
    if rng.random() < 0.15:
        return flipped(data, rng)
    return json.dumps(json_value(json.loads(data), rng, int(rng.integers(1, 4)))).encode(errors="replace")


def hdf5(data: bytes, rng: Random) -> bytes:
    """An HDF5 file with another model, other attributes or arrays; damaged bits where h5py writes no such thing."""
    try:
        return _hdf5(data, rng)
    except (OSError, RuntimeError, TypeError, ValueError):
        return flipped(data, rng)


def _hdf5(data: bytes, rng: Random) -> bytes:
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        if "model_config" in file.attrs and rng.random() < 0.6:
            text = file.attrs["model_config"]
            file.attrs["model_config"] = _as_text(text, rng)
        else:
            _rewrite(file, rng)
    return buffer.getvalue()


def _as_text(text: Any, rng: Random) -> str:
    data = text.encode() if isinstance(text, str) else text
    return json_text(data, rng).decode(errors="replace").replace("\0", " ")[:60_000]


def _rewrite(file: Any, rng: Random) -> None:
    names: list[str] = []
    file.visit(names.append)
    name = one(rng, names)
    node = file[name]
    how = int(rng.integers(8))
    if isinstance(node, h5py.Group) and node.attrs and how < 3:
        key = one(rng, list(node.attrs))
        del node.attrs[key]
        node.attrs[key] = one(rng, (b"", [b"w/kernel:0"] * 3, 7, np.nan, [1.5, 2.5], [b"../x"], ["\u00fc", "b"]))
        return
    del file[name]
    if how < 6:
        file[name] = one(rng, _arrays(node if isinstance(node, h5py.Dataset) else None))
    elif how == 6:
        file[name] = one(rng, (h5py.SoftLink("/"), h5py.SoftLink("/absent"), h5py.ExternalLink("/etc/passwd", "/")))


def _arrays(dataset: Any) -> list[Any]:
    """Arrays that a layer does not expect."""
    shape = (3, 2) if dataset is None else dataset.shape
    complex_, texts = np.ones(shape, complex), np.full(shape, b"x")
    record = np.zeros(shape, [("a", "f4"), ("b", "i2")])
    whole = [np.full(shape, value) for value in (np.nan, np.inf, 1e30, 1e-30, 0.3, -1.0)]
    odd = [np.zeros((*shape, 1)), np.zeros(shape[::-1]), np.zeros(0), np.float32(1), np.zeros(shape, bool)]
    return [*whole, *odd, complex_, texts, record, np.full(shape, 1 << 62), np.zeros(shape, "f2")]


def proto(data: bytes, rng: Random) -> bytes:
    """A protobuf message with other values in a few of its fields."""
    import onnx

    message = onnx.ModelProto()
    message.ParseFromString(data)
    for _ in range(int(rng.integers(1, 3))):
        _change(message, rng)
    found: bytes = message.SerializePartialToString()
    return found


def _change(message: Any, rng: Random) -> None:
    owner, field = one(rng, _fields(message))
    value = getattr(owner, field.name)
    many = hasattr(value, "__len__") and not isinstance(value, (str, bytes))
    if many and len(value) and rng.random() < 0.5:
        if rng.random() < 0.5:
            del value[int(rng.integers(len(value)))]
        else:
            value.extend([copy.deepcopy(one(rng, list(value)))])
        return
    fresh = _scalar(field, rng)
    if fresh is None:
        owner.ClearField(field.name)
    elif many:
        value.append(fresh)
    else:
        setattr(owner, field.name, fresh)


def _fields(message: Any) -> list[tuple[Any, Any]]:
    """Every set field of a message and of those inside."""
    found = []
    for field, value in message.ListFields():
        found.append((message, field))
        inside = [value] if hasattr(value, "ListFields") else list(value) if hasattr(value, "add") else []
        found += [place for part in inside for place in _fields(part)]
    return found


def _scalar(field: Any, rng: Random) -> Any:
    """A hostile value of the field's type; None for a message, which is cleared."""
    numbers = (-1, 0, 1, 3, 11, 99, (1 << 31) - 1)
    kinds: dict[int, Any] = {
        field.CPPTYPE_INT32: numbers,
        field.CPPTYPE_INT64: (*numbers, (1 << 63) - 1, -(1 << 63)),
        field.CPPTYPE_UINT32: (0, 7),
        field.CPPTYPE_UINT64: (0, (1 << 64) - 1),
        field.CPPTYPE_FLOAT: (float("nan"), float("inf"), -1.0, 0.0, 1e38),
        field.CPPTYPE_DOUBLE: (float("nan"), 1e308),
        field.CPPTYPE_BOOL: (True, False),
        field.CPPTYPE_STRING: ("", "x", "Loop", "Quant", "x" * 2000, "a\nb", "../x"),
    }
    if field.cpp_type == field.CPPTYPE_STRING and field.type == field.TYPE_BYTES:
        return one(rng, (b"", b"\xff" * 7, b"x" * 4000))
    return one(rng, kinds[field.cpp_type]) if field.cpp_type in kinds else None


def yaml_text(data: bytes, rng: Random) -> bytes:
    """A configuration with changed values, or a text that is damaged."""
    import yaml

    if rng.random() < 0.25:
        return flipped(data, rng)
    value = json_value(yaml.safe_load(data), rng, int(rng.integers(1, 3)))
    return yaml.safe_dump(value, allow_unicode=True).encode(errors="replace")
