"""The schema as something to walk: which part belongs at a place of the tree, and what short forms stand for."""

import types
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from simkit.scenario.base import Part
from simkit.scenario.distribution import Dist
from simkit.scenario.tree import Node, graft

Shape = Any
"""A type annotation of the schema; None: nothing is known there."""


def origin_of(shape: Shape) -> Any:
    """`list` of `list[int]`, for example."""
    return get_origin(shape)


@cache
def alternatives(shape: Shape) -> tuple[Shape, ...]:
    """The types that a value may have, without `Annotated`, unions and None."""
    origin = origin_of(shape)
    if origin is Annotated:
        return alternatives(get_args(shape)[0])
    if origin in (Union, types.UnionType):
        return tuple(one for member in get_args(shape) for one in alternatives(member))
    return () if shape is types.NoneType or shape is None else (shape,)


@cache
def parts(shape: Shape) -> tuple[type[Part], ...]:
    """The parts that a value may be."""
    return tuple(one for one in alternatives(shape) if isinstance(one, type) and issubclass(one, Part))


def part_of(shape: Shape, node: Node | None) -> type[Part] | None:
    """The part that a value is, or is most like."""
    found = parts(shape)
    if len(found) < 2 or node is None:
        return found[0] if found else None
    return max(found, key=lambda part: len(node.map.keys() & fields(part).keys()))


@cache
def fields(part: type[Part]) -> dict[str, Shape]:
    """Fields of a part by the name that a file uses, with their bounds."""
    return {field.alias or name: _bounded(field) for name, field in part.model_fields.items()}


def _bounded(field: FieldInfo) -> Shape:
    """The type of a field with what bounds its number."""
    shape: Shape = field.annotation
    for one in field.metadata:
        shape = Annotated[shape, one] if hasattr(one, "ge") or hasattr(one, "le") else shape
    return shape


def bounds(shape: Shape) -> tuple[float | None, float | None]:
    """The least and the largest number that may stand at a shape; None: there is none."""
    args = get_args(shape)
    if origin_of(shape) is Annotated:
        marks = [mark for one in args[1:] for mark in (one.metadata if isinstance(one, FieldInfo) else [one])]
        low, high = bounds(args[0])
        return (
            next((mark.ge for mark in marks if hasattr(mark, "ge")), low),
            next((mark.le for mark in marks if hasattr(mark, "le")), high),
        )
    if origin_of(shape) not in (Union, types.UnionType):
        return None, None
    return next((found for found in map(bounds, args) if found != (None, None)), (None, None))


def keys(part: type[Part]) -> list[str]:
    """All keys that a file may use in a part."""
    return [*fields(part), *part.aliases, *sorted(part.shorts)]


def child(shape: Shape, key: str | int, node: Node | None) -> Shape:
    """The shape below a key or an index."""
    part = part_of(shape, node)
    if part is not None and not isinstance(key, int):
        return fields(part).get(key)
    wanted = list if isinstance(key, int) else dict
    for one in alternatives(shape):
        if origin_of(one) is wanted:
            return get_args(one)[-1]
    return None


def key_shape(shape: Shape) -> Shape:
    """The shape of the keys of a map of names."""
    return next((get_args(one)[0] for one in alternatives(shape) if origin_of(one) is dict), None)


def is_whole(shape: Shape) -> bool:
    """Is it overridden as a whole (a distribution)?"""
    return any(issubclass(part, Dist) for part in parts(shape))


def children(node: Node, shape: Shape) -> Iterator[tuple[str | int, Node, Shape]]:
    """Key or index, node and shape of what is directly below a node."""
    for key, one in node.map.items():
        yield key, one, child(shape, key, node)
    for index, one in enumerate(node.items):
        yield index, one, child(shape, index, node)


def expand(node: Node, shape: Shape) -> Node:
    """The tree with every short form replaced by what it stands for."""
    node = lengthened(node, shape)
    if isinstance(node.value, dict):
        return replace(node, value={key: expand(one, child(shape, key, node)) for key, one in node.map.items()})
    if isinstance(node.value, list):
        return replace(node, value=[expand(one, child(shape, i, node)) for i, one in enumerate(node.items)])
    return node


def lengthened(node: Node, shape: Shape) -> Node:
    """The node itself in full form, what is below it as it is."""
    part = part_of(shape, node)
    if part is None:
        return node
    value = part.short(node.value if isinstance(node.value, dict | list) else node)
    return node if value is node or value is node.value else graft(value, node.place)


__all__ = [
    "Shape",
    "alternatives",
    "bounds",
    "child",
    "children",
    "expand",
    "fields",
    "is_whole",
    "key_shape",
    "keys",
    "lengthened",
    "origin_of",
    "part_of",
    "parts",
]
