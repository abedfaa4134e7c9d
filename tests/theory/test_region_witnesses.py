"""Regions against closed forms: how often nobody serves, how soon it is known and heard of, what a failover costs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import CALL, EVEN, MODEL, POISSON, exponential, percent, scenario
from witness import (
    CHANGED,
    ENGINE,
    SECOND,
    Figure,
    Witness,
    assert_holds,
    assert_told_apart,
    compiled,
    duration,
    measured,
)

from simkit import theory
from simkit.engine import run_plan
from simkit.engine.codes import Kind, Lookup, Notice, Outcome
from simkit.engine.log import Log
from simkit.plan.plan import Plan

pytestmark = pytest.mark.slow
SEED = 2031
UP, DOWN = 40.0, 20.0
INTERVAL, FAILURES, TIMEOUT = 2.0, 3, 1.0
DETECTED = theory.detection_time(INTERVAL, FAILURES, TIMEOUT)
US, EU = 0, 1


def failing(up: float = UP, down: float = DOWN) -> list[dict[str, Any]]:
    """Random incidents that take a region down for so long."""
    gap = {"uniform": {"low": duration(up / 2), "high": duration(1.5 * up)}}
    return [{"time_between_failures": gap, "duration": duration(down)}]


def routing(interval: float = INTERVAL, **more: Any) -> dict[str, Any]:
    """Health checks; nobody waits for anything."""
    health = {"interval": duration(interval), "failures": FAILURES, "successes": 1, "timeout": duration(TIMEOUT)}
    return {"health": health, "dns": {"ttl": "0s"}, "connect_timeout": "0s"} | more


def two(us: dict[str, Any] | None = None, eu: dict[str, Any] | None = None) -> dict[str, Any]:
    """All users are in us; eu is further away."""
    return {
        "us": {"share": "100%", "rtt": {"us": "0s", "eu": "1ms"}} | (us or {}),
        "eu": {"share": "0%", "rtt": {"us": "1ms", "eu": "0s"}} | (eu or {}),
    }


def steady(rate: str = "10/s", horizon: str = "6000s", **parts: Any) -> dict[str, Any]:
    """Actions at even distances; in the usual time fall a hundred incidents."""
    return scenario(0, horizon=horizon, traffic={"rate": rate, "process": EVEN}, **parts)


def lost(log: Log, plan: Plan) -> dict[str, float]:
    """Share of the actions that nobody served."""
    return {"lost": float((measured(log, plan)["outcome"] != Outcome.OK).mean())}


# --- availability ---------------------------------------------------------------------------------------

ONE_REGION = Witness(
    "one_region",
    lambda f: steady(
        routing=routing(),
        regions={"us": {"outages": failing(down=DOWN * f)}},
    ),
    lost,
    {"lost": Figure(1 - theory.availability(UP, DOWN), power=0.02)},
    twin_replications=48,
)

# The other one is always there, but users hear of it after detection and within 4 s
TWO_REGIONS = Witness(
    "two_regions",
    lambda f: steady(
        regions=two({"outages": failing()}),
        routing=routing(INTERVAL * f, dns={"ttl": duration(4 * f)}),
    ),
    lost,
    {"lost": Figure(theory.failover_loss(UP, DOWN, DETECTED, 4), power=0.02)},
)

# Both fail
BOTH_FAIL = Witness(
    "both_fail",
    lambda f: steady(
        regions=two({"outages": failing(down=DOWN * f)}, {"outages": failing(down=DOWN * f)}),
        routing=routing(INTERVAL * f),
    ),
    lost,
    {"lost": Figure(theory.failover_loss_both(UP, DOWN, DETECTED, INTERVAL / 2), power=0.02)},
    replications=48,
    twin_replications=48,
)

# Both stand in one cloud, whose incidents take them together: the second is no help
ONE_CLOUD = Witness(
    "one_cloud",
    lambda f: steady(
        providers={"p": {}, "cloudy": {"outages": failing(down=DOWN * f)}},
        regions=two({"cloud": "cloudy"}, {"cloud": "cloudy"}),
        routing=routing(),
    ),
    lost,
    {"lost": Figure(1 - theory.availability(UP, DOWN), power=0.02)},
    twin_replications=48,
)


def refused(log: Log, plan: Plan) -> dict[str, float]:
    """Shares of the actions that may not go where they could, and that find nobody."""
    reason = measured(log, plan)["reason"]
    return {"rejected": float((reason == Kind.RESIDENCY).mean()), "failed": float((reason == Kind.REGION_DOWN).mean())}


# Data that may not leave us: what would go to eu is rejected once the loss is known, until the return is
RESIDENCY = Witness(
    "residency",
    lambda f: steady(
        regions=two({"outages": failing(down=DOWN * f), "residency": {"regions": ["us"]}}),
        routing=routing(),
    ),
    refused,
    {
        "rejected": Figure((DOWN - DETECTED + INTERVAL / 2) / (UP + DOWN), power=0.02),
        "failed": Figure(DETECTED / (UP + DOWN), power=0.02, twin=False),
    },
    twin_replications=48,
)


# --- how soon it is known, and heard of -------------------------------------------------------------------


def detections(log: Log, plan: Plan) -> dict[str, float]:
    """Mean time from a loss until it is published, and from the return until that is."""
    rows = log.regions
    mine = (rows["region"] == US) & (rows["what"] != Notice.REPLICAS)
    time, what, value = (rows[name][mine] for name in ("time", "what", "value"))
    told = (what[:-1] == Notice.AVAILABLE) & (what[1:] == Notice.PUBLISHED)
    after = np.diff(time)[told] / SECOND
    return {"down": float(after[value[:-1][told] == 0].mean()), "up": float(after[value[:-1][told] > 0].mean())}


DETECTION = Witness(
    "detection_time",
    lambda f: steady(
        "1/s",
        "9000s",
        regions=two({"outages": failing()}),
        routing=routing(INTERVAL * f),
    ),
    detections,
    {"down": Figure(DETECTED), "up": Figure(INTERVAL / 2, power=0.02, twin=False)},
    replications=48,
)

TTL, IGNORE, IGNORE_FOR = 60.0, 0.2, 30.0
WINDOWS = {"early": 15.0, "middle": 45.0, "late": 75.0}
"""Middles of the ten seconds in which it is counted who has heard of it: the law is a line there."""


def shifted(log: Log, plan: Plan) -> dict[str, float]:
    """Share of the users that are served elsewhere, so long after the change."""
    rows = measured(log, plan)
    age = rows["arrival"] / SECOND
    each = {name: (age >= middle - 5) & (age < middle + 5) for name, middle in WINDOWS.items()}
    return {name: float((rows["region"][inside] == EU).mean()) for name, inside in each.items()}


DNS = Witness(
    "dns_shift",
    lambda f: steady(
        "1k/s",
        "80s",
        regions=two(),
        routing={"dns": {"ttl": duration(TTL * f), "ignore": percent(IGNORE), "ignore_for": duration(IGNORE_FOR)}},
        changes=[{"at": "0s", "set": {"regions.us.weight": 0}}],
        warmup="1s",
    ),
    shifted,
    {name: Figure(theory.dns_shift(middle, TTL, IGNORE, IGNORE_FOR)) for name, middle in WINDOWS.items()},
    replications=36,
)

# --- what a failover costs --------------------------------------------------------------------------------

SERVICE, WORKERS = 0.024, 4
"""Of 100 a second, half in each region, 100 in one of them when the other is lost: 60 % busy."""


def waiting(log: Log, plan: Plan) -> dict[str, float]:
    """Mean wait of those who are served after the failover."""
    rows = measured(log, plan)
    after = (rows["arrival"] >= 5 * SECOND) & (rows["region"] == EU)
    return {"wait": float(rows["waited"][after].mean()) / SECOND}


FAILOVER = Witness(
    "failover_wait",
    lambda f: scenario(
        300_000,
        process=POISSON,
        models={"m": MODEL},
        service={"workers": WORKERS, "overhead": exponential(SERVICE * f)},
        regions={name: {"share": "50%", "rtt": {"us": "0s", "eu": "0s"}} for name in ("us", "eu")},
        routing=routing() | {"health": {"interval": "10ms", "failures": 1, "timeout": "0s"}},
        incidents=[{"at": "0s", "lasts": "10h", "target": "us"}],
    ),
    waiting,
    {"wait": Figure(theory.mmc_wait(100, SERVICE, WORKERS))},
)

ASKED, QUESTIONS = 4_000, 2_000


def misses(log: Log, plan: Plan) -> dict[str, float]:
    """Questions that had to be answered."""
    return {"misses": float((log.lookups["result"] == Lookup.MISS).sum())}


def cached(shared: bool, factor: float) -> dict[str, Any]:
    """Questions from two regions, all as popular."""
    keys = {"zipf": 0, "count": round(QUESTIONS * factor)}
    return scenario(
        ASKED + 2,  # none comes at once
        caches={"exact": {"keys": keys, "lookup": "0s", "shared": shared}},
        regions={name: {"share": "50%", "rtt": {"us": "0s" if name == "us" else "1ms", "eu": "0s"}} for name in HOMES},
    )


HOMES = ("us", "eu")
OWN_CACHES = Witness(
    "own_caches",
    lambda f: cached(False, f),
    misses,
    {"misses": Figure(2 * theory.distinct(ASKED / 2, QUESTIONS))},
)
SHARED_CACHE = Witness(
    "shared_cache",
    lambda f: cached(True, f),
    misses,
    {"misses": Figure(theory.distinct(ASKED, QUESTIONS))},
    twin_replications=24,
)


def first_token(log: Log, plan: Plan) -> dict[str, float]:
    """Mean time to the first token."""
    rows = measured(log, plan)
    return {"first_token": float((rows["first_token"] - rows["arrival"]).mean()) / SECOND}


# The way to the deployment comes before its first token
WAY = Witness(
    "way_to_models",
    lambda f: scenario(
        8_000,
        models={"m": MODEL | {"ttft": exponential(0.02)}},
        regions={"us": {"models_rtt": {"p": duration(0.08 * f)}}},
    ),
    first_token,
    {"first_token": Figure(0.08 + 0.02)},
)

# Words of 1000 tokens on average, 1.3 times as many in the language of eu, whose users ask 40 %
LANGUAGE = Witness(
    "language",
    lambda f: scenario(
        10_000,
        [CALL | {"input": {"exponential": {"mean": 1000 * f}}}],
        regions={
            "us": {"share": "60%", "rtt": {"eu": "1ms"}},
            "eu": {"share": "40%", "tokens": 1.3, "rtt": {"us": "1ms"}},
        },
    ),
    lambda log, plan: {
        name: float(log.actions["tokens_in"][log.actions["home"] == home].mean()) for home, name in enumerate(HOMES)
    },
    {"us": Figure(1000), "eu": Figure(1300)},
)

# --- where users are ----------------------------------------------------------------------------------------

DAY = [1.0] * 12 + [3.0] * 12
"""Weights by local hour; their mean is 2. In Tokyo it is 9 hours later."""
COUNTED = {"london": (US, 0, 12), "tokyo_morning": (EU, 0, 3), "tokyo_evening": (EU, 3, 15)}
"""Home and hours UTC, by name."""


def by_home(log: Log, plan: Plan) -> dict[str, float]:
    """Arrivals of the users of a home within some hours."""
    rows = measured(log, plan)
    hour = rows["arrival"] // (3600 * 10**9)
    return {
        name: float(((rows["home"] == home) & (hour >= first) & (hour < beyond)).sum())
        for name, (home, first, beyond) in COUNTED.items()
    }


def expected(home: int, first: int, beyond: int) -> float:
    """Independent Poisson streams of 0.6 and 0.4 a second on average, each by its own clock."""
    rate, offset = ((0.6, 0), (0.4, 9))[home]
    rates = [rate * DAY[(hour + offset) % 24] / 2 for hour in range(24)]
    edges = [first * 3600, beyond * 3600]
    return float(theory.nhpp_counts([hour * 3600 for hour in range(24)], rates, edges)[0])


TIME_ZONES = Witness(
    "time_zones",
    lambda f: scenario(
        0,
        start="2026-11-02",
        horizon="15h",
        traffic={"rate": f"{f}/s", "process": POISSON, "timezone": "UTC", "seasonality": {"hours": DAY}},
        regions={
            "us": {"share": "60%", "timezone": "Europe/London", "rtt": {"eu": "0s"}},
            "eu": {"share": "40%", "timezone": "Asia/Tokyo", "rtt": {"us": "0s"}},
        },
    ),
    by_home,
    {name: Figure(expected(*each)) for name, each in COUNTED.items()},
)

WITNESSES = (
    *(ONE_REGION, TWO_REGIONS, BOTH_FAIL, ONE_CLOUD, RESIDENCY, DETECTION, DNS, FAILOVER),
    *(OWN_CACHES, SHARED_CACHE, WAY, LANGUAGE, TIME_ZONES),
)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_regions(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)


# --- autoscaling, without chance ----------------------------------------------------------------------------


def replica_seconds(folder: Path, factor: float) -> float:
    """Replicas paid over 300 s: ten actions a second of 0.95 s each, from 100 s to 200 s thirty of them."""
    autoscaling = {
        "minimum": 1, "maximum": 20, "target": "50%", "interval": duration(10 * factor), "delay": "20s",
        "stabilisation": "30s", "tolerance": "10%",
    }  # fmt: skip
    plan = compiled(
        steady(
            horizon="300s",
            service={"workers": 10, "replicas": 4, "queue": 0, "overhead": "950ms", "autoscaling": autoscaling},
            changes=[{"at": "100s", "set": {"traffic.rate": "30/s"}}, {"at": "200s", "set": {"traffic.rate": "10/s"}}],
        ),
        folder,
    )  # fmt: skip
    rows = run_plan(plan, 1, 0, ENGINE).regions
    assert set(rows["what"]) == {Notice.REPLICAS}
    until = np.append(rows["time"][1:], plan.horizon)
    return float((np.minimum(until, plan.horizon) - rows["time"]).clip(0) @ rows["value"]) / SECOND


def test_autoscaled_replica_hours_by_hand(tmp_path: Path) -> None:
    """4 replicas of 10 slots, a quarter busy: 2 at the first look, at 10 s; they are near the target. All 20 slots busy
    at 110 s: 2 more ordered, there at 130 s. 28.5 of 40 busy at 140 s: 2 more, there at 160 s: near the target again.
    9.5 busy from 201 s: the looks from 210 s on ask for 3, then 2, but the 6 asked for within 30 s hold until 240 s: 3;
    then the 3 until 250 s: 2."""
    by_hand = 4 * 10 + 2 * 100 + 4 * 30 + 6 * 100 + 3 * 10 + 2 * 50
    assert replica_seconds(tmp_path, 1.0) == by_hand
    assert replica_seconds(tmp_path, CHANGED) != by_hand
