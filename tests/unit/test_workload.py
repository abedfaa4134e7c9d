"""What a scenario asks of its parts, against sums by hand and independent draws."""

import copy
from typing import Any

import numpy as np
import pytest
from calm_case import CALM, MODEL, merged

from simkit.plan.calendar import monthly_weights, weekly_weights
from simkit.scenario.checks import run_checks
from simkit.scenario.checks_limits import peak_factor
from simkit.scenario.checks_promises import best_quality, fastest_times
from simkit.scenario.profiles import HOURS, hour_factors, month_factors, weekday_factors
from simkit.scenario.scenario import Document
from simkit.scenario.traffic import Seasonality
from simkit.scenario.workload import answer_times, mean_action_s, mean_repetitions, spread, total, visits

BASE: dict[str, Any] = {key: CALM[key] for key in ("traffic", "actions", "models")}


def document(over: dict[str, Any]) -> Document:
    """The base with other values; None removes."""
    return Document.model_validate(merged(BASE, over))


@pytest.mark.parametrize(
    "season",
    [
        {},
        {"hours": "office", "weekend": "40%"},
        {"hours": "evening", "weekdays": [1, 2, 3, 4, 5, 6, 7.5]},
        {"hours": "global", "months": [1, 1, 1, 1, 1, 1, 0.9, 0.8, 1, 1.1, 1.2, 1.2]},
    ],
)
def test_factors_are_those_that_the_plan_uses(season: dict[str, Any]) -> None:
    seasonality = Seasonality.model_validate(season)
    week = np.outer(weekday_factors(seasonality), hour_factors(seasonality)).ravel()
    assert np.allclose(week, weekly_weights(seasonality), rtol=1e-12)
    assert np.allclose(month_factors(seasonality), monthly_weights(seasonality), rtol=1e-12)


def test_peak_factor_is_the_busiest_hour_of_the_busiest_day_and_month() -> None:
    months = [1.0] * 11 + [2.0]
    season = {"hours": "office", "weekend": "40%", "months": months}
    november = document({"start": None, "horizon": "7d", "traffic": {"seasonality": season}})
    expected = max(HOURS["office"]) / np.mean(HOURS["office"]) * 7 / 5.8
    assert peak_factor(november) == pytest.approx(expected * 12 / 13)
    december = document({"horizon": "45d", "traffic": {"seasonality": season}})
    assert peak_factor(december) == pytest.approx(expected * 24 / 13)


ROUTED: dict[str, Any] = {
    "actions": {
        "easy": {
            "share": "75%",
            "complexity": {"simple": "80%", "complex": "20%"},
            "calls": [
                {"name": "ask", "route": "split", "input": 100, "output": {"simple": 10, "complex": 50}},
            ],
        },
        "agent": {
            "share": "25%",
            "calls": [
                {
                    "name": "plan",
                    "route": "ladder",
                    "input": 200,
                    "output": 20,
                    "repeat": {"geometric": {"mean": 2.0, "max": 3}},
                },
                {
                    "parallel": [
                        {"name": "left", "model": "big", "input": 10, "output": 100, "repeat": {"times": 2}},
                        {"name": "right", "model": "other", "input": 10, "output": 10, "work": "20s"},
                    ]
                },
            ],
        },
    },
    "routes": {
        "split": {
            "by": "complexity",
            "to": {"simple": "other", "complex": "big"},
            "misrouted": {"simple": "10%", "complex": "5%"},
        },
        "ladder": {"cascade": ["other", "big"], "escalate": {"any": "30%"}},
    },
    "models": {
        "big": {**MODEL, "ttft": "1s", "ttft_per_1k_input": "1s"},
        "other": {**MODEL, "ttft": "1s", "ttft_per_1k_input": "1s"},
    },
    "slo": {"good": "10%"},
}


def routed(over: dict[str, Any] | None = None) -> Document:
    data = {**copy.deepcopy(BASE), **copy.deepcopy(ROUTED)}
    data["slo"] = {"success": "99%"}
    return Document.model_validate(merged(data, over or {}))


