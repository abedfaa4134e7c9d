"""What must hold in every log: on shipped scenarios, at overload, under failures; and that each rule can fail."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from simkit.engine import run_plan
from simkit.engine.codes import Outcome
from simkit.engine.log import Log
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.scenario.load import load
from simkit.study.invariants import Invariant, invariants, occupancy, short

SCENARIOS = Path(__file__).parents[2] / "scenarios"
CASES = {
    "founder": {},
    "support_chat": {},
    "routed": {},
    "small_server": {},
    "small_server at overload": {
        "traffic.users.daily_active": 20_000,
        "traffic.seasonality.hours": "flat",
        "service.workers": 3,
    },
    "rate_limited_tier1": {"traffic.users.daily_active": 5000},
    "outage": {"resilience.timeout": "3s", "service.workers": 2, "service.queue": 3},
    "outage_with_fallback": {"resilience.deadline": "4s"},
}
"""Scenario (and what is done to it) to what is set."""


@cache
def ran(case: str, actions: float = 1500.0) -> tuple[Plan, Log]:
    """A short run."""
    name, values = case.split(" at ")[0], dict(CASES[case])
    scenario = load(SCENARIOS / f"{name}.yaml")
    plan = short(compile_plan(scenario.set(values) if values else scenario), actions)
    return plan, run_plan(plan, 7, 0)


@pytest.mark.parametrize("case", CASES)
def test_every_invariant_holds(case: str) -> None:
    plan, log = ran(case)
    assert len(log.actions["action"]) >= 1000
    broken = [one for one in invariants(plan, log) if not one.passed]
    assert not broken


@pytest.mark.parametrize("case", CASES)
def test_outcomes_partition_what_arrived(case: str) -> None:
    _, log = ran(case)
    counts = np.bincount(log.actions["outcome"], minlength=len(Outcome))
    assert counts.sum() == len(np.unique(log.actions["action"]))


def _twice(log: Log) -> None:
    for column in log.actions.values():
        column[1] = column[0]


def _dearer(log: Log) -> None:
    log.attempts["cost"][0] += 1


def _earlier(log: Log) -> None:
    log.actions["end"][3] = log.actions["arrival"][3] - 5


def _unexplained(log: Log) -> None:
    log.actions["outcome"][0], log.actions["reason"][0] = Outcome.FAILED, 0


def _waits(log: Log) -> None:
    log.actions["waited"][2] = -3


def _lost(log: Log) -> None:
    for name in log.actions:
        log.actions[name] = np.delete(log.actions[name], 5)


def _slow(log: Log) -> None:
    held = log.actions["start"] != -1
    log.actions["end"][held] += 60_000_000_000


def _greedy(log: Log) -> None:
    log.attempts["tokens_in"] *= 5


@pytest.mark.parametrize(
    ("case", "spoil", "rule"),
    [
        ("founder", _twice, "every action is logged once"),
        ("founder", _lost, "no action is lost"),
        ("founder", _dearer, "cost of an action is the sum"),
        ("founder", _earlier, "an action arrives, starts, and ends"),
        ("founder", _unexplained, "failures have a reason"),
        ("founder", _waits, "no negative waits"),
        ("small_server at overload", _slow, "own service: never more than 3 at work"),
        ("rate_limited_tier1", _greedy, "tokens: never granted more"),
    ],
)
def test_each_rule_can_fail(case: str, spoil: Callable[[Log], None], rule: str) -> None:
    """A log that is spoilt in one way breaks the rule that is there for it."""
    plan, log = ran(case)
    copy = replace(
        log,
        actions={name: column.copy() for name, column in log.actions.items()},
        attempts={name: column.copy() for name, column in log.attempts.items()},
    )
    spoil(copy)
    broken = [one.name for one in invariants(plan, copy) if not one.passed]
    assert any(rule in name for name in broken), broken


def test_a_full_server_is_busy_all_the_time_and_never_more_than_full() -> None:
    """At overload all workers work: the witness that the rule on slots looks at a case that is tight."""
    plan, log = ran("small_server at overload")
    started = log.actions["start"] != -1
    ends = np.where(log.actions["end"] == -1, log.ended, log.actions["end"])
    times, busy = occupancy(log.actions["start"][started], ends[started])
    assert busy.max() == 3 == plan.service.workers.max()
    weights = np.diff(times)
    assert float((busy[:-1] * weights).sum() / weights.sum()) > 2.5
    assert (log.actions["outcome"] == Outcome.REJECTED).sum() > 100


def test_more_load_costs_more_and_more_workers_wait_less() -> None:
    scenario = load(SCENARIOS / "small_server.yaml").set({"horizon": "6h"})
    half = scenario.set({"traffic.users.daily_active": 450})
    logs = [run_plan(compile_plan(one), 3, 0) for one in (half, scenario, scenario.set({"service.workers": 9}))]
    cost = [int(log.actions["cost"].sum()) for log in logs]
    waited = [float(log.actions["waited"].mean()) for log in logs]
    assert cost[0] < cost[1] and waited[2] < waited[1]


def test_nothing_is_invented_by_the_short_plan() -> None:
    plan = compile_plan(load(SCENARIOS / "founder.yaml"))
    cut = short(plan, 1000)
    assert 0 < cut.horizon < plan.horizon and short(plan, 1e9).horizon == plan.horizon
    arrived = (ran("founder", 1000.0)[1].actions["arrival"] < cut.horizon).sum()
    assert 800 < arrived < 1200


def test_an_invariant_tells_how_often_and_where() -> None:
    assert Invariant("x", 0).passed and not Invariant("x", 2, "action 7").passed
