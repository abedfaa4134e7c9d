"""From a file to a scenario: layers, overrides, the founder's short form, validation."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simkit.scenario.consistency import start_exists
from simkit.scenario.crosscheck import problems as cross_problems
from simkit.scenario.economy import economy_problems
from simkit.scenario.errors import Invalid, Problem, ScenarioError, nearest
from simkit.scenario.founder import KEYS, FounderDocument, full_form
from simkit.scenario.growth_checks import growth_problems
from simkit.scenario.knobs import knob_problems
from simkit.scenario.names import entries
from simkit.scenario.overlay import BASES, layers, merge, override, set_text, set_values
from simkit.scenario.paths import Steps, find, resolve, shape_at, split
from simkit.scenario.pricecheck import price_problems
from simkit.scenario.prune import pruned
from simkit.scenario.references import path_problems
from simkit.scenario.scenario import Document
from simkit.scenario.schema import is_whole
from simkit.scenario.stack import stack_problems
from simkit.scenario.tables import file_named, with_tables
from simkit.scenario.tree import Node, Origin, Place, walk
from simkit.scenario.validate import validated

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.study.levers import Levers

RANKS: dict[Origin, int] = {"base": 0, "tier": 0, "short": 1, "file": 1, "set": 2}
"""A source speaks of values that were written where it was or below: not of a figure put in its stead."""

Override = tuple[str, Node]
Sets = Mapping[str, Any] | Iterable[str] | None
"""`{path: value}`, or texts `PATH=VALUE`."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario that is valid as it stands; `set` gives another."""

    document: Document
    """Its full form."""
    path: Path
    """The file it was loaded from."""
    tree: Node = field(repr=False)
    """Its full form with the place where each value was written."""
    layered: Node = field(repr=False)
    """The file over all that it extends, before overrides."""
    overrides: tuple[Override, ...] = field(repr=False, default=())
    """What was set, in order."""

    @property
    def name(self) -> str:
        """Its title."""
        return self.document.name

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical full form: equal for scenarios that mean the same."""
        from simkit.scenario.resolved import canonical

        text = json.dumps(canonical(self.document), separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def trace_path(self) -> Path | None:
        """The trace's file: from the folder of the file that names it, or from the working folder for an override."""
        return trace_path(self.tree)

    def set(self, values: Mapping[str, Any]) -> "Scenario":
        """The scenario with other values, e.g. `s.set({"traffic.rate": "4/s"})`. Raises `ScenarioError`."""
        return build(self.path, self.layered, (*self.overrides, *set_values(values)))

    def resolved(self) -> str:
        """The full form as YAML; a comment beside each value says where it comes from."""
        from simkit.scenario.resolved import resolved

        return resolved(self.document, self.tree, str(self.path))

    def source_of(self, path: str) -> tuple[str, str]:
        """Kind (measured, estimated, assumed) and words of where a figure comes from; what has no source is assumed.

        A source holds for all below it, except figures that an override, or a file over a base, put in their stead.

        Raises:
            ScenarioError: there is no such field.
        """
        try:
            steps = resolve(path, self.tree, Document)
        except Invalid as error:
            raise ScenarioError(
                [Problem("source_of()", 0, "", path, error.message, error.allowed, error.hint)]
            ) from None
        written = _rank(find(self.tree, steps), is_whole(shape_at(Document, self.tree, steps)))
        for end in range(len(steps), 0, -1):
            if steps[:end] in self._sources:
                rank, kind, words = self._sources[steps[:end]]
                if rank >= written:
                    return kind, words
        return "assumed", ""

    @cached_property
    def _sources(self) -> dict[Steps, tuple[int, str, str]]:
        """Rank, kind and words by steps."""
        places = entries(self.tree, "sources")
        return {
            resolve(path, self.tree, Document): (RANKS[places[path].place.origin], one.kind, one.source or "")
            for path, one in self.document.sources.items()
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it is built from (classes of generic parts cannot be pickled)."""
        return build, (self.path, self.layered, self.overrides)

    def run(self, **settings: Any) -> "Result":
        """Simulate it; see `simkit.study.run.run` for the settings."""
        from simkit.study.run import run

        return run(self, **settings)

    def levers(self, **settings: Any) -> "Levers":
        """What would lower its bill: each lever alone and all together; see `simkit.study.levers.levers`."""
        from simkit.study.levers import levers

        return levers(self, **settings)


def load(path: str | Path, sets: Sets = None) -> Scenario:
    """A scenario from a YAML file.

    Args:
        path: the file.
        sets: overrides, `{path: value}` or texts `PATH=VALUE`; the last one wins.

    Raises:
        ScenarioError: with every problem found, and its page as text.
    """
    layered: Node | None = None
    for layer in layers(Path(path), str(path)):
        layered = merge(layered, layer, FounderDocument)
    assert layered is not None
    return build(Path(path), layered, _overrides(sets))


def _overrides(sets: Sets) -> tuple[Override, ...]:
    if sets is None or isinstance(sets, Mapping):
        return tuple(set_values(sets or {}))
    found, problems = [], []
    for text in sets:
        try:
            found.append(set_text(text))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return tuple(found)


def build(path: Path, layered: Node, overrides: tuple[Override, ...]) -> Scenario:
    """A scenario from its layers and overrides. Raises `ScenarioError`."""
    short = [one for one in overrides if _first(one[0]) in KEYS]
    full = [one for one in overrides if one not in short]
    tree, problems = _overridden(layered, short, FounderDocument)
    tree, wrong = full_form(tree)
    problems += wrong
    tree, wrong = _overridden(_named(tree, path), full, Document)
    problems += wrong
    tree, wrong = with_tables(tree, BASES)
    problems += wrong
    problems += cross_problems(tree)
    kept = pruned(tree)
    document, wrong = validated(kept, FounderDocument)
    problems += wrong + _trace_problems(kept) + price_problems(kept)
    if document is not None and not problems:
        problems += [*start_exists(kept, document), *stack_problems(kept, [document])]
        problems += economy_problems(kept, document)
        problems += growth_problems(kept, document)
    problems += path_problems(kept, document is not None and not problems)
    problems += [] if problems else knob_problems(kept)
    if problems or document is None:
        raise ScenarioError(_one_each(problems))
    return Scenario(document, path, kept, layered, overrides)


def _one_each(problems: list[Problem]) -> list[Problem]:
    """The first problem of each place."""
    places: dict[tuple[str, int, str], Problem] = {}
    for one in problems:
        places.setdefault((one.file, one.line, one.path), one)
    return list(places.values())


def _rank(node: Node | None, whole: bool) -> int:
    """The rank of the place where a value was written; of a map, the lowest."""
    if node is None:
        return 0
    ranks = [RANKS[one.place.origin] for one in walk(node) if not isinstance(one.value, dict) or not one.map]
    return max(ranks) if whole else min(ranks)


def _first(path: str) -> str:
    try:
        return split(path)[0][0]
    except Invalid:
        return ""


def _overridden(tree: Node, overrides: list[Override], shape: type[Document]) -> tuple[Node, list[Problem]]:
    problems = []
    for path, value in overrides:
        try:
            tree = override(tree, shape, path, value)
        except Invalid as error:
            place = replace(value.place, path="")
            problems.append(place.problem(error.message, f"{path}={value.text()}", error.allowed, error.hint))
    return tree, problems


def _named(tree: Node, path: Path) -> Node:
    """A scenario without a name has its file's."""
    if "name" in tree.map:
        return tree
    place = Place(tree.place.file, 0, 0, "the file's name", "short")
    return replace(tree, value={"name": Node(path.stem.replace("_", " "), place), **tree.map})


def trace_path(tree: Node) -> Path | None:
    """The path of the trace's file, if there is one."""
    node = tree.get("traffic", "trace", "file")
    if node is None or not isinstance(node.value, str):
        return None
    return file_named(node, BASES)


def _trace_problems(tree: Node) -> list[Problem]:
    path, node = trace_path(tree), tree.get("traffic", "trace", "file")
    if path is None or node is None or path.is_file():
        return []
    siblings = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    start = "the working folder" if node.place.origin == "set" else "the folder of the file that names it"
    message = "This is a folder, not a file." if path.is_dir() else "There is no such trace file."
    return [
        node.place.problem(
            message, node.text(), hint=nearest(path.name, siblings, 0.7) or f"The path starts from {start}."
        )
    ]


__all__ = ["Scenario", "build", "load", "trace_path"]
