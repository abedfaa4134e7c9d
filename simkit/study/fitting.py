"""`fit_traffic`: from recorded arrivals to a rate, a season, random factors, and a forecast with its band.

What is fitted is what the engines simulate: the logarithm of an hour's rate is a level, a curve of the day and kinds of
days (`simkit.study.pattern`), and swings that hold for a day, a quarter of a day and an hour (`simkit.study.swings`). A
record tells only of what it holds several times: a week has seven days and a single week, so from a week alone no swing
from week to week can be fitted. It may be assumed (`week_on_week`), and is then labelled so. Forecasts also use that
real swings fade, so that hours nearby are alike (`simkit.study.nearby`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from simkit.result.statistics import t_quantile
from simkit.result.table import Table, table
from simkit.result.words import figure, percent
from simkit.scenario.errors import Invalid
from simkit.scenario.measures import format_duration, format_rate, format_share, parse_duration
from simkit.study.nearby import Persistence, fit_persistence, guess
from simkit.study.pattern import Daily, Weekly, daily, weekly
from simkit.study.recording import HOUR, FittingError, Floats, Hours, Ints, hours_of, local_clock
from simkit.study.swings import freedom, mean_squares, of_average, of_means, variances

if TYPE_CHECKING:
    from simkit.report.style import Picture

BAND = 0.9
"""Share of the periods that a forecast's band should hold."""
FEWEST_BLOCKS = 5
"""Times that a level must have changed in the record to be fitted."""
WEEK = 168
LEVELS = ("1w", "1d", "6h", "1h")


class Level(NamedTuple):
    """A random factor that holds for a time."""

    hours: int
    variance: float
    """Of its logarithm."""
    freedom: float
    """Degrees of freedom with which that is known."""
    assumed: bool = False

    @property
    def strength(self) -> float:
        """Its coefficient of variation."""
        return float(np.sqrt(np.expm1(self.variance)))


