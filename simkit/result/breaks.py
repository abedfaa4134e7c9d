"""What breaks first as a product grows: the month in which each objective, limit, budget or the cash gives way."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simkit.plan.codes import PERIOD_ENDS, Kind
from simkit.plan.growth import DAY
from simkit.result.books import sums
from simkit.result.bottlenecks import hour_room, hour_use
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.limits import grids, use_of
from simkit.result.periods import Period, periods
from simkit.result.windows import HOUR
from simkit.result.words import dollars, percent, seconds, whole

REFUSING = {
    Kind.RATE_LIMIT: ("quota",),
    Kind.QUEUE_FULL: ("workers", "queue"),
    Kind.OVERLOADED: ("concurrency", "queue"),
    Kind.TIMEOUT: ("workers", "concurrency"),
}
"""Kinds of limits that refuse for a reason."""
CAUSES = {Kind.QUOTA: "users' own quotas turn them away", Kind.RESIDENCY: "nobody is left where their data may go"}
"""Reasons that need more words."""


@dataclass(frozen=True)
class Break:
    """Something that gives way."""

    what: str
    """objective, limit, budget, cash"""
    name: str
    month: str
    users: float
    """Daily active users: on an average day of that month, or on the day of which `cause` speaks."""
    figure: str
    """How much it gives way."""
    cause: str


def breaks(evidence: Evidence) -> tuple[Break, ...]:
    """The first month of everything that gives way, in their order; nothing where users do not come and go."""
    every = periods(evidence, "month")
    found = [*_objectives(evidence, every), *_limits(evidence, every), *_budgets(evidence, every)]
    found += _cash(evidence, every)
    order = {one.label: place for place, one in enumerate(every)}
    return tuple(sorted(found, key=lambda one: order[one.month]))


def _objectives(evidence: Evidence, every: list[Period]) -> Iterator[Break]:
    texts = {one.label: one.text for one in evidence.objectives}
    for label in texts:
        for month in every:
            missed = month.missed().get(label)
            if missed is not None:
                reached, target = missed
                said = f"{percent(reached)} instead of {percent(target)}"
                yield Break("objective", texts[label], month.label, month.daily_active, said, _cause(evidence, month))
                break


def _cause(evidence: Evidence, month: Period) -> str:
    """Why actions of a month were not served, where that is most of it; else what made them slow."""
    why = month.why()
    why[Kind.OK] = 0
    fullest = _fullest(evidence, month)
    if 2 * int(why.sum()) < month.total("bad"):
        if fullest is not None and fullest[1] >= 1:
            return f"slow answers: {fullest[0]} at {whole(fullest[1])} in the busiest hour"
        p95 = month.latency(0.95)
        return "slow answers" + (f": p95 {seconds(p95)}" if p95 is not None else "")
    reason = Kind(int(why.argmax()))
    text = CAUSES.get(reason, reason.name.lower().replace("_", " "))
    blamed = _fullest(evidence, month, REFUSING[reason]) if reason in REFUSING else None
    if blamed is not None and blamed[1] >= 0.5:
        return f"{text}: {blamed[0]} at {whole(blamed[1])} in the busiest hour"
    return f"{text}{_outage(evidence, month)}"


def _outage(evidence: Evidence, month: Period) -> str:
    """The incident that lasted longest in a month, where there was one."""
    names, lasted = evidence.plan.names, Counter[str]()
    for run in evidence.tallies:
        rows = zip(*(run.incidents[column].tolist() for column in ("source", "start", "end")), strict=True)
        for source, start, end in rows:
            inside = min(end, month.beyond * DAY) - max(start, month.first * DAY)
            name = names.incidents[source] if source >= 0 else names.outages[-1 - source]
            lasted[name] += max(inside, 0)
    longest = max(lasted, key=lambda name: lasted[name], default="")
    return f" ({longest}, {seconds(lasted[longest] / len(evidence.tallies) / 1e9)})" if lasted[longest] else ""


def _fullest(evidence: Evidence, month: Period, kinds: tuple[str, ...] = ()) -> tuple[str, float] | None:
    """The limit whose use was highest in an hour of a month: its name and that use."""
    found = []
    for place, first in enumerate(evidence.tallies[0].limits):
        if (not kinds or first.kind in kinds) and first.kind != "queue":
            found.append((f"{first.name} ({first.text})", _use(evidence, month, place)[0]))
    return max(found, key=lambda one: one[1], default=None)


def _use(evidence: Evidence, month: Period, place: int) -> tuple[float, int]:
    """Use of a limit in the busiest hour of a month, and which hour of the horizon that is; as in the bottlenecks."""
    uses, hours = [run.limits[place] for run in evidence.tallies], grids(evidence.plan)[0]
    first, beyond = np.searchsorted(hours.edges[:-1], [month.first * DAY, month.beyond * DAY]).tolist()
    room = hour_room(uses)
    used = use_of(hour_use(uses) * room, room, uses[0].span)[first:beyond]
    return (float(used.max()), first + int(used.argmax())) if len(used) else (0.0, first)


def _limits(evidence: Evidence, every: list[Period]) -> Iterator[Break]:
    days = periods(evidence, "day")
    for place, one in enumerate(evidence.tallies[0].limits):
        if one.kind == "queue":
            continue
        for month in every:
            use, hour = _use(evidence, month, place)
            if use >= 1:
                begins = int(grids(evidence.plan)[0].edges[hour])
                day = days[begins // DAY]
                yield Break(
                    "limit", f"{one.name} ({one.text})", month.label, day.daily_active,
                    f"busiest hour at {whole(use)}", f"{day.label} was that busy{_meanwhile(evidence, begins)}",
                )  # fmt: skip
                break


def _meanwhile(evidence: Evidence, begins: int) -> str:
    """The incident that most replications had in an hour, or just before: then what failed was asked again."""
    names, found = evidence.plan.names, Counter[str]()
    for run in evidence.tallies:
        rows = run.incidents
        there = (rows["start"] < begins + HOUR) & (rows["end"] > begins - HOUR)
        sources = set(rows["source"][there].tolist())
        found.update(names.incidents[one] if one >= 0 else names.outages[-1 - one] for one in sources)
    name, times = max(found.items(), key=lambda item: item[1], default=("", 0))
    return f", while {name} lasted: what failed was asked again" if 2 * times > len(evidence.tallies) else ""


def _budgets(evidence: Evidence, every: list[Period]) -> Iterator[Break]:
    """Budgets of money that a day or month spent in most replications."""
    limits = evidence.plan.spending.limit[0]
    for budget, name in enumerate(evidence.plan.names.budgets):
        for month in every:
            over = [_overspent(run.economy.budgets, budget, int(limits[budget]), month) for run in evidence.tallies]
            if 2 * sum(one > 0 for one in over) >= len(over):
                most = dollars(float(np.mean([one for one in over if one > 0])) / DOLLAR)
                cause = f"models cost {_a_user(month)} a daily active user in that month"
                text = f"{most} spent of {dollars(int(limits[budget]) / DOLLAR)}"
                yield Break("budget", f"budget `{name}`", month.label, month.daily_active, text, cause)
                break


def _a_user(month: Period) -> str:
    return dollars(month.models / month.daily_active) if month.daily_active else "–"


def _overspent(rows: dict[str, np.ndarray], budget: int, limit: int, month: Period) -> int:
    """The most that a period which ended in a month spent, if it spent all; else 0."""
    time = rows["time"]
    mine = (rows["budget"] == budget) & (rows["step"] == PERIOD_ENDS) & (rows["spent"] >= limit)
    inside = mine & (time > month.first * DAY) & (time <= month.beyond * DAY)
    return int(rows["spent"][inside].max(initial=0))


def _cash(evidence: Evidence, every: list[Period]) -> Iterator[Break]:
    if evidence.plan.business.cash is None or not every:
        return
    books = evidence.books
    for place, month in enumerate(every):
        lowest = float(np.mean([one.lowest[place] for one in books if one.lowest is not None]))
        if lowest < 0:
            income, _, spent = (amount / DOLLAR / len(books) for amount in sums(books, place))
            cause = f"{dollars(round(spent))} went out and {dollars(round(income))} came in that month"
            yield Break("cash", "cash", month.label, month.daily_active, f"{debt(lowest / DOLLAR)}", cause)
            return


def debt(usd: float) -> str:
    """Money that is lacking."""
    return f"{dollars(round(-usd)).removesuffix('.00')} short"


__all__ = ["Break", "breaks"]
