"""Dotted paths: `models.gpt-4.1.quality.complex`. A step is a key, a list item's `name`, or an index.

The longest existing key wins, so names may hold dots; quotes force one: `models."gpt-4.1".quality`.
"""

import re
from collections.abc import Iterator

from simkit.scenario.errors import Invalid, listing, nearest
from simkit.scenario.schema import Shape, child, keys, part_of
from simkit.scenario.tree import Node

Steps = tuple[str | int, ...]
"""A path as keys of maps and indices of lists."""

_SEGMENT = re.compile(r"""(?:"([^"]*)"|'([^']*)'|([^."']+))(\.|$)""")


def split(path: str) -> list[tuple[str, bool]]:
    """The segments between dots, and whether each was quoted. Raises `Invalid`."""
    segments, at = [], 0
    while at < len(path):
        match = _SEGMENT.match(path, at)
        if match is None:
            break
        quoted = match[3] is None
        segments.append((match[1] or match[2] or "" if quoted else match[3].strip(), quoted))
        at = match.end()
    if not segments or at < len(path) or path.endswith("."):
        raise Invalid(f"`{path}` is not a path.", "names with dots between them, e.g. traffic.rate")
    return segments


def resolve(path: str, tree: Node, shape: Shape, new: bool = False) -> Steps:
    """The steps of a path in a tree.

    Args:
        new: may a name be used that the tree does not have yet, where the schema lets one choose names?

    Raises:
        Invalid: the path leads nowhere.
    """
    return tuple(_steps(path, tree, shape, new))


def _steps(path: str, tree: Node, shape: Shape, new: bool) -> Iterator[str | int]:
    segments = split(path)
    node: Node | None = tree
    done = ""
    while segments:
        found, used = _longest(segments, node) or _field(segments, node, shape, new, done)
        segments = segments[used:]
        for step in found:
            yield step
            shape = child(shape, step, node)
            node = below(node, step)
            done = f"{done}.{step}" if done else str(step)


def below(node: Node | None, step: str | int) -> Node | None:
    """What is directly below a node, if it is there."""
    if node is None:
        return None
    if isinstance(step, int):
        return node.items[step] if 0 <= step < len(node.items) else None
    return node.map.get(step)


def find(tree: Node, steps: Steps) -> Node | None:
    """What is at the end of the steps, if it is there."""
    node: Node | None = tree
    for step in steps:
        node = below(node, step)
    return node


def shape_at(shape: Shape, tree: Node | None, steps: Steps) -> Shape:
    """The shape at the end of the steps."""
    for step in steps:
        shape, tree = child(shape, step, tree), below(tree, step)
    return shape


def _longest(segments: list[tuple[str, bool]], node: Node | None) -> tuple[Steps, int] | None:
    """The longest run of segments that is something below the node, as steps, and its length."""
    if node is None:
        return None
    quotes = [index for index, (_, quoted) in enumerate(segments) if quoted]
    most = max(quotes[0], 1) if quotes else len(segments)
    for used in range(most, 0, -1):
        name = ".".join(text for text, _ in segments[:used])
        if name in node.map:
            return (name,), used
        for index, item in enumerate(node.items):
            named = item.get("name")
            if named is not None and named.value == name:
                return (index,), used
    text, quoted = segments[0]
    if node.items and not quoted and text.isdigit() and int(text) < len(node.items):
        return (int(text),), 1
    return None


def _field(
    segments: list[tuple[str, bool]], node: Node | None, shape: Shape, new: bool, done: str
) -> tuple[Steps, int]:
    """A field or alias of the schema that is not set, or a new name."""
    name = segments[0][0]
    part = part_of(shape, node)
    if part is not None:
        if name in part.aliases:
            return part.aliases[name], 1
        if name in keys(part):
            return (name,), 1
        raise _missing(name, keys(part), done)
    if child(shape, "", node) is not None and not (node and node.items):
        if new:
            return (name,), 1
        raise _missing(name, list(node.map) if node else [], done)
    if node is not None and node.items:
        names = [str(item.map["name"].value) if "name" in item.map else str(i) for i, item in enumerate(node.items)]
        raise _missing(name, names, done)
    raise Invalid(f"`{done}` has nothing below it.", "", "")


def _missing(name: str, names: list[str], done: str) -> Invalid:
    where = f"`{done}` has no `{name}`." if done else f"There is no `{name}`."
    return Invalid(where, listing(names, name), nearest(name, names))


__all__ = ["Steps", "below", "find", "resolve", "shape_at", "split"]
