"""From a tree to a `Document`: what pydantic finds wrong, in human words, at the key that is wrong."""

from collections.abc import Callable, Iterator
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from simkit.scenario.base import Part
from simkit.scenario.errors import Invalid, Problem, listing, nearest, shown
from simkit.scenario.helptext import help_of
from simkit.scenario.scenario import Document
from simkit.scenario.schema import Shape, alternatives, child, fields, keys, part_of
from simkit.scenario.traffic import Traffic, Users
from simkit.scenario.tree import Node, plain

Words = tuple[str, str, str]
"""Message, what is allowed, hint."""

NAMES = "letters, digits and _ . : + @ -, at most 100, not beginning with a sign"
PATTERNS = {
    r"^[A-Za-z0-9_][A-Za-z0-9_.:+@-]*$": ("This is not a name.", NAMES),
    r"^p\d{1,3}$": ("This is not a percentile.", "p50, p95, p99, p999 and the like"),
    r"^\d{4}-\d{2}(-\d{2})?$": ("This is not a date of the price book.", "a month or a day, e.g. 2026-11 or 2026-11-15"),
    r"^complexity$": ("This is not one of the choices.", "complexity"),
}


def validated(tree: Node, shape: Shape = Document) -> tuple[Document | None, list[Problem]]:
    """The document of a tree in full form, or what is wrong with it.

    Args:
        shape: whose keys are listed for a misspelt one: those of the form that the user wrote.
    """
    unknown = list(unknown_keys(tree, shape))
    meant = {(one.file, one.path.rpartition(".")[0], one.hint) for one in unknown}
    try:
        document = Document.model_validate(plain(tree))
    except ValidationError as error:
        found = _problems(error, tree, Document)
        return None, unknown + [one for one in found if not _explained(one, meant)]
    return document, unknown


def _explained(problem: Problem, meant: set[tuple[str, str, str]]) -> bool:
    """Is a missing key the one that a misspelt key was meant to be?"""
    above, _, key = problem.path.rpartition(".")
    return problem.message.endswith("is missing.") and (problem.file, above, f"Did you mean `{key}`?") in meant


def _problems(error: ValidationError, tree: Node, shape: Shape) -> list[Problem]:
    """What pydantic found, in the places of the tree; one problem a place."""
    found: dict[tuple[str, int, str], Problem] = {}
    for detail in error.errors(include_url=False):
        one = None if detail["type"] == "extra_forbidden" else _problem(detail, tree, shape)
        if one is not None:
            found.setdefault((one.file, one.line, one.path), one)
    return list(found.values())


def _problem(detail: ErrorDetails, node: Node, shape: Shape) -> Problem | None:
    """One error, None where it belongs to a form that was not meant."""
    loc = list(detail["loc"])
    while loc:
        step = loc[0]
        below = node.items[step] if isinstance(step, int) and step < len(node.items) else node.map.get(str(step))
        if below is not None:
            node, shape = below, child(shape, step, node)
        elif step != "[key]" and len(alternatives(shape)) > 1 and not _meant(str(step), node, shape):
            return None
        elif detail["type"] == "missing" and len(loc) == 1:
            break
        loc = loc[1:]
    return _placed(_words(detail, node, shape, str(loc[0]) if loc else ""), detail, node, shape, loc)


def _placed(words: Words, detail: ErrorDetails, node: Node, shape: Shape, loc: list[Any]) -> Problem:
    """The words at the key they speak of."""
    message, allowed, hint = words
    part = part_of(shape, node)
    key = str(loc[0]) if loc and detail["type"] == "missing" else ""
    if key and part is not None:
        alias = next((alias for alias in _founders_names(part, node) if alias[1] == key), None)
        key = alias[0] if alias else key
        return node.place.problem(f"`{key}` is missing.", "", allowed, hint, key)
    return node.place.problem(message, node.text(), allowed, hint)


def _founders_names(part: type[Part], node: Node) -> list[tuple[str, str]]:
    """Short names of the fields of a part that was made from its short form."""
    made = part is Users and not node.place.path.endswith("users")
    return [(alias, path[-1]) for alias, path in Traffic.aliases.items()] if made else []


def _meant(tag: str, node: Node, shape: Shape) -> bool:
    """Is the member of a union that an error speaks of the one that the value was meant to be?"""
    if isinstance(node.value, dict):
        part = part_of(shape, node)
        return part is not None and tag == part.__name__
    if isinstance(node.value, list):
        return tag.startswith(("list", "constrained-list"))
    literals = [one for one in alternatives(shape) if hasattr(one, "__origin__") and str(one).startswith("typing.Literal")]
    return tag.startswith("literal") if literals else not tag.startswith(("list", "dict"))


