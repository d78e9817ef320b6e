"""Safe identifiers."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitsmith.sim.names import MAX_LENGTH, RESERVED, is_safe, safe_name


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("conv1", "conv1"),
        ("Conv2D_1", "conv2d_1"),
        ("a; exit", "a_exit"),
        ("../x", "x"),
        ("module", "module_layer"),
        ("int", "int_layer"),
        ("lambda", "lambda_layer"),
        ("3x3", "layer_3x3"),
        ("", "layer"),
        ("größe", "gr_e"),
        ("日本", "layer"),
        ("inner/dw", "inner_dw"),
        ("$(rm -rf)", "rm_rf"),
    ],
)
def test_names_people_use(label: str, expected: str) -> None:
    assert safe_name(label) == expected


def test_names_stay_unique() -> None:
    taken: set[str] = set()
    for label in ("a b", "a-b", "A B", "a_b", "a_b_2"):
        taken.add(safe_name(label, taken))
    assert taken == {"a_b", "a_b_2", "a_b_3", "a_b_4", "a_b_2_2"}


@given(st.text(max_size=200), st.lists(st.text(max_size=8), max_size=8))
def test_every_name_is_safe_and_new(label: str, others: list[str]) -> None:
    taken = {safe_name(other) for other in others} | {safe_name(label)}
    name = safe_name(label, taken)
    assert is_safe(name)
    assert name not in taken
    assert len(name) <= MAX_LENGTH


def test_keywords_of_every_language_are_reserved() -> None:
    assert {k for k in keyword.kwlist if k.islower()} <= RESERVED
    assert {"module", "endmodule", "logic", "template", "int", "proc", "aclk", "yield"} <= RESERVED
    assert not is_safe("wire")
    assert not is_safe("Conv")
    assert not is_safe("1a")
