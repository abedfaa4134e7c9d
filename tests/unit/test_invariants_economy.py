"""Rules of caches, quotas, budgets and batch hold on a real log, and each is seen when it is broken."""

from dataclasses import replace

import numpy as np
import pytest

from simkit.engine import run_plan
from simkit.engine.codes import Kind, Lookup, Outcome
from simkit.plan.compile import compile_plan
from simkit.scenario.load import load
from simkit.study.invariants import invariants

SCENARIO = """
name: small
extends: simkit:openai_anthropic
horizon: 4h
warmup: 10min
traffic:
  users: {daily_active: 60, actions_per_day: 60, quota: {day: 6}}
  sessions: {turns: {geometric: {mean: 2, max: 5}}, think: 20s}
actions:
  ask:
    share: 70%
    calls:
      - {name: a, model: gpt-4o, input: {system: 1500, history: grows, user: 90}, output: {mean: 200, max: 900}}
  report:
    share: 30%
    urgency: batch
    calls: [{name: r, model: gpt-4o, input: {system: 300, user: 90}, output: 300}]
caches:
  exact: {keys: {zipf: 1, count: 50}, ttl: 20min, cost: $0.00001}
  prompt: {}
budgets: {day: {limit: $0.8/day, at: {50%: alert, 100%: block}}}
batch: {window: {from: 1, to: 3}, api: {takes: 10min}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    file = tmp_path_factory.mktemp("economy") / "small.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    plan = compile_plan(load(file))
    return plan, run_plan(plan, 3, 0, "reference")


def broken(plan, log):
    return {one.name for one in invariants(plan, log) if not one.passed}


def test_all_rules_hold_on_a_log_that_has_everything(made):
    plan, log = made
    assert broken(plan, log) == set()
    a, t = log.actions, log.attempts
    assert {Kind.QUOTA, Kind.BUDGET} <= set(a["reason"].tolist())
    assert (log.lookups["result"] == Lookup.HIT).any() and (t["tokens_cached"] > 0).any()
    assert (a["action"] >> 37 > 1).any() and plan.models.is_batch[t["model"]].any()


def changed(log, table, column, rows, value):
    columns = getattr(log, table)
    values = columns[column].copy()
    values[rows] = value
    return replace(log, **{table: columns | {column: values}})


def first(mask):
    return int(np.flatnonzero(mask)[0])


def breaks(plan, log):
    """Rule to a log that breaks it."""
    a, t = log.actions, log.attempts
    paid = first(t["cost"] > 0)
    turn = first(a["action"] >> 37 == 1)
    quota = np.flatnonzero(a["reason"] == Kind.QUOTA)
    time = log.budgets["time"][first(log.budgets["step"] == 1)]
    answered = first((t["outcome"] == Kind.OK) & (t["cost"] > 0))
    held = first(plan.batch.batch[a["kind"]] & (a["start"] > a["arrival"]))
    side = first(plan.models.is_batch[t["model"]] & (t["cost"] > 0))
    late = changed(log, "attempts", "dispatched", answered, time + 1)
    return {
        "causes add up to the cost": changed(log, "attempts", "cost", paid, t["cost"][paid] + 1),
        "lookups cost what their rows say": changed(log, "lookups", "result", 0, Lookup.STALE),
        "parts of a prompt fit in it": changed(log, "attempts", "tokens_history", paid, t["tokens_in"][paid]),
        "thought is a part of the answer": changed(log, "attempts", "tokens_reasoning", paid, 10**6),
        "only what prompts have in common is cached": changed(log, "attempts", "tokens_cached", paid, 10**6),
        "exact cache: the first of its kind finds nothing": changed(log, "lookups", "result", 0, Lookup.HIT),
        "a turn comes after one that was served": changed(log, "actions", "arrival", turn, -(10**12)),
        "no user has more than a day's quota": changed(log, "actions", "reason", quota, 0),
        "day: what is blocked is not answered": changed(
            late, "actions", "arrival", first(a["action"] == t["action"][answered]), time + 1
        ),
        "day: overspent by what was under way alone": changed(
            log, "budgets", "spent", len(log.budgets["step"]) - 1, 10**15
        ),
        "the batch side bills answers only": changed(log, "attempts", "outcome", side, Kind.TIMEOUT),
        "what is held begins in a window": changed(log, "actions", "start", held, a["arrival"][held]),
        "every lookup belongs to a logged action": changed(log, "lookups", "action", 0, 1 << 32),
        "no conversation has more than 5 turns": changed(log, "actions", "action", 0, 7 << 37),
    }  # fmt: skip


def test_every_rule_sees_that_it_is_broken(made):
    plan, log = made
    for name, wrong in breaks(plan, log).items():
        assert name in broken(plan, wrong), name
    assert Outcome.REJECTED in log.actions["outcome"]
