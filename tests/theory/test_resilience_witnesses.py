"""What clients and gateways do when something fails, against closed forms: one small scenario each."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import (
    BROKEN,
    CALL,
    MODEL,
    POISSON,
    exponential,
    lognormal,
    measured_attempts,
    percent,
    policy,
    scenario,
    share_of,
    taking,
)  # fmt: skip
from witness import (
    ENGINE,
    SECOND,
    Figure,
    Floats,
    Witness,
    assert_holds,
    assert_told_apart,
    duration,
    measured,
    percentile,
)

from simkit import theory
from simkit.engine.codes import Kind, Mark, Outcome
from simkit.engine.log import Log
from simkit.plan.plan import Plan

pytestmark = pytest.mark.slow
SEED = 2030
THREE = ("first", "second", "third")


def mean_attempts(log: Log, plan: Plan) -> float:
    return float(measured(log, plan)["attempts"].mean())


def succeeded(log: Log, plan: Plan) -> float:
    return float((measured(log, plan)["outcome"] == Outcome.OK).mean())


def waits(log: Log, plan: Plan) -> dict[str, float]:
    """Mean wait before each of three retries in seconds; an action's attempts stand in the order in which they end."""
    t = measured_attempts(log, plan)
    wait = t["dispatched"][1:] - t["ended"][:-1]
    number = np.where(t["action"][1:] == t["action"][:-1], t["attempt"][1:] + t["rung"][1:], 0)
    return {name: float(wait[number == n].mean()) / SECOND for n, name in enumerate(THREE, 1)}


def quantile(tail: Callable[[float], float], share: float, high: float) -> float:
    """Where a tail has fallen to `share`, by bisection."""
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle) > share else (low, middle)
    return high


# --- limits of time -----------------------------------------------------------------------------------


def stream_timeouts(log: Log, plan: Plan) -> dict[str, float]:
    """Share that is given up before the first token, and between tokens."""
    rows = measured_attempts(log, plan)
    cut, begun = rows["outcome"] == Kind.TIMEOUT, rows["first_token"] >= 0
    return {"first": float((cut & ~begun).mean()), "idle": float((cut & begun).mean())}


# First tokens of median 1 s, at most 0.85 s; then a token in a median of 0.1 s, at most 0.09 s
FIRST_LATE = theory.lognormal_tail(1, 0.3, 0.85)
STREAM_TIMEOUTS = Witness(
    "stream_timeouts",
    lambda f: scenario(
        15_000,
        [CALL | {"output": 3}],
        models={
            "m": MODEL
            | {"ttft": lognormal(f, 0.3), "tokens_per_second": {"lognormal": {"median": 10 / f, "sigma": 0.3}}}
        },
        resilience=policy(first_token_timeout="850ms", idle_timeout="90ms"),
    ),
    stream_timeouts,
    {"first": Figure(FIRST_LATE), "idle": Figure((1 - FIRST_LATE) * theory.lognormal_tail(0.1, 0.3, 0.09), twin=False)},
)


# Tries of an exponential time of mean 0.1 s of which 40 % succeed, one after another: success comes after an
# exponential of 0.1 s / 0.4 (thinning), failures at a rate of 0.6 / 0.1 s until then or until the time is up
def until_success(mean: float, success: float, limit: float) -> tuple[float, float]:
    """Share that finds no success in time, and the mean number of tries."""
    late = math.exp(-limit * success / mean)
    return late, 1 + (1 - success) / success * (1 - late)


CALL_TIMEOUT = Witness(
    "call_timeout",
    lambda f: scenario(
        8_000,
        models={"m": MODEL | {"ttft": exponential(0.1 * f), "errors": {"server_error": "60%"}}},
        failures=taking(exponential(0.1 * f)),
        resilience=policy(max_retries=30, call_timeout="250ms"),
    ),
    lambda log, plan: {"late": share_of(measured(log, plan), Kind.TIMEOUT), "tries": mean_attempts(log, plan)},
    {
        "late": Figure(until_success(0.1, 0.4, 0.25)[0]),
        "tries": Figure(until_success(0.1, 0.4, 0.25)[1], twin=False),
    },
)

