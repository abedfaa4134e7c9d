"""YAML 1.2 text as a tree of nodes with places; everything that is no plain, small, single document is refused."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from simkit.scenario.errors import Problem, ScenarioError, nearest, shown
from simkit.scenario.tree import Node, Origin, Place, Scalar, join

LARGEST = 5_000_000
"""Largest file in bytes."""
MOST = 100_000
"""Most values of a file, after every alias is replaced by what it stands for."""
DEEPEST = 60
"""Deepest nesting."""

_INT = re.compile(r"[-+]?[0-9]{1,40}")
_BASED = re.compile(r"0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_SYNTAX = (
    (r"mapping values are not allowed", "There is a second `:` on the line, or the line is indented too far.",
     "Put a text that holds `: ` in quotes; indent keys of one map alike."),
    (r"expected <block end>", "The indentation does not fit the lines above.",
     "Indent keys of one map alike, with spaces."),
    (r"unexpected end of stream", "A quote is opened and never closed.", "Close the quote."),
    (r"stream end", "A bracket `[` or `{` is opened and never closed.", "Close the bracket."),
    (r"expected ',' or", "A list `[...]` or map `{...}` is not closed, or a comma is missing.",
     "Close the bracket, or put a comma between the entries."),
    (r"character '(.)' that cannot start", "A value must not begin with `CHAR`.", "Put the value in quotes."),
    (r"could not find expected ':'", "A `:` is missing after a key.",
     "Write `key: value`, with a space after the colon."),
    (r"special characters are not allowed", "There is a control character that YAML does not allow.", "Remove it."),
)  # fmt: skip


def resolve(text: str) -> Scalar:
    """The value of an unquoted scalar by the YAML 1.2 core schema: `NO`, `on`, `10:30` are text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return int(text, 0) if _BASED.fullmatch(text) else text


Event = Any
"""An event of ruamel's parser (its classes declare no attributes)."""


