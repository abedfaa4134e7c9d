"""The tally against a slow, obvious loop over the same logs, and against figures counted by hand."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from time import process_time

import numpy as np
import pytest
from naive_tally import naive_series
from synthetic_log import HORIZON, HOUR, SECOND, WARMUP, ints, log_of, random_log, rows_of, synthetic_plan

from simkit.engine.codes import Kind
from simkit.result.desk import shifts_of
from simkit.result.objectives import Objective
from simkit.result.sample import Sample, bins_of
from simkit.result.sums import total_by
from simkit.result.tally import tally
from simkit.result.windows import integral, spread, timeline_windows, whole_windows

PLAN = synthetic_plan()
OBJECTIVES = (
    Objective("success", "success", 0.99),
    Objective("strict", "success", 0.99, degraded_good=False),
    Objective("latency p95", "latency", 0.95, 12 * SECOND, patient=(1,)),
    Objective("ttft p50", "ttft", 0.5, 4 * SECOND, patient=(1,)),
    Objective("good", "good", 0.9),
)
MINUTE = 60 * SECOND


@pytest.mark.parametrize("seed", range(8))
def test_series_equal_a_naive_loop(seed):
    log = random_log(seed)
    found, expected = tally(PLAN, log, OBJECTIVES), naive_series(PLAN, log, OBJECTIVES)
    assert set(expected) <= set(found.series)
    for name, column in found.series.items():
        assert column.tolist() == expected[name], name
        assert found.total(name) == sum(expected[name])


def test_the_random_logs_reach_every_series():
    total = Counter()
    for seed in range(8):
        total.update({name: sum(values) for name, values in naive_series(PLAN, random_log(seed), OBJECTIVES).items()})
    unreached = {"attempts_connection", "attempts_bad_request", "attempts_content_filter",
                 "attempts_stream_broken", "attempts_malformed"}  # fmt: skip
    assert {name for name, value in total.items() if not value} == unreached & set(total)


@pytest.mark.parametrize("seed", range(4))
def test_costs_by_every_dimension_equal_a_naive_loop_and_add_up(seed):
    log = random_log(seed)
    found = tally(PLAN, log, OBJECTIVES)
    actions = {a["action"]: a for a in rows_of(log.actions)}
    sums = {name: Counter() for name in found.cost}
    for t in rows_of(log.attempts):
        a = actions[t["action"]]
        if 0 <= a["arrival"] < HORIZON and t["deployment"] >= 0:
            wasted = t["outcome"] != Kind.OK or a["outcome"] > 1
            provider = (0, 0, 1)[t["deployment"]]
            places = {**{n: t[n] for n in ("model", "deployment", "call", "cause")}, "provider": provider,
                      "kind": a["kind"], "outcome": a["outcome"], "waste": int(wasted)}  # fmt: skip
            for name, place in places.items():
                sums[name][place] += t["cost"]
    for name, column in found.cost.items():
        assert {i: v for i, v in enumerate(column.tolist()) if v} == {i: v for i, v in sums[name].items() if v}, name
        assert sum(column.tolist()) == found.total("cost")
    assert found.total("cost") == found.samples["cost"].sum  # attempts' cost and actions' cost are the same money
    assert found.total("cost") > 2**53  # beyond what a float holds exactly


@pytest.mark.parametrize("seed", range(4))
def test_samples_reasons_users_and_deployments_equal_a_naive_loop(seed):
    log = random_log(seed)
    found = tally(PLAN, log, OBJECTIVES)
    measured = [a for a in rows_of(log.actions) if 0 <= a["arrival"] < HORIZON]
    served = [a for a in measured if a["outcome"] <= 1 and a["kind"] == 0]
    expected = {
        "latency": [a["end"] - a["arrival"] for a in served],
        "ttft": [a["first_token"] - a["arrival"] for a in served],
        "waited": [a["waited"] for a in served],
        "cost": [a["cost"] for a in measured],
        "human_wait": [a["desk_began"] - a["desk_asked"] for a in served if a["reason"] == Kind.HUMAN],
    }
    for name, values in expected.items():
        sample = found.samples[name]
        assert np.repeat(sample.values, sample.counts).tolist() == sorted(values), name
    assert {(o, r): int(found.reasons[o, r]) for o, r in zip(*np.nonzero(found.reasons), strict=True)} == dict(
        Counter((a["outcome"], a["reason"]) for a in measured)
    )
    by_user = Counter()
    for a in measured:
        by_user[a["user"]] += a["cost"]
    assert dict(zip(found.users["user"].tolist(), found.users["cost"].tolist(), strict=True)) == by_user
    ids = {a["action"] for a in measured}
    mine = [t for t in rows_of(log.attempts) if t["action"] in ids]
    for n in range(3):
        part = [t for t in mine if t["deployment"] == n]
        assert found.deployments.attempts[n].tolist() == [sum(t["outcome"] == k for t in part) for k in range(16)]
        assert int(found.deployments.tokens_in[n]) == sum(t["billed_in"] for t in part)
        answers = sorted(t["ended"] - t["dispatched"] for t in part if t["outcome"] == 0)
        latency = found.deployments.latency[n]
        assert np.repeat(latency.values, latency.counts).tolist() == answers
        assert found.deployments.peak[n] == log.peaks[n]


@pytest.mark.parametrize("seed", range(4))
def test_people_are_busy_in_their_hours_with_whatever_is_asked_of_them(seed):
    """Four people until 1 h, none until 2 h, then six, from 4 h on two; of all actions, measured or not."""
    log = random_log(seed)
    busy = 0
    for a in rows_of(log.actions):
        end = log.ended if a["end"] == -1 else a["end"]
        for opens, closes in ((0, HOUR), (2 * HOUR, HORIZON)) if a["desk_began"] != -1 else ():
            busy += max(0, min(end, closes) - max(a["desk_began"], opens))
    assert tally(PLAN, log, OBJECTIVES).desk_busy == busy > 0
    assert shifts_of(PLAN).capacity == (4 + 2 * 6 + 2 * 2) * HOUR
    nobody = synthetic_plan(ladder=PLAN.ladder._replace(staff_time=ints(), staff=ints()))
    assert shifts_of(nobody).capacity == 0 == tally(nobody, log, OBJECTIVES).desk_busy


def test_latency_by_window_keeps_every_served_action_in_its_window_within_half_a_percent():
    log = random_log(3)
    found = tally(PLAN, log, OBJECTIVES)
    windows = found.windows
    for w in range(windows.count):
        true = sorted(
            a["end"] - a["arrival"] for a in rows_of(log.actions) if a["outcome"] <= 1 and a["kind"] == 0
            if w * windows.length <= a["arrival"] < min((w + 1) * windows.length, HORIZON)
        )  # fmt: skip
        pool = found.latencies.over(w, w + 1)
        assert pool.n == len(true)
        for k, value in enumerate(true):
            assert abs(pool.rank(k + 1) - value) <= 0.004 * value


def test_attempts_of_nobody_are_refused():
    for rows in ([], [{"action": 3}], [{"action": 1}]):
        with pytest.raises(ValueError, match="not in it"):
            tally(PLAN, log_of(rows, [{"action": 2}]), ())


# --- edges ------------------------------------------------------------------------------------------------------


def test_an_empty_log():
    found = tally(PLAN, log_of([]), OBJECTIVES)
    assert all(found.total(name) == 0 for name in found.series)
    assert found.samples["latency"].n == 0
    assert [one.demand.sum() for one in found.limits] == [0] * 6


def test_arrivals_at_the_borders_of_the_horizon():
    rows = [{"arrival": at, "start": at, "end": at + 1, "first_token": at + 1} for at in (-1, 0, HORIZON - 1, HORIZON)]
    found = tally(PLAN, log_of([row | {"action": i} for i, row in enumerate(rows)]), ())
    assert found.total("arrived") == 2
    assert (found.series["arrived"][0], found.series["arrived"][-1]) == (1, 1)


@pytest.mark.parametrize(
    ("horizon", "length", "count"),
    [(1, 1, 1), (400, 1, 400), (401, 2, 201), (7 * 24 * HOUR, 30 * MINUTE, 336), (30 * 24 * HOUR, 2 * HOUR, 360),
     (3553 * SECOND, 10 * SECOND, 356), (40_000 * 24 * HOUR, 100 * 24 * HOUR, 400)],
)  # fmt: skip
def test_windows_are_readable_and_at_most_400(horizon, length, count):
    windows = timeline_windows(horizon)
    assert (windows.length, windows.count) == (length, count)
    assert windows.edges[-1] == horizon
    assert (np.diff(windows.edges) > 0).all()
    assert windows.index(ints(0, horizon - 1)).tolist() == [0, count - 1]


def test_whole_windows_give_the_rest_to_the_last():
    windows = whole_windows(2 * HOUR + 1, HOUR)
    assert windows.edges.tolist() == [0, HOUR, 2 * HOUR + 1]
    assert windows.index(ints(0, HOUR, 2 * HOUR)).tolist() == [0, 1, 1]
    assert whole_windows(5, HOUR).edges.tolist() == [0, 5]


def test_sums_are_exact_beyond_what_floats_hold():
    values = np.array([2**53 + 1, 2**53 + 1, 3, 0], np.int64)
    assert total_by(ints(0, 0, 1, 1), values, 3).tolist() == [2**54 + 2, 3, 0]


def test_spread_is_exact_where_its_sums_pass_2_to_63():
    late = 10**17
    starts = np.full(200, late, np.int64)
    edges = ints(0, late, late + 10, late + 20)
    assert int(starts.sum(dtype=object)) > 2**63
    assert spread(starts, starts + 15, edges).tolist() == [0, 2000, 1000]


def test_spread_equals_a_naive_loop():
    rng = np.random.default_rng(1)
    starts = rng.integers(-50, 150, 40)
    ends = starts + rng.integers(0, 60, 40)
    edges = ints(0, 30, 60, 100)
    expected = [
        sum(max(0, min(e, b) - max(s, a)) for s, e in zip(starts, ends, strict=True))
        for a, b in ((0, 30), (30, 60), (60, 100))
    ]
    assert spread(starts, ends, edges).tolist() == expected


def test_integral_follows_the_epochs():
    found = integral(ints(-10, 5, 20), np.array([1.0, 2.0, 10.0]), ints(0, 10, 30))
    assert found.tolist() == [5 + 10, 20 + 100]


def test_a_sum_over_bins_is_what_the_laws_bins_say():
    latency = np.array([1, 300, 10**9, 10**9 + 1], np.int64)
    rows = [
        {"action": i, "arrival": 0, "start": 0, "end": int(v), "first_token": int(v)} for i, v in enumerate(latency)
    ]
    found = tally(PLAN, log_of(rows), ()).latencies
    assert found.bin.tolist() == sorted(set(bins_of(latency).tolist()))
    assert int(found.count.sum()) == 4
    assert isinstance(found.over(0, 1), Sample)


def test_a_million_attempts_take_about_a_second():
    small = random_log(5, 400)
    size = -(-1_000_000 // len(small.attempts["action"]))

    def stacked(columns):
        made = {name: np.tile(column, size) for name, column in columns.items()}
        copy = np.repeat(np.arange(size), len(columns["action"]))
        return made | {"action": made["action"] + copy * 1000}

    log = replace(small, actions=stacked(small.actions), attempts=stacked(small.attempts))
    begun = process_time()
    found = tally(PLAN, log, OBJECTIVES)
    took = process_time() - begun
    assert found.total("attempts") == size * tally(PLAN, small, OBJECTIVES).total("attempts")
    assert took < 5  # 1.2 s alone on a two-core machine of 2026
    assert Fraction(found.total("cost"), size) == tally(PLAN, small, OBJECTIVES).total("cost")
    assert WARMUP  # the log starts before 0
