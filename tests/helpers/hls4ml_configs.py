"""What hls4ml's ``config_from_keras_model`` and ``write`` make of a model, and whether it goes through here."""

from __future__ import annotations

import contextlib
import inspect
import io
from collections.abc import Iterator
from typing import Any

import pytest
from layer_configs import Case, Stored, model
from numpy.typing import NDArray

from bitsmith.gen.config.schema import Config, parse_config
from bitsmith.gen.convert.layers import convert
from bitsmith.gen.read.network import Network, read_network
from bitsmith.gen.rtl.choices import plan_for
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.graph import Graph

GRANULARITIES = ("model", "type", "name")
FROM_MEMORY = ("Bidirectional", "TimeDistributed", "QGRU")
"""Classes that hls4ml 1.3 fails on without a Keras object, or (QGRU) altogether."""
BACKENDS = (None, "Vitis")
"""Without a backend hls4ml leaves out its keys."""


class Reader:
    """hls4ml's reader of a model's weights, for a layer that was never a Keras object."""

    case: Case | None = None

    def __init__(self, model: Any) -> None:
        pass

    def get_weights_data(self, layer: str, variable: str) -> NDArray[Any] | None:
        assert self.case is not None
        stored = Stored(self.case).of(("tested",))  # type: ignore[arg-type]
        return next((value for name, value in stored.items() if variable in name), None)


def hls4ml(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, which reads the layers of ``layer_configs``."""
    package = pytest.importorskip("hls4ml")
    monkeypatch.setattr(package.converters, "KerasModelReader", Reader)
    return package


@contextlib.contextmanager
def keras_2() -> Iterator[None]:
    """hls4ml asks for the version of the package ``keras`` and reads a model as one of that version."""
    import keras

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras, "__version__", "2.15.0")
        yield


def quiet(work: Any, *arguments: Any, **named: Any) -> Any:
    """hls4ml prints every layer that it reads."""
    with contextlib.redirect_stdout(io.StringIO()):
        return work(*arguments, **named)


def network(case: Case) -> Network:
    return read_network(model(case, case.config), Stored(case), "model")


def reads(package: Any, case: Case) -> bool:
    """Whether hls4ml reads the layer from a model's JSON."""
    found = (*package.converters.get_supported_keras_layers(), "Dropout")
    q = _quantizer(case)
    known = q is None or hasattr(pytest.importorskip("qkeras").quantizers, q["class_name"])
    if not known or case.class_name not in found or case.class_name in FROM_MEMORY or "pads" in case.config:
        return False
    try:
        of_case(package, case, "name", None)
    except Exception as error:  # a plain Exception is what hls4ml raises
        if type(error) is not Exception:
            raise
        return False
    return True


def _quantizer(case: Case) -> dict[str, Any] | None:
    """That of a QActivation, where it is written with all parameters."""
    q = case.config.get("activation")
    return q if isinstance(q, dict) and case.class_name == "QActivation" else None


def _released(case: Case) -> dict[str, Any]:
    """The layer's attributes without those parameters of a quantizer that the installed QKeras does not have."""
    q = _quantizer(case)
    if q is None:
        return case.config
    has = inspect.signature(getattr(pytest.importorskip("qkeras").quantizers, q["class_name"])).parameters
    return case.config | {"activation": q | {"config": {k: v for k, v in q["config"].items() if k in has}}}


def of_case(package: Any, case: Case, granularity: str, backend: str | None) -> dict[str, Any]:
    """hls4ml's configuration of one layer."""
    Reader.case = case
    make = package.utils.config_from_keras_model
    return dict(quiet(make, model(case, _released(case)), granularity=granularity, backend=backend))


def through(network: Network, hls: dict[str, Any]) -> tuple[Graph, Config] | str:
    """The graph and the configuration that it was made with, planned; or why not."""
    try:
        config = parse_config({"HLSConfig": hls})
        graph = convert(network, config)
        plan_for(graph, config)
    except BitsmithError as error:
        return str(error)
    return graph, config