# --- retries ------------------------------------------------------------------------------------------

# Half of the tries fail before a token and are retried, a fifth break after it and are not: 0.2 / (1 - 0.5) in the end
BROKEN_STREAMS = Witness(
    "broken_streams",
    lambda f: scenario(
        4_000,
        models={"m": MODEL | {"errors": {"server_error": percent(0.5 * f), "stream_broken": percent(0.2 * f)}}},
        resilience=policy(max_retries=30),
    ),
    lambda log, plan: {"broken": share_of(measured(log, plan), Kind.STREAM_BROKEN)},
    {"broken": Figure(0.2 / (1 - 0.5))},
)


def two_places(sick: float, retry_at: str) -> dict[str, Any]:
    """Two retries; a share of the attempts goes to a deployment that always fails."""
    places = [
        {"provider": "p", "weight": 100 * sick, "errors": {"server_error": "100%"}},
        {"provider": "q", "weight": 100 * (1 - sick)},
    ]
    return scenario(
        2_500, models={"m": MODEL | {"deployments": places}}, resilience=policy(max_retries=2, retry_at=retry_at)
    )


def retried(log: Log, plan: Plan) -> dict[str, float]:
    """Share of actions that succeed, and attempts an action."""
    return {"success": succeeded(log, plan), "attempts": mean_attempts(log, plan)}


RETRY_ANY = Witness(
    "retry_any",
    lambda f: two_places(0.6 * f, "any"),
    retried,
    {"success": Figure(theory.success(0.6, 2)), "attempts": Figure(theory.attempts(0.6, 2))},
)
RETRY_SAME = Witness(
    "retry_same",
    lambda f: two_places(0.6 * f, "same"),
    retried,
    {"success": Figure(1 - 0.6), "attempts": Figure(1 + 0.6 * 2)},
)
RETRY_OTHER = Witness(
    "retry_other",
    lambda f: two_places(0.6 * f, "other"),
    lambda log, plan: {"attempts": mean_attempts(log, plan)},
    {"attempts": Figure(1 + 0.6)},
)


def told_to_wait(log: Log, plan: Plan) -> dict[str, float]:
    """Of the first tries that were refused: the share that is not retried, and the mean wait of the others."""
    t = measured_attempts(log, plan)
    refused = (t["attempt"] == 0) & (t["outcome"] == Kind.RATE_LIMIT)
    retries = np.flatnonzero(t["attempt"] == 1)
    return {
        "gave_up": float((t["marks"][refused] & Mark.GAVE_UP > 0).mean()),
        "wait": float((t["dispatched"] - np.roll(t["ended"], 1))[retries].mean()) / SECOND,
    }


# A bucket for one request a second, whoever takes it: while it is empty Poisson arrivals find a rest that is uniform in
# [0, 1 s]. Up to 0.6 s it is honoured, beyond the try is the last one; no wait is shorter than the backoff of 0.4 s
RETRY_AFTER = Witness(
    "retry_after",
    lambda f: scenario(
        30_000,
        process=POISSON,
        quotas={"q": {"requests": "60/min", "burst": "1s", "of": ["p"]}},
        failures={"rate_limit": {"takes": "0s"}},
        resilience=policy(
            max_retries=1,
            retry_after=duration(0.6 * f),
            retry_after_beyond="give_up",
            backoff={"initial": duration(0.4 * f), "max": "1s"},
        ),
    ),
    told_to_wait,
    {"gave_up": Figure(1 - 0.6), "wait": Figure((0.4**2 + 0.6**2) / (2 * 0.6))},
)


