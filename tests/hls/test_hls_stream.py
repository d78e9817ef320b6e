"""The C simulation's hls::stream: what the one that hls4ml brings does, element for element and word for word."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from bitsmith.gen.hls.model import FLAGS, STREAM, disorder
from bitsmith.gen.tools import gxx

PROGRAM = """
#include "hls_stream.h"

struct Pair {
    int a, b;
    Pair() : a(-1), b(-1) {}
};

int main() {
    hls::stream<Pair> data("data"), many[2];
    unsigned state = 1;
    for (int step = 0; step < 4000; step++) {
        state = state * 1664525u + 1013904223u;
        const bool mostly_in = step / 500 % 2 == 0;
        Pair pair;
        pair.a = step, pair.b = state >> 8;
        switch ((state >> 28) % 4) {
        case 0: data.write(pair); break;
        case 1: mostly_in ? data << pair : data.read(pair); break;
        case 2: mostly_in ? (void)data.write_nb(pair) : (void)(std::cout << data.read_nb(pair)); break;
        default: pair = data.read();
        }
        std::cout << pair.a << " " << pair.b << " " << data.size() << data.empty() << data.full() << "\\n";
    }
    Pair last;
    many[1].write(last);
    many[1] >> last;
    hls::stream<Pair> left("left over");
    left.write(Pair());
    return 0;
}
"""


DISORDER = """
#include "hls_stream.h"

extern "C" void run(int written, int read) {
    hls::stream<int> data("data");
    for (int i = 0; i < written; i++)
        data.write(i);
    for (int i = 0; i < read; i++)
        data.read();
}
"""


def output(include: Path, folder: Path) -> str:
    (folder / "main.cpp").write_text(PROGRAM)
    flags = ["-std=c++11", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{include}"]
    gxx().run([*flags, "-o", "main", "main.cpp"], folder, "the streams")
    return subprocess.run([folder / "main"], capture_output=True, text=True, check=True, timeout=60).stdout


def test_it_does_what_hls4mls_does(tmp_path: Path, need: Callable[..., None]) -> None:
    need("g++")
    spec = find_spec("hls4ml")
    assert spec is not None
    assert spec.origin is not None
    theirs = Path(spec.origin).parent / "templates" / "vivado" / "ap_types"
    expected = output(theirs, tmp_path)
    assert output(STREAM.parent, tmp_path) == expected
    assert "'data' is read while empty, which may" in expected
    assert "'left over' contains leftover data, which may" in expected


def test_a_run_knows_what_was_in_disorder(tmp_path: Path, need: Callable[..., None]) -> None:
    """Of that run alone: values may be right all the same, and hardware would wait for ever."""
    need("g++")
    (tmp_path / "main.cpp").write_text(DISORDER)
    gxx().run([*FLAGS, f"-I{STREAM.parent}", "-o", "library.so", "main.cpp"], tmp_path, "the streams")
    library = ctypes.CDLL(str(tmp_path / "library.so"))
    for written, read, words in [
        (2, 2, ""),
        (1, 3, "stream 'data' is read while empty in the C simulation, 2 times, which hangs in hardware"),
        (3, 1, "stream 'data' contains leftover data in the C simulation, once, which hangs in hardware"),
        (2, 2, ""),
    ]:
        library.run(written, read)
        assert disorder(library) == words
