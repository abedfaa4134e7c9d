"""From a tree to a `Document`: what pydantic finds wrong, in human words, at the key that is wrong."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from simkit.scenario.base import Part
from simkit.scenario.errors import Invalid, Problem, listing, nearest, shown
from simkit.scenario.helptext import help_of
from simkit.scenario.scenario import Document
from simkit.scenario.schema import (
    Shape,
    alternatives,
    bounds,
    child,
    fields,
    is_whole,
    key_shape,
    keys,
    origin_of,
    part_of,
    parts,
)
from simkit.scenario.traffic import Traffic, Users
from simkit.scenario.tree import Node, Place, join, plain, walk

Words = tuple[str, str, str]
"""Message, what is allowed, hint."""

NAMES = "letters, digits and _ . : + @ -, at most 100, not beginning with a sign"
PATTERNS = {
    r"^[A-Za-z0-9_][A-Za-z0-9_.:+@-]*$": ("This is not a name.", NAMES),
    r"^p\d{1,3}$": ("This is not a percentile.", "p50, p95, p99, p999 and the like"),
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
        told = unknown + [one for one in found if not _explained(one, meant)]
        return None, told or [tree.place.problem("This is not a scenario.", hint=str(error).partition("\n")[2])]
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
    if loc[-1:] == ["[key]"]:
        return _wrong_key(detail, loc[:-1], node, shape)
    while loc:
        step = loc[0]
        below = node.items[step] if isinstance(step, int) and step < len(node.items) else node.map.get(str(step))
        if below is not None:
            node, shape = below, child(shape, step, node)
        elif len(alternatives(shape)) > 1:
            if not _meant(str(step), node, shape):
                return None
            shape = _narrowed(node, shape)
        elif detail["type"] == "missing" and len(loc) == 1:
            break
        loc = loc[1:]
    return _placed(_words(detail, node, shape, str(loc[0]) if loc else ""), detail, node, shape, loc)


def _wrong_key(detail: ErrorDetails, loc: list[int | str], node: Node, shape: Shape) -> Problem:
    """A key of a map of names that is no such name."""
    for step in loc:
        below = node.items[step] if isinstance(step, int) else node.map.get(step)
        names, shape = (key_shape(shape), child(shape, step, node)) if below is not None else (None, shape)
        node = below if below is not None else node
    message, allowed, hint = _words(detail, Node(str(loc[-1]), node.place), names, "")
    return node.place.problem(message, node.text(), allowed, hint)


def _placed(words: Words, detail: ErrorDetails, node: Node, shape: Shape, loc: list[Any]) -> Problem:
    """The words at the key they speak of."""
    message, allowed, hint = words
    part = part_of(shape, node)
    key = str(loc[0]) if loc and detail["type"] == "missing" else ""
    if key and part is not None:
        alias = next((alias for alias in _founders_names(part, node) if alias[1] == key), None)
        key = alias[0] if alias else key
        return node.place.problem(f"`{key}` is missing.", "", allowed, hint, key)
    return _blamed(node, shape).problem(message, node.text(), allowed, hint)


def _blamed(node: Node, shape: Shape) -> Place:
    """The place of a value; of a distribution that an override changed, the override's."""
    inside = (one.place for one in walk(node) if one.place.origin == "set")
    return next(inside, node.place) if is_whole(shape) else node.place


def _founders_names(part: type[Part], node: Node) -> list[tuple[str, str]]:
    """Short names of the fields of a part that was made from its short form."""
    made = part is Users and not node.place.path.endswith("users")
    return [(alias, path[-1]) for alias, path in Traffic.aliases.items()] if made else []


def _meant(tag: str, node: Node, shape: Shape) -> bool:
    """Is the member of a union that an error speaks of the one that the value was meant to be?"""
    if isinstance(node.value, dict) and parts(shape):
        part = part_of(shape, node)
        return part is not None and tag == part.__name__
    if isinstance(node.value, list) and any(origin_of(one) is list for one in alternatives(shape)):
        return tag.startswith(("list", "constrained-list"))
    if literals(shape) == ["none"]:  # which is said of the other thing that may stand there
        return not tag.startswith(("literal", "list", "dict"))
    return tag.startswith("literal") if literals(shape) else not tag.startswith(("list", "dict"))


def _narrowed(node: Node, shape: Shape) -> Shape:
    """The member of a union that a map or a list was meant to be."""
    if isinstance(node.value, dict):
        return part_of(shape, node)
    wanted = [one for one in alternatives(shape) if origin_of(one) is list] if isinstance(node.value, list) else []
    return wanted[0] if wanted else shape


def _words(detail: ErrorDetails, node: Node, shape: Shape, key: str) -> Words:
    """The error in human words."""
    context: dict[str, Any] = detail.get("ctx", {})
    kind = detail["type"]
    if kind == "value_error":
        message, allowed, hint = _refused(context["error"])
        return message, f"{allowed}; or none" if allowed and literals(shape) == ["none"] else allowed, hint
    if kind == "missing":
        return _missing(node, shape, key)
    if kind == "literal_error":
        choices = literals(shape)
        meant = STATUS.get(shown(node.value), "")
        hint = f"Status {shown(node.value)} is `{meant}` here." if meant in choices else ""
        return "This is not one of the choices.", listing(choices), hint or nearest(shown(node.value), choices)
    if kind == "string_pattern_mismatch":
        message, allowed = PATTERNS.get(context["pattern"], ("This is not understood.", context["pattern"]))
        return message, allowed, ""
    if kind in _BOUNDS:
        return _out_of_bounds(_BOUNDS[kind], context, shape)
    return _PLAIN[kind](context, node) if kind in _PLAIN else ("This is not understood.", "", detail["msg"])


