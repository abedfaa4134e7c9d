"""Quotas of users, budgets and batch against closed forms and against queues by hand."""

import datetime as dt
import math
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from plain import CALL, MODEL, POISSON, percent, policy, scenario, share_of
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
    overlap,
)

from simkit import theory
from simkit.engine import run_plan
from simkit.engine.codes import Kind, Outcome
from simkit.engine.log import Log
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.scenario.load import load

pytestmark = pytest.mark.slow
SEED = 2090
HOUR, DAY = 3600.0, 86_400.0
SCENARIOS = Path(__file__).parents[2] / "scenarios"


def long(days: int, **parts: Any) -> dict[str, Any]:
    """So many days from a Monday's midnight on."""
    return scenario(1, **parts) | {"start": "2026-11-02", "horizon": f"{days}d"}


# --- users' quotas ------------------------------------------------------------------------------------


def beyond(mean: float, quota: int) -> float:
    """Mean of what a Poisson number has above the quota: mean x P(at least quota) - quota x P(more than quota)."""
    pmf = np.exp([k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(quota + 1)])
    return mean * (1 - float(pmf[:-1].sum())) - quota * (1 - float(pmf.sum()))


def users(count: int, daily: float, quota: dict[str, int], **fields: Any) -> dict[str, Any]:
    return {"users": {"daily_active": count, "actions_per_day": daily, "quota": quota} | fields, "process": POISSON}


def refused(log: Log, plan: Plan) -> dict[str, float]:
    """Share that the quota refuses."""
    return {"refused": share_of(measured(log, plan), Kind.QUOTA)}


# 400 users, the first of them ten times as busy as the hundredth: each is a Poisson process; six a day
BUSY = 2_000 * np.arange(1, 401) ** -0.5 / float((np.arange(1, 401) ** -0.5).sum())
QUOTA = Witness(
    "quota_day",
    lambda f: long(30, traffic=users(400, 5 * f, {"day": 6}, activity={"zipf": 0.5})),
    refused,
    {"refused": Figure(float(sum(beyond(mean, 6) for mean in BUSY)) / 2_000)},
)

# Half a question a day, ten a month, over November (30 days) and December (31)
QUOTA_MONTH = Witness(
    "quota_month",
    lambda f: long(61, traffic=users(2_000, 0.5 * f, {"month": 10})) | {"start": "2026-11-01"},
    refused,
    {"refused": Figure((beyond(15, 10) + beyond(15.5, 10)) / 30.5)},
    replications=10,
    twin_replications=10,
)

# --- budgets ------------------------------------------------------------------------------------------

DAILY, TAKES = 1_000, 0.05 * DAY
"""Arrivals a day; an answer takes 72 minutes, in which 50 others come."""


def spending(days: int, f: float = 1.0) -> dict[str, Any]:
    """$0.001 an answer, and $0.40 a day: said at a quarter of it, blocked at all of it."""
    return long(
        days,
        traffic={"rate": f"{DAILY / DAY:.12f}/s", "process": POISSON},
        calls=[CALL | {"input": 1_000}],
        models={"m": MODEL | {"ttft": duration(TAKES * f)}},
        budgets={"b": {"limit": f"${0.4 * f:.6f}/day", "at": {"25%": "alert", "100%": "block"}}},
    )


def crossings(log: Log, plan: Plan) -> dict[str, float]:
    """Hours of the day at which it is said and blocked, and answers above 400 in the end, by day."""
    rows, day = log.budgets, round(DAY * SECOND)
    hours = {n: rows["time"][rows["step"] == step] % day / (HOUR * SECOND) for step, n in enumerate(("alert", "block"))}
    spent = rows["spent"][(rows["step"] < 0) & (rows["time"] % day == 0)] / 1e9
    assert len(spent) == plan.horizon // day
    return {name: float(times.mean()) for name, times in hours.items()} | {"over": float(spent.mean()) - 400}


