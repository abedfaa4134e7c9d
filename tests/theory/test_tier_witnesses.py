"""Limits that rise with what was spent, against closed forms: when a tier is reached, and what it lets through."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import CALL, EVEN, MODEL, POISSON, scenario
from witness import ENGINE, SECOND, Figure, Witness, assert_holds, assert_told_apart, run

from simkit.engine.log import Log
from simkit.plan.plan import Ints, Plan
from simkit.result.tiers import rises

SEED = 2170
CENT = MODEL | {"ttft": "2s", "prices": {"input": "$0", "output": "$0", "request": "$0.01"}}
"""Answers after two seconds, for a cent each."""


def spending(rate: str, horizon: str, quota: dict[str, Any], process: str = EVEN) -> dict[str, Any]:
    """Questions for a cent each, under a quota."""
    parts = {"models": {"m": CENT}, "quotas": {"q": {"of": "p"} | quota}, "cooldown": "5s", "horizon": horizon}
    return scenario(1, calls=[CALL], process=process) | parts | {"traffic": {"rate": rate, "process": process}}


def reached(log: Log, plan: Plan) -> Ints:
    """Seconds from the start at which tiers were reached."""
    return rises(plan, log.budgets, 0) / SECOND


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_tiers_come_with_the_bill_and_no_sooner_than_their_time(engine: str, tmp_path: Path) -> None:
    """A question a minute: the n-th bill comes at 60 n + 2 s, the first at 62 s."""
    asked = [(0.05, 0.0), (0.30, 0.0), (1.00, 2.0 * 3600), (3.01, 4.0 * 3600)]
    tiers = [{"spent": f"${spent}", "after": f"{after:.0f}s", "requests": "1M/s"} for spent, after in asked]
    log, plan = run(spending("1/min", "8h", {"requests": "1M/s", "tiers": tiers}), tmp_path, engine)
    expected = [max(60 * round(spent * 100) + 2, after + 62) for spent, after in asked]
    assert expected == [302, 1802, 7262, 18062] and reached(log, plan).tolist() == expected


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_each_tier_lets_through_what_it_says(engine: str, tmp_path: Path) -> None:
    """A question a second, a bucket of one: every 10 s one, after five bills every 5 s, after fifteen more every one.

    The first five go through at 1, 11, ... 41 s; the fifth bill is at 43 s. The next at 46, 51, ... 116 s; the
    fifteenth bill of them at 118 s. From then on all, until the last of the horizon is answered.
    """
    tiers = [{"spent": "$0.05", "requests": "12/min"}, {"spent": "$0.20", "requests": "120/min"}]
    quota = {"requests": "6/min", "burst": "10s", "tiers": tiers}
    log, plan = run(spending("1/s", "200s", quota), tmp_path, engine)
    served = (log.attempts["started"][log.attempts["started"] >= 0] / SECOND).tolist()
    assert reached(log, plan).tolist() == [43, 118]
    assert sorted(served) == [*range(1, 42, 10), *range(46, 117, 5), *range(118, 201)]


# 5,000 bills of a cent, one a second at random: the last comes after 5,000 s in the mean, and is known 2 s later
BILLS = 5_000
TIERS_POISSON = Witness(
    "tiers_poisson",
    lambda f: spending(
        "1/s", "3h", {"requests": "1M/s", "tiers": [{"spent": f"${BILLS * f / 100:.2f}", "requests": "2M/s"}]}, POISSON
    ),
    lambda log, plan: {"reached": float(np.append(reached(log, plan), np.nan)[0])},
    {"reached": Figure(BILLS + 2.0)},
)

WITNESSES = (TIERS_POISSON,)


@pytest.mark.slow
@pytest.mark.parametrize("witness", WITNESSES, ids=lambda one: one.name)
def test_agrees_with_its_closed_form(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.slow
@pytest.mark.parametrize("witness", WITNESSES, ids=lambda one: one.name)
def test_another_law_is_told_apart(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)
