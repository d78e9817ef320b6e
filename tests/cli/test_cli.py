"""What every command keeps to: one line for every failure, one JSON object for machines, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bitsmith.gen.files.hashes import sealed

COMMANDS = ("inspect", "calibrate", "config", "build", "verify", "estimate", "synth", "report", "train")
TASKS = {  # every command with arguments that are well formed and name nothing that exists
    "inspect": ["absent.h5"],
    "calibrate": ["absent.h5", "--data", "absent.npy"],
    "config": ["absent.h5"],
    "build": ["absent.h5", "-o", "out"],
    "verify": ["absent"],
    "estimate": ["absent"],
    "synth": ["absent", "--tool", "vitis"],
    "report": ["absent"],
    "train": ["nonsense"],
}


def bitsmith(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bitsmith", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


def patched(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process where ``script`` ran first."""
    code = f"{script}\nfrom bitsmith.cli import run\nrun({list(arguments)!r})"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A build folder as far as ``report`` looks at it."""
    mark = {"made_by": "bitsmith", "version": "0.1.0", "model": "m", "sha256": "00", "seed": 1, "layers": []}
    (tmp_path / "built").mkdir()
    (tmp_path / "built" / "graph.json").write_text("{}")
    (tmp_path / "built" / "bitsmith.json").write_text(json.dumps(sealed(tmp_path / "built", mark)))
    return tmp_path / "built"


def test_a_report_that_finds_no_room(folder: Path) -> None:
    """One line with the cure; the page that was there is whole and nothing lies beside it."""
    (folder / "report.html").write_text("old")
    before = sorted(os.listdir(folder))
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))"
    done = patched(limited, "report", str(folder))
    assert done.returncode == 2
    assert done.stderr == (
        f"error: cannot write '{folder}/report.html': File too large; raise the limit (ulimit -f) and start again\n"
    )
    assert (folder / "report.html").read_text() == "old"
    assert sorted(os.listdir(folder)) == before


def test_help_is_quick_and_names_every_command() -> None:
    """Processor time, which other work on the machine changes less."""
    seconds = []
    for _ in range(3):
        start = os.times()
        done = bitsmith("--help")
        end = os.times()
        seconds.append(end.children_user + end.children_system - start.children_user - start.children_system)
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)
    assert min(seconds) < 0.5


def test_help_imports_nothing_heavy() -> None:
    heavy = ("numpy", "h5py", "hls4ml", "amaranth", "tensorflow", "yaml", "jinja2")
    script = f"import atexit, sys\natexit.register(lambda: print([m for m in {heavy} if m in sys.modules]))"
    assert patched(script, "--help").stdout.splitlines()[-1] == "[]"


def test_version() -> None:
    import bitsmith as package

    assert bitsmith("--version").stdout == f"bitsmith {package.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command: str) -> None:
    done = bitsmith(command, "--help")
    assert done.returncode == 0
    assert "--json" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_absent_is_one_line_and_status_2(tmp_path: Path, command: str) -> None:
    """Each in an interpreter of its own, which has imported nothing yet."""
    done = bitsmith(command, *TASKS[command], cwd=tmp_path)
    assert done.returncode == 2
    assert_one_line(done.stderr)
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_absent_is_an_object_for_machines(tmp_path: Path) -> None:
    """All commands with --json in one interpreter, one after the other."""
    tasks = [[command, *TASKS[command], "--json"] for command in COMMANDS]
    script = f"""
