"""hls4ml's C simulation of an emitted project, compiled once by g++: integers in, integers out."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...sim.errors import BitsmithError
from ...sim.fast.predict import processors
from ...sim.fixed import Fixed, IntArray, Overflow, Rounding, quantize
from ..files import cache
from ..files.folder import writes_to, writing
from ..files.json_file import read_json
from ..files.workplace import work_folder
from ..tools import gxx, is_clang, less_analysis, made_by

FLAGS = ["-std=c++11", "-fPIC", "-w", "-shared"]
LIBRARY = "library.so"
OWN = "-fno-gnu-unique"
"""Each copy of a library has static variables of its own: GCC makes those of templates one for the whole process."""
FRAMES_EACH = 64
"""So many at least for a thread of their own."""
STREAM = Path(__file__).resolve().parent / "csim" / "hls_stream.h"
"""Comes before the project's."""
NAME = 200
"""Characters that are kept of what is in disorder."""


class HlsModel:
    """The C simulation in ``folder`` (a build folder, or the project itself). Not for several threads at once."""

    def __init__(self, folder: str | Path, optimization: str = "-O2") -> None:
        """``optimization`` is the compiler's option: the lower, the faster it compiles and the slower it runs.

        BitsmithError where there is no HLS project of ours.
        """
        self.optimization = optimization
        home = Path(folder)
        self.project = home / "hls" if (home / "hls").is_dir() else home
        try:
            self.ports = read_json(self.project / "ports.json", "a whole build folder")
        except BitsmithError as error:
            raise BitsmithError(f"'{folder}' holds no HLS project; make it with 'bitsmith build'") from error
        self.cache = self.project.parent / "sim"
        self.disorder = ""
        """The first stream that was read while empty, or not to its end. Values may be right all the same; hardware
        would wait for ever."""

    def compile(self) -> Path:
        """The shared library, compiled unless it is there for the same sources; BitsmithError without g++."""
        compiler = gxx()
        # As one unit: the headers and the templates of both are most of the work.
        flags = [*FLAGS, self.optimization, *([] if self.optimization == "-O2" else less_analysis(compiler))]
        flags += [] if is_clang(compiler) else [OWN]
        digest = self._digest([*compiler.command, *flags])
        target = self.cache / f"hls-{digest[:16]}.so"
        if target.is_file():
            return target
        with writes_to(self.cache):
            self.cache.mkdir(exist_ok=True)
        with writing(target) as fresh:
            key = cache.key(made_by(compiler), digest)
            cache.filled("hls", key, fresh.parent, [LIBRARY], lambda work: self._compile_in(work, flags))
            (fresh.parent / LIBRARY).rename(fresh)
        return target

    def _compile_in(self, work: Path, flags: list[str]) -> None:
        home = os.path.relpath(os.path.realpath(self.project), work)
        first = ["-include", STREAM.name, "-include", f"{home}/firmware/{self.ports['top']}.cpp"]
        includes = [f"-I{STREAM.parent}", f"-I{home}", f"-I{home}/firmware/ap_types"]
        gxx().run([*flags, *includes, "-o", LIBRARY, *first, f"{home}/bitsmith_bridge.cpp"], work, "C simulation")

    def predict_raw(self, *raw: ArrayLike, threshold: int | None = None) -> tuple[IntArray, ...]:
        """Raw outputs for raw inputs, batch first; ``threshold`` (raw) replaces argmax's own."""
        inputs = self._inputs(raw, threshold)
        workers = min(processors(), len(inputs[0]) // FRAMES_EACH)
        return self._run(self._library, inputs) if workers < 2 else self._run_side_by_side(workers, inputs)

    def predict(
        self, *x_float: ArrayLike, rounding: Rounding = Rounding.RND_CONV, overflow: Overflow = Overflow.SAT
    ) -> tuple[IntArray, ...]:
        """Raw outputs for real inputs, which are quantized to the input types."""
        types = [Fixed.parse(port["type"])[0] for port in self._given]
        if len(x_float) != len(types):
            raise BitsmithError(f"{len(x_float)} inputs given, the model has {len(types)}; give {self._names()}")
        return self.predict_raw(*(quantize(x, t, rounding, overflow) for x, t in zip(x_float, types)))

    def trace_raw(self, *raw: ArrayLike) -> dict[str, IntArray]:
        """Every node's integers by name, inputs and outputs included; a tensor wider than 53 bits only as an output.

        Tensors inside a recurrent node are called ``<node>.<tensor>`` (see ``internals()`` of the operator), each of
        shape (batch, 1, steps, width).
        """
        inputs, library = self._inputs(raw, None), self._library
        traces = {n: t for n, t in {**self.ports["traces"], **self.ports["internals"]}.items() if t["exact"]}
        buffers = {name: np.full(t["shape"], np.nan) for name, t in traces.items()}
        frames: dict[str, list[NDArray[np.float64]]] = {name: [] for name in traces}
        for name, t in traces.items():
            library.bitsmith_trace(t["layer"].encode(), _pointer(buffers[name], ctypes.c_double))
        outputs = []
        for f in range(len(inputs[0])):
            outputs.append(self._run(library, [x[f : f + 1] for x in inputs]))
            for name, buffer in buffers.items():
                frames[name].append(buffer.copy())
        library.bitsmith_untrace()
        result = {port["name"]: x for port, x in zip(self._given, inputs)}
        for name, t in traces.items():
            values = np.array(frames[name]).reshape(-1, *t["shape"])
            result[name] = np.ldexp(values, t["fraction"]).astype(np.int64)
        for i, port in enumerate(self.ports["outputs"]):
            result[port["name"]] = np.concatenate([frame[i] for frame in outputs]) if outputs else np.empty(0, np.int64)
        return result

    @property
    def _given(self) -> list[dict[str, Any]]:
        return [port for port in self.ports["inputs"] if port["given"]]

    def _names(self) -> str:
        return ", ".join(port["name"] for port in self._given)

    def _inputs(self, raw: Sequence[ArrayLike], threshold: int | None) -> list[IntArray]:
        """Checked, contiguous int64, the thresholds behind the model's own inputs."""
        arrays = [np.asarray(x) for x in raw]
        if len(arrays) != len(self._given):
            raise BitsmithError(f"{len(arrays)} inputs given, the model has {len(self._given)}; give {self._names()}")
        arrays = [x[:, np.newaxis] if [1, *x.shape[1:]] == p["shape"] else x for x, p in zip(arrays, self._given)]
        for x, port in zip(arrays, self._given):
            _check(x, port)
        count = len(arrays[0])
        if any(len(x) != count for x in arrays):
            raise BitsmithError(
                f"inputs have {', '.join(str(len(x)) for x in arrays)} frames; give the same number of each"
            )
        for port in self.ports["inputs"]:
            if not port["given"]:
                value = port["default"] if threshold is None else threshold
                arrays.append(np.full((count, 1), value, dtype=np.int64))
                _check(arrays[-1], port)
        return [np.ascontiguousarray(x, dtype=np.int64) for x in arrays]

    def _run(self, library: Any, inputs: list[IntArray]) -> tuple[IntArray, ...]:
        count = len(inputs[0])
        outputs = tuple(np.empty((count, *port["shape"]), np.int64) for port in self.ports["outputs"])
        if count:
            library.bitsmith_run(ctypes.c_size_t(count), _pointers(inputs), _pointers(outputs))
        self.disorder = self.disorder or disorder(library)
        return outputs

    def _run_side_by_side(self, workers: int, inputs: list[IntArray]) -> tuple[IntArray, ...]:
        """Consecutive frames on each processor, with a copy of the library: layers keep lines in static variables."""
        library = self.compile().resolve()
        with writes_to(library.parent), work_folder(library) as folder, ThreadPoolExecutor(workers) as threads:
            copies = [ctypes.CDLL(str(shutil.copy(library, folder / f"{k}.so"))) for k in range(workers)]
            parts = zip(*(np.array_split(x, workers) for x in inputs))
            done = list(threads.map(self._run, copies, map(list, parts)))
        return tuple(np.concatenate(output) for output in zip(*done))

    @cached_property
    def _library(self) -> Any:
        return ctypes.CDLL(str(self.compile().resolve()))

    def _digest(self, command: Sequence[str]) -> str:
        """Of the compiler and of everything that is compiled."""
        digest = hashlib.sha256(" ".join(command).encode())
        files = [self.project / "bitsmith_bridge.cpp", *sorted(self.project.glob("firmware/**/*"))]
        digest.update(STREAM.read_bytes())
        for path in files:
            if path.is_file():
                digest.update(f"{path.relative_to(self.project)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()


def disorder(library: Any) -> str:
    """What was in disorder since it was last asked, in words; empty where nothing was."""
    first = ctypes.create_string_buffer(NAME)
    library.bitsmith_disorder.restype = ctypes.c_size_t
    count = library.bitsmith_disorder(first, ctypes.c_size_t(NAME))
    what = first.value.decode(errors="replace").rstrip(",")
    times = "once" if count == 1 else f"{count} times"
    return f"stream {what} in the C simulation, {times}, which hangs in hardware" if count else ""


def _check(x: NDArray[Any], port: dict[str, Any]) -> None:
    """BitsmithError unless these are integers of the port's shape and type."""
    type, name = Fixed.parse(port["type"])[0], port["name"]
    if x.ndim == 0 or list(x.shape[1:]) != port["shape"] or x.dtype.kind not in "iu":
        shape = ", ".join(map(str, port["shape"]))
        raise BitsmithError(f"input '{name}' is {x.dtype} of shape {x.shape}; give raw integers (batch, {shape})")
    if x.size and not type.raw_min <= int(x.min()) <= int(x.max()) <= type.raw_max:
        raise BitsmithError(
            f"input '{name}' holds raw {int(x.min())}..{int(x.max())}, outside {type}; "
            f"give {type.raw_min} to {type.raw_max}"
        )


def _pointer(array: NDArray[Any], ctype: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctype))


def _pointers(arrays: Sequence[IntArray]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(x.ctypes.data for x in arrays))
