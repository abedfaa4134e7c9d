"""Mechanisms against closed forms: one small scenario each, in which nothing else happens.

Arrivals are evenly spaced where their law does not matter: the count of actions then adds no noise.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import CALL, EVEN, MODEL, POISSON, exponential, lognormal, mean_latency, percent, scenario, share_of
from witness import CHANGED, LIMIT, SECOND, Figure, Witness, duration, measured, samples, standing

from simkit import theory
from simkit.engine.codes import Kind, Outcome
from simkit.engine.log import Log
from simkit.plan.plan import Plan

ENGINES = ("compiled", pytest.param("reference", marks=[pytest.mark.slow, pytest.mark.long]))
SEED = 2027
REPLICATIONS, TWINS = 40, 24

# --- who asks, and who goes first ---------------------------------------------------------------------


def ranks(log: Log, plan: Plan) -> dict[str, float]:
    """The top user's share, and the mean rank; the most active user is number 0."""
    user = measured(log, plan)["user"]
    return {"top": float((user == 0).mean()), "rank": float(user.mean()) + 1}


# Ten users, Zipf 1.5: the first asks half of it
USERS = Witness(
    "users",
    lambda f: scenario(
        1_400,
        [{"name": "work", "work": "1ns"}],
        traffic={
            "users": {"daily_active": 10, "actions_per_day": 864_000, "activity": {"zipf": 1.5 * f}},
            "process": EVEN,
        },
    ),
    ranks,
    {"top": Figure(theory.zipf_share(1, 10, 1.5)), "rank": Figure(theory.zipf_mean_rank(10, 1.5))},
)


def classes(log: Log, plan: Plan) -> dict[str, float]:
    """Mean time in the system by plan."""
    rows = measured(log, plan)
    latency = rows["end"] - rows["arrival"]
    return {name: float(latency[rows["plan"] == i].mean()) / SECOND for i, name in enumerate(plan.names.plans)}


# M/M/1 with two classes that do not interrupt, 1.5/s and load 0.15 each, for 2,000 s; half of the users on each plan
WAITS = theory.priority_waits([1.5, 1.5], [0.1, 0.1], [1, 1])
PRIORITY = Witness(
    "priority",
    lambda f: scenario(
        200_000,
        [{"name": "work", "work": exponential(0.1 * f)}],
        traffic={
            "users": {
                "daily_active": 10_000,
                "actions_per_day": 25.92,
                "plans": {"paid": {"share": "50%", "priority": 0}, "free": {"share": "50%", "priority": 1}},
            }
        },
        service={"workers": 1},
    ),
    classes,
    {"paid": Figure(WAITS[0] + 0.1), "free": Figure(WAITS[1] + 0.1)},
)

# --- calls and their models ---------------------------------------------------------------------------

# Own work and an answer at the same time, exponential both: the action goes on after the longer one
PARALLEL = Witness(
    "parallel",
    lambda f: scenario(
        900,
        [{"parallel": [{"name": "work", "work": exponential(0.2 * f)}, CALL]}],
        models={"m": MODEL | {"ttft": exponential(0.2 * f)}},
    ),
    lambda log, plan: {"latency": mean_latency(measured(log, plan))},
    {"latency": Figure(theory.exponential_max(0.2, 2))},
)

# Rounds of an agent: geometric of mean 2, cut at 6
REPETITIONS = Witness(
    "repetitions",
    lambda f: scenario(700, [CALL | {"repeat": {"geometric": {"mean": 2 * f, "max": 6}}}]),
    lambda log, plan: {"rounds": float(measured(log, plan)["attempts"].mean())},
    {"rounds": Figure(theory.repetitions(2, 6))},
)

