"""Metrics of caches, prompts, conversations, budgets and batch against naive witnesses over the rows of the logs."""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from synthetic_log import (
    HORIZON,
    HOUR,
    SECOND,
    WARMUP,
    evidence_from,
    ints,
    log_of,
    random_log,
    rows_of,
    synthetic_plan,
)

from simkit.engine.codes import Kind, Lookup
from simkit.plan.codes import Act
from simkit.plan.economy import Tiers
from simkit.plan.plan import NEVER
from simkit.result.budgets import periods
from simkit.result.evidence import Evidence
from simkit.result.metrics import METRICS, evaluate
from simkit.result.metrics_economy import METRICS as ECONOMY
from simkit.result.tables_economy import tiers
from simkit.scenario import expectations

BASE = synthetic_plan()
ACTIONS = BASE.actions._replace(
    work_cost=np.full((2, 3), 5), history=np.ones(3, bool), reasoning=np.zeros((2, 3, 2), np.int64),
    input=np.zeros((2, 3, 3), np.int64),
)  # fmt: skip
ON = {
    "actions": ACTIONS,
    "answers": BASE.answers._replace(coalesce=np.ones(2, bool)),
    "models": BASE.models._replace(cheaper=ints(-1, 0)),
    "names": replace(BASE.names, tiered=("alpha_org",)),
    "tiers": Tiers(
        ints(0, 0), np.ones((1, 3), bool), ints(10**12, 2 * 10**12)[None], ints(0, 0)[None], ints(0), ints(NEVER)
    ),
    "limits": BASE.limits._replace(ns_per_unit=BASE.limits.ns_per_unit / ints(1, 2, 4)),
}
PLAN = synthetic_plan(**ON)


def with_tiers(log, reached):
    """A log in which a quota comes to so many tiers, by a dollar each."""
    rows = [{"time": k * HOUR, "budget": -1, "step": k, "spent": (k + 1) * 10**12} for k in range(reached)]
    rows += [{"time": log.ended, "budget": -1, "step": -1, "spent": reached * 10**12 + 7}]
    spent = {name: np.append(one, [row[name] for row in rows]) for name, one in log.budgets.items()}
    return replace(log, budgets=spent)


LOGS = [with_tiers(random_log(seed, 400, seed), seed % 3) for seed in range(4)]


def evidence(logs=LOGS, plan=PLAN) -> Evidence:
    return evidence_from(logs, plan)


class Witness:
    """Rows of measured actions."""

    def __init__(self, logs):
        self.runs, self.actions, self.attempts, self.lookups, self.budgets = len(logs), [], [], [], []
        for log in logs:
            mine = {a["action"]: a for a in rows_of(log.actions) if 0 <= a["arrival"] < HORIZON}
            self.actions += mine.values()
            self.attempts += [t | {"kind": mine[t["action"]]["kind"]} for t in rows_of(log.attempts)
                              if t["action"] in mine]  # fmt: skip
            self.lookups += [one for one in rows_of(log.lookups) if 0 <= one["arrival"] < HORIZON]
            self.budgets.append(rows_of(log.budgets))
        self.asked = [one for one in self.lookups if one["result"] != Lookup.STALE]
        self.ended = sum(a["outcome"] != 5 for a in self.actions)

    def found(self, cache, *results):
        return sum(one["cache"] in cache and one["result"] in results for one in self.asked)

    def hit_rate(self, cache):
        return self.found((cache,), 1, 3) / sum(one["cache"] == cache for one in self.asked)

    def calls(self):
        return sum(t["cause"] == 0 for t in self.attempts)

    def of(self, name, whole):
        return sum(t[name] for t in self.attempts if t["billed_in"]) / sum(t[whole] for t in self.attempts)

    def rejected(self, reason):
        return sum(a["reason"] == reason for a in self.actions) / self.ended

    def saving(self):
        """What the tokens would have cost as input, less what they did cost."""
        base, paid, prices = 0, 0, PLAN.prices
        for t in (t for t in self.attempts if t["billed_in"]):
            q, n = int(t["started"] >= 3 * HOUR), t["deployment"]
            z = int(t["billed_in"] > prices.above[q, n, 1])
            base += (t["tokens_cached"] + t["tokens_written"]) * int(prices.input[q, n, z])
            paid += t["tokens_cached"] * int(prices.cached[q, n, z]) + t["tokens_written"] * int(prices.write[q, n, z])
        return 1 - paid / base

    def overshoot(self):
        tens = [
            max(row["spent"] / 10**13 - 1 for row in run if row["step"] == -1 and row["budget"] == 0)
            for run in self.budgets
        ]
        return sum(max(0, one) for one in tens) / len(tens)

    def held(self):
        spans = sorted(a["start"] - a["arrival"] for a in self.actions if a["kind"] == 1 and a["start"] != -1)
        return spans[ceil(len(spans) / 2) - 1] / HOUR


