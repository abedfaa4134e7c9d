"""The shipped scenarios load, pass the checks, stay small, and show what their first lines say."""

import csv
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import simkit as sk
from simkit.plan.compile import compile_plan
from simkit.scenario.actions import Call
from simkit.scenario.checks import run_checks

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.scenario.load import Scenario

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scenarios"
DATA = ROOT.parent / "shared" / "data"
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml"))
PROMISED = {
    "founder", "support_chat", "azure_chat", "trace_replay", "one_big_model", "routed", "outage",
    "outage_with_fallback", "rate_limited_tier1", "small_server", "reference", "fallback_too_small", "double_retries",
    "retry_storm", "retry_storm_budget", "slow_provider", "breaker_flapping", "hedged", "impatient_users",
    "long_prompt", "prompt_cached", "prompt_cached_low_traffic", "response_cache", "cold_start", "agent_loop", "rag",
    "chat_history", "chat_history_capped", "free_tier_abuse", "batch_overnight", "shorter_prompt",
    "two_regions", "region_down", "region_down_no_headroom", "eu_residency", "follow_the_sun", "cold_cache_failover",
    "growth_100_to_10k", "launch_spike", "free_tier", "runway",
}  # fmt: skip
ACTIONS_PER_SECOND = 100_000
"""What a small, busy machine does with one core of the dearest of them (measured: 300,000 to 3,000,000)."""
GPT_41 = {"input": Decimal("2e-6"), "output": Decimal("8e-6")}
"""Prices per token, 2026-11."""


@cache
def scenario(name: str) -> "Scenario":
    return sk.load(FOLDER / f"{name}.yaml")


@cache
def shown(name: str, replications: int) -> "Result":
    return scenario(name).run(seed=1, replications=replications, jobs=1)


def value(result: "Result", metric: str, column: str = "value") -> float:
    return float(result.summary.set_index("metric")[column].astype(float)[metric])


def documents(name: str) -> dict[str, Any]:
    return scenario(name).document.model_dump(mode="json", by_alias=True, exclude_none=True)


def calibration(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the calibration file {name} is not beside the project (../shared/data)")
    return path


def test_all_that_is_promised_is_shipped() -> None:
    assert set(SHIPPED) == PROMISED


@pytest.mark.parametrize("name", SHIPPED)
def test_loads_and_passes_the_checks(name: str) -> None:
    errors = [finding for finding in run_checks(scenario(name)) if finding.severity == "error"]
    assert not errors


@pytest.mark.parametrize("name", SHIPPED)
def test_says_what_one_learns(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    head = text[: text.index("\n\n" if name == "reference" else "\nname:")]
    assert all(line.startswith("#") for line in head.splitlines())
    assert name == "reference" or "What you learn:" in head


YEARS, COMPILED = ("growth_100_to_10k",), 1_000_000
"""A year of a growing product: nobody runs it on the reference engine."""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_run_takes_half_a_minute_at_most(name: str) -> None:
    one = scenario(name)
    plan = compile_plan(one)
    actions = float(len(plan.arrivals.trace_time))
    if not actions:
        start, end = plan.arrivals.expected(np.array([0, plan.horizon]))
        actions = end - start
    assert actions > 0
    speed = COMPILED if name in YEARS else ACTIONS_PER_SECOND
    assert actions * one.document.replications / speed <= 30


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("founder", "models.gpt-4o.ttft"),
        ("founder", "models.gpt-4o.tokens_per_second"),
        ("founder", "models.gpt-4o.context"),
        ("founder", "quotas.gpt-4o-tier-1.tokens"),
        ("founder", "providers.openai.outages"),
        ("routed", "models.gpt-4o-mini.quality"),
        ("outage_with_fallback", "providers.anthropic.outages"),
        ("azure_chat", "actions.chat.calls.answer.input"),
    ],
)
def test_figures_name_their_source(name: str, path: str) -> None:
    kind, words = scenario(name).source_of(path)
    assert kind in ("measured", "estimated")
    assert words


