"""What hls4ml asks a backend for: the first keys of a configuration. The rest of a backend is ``BitsmithModel``."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from ..sim.errors import BitsmithError


class Bitsmith:
    """The backend for AMD's Vitis HLS, and for all of Bitsmith that needs no vendor tool."""

    name: ClassVar[str] = "Bitsmith"

    def create_initial_config(self, **given: Any) -> dict[str, Any]:
        """hls4ml's keys for the further arguments of ``convert_from_keras_model``; BitsmithError for unknown ones."""
        from .attach import check_attached
        from .settings import initial

        check_attached()
        return initial(given)

    def create_layer_class(self, layer_class: Any) -> Any:
        """For ``config_from_onnx_model`` and ``config_from_pytorch_model``: the keys that Vitis has for a layer."""
        from hls4ml.backends import get_backend

        return get_backend("Vitis").create_layer_class(layer_class)

    def get_default_flow(self) -> NoReturn:
        """hls4ml asks for it when it makes a graph of its own, which Bitsmith cannot take over."""
        raise BitsmithError(
            f"backend {self.name}: a graph of hls4ml's own cannot be built; give the model to convert_from_keras_model"
        )


class BitsmithVivado(Bitsmith):
    """The backend for Vivado HLS."""

    name = "BitsmithVivado"


BACKENDS = (Bitsmith, BitsmithVivado)


def ours(name: Any) -> bool:
    """Whether a ``Backend`` of a configuration is one of Bitsmith's; hls4ml compares names in lower case."""
    return isinstance(name, str) and name.lower() in [backend.name.lower() for backend in BACKENDS]
