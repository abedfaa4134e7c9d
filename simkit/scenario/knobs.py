"""Knobs go from low to high: what the two ends of a slider mean is compared, not how they are written."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from simkit.scenario.distribution import Dist
from simkit.scenario.errors import Invalid, Problem, ScenarioError
from simkit.scenario.findings import Finding
from simkit.scenario.overlay import override
from simkit.scenario.paths import Steps, resolve
from simkit.scenario.scenario import Document
from simkit.scenario.tree import Node
from simkit.scenario.units import Limit, MoneyPer
from simkit.scenario.validate import validated

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario


def knob_problems(tree: Node) -> Iterator[Problem]:
    """Knobs of a valid scenario whose low end is above the high one. Ends that have no order pass."""
    knobs = tree.get("knobs")
    for path, node in (knobs.map if knobs else {}).items():
        ends = [_at_end(tree, path, end) for end in node.items]
        if len(ends) == 2 and None not in ends and ends[0] > ends[1]:  # type: ignore[operator]
            low, high = (end.text() for end in node.items)
            yield node.place.problem(
                "The low end of this knob is above its high end.", node.text(), "[low, high]", f"Write [{high}, {low}]."
            )


def knob_findings(scenario: "Scenario") -> Iterator[Finding]:
    """Knobs of which an end cannot be tried, all else being as it is: a slider cannot go there."""
    knobs = scenario.document.knobs
    bare = scenario.set({"knobs": None}) if knobs else scenario
    for path, ends in knobs.items():
        for end in ends:
            why = refusal(bare, {path: end})
            if why:
                yield Finding(
                    "knob_out_of_reach", "warning", f"knobs.{path}",
                    f"At its end {end} the scenario is not valid: {why} No slider goes there.",
                    "Narrow the knob, or change what stands against it.",
                )  # fmt: skip


def refusal(scenario: "Scenario", settings: Mapping[str, Any]) -> str:
    """Why a scenario cannot have these values, empty where it can: the first of its problems."""
    try:
        scenario.set(settings)
    except ScenarioError as error:
        first = error.problems[0]
        field = f"{first.path}: {first.value}" if first.value else first.path
        return f"{field}: {first.message}" if field else first.message
    return ""


def _at_end(tree: Node, path: str, end: Node) -> float | None:
    """What the field is with the knob at one end, as a number."""
    try:
        document, _ = validated(override(tree, Document, path, end))
        steps = resolve(path, tree, Document, new=True)
    except Invalid:
        return None
    return None if document is None else _number(_field(document, steps))


def _field(document: Document, steps: Steps) -> object:
    value: object = document
    for step in steps:
        value = value[step] if isinstance(value, dict | list) else getattr(value, str(step), None)  # type: ignore[index]
    return value


def _number(value: object) -> float | None:
    """The size of a value of the schema, None where it has no single one."""
    if isinstance(value, Limit):
        return value.amount / value.period_ns
    if isinstance(value, MoneyPer):
        return value.picodollars / value.period_ns
    if isinstance(value, Dist):
        known = (value.constant, value.mean, value.median)
        return _number(next((one for one in known if one is not None), None))
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


__all__ = ["knob_findings", "knob_problems", "refusal"]
