"""What the scenarios of caches, quotas, budgets and batch are for."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import simkit as sk

if TYPE_CHECKING:
    from simkit.result.result import Result

FOLDER = Path(__file__).parents[2] / "scenarios"
HOUR = 3600


def shown(name: str, changes: Mapping[str, Any] | None = None) -> "Result":
    return sk.load(FOLDER / f"{name}.yaml").set(changes or {}).run(seed=1, replications=1, jobs=1)


def value(result: "Result", metric: str) -> float:
    return result.metrics[metric].value or 0


def test_after_a_deploy_the_limit_that_was_enough_is_too_small() -> None:
    emptied = shown("cold_start")
    warm = shown("cold_start", {"caches.exact.emptied": None, "caches.semantic.emptied": None})
    assert warm.bottlenecks.iloc[0]["refused"] == 0 < emptied.bottlenecks.iloc[0]["refused"]
    refused = emptied.timeline[emptied.timeline["attempts_rate_limit"] > 0]
    assert refused["start_s"].between(14 * HOUR, 14.5 * HOUR).all()


@pytest.mark.slow
def test_a_cheaper_model_makes_the_budget_of_a_free_plan_last() -> None:
    steps = shown("free_tier_abuse")
    first = steps.budgets.iloc[0]
    assert first["alerted_s"] < first["degraded_s"] and first["share"] < 1 and first["blocked_for_s"] == 0
    blocked = shown("free_tier_abuse", {"budgets.month.at.80%": "alert", "budgets.month.limit": "$400/month"})
    assert blocked.budgets.iloc[0]["blocked_for_s"] > 24 * HOUR
    assert 0 <= blocked.budgets.iloc[0]["overshoot"] < 0.01
    assert value(blocked, "success_rate") < value(steps, "success_rate") - 0.1


@pytest.mark.slow
def test_a_warm_prompt_cache_saves_four_fifths_and_a_cold_one_costs() -> None:
    full, cached = shown("long_prompt", {"horizon": "1d"}), shown("prompt_cached", {"horizon": "1d"})
    assert value(cached, "cost_per_action") < 0.3 * value(full, "cost_per_action")
    assert value(cached, "prompt_cache_saving") > 0.8
    assert value(shown("prompt_cached_low_traffic"), "prompt_cache_saving") < 0


@pytest.mark.slow
def test_reports_at_night_cost_half_and_leave_the_day_to_the_chat() -> None:
    night = shown("batch_overnight")
    day = shown("batch_overnight", {"actions.report.urgency": "now", "expect": []})
    per_report = [result.costs.query("by == 'call' and name == 'report'")["cost_usd"].sum() for result in (night, day)]
    assert per_report[0] == pytest.approx(per_report[1] / 2, rel=0.1)
    limit = "gpt-4o_tier1: tokens"
    uses = [result.bottlenecks.set_index("limit").loc[limit, "busiest_hour_use"] for result in (night, day)]
    assert uses[0] < 0.7 * uses[1]


@pytest.mark.slow
def test_what_is_at_the_batch_api_does_not_shed_the_chat() -> None:
    full = {"service.workers": 5, "service.shed": [{"in_flight": 15}], "batch.spread": "10min", "expect": []}
    result = shown("batch_overnight", full)
    assert result.reasons.query("reason == 'shed'").empty


@pytest.mark.slow
def test_a_cap_on_history_makes_conversations_cheaper() -> None:
    grows, capped = shown("chat_history"), shown("chat_history_capped")
    assert value(capped, "cost_per_action") < 0.9 * value(grows, "cost_per_action")
