"""Models of several tensors: joins, branches, several inputs and outputs, models inside of models."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from .case import Build, Kit, Model, stacked

WIDE = "fixed<32,16>"
MODELS: list[Model] = []


def join(class_name: str, *shapes: Sequence[int], swapped: bool = False, **named: Any) -> Build:
    """One join of inputs of these shapes."""

    def build(kit: Kit) -> Any:
        inputs = [kit.input(*shape, name=f"inp{i + 1}") for i, shape in enumerate(shapes)]
        given = inputs[::-1] if swapped else inputs
        return kit.model(inputs, getattr(kit.layers, class_name)(**named)(given))

    return build


SAME = (10, 10, 3)
for name, swapped in product(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), (True, False)):
    MODELS.append(
        Model(
            "test_merge",
            f"{name}, swapped {swapped}",
            join(name, SAME, SAME, swapped=swapped),
            precision=WIDE,
            changes={"inp2": {"Precision": {"result": "fixed<32,15>"}}},
        )
    )
MODELS += [
    Model("test_merge", "Dot", join("Dot", (10,), (10,), axes=1), precision=WIDE),
    Model("test_merge", "Concatenate 1d", join("Concatenate", (10,), (8,)), precision=WIDE),
]
for axes, sizes in ((2, (10,)), (3, (10, 10))):
    for axis in range(1, axes + 1):
        shapes = [(*sizes[: axis - 1], n, *sizes[axis - 1 :]) for n in (3, 4)]
        build = join("Concatenate", *shapes, axis=axis)
        MODELS.append(Model("test_merge", f"Concatenate {axes}d axis {axis}", build, precision=WIDE))

BROADCAST = (
    ("Concatenate", (2, 2, 3), (2, 2, 1)),
    ("Concatenate", (2, 2, 1), (2, 2, 3)),
    ("Add", (2, 2, 3), (2, 2, 1)),
    ("Add", (2, 2, 1), (2, 2, 3)),
    ("Add", (1, 1, 2), (3, 4, 2)),
    ("Add", (3, 4, 2), (1, 1, 2)),
)
MODELS += [
    Model("test_graph", f"{name} {one} {two}", join(name, one, two), precision=WIDE, high=99.0, whole=True)
    for name, one, two in BROADCAST
]
MODELS += [
    stacked(
        "test_graph",
        "final reshape",
        (1, 1, 1),
        lambda layers, q: [layers.Conv2D(6, 1), layers.Reshape((3, 2))],
        low=-4.0,
        high=4.0,
        whole=True,
    )
]


def _two_outputs(kit: Kit, sizes: tuple[int, int], bias: bool) -> Any:
    x = kit.input(10)
    outputs = [kit.layers.Dense(n, use_bias=bias, name=f"dense{i}")(x) for i, n in enumerate(sizes)]
    return kit.model(x, outputs)


def _corner_cases(kit: Kit) -> Any:
    layers, sequence, vector = kit.layers, kit.input(24, 8), kit.input(16)
    one = layers.Flatten()(layers.Conv1D(1, 3)(sequence))
    two = layers.Add()([layers.Dense(16, "relu")(one), vector])
    return kit.model([sequence, vector], [one, two, layers.Dense(2)(one), layers.Flatten()(layers.Dense(2)(two))])


MODELS += [
    Model(
        "test_graph", "two outputs", lambda kit: _two_outputs(kit, (5, 2), False), precision=WIDE, high=99.0, whole=True
    ),
    Model(
        "test_multiout_network",
        "two outputs",
        lambda kit: _two_outputs(kit, (10, 10), True),
        precision="fixed<32,5>",
        low=-2.0,
        high=2.0,
    ),
    Model("test_multiout_network", "corner cases", _corner_cases, precision="fixed<32,5>", low=-2.0, high=2.0),
]


def _flattened_twice(kit: Kit) -> Any:
    x = kit.input(2, 3, name="input_1")
    return kit.model(x, kit.layers.Concatenate(axis=1)([kit.layers.Flatten()(x), kit.layers.Flatten()(x)]))


def _transposed(kit: Kit) -> Any:
    x = kit.input(2, 3, name="input_1")
    turned = kit.layers.Permute((2, 1))(x)
    both = kit.layers.Concatenate(axis=1)([turned, turned])
    return kit.model(x, kit.layers.Concatenate(axis=1)([kit.layers.Activation("relu", name="relu")(turned), both]))


MODELS += [
    Model(
        "test_clone_flatten", "flatten twice", _flattened_twice, precision="ap_int<6>", low=-5.0, high=4.0, whole=True
    ),
    Model(
        "test_transpose_concat",
        "permute",
        _transposed,
        precision="ap_fixed<16,3,AP_RND_CONV,AP_SAT>",
        changes={"relu": {"Precision": "ap_ufixed<17,3>"}},
    ),
    stacked(
        "test_transpose_concat",
        "five axes",
        (2, 3, 4, 5, 6),
        lambda layers, q: [layers.Permute((3, 5, 4, 1, 2))],
        low=-1.0,
    ),
]


def _clones(kit: Kit) -> Any:
    """Seven layers of one input, and the sums of each row's first with all its others, until one is left."""
    x = kit.input(10)
    row = [kit.layers.Dense(10, name=f"d{i}")(x) for i in range(7)]
    while len(row) > 1:
        row = [kit.layers.Add(name=f"add_{len(row) - 1}_{i}")([row[0], other]) for i, other in enumerate(row[1:])]
    return kit.model(x, row[0])


