"""A scenario as a tree of nodes that remember where they were written."""

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal

from simkit.scenario.errors import Problem, shown

Origin = Literal["file", "base", "tier", "set", "short"]
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written."""

    file: str
    """As the user named it, `simkit:NAME`, `--set` or `set()`."""
    line: int
    """From 1; 0: not in a file."""
    column: int
    """From 1."""
    path: str
    """Dotted path as it was written there."""
    origin: Origin = "file"
    """A scenario file, a base of the package, its tier table, an override, or a short form's expansion."""

    def problem(self, message: str, value: object = "", allowed: str = "", hint: str = "", key: str = "") -> Problem:
        """A problem here, or with the `key` below it."""
        return Problem(self.file, self.line, join(self.path, key), shown(value), message, allowed, hint)


@dataclass(frozen=True, slots=True)
class Node:
    """A value: a scalar, a list of nodes, or a map of names to nodes."""

    value: "Scalar | list[Node] | dict[str, Node]"
    place: Place
    """Of its key in a map, otherwise of the value itself."""
    value_place: Place | None = None
    """Of the value, where it differs."""

    @property
    def map(self) -> "dict[str, Node]":
        """Its entries; none if it is no map."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Node]":
        """Its items; none if it is no list."""
        return self.value if isinstance(self.value, list) else []

    def get(self, *keys: str) -> "Node | None":
        """What is below the keys, if all are there."""
        node: Node | None = self
        for key in keys:
            node = node.map.get(key) if node else None
        return node

    def text(self) -> str:
        """A scalar as YAML shows it; a map or list in words."""
        return scalar_text(plain(self))


def scalar_text(value: Any) -> str:
    """A plain value as it is shown to the user."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {scalar_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(scalar_text(one) for one in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return f".{value}".replace(".-", "-.")
    return "" if value is None else str(value)


def plain(node: Node) -> Any:
    """The tree as plain values."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def graft(value: Any, place: Place) -> Node:
    """A tree from plain values and nodes mixed; what has no place of its own gets `place`."""
    if isinstance(value, Node):
        return value
    if isinstance(value, dict):
        return Node({str(key): graft(child, place) for key, child in value.items()}, place)
    if isinstance(value, list | tuple):
        return Node([graft(child, place) for child in value], place)
    return Node(value, place)


def planted(value: Any, place: Place) -> Node:
    """A tree from plain values (of NumPy too, paths and dates), each with its own path below `place`'s."""
    if isinstance(value, dict):
        return Node(
            {str(k): planted(v, replace(place, path=join(place.path, str(k)))) for k, v in value.items()}, place
        )
    if isinstance(value, list | tuple):
        return Node([planted(v, replace(place, path=join(place.path, i))) for i, v in enumerate(value)], place)
    if isinstance(value, PurePath | dt.date):
        return Node(value.isoformat() if isinstance(value, dt.date) else str(value), place)
    return Node(value.item() if hasattr(value, "item") else value, place)


def join(path: str, step: str | int) -> str:
    """A dotted path with one more step; a name with a dot in it is quoted only if it looks like two steps."""
    return f"{path}.{step}" if path and step != "" else path or str(step)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in order."""
    yield node
    for child in [*node.map.values(), *node.items]:
        yield from walk(child)


__all__ = ["Node", "Origin", "Place", "Scalar", "graft", "join", "plain", "planted", "scalar_text", "walk"]