@dataclass(frozen=True, eq=False)
class TrafficFit:
    """What was fitted to recorded arrivals. The rate is a mean a second."""

    hours: Hours
    zero: int
    """The record's zero, s since 1970."""
    timezone: str
    daily: Daily
    dated: bool
    """Are the weekdays known?"""
    weekly: Weekly | None
    levels: tuple[Level, ...]
    """The finest first."""
    notes: tuple[str, ...]
    """What the record could not say."""

    @cached_property
    def hour_weights(self) -> Floats:
        """24 weights of mean 1."""
        weights = np.exp(self.daily.kept * self.daily.raw)
        return np.asarray(weights / weights.mean())

    @cached_property
    def day_weights(self) -> Floats:
        """7 weights of mean 1, Monday first."""
        weights = np.ones(7) if self.weekly is None else np.exp(self.weekly.effect)
        return np.asarray(weights / weights.mean())

    @cached_property
    def rate(self) -> float:
        """Mean arrivals a second of an average week."""
        return float(self.hours.rate.sum() / self._weights(self.hours.day, self.hours.hour).sum())

    def _weights(self, day: Ints, hour: Ints) -> Floats:
        return self.hour_weights[hour] * self.day_weights[(day + 3) % 7]

    @cached_property
    def settings(self) -> dict[str, Any]:
        """For `Scenario.set`; leave out `traffic.rate` where the traffic comes from users."""
        season: dict[str, Any] = {"hours": [round(float(one), 4) for one in self.hour_weights]}
        if self.daily.kept == 0:
            season["hours"] = "flat"
        if self.weekly is not None:
            season["weekdays"] = [round(float(one), 4) for one in self.day_weights]
        elif self.dated:
            season["weekend"] = "100%"
        swings = [
            {"every": format_duration(one.hours * HOUR * 10**9), "strength": format_share(round(one.strength, 4))}
            for one in reversed(self.levels) if one.strength >= 0.0001
        ]  # fmt: skip
        zone = {} if self.timezone == "UTC" else {"traffic.timezone": self.timezone}
        rate = format_rate(float(f"{self.rate:.6g}"))
        return {"traffic.rate": rate, **zone, "traffic.seasonality": season, "traffic.modulation": swings}

    def to_yaml(self) -> str:
        """The section `traffic` of a scenario, with what the record could not say as comments."""
        lines = [f"# {note}" for note in self.notes] + ["traffic:"]
        for path, value in self.settings.items():
            name = path.removeprefix("traffic.")
            if isinstance(value, dict):
                lines += [f"  {name}:", *(f"    {key}: {_flow(one)}" for key, one in value.items())]
            elif isinstance(value, list) and value:
                lines += [f"  {name}:", *(f"    - {_flow(one)}" for one in value)]
            else:
                lines.append(f"  {name}: {_flow(value)}")
        return "\n".join(lines) + "\n"

    def forecast(self, times_s: ArrayLike, over_s: float = HOUR, share: float = BAND, *, nearby: bool = True) -> Table:
        """The arrivals a second, averaged over periods that begin at `times_s` (in the record's seconds).

        Args:
            times_s: beginnings, within the record or beyond it.
            over_s: length of the periods, in whole hours.
            share: of the periods that the band should hold.
            nearby: use what happened shortly before and after, where swings are seen to fade (`persistence`); what is
                on record of the period itself is not used. Simulated swings do not fade but end with their hour,
                quarter day or day: with False this is what a scenario with `settings` has there.

        Returns:
            t_s, mean, median, low and high: half of such periods, and `share` of them, lie below the one and between
            the others. Far from the record there is nothing nearby. What is assumed of weeks widens the band beyond the
            record only; twice, since the week on record was one of them.
        """
        if over_s < HOUR or over_s % HOUR or not 0 < share < 1:
            raise FittingError("periods are whole hours, and the band holds a share above 0 and below 1")
        times = np.atleast_1d(np.asarray(times_s, float))
        number = ((self.zero + times) // HOUR).astype(np.int64)[:, None] + np.arange(int(over_s // HOUR))
        clock = np.stack([number.ravel(), *local_clock(number.ravel(), self.timezone)]).reshape(3, *number.shape)
        fading = self.persistence if nearby else None
        rows = [(float(at), *self._period(clock[:, i], share, fading)) for i, at in enumerate(times)]
        return table(rows, None, ("t_s", "mean", "median", "low", "high"))

    def _period(self, clock: Ints, share: float, fading: Persistence | None) -> tuple[float, float, float, float]:
        """Mean, median, low and high of a period of hours: their numbers, local days and hours."""
        number, day, hour = clock
        weights, left = self._told(number, self._weights(day, hour), fading)
        part = weights / weights.sum()
        beyond = number[0] < self.hours.number[0] or number[-1] > self.hours.number[-1]
        length, size, degrees = self._fitted
        squares, week = left * mean_squares(number, part, length, size), left * self._week if beyond else 0.0
        centre = self._level + np.log(weights.mean()) + (size.sum() - squares.sum()) / 2
        chance = 1 / max(float(np.exp(centre)) * len(number) * HOUR, 1.0)
        squares[-1] += left * self._error(part, day, hour)  # known from the same blocks
        known = (squares.sum() + week) ** 2 / (squares**2 / degrees).sum() if squares.any() else np.inf
        half = t_quantile(1 - share, max(known, 1.0)) * np.sqrt(squares.sum() + week + chance)
        ends = np.exp([centre, centre - half, centre + half])
        return float(self.rate * weights.mean()), float(ends[0]), float(ends[1]), float(ends[2])

    def _told(self, number: Ints, weights: Floats, fading: Persistence | None) -> tuple[Floats, float]:
        """Weights of a period's hours after what those nearby tell, and the share of its variance that they leave.

        What they tell of swings they tell of an error of the level and of another week, too: those are common to all
        hours. How much of an hour is known is that of stationary swings, how much there is to know that of the levels,
        so that far from the record nothing changes.
        """
        found = guess(fading, self.hours.number, self._rest, self._chance, number) if fading else None
        if fading is None or found is None:
            return weights, 1.0
        told = weights * np.exp(found.shift - self._variance * found.explained / 2)  # a narrower lognormal's mean
        return told, found.left(told / told.sum(), fading)

    @cached_property
    def persistence(self) -> Persistence | None:
        """How swings fade from hour to hour, where that is established."""
        return fit_persistence(self.hours.number, self._rest, self._chance) if self._variance else None

    @cached_property
    def _rest(self) -> Floats:
        """Logarithms of the rates beyond level and pattern."""
        return np.asarray(self.hours.log - np.log(self._weights(self.hours.day, self.hours.hour)) - self._level)

    @cached_property
    def _chance(self) -> Floats:
        """Their variances by chance, as multiples of that of the swings."""
        return self.hours.chance / self._variance

    @cached_property
    def _variance(self) -> float:
        """Of an hour's swings together."""
        return float(self._fitted[1].sum())

    @cached_property
    def _week(self) -> float:
        """What is assumed of weeks: variance of another one, and of the level, since those on record may be unusual."""
        assumed = sum(one.variance for one in self.levels if one.assumed)
        even = np.full(len(self.hours.number), 1 / len(self.hours.number))
        return assumed * float(1 + of_average(self.hours.number, even, [WEEK])[0])

    @cached_property
    def _fitted(self) -> tuple[Ints, Floats, Floats]:
        """Lengths in hours, variances and degrees of freedom of the levels that were fitted."""
        length, size, degrees = zip(*(one[:3] for one in self.levels if not one.assumed), strict=True)
        return np.array(length), np.array(size), np.array(degrees)

    @cached_property
    def _level(self) -> float:
        """Mean logarithm of the rates, without the weights."""
        return float((self.hours.log - np.log(self._weights(self.hours.day, self.hours.hour))).mean())

    @cached_property
    def _means(self) -> Floats:
        """Covariance of the means of the hours."""
        return of_means(self.hours, *self._fitted[:2])

    def _error(self, part: Floats, day: Ints, hour: Ints) -> float:
        """Variance of an average over hours because level and pattern are not known: what the days say of them differs,
        and what is drawn to no pattern misses some of it."""
        in_hour = np.bincount(hour, part, 24)
        curve = in_hour - 1 / 24
        level = float(self._means.mean()) if self.weekly is None else float(self.weekly.variance[(day + 3) % 7] @ part)
        seen = self.daily.kept**2 * float(curve @ self._means @ curve)
        return level + seen + (1 - self.daily.kept) ** 2 * self.daily.signal * float(in_hour @ in_hour)

    @cached_property
    def series(self) -> Table:
        """The record by hour, and what was fitted: t_s, rate (empty where not known), mean, median, low, high."""
        number = np.arange(self.hours.number[0], self.hours.number[-1] + 1)
        found = self.forecast(number * HOUR - self.zero, nearby=False)
        rate = np.full(len(number), np.nan)
        rate[self.hours.number - number[0]] = self.hours.rate
        return table({"t_s": found["t_s"], "rate": rate, **{n: found[n] for n in found.columns[1:]}}, self.plot)

    @property
    def text(self) -> str:
        """What was fitted, in a few sentences."""
        peak, low = float(self.hour_weights.max()), float(self.hour_weights.min())
        curve = f"busiest hour {peak:.2f}, quietest {low:.2f} of the mean" if self.daily.kept else "no pattern of hours"
        swings = ", ".join(
            f"{percent(round(one.strength, 3))} by {format_duration(one.hours * HOUR * 10**9)}"
            + " (assumed)" * one.assumed
            for one in reversed(self.levels) if one.strength
        )  # fmt: skip
        fades = f", fading by half in {figure(self.persistence.half_life, 'number')} h" if self.persistence else ""
        return "".join(
            [f"{figure(self.rate, 'number')}/s; {curve}; beyond that it swings: {swings or 'not at all'}{fades}."]
            + [f" {note}" for note in self.notes]
        )

    def plot(self) -> "Picture":
        """The record, the pattern and its band."""
        from simkit.report.figures_traffic import fit_figure

        seen = np.exp(self.daily.raw)
        return fit_figure(self.series, self.hour_weights, seen / seen.mean(), self.timezone)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text)}</p>"


