"""The emitted Tcl under a real interpreter, the vendor's commands replaced by ones that record their arguments."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import skip_or_fail
from hls_cases import U8, chain, dense
from test_hls import project

COMMANDS = [
    "open_project",
    "set_top",
    "add_files",
    "open_solution",
    "config_array_partition",
    "config_compile",
    "set_part",
    "config_schedule",
    "create_clock",
    "set_clock_uncertainty",
    "csim_design",
    "csynth_design",
    "cosim_design",
    "export_design",
]
PART, CLOCK_NS = "xcku035-fbva676-2-e", "3.5"
_STUB = """
proc unknown {args} { error "unknown command: $args" }
rename exit really_exit
proc exit {{status 0}} { puts "CALL exit $status"; flush stdout; really_exit $status }
"""


def run_tcl(folder: Path, options: dict[str, int]) -> list[list[str]]:
    """Every vendor command that build_prj.tcl calls with these options, with its arguments."""
    program = _STUB + "".join(f"proc {c} {{args}} {{ puts [list CALL {c} {{*}}$args] }}\n" for c in COMMANDS)
    program += "set argv [list {" + " ".join(f"{k}={v}" for k, v in options.items()) + "}]\nset argc 1\n"
    program += "source build_prj.tcl\n"
    script = folder / "stub.tcl"
    script.write_text(program)
    opt = folder / "build_opt.tcl"
    if opt.exists():
        opt.write_text("array set opt {" + " ".join(f"{k} {v}" for k, v in options.items()) + "}\n")
    interpreter = shutil.which("tclsh")
    if interpreter is None:
        skip_or_fail("no Tcl interpreter; install one (Debian, Ubuntu: apt install tcl)")
    assert interpreter is not None
    done = subprocess.run([interpreter, script.name], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [re.findall(r"\{[^}]*\}|\S+", line)[1:] for line in done.stdout.splitlines() if line.startswith("CALL ")]


@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
def test_every_file_exists_and_the_configuration_is_used(backend: str, tmp_path: Path) -> None:
    graph = chain("small", (3,), U8, dense(2))
    project(graph, tmp_path / "a b", Backend=backend, ProjectName="Cell-Sorter", Part=PART, ClockPeriod=float(CLOCK_NS))
    hls = tmp_path / "a b" / "hls"
    keys = ("reset", "csim", "synth", "cosim", "validation", "export", "vsynth", "fifo_opt")
    calls = run_tcl(hls, {key: int(key in ("reset", "csim", "synth", "export")) for key in keys})
    by_name = {call[0]: call[1:] for call in calls}
    top = by_name["set_top"][0]
    assert top == "cell_sorter"
    assert re.search(rf"\bvoid {top}\(", (hls / "firmware" / f"{top}.cpp").read_text())
    assert by_name["set_part"] == [PART]
    assert by_name["create_clock"][:2] == ["-period", CLOCK_NS]
    added = [next(word for word in call[1:] if not word.startswith("-")) for call in calls if call[0] == "add_files"]
    assert f"firmware/{top}.cpp" in added
    assert f"{top}_test.cpp" in added
    for name in added:
        assert (hls / name).exists(), name
    assert {"csim_design", "csynth_design", "export_design"} <= set(by_name)
    assert calls[-1] == ["exit", "0"]
