"""Paths that a scenario writes down: `changes`, `knobs` and `sources` lead to fields that are there."""

from collections.abc import Iterator

from simkit.scenario.crosscheck import problems as cross_problems
from simkit.scenario.errors import Invalid, Problem
from simkit.scenario.names import parsed
from simkit.scenario.overlay import override
from simkit.scenario.paths import Steps, resolve, shape_at
from simkit.scenario.scenario import Document
from simkit.scenario.schema import alternatives, child, expand, is_whole, part_of, parts
from simkit.scenario.stack import stack_problems, structure
from simkit.scenario.tree import Node
from simkit.scenario.units import parse_duration
from simkit.scenario.validate import literals, validated

FIXED = frozenset({
    "name", "description", "start", "horizon", "warmup", "cooldown", "prices", "incidents", "expect", "observed",
    "knobs", "changes", "sources", "seed", "replications", "slo", "alerts", "cheaper", "routing",
})  # fmt: skip
"""What holds for the whole run and cannot change at a time."""
FIXED_FIELDS = frozenset({
    "trace", "outages", "priority", "order", "replicas", "at_most", "keys", "clusters", "emptied", "longer",
    "hosts", "cloud", "residency", "interval", "delay", "stabilisation", "tolerance", "shared",
})  # fmt: skip
"""Fields below which nothing can change at a time."""


def path_problems(tree: Node, well: bool = True) -> list[Problem]:
    """Problems of all paths that the scenario writes down, and of what its changes and knobs set.

    Args:
        well: is nothing else wrong, so that it makes sense to try the changes?
    """
    return [*_sources(tree), *_knobs(tree, well), *_changes(tree, well)]


def _found(path: str, node: Node, tree: Node) -> tuple[Steps | None, list[Problem]]:
    try:
        return resolve(path, tree, Document), []
    except Invalid as error:
        return None, [
            node.place.problem(f"This path leads nowhere: {error.message}", node.text(), error.allowed, error.hint)
        ]


def _sources(tree: Node) -> Iterator[Problem]:
    sources = tree.get("sources")
    for path, node in (sources.map if sources else {}).items():
        yield from _found(path, node, tree)[1]


def _changes(tree: Node, well: bool) -> Iterator[Problem]:
    """Every change is tried on the scenario as the earlier ones left it."""
    changes = tree.get("changes")
    yield from _responder(tree, well)
    later, documents = tree, [validated(tree)[0]] if well and changes is not None else []
    for change in sorted(changes.items, key=_at) if changes else []:
        fields = change.get("set")
        for path, node in (fields.map if fields else {}).items():
            problems = list(_unchangeable(path, node, tree))
            yield from problems
            if not problems:
                later = override(later, Document, path, node)
        if well:
            document, wrong = validated(later)
            yield from (one for one in wrong if document is None and _written_in(one, change))
            for one in cross_problems(later):
                text = f"{one.path}: {one.value}"
                yield change.place.problem(f"From this change on: {one.message}", text, one.allowed, one.hint)
            if document is None:
                return
            documents.append(document)
            yield from _steady(change, documents)


def _steady(change: Node, documents: list[Document | None]) -> Iterator[Problem]:
    """A change leaves the structure of resilience as it is, and the layers together can still work."""
    found = [document for document in documents if document is not None]
    if structure(found[-1]) != structure(found[-2]):
        text = ", ".join(change.get("set").map)  # type: ignore[union-attr]
        yield change.place.problem(
            "This changes more than numbers: what is done, where, or after which failures.", text,
            "numbers of what is there from the start", "Make two scenarios and compare them.",
        )  # fmt: skip
    else:
        yield from (
            change.place.problem(f"From this change on: {one.message}") for one in stack_problems(change, found)
        )


def _responder(tree: Node, well: bool) -> Iterator[Problem]:
    """What a person does after an alert is a change like others, tried on the scenario as it is."""
    responder = tree.get("alerts", "responder")
    fields = responder.get("set") if responder is not None else None
    later = tree
    for path, node in (fields.map if fields is not None else {}).items():
        problems = list(_unchangeable(path, node, tree))
        yield from problems
        if not problems:
            later = override(later, Document, path, node)
    if responder is not None and fields is not None and well:
        document, wrong = validated(later)
        yield from (one for one in wrong if document is None and _written_in(one, responder))
        if document is not None:
            yield from _steady(responder, [validated(tree)[0], document])


def _at(change: Node) -> int:
    return parsed(parse_duration, change.get("at")) or 0


def _written_in(problem: Problem, change: Node) -> bool:
    """Was the wrong value written by this change?"""
    return problem.path.startswith(change.place.path)


def _unchangeable(path: str, node: Node, tree: Node) -> Iterator[Problem]:
    """Why a field cannot change at a time."""
    steps, problems = _found(path, node, tree)
    yield from problems
    if steps is None:
        return
    names = {step for step in steps if isinstance(step, str)}
    if steps[0] in ("service", "regions"):
        names.discard("replicas")
    if steps[0] in FIXED or names & FIXED_FIELDS or not _numbers(steps, node, tree):
        allowed = "rates, shares, times, tokens, speeds, prices, limits and other numbers"
        yield node.place.problem(
            "This cannot change at a time.", node.text(), allowed, "Make two scenarios and compare them."
        )


def _numbers(steps: Steps, node: Node, tree: Node) -> bool:
    """Is all that is set there a number, and nothing new?"""
    shape = shape_at(Document, tree, steps)
    if is_whole(shape):
        return True
    words = literals(shape)
    if isinstance(node.value, list) or (words and words != ["none"]) or set(alternatives(shape)) & {str, bool}:
        return False
    if node.value == "none":
        return not parts(shape)
    node = expand(node, shape)
    if not isinstance(node.value, dict):
        return part_of(shape, None) is None and bool(alternatives(shape))
    return all(
        child(shape, key, node) is not None and _numbers((*steps, key), one, tree) for key, one in node.map.items()
    )


def _knobs(tree: Node, well: bool) -> Iterator[Problem]:
    """Both ends of a knob are values of its field."""
    knobs = tree.get("knobs")
    for path, node in (knobs.map if knobs else {}).items():
        steps, problems = _found(path, node, tree)
        yield from problems
        for end in node.items if well and steps is not None else []:
            document, wrong = validated(override(tree, Document, path, end))
            yield from (one for one in wrong if document is None and one.path.startswith(node.place.path))


__all__ = ["path_problems"]