def test_visits_follow_routes_repetitions_and_cascades() -> None:
    often = {(v.path.split(".")[-1], v.complexity, v.model): v.per_action for v in visits(routed())}
    assert often[("ask", "simple", "other")] == pytest.approx(0.75 * 0.8 * 0.9)
    assert often[("ask", "simple", "big")] == pytest.approx(0.75 * 0.8 * 0.1)
    assert often[("ask", "complex", "big")] == pytest.approx(0.75 * 0.2 * 0.95)
    assert often[("ask", "complex", "other")] == pytest.approx(0.75 * 0.2 * 0.05)
    repeats = 1 + 0.5 + 0.25
    assert often[("plan", "any", "other")] == pytest.approx(0.25 * repeats)
    assert often[("plan", "any", "big")] == pytest.approx(0.25 * repeats * 0.3)
    assert often[("left", "any", "big")] == pytest.approx(0.5)


def test_mean_repetitions_of_a_cut_geometric_number() -> None:
    repeat = routed().actions["agent"].calls[0].repeat  # type: ignore[union-attr]
    draws = np.minimum(np.random.default_rng(1).geometric(0.5, 200_000), 3)
    assert mean_repetitions(repeat) == pytest.approx(draws.mean(), abs=4 * draws.std() / 200_000**0.5)


def test_total_demand_and_action_time_by_hand() -> None:
    scenario = routed()
    asked = total(scenario)
    repeats = 1.75
    plan = 0.25 * repeats * 1.3
    assert asked.requests == pytest.approx(0.75 + plan + 0.5 + 0.25)
    assert asked.input == pytest.approx(0.75 * 100 + plan * 200 + 5 + 2.5)
    ask = 0.75 * (0.8 * 10 + 0.2 * 50)
    assert asked.output == pytest.approx(ask + plan * 20 + 50 + 2.5)
    assert asked.busy_s == pytest.approx(asked.requests + asked.input / 1000 + asked.output / 100)
    ask_s = 1 + 0.1 + (0.8 * 10 + 0.2 * 50) / 100
    plan_s = repeats * 1.3 * (1 + 0.2 + 0.2)
    fork_s = max(2 * (1 + 0.01 + 1), 20 + 1 + 0.01 + 0.1)
    assert mean_action_s(scenario) == pytest.approx(0.75 * ask_s + 0.25 * (plan_s + fork_s))


def test_attempts_are_spread_as_the_balance_says() -> None:
    for balance, shares in (("weighted", [0.75, 0.25]), ("least_busy", [0.5, 0.5]), ("ordered", [0.0, 1.0])):
        places = [{"provider": "openai", "weight": 3.0, "order": 2}, {"provider": "anthropic"}]
        model = {**{key: value for key, value in MODEL.items() if key != "provider"}, "deployments": places}
        data = {**BASE, "models": {"big": {**model, "balance": balance}}}
        assert [share for _, share in spread(Document.model_validate(data), "big")] == shares


def test_answer_times_equal_independent_draws() -> None:
    scenario = document({})
    [visit] = visits(scenario)
    times = answer_times(scenario, visit, scenario.models["big"].deployments[0])
    rng = np.random.default_rng(5)
    score = 1.6448536269514722
    n = 400_000

    def lognormal(mean: float, p95: float) -> Any:
        sigma = score - np.sqrt(score**2 - 2 * np.log(p95 / mean))
        return np.exp(np.log(mean) - sigma**2 / 2 + sigma * rng.standard_normal(n))

    ttft = 0.5 * np.exp(np.log(2) / score * rng.standard_normal(n))
    draws = ttft + (1200 + lognormal(300, 900)) * 0.01 / 1000 + np.minimum(lognormal(200, 500), 2000) / 100
    assert times.mean() == pytest.approx(draws.mean(), rel=0.01)
    assert np.quantile(times, 0.99) == pytest.approx(np.quantile(draws, 0.99), rel=0.03)


def test_best_quality_multiplies_judged_calls() -> None:
    qualities = {"models": {"big": {"quality": {"simple": "90%", "complex": "80%", "any": "70%"}},
                            "other": {"quality": {"simple": "95%", "complex": "50%", "any": "60%"}}}}  # fmt: skip
    assert best_quality(routed(qualities)) == pytest.approx(0.75 * (0.8 * 0.95 + 0.2 * 0.8) + 0.25 * (0.7 * 0.7 * 0.6))


def test_a_slow_kind_breaks_only_promises_about_more_than_the_others() -> None:
    times = fastest_times(routed())
    assert times["easy"][0] == 0.75
    assert times["easy"][1] < 2 < 20 < times["agent"][1]
    for name, count in (("p75", 0), ("p95", 1)):
        findings = run_checks(routed({"slo": {"latency": {name: "5s"}}}))
        assert sum(finding.name == "promise_impossible" for finding in findings) == count
