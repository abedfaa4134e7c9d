"""Breakers and adaptive throttles against closed forms: one small scenario each."""

import math
from pathlib import Path

import numpy as np
import pytest
from plain import BROKEN, MODEL, POISSON, percent, policy, scenario, taking
from witness import ENGINE, LIMIT, SECOND, Figure, Witness, assert_holds, assert_told_apart, duration, measured

from simkit.engine.codes import Kind
from simkit.engine.log import Log
from simkit.plan.plan import Plan
from simkit.result.breakers import breaker_use

pytestmark = pytest.mark.slow
SEED = 2031


def breaker_open(log: Log, plan: Plan) -> dict[str, float]:
    """Share of the time that it is open, and attempts sent a second."""
    sent = (log.attempts["deployment"] >= 0) & (log.attempts["dispatched"] >= 0)
    return {
        "open": float(breaker_use(plan, log.breakers).open_ns.sum()) / plan.horizon,
        "sent": float((sent & (log.attempts["dispatched"] < plan.horizon)).sum()) / (plan.horizon / SECOND),
    }


# Nothing answers, and a failure takes 5 ms. Open for 10 ms, until the next of Poisson arrivals on average 10 ms half
# open, 5 ms until the probe has failed
BREAKER = Witness(
    "breaker",
    lambda f: scenario(
        10_000,
        process=POISSON,
        warmup="1s",
        models={"m": BROKEN},
        failures=taking(duration(0.005 * f)),
        resilience=policy(breaker={"consecutive": 1, "cooldown": duration(0.01 * f), "probes": 1}),
    ),
    breaker_open,
    {"open": Figure(0.01 / 0.025), "sent": Figure(1 / 0.025)},
)


def proven_share(error: float, streak: int, probes: int, cooldown: float, gap: float) -> float:
    """Share of time open: closed for `streak` failures in a row, open, half open for `probes` successes or a failure.

    Renewal reward over a cycle that begins as it closes. Results come one by one, each at an arrival.
    """
    closed = (error**-streak - 1) / (1 - error) * gap
    rounds = (1 - error) ** -probes
    half_open = (1 - (1 - error) ** probes) / error * gap
    return rounds * cooldown / (closed + rounds * (cooldown + half_open))


# Half of the results are failures, which come at once: three in a row open for 30 ms, two successes close
PROBES = Witness(
    "breaker_probes",
    lambda f: scenario(
        25_000,
        process=POISSON,
        warmup="1s",
        models={"m": MODEL | {"errors": {"server_error": percent(0.5 * f)}}},
        failures=taking("1ns"),
        resilience=policy(breaker={"consecutive": 3, "cooldown": "30ms", "probes": 2}),
    ),
    breaker_open,
    {"open": Figure(proven_share(0.5, 3, 2, 0.03, 0.01))},
)


def results_until_open(size: int, more: int, error: float) -> float:
    """Mean number of results until a failure makes more than `more` of the last `size`, looked at from `size` on.

    A Markov chain of what the last `size` - 1 results were, exactly: bits of failures.
    """
    states = np.arange(1 << (size - 1))
    failures = np.array([int(s).bit_count() for s in states])
    mask = len(states) - 1
    chain = np.eye(len(states))
    for bad, share in ((0, 1 - error), (1, error)):
        goes_on = np.flatnonzero((bad == 0) | (failures + bad <= more))
        np.subtract.at(chain, (states[goes_on], ((states << 1 | bad) & mask)[goes_on]), share)
    steps = np.linalg.solve(chain, np.ones(len(states)))
    first = np.array([error ** int(k) * (1 - error) ** int(size - 1 - k) for k in failures])
    return size - 1 + float(first @ steps)


def per_opening(log: Log, plan: Plan) -> dict[str, float]:
    """Attempts sent from one opening to the next, and the share of openings after the fewest."""
    opened = log.breakers["time"]
    sent = np.sort(log.attempts["ended"][log.attempts["deployment"] >= 0])
    counts = np.diff(np.searchsorted(sent, opened, "right"))
    return {"results": float(counts.mean()), "at_once": float((counts == 10).mean())}