class _Builder:
    """Builds the tree from the parser's events; problems that do not stop it are collected."""

    def __init__(self, events: Iterator[Event], root: Place):
        self.events = events
        self.root = root
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.count = 0

    def place(self, event: Event, path: str) -> Place:
        if not self.root.line:
            return replace(self.root, path=path)
        mark = event.start_mark
        return Place(self.root.file, mark.line + 1, mark.column + 1, path, self.root.origin)

    def complain(self, event: Event, path: str, message: str, value: str = "", hint: str = "") -> None:
        self.problems.append(self.place(event, path).problem(message, value, hint=hint))

    def stop(self, event: Event, path: str, message: str, hint: str = "") -> None:
        self.complain(event, path, message, hint=hint)
        raise ScenarioError(self.problems)

    def grow(self, event: Event, path: str, by: int) -> None:
        self.count += by
        if self.count > MOST:
            self.stop(event, path, f"The file stands for more than {MOST:,} values.", "Use fewer aliases (`*name`).")

    def node(self, event: Event, path: str, key: Place | None, depth: int) -> Node:
        """The node that begins with the event."""
        place = self.place(event, path)
        if isinstance(event, AliasEvent):
            return self.alias(event, path, key or place)
        before = self.count
        self.grow(event, path, 1)
        if event.tag not in (None, "!"):
            tag = shown(str(event.tag).replace("tag:yaml.org,2002:", "!!"))
            self.complain(event, path, f"Tags such as `{tag}` are not used here.", hint="Remove the tag.")
        if depth > DEEPEST:
            self.stop(event, path, f"Nested deeper than {DEEPEST} levels.")
        value: Scalar | list[Node] | dict[str, Node]
        if isinstance(event, MappingStartEvent):
            value = self.mapping(path, depth)
        elif isinstance(event, SequenceStartEvent):
            value = self.sequence(path, depth)
        else:
            value = resolve(event.value) if event.style is None else event.value
        node = Node(value, key or place, place if key else None)
        if event.anchor:
            self.anchors[event.anchor] = (node, self.count - before)
        return node

    def alias(self, event: AliasEvent, path: str, place: Place) -> Node:
        if event.anchor not in self.anchors:
            hint = f"Write `&{event.anchor}` before the value that is meant."
            self.complain(event, path, "There is no such anchor above.", f"*{event.anchor}", hint)
            return Node(None, place)
        node, size = self.anchors[event.anchor]
        self.grow(event, path, size)
        return Node(node.value, place, node.value_place or node.place)

    def sequence(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            items.append(self.node(event, join(path, len(items)), None, depth + 1))
        return items

    def mapping(self, path: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                self.stop(
                    event,
                    path,
                    "A key must be a plain name.",
                    "In `{...}` write `key: value`; quote a text that begins with `{`, `[` or `*`.",
                )
            key = event.value
            place = self.place(event, join(path, key))
            if key in entries:
                self.complain(
                    event,
                    place.path,
                    f"This key is already on line {entries[key].place.line}.",
                    hint="Remove one of the two.",
                )
            entries[key] = self.node(next(self.events), place.path, place, depth + 1)
        return entries


def parse(text: str, root: Place) -> Node | None:
    """The tree of a text, None if it is empty. `root.line` 0: all places are `root`'s.

    Raises:
        ScenarioError: the text is no single, small YAML document.
    """
    parser: Any = YAML(typ="safe", pure=True)
    builder = _Builder(iter(parser.parse(text)), root)
    found: Node | None = None
    try:
        for event in builder.events:
            if isinstance(event, DocumentStartEvent):
                first = next(builder.events)
                if found is not None:
                    builder.stop(
                        event,
                        root.path,
                        "There is a second document after `---`.",
                        "Put each scenario in a file of its own.",
                    )
                found = builder.node(first, root.path, None, 0)
    except YAMLError as error:
        raise ScenarioError([*builder.problems, *syntax_problems(error, text, root)]) from None
    if builder.problems:
        raise ScenarioError(builder.problems)
    return None if found is None or (found.value is None) else found


def syntax_problems(error: YAMLError, text: str, root: Place) -> list[Problem]:
    """What the parser could not read, in words: every line with a tab, else the parser's place."""
    tabs = [line for line, row in enumerate(text.splitlines(), 1) if re.match(r"\s*\t", row)]
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    if "'\\t'" in said:
        if not tabs and isinstance(error, MarkedYAMLError):
            tabs = [error.problem_mark.line + 1]
        return [
            replace(root, line=line).problem("There is a tab.", hint="Use spaces instead of tabs.")
            for line in tabs[:20]
        ]
    marks = [error.problem_mark, error.context_mark] if isinstance(error, MarkedYAMLError) else [None]
    mark = marks[-1] if re.search(r"end of stream|stream end|expected ','", said) and marks[-1] else marks[0]
    line = mark.line + 1 if mark else 0
    if isinstance(error, ReaderError):
        line = text[: error.position].count("\n") + 1
    place = replace(root, line=line if root.line else 0)
    source = text.splitlines()[line - 1].strip() if 0 < line <= len(text.splitlines()) else ""
    for pattern, message, hint in _SYNTAX:
        if match := re.search(pattern, said):
            return [place.problem(message.replace("CHAR", match[1] if match.groups() else ""), source, hint=hint)]
    return [place.problem(f"This is not YAML: {said}.", source)]


def read(path: Path, shown_as: str, origin: Origin = "file") -> Node:
    """The tree of a file.

    Raises:
        ScenarioError: the file cannot be read, is empty, or is no plain YAML map.
    """
    root = Place(shown_as, 1, 1, "", origin)
    nowhere = replace(root, line=0)
    text = _decoded(_bytes(path, nowhere), nowhere)
    tree = parse(text, root)
    if tree is None:
        raise ScenarioError(
            [nowhere.problem("The file is empty.", hint="`simkit new FILE` writes a file to start from.")]
        )
    if not isinstance(tree.value, dict):
        kind = "A list stands" if isinstance(tree.value, list) else "A single value stands"
        raise ScenarioError(
            [
                tree.place.problem(
                    f"{kind} where a map belongs.",
                    hint="A scenario begins with keys such as `name:`, `model:`, `traffic:`.",
                )
            ]
        )
    return tree


def _bytes(path: Path, place: Place) -> bytes:
    try:
        if path.is_file() and path.stat().st_size > LARGEST:
            raise ScenarioError(
                [
                    place.problem(
                        "The file is larger than 5 MB.",
                        hint="A scenario is a page or two; traces go into a file of their own.",
                    )
                ]
            )
        return path.read_bytes()
    except FileNotFoundError:
        siblings = [one.name for one in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise ScenarioError([place.problem("There is no such file.", hint=nearest(path.name, siblings, 0.8))]) from None
    except IsADirectoryError:
        raise ScenarioError([place.problem("This is a folder, not a file.")]) from None
    except OSError as error:
        raise ScenarioError([place.problem(f"The file cannot be read: {error.strerror}.")]) from None


def _decoded(data: bytes, place: Place) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"The file is not UTF-8 text (byte 0x{data[error.start]:02x})."
        hint = "Save it with the encoding UTF-8."
        raise ScenarioError([replace(place, line=line).problem(message, hint=hint)]) from None


__all__ = ["DEEPEST", "LARGEST", "MOST", "parse", "read", "resolve"]
