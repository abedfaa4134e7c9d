"""What growth means in numbers, told from the document alone: sign-ups, who stays, how many users are expected."""

import math

import numpy as np
from numpy.typing import NDArray

from simkit.scenario.growth import Acquisition, Growth, Launch, Retention
from simkit.scenario.portable import exp, log
from simkit.scenario.scenario import Document

Floats = NDArray[np.float64]
DAY = 86_400 * 10**9
DAYS = 7
"""Of a week, counted from the day of the sign-up (of all weeks here)."""
WEEK = DAYS * DAY


def signups(growth: Growth, days: int) -> Floats:
    """(days) expected sign-ups of each day from the scenario's start."""
    edges = np.arange(days + 1) / DAYS
    total = np.zeros(days)
    for one in growth.acquisition:
        total += np.diff(_by(one, edges))
    return np.maximum(total, 0.0)


def _by(one: Acquisition, weeks: Floats) -> Floats:
    """Sign-ups until each time (in weeks): the integral of the weekly rate."""
    if one.table is not None and not isinstance(one.table, str):
        rates = np.array([one.table[week] for week in sorted(one.table)])
        first = min(one.table) - 1
        return np.asarray(
            np.interp(weeks, first + np.arange(len(rates) + 1), np.concatenate([[0.0], np.cumsum(rates)]))
        )
    if one.linear is not None:
        start, change = one.linear.start, one.linear.change
        until = np.minimum(weeks, -start / change) if change < 0 else weeks
        return start * until + change / 2 * until**2
    if one.exponential is not None:
        return _compound(one.exponential.start, one.exponential.growth, one.exponential.until, weeks)
    if one.logistic is not None:
        form = one.logistic
        x = (weeks * WEEK - form.middle) / form.spread
        softplus = np.where(x > 0, x, 0.0) + log(1.0 + exp(-np.minimum(np.abs(x), 700.0)))
        return form.most * form.spread / WEEK * softplus
    if one.launch is not None:
        return launched(one.launch, weeks * WEEK)
    return (one.constant or 0.0) * weeks


def launched(launch: Launch, times: Floats) -> Floats:
    """Sign-ups that a launch brings until each time (ns)."""
    since = np.maximum(times - launch.at, 0.0) / launch.decay
    return np.asarray(launch.users * (1.0 - exp(-np.minimum(since, 700.0))))


def rush_until(launch: Launch) -> int:
    """Until the end of the day after it, a launch itself says when somebody signs up, whatever the hour."""
    return (launch.at // DAY + 2) * DAY


def _compound(start: float, growth: float, until: int | None, weeks: Floats) -> Floats:
    """The integral of start x (1 + growth)^t, which goes on at its last height from `until` on."""
    if growth == 0:
        return start * weeks
    stop = math.inf if until is None else until / WEEK
    speed = float(log(1.0 + growth))
    height = exp(np.minimum(speed * np.minimum(weeks, stop), 700.0))
    found: Floats = start * ((height - 1.0) / speed + height * np.maximum(weeks - stop, 0.0))
    return found


def retained(retention: Retention, weeks: int) -> Floats:
    """(weeks + 1) share of the users who are there k weeks after they signed up; 1 in the first week."""
    k = np.arange(1, weeks + 1, dtype=np.float64)
    if retention.power is not None:
        after = retention.power.week1 * exp(-retention.power.exponent * log(k))
    elif retention.exponential is not None:
        form = retention.exponential
        after = form.week1 * exp(-np.minimum((k - 1) * WEEK / form.half_life, 1000.0) * float(log(2.0)))
    elif retention.table is not None:
        after = _between(retention.table, k)
    else:
        after = np.ones_like(k)
    return np.concatenate([[1.0], after])


def _between(table: dict[int, float], k: Floats) -> Floats:
    """A table's weeks, and what is between and after them: straight lines of the logarithms."""
    weeks = sorted(week for week in table if table[week] > 0)
    gone = min((week for week in table if table[week] == 0), default=math.inf)
    shares = [table[week] for week in weeks]
    if not weeks:
        return np.zeros_like(k)
    if len(weeks) == 1:
        found = np.full_like(k, shares[0])
    else:
        x, y = log(np.array(weeks, np.float64)), log(np.array(shares))
        at = np.clip(np.searchsorted(x, log(k), side="right") - 1, 0, len(x) - 2)
        found = exp(y[at] + (log(k) - x[at]) * (y[at + 1] - y[at]) / (x[at + 1] - x[at]))
    return np.where(k >= gone, 0.0, np.minimum(found, 1.0))


def expected_active(growth: Growth, days: int) -> Floats:
    """(days) active users expected on each day, if everything goes well: who signed up by then and stayed."""
    came = signups(growth, days) * growth.activation.share
    age = growth.base.age // DAY
    stay = retained(growth.retention, (days + age) // DAYS + 2)
    by_age = np.repeat(stay, DAYS)[:days]
    active: Floats = np.convolve(came, by_age)[:days]
    if growth.base.users and stay[age // DAYS] > 0:
        ages = (age + np.arange(DAYS)[:, None] + np.arange(days)) // DAYS
        active = active + growth.base.users * np.mean(stay[ages] / stay[(age + np.arange(DAYS)) // DAYS, None], axis=0)
    return active


def mean_users(document: Document) -> float | None:
    """Users on an average day, expected over the horizon; None where traffic is not given by users."""
    users = document.traffic.users
    if users is None:
        return None
    if users.growth is None:
        return float(users.daily_active or 0)
    return float(np.mean(expected_active(users.growth, max((document.horizon or WEEK) // DAY, 1))))


__all__ = [
    "DAY", "DAYS", "WEEK", "expected_active", "launched", "mean_users", "retained", "rush_until", "signups",
]  # fmt: skip
