"""What the configuration says of a layer's types, in the words of the converters: roles, and parts of a layer."""

from __future__ import annotations

from dataclasses import dataclass

from ..classes import OWN
from ..config.layer import DIRECTED
from ..config.schema import Config, Precision
from ..quantize.integers import is_integers
from .hgq import is_hgq
from .network import Layer, Network, inner_layer


@dataclass
class Precisions:
    """The answers for one network."""

    network: Network
    config: Config

    @property
    def quantized(self) -> bool:
        """Whether the model brings quantizers: then results stay exact unless a layer's own entry rounds them."""
        return any(_has_quantizer(layer) for layer in self.network.layers)

    def precision(self, layer: Layer, role: str, required: bool = False, name: str | None = None) -> Precision | None:
        """The configured precision of a role; the model's default counts where a value needs one."""
        model = required or not self.quantized
        role = self.kinds(layer, role)[0]
        return self.config.precision(name or layer.name, layer.class_name, role, model, required)

    def given(self, layer: Layer, role: str) -> Precision | None:
        """The precision of a role that the configuration names itself; no default stands in."""
        found = (self.config.given(layer.name, layer.class_name, kind) for kind in self.kinds(layer, role))
        return next((precision for precision in found if precision is not None), None)

    def named(self, layer: Layer, role: str) -> Precision | None:
        """The same where a layer's own section, or its class's, names it."""
        found = (self.config.named(layer.name, layer.class_name, kind) for kind in self.kinds(layer, role))
        return next((precision for precision in found if precision is not None), None)

    def class_wide(self, layer: Layer, role: str) -> str:
        """What to add to a refusal of a type that a class has for all its layers; empty where it is the layer's own."""
        section = self.config.hls.layer_name.get(layer.name)
        own = section is not None and any(section.lookup(kind) is not None for kind in self.kinds(layer, role))
        return "" if own else ", under LayerName: what stands under LayerType is for all layers of the class"

    def kinds(self, layer: Layer, role: str) -> tuple[str, ...]:
        """The kinds of ``Precision`` that give a role: that of the layer's direction first."""
        directed = f"{layer.direction}_{role}"
        return (directed, role) if directed in DIRECTED else (role,)

    def inside(self, layer: Layer, function: str) -> Precision | None:
        """What is given for the result of the activation inside of a layer, which is a layer of its own in hls4ml."""
        return self.config.inside(layer.name, function)


def _has_quantizer(layer: Layer) -> bool:
    """Whether the layer, or one inside it, brings its own types; integer weights alone say nothing of results."""
    configs = [layer.config, inner_layer(layer.config)[1]]
    return (
        is_hgq(layer)
        or layer.class_name in ("QActivation", *OWN)
        or any(
            key.endswith("_quantizer") and value is not None and not is_integers(value)
            for config in configs
            for key, value in config.items()
        )
    )
