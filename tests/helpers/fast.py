"""``pytest --fast``: what starts no program, emits no Verilog and imports no TensorFlow. Nothing is marked by hand.

Tests that say beforehand what they need (the fixture ``need``, the marker ``train``) are not run. The others are
skipped as soon as they try.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, NoReturn

import pytest

TRAINING = frozenset({"tensorflow", "tf_keras", "keras", "qkeras"})
QUICK = frozenset({"uname"})  # a library asks for it when it is imported


def says_so(item: pytest.Item) -> bool:
    """Whether a test needs a tool or TensorFlow, as far as can be known before it runs."""
    return "need" in getattr(item, "fixturenames", ()) or item.get_closest_marker("train") is not None


def allow_nothing_slow() -> None:
    """From now on a test that does one of these is skipped."""
    from bitsmith.gen.rtl import emit

    popen = subprocess.Popen

    class Refused(popen):  # type: ignore[misc, valid-type]
        def __init__(self, args: Any, *others: Any, **options: Any) -> None:
            name = Path(args if isinstance(args, str) else str(args[0])).name
            if name not in QUICK:
                _skip(f"starts {name}")
            super().__init__(args, *others, **options)

    subprocess.Popen = Refused  # type: ignore[misc]
    vars(emit)["to_verilog"] = lambda *_, **__: _skip("emits Verilog")
    sys.meta_path.insert(0, _Training())


class _Training(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname in TRAINING:
            _skip(f"imports {fullname}")


def _skip(what: str) -> NoReturn:
    pytest.skip(f"{what}: not with --fast", allow_module_level=True)
