"""Starts a bench's module on a simulator through cocotb's runner."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree

from ..hw.rtl.fifo import CHECK
from ..sim.errors import BitsmithError

BUFFERS = "buffers"


def run_bench(
    sources: Sequence[Path],
    toplevel: str,
    module: str,
    folder: Path,
    simulator: str,
    device: Mapping[str, str],
    tool: Mapping[str, str],
) -> dict[str, str]:
    """Build ``toplevel`` in ``folder`` and run every test of ``module`` (``bitsmith.tb.top``) on it.

    ``simulator`` is ``verilator`` or ``icarus``; ``device`` are the variables that the module reads, ``tool`` those
    that the simulator needs. Returns each test by name: empty where it passed, else its failure; where a buffer's own
    checks failed, what they say as ``BUFFERS``. BitsmithError where the build fails.
    """
    from cocotb_tools.runner import get_runner

    arguments = ["-Wno-fatal", "-Wno-lint", "-Wno-style", "-j", "2"] if simulator == "verilator" else []
    report = folder / "results.xml"
    report.unlink(missing_ok=True)
    # Verilator's runtime is compiled with every bench, and that is most of its time: not optimized, half of it.
    unoptimized = "OPT_GLOBAL=-O0 OPT_FAST=-O0"
    with _environment({**tool, "MAKEFLAGS": " ".join([unoptimized, tool.get("MAKEFLAGS", "")])}):
        runner = get_runner(simulator)
        # The runner ends in SystemExit where a test fails too: what counts is whether the report was written.
        with suppress(SystemExit, RuntimeError):
            runner.build(
                sources=list(sources),
                hdl_toplevel=toplevel,
                build_dir=folder,
                build_args=arguments,
                defines={CHECK: 1},
                timescale=("1ns", "1ps"),
                log_file=folder / "build.log",
            )
            runner.test(
                test_module=module,
                hdl_toplevel=toplevel,
                test_dir=folder,
                results_xml=str(report),
                extra_env=dict(device),
                log_file=folder / "test.log",
            )
    if not report.is_file():
        raise BitsmithError(f"cocotb could not run {module} on {simulator}; the logs are in '{folder}'")
    return _results(report) | _checks(folder / "test.log")


def _checks(log: Path) -> dict[str, str]:
    found = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("problem ")]
    return {BUFFERS: "; ".join(dict.fromkeys(found))} if found else {}


def _results(path: Path) -> dict[str, str]:
    found = {}
    for case in ElementTree.parse(path).iter("testcase"):
        failure = case.find("failure")
        if failure is None:
            failure = case.find("error")
        found[case.attrib["name"]] = "" if failure is None else _text(failure)
    return found


def _text(failure: ElementTree.Element) -> str:
    return f"{failure.attrib.get('error_type', '')} {failure.attrib.get('error_msg', '')} {failure.text or ''}".strip()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
