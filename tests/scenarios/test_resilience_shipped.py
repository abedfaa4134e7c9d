"""What the scenarios of resilience claim, with numbers: storms, stacks, small fallbacks, hedges, breakers, patience."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import simkit as sk

if TYPE_CHECKING:
    from simkit.result.result import Result

pytestmark = pytest.mark.slow
FOLDER = Path(__file__).parents[2] / "scenarios"


@cache
def shown(name: str, replications: int = 2, *changes: tuple[str, str | int]) -> "Result":
    return sk.load(FOLDER / f"{name}.yaml").set(dict(changes)).run(seed=1, replications=replications, jobs=1)


def value(result: "Result", metric: str) -> float:
    found = result.metrics[metric].value
    assert found is not None, metric
    return found


def answer(result: "Result", question: str) -> str:
    (text,) = (one.text for one in result.answers if one.question.startswith(question))
    return text


def test_the_storm_outlives_its_cause_more_than_ten_times() -> None:
    result = shown("retry_storm", 1, ("horizon", "35min"))
    (incident,) = result.reviews.itertuples()
    trigger = incident.end_s - incident.start_s
    assert incident.recovered_share == 0
    assert result.plan.horizon / 1e9 - incident.end_s >= 10 * trigger
    late = result.timeline[result.timeline["start_s"] >= incident.end_s + 120]
    assert late["ok"].sum() <= 0.01 * late["arrivals"].sum()
    assert "A storm of retries outlives `slow disk`" in answer(result, "What breaks")


def test_a_retry_budget_ends_the_storm_within_two_minutes() -> None:
    result = shown("retry_storm_budget", 2, ("horizon", "25min"))
    (incident,) = result.reviews.itertuples()
    assert incident.recovered_share == 1 and incident.recovery_s <= 120
    assert value(result, "amplification") < 1.2
    assert "storm" not in answer(result, "What breaks")


def test_a_fallback_that_is_too_small_loses_the_objective_and_the_answer_says_why() -> None:
    result = shown("fallback_too_small")
    high = result.metrics["success_rate"].high
    assert high is not None and high < 0.995
    assert value(result, "error_budget_left") < 0 < value(result, "fallback_rate")
    assert answer(result, "Will it hold").startswith("No:")
    assert "because of anthropic_tier1: input (30k/min)" in answer(result, "Will it hold")
    assert "The fallback is too small: while `five hours at peak` lasts" in answer(result, "What breaks")
    cured = shown("fallback_too_small", 1, ("quotas.anthropic_tier1.input", "450k/min"))
    assert value(cured, "error_budget_left") > 0.5


def test_double_retries_make_27_attempts_of_a_question() -> None:
    result = shown("double_retries", 1)
    tries = result.attempts_per_action.set_index("attempts")["in_incidents"]
    assert tries.index.max() == 27 and tries[27] > 0.9 * 20 * 60
    assert result.reviews["attempts_per_action"].iloc[0] == pytest.approx(27, rel=0.02)
    assert "every action makes 26 attempts against 1" in answer(result, "What breaks")  # the last minute's get through
    once = shown("double_retries", 1, ("resilience.client.max_retries", 0))
    assert once.attempts_per_action["attempts"].max() == 9


def test_a_hedge_buys_p99_with_a_twentieth_of_the_attempts() -> None:
    hours = ("horizon", "5h")
    hedged, once = shown("hedged", 2, hours), shown("hedged", 2, hours, ("resilience.hedge", "none"))
    assert value(hedged, "latency_p99") < 0.85 * value(once, "latency_p99")
    assert value(hedged, "hedge_rate") == pytest.approx(0.05, abs=0.015)
    more = value(hedged, "cost_per_action") / value(once, "cost_per_action") - 1
    assert 0.02 < more < 0.09
    (late,) = (one for one in hedged.slo.itertuples() if "latency" in one.objective)
    (before,) = (one for one in once.slo.itertuples() if "latency" in one.objective)
    assert before.compliance < late.target < late.compliance


def test_no_breaker_sees_a_slow_provider_until_slowness_is_a_failure() -> None:
    short = ("horizon", "5h 15min")
    result = shown("slow_provider", 1, short)
    assert value(result, "breaker_openings") == 0
    assert value(result, "slo_compliance") < 0.95 and value(result, "abandoned_rate") > 0.005
    assert "No breaker opens while `brownout` lasts" in answer(result, "What breaks")
    seen = shown("slow_provider", 1, short, ("resilience.first_token_timeout", "2s"))
    assert value(seen, "breaker_openings") > 10
    assert value(seen, "fallback_rate") > 0.1
    assert value(seen, "abandoned_rate") < 0.5 * value(result, "abandoned_rate")


def test_a_breaker_without_half_open_flaps_and_one_that_probes_less() -> None:
    short = ("horizon", "75min")
    result = shown("breaker_flapping", 1, short)
    assert value(result, "breaker_openings") > 200
    assert "A breaker flaps: gpt-4o/azure/eastus opens" in answer(result, "What breaks")
    probing = ("resilience.breaker.cooldown", "30s"), ("resilience.breaker.probes", 2)
    assert value(shown("breaker_flapping", 1, short, *probing), "breaker_openings") < 80


def test_impatient_users_leave_and_those_who_ask_again_make_others_leave() -> None:
    result = shown("impatient_users", 1)
    assert 0.01 < value(result, "abandoned_rate") < 0.04
    assert value(result, "reload_rate") > 0.003
    assert "given up by users who wait too long" in answer(result, "Will it hold")
    calm = shown("impatient_users", 1, ("users.reload.abandoned", "0%"))
    assert value(calm, "abandoned_rate") < value(result, "abandoned_rate")
    larger = shown("impatient_users", 1, ("service.workers", 6))
    assert value(larger, "abandoned_rate") < 0.1 * value(result, "abandoned_rate")