def fit_traffic(
    data: str | Path | pd.DataFrame,
    time: str = "t_s",
    rate: str | None = None,
    *,
    count: str | None = None,
    start: str | None = None,
    timezone: str = "UTC",
    levels: Sequence[str] = LEVELS,
    week_on_week: float = 0.0,
) -> TrafficFit:
    """A rate, a season and random factors fitted to recorded arrivals, in bins of an hour at most.

    Args:
        data: a CSV file or a frame.
        time: its column of times, in seconds.
        rate: its column of arrivals a second (`rps` where neither this nor `count` is given).
        count: or its column of arrivals in a bin.
        start: date (and time) of zero, local; without one it is midnight of an unknown weekday: no weekend is fitted.
        timezone: whose hours have the pattern.
        levels: for how long random factors hold, the longest first; those that changed too seldom are left out.
        week_on_week: coefficient of variation from week to week that is assumed where the record is too short to tell;
            services are said to vary by 0.3 to 0.4 beyond their pattern.

    Raises:
        FittingError: what is wrong with the record.
    """
    if rate is not None and count is not None:
        raise FittingError("give the column of rates or that of counts, not both")
    if not 0 <= week_on_week <= 2:
        raise FittingError("week_on_week is a share, e.g. 0.35")
    hours, zero = hours_of(data, time, count or rate or "rps", count is not None, start, timezone)
    curve = daily(hours)
    kinds = None if start is None else weekly(hours, curve.raw[hours.hour])
    kind = np.zeros(7, np.int64) if kinds is None else kinds.kind
    wanted = _levels(levels)
    fitted = [one for one in wanted if _times(hours, one) >= FEWEST_BLOCKS]
    if not fitted:
        raise FittingError("the record is too short for all of the levels: add 1d, 6h or 1h")
    variance = variances(hours, curve.raw[hours.hour], kind[(hours.day + 3) % 7], fitted)
    found = [Level(*row) for row in zip(fitted, variance.tolist(), freedom(hours, fitted).tolist(), strict=True)]
    assumed = week_on_week > 0 and WEEK not in fitted
    if assumed:
        found.append(Level(WEEK, float(np.log1p(week_on_week**2)), np.inf, assumed=True))
    notes = _notes(hours, curve, kinds, start is not None, WEEK not in fitted, week_on_week * assumed)
    return TrafficFit(hours, zero, timezone, curve, start is not None, kinds, tuple(sorted(found)), notes)


