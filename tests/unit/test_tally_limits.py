"""What a tally says of limits against slow, obvious loops over the same logs, and against figures counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_log import HORIZON, HOUR, SECOND, ints, log_of, random_log, rows_of, synthetic_plan

from simkit.engine.codes import Cause, Kind, Outcome
from simkit.plan.plan import NEVER
from simkit.result.tally import tally

PLAN = synthetic_plan()
MINUTE = 60 * SECOND


def naive_bucket(plan, log, b, members, units):
    """Demand of each window of `size`, and who was refused, by the rule in the module's first lines."""
    rows = rows_of(log.attempts)
    rows = [t for t in rows if t["outcome"] != Kind.THROTTLED]
    key = {(t["action"], t["call"], t["repeat"], t["rung"], t["attempt"]): t for t in rows if not t["hedge"]}
    minutes, hours = [0] * (plan.horizon // MINUTE), [0] * (plan.horizon // HOUR)
    for t in rows:
        if t["deployment"] not in members or not 0 <= t["dispatched"] < plan.horizon or t["outcome"] == Kind.TOO_LARGE:
            continue
        before = key.get((t["action"], t["call"], t["repeat"], t["rung"], t["attempt"] - 1))
        if (
            before is not None
            and not t["hedge"]
            and before["outcome"] == Kind.RATE_LIMIT
            and before["deployment"] in members
        ):
            continue
        minutes[t["dispatched"] // MINUTE] += units(t)
        hours[t["dispatched"] // HOUR] += units(t)
    return minutes, hours


@pytest.mark.parametrize("seed", range(4))
def test_demand_of_buckets_equals_a_naive_loop(seed):
    log = random_log(seed)
    tokens, requests = tally(PLAN, log, ()).limits[:2]
    minutes, hours = naive_bucket(PLAN, log, 0, {0}, lambda t: t["tokens_in"] + t["tokens_out"])
    assert tokens.demand.tolist() == hours
    sizes = [60e9 / 2e6] * 240 + [60e9 / 1e6] * 120  # the second epoch, from 4 h on, has twice the limit
    uses = [demand / size for demand, size in zip(minutes, sizes, strict=True)]
    assert tokens.peak_use == pytest.approx(max(uses), rel=1e-12)
    assert tokens.peak_at == uses.index(max(uses)) * MINUTE
    assert tokens.capacity.tolist() == pytest.approx([3.6e12 / 2e6] * 4 + [3.6e12 / 1e6] * 2)
    _, hours = naive_bucket(PLAN, log, 1, {0, 1}, lambda t: 1)
    assert requests.demand.tolist() == hours
    refused = [t for t in rows_of(log.attempts) if t["outcome"] == Kind.RATE_LIMIT and t["deployment"] < 2]
    assert tokens.refused + requests.refused == sum(0 <= t["dispatched"] < HORIZON for t in refused)


def one_call(attempts, **action):
    """A log of one action with these attempts."""
    row = {"arrival": 10 * SECOND, "start": 10 * SECOND, "end": 90 * SECOND, "first_token": 90 * SECOND} | action
    return log_of([row], attempts)


def try_(number, at, outcome, deployment=0, **more):
    cause = Cause.RETRY if number else Cause.FIRST
    row = {"attempt": number, "dispatched": at * SECOND, "ended": at * SECOND, "outcome": outcome, "cause": cause}
    return row | {"deployment": deployment, "tokens_in": 1000, "tokens_out": 200} | more


def done(number, at, **more):
    end = (at + 5) * SECOND
    return try_(number, at, Kind.OK, started=at * SECOND, released=end, first_token=end, **(more | {"ended": end}))


def test_a_refused_request_that_is_tried_again_counts_once_and_waits():
    found = tally(PLAN, one_call([try_(0, 10, 1), try_(1, 12, 1), done(2, 75)]), ()).limits[0]
    assert found.demand.tolist() == [1200, 0, 0, 0, 0, 0]
    assert (found.refused, found.delayed, found.affected) == (2, 2, 1)
    assert found.delay == (2 + 63) * SECOND
    assert found.peak_use == pytest.approx(1200 / 30_000)
    assert found.peak_at == 0


def test_a_retry_after_another_failure_is_new_demand_and_so_is_one_at_another_limit():
    broken = try_(0, 10, Kind.SERVER_ERROR, started=10 * SECOND, released=10 * SECOND)
    assert tally(PLAN, one_call([broken, done(1, 12)]), ()).limits[0].demand[0] == 2400
    elsewhere = tally(PLAN, one_call([try_(0, 10, 1), done(1, 12, deployment=1)]), ()).limits
    assert elsewhere[0].demand[0] == 1200
    assert elsewhere[1].demand[0] == 1  # both deployments share the requests: asked for once


def test_what_is_too_large_asks_for_nothing():
    assert tally(PLAN, one_call([try_(0, 10, Kind.TOO_LARGE)]), ()).limits[0].demand.sum() == 0


@pytest.mark.parametrize(
    ("measure", "reserve", "cached_counts", "units"),
    [(0, False, True, 1), (1, False, True, 1000), (1, False, False, 600), (2, False, True, 200), (2, True, True, 500),
     (3, False, True, 1200), (3, True, False, 1100)],
)  # fmt: skip
def test_units_of_every_measure(measure, reserve, cached_counts, units):
    limits = PLAN.limits._replace(
        measure=ints(measure, 0), reserve_max=np.array([reserve, False]), cached_counts=np.array([cached_counts, True])
    )
    plan = synthetic_plan(limits=limits)
    assert tally(plan, one_call([done(0, 10, tokens_cached=400)]), ()).limits[0].demand[0] == units


def test_a_refusal_is_blamed_on_the_bucket_that_the_log_names():
    for limit in (0, 1):
        found = tally(PLAN, one_call([try_(0, 20, 1) | {"limit": limit}]), ()).limits
        assert [one.refused for one in found[:2]] == [limit == 0, limit == 1]


def naive_load(intervals, lost, size, horizon):
    """Slot time in each window, a nanosecond's share at a time, with exact fractions."""
    mean = int(sum(hold for _, hold in intervals) / len(intervals)) if intervals else 0
    windows = [0] * (horizon // size)
    for w in range(len(windows)):
        low, high = w * size, (w + 1) * size
        windows[w] = sum(max(0, min(high, at + hold) - max(low, at)) for at, hold in intervals)
        windows[w] += mean * sum(low <= at < high for at in lost)
    return windows


def left_service(log, a):
    """When an action gave its slot up: who waits for a person holds none."""
    if a["reason"] == Kind.HUMAN:
        return max(a["start"], *(t["ended"] for t in rows_of(log.attempts) if t["action"] == a["action"]))
    return log.ended if a["end"] == -1 else a["end"]


@pytest.mark.parametrize("seed", range(3))
def test_offered_load_of_workers_and_concurrency_equals_a_naive_loop(seed):
    log = random_log(seed)
    limits = {one.name: one for one in tally(PLAN, log, ()).limits}
    assert list(limits) == [
        *PLAN.names.limits,
        "large/beta: concurrency",
        "large/beta: queue",
        "own service: workers",
        "own service: queue",
    ]
    assert PLAN.batch.api[0] and PLAN.batch.batch.any()
    rows = [
        a
        for a in rows_of(log.actions)
        if not PLAN.batch.batch[a["kind"]]
        and not (a["outcome"] == Outcome.REJECTED and a["reason"] in (Kind.QUOTA, Kind.BUDGET))
    ]
    held = [(a["arrival"], left_service(log, a) - a["start"]) for a in rows if a["start"] != -1]
    lost = [a["arrival"] for a in rows if a["start"] == -1]
    assert limits["own service: workers"].demand.tolist() == naive_load(held, lost, HOUR, HORIZON)
    minutes = naive_load(held, lost, MINUTE, HORIZON)
    assert limits["own service: workers"].peak_use == pytest.approx(
        max(m / MINUTE / (3 if i < 240 else 4) for i, m in enumerate(minutes))
    )
    inside = [a for a in rows if 0 <= a["arrival"] < HORIZON]
    assert limits["own service: queue"].refused == sum(a["reason"] == Kind.QUEUE_FULL for a in inside)
    assert limits["own service: queue"].affected == limits["own service: queue"].refused
    waiting = [a["start"] - a["arrival"] for a in inside if a["start"] > a["arrival"]]
    given_up = [
        a["end"] - a["arrival"]
        for a in inside
        if a["start"] == -1 and a["reason"] != Kind.QUEUE_FULL and a["end"] > a["arrival"]
    ]
    assert limits["own service: workers"].delayed == len(waiting) + len(given_up)
    assert limits["own service: workers"].delay == sum(waiting) + sum(given_up)


def test_the_load_of_slots_counts_waiting_work_from_its_asking_and_the_refused_by_the_mean():
    took = {"deployment": 2, "started": 20 * SECOND, "released": 50 * SECOND, "ended": 50 * SECOND}
    waited = {"deployment": 2, "repeat": 1, "dispatched": 10 * SECOND, **took, "started": 40 * SECOND}  # holds 10 s
    full = {"deployment": 2, "repeat": 2, "dispatched": 30 * SECOND, "ended": 30 * SECOND, "outcome": Kind.OVERLOADED}
    log = one_call([{"dispatched": 20 * SECOND, **took}, waited, full])  # holds 30 s
    slots, queue = tally(PLAN, log, ()).limits[2:4]
    assert slots.demand[0] == (30 + 10 + 20) * SECOND
    assert slots.capacity.tolist() == [2 * HOUR] * 4 + [3 * HOUR] * 2
    assert slots.peak_use == pytest.approx(60 / 120)
    assert (slots.delayed, slots.delay, slots.refused) == (1, 30 * SECOND, 0)
    assert (queue.refused, queue.delayed, queue.affected) == (1, 0, 1)
    assert queue.demand[0] == 30 * SECOND
    assert (slots.text, queue.text) == ("2 to 3 requests at once", "4 places")


def test_a_queue_without_places_leaves_the_refusals_to_the_slots():
    plan = synthetic_plan(deployments=PLAN.deployments._replace(queue=np.array([[NEVER, NEVER, 0]] * 2)))
    full = {"deployment": 2, "dispatched": 30 * SECOND, "ended": 30 * SECOND, "outcome": Kind.OVERLOADED}
    slots = next(one for one in tally(plan, one_call([full]), ()).limits if one.name == "large/beta: concurrency")
    assert (slots.refused, slots.kind) == (1, "concurrency")
    assert "large/beta: queue" not in [one.name for one in tally(plan, one_call([full]), ()).limits]


def test_use_of_limits_counts_unmeasured_work_in_the_horizon_and_measured_work_counts_nobody_else():
    warm = {"arrival": -5 * SECOND, "start": -5 * SECOND, "end": 5 * SECOND, "first_token": 0}
    plan = synthetic_plan(service=PLAN.service._replace(workers=ints(1, 1)))
    found = tally(plan, log_of([warm], [done(0, 2)]), ())
    assert found.total("arrived") == found.total("attempts") == 0
    workers = next(one for one in found.limits if one.kind == "workers")
    assert workers.demand[0] == 5 * SECOND
    assert found.limits[0].demand[0] == 1200
    assert found.limits[0].affected == 0


def test_times_of_the_warm_up_are_times_and_not_signs_that_nothing_happened():
    early = {"arrival": -9 * SECOND, "start": -8 * SECOND, "end": 2 * SECOND}  # waited 1 s, held 10 s
    workers = next(one for one in tally(PLAN, log_of([early]), ()).limits if one.kind == "workers")
    assert workers.demand[0] == 1 * SECOND  # offered from -9 s for 10 s: one second of it in the horizon


def test_no_limits_is_no_rows():
    plan = synthetic_plan(
        names=replace(PLAN.names, limits=(), limit_text=()),
        service=PLAN.service._replace(workers=ints(NEVER, NEVER)),
        deployments=PLAN.deployments._replace(concurrency=np.full((2, 3), NEVER)),
    )
    assert tally(plan, random_log(1), ()).limits == ()