# Two judged calls and one that is not, by complexity: good if both are
GOOD = theory.mixture_mean([0.6, 0.4], [0.95 * 0.9, 0.85 * 0.8])
QUALITY = Witness(
    "quality",
    lambda f: scenario(
        480,
        actions={
            "ask": {
                "complexity": {"simple": "60%", "complex": "40%"},
                "calls": [
                    CALL,
                    CALL | {"name": "check", "model": "n"},
                    CALL | {"name": "title", "model": "n", "judged": False},
                ],
            }
        },
        models={
            "m": MODEL | {"quality": {"simple": percent(0.95 / f), "complex": percent(0.85 / f)}},
            "n": MODEL | {"quality": {"simple": "90%", "complex": "80%"}},
        },
    ),
    lambda log, plan: {"good": float((measured(log, plan)["good"] == 1).mean())},
    {"good": Figure(GOOD)},
)


def visits(log: Log, plan: Plan) -> dict[str, float]:
    """Attempts and microdollars an action."""
    rows = measured(log, plan)
    return {"visits": float(rows["attempts"].mean()), "cost": float(rows["cost"].mean()) / 1e6}


# Cascade: 70 % of the simple answers escalate, 90 % of the complex, each half of all; the large model is 10 x dearer
CASCADE = Witness(
    "cascade",
    lambda f: scenario(
        320,
        actions={
            "ask": {
                "complexity": {"simple": "50%", "complex": "50%"},
                "calls": [{"name": "answer", "route": "r", "input": 1, "output": 0}],
            }
        },
        routes={
            "r": {
                "cascade": ["small", "large"],
                "escalate": {"simple": percent(0.7 * f), "complex": percent(0.9 * f)},
            }
        },
        models={"small": MODEL, "large": MODEL | {"prices": {"input": "$10", "output": "$1"}}},
    ),
    visits,
    {"visits": Figure(1 + 0.8), "cost": Figure(1 + 0.8 * 10)},
)

# --- the models' side ---------------------------------------------------------------------------------


