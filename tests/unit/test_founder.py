"""The founder's short form stands for a full form."""

from pathlib import Path

import pytest

from simkit.scenario.errors import ScenarioError
from simkit.scenario.founder import BASE
from simkit.scenario.load import Scenario, load
from simkit.scenario.overlay import base
from simkit.scenario.units import Limit

MINUTE = 60 * 10**9
FOUNDER = """
name: My product
model: gpt-4o
tier: 1
traffic: {daily_active_users: 300, actions_per_user_per_day: 6, timezone: America/New_York}
tokens: {input: 1200, output: 250}
slo: {success: 99.5%, latency: {p95: 5s}}
observed: {cost_per_month: $290}
"""


@pytest.fixture
def founder(tmp_path: Path) -> Path:
    path = tmp_path / "founder.yaml"
    path.write_text(FOUNDER)
    return path


def saved(path: Path, text: str) -> Scenario:
    path.write_text(text)
    return load(path)


def test_it_stands_for_one_action_of_one_call(founder: Path) -> None:
    document = load(founder).document
    (action,) = document.actions.values()
    (call,) = action.calls
    assert (call.name, call.model) == ("answer", "gpt-4o")
    assert call.input.user.mean_ == 1200 and call.output.all.mean_ == 250, "averages, with typical spread"
    assert document.traffic.users.daily_active == 300
    assert document.traffic.users.actions_per_day == 6
    assert document.traffic.timezone == "America/New_York"


def test_it_brings_the_model_its_provider_and_its_tier_and_nothing_else(founder: Path) -> None:
    document = load(founder).document
    assert list(document.models) == ["gpt-4o"]
    assert document.models["gpt-4o"].deployments[0].provider == "openai"
    assert list(document.providers) == ["openai"] and document.providers["openai"].outages
    (quota,) = document.quotas.values()
    assert (quota.requests, quota.tokens) == (Limit(500, MINUTE), Limit(30_000, MINUTE))
    assert quota.of == ["gpt-4o"]


@pytest.mark.parametrize("model", list(base(BASE).map["models"].map))
def test_every_model_of_the_base_runs_with_each_of_its_tiers(founder: Path, model: str) -> None:
    text = FOUNDER.replace("gpt-4o", model).replace("tier: 1\n", "")
    assert not saved(founder, text).document.quotas
    tiers = base("tiers", "tier").map.get(model)
    for tier in tiers.map if tiers else ():
        assert len(saved(founder, f"{text}tier: {tier}\n").document.quotas) == 1


def test_overrides_reach_the_short_form_and_the_full_form(founder: Path) -> None:
    settings = {
        "traffic.daily_active_users": 10_000,
        "model": "claude-sonnet-4-5",
        "tier": 2,
        "tokens.input": 2000,
        "models.claude-sonnet-4-5.ttft.median": "2s",
        "actions.answer.calls.answer.output.max": 500,
        "quotas.claude-sonnet-4-5-tier-2.burst": "1s",
    }
    scenario = load(founder).set(settings)
    document = scenario.document
    assert document.traffic.users.daily_active == 10_000
    assert document.traffic.users.actions_per_day == 6
    assert list(document.models) == ["claude-sonnet-4-5"]
    assert document.models["claude-sonnet-4-5"].ttft.median == 2 * 10**9
    assert document.actions["answer"].calls[0].input.user.mean_ == 2000
    assert document.actions["answer"].calls[0].output.max == 500
    assert document.quotas["claude-sonnet-4-5-tier-2"].input == Limit(450_000, MINUTE)
    assert document.quotas["claude-sonnet-4-5-tier-2"].burst == 10**9
    texts = [f"{path}={value}" for path, value in settings.items()]
    assert load(founder, texts).hash == scenario.hash


def test_a_full_path_overrides_a_short_key_and_the_reverse(founder: Path) -> None:
    scenario = load(founder)
    assert scenario.set({"traffic.users.daily_active": 5}).hash == scenario.set({"traffic.daily_active_users": 5}).hash
    assert scenario.set({"traffic.rate": "1/s"}).document.traffic.users is None
    assert scenario.set({"tier": None}).document.quotas == {}


def test_tokens_may_be_distributions_and_have_suffixes(founder: Path) -> None:
    text = FOUNDER.replace("{input: 1200, output: 250}", "{input: 1.2k, output: {median: 200, p95: 600}}")
    call = saved(founder, text).document.actions["answer"].calls[0]
    assert call.input.user.mean_ == 1200
    assert (call.output.all.median, call.output.all.p95) == (200, 600)


def test_parts_of_the_full_form_may_stand_beside_it(founder: Path) -> None:
    more = "models: {gpt-4o: {ttft: 1s}}\nresilience: {fallback: {gpt-4o: [claude-sonnet-4-5]}}\n"
    document = saved(founder, FOUNDER + more).document
    assert document.models["gpt-4o"].ttft.constant == 10**9
    assert document.models["gpt-4o"].tokens_per_second is not None
    assert list(document.models) == ["gpt-4o", "claude-sonnet-4-5"], "a fallback is used"
    assert list(document.providers) == ["openai", "anthropic"]


def test_a_model_of_ones_own(founder: Path) -> None:
    own = "models: {mine: {provider: openai, ttft: 1s, tokens_per_second: 50, prices: {input: $1, output: $2}}}\n"
    text = FOUNDER.replace("gpt-4o", "mine").replace("tier: 1\n", "") + own
    assert list(saved(founder, text).document.models) == ["mine"]


def test_a_trace_needs_no_tokens(founder: Path) -> None:
    (founder.parent / "rows.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n")
    document = saved(founder, "model: gpt-4o\ntraffic: {trace: rows.csv}\n").document
    assert document.traffic.trace.file == "rows.csv"
    assert document.actions["answer"].calls[0].output.all is None


def test_problems_are_told_in_the_words_of_the_short_form(founder: Path) -> None:
    text = FOUNDER.replace("300", "-300").replace("1200", "lots").replace("tier: 1", "tier: 7")
    with pytest.raises(ScenarioError) as caught:
        saved(founder, text)
    assert [problem.path for problem in caught.value.problems] == ["tier", "traffic.daily_active_users", "tokens.input"]


def test_an_unknown_model_is_one_problem_with_the_nearest_name(founder: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        saved(founder, FOUNDER.replace("gpt-4o", "gpt-4-o"))
    (problem,) = caught.value.problems
    assert problem.hint == "Did you mean `gpt-4o`?"
    assert "claude-sonnet-4-5" in problem.allowed