def backoff_witness(jitter: Any) -> Callable[[float], dict[str, Any]]:
    """Three waits: 0.1 s, 0.3 s and, cut to it, 0.6 s, made random."""
    return lambda f: scenario(
        2_500,
        models={"m": BROKEN},
        resilience=policy(
            max_retries=3,
            backoff={"initial": duration(0.1 * f), "factor": 3, "max": duration(0.6 * f), "jitter": jitter},
        ),
    )


def three(*means: float) -> dict[str, Figure]:
    return {name: Figure(mean) for name, mean in zip(THREE, means, strict=True)}


def decorrelated_means(initial: float, longest: float, count: int) -> list[float]:
    """E[w(n)] where w(n + 1) = min(longest, U(initial, 3 w(n))), w(0) = initial, by its conditional mean on a grid.

    g(x) = E[w(n + k) | w(n) = x] goes from k to k + 1 by its mean over the uniform law.
    """
    grid = np.linspace(initial, longest, 1_001)
    u = (np.arange(1_000) + 0.5) / 1_000
    ahead, found = grid.copy(), []
    for _ in range(count):
        following: Floats = np.minimum(longest, initial + (3 * grid[:, None] - initial) * u)
        ahead = np.interp(following, grid, ahead).mean(axis=1)
        found.append(float(ahead[0]))
    return found


FULL = Witness("full_jitter", backoff_witness("full"), waits, three(0.05, 0.15, 0.3))
EQUAL = Witness("equal_jitter", backoff_witness("equal"), waits, three(0.075, 0.225, 0.45))
DECORRELATED = Witness(
    "decorrelated_jitter", backoff_witness("decorrelated"), waits, three(*decorrelated_means(0.1, 0.6, 3))
)
ADDITIVE = Witness(
    "additive_jitter",
    lambda f: backoff_witness({"add": duration(0.2 * f)})(f),
    waits,
    three(0.1 + 0.1, 0.3 + 0.1, 0.6 + 0.1),
)

# The same waits of a client before a gateway, which draws its own
CLIENT_BACKOFF = Witness(
    "client_backoff",
    lambda f: scenario(
        2_500,
        models={"m": BROKEN},
        resilience={
            "client": {
                "preset": "none",
                "max_retries": 3,
                "backoff": {"initial": duration(0.1 * f), "factor": 3, "max": duration(0.6 * f), "jitter": "full"},
            },
            "gateway": "none",
        },
    ),
    waits,
    three(0.05, 0.15, 0.3),
)

# --- hedges and slowness ------------------------------------------------------------------------------

SIGMA = 0.5
P95 = math.exp(SIGMA * 1.6448536269514722)
"""Of a lognormal of median 1 s."""


def answer_tail(time: float) -> float:
    return theory.lognormal_tail(1, SIGMA, time) if time > 0 else 1.0


def hedge_wins() -> float:
    """P(d + T2 < T1) = integral of P(T1 > d + t) over the law of T2, by its quantiles."""
    answers = [quantile(answer_tail, (i + 0.5) / 500, 100) for i in range(500)]
    return float(np.mean([answer_tail(P95 + t) for t in answers]))


def hedged(log: Log, plan: Plan) -> dict[str, float]:
    """Hedges a call, the share of answers that are theirs, and the 99th percentile of the latency."""
    rows, actions = measured_attempts(log, plan), measured(log, plan)
    hedges = rows["hedge"] == 1
    calls = float((~hedges).sum())
    return {
        "hedges": float(hedges.sum()) / calls,
        "wins": float((hedges & (rows["outcome"] == Kind.OK)).sum()) / calls,
        "p99": percentile(actions["end"] - actions["arrival"], 0.99) / SECOND,
    }