def _words(detail: ErrorDetails, node: Node, shape: Shape, key: str) -> Words:
    """The error in human words."""
    context: dict[str, Any] = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "value_error":
        return _refused(context["error"])
    if kind == "missing":
        return _missing(node, shape, key)
    if kind == "literal_error":
        choices = literals(shape)
        return "This is not one of the choices.", listing(choices), nearest(shown(node.value), choices)
    if kind == "string_pattern_mismatch":
        message, allowed = PATTERNS.get(context["pattern"], ("This is not understood.", context["pattern"]))
        return message, allowed, ""
    return _PLAIN[kind](context, node) if kind in _PLAIN else ("This is not understood.", "", detail["msg"])


def _refused(error: Exception) -> Words:
    if isinstance(error, Invalid):
        return error.message, error.allowed, error.hint
    return str(error), "", ""


def literals(shape: Shape) -> list[str]:
    """The words that may stand at a shape."""
    return [str(word) for one in alternatives(shape) if str(one).startswith("typing.Literal") for word in get_args(one)]


def _missing(node: Node, shape: Shape, key: str) -> Words:
    part = part_of(shape, node)
    if part is None or key not in fields(part):
        return f"`{key}` is missing.", "", ""
    return f"`{key}` is missing.", "", help_of(part, key)


def _bound(words: str) -> Callable[[dict[str, Any], Node], Words]:
    def say(context: dict[str, Any], node: Node) -> Words:
        limit = next(iter(context.values()))
        return f"This must be {words.format(f'{limit:g}' if isinstance(limit, float) else limit)}.", "", ""

    return say


def _length(words: str) -> Callable[[dict[str, Any], Node], Words]:
    def say(context: dict[str, Any], node: Node) -> Words:
        limit = context.get("min_length", context.get("max_length"))
        return f"{words.format(limit)}; here: {context.get('actual_length', 'more')}.", "", ""

    return say


def _kind(wanted: str, example: str = "") -> Callable[[dict[str, Any], Node], Words]:
    def say(context: dict[str, Any], node: Node) -> Words:
        found = "a list" if isinstance(node.value, list) else "a map" if isinstance(node.value, dict) else "a single value"
        hint = f'Write "{node.text()}" in quotes.' if wanted == "Text" and found == "a single value" else example
        wrong = f", not {found}" if found not in wanted.lower() else ""
        return (f"{wanted} belongs here{wrong}." if node.value is not None else f"The value is empty; {wanted[0].lower() + wanted[1:]} belongs here."), "", hint

    return say


_MAP = _kind("A map", "Write `key: value` pairs, indented below or in `{...}`.")
_LIST = _kind("A list", "Write `[one, two]`, or a line `- one` for each.")
_WHOLE = _kind("A whole number")
_NUMBER = _kind("A number")
_TEXT = _kind("Text")

_PLAIN: dict[str, Callable[[dict[str, Any], Node], Words]] = {
    "model_type": _MAP,
    "model_attributes_type": _MAP,
    "dict_type": _MAP,
    "list_type": _LIST,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": lambda context, node: ("This is not a finite number.", "", ""),
    "string_type": _TEXT,
    "bool_type": lambda context, node: ("This is neither true nor false.", "true, false", ""),
    "greater_than": _bound("above {}"),
    "greater_than_equal": _bound("at least {}"),
    "less_than": _bound("below {}"),
    "less_than_equal": _bound("at most {}"),
    "too_short": _length("At least {} entries belong here"),
    "too_long": _length("At most {} entries belong here"),
    "string_too_long": lambda context, node: (f"This is longer than {context['max_length']} characters.", "", ""),
    "string_too_short": lambda context, node: ("This is too short.", "", ""),
}


def unknown_keys(node: Node, shape: Shape) -> Iterator[Problem]:
    """Problems of all keys that their part does not have."""
    part = part_of(shape, node)
    for key, one in node.map.items():
        below = child(shape, key, node)
        if part is not None and key not in fields(part) and not part.model_config.get("extra") == "allow":
            known = keys(part)
            hint = nearest(key, known)
            yield one.place.problem("There is no such key here.", one.text(), listing(known, key), hint)
        else:
            yield from unknown_keys(one, below)
    for index, one in enumerate(node.items):
        yield from unknown_keys(one, child(shape, index, node))


__all__ = ["literals", "unknown_keys", "validated"]