# The k-th answer comes a mean of k / rate + 72 min after midnight. Who asks within 72 minutes of the 400th is still
# admitted: a Poisson number of mean 50
BUDGET = Witness(
    "budget",
    lambda f: spending(200, f),
    crossings,
    {
        "alert": Figure(24 * 100 / DAILY + TAKES / HOUR),
        "block": Figure(24 * 400 / DAILY + TAKES / HOUR),
        "over": Figure(DAILY * TAKES / DAY),
    },
    replications=10,
    twin_replications=6,
)

# --- batch --------------------------------------------------------------------------------------------

HELD_SPREAD = 6 * HOUR


def reports(days: int, f: float = 1.0, **batch: Any) -> dict[str, Any]:
    """200 actions an hour, two fifths of which can wait."""
    kinds = {"report": {"share": percent(0.4 * f), "urgency": "batch"}, "chat": {"share": percent(1 - 0.4 * f)}}
    actions = {name: kind | {"calls": [CALL | {"name": name}]} for name, kind in kinds.items()}
    return long(days, traffic={"rate": "200/h", "process": POISSON}, actions=actions, batch=batch)


def nights(f: float) -> dict[str, Any]:
    return reports(30, f, window={"from": 22, "to": 6}, spread=duration(HELD_SPREAD * f))


def held(log: Log, plan: Plan) -> dict[str, float]:
    """Hours until a report begins, and actions that begin in an hour of the day."""
    rows, hour = measured(log, plan), round(HOUR * SECOND)
    report = (rows["kind"] == plan.names.kinds.index("report")) & (rows["start"] >= 0)
    started = rows["start"] // hour % 24
    daytime = (started >= 8) & (started < 20) & (rows["start"] >= 0) & (rows["start"] < plan.horizon)
    return {
        "held": float((rows["start"] - rows["arrival"])[report & (rows["arrival"] < 28 * 24 * hour)].mean()) / hour,
        "peak": float(daytime.sum()) / (12 * plan.horizon / (24 * hour)),
    }


# From 22 to 6 h at once; in the other 16 hours held for half of them on average, and for half of the spread
HELD = Witness(
    "batch_held",
    nights,
    held,
    {"held": Figure(16 / 24 * (8 + HELD_SPREAD / HOUR / 2)), "peak": Figure(0.6 * 200)},
    replications=14,
)


def of_reports(log: Log, plan: Plan) -> dict[str, Any]:
    """Reports of the measured time but for its last two days, whose nights may lie behind the end."""
    rows = measured(log, plan)
    mine = (rows["kind"] == plan.names.kinds.index("report")) & (rows["arrival"] < plan.horizon - 2 * DAY * SECOND)
    return {name: column[mine] for name, column in rows.items()}


# A deadline 8 h after arrival: of 16 h x 6 h of waiting, what is longer
LATE = Witness(
    "batch_deadline",
    lambda f: reports(
        30, window={"from": 22, "to": 6}, spread=duration(HELD_SPREAD * f), deadline=duration(8 * HOUR / f)
    ),
    lambda log, plan: {"late": share_of(of_reports(log, plan), Kind.DEADLINE)},
    {"late": Figure(16 / 24 * (8 + 3) / 16)},
    replications=12,
    twin_replications=6,
)


def completion(log: Log, plan: Plan) -> dict[str, float]:
    """Share that is not answered in time, and mean minutes until it ends either way."""
    rows = of_reports(log, plan)
    latency = (rows["end"] - rows["arrival"]).mean() / (60 * SECOND)
    return {"late": share_of(rows, Kind.TIMEOUT), "minutes": float(latency)}


# The batch side takes a median of 40 minutes, and 2 hours at most
SIDE = Witness(
    "batch_api",
    lambda f: reports(
        20, api={"takes": {"lognormal": {"median": duration(2_400 * f), "sigma": 1.0}}, "within": duration(2 * HOUR)}
    ),
    completion,
    {
        "late": Figure(theory.lognormal_tail(40, 1.0, 120)),
        "minutes": Figure(theory.lognormal_capped_mean(40, 1.0, 120)),
    },
)

