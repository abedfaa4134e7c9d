"""The tally against a slow, obvious loop over the same logs, and against figures counted by hand."""

from collections import Counter, defaultdict
from dataclasses import replace
from fractions import Fraction
from time import process_time

import numpy as np
import pytest
from synthetic_log import HORIZON, HOUR, SECOND, WARMUP, ints, log_of, random_log, synthetic_plan

from simkit.engine.codes import Cause, Kind, Lookup, Outcome
from simkit.plan.plan import NEVER
from simkit.result.desk import shifts_of
from simkit.result.objectives import Objective
from simkit.result.sample import Sample, bins_of
from simkit.result.sums import total_by
from simkit.result.tally import ATTEMPT_KINDS, OUTCOMES, tally
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


def rows_of(columns):
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns[name].tolist() for name in names), strict=True)]


def naive_wait(mine, t):
    """Of the attempts of an action: until a retry was sent, since the latest try before it was over."""
    if t["cause"] not in (Cause.RETRY, Cause.CLIENT_RETRY):
        return 0
    same = [s for s in mine if all(s[key] == t[key] for key in ("call", "repeat"))]
    before = [s for s in same if (s["rung"], s["attempt"]) < (t["rung"], t["attempt"])]
    last = max(((s["rung"], s["attempt"]) for s in before), default=None)
    return max(0, t["dispatched"] - max((s["ended"] for s in before if (s["rung"], s["attempt"]) == last), default=0))


def naive_bad(objective, action, ended):
    """(bad, counted) by the words of DESIGN 3 and 7; what can wait has no objective on times."""
    if objective.limit and action["kind"] == 1:
        return False, False
    if action["outcome"] == Outcome.CENSORED:
        late = objective.limit > 0 and ended - action["arrival"] > objective.limit
        return late, late
    allowed = (Outcome.OK, Outcome.DEGRADED) if objective.degraded_good else (Outcome.OK,)
    if action["outcome"] not in allowed:
        return True, True
    span = {"latency": action["end"], "ttft": action["first_token"]}.get(objective.kind, action["arrival"]) - action[
        "arrival"
    ]
    if objective.kind == "good" and action["good"] == -1:
        return False, False
    return span > objective.limit or (objective.kind == "good" and action["good"] == 0), True


def naive_economy(plan, t):
    """An attempt's tokens and money by what they were for: which tokens have which price, stretch by stretch."""
    kind, marks = t["outcome"], t["marks"]
    first = t["cause"] == Cause.FIRST
    found = {"truncated": kind == Kind.OK and marks & 32 > 0, "cheaper": first and marks & 64 > 0,
             "blocked": kind == Kind.QUOTA_EXHAUSTED and t["limit"] < -1}  # fmt: skip
    if not t["billed_in"]:
        return found
    n, whole = t["deployment"], t["billed_in"]
    q = sum(start <= t["started"] for start in plan.prices.start.tolist()) - 1
    z = sum(above < whole for above in plan.prices.above[q, n].tolist()[1:])
    entered, read, write, out = (
        int(getattr(plan.prices, name)[q, n, z]) for name in ("input", "cached", "write", "output")
    )
    cached, written, thought = t["tokens_cached"], t["tokens_written"], t["tokens_reasoning"]
    stretches = [(0, cached, read), (cached, cached + written, min(write, entered)), (cached + written, whole, entered)]
    found |= {f"tokens_{name}": t[f"tokens_{name}"] for name in ("system", "history", "retrieved")}
    found |= {"tokens_reasoning": thought, "tokens_written": written}
    found["prompt_saved"] = cached * entered + written * entered - cached * read - written * write
    found["prompt_base"] = (cached + written) * entered
    if not first:
        name = {1: "retry", 2: "fallback", 3: "escalation", 4: "hedge", 5: "retry"}[t["cause"]]
        return found | {f"cause_{name}": t["cost"]}
    begin = 0
    for name in ("system", "history", "retrieved", "user"):
        end = whole if name == "user" else begin + t[f"tokens_{name}"]
        pieces = [(max(0, min(end, high) - max(begin, low)), price) for low, high, price in stretches]
        found[f"cause_{name}"] = sum(tokens * price for tokens, price in pieces)
        begin = end
    found["cause_reasoning"], found["cause_answer"] = thought * out, (t["billed_out"] - thought) * out
    found["cause_request"] = int(plan.prices.request[q, n])
    found["cause_cache_writes"] = written * max(0, write - entered)
    assert sum(value for name, value in found.items() if name.startswith("cause_")) == t["cost"]
    return found


def naive_lookups(plan, log, series, windows):
    """What lookups of measured actions found, by window of arrival."""
    costs = plan.answers.cost.tolist()
    for row in rows_of(log.lookups):
        if not 0 <= row["arrival"] < plan.horizon:
            continue
        w, cache = row["arrival"] // windows.length, ("exact", "semantic")[row["cache"]]
        if row["result"] == Lookup.STALE:
            series[f"{cache}_stale"][w] += 1
            continue
        series[f"{cache}_asked"][w] += 1
        series[f"{cache}_cost"][w] += costs[row["time"] >= 4 * HOUR][row["cache"]]
        for name, of in (("hits", (1, 3)), ("joined", (2,)), ("false", (3,)), ("expired", (4,))):
            series[f"{cache}_{name}"][w] += row["result"] in of


