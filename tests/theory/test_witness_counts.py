"""Witnesses of counting: arrivals by the hour across DST changes, Little's law on every station, a full bucket."""

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray
from witness import CHANGED, LIMIT, SECOND, compiled, measured, overlap, standing

from simkit import theory
from simkit.engine import run_plan
from simkit.engine.codes import Kind
from simkit.engine.log import Log

ENGINES = ("compiled", pytest.param("reference", marks=[pytest.mark.slow, pytest.mark.long]))
MODEL: dict[str, Any] = {
    "deployments": [{"provider": "p"}],
    "ttft": "1ms",
    "tokens_per_second": 100,
    "prices": {"input": "$1", "output": "$1"},
}
CALL: dict[str, Any] = {"name": "answer", "model": "m", "input": 1, "output": 0}
HOUR = 3600
BERLIN = ZoneInfo("Europe/Berlin")
STANDARD = dt.timezone(dt.timedelta(hours=2))
"""A clock that does not know that summer time ends: what a twin would use."""
BUSY = [0.3, 0.3, 12, *[0.3] * 21]
"""The hour that the clocks go through twice (or not at all) is the busy one."""
NIGHTLY = [1.5, 0.5, 3, 0.25, *[1.0] * 12, *[2.0] * 8]
WEEK = [1.0, 1.2, 1.1, 1.0, 0.9, 0.4, 0.4]


def scenario(start: str, hours: list[float], hourly: float, length: str, **traffic: Any) -> dict[str, Any]:
    """Arrivals by local hour; an action is one nanosecond of work."""
    season = {"hours": hours} | traffic.pop("season", {})
    return {
        "start": start,
        "horizon": length,
        "warmup": "0s",
        "traffic": {"rate": f"{hourly}/h", "timezone": "Europe/Berlin", "seasonality": season} | traffic,
        "actions": {"ask": {"calls": [{"name": "work", "work": "1ns"}]}},
        "models": {"m": MODEL},
        "resilience": {"client": "none"},
    }


def local_hours(start: str, count: int, zone: dt.tzinfo = BERLIN) -> list[dt.datetime]:
    """Local time at the start of each hour since the start (midnight in Berlin)."""
    zero = dt.datetime.fromisoformat(start).replace(tzinfo=BERLIN).astimezone(dt.UTC)
    return [(zero + dt.timedelta(hours=h)).astimezone(zone) for h in range(count)]


def expected_counts(
    clock: list[dt.datetime], hourly: float, hours: list[float], week: list[float] | None = None
) -> NDArray[np.float64]:
    """Expected arrivals of each hour: the rate times the hour's and the day's weight, whose weekly mean is 1."""
    days = week or [1.0] * 7
    mean = sum(hours) / 24 * sum(days) / 7
    rates = [hourly / HOUR * hours[t.hour] * days[t.weekday()] / mean for t in clock]
    return theory.nhpp_counts([h * HOUR for h in range(len(clock))], rates, [h * HOUR for h in range(len(clock) + 1)])


def counts(log: Log, hours: int) -> NDArray[np.int64]:
    """Arrivals in each hour since the start."""
    which = log.actions["arrival"] // (HOUR * 10**9)
    return np.bincount(which[(which >= 0) & (which < hours)], minlength=hours)


def dispersion(found: NDArray[np.int64], expected: NDArray[np.float64]) -> float:
    """Mean squared distance from the expected count over that count: 1 for Poisson, with variance 2 a cell."""
    return float(((found - expected) ** 2 / expected).mean())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("start", ["2026-10-24", "2027-03-27"])  # the clocks change on the next day
def test_evenly_spaced_arrivals_by_hour(start: str, engine: str, tmp_path: Path) -> None:
    """Without noise, each hour of 9 days holds the expected count to within one arrival."""
    plan = compiled(scenario(start, NIGHTLY, 60, "216h", process="deterministic", season={"weekdays": WEEK}), tmp_path)
    found = counts(run_plan(plan, engine=engine), 216)
    expected = expected_counts(local_hours(start, 216), 60, NIGHTLY, WEEK)
    assert np.all(np.abs(found - expected) < 1.001)
    fixed = expected_counts(local_hours(start, 216, STANDARD), 60, NIGHTLY, WEEK)
    assert not np.all(np.abs(found - fixed) < 1.001)
    assert not np.all(np.abs(found - CHANGED * expected) < 1.001)


def test_clock_of_the_witness_changes() -> None:
    twice = [t.hour for t in local_hours("2026-10-24", 72)].count(2)
    never = [t.hour for t in local_hours("2027-03-27", 72)].count(2)
    assert (twice, never) == (4, 2)


