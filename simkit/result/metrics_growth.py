"""Metrics of growth: who comes, who stays, what reliability costs in users, and what is left of the money."""

from collections.abc import Callable, Sequence

import numpy as np

from simkit.result.books import runway_months, sums
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.lives import Lives
from simkit.result.metric import HOUR_NS, MONTH_HOURS, Formula, Metric, only_if
from simkit.result.statistics import NO_INTERVAL, Estimate, jackknife, mean, missing
from simkit.result.tally import Tally

SOON_NS = 300 * 10**9
WEEKS = 4
"""After so many weeks retention is told as one figure."""


def has_growth(evidence: Evidence) -> bool:
    """Do users come and go?"""
    return bool(evidence.plan.growth.on[0])


def has_money(evidence: Evidence) -> bool:
    """Is anything known of the company's money?"""
    return has_growth(evidence) and evidence.plan.business.is_modelled


def has_cash(evidence: Evidence) -> bool:
    """Is it known how much there is?"""
    return has_growth(evidence) and evidence.plan.business.cash is not None


ABSENT: dict[Callable[[Evidence], bool], str] = {
    has_growth: "no users come and go",
    has_money: "nothing is known of the company's money",
    has_cash: "it is not said how much cash there is",
}


def _when(applies: Callable[[Evidence], bool], formula: Formula) -> Formula:
    return only_if(applies, formula, ABSENT[applies])


def _mean(of: Callable[[Tally], float]) -> Formula:
    """Mean over replications."""
    return lambda evidence: mean([of(one) for one in evidence.tallies], evidence.level)


def _ratio(part: Callable[[Lives], float], whole: Callable[[Lives], float], why: str) -> Formula:
    """Ratio of totals over replications."""

    def formula(evidence: Evidence) -> Estimate:
        parts, wholes = ([of(one.lives) for one in evidence.tallies] for of in (part, whole))
        return quotient(parts, wholes, evidence.level, why)

    return formula


def quotient(parts: Sequence[float], wholes: Sequence[float], level: float, why: str) -> Estimate:
    """Ratio of totals with its jackknife."""
    if not sum(wholes):
        return missing(why)
    value = sum(parts) / sum(wholes)
    if len(parts) < 2:
        return Estimate(value, note=NO_INTERVAL)
    return jackknife(value, np.array(parts, np.float64), np.array(wholes, np.float64), level)


def _share(part: Callable[[Lives], float], whole: Callable[[Lives], float], why: str) -> Formula:
    """The same for what is at most all of it."""
    formula = _ratio(part, whole, why)
    return lambda evidence: formula(evidence).within(0.0, 1.0)


def _soon(lives: Lives) -> float:
    return float(lives.first_value.count_le(SOON_NS))


def _last_week(run: Tally) -> float:
    return float(run.lives.daily[-7:].mean())


def _still(evidence: Evidence) -> Estimate:
    pairs = [one.lives.after(WEEKS) for one in evidence.tallies]
    parts, wholes = ([float(pair[side].sum()) for pair in pairs] for side in (0, 1))
    return quotient(parts, wholes, evidence.level, "no cohort has been there so long").within(0.0, 1.0)


def _months(evidence: Evidence) -> float:
    return evidence.plan.horizon / (MONTH_HOURS * HOUR_NS)


def _revenue(evidence: Evidence) -> Estimate:
    rows = [sums([one])[0] / DOLLAR for one in evidence.books]
    return mean(rows, evidence.level).per(_months(evidence))


def _margin(evidence: Evidence) -> Estimate:
    every = [sums([one]) for one in evidence.books]
    parts, wholes = [float(income - served) for income, served, _ in every], [float(income) for income, _, _ in every]
    return quotient(parts, wholes, evidence.level, "no revenue")


def _cash(evidence: Evidence) -> Estimate:
    return mean([one.cash[-1] / DOLLAR for one in evidence.books if one.cash], evidence.level)


def _runway(evidence: Evidence) -> Estimate:
    pairs = zip(evidence.books, evidence.tallies, strict=True)
    found = [runway_months(evidence.plan, book, run) for book, run in pairs]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return missing("no end of the cash is in sight")
    return mean(known, evidence.level)


def _value(evidence: Evidence) -> Estimate:
    if not evidence.plan.business.value:
        return missing("it is not said what an answer is worth")
    every = [(sum(one.value), sums([one])[2]) for one in evidence.books]
    parts, wholes = [float(value) for value, _ in every], [float(spent) for _, spent in every]
    return quotient(parts, wholes, evidence.level, "nothing was spent")


METRICS = (
    Metric(
        "daily_active_users", "number", "Different users of whom an action arrives on a day: mean over the horizon.",
        _when(has_growth, _mean(lambda run: float(run.lives.daily.mean()))),
    ),
    Metric("daily_active_end", "number", "The same in the last seven days.", _when(has_growth, _mean(_last_week))),
    Metric(
        "active_users_end", "number", "Users who have signed up, become active and not left by the end.",
        _when(has_growth, _mean(lambda run: float(run.lives.ending[-1].sum()))),
    ),
    Metric(
        "signups", "number", "Users who sign up.",
        _when(has_growth, _mean(lambda run: float(run.lives.signed_up.sum()))),
    ),
    Metric(
        "activation_rate", "share", "Became an active user / signed up, so early that it shows by the end.",
        _when(has_growth, _share(
            lambda one: float(one.tried[1]), lambda one: float(one.tried[0]), "nobody signed up early enough to tell"
        )),
    ),
    Metric(
        "first_success_5min_rate", "share", "First good answer within 5 minutes of the sign-up / signed up.",
        _when(has_growth, _share(_soon, lambda one: float(one.signed_up.sum()), "nobody signed up")),
    ),
    Metric(
        "let_down_rate", "share", "Lost interest, and would not have if served well in time / signed up.",
        _when(has_growth, _share(
            lambda one: float(one.let_down.sum()), lambda one: float(one.signed_up.sum()), "nobody signed up"
        )),
    ),
    Metric("retention_4w", "share", "Active users who are still there four weeks after they signed up.",
           _when(has_growth, _still)),
    Metric(
        "driven_away_rate", "share", "Left, and would have stayed had everything gone well / active users who left.",
        _when(has_growth, _share(
            lambda one: float(one.driven_away.sum()), lambda one: float(one.left.sum()), "nobody left"
        )),
    ),
    Metric("revenue_per_month", "USD", "What users pay a month: mean over the horizon.", _when(has_money, _revenue)),
    Metric("gross_margin", "share", "(Revenue - models, people, lookups, tools, own service) / revenue.",
           _when(has_money, _margin)),
    Metric("cash_end", "USD", "Cash at the end of the horizon; below 0: it was not enough.", _when(has_cash, _cash)),
    Metric("runway_months", "number", "Months that the cash lasts from then on, at what the last three took.",
           _when(has_cash, _runway)),
    Metric("value_per_dollar", "number", "What good answers are worth / all that was spent.", _when(has_money, _value)),
)  # fmt: skip

__all__ = ["METRICS", "has_cash", "has_growth", "has_money"]
