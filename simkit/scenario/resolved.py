"""The full form of a scenario as YAML, with a comment beside each value that says where it comes from."""

import json
import re
from collections.abc import Iterator
from typing import Any

from simkit.scenario import defaults
from simkit.scenario.base import Part
from simkit.scenario.helptext import help_of
from simkit.scenario.models import Deployment, Performance
from simkit.scenario.paths import below
from simkit.scenario.scenario import Document
from simkit.scenario.schema import Shape, child, is_whole, part_of
from simkit.scenario.tree import Node, join
from simkit.scenario.units import format_number, parse_duration
from simkit.scenario.yaml import resolve

COLUMN = 56
"""Where the comments begin."""
_SAFE = re.compile(r"[A-Za-z0-9$./_]([A-Za-z0-9 $./_%+()=<>~:;-]*[A-Za-z0-9$./_%+()~-])?")
_LEFT_OUT = re.compile(r"(?:left out|not given|default):? ([^;.)]+)")


def filled(document: Document) -> Document:
    """The document with what a preset or the length of the run implies written out."""
    spans: dict[str, int] = {}
    if document.traffic.trace is None:
        if document.horizon is None:
            spans["horizon"] = parse_duration(defaults.HORIZON)
        if document.warmup is None:
            spans["warmup"] = parse_duration(defaults.WARMUP)
    if document.cooldown is None:
        spans["cooldown"] = document.resilience.deadline or parse_duration(defaults.COOLDOWN)
    return document.model_copy(update={**spans, "resilience": defaults.resilience(document)})


def canonical(document: Document) -> dict[str, Any]:
    """The full form as plain values: texts with units, in the order of the schema."""
    return filled(document).model_dump(mode="json", by_alias=True)


def resolved(document: Document, tree: Node, file: str) -> str:
    """The full form as YAML text; loading it gives the same scenario."""
    head = f"# The full form of {file}. The comment beside a value says where it comes from."
    writer = _Writer(file, document.resilience.client)
    return "\n".join([head, *writer.entries(canonical(document), tree, Document, "", 0)]) + "\n"


def scalar(value: Any) -> str:
    """A single value as YAML."""
    if isinstance(value, str):
        plain = _SAFE.fullmatch(value) and ": " not in value and isinstance(resolve(value), str)
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(format_number(value) if isinstance(value, float) else value)


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(str(key))}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    text = scalar(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) and re.search(r"[,\[\]{}]", text) else text


class _Writer:
    """Writes block YAML with comments."""

    def __init__(self, file: str, client: str):
        self.file = file
        self.client = client

    def entries(self, value: dict[str, Any], node: Node | None, shape: Shape, path: str, depth: int) -> Iterator[str]:
        """The lines of a map."""
        part = part_of(shape, node)
        for key, one in value.items():
            inner, below_shape, where = below(node, key), child(shape, key, node), join(path, key)
            if one in (None, {}, []) and inner is None and (part is None or _is_choice(part, key)):
                continue
            head = "  " * depth + scalar(key) + ":"
            yield from self.entry(head, one, inner, below_shape, where, depth, part, key)

    def entry(
        self, head: str, value: Any, node: Node | None, shape: Shape, path: str, depth: int, part: Any, key: str
    ) -> Iterator[str]:
        """The lines of one key or list item, `head` being what stands before the value."""
        if isinstance(value, dict) and value and not is_whole(shape):
            yield head
            yield from self.entries(value, node, shape, path, depth + 1)
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            yield head
            for index, one in enumerate(value):
                yield from self.item(one, below(node, index), child(shape, index, node), join(path, index), depth + 1)
        else:
            yield f"{f'{head} {flow(value)}':<{COLUMN}}  # {self.comment(value, node, path, part, key)}"

    def item(self, value: Any, node: Node | None, shape: Shape, path: str, depth: int) -> Iterator[str]:
        """The lines of a list item that is a map: its first line begins with a dash."""
        lines = list(self.entries(value, node, shape, path, depth + 1))
        yield "  " * depth + "- " + lines[0].lstrip()
        yield from lines[1:]

    def comment(self, value: Any, node: Node | None, path: str, part: type[Part] | None, key: str) -> str:
        """Where a value comes from."""
        if node is None:
            return self.default(value, path, part, key)
        place = node.place
        if place.origin in ("set", "short"):
            return place.file if place.origin == "set" else place.path
        where = f"line {place.line}" if place.file == self.file else f"{place.file} line {place.line}"
        short = place.origin == "file" and place.path != path
        return f"{where}, from `{place.path}`" if short else where

    def default(self, value: Any, path: str, part: type[Part] | None, key: str) -> str:
        """What is said of a value that nobody wrote."""
        if path.startswith("resilience.") and path != "resilience.client" and value not in (None, {}, []):
            return f"default of client {self.client}" if path != "resilience.on_cancel" else "default"
        if value is not None or part is None:
            return "default"
        words = _LEFT_OUT.search(help_of(part, key))
        inherited = part is Deployment and key in Performance.names()
        return f"default: {'as the model' if inherited else words[1] if words else 'none'}"


def _is_choice(part: type[Part], key: str) -> bool:
    """Is it a member of a choice (of which another is set, or none)?"""
    return any(key in group for group in part.choices)


__all__ = ["canonical", "filled", "resolved"]
