"""The notebook in docs/: its outputs are those of its own cells, which nobody typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from notebook import code_cells, read, run

PATH = Path(__file__).parents[2] / "docs" / "from-model-to-proof.ipynb"
COMPILING = "bitsmith.verify"
AGAIN = "run tests/helpers/notebook.py on it again"


@pytest.fixture
def notebook() -> dict[str, Any]:
    return read(PATH)


def cells_before(notebook: dict[str, Any], word: str) -> dict[str, Any]:
    """The notebook up to the first cell with a word in it."""
    cells = notebook["cells"]
    found = next(k for k, cell in enumerate(cells) if cell["cell_type"] == "code" and word in "".join(cell["source"]))
    return {**notebook, "cells": cells[:found]}


def assert_in_step(notebook: dict[str, Any]) -> None:
    for cell, outputs in zip(code_cells(notebook), run(notebook), strict=True):
        assert cell["outputs"] == outputs, f"cell '{cell['id']}' gives something else now: {AGAIN}"


def test_every_cell_was_run_in_order(notebook: dict[str, Any]) -> None:
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert (notebook["nbformat"], len({cell["id"] for cell in notebook["cells"]})) == (4, len(notebook["cells"]))


def test_what_needs_no_compiler_gives_what_stands_there(notebook: dict[str, Any]) -> None:
    short = cells_before(notebook, COMPILING)
    assert len(code_cells(short)) >= 4
    assert_in_step(short)


def test_another_output_is_noticed(notebook: dict[str, Any]) -> None:
    short = cells_before(notebook, "bitsmith.build(")
    assert_in_step(short)
    code_cells(short)[-1]["outputs"][0]["data"]["text/plain"] = ["typed by hand"]
    with pytest.raises(AssertionError, match="gives something else now"):
        assert_in_step(short)


@pytest.mark.slow
def test_all_of_it_gives_what_stands_there(notebook: dict[str, Any], need: Callable[..., None]) -> None:
    need("g++", "verilator")
    assert_in_step(notebook)
