"""Two products in one multiplier: every two weights of every width that fits are packed and taken apart exactly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from formal import Prove, marked, spoilt
from formal_packed import Packed, apart, factor, packing, whole

from bitsmith.gen.rtl.verilog import to_verilog
from bitsmith.sim.fixed import Fixed

Pair = tuple[Fixed, Fixed]


def integer(signed: bool, width: int) -> Fixed:
    return Fixed(signed, width - int(signed), 0)


WEIGHTS = [integer(signed, width) for signed in (True, False) for width in range(1 + int(signed), 20)]
NUMBERS = [integer(signed, width) for signed in (True, False) for width in range(1 + int(signed), 19)]
PAIRS = [(w, x) for w in WEIGHTS for x in NUMBERS if packing(w, x) is not None]
"""Every type of the weights with every type of the numbers that a multiplier has room for."""


def widest() -> Iterator[Pair]:
    """Of each weights' type, and of each number of products that may be summed, the widest numbers."""
    found: dict[tuple[Fixed, bool, int], Pair] = {}
    for w, x in PAIRS:
        fits = packing(w, x)
        assert fits is not None
        found[w, x.signed, fits.terms] = (w, x)  # PAIRS have wider numbers later
    return iter(found.values())


def summed(pair: Pair) -> int:
    fits = packing(*pair)
    assert fits is not None
    return fits.terms


WIDEST = list(widest())
SMALL = [(w, x) for w, x in PAIRS if w.width + x.width <= 7]
LARGEST = (integer(True, 8), integer(True, 10))
CI = [(integer(True, 3), integer(True, 3))]


def named(pair: Pair) -> str:
    return f"{pair[0]} x {pair[1]}"


def test_the_pairs_are_all_there_are() -> None:
    """Two weights and what separates them are 27 bits; products of 8 bits with 10 fit, and nothing wider than that."""
    assert LARGEST in PAIRS
    assert (integer(True, 8), integer(True, 11)) not in PAIRS
    assert len({w for w, _ in PAIRS}) == 11 + 12
    assert set(map(summed, PAIRS)) == {1, 2, 4, 8}


@pytest.mark.parametrize("weight", marked({w: None for w, _ in PAIRS}, ()), ids=str)
def test_a_factor_is_both_weights(weight: Fixed, proof: Prove) -> None:
    module = Packed(weight, integer(True, 2), 1)
    verdict = proof(f"packed factor, {weight}", factor(module, weight), to_verilog({"packed": module}))
    assert verdict.proven, verdict


@pytest.mark.parametrize("pair", marked(WIDEST, (LARGEST,)), ids=named)
def test_sums_of_packed_products_come_apart(pair: Pair, proof: Prove) -> None:
    """Any sum of as many products as the packing lets be summed before they are parted."""
    module = Packed(*pair, 1, summed(pair))
    verdict = proof(f"packed sums, {named(pair)}", apart(module, pair[0]), to_verilog({"packed": module}))
    assert verdict.proven, verdict


ADDED = [(integer(True, 8), integer(True, 8)), (integer(True, 9), integer(False, 7)), (integer(False, 10), LARGEST[0])]


@pytest.mark.parametrize("pair", marked([pair for pair in ADDED if pair in PAIRS], ()), ids=named)
def test_added_packed_products_come_apart(pair: Pair, proof: Prove) -> None:
    """The products are added in front of it, as many as there may be."""
    module = Packed(*pair, summed(pair), 1)
    verdict = proof(f"packed products added, {named(pair)}", apart(module, pair[0]), to_verilog({"packed": module}))
    assert verdict.proven, verdict


@pytest.mark.parametrize("pair", marked(SMALL, CI), ids=named)
def test_packed_products_are_both_products(pair: Pair, proof: Prove) -> None:
    module = Packed(*pair, 1)
    verdict = proof(f"packed products, {named(pair)}", whole(module, pair[0]), to_verilog({"packed": module}))
    assert verdict.proven, verdict


BUGS = {
    "a negative lower sum takes nothing from the upper one": ("{59'd0, packed_end_0[22]}", "60'd0"),
    "the lower weight's sign is lost": ("factor[6:3], factor[2],", "factor[6:3], 1'b0,"),
    "a field that is too short": ("{{37{packed_end_0[22]}}, packed_end_0[22:0]}", "$signed(packed_end_0[3:0])"),
}


@pytest.mark.parametrize("bug", marked(BUGS, list(BUGS)[:1]))
def test_a_wrong_product_is_found(bug: str, proof: Prove) -> None:
    (pair,) = CI
    module = Packed(*pair, 1)
    texts = spoilt(to_verilog({"packed": module}), BUGS[bug])
    verdict = proof(f"packed products: {bug}", whole(module, pair[0]), texts)
    assert not verdict.proven


@pytest.mark.slow
def test_a_sum_of_too_many_products_is_found(proof: Prove) -> None:
    """Twice as many as the packing allows, and they do not come apart."""
    module = Packed(*LARGEST, 1, 2 * summed(LARGEST))
    verdict = proof("packed sums: too many", apart(module, LARGEST[0]), to_verilog({"packed": module}))
    assert not verdict.proven
