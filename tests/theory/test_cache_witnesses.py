"""Caches of answers against closed forms: one small scenario each."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import MODEL, POISSON, percent, policy, scenario
from witness import (
    CHANGED,
    ENGINE,
    SECOND,
    Figure,
    Floats,
    Witness,
    assert_holds,
    assert_told_apart,
    compiled,
    duration,
    measured,
)

from simkit.engine import run_plan
from simkit.engine.codes import Cause, Kind, Lookup
from simkit.engine.log import Log
from simkit.plan.plan import Plan

pytestmark = pytest.mark.slow
SEED = 2060
RATE = 100.0
"""Arrivals a second."""


def zipf(number: int, exponent: float) -> Floats:
    """Share of each question."""
    weights = np.arange(1, number + 1, dtype=np.float64) ** -exponent
    shares: Floats = weights / weights.sum()
    return shares


def ttl_hits(shares: Floats, rate: float, ttl: float) -> float:
    """Share of hits where an answer lives for `ttl` from its writing, whoever reads it.

    A miss of a question is followed by Poisson(its rate x ttl) hits, and the next one is a miss again.
    """
    hits = shares * rate * ttl
    return float((shares * hits / (1 + hits)).sum())


def filled(shares: Floats, rate: float, start: float, end: float) -> float:
    """Mean share of hits between two times since an unlimited cache was empty: the mean of
    sum p (1 - exp(-rate p t))."""
    each = shares * rate
    return float((shares * (1 - (np.exp(-each * start) - np.exp(-each * end)) / (each * (end - start)))).sum())


def che(shares: Floats, capacity: int) -> float:
    """Share of hits of an LRU cache by the approximation of Che, Tung and Wang (2002).

    An answer stays for as long as it takes until `capacity` other questions have been asked, which is taken as fixed.
    """
    low, high = 0.0, 1.0
    while (1 - np.exp(-shares * high)).sum() < capacity:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 - np.exp(-shares * middle)).sum() < capacity else (low, middle)
    return float((shares * (1 - np.exp(-shares * high))).sum())


def looked_up(log: Log, plan: Plan) -> dict[str, Any]:
    """Lookups of the actions that arrived in the measured period."""
    inside = (log.lookups["arrival"] >= 0) & (log.lookups["arrival"] < plan.horizon)
    return {name: column[inside] for name, column in log.lookups.items()}


def results(log: Log, plan: Plan) -> dict[str, float]:
    """Share of each result of a lookup, and of the actions that look anything up."""
    rows = looked_up(log, plan)
    shares = {one.name.lower(): float((rows["result"] == one).mean()) for one in Lookup}
    return shares | {"asked": len(rows["time"]) / len(measured(log, plan)["action"])}


def asking(count: int, exact: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Poisson arrivals whose answers take no time and are kept in an exact cache."""
    return scenario(count, process=POISSON, caches={"exact": {"lookup": "0s"} | exact}, **parts)


# --- lives and room -----------------------------------------------------------------------------------

# 1,000 questions, an answer lives for 2 s; three fifths of the actions may be looked up
TTL = Witness(
    "ttl_zipf",
    lambda f: asking(
        60_000,
        {"keys": {"zipf": 1.0, "count": 1_000}, "ttl": duration(2 * f), "cacheable": percent(0.6 * f)},
        warmup="40s",
    ),
    results,
    {"hit": Figure(ttl_hits(zipf(1_000, 1.0), 0.6 * RATE, 2)), "asked": Figure(0.6)},
)

# 20,000 questions, room for 1,000 of them or 4,000; Che's time is 18 s and 106 s
MANY = zipf(20_000, 0.8)


def crowded(capacity: float, warmup: str) -> dict[str, Any]:
    return asking(60_000, {"keys": {"zipf": 0.8, "count": 20_000}, "capacity": round(capacity)}, warmup=warmup)


