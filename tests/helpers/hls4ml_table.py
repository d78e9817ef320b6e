"""``make hls4ml-suite``: every model of the corpus under hls4ml's configuration, and beside Keras; a table."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.append(str(Path(__file__).parents[1] / "ops"))  # test_softmax has the bound of its tables

from hls4ml_suite import MODELS
from hls4ml_suite.run import CRASHED, DIFFERS, EQUAL, OPEN, REFUSED, UNREAD, WITHIN, Result, compared

KINDS = (EQUAL, WITHIN, OPEN, REFUSED, UNREAD, DIFFERS, CRASHED)
ACCEPTED = (EQUAL, WITHIN, OPEN, DIFFERS)


def table(results: Iterable[Result]) -> str:
    """A row for each test file, and one for all."""
    files: dict[str, Counter[str]] = {}
    for result in results:
        files.setdefault(result.model.file, Counter())[result.kind] += 1
    rows = [*sorted(files.items()), ("all", sum(files.values(), Counter()))]
    lines = [f"{'test file':28s}{'models':>8s}" + "".join(f"{kind:>15s}" for kind in KINDS)]
    for name, count in rows:
        lines.append(f"{name:28s}{sum(count.values()):8d}" + "".join(f"{count[kind] or '':>15}" for kind in KINDS))
    return "\n".join(lines)


def main() -> int:
    """Exit status 1 where an accepted model differs, or anything crashed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only models whose file or name has one of these")
    wanted = parser.parse_args().words
    warnings.simplefilter("ignore")
    results = []
    for model in MODELS:
        if not wanted or any(word in model.key for word in wanted):
            results.append(compared(model))
            print(f"{results[-1].kind:15s} {model.key}: {results[-1].reason}", flush=True)
    accepted = sum(result.kind in ACCEPTED for result in results)
    wrong = [result for result in results if result.kind in (DIFFERS, CRASHED)]
    print(f"\n{table(results)}\n")
    print(f"{accepted} of {len(results)} models accepted; of these {len(wrong)} differ from Keras or crashed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
