"""YAML that PyYAML stumbles over, or reads as something else than it says: one line that names the line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bitsmith.gen.config.schema import load_config, parse_config
from bitsmith.gen.files.yaml_file import load_yaml
from bitsmith.sim.errors import BitsmithError


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(BitsmithError) as raised:
        load_config(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    "digits", ["9" * 5000, "1" + ":1" * 400_000, "1" + ":1" * 5000 + ".5", "0x" + "f" * 5000, "0b" + "1" * 5000]
)
def test_a_number_without_end_is_not_computed(digits: str, tmp_path: Path) -> None:
    start = time.process_time()
    message = refusal(tmp_path / "c.yaml", f"Backend: Vitis\nClockPeriod: {digits}\n")
    assert message.endswith(f"the number in line 2 has {len(digits):,} characters; give a shorter one")
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ClockPeriod: 5\nClockPeriod: 6\n", 2),
        ("ClockPeriod: 5\n'ClockPeriod': 6\n", 2),
        ("HLSConfig:\n  Model: {Precision: 'fixed<8,2>',\n    Precision: 'fixed<9,3>'}\n", 3),
        ("KerasModel:\n  a: 1\n  a: 2\n", 3),
    ],
)
def test_a_key_that_stands_twice(text: str, line: int, tmp_path: Path) -> None:
    assert f"in line {line} stands there twice; leave one of them out" in refusal(tmp_path / "c.yaml", text)


@pytest.mark.parametrize("text", ['Part: "\\ud800"', '"\\udfff": 1', 'HLSConfig: {LayerName: {"a\\ud800": {}}}'])
def test_half_a_character_cannot_be_written_again(text: str, tmp_path: Path) -> None:
    assert "the text in line 1 holds half a character" in refusal(tmp_path / "c.yaml", text)


def test_the_same_key_in_two_places_and_a_merged_one_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n'1': 4\n1: 5\n")
    assert load_yaml(path) == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}, "1": 4, 1: 5}


@pytest.mark.parametrize(
    "value",
    ["!!bool perhaps", "!!int ''", "!!float ''", "!!timestamp now", "!!binary aGk=", "!!python/name:os.system ''"],
)
def test_a_value_that_is_not_of_its_tag(value: str, tmp_path: Path) -> None:
    message = refusal(tmp_path / "c.yaml", f"Part: {value}\n")
    assert message.startswith(f"{tmp_path / 'c.yaml'} is no YAML")
    assert message.endswith("; check its indentation")


@pytest.mark.parametrize("digits", [400, 6000])
def test_a_number_of_thousands_of_digits_from_python(digits: int) -> None:
    value = 10**digits
    with pytest.raises(BitsmithError, match=r"ReuseFactor: .*\(found a number of hundreds of digits\)"):
        parse_config({"HLSConfig": {"Model": {"ReuseFactor": value}}})