LRU = Witness("che_lru", lambda f: crowded(1_000 * f, "100s"), results, {"hit": Figure(che(MANY, 1_000))})
LRU_LARGE = Witness(
    "che_lru_large",
    lambda f: crowded(4_000 * f, "500s"),
    results,
    {"hit": Figure(che(MANY, 4_000))},
    replications=12,
    twin_replications=8,
)


def by_third(log: Log, plan: Plan) -> dict[str, float]:
    """Share of hits in each third of the run."""
    rows = looked_up(log, plan)
    third = 3 * rows["time"] // plan.horizon
    hit = rows["result"] == Lookup.HIT
    return {name: float(hit[third == i].mean()) for i, name in enumerate(("first", "second", "third"))}


# Cold, unlimited and for ever, 60 s long
COLD = Witness(
    "cold_fill",
    lambda f: asking(6_000, {"keys": {"zipf": 0.8 * f, "count": 5_000}}),
    by_third,
    {
        name: Figure(filled(zipf(5_000, 0.8), RATE, 20 * i, 20 * i + 20))
        for i, name in enumerate(("first", "second", "third"))
    },
    replications=60,
    twin_replications=60,
)


def in_outage(log: Log, plan: Plan) -> dict[str, float]:
    """What becomes of the actions that arrive while nothing answers."""
    rows = measured(log, plan)
    late = rows["arrival"] >= log.incidents["start"][0]
    found = {"stale": Kind.STALE, "failed": Kind.SERVER_ERROR}
    return {name: float((rows["reason"][late] == kind).mean()) for name, kind in found.items()}


# A second that nobody's answer outlives, and an outage from 30 s on: who asks what was ever asked gets the old answer
KNOWN = filled(zipf(5_000, 0.8), RATE, 30, 30 + 1e-6)
STALE = Witness(
    "stale_share",
    lambda f: asking(
        6_000,
        {"keys": {"zipf": 0.8 * f, "count": 5_000}, "ttl": "1ms"},
        incidents=[{"at": "30s", "lasts": "30s", "target": "p", "error_rate": "100%"}],
        resilience=policy() | {"degrade": [{"stale_cache": {"takes": "1ns"}}]},
    ),
    in_outage,
    {"stale": Figure(KNOWN), "failed": Figure(1 - KNOWN)},
    replications=60,
    twin_replications=60,
)

# --- questions that mean the same ---------------------------------------------------------------------


def wrong(log: Log, plan: Plan) -> dict[str, float]:
    """Share of lookups that find anything, and of answers that are bad."""
    rows = looked_up(log, plan)
    found = (rows["result"] == Lookup.HIT) | (rows["result"] == Lookup.FALSE)
    return {"found": float(found.mean()), "bad": float((measured(log, plan)["good"] == 0).mean())}


# 500 clusters for 3 s; two fifths of what is found is the answer to something else, all others are good
FOUND = ttl_hits(zipf(500, 1.0), RATE, 3)
FALSE = Witness(
    "false_share",
    lambda f: scenario(
        30_000,
        process=POISSON,
        warmup="60s",
        models={"m": MODEL | {"quality": {"any": "100%"}}},
        caches={
            "semantic": {
                "clusters": {"zipf": 1.0 * f, "count": 500},
                "ttl": "3s",
                "lookup": "0s",
                "false_hits": percent(0.4 * f),
            }
        },
    ),
    wrong,
    {"found": Figure(FOUND), "bad": Figure(0.4 * FOUND)},
)


def ramp_up(log: Log, plan: Plan) -> dict[str, float]:
    """Share of hits while it fills after the start, after it has filled, and while it fills again."""
    rows = looked_up(log, plan)
    hit, second = rows["result"] == Lookup.HIT, rows["time"] / SECOND
    spans = {"filling": (0, 100), "full": (100, 200), "again": (200, 300)}
    return {name: float(hit[(second >= a) & (second < b)].mean()) for name, (a, b) in spans.items()}


