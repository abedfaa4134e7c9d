"""The simulation against closed forms. Every scenario is a queue or a law of failure that theory solves."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from witness import (
    CHANGED,
    LIMIT,
    SECOND,
    Figure,
    Witness,
    duration,
    measured,
    overlap,
    percentile,
    samples,
    standing,
)

from simkit import theory
from simkit.engine.codes import Kind, Outcome
from simkit.engine.log import Log
from simkit.plan.plan import Plan

pytestmark = pytest.mark.slow
ENGINES = ("compiled", pytest.param("reference", marks=[pytest.mark.slow, pytest.mark.long]))
SEED = 2026
MODEL: dict[str, Any] = {
    "deployments": [{"provider": "p"}],
    "ttft": "1ns",
    "tokens_per_second": 1,
    "prices": {"input": "$1", "output": "$1"},
}
CALL: dict[str, Any] = {"name": "answer", "model": "m", "input": 1, "output": 0}


def scenario(rate: float, seconds: float, calls: list[Any] | None = None, **parts: Any) -> dict[str, Any]:
    """Poisson arrivals, a minute of warm-up, and nothing else than what is said."""
    return {
        "traffic": {"rate": f"{rate}/s"},
        "horizon": duration(seconds),
        "warmup": "60s",
        "actions": {"ask": {"calls": calls or [CALL]}},
        "models": {"m": MODEL},
        "resilience": {"client": "none"},
    } | parts


def exponential(mean: float) -> dict[str, Any]:
    return {"exponential": {"mean": duration(mean)}}


def lognormal(mean: float, cv: float) -> dict[str, Any]:
    return {"lognormal": {"mean": duration(mean), "sigma": math.sqrt(math.log(1 + cv * cv))}}


def work(law: Any) -> list[Any]:
    """One step of the product's own work: with `service.workers` a queue without any model."""
    return [{"name": "work", "work": law}]


def station(law: Any, servers: int) -> dict[str, Any]:
    """A deployment as a queue: its first token is the service time."""
    return MODEL | {"ttft": law, "concurrency": servers}


def sojourn(log: Log, plan: Plan) -> dict[str, float]:
    """Mean and 99th percentile of the time in the system, and of the wait, in seconds."""
    rows = measured(log, plan)
    latency = rows["end"] - rows["arrival"]
    return {
        "sojourn": float(latency.mean()) / SECOND,
        "sojourn_p99": percentile(latency, 0.99) / SECOND,
        "wait_p99": percentile(rows["waited"], 0.99) / SECOND,
    }


def quantile(cdf: Callable[[float], float], share: float, high: float) -> float:
    """Where a distribution reaches `share`, by bisection."""
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if cdf(middle) < share else (low, middle)
    return high


# M/M/1 as the product's own service: load 0.3
MM1 = Witness(
    "mm1",
    lambda f: scenario(3, 4_000, work(exponential(0.1 * f)), service={"workers": 1}),
    sojourn,
    {
        "sojourn": Figure(theory.mm1_sojourn(3, 0.1)),
        "sojourn_p99": Figure(theory.mm1_sojourn_percentile(3, 0.1, 0.99), 0.02, twin=False),
    },
)

# Two stations in tandem: two models, each a deployment of one slot, called in sequence; loads 0.3 and 0.4
TANDEM = Witness(
    "tandem",
    lambda f: scenario(
        2,
        5_000,
        [CALL | {"name": "one"}, CALL | {"name": "two", "model": "n"}],
        models={"m": station(exponential(0.15 * f), 1), "n": station(exponential(0.2 * f), 1)},
    ),
    sojourn,
    {
        "sojourn": Figure(theory.tandem_sojourn(2, [0.15, 0.2])),
        "sojourn_p99": Figure(quantile(lambda t: theory.tandem_sojourn_cdf(2, [0.15, 0.2], t), 0.99, 100), 0.02, False),
    },
)

# M/M/2 as a deployment of two slots: load 0.5
MMC = Witness(
    "mmc",
    lambda f: scenario(2, 5_000, models={"m": station(exponential(0.5 * f), 2)}),
    sojourn,
    {
        "sojourn": Figure(theory.mmc_sojourn(2, 0.5, 2)),
        "wait_p99": Figure(theory.mmc_wait_percentile(2, 0.5, 2, 0.99), 0.02, twin=False),
    },
)


def losses(log: Log, plan: Plan) -> dict[str, float]:
    """Share turned away, and the mean wait of the others."""
    rows = measured(log, plan)
    lost = rows["outcome"] == Outcome.REJECTED
    return {"loss": float(lost.mean()), "wait": float(rows["waited"][~lost].mean()) / SECOND}


# M/M/2/4: offered 3 Erlangs, two workers, two waiting places
MMCK = Witness(
    "mmck",
    lambda f: scenario(6, 2_200, work(exponential(0.5 * f)), service={"workers": 2, "queue": 2}),
    losses,
    {"loss": Figure(theory.mmck_loss(6, 0.5, 2, 4)), "wait": Figure(theory.mmck_wait(6, 0.5, 2, 4))},
)

# M/G/1, lognormal service of cv 0.7: load 0.4
MG1 = Witness(
    "mg1",
    lambda f: scenario(4, 2_500, work(lognormal(0.1 * f, 0.7)), service={"workers": 1}),
    sojourn,
    {"sojourn": Figure(theory.mg1_wait(4, 0.1, 0.7) + 0.1)},
)