@pytest.mark.parametrize("engine", ENGINES)
def test_poisson_arrivals_by_hour(engine: str, tmp_path: Path) -> None:
    """Three days around the end of summer time: the doubled hour, the same hour of other days, and the rest."""
    plan = compiled(scenario("2026-10-24", BUSY, 100, "73h"), tmp_path)
    found = np.array([counts(run_plan(plan, 1, r, engine), 73) for r in range(21)])
    clock = local_hours("2026-10-24", 73)
    expected = expected_counts(clock, 100, BUSY)
    busy = np.array([t.hour == 2 for t in clock])
    sunday = np.array([t.day == 25 for t in clock])
    for bins in (busy & sunday, busy & ~sunday, ~busy):
        sample, closed = found[:, bins].sum(axis=1), expected[bins].sum()
        distance, error = standing(sample, closed)
        assert error <= 0.005
        assert distance <= LIMIT
        assert standing(sample, CHANGED * closed)[0] > LIMIT
    assert busy[sunday].sum() == 2
    assert abs(dispersion(found, expected) - 1) <= LIMIT * np.sqrt(2 / found.size)


@pytest.mark.parametrize("engine", ENGINES)
def test_bursty_arrivals_are_not_poisson(engine: str, tmp_path: Path) -> None:
    """Gamma gaps keep the expected counts, but spread them by cv squared where many arrive in an hour."""
    plan = compiled(scenario("2026-10-24", BUSY, 100, "73h", process="gamma", cv=1.5), tmp_path)
    found = np.array([counts(run_plan(plan, 1, r, engine), 73) for r in range(4)])
    expected = expected_counts(local_hours("2026-10-24", 73), 100, BUSY)
    assert dispersion(found, expected) == pytest.approx(1.5**2, rel=LIMIT * np.sqrt(2 / found.size))


STATIONS = {
    "service queue": ("actions", "arrival", "start"),
    "service": ("actions", "start", "end"),
    "deployment queue": ("attempts", "dispatched", "started"),
    "deployment": ("attempts", "started", "released"),
}


def station_figures(log: Log, horizon: int, table: str, entry: str, leave: str) -> tuple[float, float, float]:
    """Time-average of the number in a station, rate of entries, and mean time in it, by the clock of [0, horizon)."""
    rows = getattr(log, table)
    start, end = rows[entry], np.where(rows[leave] < rows[entry], log.ended, rows[leave])
    inside = (start >= 0) & (start < horizon)
    number = overlap(start, end, horizon).sum() / horizon
    return float(number), inside.sum() / (horizon / SECOND), float((end - start)[inside].mean()) / SECOND


@pytest.mark.parametrize("engine", ENGINES)
def test_littles_law_on_every_station(engine: str, tmp_path: Path) -> None:
    """The number in each station is rate x time, over two queues in one another; the runs share no other law."""
    plan = compiled(
        {
            "horizon": "1000s",
            "warmup": "60s",
            "traffic": {"rate": "4/s"},
            "service": {"workers": 4, "overhead": {"exponential": {"mean": "100ms"}}},
            "actions": {"ask": {"calls": [CALL | {"output": {"mean": 20, "p95": 50}}]}},
            "models": {"m": MODEL | {"concurrency": 2, "ttft": {"exponential": {"mean": "100ms"}}}},
            "resilience": {"client": "none"},
        },
        tmp_path,
    )
    logs = [run_plan(plan, 1, r, engine) for r in range(10)]
    for station in STATIONS.values():
        figures = np.array([station_figures(log, plan.horizon, *station) for log in logs])
        number, product = figures[:, 0], np.array([theory.little(rate, time) for _, rate, time in figures])
        distance, error = standing(number / product, 1.0)
        assert error <= 0.005, station
        assert distance <= LIMIT, station
        assert standing(number / (CHANGED * product), 1.0)[0] > LIMIT, station


@pytest.mark.parametrize("engine", ENGINES)
def test_saturated_bucket(engine: str, tmp_path: Path) -> None:
    """Evenly spaced demand above the limit: exactly the limit passes; below it, all of it; Retry-After by hand."""
    for rate, limit in ((5, 120), (1, 120)):
        document = {
            "horizon": "200s",
            "warmup": "20s",
            "traffic": {"rate": f"{rate}/s", "process": "deterministic"},
            "actions": {"ask": {"calls": [CALL]}},
            "models": {"m": MODEL},
            "quotas": {"q": {"requests": f"{limit}/min", "burst": "1s", "of": ["p"]}},
            "resilience": {"client": "none"},
        }
        plan = compiled(document, tmp_path)
        log = run_plan(plan, engine=engine)
        rows = measured(log, plan)
        passed = int((rows["reason"] == Kind.OK).sum())
        expected = theory.bucket_throughput(rate, limit / 60) * 200
        assert abs(passed - expected) <= 1
        assert abs(passed - CHANGED * expected) > 1
        refused = log.attempts["retry_after"][log.attempts["outcome"] == Kind.RATE_LIMIT]
        # demand every 0.2s, room every 0.5s: in each second two pass, the others are 0.1s to 0.4s early
        assert set(refused.tolist()) <= {100_000_000, 200_000_000, 300_000_000, 400_000_000}
        assert (len(refused) > 0) == (rate > limit / 60)
