"""Alerts on error budgets, and what a person does about them: `alerts`."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.distribution import DurationDist
from simkit.scenario.errors import Problem, listing, nearest
from simkit.scenario.names import items, parsed
from simkit.scenario.tree import Node
from simkit.scenario.units import Count, Duration, Name, PositiveFloat, Share, format_duration, parse_duration

Severity = Literal["page", "ticket"]
RuleSet = Literal["google_30d", "google_28d"]
EVERY = 30 * 10**9


class AlertRule(Part):
    """Fires while the budget burns faster than `burn` over both a long and a short window."""

    name: Name
    """A name for pictures and tables."""
    severity: Severity
    """`page` wakes a person, `ticket` waits for the morning."""
    long: Duration
    """The long window: enough of the budget is gone."""
    short_: Annotated[Duration, Field(alias="short")]
    """The short window: it still burns."""
    budget: Share | None = None
    """Share of the budget that the long window may burn: burn = budget x slo.window / long."""
    burn: PositiveFloat | None = None
    """Speed of burning; 1 uses up the budget exactly at the end of `slo.window`."""

    choices: ClassVar = (frozenset({"budget", "burn"}),)
    required: ClassVar = choices


class Responder(Part):
    """What a person does after an alert: sets other numbers, after a time, for a while."""

    severity: Severity = "page"
    """To which alerts."""
    after: DurationDist
    """From the alert to the change, e.g. `{median: 12min, p95: 40min}`."""
    set: dict[str, Any]
    """Field path to value, as in `changes`: numbers only."""
    lasts: Duration | None = None
    """Then the old numbers again (left out: for good)."""
    at_most: Annotated[int, Field(ge=1, le=100)] = 3
    """So many times per run."""


class Alerts(Part):
    """Rules by which the error budgets of the `slo` raise alerts. A run begins as if all had gone well before it,
    with as many actions as in the run on average."""

    rules: RuleSet | Annotated[list[AlertRule], Field(min_length=1)] = "google_30d"
    """`google_30d`, `google_28d` (page at 2 % in 1 h and 5 % in 6 h, ticket at 10 % in 1 d and in 3 d, of a budget of
    30 or 28 days), or a list. A bare name is short for this."""
    every: Duration = EVERY
    """How often the rules are looked at."""
    volume: Count = 100
    """No alert on fewer ended actions in the long window (what came before the run is among them)."""
    of: list[str] | None = None
    """Objectives by label (left out: all of the slo)."""
    responder: Responder | None = None
    """What a person then does (left out: nothing)."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """`google_30d` is `{rules: google_30d}`."""
        return {"rules": value} if is_scalar(value) else value


def alert_problems(tree: Node) -> Iterator[Problem]:
    """Windows that fit one another and the looks, names that are used once, objectives that are there."""
    alerts = tree.get("alerts")
    if alerts is None:
        return
    every = parsed(parse_duration, alerts.get("every")) if alerts.get("every") is not None else EVERY
    looks = alerts.get("every")
    if looks is not None and every == 0:
        yield looks.place.problem("This must be longer than 0s.", looks.text())
    seen: set[str] = set()
    for rule in items(alerts, "rules"):
        yield from _rule(rule, every or EVERY, seen)
    known = labels(tree)
    for one in items(alerts, "of"):
        if isinstance(one.value, str) and one.value not in known:
            yield one.place.problem(
                "The slo has no such objective.", one.text(), listing(known), nearest(one.value, known)
            )


def _rule(rule: Node, every: int, seen: set[str]) -> Iterator[Problem]:
    name, long, short = rule.get("name"), rule.get("long"), rule.get("short")
    if name is not None and name.text() in seen:
        yield name.place.problem("There is a rule of this name already.", name.text(), hint="Give it another name.")
    seen.add(name.text() if name is not None else "")
    times = {key: parsed(parse_duration, one) for key, one in (("long", long), ("short", short))}
    for one, length in ((long, times["long"]), (short, times["short"])):
        if one is not None and length is not None and (length == 0 or length % every):
            yield one.place.problem(
                "This is no multiple of the time between looks.", one.text(), f"a multiple of {format_duration(every)}",
                "Round it, or look more often with `every`.",
            )  # fmt: skip
    if short is not None and None not in times.values() and times["short"] >= times["long"]:  # type: ignore[operator]
        yield short.place.problem("The short window is not shorter than the long one.", short.text(), "short < long")


def labels(tree: Node) -> list[str]:
    """The objectives of the slo, as results call them."""
    slo = tree.get("slo")
    entries = slo.map if slo is not None else {}
    found = [key for key in ("success", "good") if key in entries]
    return found + [f"{kind} {level}" for kind in ("latency", "ttft") if kind in entries for level in entries[kind].map]


__all__ = ["AlertRule", "Alerts", "Responder", "alert_problems"]
