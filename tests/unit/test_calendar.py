"""Rates by local hour: daylight saving, odd zones, normalisation, changes at epochs, and the scenario's zero."""

import datetime as dt
import math
import time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simkit.plan.calendar import (
    HOURS,
    local_hours,
    monthly_weights,
    rate_segments,
    start_utc_ns,
    weekly_weights,
)
from simkit.scenario.errors import Invalid
from simkit.scenario.traffic import Seasonality

S = 10**9
HOUR = 3600 * S
DAY = 24 * HOUR
NEW_YORK = "America/New_York"
COUNTING = Seasonality(hours=[float(hour) for hour in range(24)])
"""The weight tells the local hour."""


def utc(*when):
    return int(dt.datetime(*when, tzinfo=dt.UTC).timestamp()) * S


def expected_between(segments, begin, end):
    """Expected arrivals between two times."""
    start, rate, _ = segments
    overlap = np.clip(np.minimum(start[1:], end) - np.maximum(start[:-1], begin), 0, None)
    return math.fsum(rate * overlap)


def test_flat_traffic_is_one_segment():
    start, rate, expected = rate_segments([(-HOUR, 7 * DAY, 2e-9, Seasonality(), "UTC")], utc(2026, 11, 2))
    assert start.tolist() == [-HOUR, 7 * DAY]
    assert rate.tolist() == [2e-9]
    assert expected.tolist() == [0.0, 2e-9 * (7 * DAY + HOUR)]
    assert start.dtype == np.int64


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize("day", [(2026, 3, 8), (2026, 11, 1), (2026, 4, 5), (2026, 10, 4), (2026, 7, 1)], ids=str)
def test_every_segment_has_its_local_hour(zone, day):
    zero = start_utc_ns(dt.datetime(*day), zone) + 17 * 60 * S  # not on the hour
    start, rate, _ = rate_segments([(-5 * HOUR, 2 * DAY, 1e-9, COUNTING, zone)], zero)
    mean = sum(range(24)) / 24
    for begin, end, value in zip(start[:-1], start[1:], rate, strict=True):
        assert begin < end
        for moment in (begin, (begin + end) // 2, end - S):
            local = dt.datetime.fromtimestamp((zero + int(moment)) // S, ZoneInfo(zone))
            assert value == pytest.approx(1e-9 * local.hour / mean)


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 8), 23), ((2026, 11, 1), 25), ((2026, 11, 2), 24)])
def test_a_day_has_its_hours(day, hours):
    zero = start_utc_ns(dt.date(*day), NEW_YORK)
    tomorrow = start_utc_ns(dt.date(*day) + dt.timedelta(days=1), NEW_YORK)
    assert tomorrow - zero == hours * HOUR
    segments = rate_segments([(0, tomorrow - zero, 1e-9, COUNTING, NEW_YORK)], zero)
    twice = {23: -2, 24: 0, 25: 1}[hours]  # hour 2 is left out in March, hour 1 comes twice in November
    assert expected_between(segments, 0, DAY * 2) == pytest.approx(HOUR * 1e-9 / 11.5 * (276 + twice))
    assert segments[2][-1] == pytest.approx(expected_between(segments, 0, DAY * 2))


