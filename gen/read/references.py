"""Which tensors the edges of a model's JSON mean, and in which order: that of the model, as Keras flattens it.

Lists keep their order and dictionaries are taken in the order of their sorted keys, at any depth; of a call's keyword
arguments an initial state comes last.
"""

from __future__ import annotations

from typing import Any

from ...sim.errors import BitsmithError
from ..classes import MODELS, class_name, config_of, short

Reference = tuple[str, int, int]
"""A layer's name, which of its calls, which of that call's tensors."""
_ORDER = {"query": -3, "value": -2, "key": -1, "initial_state": 1}
"""Keyword arguments that are tensors and have a place of their own among the others."""
_REFUSED = ("mask", "constants", "attention_mask", "query_mask", "value_mask", "key_mask", "use_causal_mask")
"""Arguments that change what a layer computes."""
Made = dict[tuple[str, int], tuple[str, ...]]
"""The keys of the tensors of each call that is known so far."""
Ranks = dict[tuple[str, int], int]


def references(data: Any) -> list[Reference]:
    """``[name, node, tensor]`` triples at any depth of lists and dictionaries, and Keras 3's tensors in arguments."""
    if isinstance(data, dict):
        return _in_dictionary(data)
    if not isinstance(data, list):
        return []
    if _is_reference(data):
        named = data[3] if len(data) > 3 and isinstance(data[3], dict) else {}
        tensors = sorted((name for name in _ORDER if name in named), key=lambda name: _ORDER[name])
        return [(data[0], data[1], data[2]), *(r for name in tensors for r in references(named[name]))]
    return [r for value in data for r in references(value)]


def _in_dictionary(data: dict[str, Any]) -> list[Reference]:
    if data.get("class_name") == "__keras_tensor__":
        return references(config_of(data).get("keras_history"))
    if set(data) == {"args", "kwargs"}:
        named = data["kwargs"] if isinstance(data["kwargs"], dict) else {}
        last = sorted(named, key=lambda name: _ORDER.get(name, 0))
        return references(data["args"]) + references([named[name] for name in last])
    return [r for key in sorted(data) for r in references(data[key])]


def _is_reference(data: list[Any]) -> bool:
    return len(data) >= 3 and isinstance(data[0], str) and type(data[1]) is int and type(data[2]) is int


def read_calls(layers: list[Any], names: list[str], path: object) -> list[list[list[Reference]]]:
    """For each layer, for each of its calls, the tensors it is called on; an input layer has one call on nothing."""
    calls: list[list[list[Reference]]] = []
    for item, name in zip(layers, names):
        nodes = item.get("inbound_nodes") or []
        if item["class_name"] == "InputLayer" or not nodes:
            calls.append([[]])
            continue
        if not isinstance(nodes, list):
            raise BitsmithError(f"{path}: inbound_nodes={short(nodes)} of layer '{name}' is no list; save it again")
        for node in nodes:
            _check_arguments(f"{path}: layer '{name}'", _arguments(node))
        calls.append([references(_by_name(item, node)) for node in nodes])
        if any(not found for found in calls[-1]):
            raise BitsmithError(f"{path}: layer '{name}' is called on something that is no tensor (inbound_nodes)")
    return calls


def _by_name(item: Any, node: Any) -> Any:
    """A nested model's call on a dictionary, in the order of the model's inputs; any other call as it is.

    The keys are those of the model's own dictionary, else the names of its inputs.
    """
    first = node["args"][0] if isinstance(node, dict) and isinstance(node.get("args"), list) and node["args"] else node
    if class_name(item) not in MODELS or not isinstance(first, dict) or first.get("class_name") == "__keras_tensor__":
        return node
    wanted = config_of(item).get("input_layers")
    keys = sorted(wanted) if isinstance(wanted, dict) else [name for name, _, _ in references(wanted)]
    return [first[key] for key in keys] if all(key in first for key in keys) else node


def _arguments(node: Any) -> dict[str, Any]:
    """The keyword arguments of a call: Keras 3 writes ``{"args", "kwargs"}``, Keras 2 a dictionary in each triple."""
    if isinstance(node, dict):
        named = node.get("kwargs")
        return named if isinstance(named, dict) else {}
    while isinstance(node, list) and node and isinstance(node[0], list):
        node = node[0]
    return node[3] if isinstance(node, list) and len(node) > 3 and isinstance(node[3], dict) else {}


def _check_arguments(where: str, arguments: dict[str, Any]) -> None:
    """BitsmithError for arguments that change what a layer computes and are no tensors of the model."""
    for argument in _REFUSED:
        if arguments.get(argument) is not False and not _is_empty(arguments.get(argument)):
            raise BitsmithError(f"{where} is called with {argument}=; that is not supported, leave it out")
    state = arguments.get("initial_state")
    if state is not None and not references(state):
        raise BitsmithError(
            f"{where} is called with an initial_state of numbers; make it an input of the model or leave it out"
        )


def _is_empty(argument: Any) -> bool:
    """Whether an argument is None, or a structure of nothing else: a nested model's mask has its inputs' structure."""
    if isinstance(argument, (list, dict)):
        return all(_is_empty(part) for part in (argument.values() if isinstance(argument, dict) else argument))
    return argument is None


def node_ranks(calls: list[list[list[Reference]]], names: list[str], outputs: list[Reference]) -> Ranks:
    """Which call a node index means: nested models count nodes outside of this model too, so indices are ranked."""
    seen: dict[str, set[int]] = {}
    for name, node, _ in [*outputs, *(r for layer in calls for call in layer for r in call)]:
        seen.setdefault(name, set()).add(node)
    ranks: Ranks = {}
    for name, call in zip(names, calls):
        nodes = sorted(seen.get(name, {0}))
        for rank, node in enumerate(nodes):
            ranks[name, node] = node if nodes[-1] < len(call) else min(rank, len(call) - 1)
    return ranks


def resolve(reference: Reference, ranks: Ranks) -> tuple[str, int]:
    """The layer and the number of its call, among those of this model."""
    return reference[0], ranks.get(reference[:2], reference[1])


def tensor(reference: Reference, made: Made, ranks: Ranks, path: object) -> str:
    """The key of a tensor; BitsmithError where no layer is called so.

    A tensor beyond those that a layer gives has a key like the others: ``Network.check_tensors`` refuses it, after what
    else there is to say about its layer.
    """
    found = made.get(resolve(reference, ranks), ())
    index = reference[2]
    if not found or index < 0:
        raise BitsmithError(f"{path}: no tensor {index} of layer '{reference[0]}'; save the model again")
    return found[index] if index < len(found) else f"{found[0]}:{index}"