STATUS = {
    "400": "bad_request", "408": "timeout", "413": "too_large", "429": "rate_limit", "500": "server_error",
    "502": "server_error", "503": "overloaded", "504": "timeout", "529": "overloaded",
}  # fmt: skip
"""The kind of failure that an HTTP status stands for."""


def _refused(error: Exception) -> Words:
    if isinstance(error, Invalid):
        return error.message, error.allowed, error.hint
    return str(error), "", ""


def literals(shape: Shape) -> list[str]:
    """The words that may stand at a shape."""
    return [str(word) for one in alternatives(shape) if str(one).startswith("typing.Literal") for word in get_args(one)]


EXAMPLES = {
    "traffic": "Write e.g. `traffic: {daily_active_users: 300, actions_per_user_per_day: 6}`.",
    "models": "Write e.g. `model: gpt-4o`, or describe your models under `models:`.",
    "actions": "Write e.g. `model: gpt-4o` with `tokens: {input: 1200, output: 250}`, or describe `actions:`.",
}
"""What to write where a section is missing."""


def _missing(node: Node, shape: Shape, key: str) -> Words:
    if node.place.path == "" and key in EXAMPLES:
        return f"`{key}` is missing.", "", EXAMPLES[key]
    part = part_of(shape, node)
    if part is None or key not in fields(part):
        return f"`{key}` is missing.", "", ""
    return f"`{key}` is missing.", "", help_of(part, key)


_BOUNDS = {
    "greater_than": "above", "greater_than_equal": "at least", "less_than": "below", "less_than_equal": "at most",
}  # fmt: skip


def _out_of_bounds(words: str, context: dict[str, Any], shape: Shape) -> Words:
    """Which bound it passes, and the whole range."""
    low, high = (None if one is None else f"{one:,.10g}" for one in bounds(shape))
    kind = "a number" if float in alternatives(shape) else "a whole number"
    allowed = f"{kind} from {low} to {high}" if low and high else f"{kind}, {low} or more" if low else ""
    return f"This must be {words} {next(iter(context.values())):,.10g}.", allowed, ""


def _length(words: str) -> Callable[[dict[str, Any], Node], Words]:
    def say(context: dict[str, Any], node: Node) -> Words:
        limit = context.get("min_length", context.get("max_length"))
        entries = "1 entry belongs" if limit == 1 else f"{limit} entries belong"
        return f"{words} {entries} here, not {context.get('actual_length', 'more')}.", "", ""

    return say


def _kind(wanted: str, example: str = "") -> Callable[[dict[str, Any], Node], Words]:
    def say(context: dict[str, Any], node: Node) -> Words:
        if node.value is None:
            return (
                f"The value is empty; {wanted[0].lower()}{wanted[1:]} belongs here.",
                "",
                "Write it, or remove the line.",
            )
        quoted = wanted == "Text" and not isinstance(node.value, list | dict)
        hint = f'Write "{node.text()}" in quotes.' if quoted else example
        return f"{wanted} belongs here, not {_sort(node.value)}.", "", hint

    return say


def _sort(value: object) -> str:
    """What a value is, in words."""
    names = {list: "a list", dict: "a map", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "this")


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
    "int_from_float": lambda context, node: ("This is not a whole number.", "", ""),
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": lambda context, node: ("This is not a finite number.", "", ""),
    "string_type": _TEXT,
    "bool_type": lambda context, node: ("This is neither true nor false.", "true, false", ""),
    "too_short": _length("At least"),
    "too_long": _length("At most"),
    "string_too_long": lambda context, node: (f"This is longer than {context['max_length']} characters.", "", ""),
    "string_too_short": lambda context, node: ("This is too short.", "", ""),
}


def unknown_keys(node: Node, shape: Shape) -> Iterator[Problem]:
    """Problems of all keys that their part does not have."""
    part = part_of(shape, node)
    for key, one in node.map.items():
        below = child(shape, key, node)
        if part is not None and key not in fields(part) and part.model_config.get("extra") != "allow":
            known = keys(part)
            layers = LAYERS if key == "preset" and "gateway" in known else ""
            hint = layers or nearest(key, known) or _belongs(key)
            text = one.text() if one.place.path.endswith(key) else key  # a bare word stands for a key
            yield one.place.problem("There is no such key here.", text, listing(known, key), hint)
        else:
            yield from unknown_keys(one, below)
    for index, one in enumerate(node.items):
        yield from unknown_keys(one, child(shape, index, node))


LAYERS = "Write `client: NAME` for an SDK, `gateway: NAME` for a gateway."


def _belongs(key: str) -> str:
    """Where a key is known that stands at a wrong place."""
    found = homes(Document).get(key)
    return f"This key belongs elsewhere: `{found}`." if found else ""


@cache
def homes(part: type[Part]) -> dict[str, str]:
    """For every field name its first path in the schema, names chosen by the user in capitals."""
    found: dict[str, str] = {}
    waiting: list[tuple[str, Shape]] = [("", part)]
    while waiting:
        path, shape = waiting.pop(0)
        if path.count(".") > 5 or is_whole(shape):
            continue
        for one in parts(shape):
            for name, below in fields(one).items():
                found.setdefault(name, join(path, name))
                waiting.append((join(path, name), below))
        if not parts(shape):
            for one in alternatives(shape):
                if origin_of(one) in (dict, list):
                    waiting.append((join(path, "NAME" if origin_of(one) is dict else "0"), get_args(one)[-1]))
    return found


__all__ = ["literals", "unknown_keys", "validated"]
