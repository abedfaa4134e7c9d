"""Common random numbers really are common: another policy leaves the users, and all they ask for, row for row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simkit.engine import run_plan
from simkit.engine.codes import Cause
from simkit.engine.log import Log
from simkit.plan.compile import compile_plan
from simkit.scenario.load import load

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FATE = ("arrival", "user", "plan", "kind", "complexity")
"""What an action is, before anything is done for it."""
SHORT = {"horizon": "8h", "warmup": "1h", "start": "2026-11-02 09:00"}
STRESS = SHORT | {"models.gpt-4o.errors.server_error": "20%", "resilience.timeout": "6s"}


def ran(values: dict[str, Any], name: str = "support_chat") -> Log:
    """One replication."""
    return run_plan(compile_plan(load(SCENARIOS / f"{name}.yaml").set(values)), 21, 1)


def by_action(log: Log) -> dict[str, np.ndarray]:
    """What each action is, in the order of ids."""
    order = np.argsort(log.actions["action"])
    return {name: log.actions[name][order] for name in ("action", *FATE)}


def first_tries(log: Log) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Tokens asked for by each first try of a call, by its structural id."""
    t = log.attempts
    rows = np.flatnonzero(t["cause"] == Cause.FIRST)
    keys = zip(*(t[name][rows].tolist() for name in ("action", "call", "repeat")), strict=True)
    sizes = zip(t["tokens_in"][rows].tolist(), t["tokens_out"][rows].tolist(), strict=True)
    return dict(zip(keys, sizes, strict=True))


POLICIES = {
    "no retries": {"resilience.max_retries": 0},
    "many retries": {"resilience.max_retries": 6, "resilience.backoff.initial": "2s"},
    "impatient": {"resilience.timeout": "2s"},
    "a deadline": {"resilience.deadline": "5s"},
    "few workers": {"service.workers": 2, "service.queue": 4},
}


@pytest.mark.parametrize("policy", POLICIES)
def test_another_policy_leaves_arrivals_kinds_and_tokens(policy: str) -> None:
    """Row for row: the same actions, and in calls that both made, the same tokens."""
    base, other = ran(STRESS), ran(STRESS | POLICIES[policy])
    before, after = by_action(base), by_action(other)
    shared = min(len(before["action"]), len(after["action"]))  # the run ends when its last measured action ends
    assert shared > 400
    for name, column in before.items():
        assert (column[:shared] == after[name][:shared]).all(), name
    mine, theirs = first_tries(base), first_tries(other)
    common = mine.keys() & theirs.keys()
    assert len(common) > 0.3 * len(mine)
    assert all(mine[key] == theirs[key] for key in common)


def test_the_policy_did_change_something() -> None:
    """Or the test above proves nothing."""
    base, other = ran(STRESS), ran(STRESS | POLICIES["no retries"])
    assert (base.attempts["cause"] == Cause.RETRY).sum() > 20 and (other.attempts["cause"] == Cause.RETRY).sum() == 0
    assert base.actions["cost"].sum() != other.actions["cost"].sum()


def test_one_routed_kind_changes_only_its_own_calls() -> None:
    """Routing changes models, prices and times; who asks what, and how long the answers are, stays where tokens do."""
    one, routed = (ran({"horizon": "1d"}, name) for name in ("one_big_model", "routed"))
    before, after = by_action(one), by_action(routed)
    shared = min(len(before["action"]), len(after["action"]))
    assert all((before[name][:shared] == after[name][:shared]).all() for name in before)
    mine, theirs = first_tries(one), first_tries(routed)
    common = list(mine.keys() & theirs.keys())
    assert len(common) > 500
    assert [mine[key][0] for key in common] == [theirs[key][0] for key in common]


def test_a_changed_rate_moves_an_action_in_time_not_its_fate() -> None:
    base, busier = ran(SHORT), ran(SHORT | {"traffic.users.daily_active": 2000})
    before, after = by_action(base), by_action(busier)
    shared = min(len(before["action"]), len(after["action"]))
    same = before["action"][:shared] == after["action"][:shared]
    assert same.all() and (before["arrival"][:shared] != after["arrival"][:shared]).mean() > 0.9
    for name in ("kind", "complexity"):
        assert (before[name][:shared] == after[name][:shared]).all()
