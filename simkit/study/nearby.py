"""What the hours nearby tell of an hour: swings that fade, and the best linear guess from those on record.

The logarithm of an hour's rate beyond level and pattern is taken to be stationary: a share of its variance is common to
hours nearby and fades exponentially with the time between them, the rest is the hour's own. Share and time are those of
the highest likelihood of the record (restricted, i.e. the level unknown: Patterson and Thompson 1971), by the
recursion of Kalman (1960), which does not mind missing hours. With them the guess of an hour from those nearby is the
best linear one (simple kriging: Cressie 1993, section 3.2), with its variance.
"""

from typing import NamedTuple

import numpy as np

from simkit.study.recording import Floats, Ints

LIMIT = 3.0
"""Standard errors from no persistence that are asked for, as for a pattern."""
SEEN = 5
"""Times that swings must have faded in the record."""
LONGEST = 168
"""Hours of the longest fading that is looked for: weeks are a level of their own."""
MOST = 48
"""Hours on record before a period, and after it, that its forecast looks at: they screen those beyond."""
FAINT = 0.01
"""A correlation that is not worth looking at."""
SHARES, TIMES = 21, 25


class Persistence(NamedTuple):
    """How swings fade."""

    share: float
    """Of their variance, what fades; the rest is an hour's own."""
    hours: float
    """Time by which a correlation has fallen to 1/e."""

    @property
    def half_life(self) -> float:
        """Hours by which it has fallen by half."""
        return float(self.hours * np.log(2))

    def between(self, first: Ints, second: Ints) -> Floats:
        """Correlations of each hour of one with each of another, not of an hour with itself."""
        apart = np.abs(first[:, None] - second[None, :])
        return np.asarray(self.share * np.exp(-apart / self.hours))

    def variance(self, part: Floats) -> float:
        """Of an average over hours in a row, as a share of an hour's."""
        lag = np.abs(np.arange(1 - len(part), len(part)))
        common = np.convolve(part, np.exp(-lag / self.hours))[len(part) - 1 : 2 * len(part) - 1]
        return float(self.share * part @ common + (1 - self.share) * part @ part)


class Guess(NamedTuple):
    """Of the hours of a period from those nearby."""

    shift: Floats
    """Of the logarithm, by hour."""
    cross: Floats
    """(near, hours) correlations."""
    weights: Floats
    """(near, hours) of those nearby."""

    @property
    def explained(self) -> Floats:
        """Share of each hour's variance that is known from those nearby."""
        return np.asarray((self.cross * self.weights).sum(axis=0))

    def left(self, part: Floats, persistence: Persistence) -> float:
        """Share of an average's variance that is not."""
        explained = float((self.cross @ part) @ (self.weights @ part))
        return min(max(1 - explained / persistence.variance(part), 0.0), 1.0)


def fit_persistence(number: Ints, rest: Floats, chance: Floats) -> Persistence | None:
    """How the rest beyond level and pattern fades; None where that is not established.

    Args:
        number: hours, ascending.
        rest: of their logarithms.
        chance: variance of each by chance, as a multiple of that of the swings.
    """
    span = int(number[-1] - number[0])
    times = np.geomspace(1.0, max(min(span / SEEN, LONGEST), 1.0), TIMES)
    share, hours = (one.ravel() for one in np.meshgrid(np.linspace(0, 1, SHARES), times))
    found = likelihood(np.diff(number, prepend=number[0]), rest, chance, share, hours)
    best = int(found.argmax())
    if found[best] - found[share == 0].max() < LIMIT**2:
        return None
    return Persistence(float(share[best]), float(hours[best]))


def likelihood(steps: Ints, rest: Floats, chance: Floats, share: Floats, hours: Floats) -> Floats:
    """Twice the logarithm of the restricted likelihood, for each share and time, but for a constant.

    The rest and a constant 1 pass the same filter; what of the one the other explains is the level.
    """
    state, known = np.zeros((2, len(share))), share.copy()
    logs, squares = np.zeros(len(share)), np.zeros((3, len(share)))
    for step, value, own in zip(steps.tolist(), rest.tolist(), chance.tolist(), strict=True):
        keep = np.exp(-step / hours)
        state *= keep
        known = share + keep**2 * (known - share)
        spread = known + 1 - share + own
        wrong = np.array([[value], [1.0]]) - state
        squares += np.stack([wrong[0] ** 2, wrong[0] * wrong[1], wrong[1] ** 2]) / spread
        logs += np.log(spread)
        state += known / spread * wrong
        known *= 1 - known / spread
    left = np.maximum(squares[0] - squares[1] ** 2 / squares[2], np.finfo(float).tiny)
    return np.asarray(-(len(rest) - 1) * np.log(left) - logs - np.log(squares[2]))


def guess(found: Persistence, number: Ints, rest: Floats, chance: Floats, period: Ints) -> Guess | None:
    """Of the hours of a period (in a row) from those on record outside it; None where none is near.

    Args:
        found: how swings fade.
        number: hours on record.
        rest: of their logarithms, beyond level and pattern.
        chance: variance of each by chance, as a multiple of that of the swings.
        period: its hours.
    """
    near = _near(number, int(period[0]), int(period[-1]), -found.hours * np.log(FAINT))
    if not near.size:
        return None
    own = np.diag(1 - found.share + chance[near])
    cross = found.between(number[near], period)
    weights: Floats = np.asarray(np.linalg.solve(found.between(number[near], number[near]) + own, cross), np.float64)
    return Guess(np.asarray(weights.T @ rest[near]), cross, weights)


def _near(number: Ints, first: int, last: int, reach: float) -> Ints:
    """Which hours on record are nearest to a period, within reach of it and outside it."""
    before, after = np.searchsorted(number, [first, last + 1])
    some = np.r_[max(before - MOST, 0) : before, after : min(after + MOST, len(number))].astype(np.int64)
    away = np.maximum(first - number[some], number[some] - last)
    return np.asarray(some[away <= reach])


__all__ = ["Guess", "Persistence", "fit_persistence", "guess", "likelihood"]