@pytest.mark.parametrize(
    ("other", "one", "may_differ"),
    [
        ("outage_with_fallback", "outage", {"name", "models", "providers", "resilience", "sources", "expect"}),
        ("routed", "one_big_model", {"name", "models", "routes", "knobs", "sources"}),
    ],
)
def test_pairs_differ_in_one_thing(other: str, one: str, may_differ: set[str]) -> None:
    """Models and providers that only one of them needs, and their sources, come from the base."""
    new, old = documents(other), documents(one)
    assert {key for key in new.keys() | old.keys() if new.get(key) != old.get(key)} == may_differ
    for part in ("models", "providers"):
        assert {key: new[part][key] for key in old[part]} == old[part]


def test_support_chat_has_one_to_three_calls_and_two_models() -> None:
    actions = scenario("support_chat").document.actions.values()
    assert sorted(len(action.calls) for action in actions) == [1, 2, 3]
    assert set(scenario("support_chat").document.models) == {"gpt-4o", "gpt-4o-mini"}


def test_the_example_trace_is_in_azure_s_format() -> None:
    with (FOLDER / "traces" / "example.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]
    assert len(rows) == 300


def rows_of(path: Path) -> Iterator[tuple[int, int]]:
    """Input and output tokens of each request of a trace, read without simkit."""
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8").splitlines()
    if ".jsonl" in path.name:
        yield from ((row["input_length"], row["output_length"]) for row in map(json.loads, lines))
    else:
        yield from ((int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in csv.DictReader(lines))


def assert_replayed_exactly(path: Path, result: "Result") -> None:
    rows = np.array(list(rows_of(path)))
    total = rows.sum(axis=0)
    cost = int(total[0]) * GPT_41["input"] + int(total[1]) * GPT_41["output"]
    assert value(result, "actions") == len(rows)
    assert value(result, "success_rate") == 1
    assert (value(result, "tokens_in"), value(result, "tokens_out")) == tuple(total)
    assert Decimal(str(value(result, "cost_total"))).quantize(Decimal("1e-8")) == cost.quantize(Decimal("1e-8"))


def test_trace_replay_costs_what_the_tokens_cost() -> None:
    assert_replayed_exactly(FOLDER / "traces" / "example.csv", shown("trace_replay", 1))


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "actions"),
    [("azure_llm_2023_conv.csv.gz", 19_366), ("mooncake_conversation_first30min.jsonl.gz", 5_719)],
)
def test_trace_replay_of_public_traces(file: str, actions: int) -> None:
    path = calibration(file)
    result = scenario("trace_replay").set({"traffic.trace": str(path)}).run(replications=1, jobs=1)
    assert value(result, "actions") == actions
    assert_replayed_exactly(path, result)


@pytest.mark.data
def test_azure_chat_has_the_trace_s_quantiles() -> None:
    rows = np.array(list(rows_of(calibration("azure_llm_2023_conv.csv.gz"))))
    (call,) = scenario("azure_chat").document.actions["chat"].calls
    assert isinstance(call, Call)
    for column, dist in ((rows[:, 0], call.input.user), (rows[:, 1], call.output.all)):
        assert dist is not None and dist.quantiles is not None
        for name, tokens in dist.quantiles.items():
            share = 0.999 if name == "p999" else int(name[1:]) / 100
            assert tokens == np.quantile(column, share, method="inverted_cdf")
        assert dist.mean() == pytest.approx(column.mean(), rel=0.01)


@pytest.mark.slow
def test_azure_chat_is_as_busy_as_the_trace() -> None:
    result = shown("azure_chat", 1)
    # 5.53/s with a coefficient of variation of 1.09: standard deviation of the count = 1.09 sqrt(19,908) = 154.
    assert value(result, "actions") == pytest.approx(19_908, abs=3 * 154)
    assert value(result, "tokens_in") / value(result, "actions") == pytest.approx(1154.7, rel=0.03)
    assert value(result, "tokens_out") / value(result, "actions") == pytest.approx(211.1, rel=0.03)


