"""What every test may rely on: tools that are there or say so, and randomness that repeats."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import fast
import formal
import garbage
import pytest
from hypothesis import settings

from bitsmith.gen import tools
from bitsmith.sim.errors import BitsmithError, install_extra

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # QKeras is written for Keras 2
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

settings.register_profile("bitsmith", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("bitsmith")
garbage.collect_seldom()

TOOLS: dict[str, Callable[[], object]] = {
    "g++": tools.gxx,
    "verilator": tools.verilator,
    "yosys": tools.yosys,
    "iverilog": tools.iverilog,
}


def pytest_report_header() -> str:
    """Which tools this run has."""
    return "bitsmith tools: " + ", ".join(f"{name} {'missing' if missing(name) else 'yes'}" for name in TOOLS)


def missing(tool: str) -> str:
    """Why a tool cannot be used; empty where it can."""
    try:
        TOOLS[tool]()
    except BitsmithError as error:
        return str(error)
    return ""


def skip_or_fail(reason: str) -> None:
    """A visible skip on a laptop, a failure where CI is set: there nothing may be missing."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set, so this is a failure)")
    pytest.skip(reason)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fast", action="store_true", help="only what starts no program, emits no Verilog, trains nothing"
    )
    parser.addoption("--slow", action="store_true", help="also what is marked slow: the same kinds in more ways")


def _chosen(config: pytest.Config, items: list[pytest.Item]) -> list[pytest.Item]:
    """Slow ones are for --slow; --fast is for what is quick."""
    if config.getoption("--fast"):
        return [item for item in items if not fast.says_so(item) and item.get_closest_marker("slow") is None]
    return [item for item in items if config.getoption("--slow") or item.get_closest_marker("slow") is None]


def pytest_configure(config: pytest.Config) -> None:
    starts_workers = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if config.getoption("--fast") and not starts_workers:
        fast.allow_nothing_slow()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What compiles comes first, in whole files: when only short tests are left, no worker waits for another."""
    chosen = _chosen(config, items)
    kept = set(chosen)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = chosen
    weight = Counter(item.path for item in items if fast.says_so(item))
    items.sort(key=lambda item: -weight[item.path])  # stable: a file's own order stays


def pytest_runtest_setup() -> None:
    garbage.freeze_libraries()


@pytest.fixture
def need() -> Callable[..., None]:
    """``need("g++", "verilator")``: the test goes on only where these are there."""

    def check(*names: str) -> None:
        for name in names:
            reason = missing(name)
            if reason:
                skip_or_fail(reason)

    return check


@pytest.fixture
def example_models() -> Path:
    """The folder of hls4ml's example-models, which BITSMITH_EXAMPLE_MODELS names; skipped without it."""
    folder = os.environ.get("BITSMITH_EXAMPLE_MODELS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("BITSMITH_EXAMPLE_MODELS names no folder of github.com/fastmachinelearning/example-models")
    return Path(folder)


@pytest.fixture
def proof(tmp_path: Path, need: Callable[..., None], record_property: Callable[[str, object], None]) -> formal.Prove:
    """``proof(part, harness, emitted)``: the verdict, which the table of ``make formal`` gets as well."""
    need("yosys")

    def run(part: str, harness: formal.Harness, emitted: Mapping[str, str]) -> formal.Verdict:
        try:
            verdict = formal.prove(harness, emitted, tmp_path / "proof")
        except formal.NotProven:
            seconds = formal.PATIENCE
            record_property("proof", [part, list(harness.properties), f"not proven in {seconds} s", 0, seconds])
            raise
        record_property("proof", verdict.row(part, list(harness.properties)))
        return verdict

    return run


@pytest.fixture(autouse=True)
def _training_needs_tensorflow(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("train") and find_spec("tensorflow") is None:
        skip_or_fail(f"TensorFlow is not installed; {install_extra('train')}")