def split(log: Log, plan: Plan) -> dict[str, float]:
    """The first deployment's share, and the variance over the mean of its counts by 25 ms."""
    rows = log.attempts
    times = rows["dispatched"][(rows["deployment"] == 0) & (rows["dispatched"] < plan.horizon)]
    counts = np.bincount(times // 25_000_000, minlength=plan.horizon // 25_000_000)
    total = (rows["dispatched"] < plan.horizon).sum()
    return {"share": len(times) / float(total), "dispersion": float(counts.var(ddof=1) / counts.mean())}


def two_deployments(share: float) -> dict[str, Any]:
    places = [{"provider": "p", "weight": 100 * share}, {"provider": "q", "weight": 100 * (1 - share)}]
    return {"m": MODEL | {"deployments": places}}


# Poisson arrivals split 70/30 by weight: each part is Poisson (thinning), so the variance of its counts is their mean
# (dealt out in turn it would be 0.8 of it: 2 % is enough)
DEPLOYMENTS = Witness(
    "deployments",
    lambda f: scenario(650, process=POISSON, models=two_deployments(0.7 * f)),
    split,
    {"share": Figure(0.7), "dispersion": Figure(1.0, 0.02, twin=False)},
)

# Lognormal prompts of median 10,000 (whole numbers), room for 12,000 with the longest answer
CONTEXT = Witness(
    "context",
    lambda f: scenario(
        650,
        [CALL | {"input": {"lognormal": {"median": 10_000 * f, "sigma": 0.3}}, "output": {"all": 0, "max": 3_500}}],
        models={"m": MODEL | {"context": 12_000}},
    ),
    lambda log, plan: {"too_large": share_of(measured(log, plan), Kind.TOO_LARGE)},
    {"too_large": Figure(theory.lognormal_tail(10_000, 0.3, 8_500.5))},
)

# Four times as slow in 80 % of the time: first token gamma of mean 50 ms, then 50 ms of tokens
SLOWDOWN = Witness(
    "slowdown",
    lambda f: scenario(
        300,
        [CALL | {"output": 1}],
        POISSON,
        models={"m": MODEL | {"ttft": {"gamma": {"mean": "50ms", "cv": 0.4}}, "tokens_per_second": 20}},
        incidents=[{"at": duration(0.6), "lasts": duration(2.4), "target": "p", "slowdown": 4 * f}],
    ),
    lambda log, plan: {"latency": mean_latency(measured(log, plan))},
    {"latency": Figure(theory.mixture_mean([0.2, 0.8], [0.1, 0.4]))},
)


def refusals(log: Log, plan: Plan) -> dict[str, float]:
    """Share that the bucket refuses, of the 100 a second that the law offers: steadier than of those that came.

    Without the first half second, in which the bucket is fuller than later.
    """
    rows, half = measured(log, plan), round(SECOND / 2)
    passed = (rows["reason"] == Kind.OK) & (rows["arrival"] >= half)
    return {"loss": 1 - float(passed.sum()) / (100 * (plan.horizon - half) / SECOND)}


# A bucket of 100/s with room for four, of which an incident leaves half, offered Poisson 100/s: M/D/1/2 at load 2
CUT_LIMITS = Witness(
    "cut_limits",
    lambda f: scenario(
        400,
        process=POISSON,
        quotas={"q": {"requests": f"{round(6000 * f)}/min", "burst": duration(0.04 / f), "of": ["p"]}},
        incidents=[{"at": "0s", "lasts": "1h", "target": "p", "quota": "50%"}],
    ),
    refusals,
    {"loss": Figure(theory.bucket_loss(100, 50, 2))},
)

STRIKES = [
    {"at": duration(1.3 * k + 0.005), "lasts": "1ns", "target": "p", "error_rate": "90%", "in_flight": "fail"}
    for k in range(1, 5)
]
"""Further apart than any answer takes, and half-way between two arrivals: the number in flight is as at random."""


def struck(log: Log, plan: Plan) -> dict[str, float]:
    """Attempts that fail at the instant of an incident's start, by incident."""
    failed = log.attempts["outcome"] == Kind.SERVER_ERROR
    assert np.isin(log.attempts["ended"][failed], log.incidents["start"]).all()
    return {"failed": float(failed.sum()) / len(log.incidents["start"])}


# 100/s for a mean of 1 s each: 100 in flight, of which an incident fails 90 %
IN_FLIGHT = Witness(
    "in_flight",
    lambda f: scenario(
        550,
        models={"m": MODEL | {"ttft": {"uniform": {"low": duration(0.8 * f), "high": duration(1.2 * f)}}}},
        incidents=STRIKES,
    ),
    struck,
    {"failed": Figure(0.9 * theory.little(100, 1.0))},
)

# --- limits of time, and what follows ------------------------------------------------------------------

# Lognormal answers of median 1 s and a timeout of 0.85 s
TIMEOUTS = Witness(
    "timeouts",
    lambda f: scenario(
        650, models={"m": MODEL | {"ttft": lognormal(f, 0.3)}}, resilience={"client": "none", "timeout": "850ms"}
    ),
    lambda log, plan: {
        "timed_out": share_of(measured(log, plan), Kind.TIMEOUT),
        "latency": mean_latency(measured(log, plan)),
    },
    {
        "timed_out": Figure(theory.lognormal_tail(1, 0.3, 0.85)),
        "latency": Figure(theory.lognormal_capped_mean(1, 0.3, 0.85), twin=False),
    },
)

# Own work and then an answer, exponential of mean 1 s both, and a deadline of 1.2 s over the whole
DEADLINE = Witness(
    "deadline",
    lambda f: scenario(
        1_100,
        [CALL | {"work": exponential(f)}],
        models={"m": MODEL | {"ttft": exponential(f)}},
        resilience={"client": "none", "deadline": "1200ms"},
    ),
    lambda log, plan: {
        "late": share_of(measured(log, plan), Kind.DEADLINE),
        "latency": mean_latency(measured(log, plan)),
    },
    {
        "late": Figure(theory.erlang_tail(1, 2, 1.2)),
        "latency": Figure(theory.erlang_capped_mean(1, 2, 1.2), twin=False),
    },
)


def abandoned(log: Log, plan: Plan) -> dict[str, float]:
    """Share of a stream that is billed; of other answers the seconds that they hold a slot, and the share billed."""
    inside = log.attempts["dispatched"] < plan.horizon
    rows = {name: column[inside] for name, column in log.attempts.items()}
    stream = rows["call"] == 0
    held = rows["released"][~stream] - rows["started"][~stream]
    return {
        "billed": float(rows["billed_out"][stream].mean()) / 1e6,
        "held": float(held.mean()) / SECOND,
        "billed_on": float(rows["billed_out"][~stream].mean()) / 1e6,
    }


# Answers of a million tokens in 2 s after an exponential of 0.5 s, given up after 1 s: streams stop, others run on
ABANDONED = Witness(
    "abandoned",
    lambda f: scenario(
        1_100,
        actions={
            "stream": {"share": "50%", "calls": [CALL | {"output": 1_000_000}]},
            "whole": {
                "share": "50%",
                "calls": [CALL | {"output": {"uniform": {"low": 800_000, "high": 1_200_000}}, "streaming": False}],
            },
        },
        models={"m": MODEL | {"ttft": exponential(0.5), "tokens_per_second": 500_000 / f}},
        resilience={"client": "none", "timeout": "1s"},
    ),
    abandoned,
    {
        "billed": Figure(theory.stream_share(0.5, 2, 1)),
        "held": Figure(0.5 + 2),
        "billed_on": Figure(1.0, twin=False),
    },
)


def fallbacks(log: Log, plan: Plan) -> dict[str, float]:
    """Share of actions that succeed, and models asked by action."""
    rows = measured(log, plan)
    return {"success": float((rows["outcome"] == Outcome.OK).mean()), "models": float(rows["attempts"].mean())}


# Errors of 60 %, and of 50 % at the fallback
FALLBACK = Witness(
    "fallback",
    lambda f: scenario(
        950,
        models={
            "m": MODEL | {"errors": {"server_error": percent(0.6 * f)}},
            "n": MODEL | {"errors": {"server_error": percent(0.5 * f)}},
        },
        resilience={"client": "none", "fallback": {"m": ["n"]}},
    ),
    fallbacks,
    {"success": Figure(1 - 0.6 * 0.5), "models": Figure(1 + 0.6, twin=False)},
)


def means(log: Log, plan: Plan) -> dict[str, float]:
    """Microdollars and seconds an action."""
    rows = measured(log, plan)
    return {"cost": float(rows["cost"].mean()) / 1e6, "latency": mean_latency(rows)}


# Poisson 100/s, from half-time on 300/s; from a quarter of the time on thrice the price, from half-time half the speed
CHANGES = Witness(
    "changes",
    lambda f: scenario(
        400,
        process=POISSON,
        models={"m": MODEL | {"ttft": "50ms"}},
        changes=[
            {"at": "1s", "set": {"models.m.prices.input": f"${3 * f:.2f}"}},
            {"at": "2s", "set": {"traffic.rate": "300/s", "models.m.ttft": duration(0.1 * f)}},
        ],
    ),
    means,
    {
        "cost": Figure(theory.mixture_mean([100, 700], [1, 3])),
        "latency": Figure(theory.mixture_mean([200, 600], [0.05, 0.1])),
    },
)

WITNESSES = (
    *(USERS, pytest.param(PRIORITY, marks=pytest.mark.slow), PARALLEL, REPETITIONS, QUALITY, CASCADE),
    *(DEPLOYMENTS, CONTEXT, SLOWDOWN, CUT_LIMITS, IN_FLIGHT, TIMEOUTS, DEADLINE, ABANDONED, FALLBACK, CHANGES),
)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_mechanism(witness: Witness, engine: str, tmp_path: Path) -> None:
    found = samples(witness, 1.0, SEED, REPLICATIONS, tmp_path, engine)
    for name, figure in witness.figures.items():
        distance, error = standing(found[name], figure.closed)
        assert error <= figure.power, f"{name}: standard error {error:.2%} of the closed form: too blunt"
        assert distance <= LIMIT, (
            f"{name}: {found[name].mean():.6g}, closed form {figure.closed:.6g}: {distance:.1f} SE"
        )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, engine: str, tmp_path: Path) -> None:
    found = samples(witness, CHANGED, SEED + 1, TWINS, tmp_path, engine)
    for name, figure in witness.figures.items():
        if figure.twin:
            distance, _ = standing(found[name], figure.closed)
            assert distance > LIMIT, f"{name}: a law changed by 3 % is not noticed: {distance:.1f} SE"