def _inherits(kit: Kit) -> Any:
    inp = kit.input(10, name="inp")
    x, y = (kit.layers.Dense(10, name=name)(inp) for name in "xy")
    return kit.model(inp, kit.layers.Add(name="out")([x, y]))


MODELS += [
    Model("test_stream_clone", "seven clones", _clones, precision="fixed<24,3>", low=-0.03, high=0.03),
    Model("test_stream_clone", "inheritance", _inherits, precision="fixed<32,5>", low=-0.5, high=0.5),
]


def _branches(kit: Kit) -> Any:
    layers, x = kit.layers, kit.input(6, 8, name="input_layer")
    y = x
    for number, units in ((1, 16), (2, 8)):
        y = layers.Activation("relu", name=f"relu{number}")(layers.Dense(units, name=f"dense{number}")(y))
    y = layers.GlobalAveragePooling1D(name="avg_pool")(y)
    y = layers.Activation("relu", name="relu_common")(layers.Dense(16, name="dense_common")(y))
    outputs = [layers.Activation("relu", name=f"relu_out{i}")(layers.Dense(5, name=f"dense{i}_out")(y)) for i in (1, 2)]
    return kit.model(x, outputs)


MODELS += [Model("test_multi_graph", "two outputs", _branches, precision=WIDE)]


def _repacked(kit: Kit) -> Any:
    inputs = [kit.input(4, name=f"inp{i}") for i in (1, 2)]
    shaped = [kit.layers.Reshape((2, 2), name=f"reshape{i + 1}")(x) for i, x in enumerate(inputs)]
    return kit.model(inputs, kit.layers.Concatenate(name="concat")(shaped))


MODELS += [
    Model("test_repack_stream", "two inputs", _repacked, precision="ap_ufixed<8,8>", high=255.0, whole=True),
    stacked(
        "test_repack_stream",
        "precision",
        (3, 3),
        precision="fixed<20,10>",
        layers=lambda layers, q: [layers.Reshape((3, 3), name="reshape"), layers.Conv1D(2, 2, name="conv")],
    ),
    stacked(
        "test_reshape",
        "reshape",
        (10,),
        precision=WIDE,
        layers=lambda layers, q: [layers.Dense(30), layers.Reshape((10, 3)), layers.ReLU()],
    ),
]


def chain(kit: Kit, name: str, size: int, *units: int | Any, functional: bool = False) -> Any:
    """A model of dense layers and models, one behind the other, called after it."""
    parts = [kit.layers.Dense(u, name=f"{name}_{i}") if isinstance(u, int) else u for i, u in enumerate(units)]
    if not functional:
        return kit.stack((size,), *parts, name=name)
    x = y = kit.input(size, name=f"{name}_input")
    for part in parts:
        y = part(y)
    return kit.model(x, y, name=name)


def _nested(kit: Kit) -> Any:
    sequential, functional = chain(kit, "seq_sub", 5, 5, 3), chain(kit, "fun_sub", 8, 7, 6, functional=True)
    return chain(kit, "fun_model", 15, 5, sequential, 8, functional, 4, functional=True)


def _deeper(kit: Kit) -> Any:
    inner = chain(kit, "fun_seq", 5, 5, 3), chain(kit, "fun_fun", 8, 7, 6, functional=True)
    one = chain(kit, "fun_model", 10, 5, inner[0], 8, inner[1], 4, functional=True)
    others = chain(kit, "seq_fun", 2, 9, 3, functional=True), chain(kit, "seq_seq", 2, 5, 7)
    two = chain(kit, "seq_model", 6, 2, others[0], 2, others[1], 2)
    return chain(kit, "whole", 15, 10, one, 6, two, 4)


MODELS += [
    Model("test_keras_nested_model", "nested", _nested, precision="fixed<24,12>"),
    Model("test_keras_nested_model", "deeper", _deeper, precision="fixed<24,12>"),
]


def _distributed_model(kit: Kit) -> Any:
    inner = kit.keras.Sequential([kit.layers.Conv2D(4, 3, use_bias=False), kit.layers.MaxPooling2D(2)])
    return kit.stack((5, 10, 10, 3), kit.layers.TimeDistributed(inner))


MODELS += [
    Model("test_time_distributed", "model", _distributed_model, precision="fixed<10,8>", steps=2, high=4.0, whole=True)
]