# M/D/1 as a deployment of one slot: load 0.5
MD1 = Witness(
    "md1",
    lambda f: scenario(5, 1_700, models={"m": station(duration(0.1 * f), 1)}),
    sojourn,
    {
        "sojourn": Figure(theory.md1_wait(5, 0.1) + 0.1),
        "wait_p99": Figure(quantile(lambda t: theory.md1_wait_cdf(5, 0.1, t), 0.99, 5), 0.02, False),
    },
)


def occupancy(log: Log, plan: Plan) -> dict[str, float]:
    """Time-average of the number in service, and the share of time in which there is nobody."""
    start, end = log.attempts["started"], log.attempts["released"]
    end = np.where(end < start, log.ended, end)  # in flight as the run stopped
    order = np.argsort(np.concatenate((start, end)), kind="stable")
    times = np.concatenate((start, end))[order]
    level = np.cumsum(np.concatenate((np.ones_like(start), -np.ones_like(end)))[order])
    lasts = overlap(times[:-1], times[1:], plan.horizon)
    return {
        "mean": float(np.dot(level[:-1], lasts)) / plan.horizon,
        "empty": float(lasts[level[:-1] == 0].sum()) / plan.horizon,
    }


# M/G/infinity: unlimited concurrency, lognormal service of cv 1, one at work on average
MGINF = Witness(
    "mginf",
    lambda f: scenario(10, 800, models={"m": MODEL | {"ttft": lognormal(0.1 * f, 1.0)}}),
    occupancy,
    {"mean": Figure(theory.little(10, 0.1)), "empty": Figure(theory.mginf_occupancy(10, 0.1, 0))},
)


def tries(log: Log, plan: Plan) -> dict[str, float]:
    """Share of actions that succeed, and attempts an action."""
    rows = measured(log, plan)
    return {"success": float((rows["outcome"] == Outcome.OK).mean()), "attempts": float(rows["attempts"].mean())}


# Independent errors of 60 % with two retries
RETRIES = Witness(
    "retries",
    lambda f: scenario(
        10,
        150,
        models={"m": MODEL | {"errors": {"server_error": f"{60 * f:.2f}%"}}},
        resilience={"client": "none", "max_retries": 2},
    ),
    tries,
    {"success": Figure(theory.success(0.6, 2)), "attempts": Figure(theory.attempts(0.6, 2))},
)


def refusals(log: Log, plan: Plan) -> dict[str, float]:
    """Share of attempts that the bucket refuses, the rate that passes, and the mean Retry-After in seconds."""
    rows = log.attempts
    inside = (rows["dispatched"] >= 0) & (rows["dispatched"] < plan.horizon)
    refused = inside & (rows["outcome"] == Kind.RATE_LIMIT)
    return {
        "loss": float(refused.sum() / inside.sum()),
        "passed": float((inside & ~refused).sum()) / (plan.horizon / SECOND),
        "retry_after": float(rows["retry_after"][refused].mean()) / SECOND,
    }


def bucket(limit: int) -> dict[str, Any]:
    """Room for three requests."""
    return {"q": {"requests": f"{limit}/min", "burst": duration(3 * 60 / limit), "of": ["p"]}}


# A token bucket of 100 a minute and room for three, offered Poisson 2/s: M/D/1/3
BUCKET = Witness(
    "bucket",
    lambda f: scenario(2, 4_000, quotas=bucket(round(100 * f))),
    refusals,
    {
        "loss": Figure(theory.bucket_loss(2, 100 / 60, 3)),
        "passed": Figure(2 * (1 - theory.bucket_loss(2, 100 / 60, 3))),
        "retry_after": Figure(theory.bucket_retry_after(2, 100 / 60, 3)),
    },
    replications=32,
)


def downtime(log: Log, plan: Plan) -> dict[str, float]:
    """Share of time down, by the incidents' log, and share of actions that fail."""
    down = overlap(log.incidents["start"], log.incidents["end"], plan.horizon).sum()
    failed = measured(log, plan)["outcome"] == Outcome.FAILED
    return {"down": float(down) / plan.horizon, "failed": float(failed.mean())}


# Renewal availability: up Weibull of mean 1 h and cv 0.5, down lognormal of mean 15 min and cv 0.5, total outages
RENEWAL = Witness(
    "renewal",
    lambda f: scenario(
        4 / 3600,
        1_000 * 3600,
        providers={
            "p": {
                "outages": [
                    {
                        "time_between_failures": {"weibull": {"mean": "1h", "cv": 0.5}},
                        "duration": lognormal(900 * f, 0.5),
                        "error_rate": "100%",
                    }
                ]
            }
        },
    ),
    downtime,
    {
        "down": Figure(1 - theory.availability(3600, 900), 0.02),
        "failed": Figure(1 - theory.availability(3600, 900), 0.02, twin=False),
    },
    twin_replications=24,
)

WITNESSES = (MM1, TANDEM, MMC, MMCK, MG1, MD1, MGINF, RETRIES, BUCKET, RENEWAL)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_witness(witness: Witness, engine: str, tmp_path: Path) -> None:
    found = samples(witness, 1.0, SEED, witness.replications, tmp_path, engine)
    for name, figure in witness.figures.items():
        distance, error = standing(found[name], figure.closed)
        assert error <= figure.power, f"{name}: standard error {error:.2%} of the closed form: too blunt"
        assert distance <= LIMIT, (
            f"{name}: {found[name].mean():.6g}, closed form {figure.closed:.6g}: {distance:.1f} SE"
        )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, engine: str, tmp_path: Path) -> None:
    found = samples(witness, CHANGED, SEED + 1, witness.twin_replications, tmp_path, engine)
    for name, figure in witness.figures.items():
        if figure.twin:
            distance, _ = standing(found[name], figure.closed)
            assert distance > LIMIT, f"{name}: a law changed by 3 % is not noticed: {distance:.1f} SE"