# --- the closed forms by hand -------------------------------------------------------------------------


def test_priority_waits() -> None:
    # two exponential classes of load 0.25: R = 0.5, 0.5 / 0.75 and 0.5 / (0.75 x 0.5); their mean is M/M/1's wait
    waits = theory.priority_waits([0.25, 0.25], [1, 1], [1, 1])
    assert waits == pytest.approx([2 / 3, 4 / 3])
    assert sum(waits) / 2 == pytest.approx(theory.mm1_wait(0.5, 1))
    assert theory.priority_waits([0.8], [1], [0.5]) == pytest.approx([theory.mg1_wait(0.8, 1, 0.5)])
    with pytest.raises(ValueError, match="steady state"):
        theory.priority_waits([0.5, 0.6], [1, 1], [1, 1])


def test_zipf() -> None:
    assert theory.zipf_share(1, 3, 1) == pytest.approx(6 / 11)  # 1 / (1 + 1/2 + 1/3)
    assert theory.zipf_mean_rank(3, 1) == pytest.approx(18 / 11)
    assert sum(theory.zipf_share(rank, 7, 0.8) for rank in range(1, 8)) == pytest.approx(1)
    assert theory.zipf_mean_rank(9, 0) == pytest.approx(5)


def test_means_of_laws() -> None:
    assert theory.mixture_mean([3, 1], [1, 5]) == 2
    assert theory.exponential_max(2, 1) == 2
    assert theory.exponential_max(2, 3) == pytest.approx(2 * 11 / 6)
    assert theory.repetitions(2, 1) == 1
    assert theory.repetitions(2, 3) == pytest.approx(1 / 2 + 2 / 4 + 3 / 4)
    assert theory.repetitions(4, 500) == pytest.approx(4)


