"""Input layers: their shape, and the type that the configuration or the first quantizer gives them."""

from __future__ import annotations

from ...sim.errors import BitsmithError
from ...sim.fixed import Fixed
from ...sim.interval import union
from ...sim.op import Shape
from .attributes import LARGEST, Attributes
from .build import Builder, Tensor, quantizers_behind
from .hgq import input_quantizers, is_hgq
from .network import Layer, Network


def convert_input(build: Builder, layer: Layer) -> Tensor:
    """A graph input."""
    a = build.attributes(layer)
    shape = input_shape(layer, build.config.bitsmith.image)
    a.only("sparse", False)
    a.only("ragged", False)
    a.harmless("optional", "batch_size")
    a.finish()
    return build.input(layer, shape, input_type(build, layer))


def input_shape(layer: Layer, image: tuple[int, int] | None) -> Shape:
    """The shape without the batch axis, an image's height and width from the configuration where that has them.

    BitsmithError where a size is open or unreasonable.
    """
    data = layer.config.get("batch_input_shape") or layer.config.get("batch_shape")
    if not isinstance(data, (list, tuple)) or len(data) < 2:
        raise BitsmithError(f"'{layer.name}': an input of shape {data} is not supported; give batch and 1 to 3 axes")
    shape = tuple(data[1:])
    if image is not None and len(shape) == 3:
        shape = (*image, shape[2])
    total = 1
    for n in shape:
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise BitsmithError(
                f"'{layer.name}': the input's shape {shape} is open; hardware needs every size but the batch "
                "(an image's: 'Bitsmith: {image: [height, width]}' in the configuration)"
            )
        total *= n
    if total > LARGEST:
        raise BitsmithError(
            f"'{layer.name}': an input of shape {shape} has more than {LARGEST} values; use a smaller one"
        )
    return shape


def check_image(network: Network, image: tuple[int, int] | None) -> None:
    """BitsmithError for a configured ``image`` where no input is one."""
    inputs = [layer for layer in network.layers if layer.class_name == "InputLayer"]
    if image is not None and all(len(input_shape(layer, image)) != 3 for layer in inputs):
        raise BitsmithError("Bitsmith.image: the model has no input of height, width and channels; remove it")


def input_type(build: Builder, layer: Layer) -> Fixed:
    """``Bitsmith: input``, the layer's own Precision, that of an index, the first quantizer, the type's or the model's
    Precision."""
    config = build.config
    given = config.input_precision(layer.name)
    section = config.hls.layer_name.get(layer.name)
    given = given or (section.lookup("result") if section is not None else None)
    if given is not None:
        return given.type
    index = index_type(build.network, layer)
    if index is not None:
        return index
    types = {given and given.type for given in quantizers_behind(build.network, layer)}
    if len(types) == 1 and (quantized := types.pop()) is not None:
        return quantized
    if (held := _held(build, layer)) is not None:
        return held
    given = config.precision(layer.name, layer.class_name, "result", required=True)
    given = given or build.missing(
        layer,
        "result",
        f"input '{layer.name}' has no type; give e.g. 'Bitsmith: {{input: \"ufixed<8,0>\"}}' in the configuration "
        "or begin the model with QActivation(quantized_bits(8,0,alpha=1))",
    )
    return given.type


def index_type(network: Network, layer: Layer) -> Fixed | None:
    """The type of an input that nothing but an Embedding reads: what holds every index; None for any other."""
    readers = network.consumers(layer.key)
    if layer.key in network.outputs or not readers or any(r.class_name != "Embedding" for r in readers):
        return None
    rows = [Attributes(r.name, r.config).integer("input_dim") for r in readers]
    return index_of(max(rows))


def index_of(rows: int) -> Fixed:
    """The type of an index into so many rows."""
    return Fixed(False, max((rows - 1).bit_length(), 1), 0)


def _held(build: Builder, layer: Layer) -> Fixed | None:
    """The smallest type that holds every type of HGQ2's quantizers behind a layer; None where something else is."""
    types: list[Fixed | None] = []
    for reader in build.network.consumers(layer.key):
        if is_hgq(reader):
            types += [None if q is None else q.container() for q in input_quantizers(reader, layer.key)]
        else:
            types.append(_held(build, reader) if reader.class_name in build.moves else None)
    known = [type_ for type_ in types if type_ is not None]
    return union(known) if known and len(known) == len(types) else None