def _times(hours: Hours, level: int) -> float:
    """How often a record holds a level, in days that may be missing."""
    length = float(hours.number[-1] + 1 - hours.number[0])
    return min(float(len(np.unique(hours.number // level))), length / level)


def _levels(texts: Sequence[str]) -> list[int]:
    """In hours, the finest first."""
    try:
        found = sorted({parse_duration(one) for one in texts})
    except Invalid as error:
        raise FittingError(f"levels: {error.message} Allowed: {error.allowed}") from None
    whole = all(one > 0 and one % (HOUR * 10**9) == 0 for one in found)
    if not 1 <= len(found) <= 4 or not whole or any(b % a for a, b in pairwise(found)):
        raise FittingError("levels are one to four lengths in whole hours, each a multiple of the next: 1w, 1d, 6h, 1h")
    return [one // (HOUR * 10**9) for one in found]


def _notes(
    hours: Hours, curve: Daily, kinds: Weekly | None, dated: bool, no_week: bool, week_on_week: float
) -> tuple[str, ...]:
    """What the record could not say."""
    notes = []
    if hours.missing:
        notes.append(f"{hours.missing} hours without a record (or with an outage) are left out.")
    if curve.kept == 0:
        notes.append("No pattern of hours is established: the days do not agree in one.")
    if not dated:
        notes.append("Without a date there are no weekdays: no weekend is fitted.")
    elif kinds is None:
        notes.append("No difference between weekdays and weekends is established.")
    if week_on_week:
        notes.append(f"That weeks differ by {percent(week_on_week)} is an assumption: the record is too short to tell.")
    elif no_week:
        notes.append("Too few weeks to say how far they differ: week_on_week may be assumed.")
    return tuple(notes)


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    return f"[{', '.join(_flow(one) for one in value)}]" if isinstance(value, list) else str(value)


__all__ = ["FittingError", "Level", "TrafficFit", "fit_traffic"]