def test_tails_and_capped_means() -> None:
    """A capped mean is the integral of the tail."""
    assert theory.erlang_tail(2, 1, 3) == pytest.approx(math.exp(-1.5))
    assert theory.erlang_tail(1, 2, 1.2) == pytest.approx(2.2 * math.exp(-1.2))
    assert theory.lognormal_tail(1, 0.3, 1) == 0.5
    assert theory.lognormal_tail(1, 0.3, math.exp(0.3 * 1.6449)) == pytest.approx(0.05, abs=1e-5)
    x = (np.arange(20_000) + 0.5) * 1e-4  # the middles of [0, 2]
    erlang = sum(theory.erlang_tail(0.7, 3, t) for t in x) * 1e-4
    lognormal = sum(theory.lognormal_tail(1, 0.5, t) for t in x) * 1e-4
    assert theory.erlang_capped_mean(0.7, 3, 2) == pytest.approx(erlang)
    assert theory.lognormal_capped_mean(1, 0.5, 2) == pytest.approx(lognormal)


@pytest.mark.parametrize(("lasts", "limit"), [(2.0, 1.0), (1.0, 2.0), (1.5, 1.5)])
def test_stream_share(lasts: float, limit: float) -> None:
    u = (np.arange(200_000) + 0.5) / 200_000
    begins = -0.5 * np.log(u)
    share = np.clip(limit - begins, 0, lasts).mean() / lasts
    assert theory.stream_share(0.5, lasts, limit) == pytest.approx(share, rel=1e-4)