@pytest.mark.slow
def test_founder_lands_at_its_bill() -> None:
    """1,800 actions a day x 365/12 days x (1200 x $2.5 + 250 x $10) per million = $301; the bill was $290."""
    assert value(shown("founder", 2), "cost_per_month") == pytest.approx(290, rel=0.2)
    assert value(shown("founder", 2), "cost_per_month") == pytest.approx(301.1, rel=0.03)


@pytest.mark.slow
def test_support_chat_holds() -> None:
    result = shown("support_chat", 2)
    assert value(result, "success_rate") > 0.995
    assert value(result, "latency_p95") < 8
    assert value(result, "good_rate") > 0.90
    assert value(result, "cost_per_action") < 0.005
    first = result.bottlenecks.iloc[0]
    assert "gpt-4o:" in first["limit"]
    assert 1000 < first["full_at_users"] < 10_000


@pytest.mark.slow
def test_the_readme_shows_what_support_chat_answers() -> None:
    """The same seed gives the same answer on any machine: the README quotes it."""
    quoted = (ROOT / "README.md").read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]
    answer = str(scenario("support_chat").run(jobs=2))
    assert " ".join(quoted.split()) in " ".join(answer.split()), f"Paste this into the README:\n{answer[:800]}"


@pytest.mark.slow
def test_routing_saves_what_the_arithmetic_says() -> None:
    one, routed = shown("one_big_model", 2), shown("routed", 2)
    saving = 1 - value(routed, "cost_total") / value(one, "cost_total")
    simple, complex_ = 0.71 * (1155 * 2.5 + 121 * 10), 0.29 * (1155 * 2.5 + 434 * 10)
    share, ratio = simple / (simple + complex_), 0.15 / 2.5
    by_hand = share * (1 - ratio) * (1 - 0.03) + (1 - share) * (1 - ratio) * 0.05
    assert 0.4 < saving < 0.6
    assert saving == pytest.approx(by_hand, abs=0.015)
    assert value(routed, "good_rate") < value(one, "good_rate")


@pytest.mark.slow
def test_an_outage_at_peak_loses_the_month_and_a_fallback_keeps_it() -> None:
    alone, helped = shown("outage", 3), shown("outage_with_fallback", 3)
    assert value(alone, "success_rate", "high") < 0.995
    assert value(helped, "success_rate", "low") > 0.995
    assert value(alone, "error_budget_left") < 0 < value(helped, "error_budget_left")
    assert value(helped, "fallback_rate") > 0.01
    assert value(alone, "actions") == value(helped, "actions")


@pytest.mark.slow
def test_tier_1_is_full_where_it_says() -> None:
    result = shown("rate_limited_tier1", 4)
    first = result.bottlenecks.iloc[0]
    assert (first["limit"], first["text"]) == ("gpt-4o-tier-1: tokens", "30k/min")
    assert first["full_at_users"] < 2000
    assert first["limit"] in str(result)
    uses, kept = [], []
    for share in (0.9, 1.1):
        users = round(share * first["full_at_users"])
        again = scenario("rate_limited_tier1").set({"traffic.daily_active_users": users})
        run = again.run(seed=2, replications=4, jobs=1)
        uses.append(run.bottlenecks.iloc[0]["busiest_hour_use"])
        kept.append(value(run, "success_rate"))
    assert uses[0] < 1 < uses[1]
    assert kept[1] < 0.995 < kept[0]


@pytest.mark.slow
def test_a_small_server_turns_users_away_and_two_workers_more_do_not() -> None:
    small = shown("small_server", 2)
    assert value(small, "rejected_rate") > 0.01
    assert value(small, "queue_wait_p95") > 10
    assert "own service" in small.bottlenecks.iloc[0]["limit"]
    larger = scenario("small_server").set({"service.workers": 4}).run(replications=2, jobs=1)
    assert value(larger, "rejected_rate") == 0
    assert value(larger, "latency_p95") < 40


@pytest.mark.slow
def test_the_reference_runs_with_all_that_it_has() -> None:
    result = shown("reference", 3)
    assert value(result, "success_rate") > 0.98
    for metric in ("fallback_rate", "escalation_rate", "cached_token_share", "retry_rate"):
        assert value(result, metric) > 0