NAIVE = {
    "exact_hit_rate": lambda w: w.hit_rate(0),
    "semantic_hit_rate": lambda w: w.hit_rate(1),
    "cache_served_share": lambda w: w.found((0, 1), 1, 2, 3) / (w.calls() + w.found((0, 1), 1, 2, 3)),
    "false_hit_rate": lambda w: w.found((1,), 3) / w.found((1,), 1, 3),
    "joined_rate": lambda w: w.found((0, 1), 2) / len(w.asked),
    "lookup_cost": lambda w: sum(a["lookup_cost"] for a in w.actions) / 1e12 / w.runs,
    "tool_cost": lambda w: sum(a["tool_cost"] for a in w.actions) / 1e12 / w.runs,
    "cached_token_share": lambda w: w.of("tokens_cached", "billed_in"),
    "written_token_share": lambda w: w.of("tokens_written", "billed_in"),
    "prompt_cache_saving": lambda w: w.saving(),
    "history_token_share": lambda w: w.of("tokens_history", "billed_in"),
    "retrieved_token_share": lambda w: w.of("tokens_retrieved", "billed_in"),
    "reasoning_token_share": lambda w: w.of("tokens_reasoning", "billed_out"),
    "truncated_rate": lambda w: (
        sum(t["outcome"] == 0 and t["marks"] & 32 > 0 for t in w.attempts) / sum(t["outcome"] == 0 for t in w.attempts)
    ),
    "turns_per_conversation": lambda w: (
        sum(a["action"] >> 33 & 15 == 0 for a in w.actions) / sum(a["action"] < 1 << 33 for a in w.actions)
    ),
    "quota_rejected_rate": lambda w: w.rejected(Kind.QUOTA),
    "budget_rejected_rate": lambda w: w.rejected(Kind.BUDGET),
    "cheaper_rate": lambda w: sum(t["cause"] == 0 and t["marks"] & 64 > 0 for t in w.attempts) / w.calls(),
    "budget_overshoot": lambda w: w.overshoot(),
    "batch_cost_share": lambda w: (
        sum(t["cost"] for t in w.attempts if t["kind"] == 1) / sum(t["cost"] for t in w.attempts)
    ),
    "held_hours_p50": lambda w: w.held(),
    "tiers_reached": lambda w: 3 / 4,  # 0, 1, 2 and 0 of them
}


def test_every_metric_of_the_design_is_here_with_unit_and_help():
    assert {one.name for one in ECONOMY} == set(NAIVE) <= set(expectations.METRICS)
    for metric in ECONOMY:
        assert metric.help.endswith(".") and METRICS[metric.name] is metric
        assert metric.unit == expectations.METRICS[metric.name]


@pytest.mark.parametrize("name", NAIVE)
def test_every_metric_equals_its_naive_witness(name):
    found = METRICS[name].formula(evidence())
    assert found.value == pytest.approx(NAIVE[name](Witness(LOGS)), rel=0.004 if name == "held_hours_p50" else 1e-12)
    assert found.low <= found.value <= found.high


PLAIN = synthetic_plan(
    answers=BASE.answers._replace(on=np.zeros(2, bool)),
    prompts=BASE.prompts._replace(on=np.zeros(1, bool)),
    policy=BASE.policy._replace(cache_hit_rate=np.zeros(2)),
    actions=BASE.actions._replace(max_output=np.full((2, 3), NEVER)),
    sessions=BASE.sessions._replace(most=ints(1, 1)),
    allowances=BASE.allowances._replace(on=np.zeros(1, bool)),
    spending=BASE.spending._replace(act=np.full((1, 8), Act.ALERT)),
    batch=BASE.batch._replace(batch=np.zeros(2, bool)),
)


@pytest.mark.parametrize("name", NAIVE)
def test_what_does_not_apply_is_none_with_a_note_and_never_0(name):
    logs = [replace(log, lookups={key: one[:0] for key, one in log.lookups.items()}) for log in LOGS]
    found = METRICS[name].formula(evidence(logs, PLAIN))
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.note


def test_a_prompt_cache_that_costs_more_than_it_saves_has_a_negative_saving():
    row = {"started": 0, "ended": 1, "deployment": 1, "model": 1, "billed_in": 800, "tokens_in": 800,
           "tokens_written": 800}  # fmt: skip
    log = log_of([{"attempts": 1}], [row])
    found = evaluate(evidence([log, replace(log, replication=1)]))["prompt_cache_saving"]
    assert found.value == pytest.approx(-0.25)  # written at 125 % of the price of input, and never read
    assert found.low == found.high == found.value


def test_periods_of_a_budget_by_hand():
    rows = [(10, 0, 0, 5), (20, 0, 1, 12), (30, 0, -1, 13), (40, 0, 0, 6), (50, 0, -1, 7)]
    columns = zip(*[(t * SECOND, b, step, spent * 10**12) for t, b, step, spent in rows], strict=True)
    names = ("time", "budget", "step", "spent")
    first, last = periods(PLAN, dict(zip(names, map(np.array, columns), strict=True)))
    assert (first.start, first.end, last.start, last.end) == (-WARMUP, 30 * SECOND, 30 * SECOND, 50 * SECOND)
    assert (first.share, first.overshoot) == (pytest.approx(1.3), pytest.approx(0.3))
    assert first.reached == {Act.ALERT: 10 * SECOND, Act.BLOCK: 20 * SECOND}
    assert first.lasts(Act.BLOCK) == 10 * SECOND
    assert (last.share, last.overshoot, last.lasts(Act.BLOCK), last.blocks) == (pytest.approx(0.7), 0, 0, True)


def test_tiers_by_hand():
    """Of four replications two came to tier 2, at the start and at the start, and one to tier 3, after an hour."""
    found = tiers(evidence())
    assert found["tier"].tolist() == [2, 3] and found["needed_usd"].tolist() == [1, 2]
    assert found["reached"].tolist() == [0.5, 0.25]
    assert found["since_s"].tolist() == [0, 3600] == found["latest_s"].tolist()
    assert found["spent_usd"].tolist() == pytest.approx([0.75, 0.75])


def test_what_a_limit_allows_rises_with_its_tier():
    log = LOGS[2]  # tier 2 from the start, tier 3 an hour later; from the fourth hour on other numbers
    use = evidence([log]).tallies[0].limits[0]
    per_hour = HOUR / PLAN.limits.ns_per_unit[:, 0]
    assert use.capacity[:2].tolist() == pytest.approx([per_hour[0, 1], per_hour[0, 2]])
    assert use.capacity[5:].tolist() == pytest.approx([per_hour[1, 2]] * len(use.capacity[5:]))
