"""The tables of growth: days, weeks, months, cohorts, retention, money, what breaks first. Counts are means."""

import numpy as np

from simkit.result.books import mean_cash, sums
from simkit.result.breaks import breaks as every_break
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.periods import Period, periods
from simkit.result.table import Table, table
from simkit.result.tables import Draw

NOT = float("nan")
COUNTED = ("signed_up", "activated", "left", "driven_away")


def days(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a day: users, actions, how well they were served, cost."""
    return table([_row(one) for one in periods(evidence, "day")], draw)


def weeks(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a week from the scenario's start: the same."""
    return table([_row(one) for one in periods(evidence, "week")], draw)


def months(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a month of the calendar: the same, and the money.

    `gross_margin`: of revenue, what is left after serving it (models, people, lookups, tools, own service);
    `cash_usd`: at the end of the month.
    """
    return table([_row(one) | _money(evidence, one) for one in periods(evidence, "month")], draw)


def _row(one: Period) -> dict[str, object]:
    runs = len(one.runs)
    served = one.total("ok", "degraded")
    return {
        one.by: one.label,
        "daily_active": one.daily_active,
        **({"days": one.beyond - one.first} if one.by == "month" else {}),
        "different_users": one.seen,
        "active_users": one.active,
        **{name: one.mean(name) for name in COUNTED},
        "actions": one.total("arrived") / runs,
        "success_rate": _number(one.success_rate),
        "slo_compliance": _number(one.compliance),
        "burn_rate": _number(one.burn_rate),
        "latency_p50_s": _number(one.latency(0.5)),
        "latency_p95_s": _number(one.latency(0.95)),
        "models_usd": one.models,
        "cost_usd": one.cost,
        "cost_per_action_usd": one.cost * runs / served if served else NOT,
        "cost_per_user_usd": one.cost / one.seen if one.seen else NOT,
    }


def _money(evidence: Evidence, one: Period) -> dict[str, object]:
    books, runs = evidence.books, len(evidence.tallies)
    income, served, spent = (amount / DOLLAR / runs for amount in sums(books, one.number))
    return {
        "revenue_usd": income,
        "gross_margin": (income - served) / income if income else NOT,
        "all_costs_usd": spent,
        "profit_usd": income - spent,
        "cash_usd": mean_cash(books, one.number),
        "value_usd": float(np.mean([book.value[one.number] for book in books])) / DOLLAR,
    }


def money(evidence: Evidence, draw: Draw = None) -> Table:
    """By month and item: what came in (revenue by plan) and what went out (costs by kind, fixed, team by role)."""
    rows, parts = [], ("revenue", "serving", "fixed", "team")
    for month in periods(evidence, "month"):
        for kind in parts:
            for name in getattr(evidence.books[0], kind):
                usd = float(np.mean([getattr(one, kind)[name][month.number] for one in evidence.books])) / DOLLAR
                rows.append((month.label, kind, name, usd))
    return table(rows, draw, ("month", "kind", "item", "usd"))


def cohorts(evidence: Evidence, draw: Draw = None) -> Table:
    """Active users by week and cohort (the week of their sign-up; `start`: who was there before), at its end."""
    rows = []
    every = periods(evidence, "week")
    ending = np.mean([one.lives.ending for one in evidence.tallies], axis=0)
    names = ["start", *(one.label for one in every)]
    for week in every:
        for cohort in range(week.number + 2):
            rows.append((week.label, names[cohort], float(ending[week.beyond - 1, cohort])))
    return table(rows, draw, ("week", "cohort", "active_users"))


def retention(evidence: Evidence, draw: Draw = None) -> Table:
    """Share of a cohort's active users who are still there after whole weeks, and if everything went well.

    Each replication's cohorts are added up; a cohort is left out of weeks that it has not reached by the horizon's end.
    """
    rows = []
    well = np.cumprod(evidence.plan.growth.stay[0])
    labels = [one.label for one in periods(evidence, "week")]
    for k in range(1, len(labels)):
        pairs = [one.lives.after(k) for one in evidence.tallies]
        left, joined = (np.sum([pair[side] for pair in pairs], axis=0) for side in (0, 1))
        for cohort, (still, came) in enumerate(zip(left.tolist(), joined.tolist(), strict=True)):
            share = still / came if came else NOT
            rows.append((labels[cohort], k, came / len(pairs), share, float(well[k]) if k < len(well) else NOT))
    return table(rows, draw, ("cohort", "weeks", "users", "share", "if_all_went_well"))


def breaks(evidence: Evidence, draw: Draw = None) -> Table:
    """What gives way first: objectives, limits, budgets and the cash, each with its first month, users and cause."""
    rows = [(one.month, one.what, one.name, one.users, one.figure, one.cause) for one in every_break(evidence)]
    return table(rows, draw, ("month", "what", "name", "daily_active", "figure", "cause"))


def _number(value: float | None) -> float:
    return NOT if value is None else value


__all__ = [
    "breaks", "cohorts", "days", "money", "months", "retention", "weeks",
]  # fmt: skip