def test_half_hour_zone_changes_at_half_past():
    zero = start_utc_ns(dt.datetime(2026, 7, 1), "UTC")
    start, _, _ = rate_segments([(0, DAY, 1e-9, COUNTING, "Asia/Kolkata")], zero)
    assert start[:3].tolist() == [0, HOUR // 2, HOUR + HOUR // 2]


def test_half_hour_daylight_saving():
    begin = utc(2026, 4, 4, 12) // S
    starts, offsets = local_hours(begin, begin + 86_400, "Australia/Lord_Howe")
    assert sorted(set(offsets.tolist())) == [37_800, 39_600]
    assert 1800 in np.diff(starts)
    assert np.diff(starts).max() == 3600


@pytest.mark.parametrize("hours", [*HOURS, [1.0] + [0.0] * 23])
@pytest.mark.parametrize("days", [{}, {"weekend": "40%"}, {"weekdays": [0, 1, 2, 3, 4, 5, 6]}], ids=str)
def test_the_weekly_mean_stays(hours, days):
    season = Seasonality.model_validate({"hours": hours, **days})
    assert weekly_weights(season).shape == (168,)
    assert weekly_weights(season).mean() == pytest.approx(1, rel=1e-14)
    week = rate_segments([(0, 7 * DAY, 3e-9, season, "Asia/Tokyo")], utc(2026, 6, 10, 5))
    assert week[2][-1] == pytest.approx(3e-9 * 7 * DAY, rel=1e-12)


def test_weekend_and_months():
    season = Seasonality.model_validate({"weekend": "40%", "months": [1] * 11 + [2]})
    zero = start_utc_ns(dt.date(2026, 11, 30), NEW_YORK)  # a Monday
    segments = rate_segments([(0, 8 * DAY, 1e-9, season, NEW_YORK)], zero)
    monday, tuesday, saturday = (expected_between(segments, d * DAY, d * DAY + DAY) for d in (0, 1, 5))
    assert saturday / tuesday == pytest.approx(0.4)
    assert tuesday / monday == pytest.approx(2)
    assert monthly_weights(season).mean() == pytest.approx(1)
    assert len(segments[0]) == 5  # Monday | Tuesday to Friday | weekend | Monday, and the end


def test_pieces_split_at_epochs():
    season = Seasonality(hours="office")
    zero = utc(2026, 11, 2)
    whole = rate_segments([(-HOUR, 2 * DAY, 1e-9, season, NEW_YORK)], zero)
    change = 10 * HOUR + 12345
    split = rate_segments([(-HOUR, change, 1e-9, season, NEW_YORK), (change, 2 * DAY, 3e-9, season, NEW_YORK)], zero)
    assert change in split[0]
    assert len(split[0]) == len(whole[0]) + 1
    assert expected_between(split, -HOUR, change) == pytest.approx(expected_between(whole, -HOUR, change))
    after = expected_between(whole, change, 2 * DAY)
    assert expected_between(split, change, 2 * DAY) == pytest.approx(3 * after)
    same = rate_segments([(0, DAY, 1e-9, Seasonality(), "UTC"), (DAY, 2 * DAY, 1e-9, Seasonality(), "UTC")], zero)
    assert same[0].tolist() == [0, DAY, 2 * DAY]


def test_a_year_by_the_hour_is_quick():
    season = Seasonality(hours="office")
    begin = time.perf_counter()
    start, _, expected = rate_segments([(-HOUR, 365 * DAY, 1e-9, season, NEW_YORK)], utc(2026, 11, 2))
    assert time.perf_counter() - begin < 0.3
    assert 7000 < len(start) < 8800
    assert expected[-1] == pytest.approx(1e-9 * 365 * DAY, rel=1e-3)


def test_named_profiles_have_the_shape_that_they_claim():
    for name, peak in (("office", 2.2), ("evening", 2.2)):
        assert max(HOURS[name]) / np.mean(HOURS[name]) == pytest.approx(peak, abs=0.05)
    day, night = HOURS["global"][8:20], HOURS["global"][:8] + HOURS["global"][20:]
    assert np.mean(day) / np.mean(night) == pytest.approx(1.33, abs=0.01)


@pytest.mark.parametrize(
    ("start", "zone", "expected"),
    [
        (dt.date(2026, 11, 2), "UTC", (2026, 11, 2)),
        (dt.date(2026, 11, 2), NEW_YORK, (2026, 11, 2, 5)),
        (dt.datetime(2026, 7, 1, 12), "Asia/Kolkata", (2026, 7, 1, 6, 30)),
        (dt.datetime(2026, 7, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))), NEW_YORK, (2026, 7, 1, 10)),
        (dt.datetime(2026, 11, 1, 1, 30), NEW_YORK, (2026, 11, 1, 5, 30)),  # comes twice: the first
        (dt.datetime(2026, 11, 1, 1, 30, fold=1), NEW_YORK, (2026, 11, 1, 5, 30)),
        (dt.datetime(2026, 3, 8, 3, 0), NEW_YORK, (2026, 3, 8, 7)),
    ],
    ids=str,
)
def test_zero(start, zone, expected):
    assert start_utc_ns(start, zone) == utc(*expected)


def test_zero_keeps_microseconds():
    assert start_utc_ns(dt.datetime(2026, 11, 2, 0, 0, 0, 1), "UTC") == utc(2026, 11, 2) + 1000


@pytest.mark.parametrize(
    ("start", "zone", "words", "hint"),
    [
        (dt.datetime(2026, 3, 8, 2, 30), NEW_YORK, "does not exist", "Write 2026-03-08 03:30."),
        (dt.date(2026, 3, 8), "America/New_Yrok", "not a time zone", "Did you mean `America/New_York`?"),
        (dt.date(2026, 3, 8), "../secrets", "not a time zone", ""),
        (dt.date(1815, 6, 18), "UTC", "out of reach", ""),
    ],
)
def test_impossible_zeros_are_explained(start, zone, words, hint):
    with pytest.raises(Invalid, match=words) as caught:
        start_utc_ns(start, zone)
    assert caught.value.hint == hint


@pytest.mark.parametrize("weights", [[0.0] * 24, [-1.0] + [1.0] * 23, [math.nan] + [1.0] * 23, [math.inf] + [1.0] * 23])
def test_unusable_weights_are_refused(weights):
    with pytest.raises(Invalid, match="hours"):
        weekly_weights(Seasonality.model_construct(hours=weights))