# 60 %, as 1 - (1 - t / 100 s)^2 while it fills: two thirds of it on average; emptied at 200 s
RAMP = Witness(
    "ramp",
    lambda f: scenario(
        30_000,
        caches={"exact": {"hit_rate": percent(0.6 * f), "ramp": "100s", "lookup": "0s", "emptied": ["200s"]}},
    ),
    ramp_up,
    {"filling": Figure(0.6 * 2 / 3), "full": Figure(0.6), "again": Figure(0.6 * 2 / 3)},
)

# --- misses at the same time --------------------------------------------------------------------------

SHARES, TAKES, LIVES = zipf(20, 1.0), 0.1, 0.2


def cycles(extra: Floats) -> tuple[Floats, Floats]:
    """Arrivals of each question while its answer is made, and in a whole cycle: from the miss that finds nothing at all
    to the next such one, `extra` seconds longer than the answer's making and its life."""
    each = SHARES * RATE
    return each * TAKES, each * (TAKES + LIVES + extra) + 1


def joined_shares() -> dict[str, Figure]:
    """Renewal: one miss a cycle, Poisson arrivals join while the answer is made, the others find it."""
    joined, whole = cycles(np.zeros(len(SHARES)))
    return {
        "miss": Figure(float((SHARES / whole).sum())),
        "joined": Figure(float((SHARES * joined / whole).sum())),
        "calls": Figure(float((SHARES / whole).sum())),
    }


def alone_shares() -> dict[str, Figure]:
    """Renewal without waiting: all arrivals until the first answer miss; the last of them writes last.

    It came on average d - (1 - exp(-rate d)) / rate after the first, and lengthens the life by that.
    """
    each = SHARES * RATE
    joined, whole = cycles(TAKES - (1 - np.exp(-each * TAKES)) / each)
    share = float((SHARES * (1 + joined) / whole).sum())
    return {"miss": Figure(share), "calls": Figure(share)}


def upstream(log: Log, plan: Plan) -> dict[str, float]:
    """Shares of results, those of a question whose answer is too old being misses, and calls of a model an action."""
    rows, shares = measured(log, plan), results(log, plan)
    called = log.attempts["cause"] == Cause.FIRST
    calls = float(np.isin(log.attempts["action"][called], rows["action"]).sum()) / len(rows["action"])
    return shares | {"miss": shares["miss"] + shares["expired"], "calls": calls}


def together(f: float, coalesce: bool) -> dict[str, Any]:
    """20 questions, 0.1 s until an answer, which lives for 0.2 s."""
    exact = {"keys": {"zipf": 1.0, "count": 20}, "ttl": duration(LIVES), "coalesce": coalesce}
    return asking(30_000, exact, warmup="10s", models={"m": MODEL | {"ttft": duration(TAKES * f)}})


COALESCING = Witness("coalescing", lambda f: together(f, True), upstream, joined_shares())
ALONE = Witness("without_coalescing", lambda f: together(f, False), upstream, alone_shares())

# --- against twenty lines of other code ---------------------------------------------------------------


def lru_hits(keys: list[int], capacity: int) -> list[bool]:
    """Which of the questions find an answer, one after another."""
    kept: OrderedDict[int, None] = OrderedDict()
    hits = []
    for key in keys:
        hits.append(key in kept)
        kept[key] = None
        kept.move_to_end(key)
        if len(kept) > capacity:
            kept.popitem(last=False)
    return hits


def lfu_hits(keys: list[int], capacity: int) -> list[bool]:
    """The least often used goes, counted up to 255 and from 0; of several the one whose last use is longest ago."""
    kept: dict[int, tuple[int, int]] = {}
    hits = []
    for now, key in enumerate(keys):
        hits.append(key in kept)
        if key not in kept and len(kept) == capacity:
            del kept[min(kept, key=kept.__getitem__)]
        kept[key] = (min(kept[key][0] + 1, 255), now) if key in kept else (0, now)
    return hits