# A hedge at the 95th percentile of answers that come at once: 5 % more attempts; what comes first is min(T1, d + T2)
HEDGE = Witness(
    "hedge",
    lambda f: scenario(
        40_000,
        [CALL | {"streaming": False}],
        models={"m": MODEL | {"ttft": lognormal(f, SIGMA)}},
        resilience=policy(hedge=duration(P95), on_cancel="stops"),
    ),
    hedged,
    {
        "hedges": Figure(0.05),
        "wins": Figure(hedge_wins(), 0.015),
        "p99": Figure(quantile(lambda t: answer_tail(t) * answer_tail(t - P95), 0.01, 100)),
    },
)
# The same of streams, whose first token decides; then a second of tokens
HEDGED_STREAMS = Witness(
    "hedged_streams",
    lambda f: scenario(
        40_000,
        [CALL | {"output": 1}],
        models={"m": MODEL | {"ttft": lognormal(f, SIGMA)}},
        resilience=policy(hedge=duration(P95)),
    ),
    hedged,
    {
        "hedges": Figure(0.05),
        "wins": Figure(hedge_wins(), 0.015),
        "p99": Figure(1 + quantile(lambda t: answer_tail(t) * answer_tail(t - P95), 0.01, 100)),
    },
)


def twins_elsewhere(span: float) -> dict[str, Any]:
    """Two deployments in good and bad times of their own: in 10 ms all answers take 6 ms +- `span`; a hedge at 4 ms."""
    factor = {"uniform": {"low": 1 - span / 6, "high": 1 + span / 6}}
    model = MODEL | {"ttft": "6ms", "slowness": {"every": "10ms", "factor": factor}}
    places = [{"provider": "p"}, {"provider": "q"}]
    return scenario(14_000, models={"m": model | {"deployments": places}}, resilience=policy(hedge="4ms"))


# Answers uniform in [3 ms, 9 ms]: 5 / 6 have a hedge, which wins if 4 ms + T2 < T1. At the same place it never does:
# see test_a_hedge_to_the_same_place_wins_nothing_in_bad_times
HEDGE_ELSEWHERE = Witness(
    "hedge_elsewhere",
    lambda f: twins_elsewhere(3 * f),
    hedged,
    {"hedges": Figure(5 / 6, twin=False), "wins": Figure((9 - 3 - 4) ** 2 / 2 / 6**2, 0.01)},
)


def slow_times(spread: float, **parts: Any) -> dict[str, Any]:
    """Answers of 20 ms, and a factor of 1 +- `spread` on them that is the same for each 40 ms: for four actions."""
    slowness = {"every": "40ms", "factor": {"uniform": {"low": 1 - spread, "high": 1 + spread}}}
    return scenario(12_000, models={"m": MODEL | {"ttft": "20ms", "slowness": slowness}}, **parts)


def by_period(log: Log, plan: Plan) -> dict[str, float]:
    """Variance of the mean latency of a period, and the mean, as factors of 20 ms."""
    rows = measured_attempts(log, plan)
    latency = ((rows["ended"] - rows["dispatched"]) / 20e6)[np.argsort(rows["dispatched"])]
    period = np.sort(rows["dispatched"]) // 40_000_000
    counts = np.bincount(period)
    means = np.bincount(period, latency)[counts > 0] / counts[counts > 0]
    return {"between": float(means.var()), "mean": float(latency.mean())}


# Attempts of a period are alike: the mean of four varies as one does, not a quarter of it
SLOWNESS = Witness(
    "slowness",
    lambda f: slow_times(0.5 * f),
    by_period,
    {"between": Figure(0.5**2 / 3), "mean": Figure(1.0, twin=False)},
)

WITNESSES = (
    *(STREAM_TIMEOUTS, CALL_TIMEOUT, BROKEN_STREAMS, RETRY_ANY, RETRY_SAME, RETRY_OTHER, RETRY_AFTER),
    *(FULL, EQUAL, DECORRELATED, ADDITIVE, CLIENT_BACKOFF, HEDGE, HEDGED_STREAMS, HEDGE_ELSEWHERE, SLOWNESS),
)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_mechanism(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)
