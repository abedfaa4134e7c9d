"""Local time: the scenario's zero in a time zone."""

import datetime as dt
import zoneinfo

from simkit.scenario.errors import Invalid, listing, nearest

YEARS = range(1970, 2151)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def start_utc_ns(start: dt.datetime | dt.date, timezone: str) -> int:
    """The scenario's zero as ns since 1970 UTC.

    A time without an offset is local; where it comes twice (clocks go back), the first is meant.

    Raises:
        Invalid: the time does not exist (clocks go forward), the zone is unknown, or the year is out of reach.
    """
    zone = zone_of(timezone)
    moment = start if isinstance(start, dt.datetime) else dt.datetime(start.year, start.month, start.day)
    if moment.year not in YEARS:
        raise Invalid("This year is out of reach.", f"{YEARS[0]} to {YEARS[-1]}")
    local = moment if moment.tzinfo else moment.replace(tzinfo=zone, fold=0)
    utc = local.astimezone(dt.UTC)
    exists = utc.astimezone(zone)
    if moment.tzinfo is None and exists.replace(tzinfo=None) != moment:
        raise Invalid(
            f"{moment:%Y-%m-%d %H:%M} does not exist in {timezone}: the clocks go forward.",
            "a local time that exists, or one with an offset",
            f"Write {exists:%Y-%m-%d %H:%M}.",
        )
    return (utc - EPOCH) // dt.timedelta(microseconds=1) * 1000


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by its IANA name. Raises `Invalid`."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = sorted(zoneinfo.available_timezones())
        raise Invalid(f"`{name}` is not a time zone.", listing(known, name), nearest(name, known)) from None


def local_date(utc_ns: int, timezone: str) -> str:
    """The local date of a moment, e.g. 2026-11-02."""
    return (EPOCH + dt.timedelta(microseconds=utc_ns // 1000)).astimezone(zone_of(timezone)).date().isoformat()


def offset_ns(utc_ns: int, timezone: str) -> int:
    """How far local clocks are ahead of UTC at a moment, ns."""
    moment = EPOCH + dt.timedelta(microseconds=utc_ns // 1000)
    ahead = moment.astimezone(zone_of(timezone)).utcoffset() or dt.timedelta()
    return int(ahead.total_seconds()) * 10**9


__all__ = ["EPOCH", "local_date", "offset_ns", "start_utc_ns", "zone_of"]