WITNESSES = (QUOTA, QUOTA_MONTH, BUDGET, HELD, LATE, SIDE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_spending(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)


# --- exact --------------------------------------------------------------------------------------------


def local_dates(zone: str, start: dt.datetime, arrivals: Any) -> list[dt.date]:
    """Local dates of arrivals."""
    zero = start.timestamp()
    return [dt.datetime.fromtimestamp(zero + time / SECOND, ZoneInfo(zone)).date() for time in arrivals.tolist()]


def admitted(log: Log, dates: list[dt.date]) -> tuple[dict[Any, int], dict[Any, int]]:
    """Actions that were let in by user and local day, and by user and month; -1 for those who were turned away."""
    days: dict[Any, int] = {}
    months: dict[Any, int] = {}
    a = log.actions
    for user, plan, reason, date in zip(
        a["user"].tolist(), a["plan"].tolist(), a["reason"].tolist(), dates, strict=True
    ):
        for counts, period in ((days, date), (months, (date.year, date.month))):
            counts[user, plan, period] = counts.get((user, plan, period), 0) + (reason != Kind.QUOTA)
    return days, months


@pytest.mark.parametrize("quota", [3, 4])
def test_quotas_end_at_local_midnight(quota: int, tmp_path: Path) -> None:
    """Nobody has more in a local day, of 25 hours or not; a clock that stays in summer time sees more."""
    document = long(4, traffic=users(200, 6, {"day": quota}) | {"timezone": "Europe/Berlin"})
    log = run_plan(compiled(document | {"start": "2026-10-24"}, tmp_path), SEED, 0, ENGINE)
    most = []
    for zone in ("Europe/Berlin", "Etc/GMT-2"):
        zero = dt.datetime(2026, 10, 24, tzinfo=ZoneInfo("Europe/Berlin"))
        days, _ = admitted(log, local_dates(zone, zero, log.actions["arrival"]))
        most.append(max(days.values()))
    assert most[0] == quota < most[1]


def test_quotas_of_a_shipped_scenario() -> None:
    """free_tier_abuse: twenty a day and, here, forty a month on the free plan, some use all of it and none has more."""
    changed = {"horizon": "12d", "traffic.users.plans.free.quota.month": 40}
    document = load(SCENARIOS / "free_tier_abuse.yaml").set(changed)
    result = document.run(seed=SEED, replications=1, engine=ENGINE, jobs=1, log=True, progress=False)
    assert (result.metrics["quota_rejected_rate"].value or 0) > 0.1
    plan = compile_plan(document)
    log = run_plan(plan, SEED, 0, ENGINE)
    days, months = admitted(log, local_dates("UTC", dt.datetime(2026, 11, 2, tzinfo=dt.UTC), log.actions["arrival"]))
    free = plan.names.plans.index("free")
    assert max(count for (_, name, _), count in days.items() if name == free) == 20
    assert max(count for (_, name, _), count in months.items() if name == free) == 40


def test_what_is_overspent_was_under_way(tmp_path: Path) -> None:
    """What a blocked day spends beyond its limit is, to the picodollar, what was in flight as it was reached."""
    document = spending(20)
    plan = compiled(document, tmp_path)
    log = run_plan(plan, SEED, 0, ENGINE)
    rows, t = log.budgets, log.attempts
    blocks, ends = (
        np.flatnonzero(rows["step"] == 1),
        np.flatnonzero((rows["step"] < 0) & (rows["time"] % 86_400e9 == 0)),
    )
    assert len(blocks) == len(ends) == 20
    over: Floats = np.zeros(20)
    for day, (block, end) in enumerate(zip(blocks, ends, strict=True)):
        time, spent = int(rows["time"][block]), int(rows["spent"][block])
        under_way = (t["dispatched"] <= time) & (t["ended"] > time)
        assert int(rows["spent"][end]) - spent == int(t["cost"][under_way].sum()) > 0
        over[day] = int(rows["spent"][end]) / 4e11 - 1
        late = (t["dispatched"] > time) & (t["dispatched"] < rows["time"][end])
        assert not late.any()
    result = load(tmp_path / "scenario.yaml").run(seed=SEED, replications=1, engine=ENGINE, jobs=1, progress=False)
    told = result.budgets
    whole = told[told["end_s"] <= 20 * DAY].sort_values("start_s")
    assert whole["overshoot"].to_numpy()[:20] == pytest.approx(over)
    assert result.metrics["budget_overshoot"].value == pytest.approx(over.max())
    assert whole["blocked_s"].to_numpy()[:20] * SECOND == pytest.approx(rows["time"][blocks])


def let_go(arrival: int) -> int:
    """The next moment between 22 and 6 h."""
    hour = 3600 * 10**9
    into_day = arrival % (24 * hour)
    return arrival if into_day < 6 * hour or into_day >= 22 * hour else arrival - into_day + 22 * hour


def queue_by_hand(arrivals: list[int], takes: int) -> list[int]:
    """Starts at one place that is open from 22 to 6 h, first come, first served."""
    free, starts = 0, []
    for arrival in arrivals:
        free = max(free, let_go(arrival))
        starts.append(free)
        free += takes
    return starts


def test_a_queue_of_the_night_by_hand(tmp_path: Path) -> None:
    """Two reports an hour, of 10 minutes each, for one worker: at 22 h there are 32 that go one after another."""
    document = long(
        6,
        traffic={"rate": "2/h", "process": "deterministic"},
        actions={"report": {"urgency": "batch", "calls": [{"name": "work", "work": "10min"}]}},
        service={"workers": 1, "queue": 40},
        batch={"window": {"from": 22, "to": 6}},
    )
    plan = compiled(document, tmp_path)
    rows = run_plan(plan, SEED, 0, ENGINE).actions
    order = np.argsort(rows["action"])
    started = rows["start"][order] >= 0
    arrivals, starts = (rows[name][order][started].tolist() for name in ("arrival", "start"))
    assert len(starts) > 250 and len(set(starts)) == len(starts)
    assert starts == queue_by_hand(arrivals, 600 * 10**9)
    assert starts != queue_by_hand(arrivals, round(600 * 10**9 * CHANGED))
    done = rows["outcome"][order][started] == Outcome.OK
    assert ((rows["end"] - rows["start"])[order][started][done] == 600 * 10**9).all()
    result = load(tmp_path / "scenario.yaml").run(seed=SEED, replications=1, engine=ENGINE, jobs=1, progress=False)
    queue = result.limits[result.limits["kind"] == "queue"]
    waiting = overlap(np.array([let_go(time) for time in arrivals]), np.array(starts), plan.horizon)
    assert float(queue["use"].sum()) * 40 == pytest.approx(waiting.sum() / (HOUR * SECOND))
    assert queue["use"].to_numpy()[7:22].max() == 0 < queue["use"].to_numpy()[22]


def test_the_batch_side_costs_half(tmp_path: Path) -> None:
    """The same answers at once and by the batch side: half the money to the picodollar, none for what is late."""
    call = CALL | {"input": {"lognormal": {"median": 1_000, "sigma": 1}}, "output": 100}
    costs = []
    for urgency in ("now", "batch"):
        document = long(
            2,
            traffic={"rate": "200/h"},
            actions={"report": {"urgency": urgency, "calls": [call]}},
            batch={"api": {"takes": {"uniform": {"low": "1h", "high": "30h"}}, "within": "24h"}},
            resilience=policy(),
        )
        plan = compiled(document, tmp_path)
        rows = measured(run_plan(plan, SEED, 0, ENGINE), plan)
        costs.append(dict(zip(rows["action"].tolist(), zip(rows["reason"], rows["cost"], strict=True), strict=True)))
    now, batch = costs
    ended = {reason for reason, _ in batch.values()}
    assert ended == {Kind.OK, Kind.TIMEOUT} and now.keys() == batch.keys()
    for action, (reason, cost) in batch.items():
        assert 2 * cost == (now[action][1] if reason == Kind.OK else 0)
