"""Sections that hls4ml writes for what is no layer by itself here: taken where they ask for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bitsmith.gen.config.echoes import Echoes
from bitsmith.gen.config.schema import parse_config
from bitsmith.sim.errors import BitsmithError

HAS = Echoes({"inner"}, {"q"}, ["conv", "dense", "q", "conv"])
NOTHING = {"Trace": False, "Precision": {"result": "auto", "accum": "auto"}}
WRITTEN = NOTHING | {"ReuseFactor": 4}


def check(name: str, **sections: Any) -> bool:
    return HAS.check(name, parse_config({"HLSConfig": {"LayerName": sections}}).hls.layer_name)


@pytest.mark.parametrize("name", ["inner", "q_iq", "q_oq", "q_iq_1", "quantizer", "quantizer_12"])
def test_what_asks_for_nothing(name: str) -> None:
    assert check(name, **{name: NOTHING})
    assert check(name, **{name: {}})


@pytest.mark.parametrize(
    ("name", "section", "reason"),
    [
        ("inner", {"Precision": "fixed<8,2>"}, "'inner' is a model inside of this one; name its layers"),
        ("inner", {"Strategy": "Resource"}, "'inner' is a model inside of this one; name its layers"),
        ("q_iq", {"Precision": {"result": "fixed<8,2>"}}, "'q_iq' is a quantizer of 'q', whose type the model says"),
    ],
)
def test_what_asks_for_something(name: str, section: dict[str, Any], reason: str) -> None:
    with pytest.raises(BitsmithError, match=reason):
        check(name, **{name: section})


def test_only_hgq2_has_quantizers_without_a_name() -> None:
    sections = parse_config({"HLSConfig": {"LayerName": {"quantizer": NOTHING}}}).hls.layer_name
    assert not Echoes(calls=["dense"]).check("quantizer", sections)


def test_a_further_call_has_its_layers_section() -> None:
    assert check("conv_0", conv=WRITTEN, conv_0=WRITTEN)
    assert check("conv_relu_0", conv_relu=NOTHING, conv_relu_0=NOTHING)
    for sections in ({"conv": NOTHING, "conv_0": WRITTEN}, {"conv_0": WRITTEN}):
        with pytest.raises(BitsmithError, match="'conv_0' is a call of 'conv', and one layer serves all its calls"):
            check("conv_0", **sections)


@pytest.mark.parametrize("name", ["dense_0", "conv_x", "other_iq", "conv_iq", "q_0", "outer", "inner_0"])
def test_no_such_thing(name: str) -> None:
    """One call, no number, no layer of HGQ2, no model."""
    assert not check(name, **{name: NOTHING})
