"""A small part of ``make fuzz-reader``: damaged models are read or refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from reader_fuzz import fuzz, models, read

from bitsmith.gen import convert


def test_damaged_models_are_read_or_refused(tmp_path: Path) -> None:
    count = Counter[str]()
    fuzz(models(tmp_path, hgq=False), tmp_path, 120, 1, count, shrink=False)()
    assert count["refused"] > 40
    assert count["read"] > 5


def test_another_error_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that stumbles makes it fail."""
    whole = models(tmp_path, hgq=False)

    def stumbles(*_: object) -> None:
        raise KeyError("units")

    monkeypatch.setattr("reader_fuzz.read_model", stumbles)
    with pytest.raises(KeyError):
        fuzz(whole, tmp_path, 5, 1, Counter(), shrink=False)()
    monkeypatch.undo()
    (tmp_path / "whole.h5").write_bytes(whole["model.h5"])
    assert read(tmp_path / "whole.h5", None, {}) == "read"
    assert convert.read_model(tmp_path / "whole.h5").outputs == ("dense",)
