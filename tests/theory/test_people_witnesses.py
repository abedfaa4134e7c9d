"""Users who give up and ask again, who is turned away or gets less, and people who take over, against closed forms."""

import math
from pathlib import Path

import numpy as np
import pytest
from plain import CALL, MODEL, POISSON, exponential, lognormal, percent, scenario, share_of
from witness import ENGINE, SECOND, Figure, Witness, assert_holds, assert_told_apart, duration, measured, percentile

from simkit import theory
from simkit.engine.codes import Kind, Outcome
from simkit.engine.log import Log
from simkit.plan.plan import Plan
from simkit.result.desk import desk_busy, desk_waits, shifts_of

pytestmark = pytest.mark.slow
SEED = 2029
ORDINAL = (1 << 33) - 1
"""Of an action's number: who asks again keeps it."""

# --- who is turned away, who gives up -----------------------------------------------------------------


def shed(log: Log, plan: Plan) -> dict[str, float]:
    """Share of each kind of action that is rejected."""
    rows = measured(log, plan)
    lost = rows["reason"] == Kind.SHED
    return {name: float(lost[rows["kind"] == i].mean()) for i, name in enumerate(plan.names.kinds)}


# Ten in flight if nobody were shed; those with priority up to ten, the others up to eight
LOSSES = theory.guarded_losses([50, 50], 0.1, [10, 8])
SHED = Witness(
    "shed",
    lambda f: scenario(
        25_000,
        process=POISSON,
        warmup="2s",
        actions={
            "paid": {"share": "50%", "calls": [CALL]},
            "free": {"share": "50%", "priority": 1, "calls": [CALL]},
        },
        models={"m": MODEL | {"ttft": exponential(0.1 * f)}},
        service={"shed": [{"in_flight": 8, "priority": 1}, {"in_flight": 10, "priority": 0}]},
    ),
    shed,
    {"paid": Figure(LOSSES[0], 0.01), "free": Figure(LOSSES[1])},
)


def left(log: Log, plan: Plan) -> dict[str, float]:
    """Share that gives up, and the mean wait of all."""
    rows = measured(log, plan)
    return {"left": share_of(rows, Kind.IMPATIENT), "wait": float(rows["waited"].mean()) / SECOND}


# Erlang A: eleven Erlangs on ten slots, streams of an exponential number of tokens, and users who wait an exponential
# time for the first token
LEAVE, WAIT = theory.mmcm(110, 0.1, 10, 0.1)
ERLANG_A = Witness(
    "erlang_a",
    lambda f: scenario(
        45_000,
        [CALL | {"output": {"exponential": {"mean": 100_000}}}],
        POISSON,
        traffic={"rate": "110/s"},
        warmup="2s",
        models={"m": MODEL | {"tokens_per_second": 1_000_000 / f, "concurrency": 10}},
        users={"patience": exponential(0.1)},
    ),
    left,
    {"left": Figure(LEAVE), "wait": Figure(WAIT)},
)

# Nobody waits for a slot: lognormal answers of median 1 s, a lognormal patience of 1.2 s, whose ratio is lognormal, too
PATIENCE = Witness(
    "patience",
    lambda f: scenario(
        10_000,
        models={"m": MODEL | {"ttft": lognormal(f, 0.2)}},
        users={"patience": lognormal(1.2, 0.15), "until": "answer"},
    ),
    lambda log, plan: {"left": share_of(measured(log, plan), Kind.IMPATIENT)},
    {"left": Figure(theory.lognormal_tail(1, 0.25, 1.2))},
)


def per_question(log: Log, plan: Plan) -> dict[str, float]:
    """Actions a question, of the questions whose story is over."""
    numbers = log.actions["action"]
    first = (log.actions["arrival"] >= 0) & (log.actions["arrival"] < plan.horizon - SECOND) & (numbers <= ORDINAL)
    return {"actions": float(np.isin(numbers & ORDINAL, numbers[first]).sum()) / float(first.sum())}


