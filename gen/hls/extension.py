"""hls4ml's Extension API: one layer class for all of our cores, and the flow of passes that changes no type.

hls4ml's own flows infer types, fuse and remove layers. Here every type is given and every layer must keep its own
integers, so only the passes that streams, weights and code generation need are run.
"""

from __future__ import annotations

from functools import lru_cache
from string import Template
from typing import Any

CORE = "BitsmithCore"

_STRUCTURE = ("inplace_stream_flatten", "clone_output", "insert_zero_padding_before_conv2d", "inplace_parallel_reshape")
_TYPES = (
    "transform_types",
    "register_bram_weights",
    "generate_conv_streaming_instructions",
    "apply_resource_strategy",
    "generate_conv_im2col",
    "set_pipeline_style",
)


@lru_cache(maxsize=1)
def core_layer() -> Any:
    """Register the layer class, once, with its templates in both backends; returns it."""
    from hls4ml.backends import get_backend
    from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
    from hls4ml.model.layers import Layer, register_layer
    from hls4ml.model.types import IntegerPrecisionType

    class BitsmithCore(Layer):  # type: ignore[misc]
        """A call of ``bitsmith::<stem><config>(inputs, output, weights)``.

        Attributes: stem, output_shape, config_lines (the struct's members), headers, core_weights: names to arrays
        with the bits of a table of raw integers, or None; core_arguments: those that the core is called with.
        """

        def initialize(self) -> None:
            self.add_output_variable(list(self.get_attr("output_shape")))
            for name, (data, bits) in self.get_attr("core_weights").items():
                precision = IntegerPrecisionType(width=bits, signed=True) if bits else None
                initials = "".join(word[0] for word in name.split("_"))
                self.add_weights_variable(name=name, var_name=initials + "{index}", data=data, precision=precision)

    class Config(LayerConfigTemplate):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(BitsmithCore)

        def format(self, node: Any) -> str:
            lines = Template("".join(f"    {line}\n" for line in node.get_attr("config_lines")))
            arrays = {name: node.get_weights(name).name for name in node.get_attr("core_weights")}
            reuse = node.model.config.get_reuse_factor(node)
            members = lines.substitute(arrays, layer=node.name, reuse_factor=reuse)
            return f"struct config{node.index} {{\n{members}}};\n"

    class Call(FunctionCallTemplate):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(BitsmithCore)

        def transform(self, model: Any, node: Any) -> bool:
            self.include_header = [f"bitsmith/{name}" for name in node.get_attr("headers")[:1]]
            return bool(super().transform(model, node))

        def format(self, node: Any) -> str:
            inputs = [node.get_input_variable(name).name for name in node.inputs]
            weights = [node.get_weights(name).name for name in node.get_attr("core_arguments")]
            arguments = ", ".join([*inputs, node.get_output_variable().name, *weights])
            return f"bitsmith::{node.get_attr('stem')}<config{node.index}>({arguments});"

    register_layer(CORE, BitsmithCore)
    for name in ("Vivado", "Vitis"):
        get_backend(name).register_template(Config)
        get_backend(name).register_template(Call)
    return BitsmithCore


@lru_cache(maxsize=2)
def flow(backend: str) -> str:
    """The name of our flow for a backend (``Vivado`` or ``Vitis``)."""
    from hls4ml.model.flow import get_flow, register_flow

    core_layer()
    lower = backend.lower()
    first = register_flow("bitsmith_init", get_flow("vivado:init_layers").optimizers, backend=lower)
    structure = register_flow("bitsmith_structure", [f"vivado:{name}" for name in _STRUCTURE], [first], lower)
    types = register_flow("bitsmith_types", [f"vivado:{name}" for name in _TYPES], [structure], lower)
    templates = list(dict.fromkeys(_templates("vivado") + _templates(lower)))
    return str(register_flow("bitsmith", templates, [types], lower))


def _templates(backend: str) -> list[str]:
    from hls4ml.model.flow import get_flow

    return list(get_flow(f"{backend}:apply_templates").optimizers)
