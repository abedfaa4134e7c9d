"""Users who come, stay or leave against independent calculations: how many there are, what they do, what they pay."""

import datetime as dt
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import MODEL, POISSON, scenario
from scipy.stats import norm
from witness import ENGINE, Figure, Witness, assert_holds, assert_told_apart, compiled, measured

from simkit.engine import run_plan
from simkit.engine.codes import Life
from simkit.engine.log import Log
from simkit.laws.draws import Stream, pair
from simkit.plan.plan import Plan
from simkit.scenario.load import load

pytestmark = pytest.mark.slow
SEED = 2090
DAY = 86_400 * 10**9
WEEKLY = 4_200.0
"""Sign-ups a week."""
STAY = {1: 0.7, 2: 0.6, 4: 0.5}
SHARE = 0.8
DAYS = 63


def crowd(number: int, days: int, growth: dict[str, Any], **users: Any) -> dict[str, Any]:
    """A product that answers at once, and users who come and go."""
    pace: dict[str, Any] = {"actions_per_day": 0.2} | users
    return scenario(
        number, traffic={"users": {"growth": growth} | pace, "process": POISSON}, horizon=f"{days}d", warmup="0s",
        models={"m": MODEL},
    )  # fmt: skip


# --- how many there are ---------------------------------------------------------------------------------


def still_there(weeks: int) -> float:
    """Share after so many weeks: straight lines of logarithms between the weeks of the table, written anew."""
    if weeks == 0:
        return 1.0
    known = sorted(STAY.items())
    low, high = known[0], known[1]
    for one, other in pairwise(known):
        if weeks >= one[0]:
            low, high = one, other
    slope = np.log(high[1] / low[1]) / np.log(high[0] / low[0])
    return float(low[1] * (weeks / low[0]) ** slope)


