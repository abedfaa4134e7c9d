"""The company's books: what came in and went out in each month of a replication, exactly.

Months are those of the calendar; of the first and the last only what lies in the horizon counts. Users pay for each
day that they begin as active users on a plan: a day of a month costs the month's price by its days. The own service's
fixed cost is spread evenly over the horizon. Somebody is hired when the daily active users, mean of seven days, reach
what the role says, and is paid from the day on which the time until then is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate

import numpy as np

from simkit.plan.business import Hire
from simkit.plan.growth import DAY
from simkit.plan.plan import Ints, Plan
from simkit.result.evidence import DOLLAR
from simkit.result.lives import Calendar
from simkit.result.tally import Tally
from simkit.scenario.population import DAYS

SPENT_IN = ("cost", "people", "lookup_cost", "tool_cost", "scaled")
"""Series of money by window: models, people at the desk, lookups, tools, replicas that follow the load."""
ALWAYS = ("models", "people", "lookups", "tools", "own service")
RUNWAY_MONTHS = 3
"""The cash lasts as long as it would at the mean of so many last whole months."""


@dataclass(frozen=True)
class Books:
    """Picodollars by month."""

    revenue: dict[str, tuple[int, ...]]
    """By plan of users."""
    serving: dict[str, tuple[int, ...]]
    """Models, people, lookups, tools, own service."""
    fixed: dict[str, tuple[int, ...]]
    team: dict[str, tuple[int, ...]]
    """By role."""
    value: tuple[int, ...]
    """What good answers are worth to those who pay for them; no cash."""
    cash: tuple[int, ...] | None
    """At the end of each month; None: it is not said how much there is."""
    lowest: tuple[int, ...] | None
    """The least cash at the end of a day of each month; likewise."""
    hired: dict[str, int | None]
    """The first day on which each role is paid; None: not within the horizon."""

    def income(self, month: int) -> int:
        """Revenue of a month."""
        return sum(row[month] for row in self.revenue.values())

    def served(self, month: int) -> int:
        """What it cost to serve: all but fixed costs and the team."""
        return sum(row[month] for row in self.serving.values())

    def spent(self, month: int) -> int:
        """All costs of a month."""
        return self.served(month) + sum(row[month] for part in (self.fixed, self.team) for row in part.values())


def month_lengths(calendar: Calendar) -> list[int]:
    """Days of each month of the calendar, the whole month's."""
    firsts = (np.arange(calendar.months + 1) + calendar.first_month).astype("datetime64[M]").astype("datetime64[D]")
    return [int(days) for days in np.diff(firsts).astype(np.int64)]


def in_horizon(plan: Plan, calendar: Calendar) -> list[int]:
    """ns of each month that lie in the horizon."""
    lengths = np.full(calendar.days, DAY, np.int64)
    lengths[-1] = plan.horizon - (calendar.days - 1) * DAY
    return [int(one) for one in np.bincount(calendar.month, lengths.astype(np.float64)).astype(np.int64)]


def books_of(plan: Plan, run: Tally) -> Books:
    """The books of a replication in which users come and go."""
    calendar = run.lives.calendar
    hired = {one.name: _hired(one, run) for one in plan.business.team}
    spans = day_spans(plan, calendar)
    revenue, serving = _revenue(plan, run, spans), _serving(plan, run, spans)
    fixed = {name: [rate.of(*span) for span in spans] for name, rate in plan.business.fixed}
    team = {one.name: _wages(one, hired[one.name], spans) for one in plan.business.team}
    parts = (revenue, serving, fixed, team)
    net = [Fraction(0)] * len(spans)
    for sign, part in zip((1, -1, -1, -1), parts, strict=True):
        for row in part.values():
            net = [before + sign * amount for before, amount in zip(net, row, strict=True)]
    cash = plan.business.cash
    by_month = [{name: _by_month(calendar, row) for name, row in part.items()} for part in parts]
    books = Books(
        revenue=by_month[0], serving=by_month[1], fixed=by_month[2], team=by_month[3],
        value=tuple(good * plan.business.value for good in _by_month(calendar, by_day(run, _not_bad(run)))),
        cash=None,
        lowest=None if cash is None else _lowest(cash, calendar, net),
        hired=hired,
    )  # fmt: skip
    return replace(books, cash=_cash(cash, books))


Days = list[Fraction]
"""Picodollars (or a count) of each day."""


def day_spans(plan: Plan, calendar: Calendar) -> list[tuple[int, int]]:
    """ns of each day that lie in the horizon, and ns of its month of the calendar."""
    whole = [days * DAY for days in month_lengths(calendar)]
    return [(min(DAY, plan.horizon - day * DAY), whole[month]) for day, month in enumerate(calendar.month.tolist())]


def _by_month(calendar: Calendar, days: Days) -> tuple[int, ...]:
    """Sums of a row of days by month, in whole picodollars."""
    months = [Fraction(0)] * calendar.months
    for month, amount in zip(calendar.month.tolist(), days, strict=True):
        months[month] += amount
    return tuple(int(one) for one in months)