import sys
from bitsmith.cli import run
for task in {tasks!r}:
    try:
        run(task)
    except SystemExit as leave:
        assert leave.code == 2, (task, leave.code)
    for stream in sys.stdout, sys.stderr:
        print("END", file=stream, flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    objects, errors = (stream.split("END\n")[:-1] for stream in (done.stdout, done.stderr))
    assert len(errors) == len(COMMANDS)
    for found, error in zip(objects, errors, strict=True):
        assert_one_line(error)
        assert json.loads(found) == {"error": error.removeprefix("error: ").rstrip("\n")}
    assert list(tmp_path.iterdir()) == []


def assert_one_line(error: str) -> None:
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "unexpected" not in error


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["build"], ["build", "m.h5"], ["verify", "x", "--vectors", "0"], ["report", "x", "--nonsense"]],
)
def test_usage_errors_are_one_line(arguments: list[str]) -> None:
    done = bitsmith(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "--help" in done.stderr


def test_text_for_people_and_json_for_machines(folder: Path) -> None:
    page = folder / "report.html"
    assert bitsmith("report", str(folder)).stdout == f"{page}\n"
    done = bitsmith("report", str(folder), "--json")
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, {"report": str(page)}, "")


def test_json_is_alone_on_stdout_whatever_the_libraries_print(folder: Path) -> None:
    noise = (
        "import os, subprocess\nfrom bitsmith.gen import report\nwrite = report.write_report\n"
        "def noisy(folder):\n    print('from Python')\n    os.write(1, b'from C\\n')\n"
        "    subprocess.run(['echo', 'from a child'])\n    return write(folder)\nreport.write_report = noisy"
    )
    done = patched(noise, "report", str(folder), "--json")
    assert json.loads(done.stdout) == {"report": str(folder / "report.html")}
    assert sorted(done.stderr.splitlines()) == ["from C", "from Python", "from a child"]


BROKEN = "from bitsmith.gen import report\ndef f(folder):\n    raise ValueError('two\\nlines')\nreport.write_report = f"


def test_an_unexpected_exception_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = patched(BROKEN, "report", str(folder))
    assert done.returncode == 2
    assert done.stderr == "error: unexpected ValueError: two lines (set BITSMITH_DEBUG=1 for the traceback)\n"
    monkeypatch.setenv("BITSMITH_DEBUG", "1")
    assert "Traceback" in patched(BROKEN, "report", str(folder)).stderr


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("OSError(28, 'No space left on device', 'x.v')", "'x.v': No space left"),
        ("MemoryError()", "out of memory; fewer test vectors"),
        ("RecursionError()", "unexpected RecursionError"),
    ],
)
def test_limits_of_the_machine_are_one_line(folder: Path, limit: str, said: str) -> None:
    done = patched(BROKEN.replace("ValueError('two\\nlines')", limit), "report", str(folder))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_behind_stdout_is_one_line(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "bitsmith", "report", str(folder)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: cannot print the result: No space left on device\n"


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "bitsmith", "report", str(folder)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_half_written(tmp_path: Path, number: signal.Signals, status: int) -> None:
    slow = (
        # what a shell starts in the background ignores SIGINT, and so do its children
        "import signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from bitsmith.gen import build\nfrom bitsmith.gen.files import folder\n"
        "def f(model, config, output, *_, **__):\n    with folder.replacing(output) as fresh:\n"
        "        (fresh / 'half').write_text('x')\n        print('ready', flush=True)\n        time.sleep(60)\n"
        "build.build_project = f\nfrom bitsmith.cli import run\n"
        f"run(['build', 'm.h5', '-o', {str(tmp_path / 'new' / 'out')!r}])"
    )
    process = subprocess.Popen([sys.executable, "-c", slow], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == status
    assert stderr == ("error: interrupted\n" if number is signal.SIGINT else "")
    assert list(tmp_path.iterdir()) == []


def test_names_from_files_do_not_steer_the_terminal() -> None:
    from bitsmith.cli.outcome import printable, table

    assert printable("a\x1b[31m\n\u202eb") == "a\\x1b[31m\\n\\u202eb"
    assert table(["a", "b"], [("x\ty", 1), ("z", 22)]) == "a      b\nx\\ty   1\nz     22"


def test_a_terminal_in_ascii_prints_any_name(folder: Path) -> None:
    strange = folder.with_name("größe")
    folder.rename(strange)
    done = bitsmith("report", str(strange), PYTHONIOENCODING="ascii", LC_ALL="C.UTF-8")
    assert done.returncode == 0
    assert "gr\\xf6" in done.stdout