def naive_series(plan, log, objectives):
    """Every series by window, one action and one attempt after the other."""
    windows = timeline_windows(plan.horizon)
    series = defaultdict(lambda: [0] * windows.count)
    measured = {a["action"]: a for a in rows_of(log.actions) if 0 <= a["arrival"] < plan.horizon}
    attempts = defaultdict(list)
    for t in rows_of(log.attempts):
        attempts[t["action"]].append(t)
    for a in measured.values():
        w = a["arrival"] // windows.length
        series["arrived"][w] += 1
        series[OUTCOMES[a["outcome"]]][w] += 1
        series["reloads"][w] += a["action"] // 2**33 % 16 > 0
        series["people"][w] += a["degrade_cost"]
        series["shed"][w] += a["reason"] == Kind.SHED
        series["human"][w] += a["reason"] == Kind.HUMAN
        series["lookup_cost"][w] += a["lookup_cost"]
        series["tool_cost"][w] += a["tool_cost"]
        series["rejected_quota"][w] += a["reason"] == Kind.QUOTA
        series["rejected_budget"][w] += a["reason"] == Kind.BUDGET
        series["thrifty"][w] += a["thrift"] != 0
        again, turn = a["action"] // 2**33 % 16, a["action"] // 2**37
        series["questions"][w] += not again
        series["first_turns"][w] += not again and not turn
        if a["reason"] == Kind.HUMAN and a["outcome"] == Outcome.DEGRADED:
            series["people_time"][w] += a["end"] - a["desk_asked"]
        if a["outcome"] <= 1:
            timed = a["kind"] == 0  # the other kind can wait
            series["timed"][w] += timed
            series["latency"][w] += timed * (a["end"] - a["arrival"])
            series["judged"][w] += a["good"] >= 0
            series["good"][w] += a["good"] == 1
        verdicts = {one.label: naive_bad(one, a, log.ended) for one in objectives}
        for label, (bad, counted) in verdicts.items():
            series[f"bad_{label}"][w] += bad
            series[f"counted_{label}"][w] += counted
        series["bad"][w] += any(bad for bad, _ in verdicts.values())
        series["counted"][w] += a["outcome"] != Outcome.CENSORED or any(counted for _, counted in verdicts.values())
    naive_lookups(plan, log, series, windows)
    seen = set()
    for t in rows_of(log.attempts):
        if t["action"] not in measured:
            continue
        a = measured[t["action"]]
        w = a["arrival"] // windows.length
        for name, value in naive_economy(plan, t).items():
            series[name][w] += value
        series["attempts"][w] += 1
        series[f"attempts_{ATTEMPT_KINDS[t['outcome']]}"][w] += 1
        series["calls"][w] += t["cause"] == Cause.FIRST
        series["sent"][w] += t["deployment"] >= 0 and t["outcome"] != Kind.THROTTLED
        marks = ("probe", "bypass", "no_budget", "gave_up", "all_open", "truncated", "cheaper")
        for bit, name in enumerate(marks):
            series[f"marked_{name}"][w] += t["marks"] >> bit & 1
        series["retries"][w] += t["cause"] in (Cause.RETRY, Cause.CLIENT_RETRY)
        series["retry_wait"][w] += naive_wait(attempts[t["action"]], t)
        failed = t["outcome"] in range(1, Kind.NO_DEPLOYMENT) and t["outcome"] != Kind.MALFORMED
        series["cut_short"][w] += failed and t["first_token"] >= 0 and bool(plan.actions.streaming[t["call"]])
        series["hedges"][w] += t["cause"] == Cause.HEDGE
        series["hedge_wins"][w] += t["cause"] == Cause.HEDGE and t["outcome"] == Kind.OK
        series["cascades"][w] += t["cause"] == Cause.FIRST and t["call"] == 1  # the only call with the cascade's route
        for cause, name in ((Cause.FALLBACK, "fallbacks"), (Cause.ESCALATION, "escalated")):
            key = (name, t["action"], t["call"], t["repeat"])
            series[name][w] += t["cause"] == cause and key not in seen
            if t["cause"] == cause:
                seen.add(key)
        series["cost"][w] += t["cost"]
        series["wasted"][w] += t["cost"] * (t["outcome"] != Kind.OK or a["outcome"] > 1)
        series["tokens_in"][w] += t["billed_in"]
        series["tokens_out"][w] += t["billed_out"]
        series["tokens_cached"][w] += min(t["tokens_cached"], t["billed_in"])
    return series


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


# --- limits -----------------------------------------------------------------------------------------------------


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
    tokens, requests = tally(PLAN, log, OBJECTIVES).limits[:2]
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
