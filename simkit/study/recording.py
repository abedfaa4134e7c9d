"""Recorded arrivals, hour by hour: what a pattern is fitted to."""

import datetime as dt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simkit.scenario.errors import Invalid
from simkit.scenario.zones import start_utc_ns, zone_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HOUR, DAY = 3600, 86_400
SURE = 20
"""Arrivals a bin (median) from which on an empty bin is a gap of the record or an outage: chance does not make it."""
FEWEST = 10
"""Arrivals an hour (median) from which on hours can be compared one by one."""
LEAST_DAYS = 5
"""Days from which on a pattern of hours can be told from chance (see `simkit.study.pattern`)."""


class FittingError(ValueError):
    """A record that nothing can be fitted to, and why."""


class Hours(NamedTuple):
    """The hours of a record that are known, one after the other."""

    number: Ints
    """Hours since 1970 (UTC)."""
    rate: Floats
    """Arrivals a second."""
    log: Floats
    """Logarithm of the rate."""
    chance: Floats
    """Variance of that logarithm by chance alone: independent arrivals."""
    day: Ints
    """Days since 1970, local."""
    hour: Ints
    """Hour of the local day."""
    missing: int
    """Hours between the first and the last of which less than half is known."""


def hours_of(data: str | Path | pd.DataFrame, time: str, value: str, counts: bool, start: str | None,
             timezone: str) -> tuple[Hours, int]:  # fmt: skip
    """The hours of a record with a column of times, and of rates or counts; and its zero in s since 1970.

    Raises:
        FittingError: what is wrong with it.
    """
    frame = data if isinstance(data, pd.DataFrame) else _read(Path(data))
    for name in (time, value):
        if name not in frame:
            raise FittingError(f"there is no column `{name}`: there are {', '.join(map(str, frame.columns))}")
    zero = zero_of(start, timezone)
    seconds = _numbers(frame[time], time)
    if seconds.size < 2 or not np.isfinite(seconds).all() or (np.diff(seconds) <= 0).any():
        raise FittingError(f"`{time}` must be seconds from a start, each later than the one before")
    width = float(np.median(np.diff(seconds)))
    if width > HOUR:
        raise FittingError(f"the bins are {width:g} s long: they must be an hour at most")
    found = _numbers(frame[value], value)
    if (found < 0).any() or np.isinf(found).any():
        raise FittingError(f"`{value}` must be 0 or more (empty where it is not known)")
    return _by_hour(seconds + zero, found / width if counts else found, width, timezone), zero


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise FittingError(f"there is no file {path}")
    return pd.read_csv(path)


def zero_of(start: str | None, timezone: str) -> int:
    """The zero of a record, in s since 1970: without a date a midnight."""
    try:
        date = dt.datetime(1970, 1, 2) if start is None else dt.datetime.fromisoformat(start)
        return start_utc_ns(date, timezone) // 10**9
    except Invalid as error:
        raise FittingError(error.message) from None
    except ValueError:
        raise FittingError(f"the start is {start!r}: write a date, e.g. 2026-11-02") from None


def _numbers(column: "pd.Series[float]", name: str) -> Floats:
    try:
        return np.asarray(column, np.float64)
    except (TypeError, ValueError):
        raise FittingError(f"`{name}` must be numbers") from None


def _by_hour(seconds: Floats, rate: Floats, width: float, timezone: str) -> Hours:
    known = np.isfinite(rate)
    if not known.any():
        raise FittingError("nothing is known of any time")
    if np.median(rate[known]) * width >= SURE:
        known &= rate > 0
    number = (seconds[known] // HOUR).astype(np.int64)
    first = int(number.min())
    bins = np.bincount(number - first)
    there = np.flatnonzero(bins * width >= HOUR / 2)
    mean = np.bincount(number - first, rate[known])[there] / bins[there]
    covered = bins[there] * width
    arrivals = mean * covered
    if len(there) < (LEAST_DAYS - 0.5) * 24:
        raise FittingError(f"{len(there)} hours are known: at least {LEAST_DAYS} days are needed to tell a pattern")
    if np.median(arrivals) < FEWEST:
        raise FittingError(f"fewer than {FEWEST} arrivals in a usual hour: too few to compare hours one by one")
    day, hour = local_clock(first + there, timezone)
    if len(np.unique(hour)) < 24:
        raise FittingError("some hours of the day are not known on any day")
    log = np.log(np.maximum(arrivals, 0.5) / covered)  # of none: half of one
    missing = int(there[-1] - there[0] + 1 - len(there))
    return Hours(first + there, mean, log, 1 / np.maximum(arrivals, 1), day, hour, missing)


def local_clock(number: Ints, timezone: str) -> tuple[Ints, Ints]:
    """Local day (since 1970) and hour of the middle of hours since 1970 (UTC)."""
    middle = pd.to_datetime(number * HOUR + HOUR // 2, unit="s", utc=True)
    local = middle.tz_convert(zone_of(timezone)).tz_localize(None)
    seconds = (local - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
    found = np.asarray(seconds, np.int64)
    return found // DAY, found % DAY // HOUR


__all__ = ["DAY", "HOUR", "FittingError", "Floats", "Hours", "Ints", "hours_of", "local_clock"]