def expected(cohort: int, day: int) -> float:
    """Active users of a cohort (a week of sign-ups, 1 being the first) when a day begins."""
    total = 0.0
    for hour in range(24 * 7 * (cohort - 1), 24 * 7 * cohort):
        if hour // 24 < day:
            total += WEEKLY / 168 * SHARE * still_there((day - hour // 24) // 7)
    return total


def active(log: Log, day: int, cohort: int | None = None) -> int:
    """Active users when a day begins, counted from the log of users."""
    rows = log.users
    signed = rows["what"] == Life.SIGNED_UP
    came = np.zeros(int(rows["user"].max()) + 1, np.int64)
    came[rows["user"][signed]] = rows["time"][signed]
    inside = rows["time"] <= day * DAY
    if cohort is not None:
        inside &= came[rows["user"]] // (7 * DAY) + 1 == cohort
    change = (rows["what"] == Life.ACTIVATED).astype(int) - (rows["what"] == Life.LEFT)
    return int(change[inside].sum())


def counts(log: Log, plan: Plan) -> dict[str, float]:
    """Users of two cohorts and of all, and the actions of all."""
    return {
        "cohort 2 on day 21": active(log, 21, 2),
        "cohort 3 on day 60": active(log, 60, 3),
        "all on day 60": active(log, 60),
        "actions": len(measured(log, plan)["action"]),
    }


def actions() -> float:
    """First actions of those who sign up, and one in five days of every active user (by hours)."""
    hours = sum(
        sum(WEEKLY / 7 * SHARE * still_there((day - came) // 7) * 24 for came in range(day))
        + WEEKLY / 168 * SHARE * sum(range(24))
        for day in range(DAYS)
    )
    return WEEKLY / 7 * DAYS + 0.2 / 24 * hours


COHORTS = Witness(
    "cohorts",
    lambda f: crowd(
        0, DAYS,
        {
            "acquisition": WEEKLY * f, "activation": {"share": f"{100 * SHARE:g}%"},
            "retention": {"table": {week: f"{100 * share:g}%" for week, share in STAY.items()}},
        },
    ),
    counts,
    {
        "cohort 2 on day 21": Figure(expected(2, 21)),
        "cohort 3 on day 60": Figure(expected(3, 60)),
        "all on day 60": Figure(sum(expected(cohort, 60) for cohort in range(1, 10))),
        "actions": Figure(actions()),
    },
    replications=40,
    twin_replications=40,
)  # fmt: skip


# --- reliability pays -----------------------------------------------------------------------------------

FAILING = 0.2


def failing(f: float = 1.0) -> dict[str, Any]:
    """A model that fails so often."""
    return {"m": MODEL | {"deployments": [{"provider": "p", "errors": {"server_error": f"{100 * FAILING * f:g}%"}}]}}


def activated(log: Log, plan: Plan) -> dict[str, float]:
    """Share of those who decided and became active users."""
    rows = log.users
    early = rows["user"][(rows["what"] == Life.SIGNED_UP) & (rows["time"] < 19 * DAY)]
    what = rows["what"][np.isin(rows["user"], early)]  # the others may not have made up their minds
    yes, no = int((what == Life.ACTIVATED).sum()), int((what == Life.LOST_INTEREST).sum())
    return {"activated": yes / (yes + no)}


LET_DOWN = Witness(
    "let_down",
    lambda f: crowd(
        0, 21, {"acquisition": 14_000, "activation": {"share": f"{60 * f:g}%", "let_down": "50%"}}
    ) | {"models": failing(), "resilience": {"client": "none"}},
    activated,
    {"activated": Figure(0.6 * (1 - FAILING) + 0.3 * FAILING)},
)  # fmt: skip


def stayed(log: Log, plan: Plan) -> dict[str, float]:
    """Of those there on day 7: who is there five weeks later."""
    rows = log.users
    left = (rows["what"] == Life.LEFT).astype(int)
    on = [5_000 - int(left[rows["time"] <= day * DAY].sum()) for day in (7, 42)]
    return {"stayed": on[1] / on[0]}


# Each user has a Poisson number of failures in a week, of mean m; a chance that is multiplied by 1 - a for each is
# exp(-a m) in the mean (its generating function), and every week begins anew.
DRIVEN_AWAY = Witness(
    "driven_away",
    lambda f: crowd(
        0, 43, {"base": 5_000, "retention": {"lowered_by": {"failed": f"{15 * f:g}%"}}}, actions_per_day=0.7
    ) | {"models": failing(), "resilience": {"client": "none"}},
    stayed,
    {"stayed": Figure(float(np.exp(-5 * 0.15 * 7 * 0.7 * FAILING)))},
)  # fmt: skip


def on_paid(log: Log, plan: Plan) -> dict[str, float]:
    """Share of the users who have gone over to the paid plan after six weeks."""
    rows = log.users
    moved = (rows["what"] == Life.MOVED) & (rows["time"] <= 42 * DAY)
    return {"paid": int(moved.sum()) / 5_000}


MOVES = Witness(
    "moves",
    lambda f: crowd(
        0, 43, {"base": 5_000}, actions_per_day=0.01,
        plans={"free": {"share": "100%", "moves": {"paid": f"{5 * f:g}%"}}, "paid": {"share": "0%"}},
    ),
    on_paid,
    {"paid": Figure(1 - 0.95**6)},
    replications=40,
)  # fmt: skip

WITNESSES = (COHORTS, LET_DOWN, DRIVEN_AWAY, MOVES)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_growth(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)


# --- unequal users --------------------------------------------------------------------------------------

SIGMA, USERS = 1.0, 2_000


def top_share(seed: int, replication: int, log: Log) -> float:
    """Share of the actions of the tenth of users who were drawn most active."""
    u = np.array([pair(seed, replication, int(Stream.ACTIVITY), user, 0, 0)[0] for user in range(USERS)])
    return float((u[log.actions["user"]] > 0.9).mean())


@pytest.mark.parametrize(("sigma", "holds"), [(SIGMA, True), (1.03 * SIGMA, False)])
def test_activity_of_top_users(sigma: float, holds: bool, tmp_path: Path) -> None:
    """Lognormal activity: those beyond the quantile z carry Phi(sigma - z) of it (Aitchison and Brown 1957, 2.4)."""
    plan = compiled(crowd(0, 10, {"base": USERS}, actions_per_day=3, activity={"lognormal": sigma}), tmp_path)
    found = [top_share(SEED, r, run_plan(plan, SEED, r, ENGINE)) for r in range(60)]
    closed = float(norm.cdf(SIGMA - norm.ppf(0.9)))
    error = float(np.std(found, ddof=1)) / np.sqrt(len(found))
    assert error / closed < 0.01
    assert (abs(float(np.mean(found)) - closed) <= 3 * float(error)) is holds


# --- the money ------------------------------------------------------------------------------------------

PAYING = """
name: Paying
start: 2026-01-20
horizon: 50d
warmup: 0s
traffic:
  users:
    growth: {base: 300, acquisition: 200, retention: {table: {1: 60%, 6: 30%}}}
    actions_per_day: 1
    plans: {free: {share: 70%, moves: {pro: 3%}}, pro: {share: 30%, price: $19.99/month, moves: {free: 2%}}}
actions: {ask: {calls: [{name: answer, model: m, input: 1000, output: 100}]}}
models: {m: {deployments: [{provider: p}], ttft: 1s, tokens_per_second: 50, prices: {input: $3, output: $9}}}
resilience: {client: none}
service: {workers: 50, cost: $123.45/month}
business:
  cash: $20k
  fixed: {tools: $77/month, rent: $10/day}
  team: {founder: {people: 2, cost: $3000/month}, engineer: {cost: $5000/month, from_users: 430, after: 3d}}
"""


def test_cash_to_the_cent(tmp_path: Path) -> None:
    """Every payment, day by day, from the rows of the log alone."""
    file = tmp_path / "paying.yaml"
    file.write_text(PAYING)
    result = load(file).run(seed=3, replications=1, jobs=1, engine=ENGINE, log=True, progress=False)
    users, actions = result.user_log, result.actions
    start, on, cash = dt.date(2026, 1, 20), dict[int, str](), Fraction(20_000)
    daily = actions[actions["arrival_s"] < 50 * 86_400].groupby(actions["arrival_s"] // 86_400)["user"].nunique()
    wanted = next(day for day in range(6, 50) if daily.loc[day - 6 : day].mean() >= 430)
    left, month_end = users.itertuples(), {}
    waiting = next(left, None)
    plans: dict[int, str] = {}
    for day in range(50):
        while waiting is not None and waiting.time_s <= day * 86_400:
            if waiting.what in ("base", "signed_up", "moved"):
                plans[waiting.user] = str(waiting.plan)
            if waiting.what in ("base", "activated") or (waiting.what == "moved" and waiting.user in on):
                on[waiting.user] = plans[waiting.user]
            elif waiting.what == "left":
                del on[waiting.user]
            waiting = next(left, None)
        date = start + dt.timedelta(days=day)
        days = ((date.replace(day=1) + dt.timedelta(days=32)).replace(day=1) - date.replace(day=1)).days
        pro = sum(plan == "pro" for plan in on.values())
        cash += pro * Fraction("19.99") / days
        cash -= Fraction(77, days) + 10 + Fraction(2 * 3000, days)
        cash -= Fraction("123.45") / (730 * 3600) * 86_400
        cash -= Fraction(5000, days) if day >= wanted + 1 + 3 else 0
        mine = actions[(actions["arrival_s"] // 86_400) == day]
        cash -= Fraction(round(float(mine["cost_usd"].sum()) * 10**9), 10**9)
        month_end[f"{date:%Y-%m}"] = cash
    for row in result.months.itertuples():
        assert row.cash_usd == pytest.approx(float(month_end[row.month]), abs=0.005)
    assert 20 < wanted < 45 and len(month_end) == 3