# An exponential patience of 0.1 s with answers of 80 ms, half of which fail: 60 % of those who left ask again, and 40 %
# of those who were let down; at most three times
LEFT = 1 - math.exp(-0.08 / 0.1)
AGAIN = 0.6 * LEFT + 0.4 * (1 - LEFT) * 0.5
RELOAD = Witness(
    "reload",
    lambda f: scenario(
        6_000,
        models={"m": MODEL | {"ttft": duration(0.08), "errors": {"server_error": "50%"}}},
        users={
            "patience": exponential(0.1),
            "reload": {"abandoned": percent(0.6 * f), "failed": percent(0.4 * f), "after": "10ms", "at_most": 3},
        },
    ),
    per_question,
    {"actions": Figure(sum(AGAIN**k for k in range(4)), 0.002)},
)

# --- what they get instead ----------------------------------------------------------------------------

REASONS = {"partial": Kind.PARTIAL, "previous": Kind.PREVIOUS, "rule": Kind.RULE}


def rungs(log: Log, plan: Plan) -> dict[str, float]:
    """Share of the actions that end on each rung, and share of the answers there that are good."""
    rows = measured(log, plan)
    degraded = rows["outcome"] == Outcome.DEGRADED
    good = float((rows["good"][degraded] == 1).mean())
    return {name: share_of(rows, reason) for name, reason in REASONS.items()} | {"good": good}


# All streams break, anywhere: half of them late enough. Of the others every second finds an earlier answer, and every
# second of the rest a rule
LADDER = Witness(
    "ladder",
    lambda f: scenario(
        14_000,
        [CALL | {"output": 1_000_000}],
        models={"m": MODEL | {"tokens_per_second": 10_000_000, "errors": {"stream_broken": "100%"}}},
        resilience={
            "client": "none",
            "degrade": [
                {"partial": {"at_least": percent(0.5 * f), "good": percent(0.6 * f)}},
                {"previous": {"share": percent(0.5 * f), "good": percent(0.8 * f)}},
                {"rule": {"share": percent(0.5 * f), "takes": "20ms", "good": percent(0.5 * f)}},
            ],
        },
    ),
    rungs,
    {
        "partial": Figure(0.5),
        "previous": Figure(0.25),
        "rule": Figure(0.125, 0.0055, twin=False),
        "good": Figure(theory.mixture_mean([4, 2, 1], [0.6, 0.8, 0.5])),
    },
)


def desk(log: Log, plan: Plan) -> dict[str, float]:
    """Share of the failures that people take over, how long those wait for one, use of people, dollars an action."""
    rows = measured(log, plan)
    waits = desk_waits(rows, rows["outcome"] <= 1)
    return {
        "share": share_of(rows, Kind.HUMAN),
        "wait": float(waits.mean()) / SECOND,
        "p95": percentile(waits, 0.95) / SECOND,
        "busy": desk_busy(plan, log.actions, log.ended) / shifts_of(plan).capacity,
        "cost": float(rows["degrade_cost"].mean()) / 1e12,
    }


# All actions fail, and half of them are passed on: 50 cases a second (half of a Poisson process is one) for five
# people, who take an exponential time of 70 ms and $4 each
DESK = Witness(
    "desk",
    lambda f: scenario(
        150_000,
        process=POISSON,
        warmup="5s",
        models={"m": MODEL | {"errors": {"server_error": "100%"}}},
        resilience={
            "client": "none",
            "degrade": [
                {"human": {"share": percent(0.5 * f), "staff": 5, "takes": exponential(0.07 * f), "cost": "$4"}}
            ],
        },
    ),
    desk,
    {
        "share": Figure(0.5),
        "wait": Figure(theory.mmc_wait(50, 0.07, 5), 0.01),
        "p95": Figure(theory.mmc_wait_percentile(50, 0.07, 5, 0.95), 0.01),
        "busy": Figure(50 * 0.07 / 5),
        "cost": Figure(4 / 2),
    },
)

WITNESSES = (SHED, ERLANG_A, PATIENCE, RELOAD, LADDER, DESK)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_mechanism(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)