@pytest.mark.parametrize(("evicts", "hits"), [("lru", lru_hits), ("lfu", lfu_hits)])
@pytest.mark.parametrize("emptied", [[], ["70s"]])
def test_evictions_one_by_one(evicts: str, hits: Any, emptied: list[str], tmp_path: Path) -> None:
    """Every single lookup of 20,000 finds what a plain dict would have; one place more or less and some do not."""
    exact = {"keys": {"zipf": 0.9, "count": 400}, "capacity": 34, "evicts": evicts, "emptied": emptied}
    log = run_plan(compiled(asking(20_000, exact), tmp_path), SEED, 0, ENGINE)
    rows = log.lookups
    assert (np.diff(rows["time"]) > 1).all()  # each is answered before the next, so that writes come in this order
    found = (rows["result"] == Lookup.HIT).tolist()
    parts = np.split(rows["key"], np.searchsorted(rows["time"], [70 * SECOND] if emptied else []))

    def expected(capacity: int) -> list[bool]:
        return [hit for part in parts for hit in hits(part.tolist(), capacity)]

    assert found == expected(34)
    assert len(rows["key"]) > 19_000 and 0.2 < np.mean(found) < 0.8
    assert found != expected(round(34 * CHANGED)) and found != expected(33)


def test_lfu_lies_between_lru_and_what_never_changes(tmp_path: Path) -> None:
    """With fixed popularity it beats LRU, and is no better than to keep the most popular for ever."""
    shares, kept = zipf(400, 0.9), 34
    found = {}
    for evicts in ("lru", "lfu"):
        exact = {"keys": {"zipf": 0.9, "count": 400}, "capacity": kept, "evicts": evicts}
        plan = compiled(asking(100_000, exact, warmup="100s"), tmp_path)
        found[evicts] = results(run_plan(plan, SEED, 0, ENGINE), plan)["hit"]
    assert che(shares, kept) * 0.99 < found["lru"] < che(shares, kept) * 1.01
    assert 1.05 * found["lru"] < found["lfu"] < float(shares[:kept].sum())


def test_a_warm_cache_holds_the_most_popular(tmp_path: Path) -> None:
    """Until one of them has gone, exactly the 34 most popular of 400 questions find an answer."""
    exact = {"keys": {"zipf": 0.9, "count": 400}, "capacity": 34, "start": "warm"}
    rows = run_plan(compiled(asking(2_000, exact), tmp_path), SEED, 0, ENGINE).lookups
    before = [*range(33, -1, -1), *rows["key"].tolist()]  # as if they had been asked, the most popular last
    assert (rows["result"] == Lookup.HIT).tolist() == lru_hits(before, 34)[34:]


def test_lives_one_by_one(tmp_path: Path) -> None:
    """Every single lookup, with lives and with answers that take their time: hit, too old, or never asked."""
    exact = {"keys": {"zipf": 0.9, "count": 400}, "ttl": "700ms"}
    document = asking(20_000, exact, models={"m": MODEL | {"ttft": {"exponential": {"mean": "300ms"}}}})
    log = run_plan(compiled(document, tmp_path), SEED, 0, ENGINE)
    rows, answered = log.lookups, log.attempts["outcome"] == Kind.OK
    key_of = dict(zip(rows["action"].tolist(), rows["key"].tolist(), strict=True))
    ended, action = (log.attempts[name][answered].tolist() for name in ("ended", "action"))
    writes = [(time, key_of[one]) for time, one in sorted(zip(ended, action, strict=True))]
    for life, same in ((700, True), (round(700 * CHANGED), False)):
        born: dict[int, int] = {}
        expected, done = [], 0
        for time, key in zip(rows["time"].tolist(), rows["key"].tolist(), strict=True):
            while done < len(writes) and writes[done][0] <= time:
                born[writes[done][1]] = writes[done][0]
                done += 1
            age = time - born[key] if key in born else -1
            expected.append(Lookup.MISS if age < 0 else Lookup.HIT if age < life * 10**6 else Lookup.EXPIRED)
        assert (rows["result"].tolist() == expected) == same


# --- all of it ----------------------------------------------------------------------------------------

WITNESSES = (TTL, LRU, LRU_LARGE, COLD, STALE, FALSE, RAMP, COALESCING, ALONE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_caches(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)
