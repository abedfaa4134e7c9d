"""Busy and quiet hours: arrival rates that change at local hours, with daylight saving."""

import datetime as dt
import math
from collections.abc import Sequence

import numpy as np

from simkit.plan.plan import Floats, Ints
from simkit.scenario.errors import Invalid
from simkit.scenario.profiles import HOURS
from simkit.scenario.traffic import Seasonality
from simkit.scenario.zones import EPOCH, start_utc_ns, zone_of

HOUR = 3600
STEP = 6 * HOUR
"""Zones do not change their offset twice within this."""

Piece = tuple[int, int, float, Seasonality, str]
"""Start and end (ns), mean arrivals per ns, seasonality, time zone."""


def rate_segments(pieces: Sequence[Piece], start_utc: int) -> tuple[Ints, Floats, Floats]:
    """Piecewise constant rates over consecutive pieces (one for each epoch).

    Args:
        pieces: each begins where the one before it ends; times in ns since the scenario's start.
        start_utc: the scenario's zero as ns since 1970 UTC.

    Returns:
        Starts of the S segments and the end (S + 1, ns), rates (S, arrivals per ns), and the expected
        number of arrivals from the first start to each start (S + 1). Every piece starts a segment.

    Raises:
        Invalid: weights that cannot be used, or an unknown time zone.
    """
    parts = [_segments(*piece, start_utc) for piece in pieces]
    start = np.concatenate([*(starts for starts, _ in parts), [pieces[-1][1]]]).astype(np.int64)
    rate = np.concatenate([rates for _, rates in parts])
    expected = np.concatenate([[0.0], np.cumsum(rate * np.diff(start))])
    return start, rate, expected


def _segments(
    start: int, end: int, mean: float, season: Seasonality, timezone: str, start_utc: int
) -> tuple[Ints, Floats]:
    """Starts and rates of one piece; hours of the same rate in a row are one segment."""
    week, months = weekly_weights(season), monthly_weights(season)
    if np.ptp(week) == 0 and np.ptp(months) == 0:
        return _peaks(np.array([start], np.int64), np.array([mean]), end, season)
    starts, local = _hours(start, end, timezone, start_utc)
    month = (local // (24 * HOUR)).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    starts, rate = _peaks(starts, mean * (week[_hour_of_week(local)] * months[month]), end, season)
    changed = np.concatenate([[True], rate[1:] != rate[:-1]])
    return starts[changed], rate[changed]


def _peaks(starts: Ints, rate: Floats, end: int, season: Seasonality) -> tuple[Ints, Floats]:
    """Segments with what peaks do to them."""
    for peak in season.peaks:
        edges = [edge for edge in (peak.at, peak.at + peak.lasts) if starts[0] < edge < end]
        cut = np.union1d(starts, np.array(edges, np.int64))
        rate = rate[np.searchsorted(starts, cut, side="right") - 1]
        starts = cut
        rate = np.where((starts >= peak.at) & (starts < peak.at + peak.lasts), rate * peak.factor, rate)
    return starts, rate


def week_hours(start: int, end: int, timezone: str, start_utc: int) -> tuple[Ints, Ints]:
    """Starts of the local hours that cover [start, end) in ns since the scenario's zero, and which hour of the week
    each is, from Monday 0 h; the first start is `start`."""
    starts, local = _hours(start, end, timezone, start_utc)
    return starts, _hour_of_week(local)


def local_days(start: int, end: int, timezone: str, start_utc: int) -> tuple[Ints, Ints]:
    """When the local days and the local months begin that begin after `start` and before `end`."""
    starts, local = _hours(start, end, timezone, start_utc)
    days = local // (24 * HOUR)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return starts[1:][np.diff(days) > 0], starts[1:][np.diff(months) > 0]


def _hours(start: int, end: int, timezone: str, start_utc: int) -> tuple[Ints, Ints]:
    """Starts of the local hours in ns since the scenario's zero, and in s of local time since 1970."""
    seconds, offsets = local_hours((start + start_utc) // 10**9, -((-end - start_utc) // 10**9), timezone)
    return np.maximum(seconds * 10**9 - start_utc, start), seconds + offsets


def _hour_of_week(local: Ints) -> Ints:
    hours: Ints = (local // (24 * HOUR) + 3) % 7 * 24 + local // HOUR % 24  # 1970-01-01 was a Thursday
    return hours


def local_hours(begin: int, end: int, timezone: str) -> tuple[Ints, Ints]:
    """Starts of the local hours that cover [begin, end), and their UTC offsets; all in s since 1970 UTC.

    The first start is `begin`; a change of the offset starts an hour of its own.
    """
    parts = []
    for left, right, offset in _offsets(begin, end, zone_of(timezone)):
        first = ((left + offset) // HOUR + 1) * HOUR - offset
        seconds = np.concatenate([[left], np.arange(first, right, HOUR, dtype=np.int64)])
        parts.append((seconds, np.full(len(seconds), offset, np.int64)))
    return np.concatenate([seconds for seconds, _ in parts]), np.concatenate([offsets for _, offsets in parts])


def _offsets(begin: int, end: int, zone: dt.tzinfo) -> list[tuple[int, int, int]]:
    """The spans (start, end, UTC offset) of constant offset, all in s."""
    spans = []
    left, offset, same = begin, _offset(begin, zone), begin
    for time in [*range(begin + STEP, end, STEP), end - 1]:
        if _offset(time, zone) != offset:
            after = time
            while after - same > 1:
                middle = (same + after) // 2
                same, after = (middle, after) if _offset(middle, zone) == offset else (same, middle)
            spans.append((left, after, offset))
            left, offset = after, _offset(after, zone)
        same = time
    return [*spans, (left, end, offset)]


def _offset(second: int, zone: dt.tzinfo) -> int:
    offset = (EPOCH + dt.timedelta(seconds=second)).astimezone(zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())


def weekly_weights(season: Seasonality) -> Floats:
    """(168) weights of the local hours of a week from Monday 0 h, of mean 1. Raises `Invalid`."""
    hours = HOURS[season.hours] if isinstance(season.hours, str) else season.hours
    weekend = 1.0 if season.weekend is None else season.weekend
    days = season.weekdays or [1.0] * 5 + [weekend] * 2
    return _normalised([day * hour for day in _checked(days, "weekdays") for hour in _checked(hours, "hours")])


def monthly_weights(season: Seasonality) -> Floats:
    """(12) weights of the months from January, of mean 1. Raises `Invalid`."""
    return _normalised(_checked(season.months or [1.0] * 12, "months"))


def _checked(weights: Sequence[float], name: str) -> Sequence[float]:
    if not all(0 <= weight < math.inf for weight in weights) or not any(weights):
        raise Invalid(f"The weights of `{name}` cannot be used.", "numbers >= 0, at least one of them above 0")
    return weights


def _normalised(weights: Sequence[float]) -> Floats:
    mean = math.fsum(weights) / len(weights)
    return np.array(weights) / mean


__all__ = [
    "HOURS",
    "local_days",
    "local_hours",
    "monthly_weights",
    "rate_segments",
    "start_utc_ns",
    "week_hours",
    "weekly_weights",
    "zone_of",
]