# A window of ten results, one in each of its parts: opens when more than half of the last ten failed
RATE = Witness(
    "breaker_rate",
    lambda f: scenario(
        60_000,
        models={"m": MODEL | {"errors": {"server_error": percent(0.45 * f)}}},
        failures=taking("1ns"),
        resilience=policy(
            breaker={
                "rates": [{"more_than": "50%", "of": 10}], "window": "100ms", "cooldown": "10ms", "probes": 0,
            }
        ),
    ),
    per_opening,
    {
        "results": Figure(results_until_open(10, 5, 0.45)),
        "at_once": Figure(0.45 * sum(math.comb(9, k) * 0.45**k * 0.55 ** (9 - k) for k in range(5, 10)), 0.02),
    },
)  # fmt: skip


def opening(log: Log, plan: Plan) -> dict[str, float]:
    """When breakers opened, in seconds, on average. Nothing but the failures that opened them was sent."""
    assert (np.bincount(log.breakers["replica"], minlength=8) == 1).all()
    assert np.bincount(log.attempts["replica"][log.attempts["deployment"] >= 0]).tolist() == [100] * 8
    return {"opened": float(log.breakers["time"].mean()) / SECOND}


def throttled(log: Log, plan: Plan) -> dict[str, float]:
    """Share that is held back, without the first ten seconds."""
    rows = measured(log, plan)
    late = rows["arrival"] >= 10 * SECOND
    return {"held_back": float((rows["reason"][late] == Kind.THROTTLED).mean())}


# 100 a second ask, 20 fit: with K = 2 the caller sends 40, and holds back the others (SRE book, ch. 21)
THROTTLE = Witness(
    "throttle",
    lambda f: scenario(
        12_000,
        quotas={"q": {"requests": f"{round(1200 * f)}/min", "burst": "1s", "of": ["p"]}},
        failures={"rate_limit": {"takes": "0s"}},
        resilience=policy(throttle={"k": 2, "window": "10s"}),
    ),
    throttled,
    {"held_back": Figure(1 - 2 * 20 / 100)},
)

# The same trouble on a layer of eight copies: each has its own breaker, which opens at the 100th failure that it has
# seen itself, on average the 800th in all
COPIES = Witness(
    "copies",
    lambda f: scenario(
        2_000,
        traffic={"rate": f"{100 / f}/s", "process": "deterministic"},
        models={"m": BROKEN},
        failures=taking("1ns"),
        resilience=policy(replicas=8, breaker={"consecutive": 100, "cooldown": "1h", "probes": 0}),
    ),
    opening,
    {"opened": Figure(8 * 100 / 100)},
)

WITNESSES = (BREAKER, PROBES, RATE, THROTTLE, COPIES)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_mechanism(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)


# --- the closed forms by hand -------------------------------------------------------------------------


def test_results_until_open() -> None:
    # one failure; two in a row: (1 + q) / q^2; two of the last three, looked at from the third on, by all its paths
    assert results_until_open(1, 0, 0.2) == pytest.approx(5)
    assert results_until_open(2, 1, 0.5) == pytest.approx(1.5 / 0.25)
    random = np.random.default_rng(1)
    failed = random.random((20_000, 100)) < 0.4
    last = failed.astype(int)[:, 2:] + failed[:, 1:-1] + failed[:, :-2]
    opens = ((last > 1) & failed[:, 2:]).argmax(axis=1) + 3
    error = opens.std() / math.sqrt(len(opens))
    assert abs(opens.mean() - results_until_open(3, 1, 0.4)) < LIMIT * error


def test_proven_share() -> None:
    # one failure opens, one success closes, an arrival a second, half of them fail, cooldown 1 s: closed for 2 s, then
    # on average two rounds of 1 s open and 1 s half open
    assert proven_share(0.5, 1, 1, 1, 1) == pytest.approx(2 / (2 + 2 * 2))
