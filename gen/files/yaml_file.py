"""YAML from a file, with the safe loader and bounded: no text of a few hundred bytes takes minutes or gigabytes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ...sim.errors import BitsmithError
from .input_file import read_file

MOST_BYTES = 1 << 20
MOST_VALUES = 20_000
"""Keys, values and lists, each counted as often as an alias repeats it; hls4ml writes some 40 for each layer."""
MOST_DIGITS = 64
"""Of a number, in whatever base: a million digits of base 60 take minutes, and none may be printed."""
_TAG = "tag:yaml.org,2002:"
_NUMBERS = (f"{_TAG}int", f"{_TAG}float")


def load_yaml(path: Path, left_out: Collection[str] = ()) -> Any:
    """What the file holds; BitsmithError where it is missing, too large, no YAML, or repeats itself without end.

    Values of the keys ``left_out`` at the top are None, whatever stands there; nothing is made of them.
    """
    import yaml

    text = read_file(path, "a YAML file", MOST_BYTES)
    try:
        return yaml.load(text.decode("utf-8"), Loader=_loader(left_out))
    except BitsmithError as error:
        raise BitsmithError(f"{path}: {error}") from None
    except Exception as error:  # PyYAML raises KeyError, IndexError and others for '!!bool perhaps' and the like
        known = isinstance(error, (yaml.YAMLError, ValueError)) and str(error)
        nested = isinstance(error, RecursionError)
        line = str(error).splitlines()[0] if known else "nested too deeply" if nested else "a value is not of its tag"
        mark = getattr(error, "problem_mark", None)
        at = f" in line {mark.line + 1}" if mark else ""
        raise BitsmithError(f"{path} is no YAML{at} ({line}); check its indentation") from None


def _loader(left_out: Collection[str]) -> Any:
    """PyYAML's safe loader, bounded, which reads hls4ml's own tags (``KerasModel: !keras_model …``) as plain text."""
    import yaml
    from yaml.constructor import SafeConstructor
    from yaml.resolver import Resolver

    class Loader(yaml.SafeLoader):
        """A class of its own, so that no other user of PyYAML sees the tags, and that none of theirs comes in here:
        hls4ml teaches PyYAML's safe loader for the whole process to load a Keras model for its tag."""

        composed = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.composed += 1
            _check(self.composed)
            return super().compose_node(parent, index)

        def get_single_node(self) -> Any:
            node = super().get_single_node()
            if node is not None:
                _check(_size(node, {}))
                _check_nodes(node, set())
            if isinstance(node, yaml.MappingNode):
                node.value = [(key, _none(key) if key.value in left_out else value) for key, value in node.value]
            return node

    def text(loader: Any, suffix: str, node: Any) -> str | None:
        return str(node.value) if isinstance(node, yaml.ScalarNode) else None

    Loader.yaml_constructors = dict(SafeConstructor.yaml_constructors)
    del Loader.yaml_constructors[f"{_TAG}binary"]  # bytes would be taken for text
    Loader.yaml_multi_constructors = dict(SafeConstructor.yaml_multi_constructors)
    Loader.yaml_implicit_resolvers = dict(Resolver.yaml_implicit_resolvers)
    Loader.yaml_path_resolvers = dict(Resolver.yaml_path_resolvers)
    Loader.add_multi_constructor("!", text)
    return Loader


def _none(key: Any) -> Any:
    """A node without a value, where another stood."""
    import yaml

    return yaml.ScalarNode("tag:yaml.org,2002:null", "null", key.start_mark, key.end_mark)


def _size(node: Any, known: dict[Any, int]) -> int:
    """How many values a node has with its aliases written out; BitsmithError where one stands within itself."""
    if isinstance(node.value, str):
        return 1
    if node in known:
        if not known[node]:
            line = node.start_mark.line + 1
            raise BitsmithError(f"the value in line {line} refers to itself; write it without anchors")
        return known[node]
    known[node] = 0  # not finished
    children = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
    known[node] = 1 + sum(_size(child, known) for child in children)
    return known[node]


def _check_nodes(node: Any, seen: set[Any]) -> None:
    """BitsmithError for a key that stands twice, of which one would be dropped, and for a number without end."""
    if node in seen:
        return
    seen.add(node)
    if isinstance(node.value, str):
        if node.tag in _NUMBERS and len(node.value) > MOST_DIGITS:
            line = node.start_mark.line + 1
            raise BitsmithError(f"the number in line {line} has {len(node.value):,} characters; give a shorter one")
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            line = node.start_mark.line + 1
            raise BitsmithError(f"the text in line {line} holds half a character (\\ud800 to \\udfff); write the whole")
        return
    keys: set[tuple[str, str]] = set()
    for item in node.value:
        if isinstance(item, tuple):
            _check_key(item[0], keys)
        for part in item if isinstance(item, tuple) else (item,):
            _check_nodes(part, seen)


def _check_key(key: Any, before: set[tuple[str, str]]) -> None:
    if not isinstance(key.value, str) or key.tag == f"{_TAG}merge":
        return
    if (key.tag, key.value) in before:
        line = key.start_mark.line + 1
        raise BitsmithError(f"the key '{key.value}' in line {line} stands there twice; leave one of them out")
    before.add((key.tag, key.value))


def _check(count: int) -> None:
    if count > MOST_VALUES:
        raise BitsmithError(
            f"more than {MOST_VALUES:,} values with its anchors written out; write it without anchors, or shorter"
        )
