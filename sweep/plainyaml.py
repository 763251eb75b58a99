"""YAML as data alone, and of a size that can be read: a few lines can stand for billions."""

from __future__ import annotations

from typing import Any

import yaml

# The largest ready sweep has some 300; a grid of 10,000 values written out has as many.
MOST_NODES = 1_000_000


class TooLarge(yaml.YAMLError):
    """More values than any file for people has, or a value that holds itself."""


def compose(text: str) -> Any:
    """The nodes of a text, with their lines. Raises yaml.YAMLError, TooLarge among it."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    _check_size(node)
    return node


def load(text: str) -> Any:
    """What a text means; no tag can make anything but plain values. Raises yaml.YAMLError.

    >>> load("{name: a, size: [1, 2]}")
    {'name': 'a', 'size': [1, 2]}
    """
    compose(text)  # before merge keys are multiplied out
    return yaml.safe_load(text)


def _check_size(root: Any) -> None:
    """Every alias counts as what it stands for."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: Any) -> int:
        if not isinstance(node, yaml.CollectionNode):
            return 1
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in open_nodes:
            raise TooLarge("a value holds itself")
        open_nodes.add(id(node))
        parts = [part for one in node.value for part in (one if isinstance(one, tuple) else (one,))]
        total = 1 + sum(map(size, parts))
        open_nodes.discard(id(node))
        if total > MOST_NODES:
            raise TooLarge(f"more than {MOST_NODES:,} values")
        sizes[id(node)] = total
        return total

    size(root)
