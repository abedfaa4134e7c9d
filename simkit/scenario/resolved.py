"""The full form of a scenario as YAML, with a comment beside each value that says where it comes from."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from simkit.scenario import defaults
from simkit.scenario.base import Part
from simkit.scenario.batch_models import BATCH, waiting_models
from simkit.scenario.helptext import help_of
from simkit.scenario.models import Deployment, Performance
from simkit.scenario.paths import below
from simkit.scenario.presets import preset
from simkit.scenario.resilience import OUTER, Backoff, Layer, LayerFields
from simkit.scenario.scenario import Document
from simkit.scenario.schema import Shape, child, is_whole, part_of
from simkit.scenario.tree import Node, join
from simkit.scenario.units import format_duration, format_number, parse_duration
from simkit.scenario.yaml import resolve

FLAT = frozenset(LayerFields.model_fields)
"""Settings that may stand in `resilience` itself."""
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
        spans["cooldown"] = defaults.cooldown_of(document)
    inner, outer = defaults.layers(document)
    nothing = dict.fromkeys(LayerFields.model_fields) | {"backoff": Backoff()}
    two = {"client": outer or inner, "gateway": inner if outer is not None else None}
    return document.model_copy(
        update={**spans, "resilience": document.resilience.model_copy(update={**nothing, **two})}
    )


def canonical(document: Document) -> dict[str, Any]:
    """The full form as plain values: texts with units, in the order of the schema."""
    found: dict[str, Any] = filled(document).model_dump(mode="json", by_alias=True)
    if not document.regions:  # nothing is led anywhere
        del found["routing"]
    said = found["resilience"]
    rest = {key: value for key, value in said.items() if key not in FLAT}
    outer = OUTER if said["gateway"] is not None else None
    found["resilience"] = rest | {"client": _layer(said["client"], outer), "gateway": _layer(said["gateway"])}
    name = "client" if said["gateway"] is None else "gateway"
    for holder, key in _paths(found):
        holder[key] = {moved(path, name): value for path, value in holder[key].items()}
    return found


def _paths(found: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The maps whose keys are paths, each with what holds it."""
    responder = (found["alerts"] or {}).get("responder")
    acting = [*found["changes"], *([responder] if responder is not None else [])]
    return [(found, "knobs"), (found, "sources"), *((one, "set") for one in acting)]


def moved(path: str, layer: str) -> str:
    """A path with a setting of the inner layer below that layer."""
    first, _, rest = path.partition(".")
    return f"resilience.{layer}.{rest}" if first == "resilience" and rest.partition(".")[0] in FLAT else path


def _layer(said: dict[str, Any] | None, keys: frozenset[str] | None = None) -> dict[str, Any] | None:
    """A layer with its preset first; of a client before a gateway the `keys` that it has."""
    if said is None:
        return None
    ordered = {"preset": said["preset"], **said}
    if keys is not None:
        ordered = {key: value for key, value in ordered.items() if key in keys}
        ordered["backoff"] = {key: one for key, one in said["backoff"].items() if key != "skip_with_peer"}
    return ordered


def layered(tree: Node) -> Node:
    """The tree with the settings of the inner layer that stand in `resilience` itself put below that layer."""
    own = tree.get("resilience")
    if own is None:
        return tree
    flat = {key: one for key, one in own.map.items() if key in FLAT}
    name = "gateway" if "gateway" in own.map else "client"
    below_it = own.get(name)
    entries = _both(below_it.map if below_it is not None else {}, flat)
    layer = replace(below_it, value=entries) if below_it is not None else Node(entries, own.place)
    rest = {key: one for key, one in own.map.items() if key not in flat}
    tree = replace(tree, value={**tree.map, "resilience": replace(own, value={**rest, name: layer})})
    for path in (("knobs",), ("sources",), ("changes", "*", "set"), ("alerts", "responder", "set")):
        tree = _renamed(tree, path, name)
    return tree


def _renamed(node: Node, path: tuple[str, ...], layer: str) -> Node:
    """The tree with the keys of the map at a path, which are paths themselves, `moved`."""
    if not path:
        return replace(node, value={moved(key, layer): one for key, one in node.map.items()})
    if path[0] == "*":
        return replace(node, value=[_renamed(one, path[1:], layer) for one in node.items])
    inner = node.map.get(path[0])
    return node if inner is None else replace(node, value={**node.map, path[0]: _renamed(inner, path[1:], layer)})


def _both(one: dict[str, Node], other: dict[str, Node]) -> dict[str, Node]:
    """Two maps that say different things, as one."""
    inside = {key: replace(one[key], value=_both(one[key].map, other[key].map)) for key in one.keys() & other.keys()}
    return {**one, **other, **inside}


def resolved(document: Document, tree: Node, file: str) -> str:
    """The full form as YAML text; loading it gives the same scenario."""
    head = f"# The full form of {file}. The comment beside a value says where it comes from."
    writer = _Writer(file)
    text = [head, *writer.entries(canonical(document), layered(tree), Document, "", 0), *batch_sides(document)]
    return "\n".join(text) + "\n"


def batch_sides(document: Document) -> Iterator[str]:
    """A comment on the models that are there beside those of the file: they are made, not written."""
    api, names = document.batch.api, waiting_models(document) if document.batch.api is not None else []
    if api is not None and names:
        yield "# What can wait is answered by the batch sides of its models, at half the price, with own limits:"
        yield f"# {', '.join(name + BATCH for name in names)}; within {format_duration(api.within)}."


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

    def __init__(self, file: str):
        self.file = file
        self.preset = ""
        """Of the layer that is being written."""

    def entries(self, value: dict[str, Any], node: Node | None, shape: Shape, path: str, depth: int) -> Iterator[str]:
        """The lines of a map."""
        part = part_of(shape, node)
        self.preset = value["preset"] if part is Layer else self.preset
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
        said = self.default(value, path, part, key) if node is None else self.written(node, path)
        return f"{said}; {_source(value)}" if part is Layer and key == "preset" else said

    def written(self, node: Node, path: str) -> str:
        """Where a value was written."""
        place = node.place
        if place.origin in ("set", "short"):
            return place.file if place.origin == "set" else place.path
        where = f"line {place.line}" if place.file == self.file else f"{place.file} line {place.line}"
        short = place.origin == "file" and place.path != path
        return f"{where}, from `{place.path}`" if short else where

    def default(self, value: Any, path: str, part: type[Part] | None, key: str) -> str:
        """What is said of a value that nobody wrote."""
        if value is not None and _of_preset(path, self.preset):
            return f"default of {self.preset}"
        if value is not None or part is None:
            return "default"
        words = _LEFT_OUT.search(help_of(part, key))
        inherited = part is Deployment and key in Performance.names()
        return f"default: {'as the model' if inherited else words[1] if words else 'none'}"


def _of_preset(path: str, name: str) -> bool:
    """Does a preset say what stands at a path? (All that is within a part that it has, too.)"""
    steps = path.split(".")
    if len(steps) < 3 or steps[0] != "resilience" or steps[1] not in ("client", "gateway") or steps[2] == "preset":
        return False
    settings = preset(name).settings
    return len(steps) == 3 or steps[2] == "backoff" or steps[2] in settings


def _source(name: str) -> str:
    """Where a preset comes from."""
    found = preset(name)
    return f"{found.source} ({found.date})"


def _is_choice(part: type[Part], key: str) -> bool:
    """Is it a member of a choice (of which another is set, or none)?"""
    return any(key in group for group in part.choices)


__all__ = ["canonical", "filled", "resolved"]