def by_day(run: Tally, series: Ints) -> Days:
    """A series of windows by the day in which each begins, exactly."""
    found = [Fraction(0)] * run.lives.calendar.days
    for day, amount in zip((run.windows.edges[:-1] // DAY).tolist(), series.tolist(), strict=True):
        found[day] += amount
    return found


def _not_bad(run: Tally) -> Ints:
    """Served actions by window, but for those whose answer was bad."""
    bad = run.series["judged"] - run.series["good"]
    return np.asarray(run.series["ok"] + run.series["degraded"] - bad, np.int64)


def _revenue(plan: Plan, run: Tally, spans: list[tuple[int, int]]) -> dict[str, Days]:
    """What users pay, by plan."""
    days = np.arange(run.lives.calendar.days) * DAY
    epochs = np.maximum(np.searchsorted(plan.epochs, days, side="right") - 1, 0).tolist()
    found = {}
    for place, name in enumerate(plan.names.plans or ("all users",)):
        rates = [plan.business.prices[epoch][place] for epoch in epochs]
        users = run.lives.on_plan[:, place].tolist()
        found[name] = [count * rate.of(*span) for count, rate, span in zip(users, rates, spans, strict=True)]
    return found


def _serving(plan: Plan, run: Tally, spans: list[tuple[int, int]]) -> dict[str, Days]:
    """Models, people, lookups, tools, own service."""
    series = [by_day(run, run.series[name]) for name in SPENT_IN]
    rent = Fraction(plan.service_cost, plan.horizon)
    service = [one + rent * ns for one, (ns, _) in zip(series.pop(), spans, strict=True)]
    return dict(zip(ALWAYS, [*series, service], strict=True))


def _hired(role: Hire, run: Tally) -> int | None:
    """The first day on which a role is paid."""
    if role.from_users == 0:
        return role.after // DAY
    daily = run.lives.daily
    recent = np.convolve(daily, np.ones(DAYS), "valid") if len(daily) >= DAYS else np.zeros(0)
    needed = np.flatnonzero(recent >= DAYS * role.from_users)
    if not len(needed):
        return None
    begins = int(needed[0]) + DAYS + role.after // DAY
    return begins if begins < len(daily) else None


def _wages(role: Hire, begins: int | None, spans: list[tuple[int, int]]) -> Days:
    """What a role is paid, by day."""
    first = len(spans) if begins is None else begins
    return [role.people * role.cost.of(*span) if day >= first else Fraction(0) for day, span in enumerate(spans)]


def _cash(first: int | None, books: Books) -> tuple[int, ...] | None:
    """What is left at the end of each month."""
    if first is None:
        return None
    change = (books.income(month) - books.spent(month) for month in range(len(books.value)))
    return tuple(accumulate(change, initial=first))[1:]


def _lowest(first: int, calendar: Calendar, change: Days) -> tuple[int, ...]:
    """The least that is left at the end of a day of each month."""
    left = list(accumulate(change, initial=Fraction(first)))[1:]
    return tuple(
        int(min(amount for amount, of in zip(left, calendar.month.tolist(), strict=True) if of == month))
        for month in range(calendar.months)
    )


def runway_months(plan: Plan, books: Books, run: Tally) -> float | None:
    """How many months the cash lasts from the horizon on, at what the last months took; None: no end is in sight.

    Where it was gone before, the figure is negative: so many months ago.
    """
    if books.cash is None:
        return None
    inside = in_horizon(plan, run.lives.calendar)
    last = range(max(0, len(inside) - RUNWAY_MONTHS), len(inside))
    burnt = sum(books.spent(month) - books.income(month) for month in last)
    months = sum(inside[month] for month in last) / (sum(month_lengths(run.lives.calendar)[m] for m in last) * DAY)
    a_month = burnt / (months * len(last)) if months else 0.0
    return books.cash[-1] / a_month if a_month > 0 else None


def sums(books: Sequence[Books], month: int | None = None) -> tuple[int, int, int]:
    """Revenue, cost of serving, all cost, over replications, of a month or of all."""
    every = [(one, m) for one in books for m in (range(len(one.value)) if month is None else (month,))]
    return (
        sum(one.income(m) for one, m in every),
        sum(one.served(m) for one, m in every),
        sum(one.spent(m) for one, m in every),
    )


def mean_cash(books: Sequence[Books], month: int) -> float:
    """At the end of a month, USD; NaN where it is not said how much there was."""
    left = [book.cash[month] for book in books if book.cash is not None]
    return float(np.mean(left)) / DOLLAR if left else float("nan")


__all__ = [
    "ALWAYS",
    "Books",
    "books_of",
    "in_horizon",
    "mean_cash",
    "month_lengths",
    "runway_months",
    "sums",
]
