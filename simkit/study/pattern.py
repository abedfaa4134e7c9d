"""What comes back every day, and on certain days of the week: shown by the days themselves, or left out.

An hour's mean over a few days is mostly chance where traffic swings. So a pattern counts only for as much as days agree
in it: the mean product of the curves of two days is the pattern's own square, whatever the swings within a day, since
days are independent. By that share its logarithm is drawn to none at all (James and Stein 1961); and where the products
do not add up beyond chance there is none.
"""

from typing import NamedTuple

import numpy as np

from simkit.study.recording import Floats, Hours, Ints
from simkit.study.swings import joint

LIMIT = 3.0
"""Standard errors from no pattern that are asked for: chance passes that in about one of a hundred records."""
CHANCE = 0.01
"""Of days of the week that differ by as much as is asked for."""
ROUNDS = 30
WHOLE_DAY = 18
"""Hours that make a day."""
OFTEN = 4
"""Times that each weekday must be there for seven weights; twice for a weekend."""


class Daily(NamedTuple):
    """The curve of an average day."""

    raw: Floats
    """(24) logarithm, of mean 0, as it was seen."""
    kept: float
    """Share of it that counts."""
    signal: float
    """Mean square of the true one, as estimated."""
    distance: float
    """Standard errors from none."""


class Weekly(NamedTuple):
    """The kinds of days."""

    kind: Ints
    """(7) kind of each weekday, Monday first."""
    effect: Floats
    """(7) logarithm, of mean 0 over the days of the record."""
    variance: Floats
    """(7) of that and the level together."""


def two_ways(values: Floats, hour: Ints, day: Ints) -> tuple[Floats, Floats]:
    """Effects of the hours (mean 0) and of the days, whatever is missing."""
    hours = np.zeros(24)
    for _ in range(ROUNDS):
        days: Floats = np.bincount(day, values - hours[hour]) / np.bincount(day)
        hours = np.bincount(hour, values - days[day], 24) / np.bincount(hour, minlength=24)
        hours -= hours.mean()
    return hours, days


def daily(hours: Hours) -> Daily:
    """The curve of a day, and how much of it comes back on other days."""
    day = joint(hours.day)
    raw, level = two_ways(hours.log, hours.hour, day)
    curves = np.zeros((len(level), 24))
    curves[day, hours.hour] = hours.log - level[day]
    products = (curves @ curves.T)[np.triu_indices(len(curves), 1)]
    distance = float(products.sum() / np.sqrt((products**2).sum())) if products.any() else 0.0
    signal, seen = max(float(products.mean()), 0.0) / 24, float((raw**2).mean())
    kept = min(signal / seen, 1.0) if distance >= LIMIT and seen > 0 else 0.0
    return Daily(raw, kept, signal, distance)


def weekly(hours: Hours, pattern: Floats) -> Weekly | None:
    """Kinds of days that differ beyond chance and the pattern of hours: the weekdays, else the weekend, else none."""
    day, whole = joint(hours.day), np.bincount(joint(hours.day)) >= WHOLE_DAY
    level = (np.bincount(day, hours.log - pattern) / np.bincount(day))[whole]
    weekday = (np.unique(hours.day)[whole] + 3) % 7  # 1970 began on a Thursday
    for kind, often in ((np.arange(7), OFTEN), (np.array([0] * 5 + [1] * 2), 2)):
        times = np.bincount(kind[weekday], minlength=int(kind.max()) + 1)
        if times.min() >= often:
            found = _kinds(level, kind[weekday], times)
            if found is not None:
                effect, variance = found
                return Weekly(kind, effect[kind] - effect[kind[weekday]].mean(), variance[kind])
    return None


def _kinds(level: Floats, kind: Ints, times: Ints) -> tuple[Floats, Floats] | None:
    """Levels of kinds of days, drawn together, and their variances; None where chance could make the difference."""
    from scipy.special import fdtrc

    mean = np.bincount(kind, level) / times
    among, within = len(times) - 1, len(level) - len(times)
    noise = float(((level - mean[kind]) ** 2).sum()) / within
    between = float((times * (mean - level.mean()) ** 2).sum()) / among
    if noise == 0 or fdtrc(among, within, between / noise) > CHANCE:
        return None
    kept = 1 - noise / between
    return level.mean() + kept * (mean - level.mean()), noise / times


__all__ = ["Daily", "Weekly", "daily", "weekly"]
