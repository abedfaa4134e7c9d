"""The named checks: each with a scenario that sets it off and a twin that does not."""

from typing import Any

import pytest
from calm_case import CALM, MEASURED, MODEL, merged
from check_cases import CASES as OF_RESILIENCE
from check_cases_economy import CASES as OF_ECONOMY

from simkit.scenario import (
    checks_caches,
    checks_growth,
    checks_limits,
    checks_policy,
    checks_promises,
    checks_regions,
    checks_resilience,
    checks_spending,
    checks_tokens,
    checks_users,
)
from simkit.scenario.checks import CHECKS, run_checks
from simkit.scenario.checks_promises import figure_sources, level
from simkit.scenario.findings import Finding
from simkit.scenario.scenario import Document


def document(over: dict[str, Any]) -> Document:
    """The calm scenario with other values; None removes."""
    return Document.model_validate(merged(CALM, over))


def call(**keys: Any) -> dict[str, Any]:
    """The calm scenario's actions with another call."""
    return {"actions": {"answer": {"calls": [merged(CALM["actions"]["answer"]["calls"][0], keys)]}}}


def found(over: dict[str, Any], name: str) -> list[Finding]:
    return [finding for finding in run_checks(document(over)) if finding.name == name]


def test_the_calm_scenario_is_calm() -> None:
    assert run_checks(document({})) == []


LIMITED = {"limited": {"requests": "50/min", "of": ["openai"]}}
ORDERED = {"balance": "ordered", "deployments": [{"provider": "openai"}, {"provider": "anthropic", "order": 2}]}
UNORDERED = {name: value for name, value in MODEL.items() if name != "provider"}
STANDBY: dict[str, Any] = {"fallback": {"big": ["other"]}}
SLOW = {"resilience": {"timeout": "60s", "deadline": "100s"}}
OFFICE = {"seasonality": {"hours": "office", "weekend": "40%"}}
NIGHT = {"seasonality": {"hours": [0] * 6 + [1] * 18}}

# name, what sets it off, what does not, path, words in the message
CASES: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    (
        "quota_load",
        {"quotas": LIMITED},
        {"quotas": {"limited": {"requests": "61/min", "of": ["openai"]}}},
        "quotas.limited.requests",
        "120 %",
    ),
    (
        "quota_load",
        {"quotas": {"q": {"requests": "61/min", "of": ["big"]}}, "traffic": OFFICE},
        {"quotas": {"q": {"requests": "165/min", "of": ["big"]}}, "traffic": OFFICE},
        "quotas.q.requests",
        "98 % on average and 262 % in the busiest hour",
    ),
    (
        "quota_load",
        {"quotas": {"q": {"input": "89k/min", "of": ["big/openai"]}}},
        {"quotas": {"q": {"input": "91k/min", "of": ["big/openai"]}}},
        "quotas.q.input",
        "101 %",
    ),
    (
        "quota_load",
        {"quotas": {"q": {"input": "60k/min", "of": ["big"]}}, "caches": {"prompt": {"hit_rate": "60%"}}},
        {
            "quotas": {"q": {"input": "60k/min", "of": ["big"], "cached_counts": False}},
            "caches": {"prompt": {"hit_rate": "60%"}},
        },
        "quotas.q.input",
        "150 %",
    ),
    (
        "quota_load",
        {"quotas": {"q": {"output": "13k/min", "of": ["big"], "reserve": "max_tokens"}}},
        {"quotas": {"q": {"output": "13k/min", "of": ["big"]}}},
        "quotas.q.output",
        "923 %",
    ),
    ("service_load", {"service": {"workers": 2}}, {"service": {"workers": 3}}, "service.workers", "2 workers"),
    (
        "concurrency_load",
        {"models": {"big": {**MODEL, "concurrency": 2}}},
        {"models": {"big": {**MODEL, "concurrency": 3}}},
        "models.big.deployments.0.concurrency",
        "concurrency 2",
    ),
    (
        "standby_limit",
        {"resilience": STANDBY, "quotas": {"small": {"tokens": "100k/min", "of": ["other"]}}},
        {"resilience": STANDBY, "quotas": {"large": {"tokens": "103k/min", "of": ["other"]}}},
        "resilience.fallback.big",
        "102 %: `quotas.small.tokens` allows 100k/min",
    ),
    (
        "standby_limit",
        {"resilience": STANDBY, "models": {"other": {"concurrency": 2}}},
        {"resilience": STANDBY, "models": {"other": {"concurrency": 3}}},
        "resilience.fallback.big",
        "concurrency is 2",
    ),
    (
        "standby_limit",
        {
            "models": {"big": {**ORDERED, "provider": None}},
            "quotas": {"q": {"requests": "50/min", "of": ["big/anthropic"]}},
        },
        {
            "models": {"big": {**ORDERED, "provider": None}},
            "quotas": {"q": {"requests": "61/min", "of": ["big/anthropic"]}},
        },
        "models.big.deployments",
        "120 %",
    ),
    ("service_unlimited", {"service": None}, {}, "service.workers", "unlimited"),
    (
        "timeout_cuts_answers",
        {"resilience": {"timeout": "8s"}},
        {"resilience": {"timeout": "12s"}},
        "resilience.timeout",
        "99th",
    ),
    (
        "timeout_cuts_answers",
        {"resilience": {**STANDBY, "timeout": "20s"}, "models": {"other": {"tokens_per_second": 10}}},
        {"resilience": {"timeout": "20s"}, "models": {"other": {"tokens_per_second": 10}}},
        "resilience.timeout",
        "of other",
    ),
    (
        "output_cut",
        call(output={"max": 450}),
        call(output={"max": 550}),
        "actions.answer.calls.draft.output.max",
        "cuts 6",
    ),
    (
        "context_exceeded",
        {"models": {"big": {"context": 3500}}},
        {"models": {"big": {"context": 6000}}},
        "models.big.context",
        "too_large",
    ),
    (
        "prompt_prefix",
        {"caches": {"prompt": {"hit_rate": "50%"}}, **call(input={"system": 1000})},
        {"caches": {"prompt": {"hit_rate": "50%"}}},
        "actions.answer.calls.draft.input.system",
        "big (1,024)",
    ),
    (
        "prompt_prefix",
        {
            "caches": {"prompt": {"hit_rate": "50%"}},
            "actions": {"answer": {"calls": [{"name": "draft", "model": "big", "input": 2000, "output": 10}]}},
        },
        {
            "caches": {"prompt": {"hit_rate": "0%"}},
            "actions": {"answer": {"calls": [{"name": "draft", "model": "big", "input": 2000, "output": 10}]}},
        },
        "actions.answer.calls.draft.input.system",
        "not given",
    ),
    (
        "fallback_shares_provider",
        {"resilience": STANDBY, "models": {"other": {"provider": "openai"}}},
        {"resilience": STANDBY},
        "resilience.fallback.big",
        "openai",
    ),
    (
        "fallback_shares_quota",
        {"resilience": STANDBY, "quotas": {"pool": {"tokens": "1M/min", "of": ["big", "other"]}}},
        {"resilience": STANDBY, "quotas": {"pool": {"tokens": "1M/min", "of": ["big"]}}},
        "resilience.fallback.big",
        "`pool`",
    ),
    (
        "retries_exceed_deadline",
        SLOW,
        {"resilience": {"timeout": "30s", "deadline": "100s"}},
        "resilience.deadline",
        "3 tries of 60 s",
    ),
    (
        "retries_exceed_deadline",
        {"resilience": {**STANDBY, "timeout": "30s", "deadline": "100s"}},
        {"resilience": {**STANDBY, "timeout": "15s", "deadline": "100s"}},
        "resilience.deadline",
        "each of 2 models",
    ),
    (
        "retries_exceed_deadline",
        {"resilience": {"client": "none", "timeout": None, "deadline": "50s"}},
        {"resilience": {"client": "none", "timeout": None}},
        "resilience.timeout",
        "no timeout",
    ),
    (
        "retry_amplification",
        {"resilience": {"max_retries": 8}},
        {"resilience": {"max_retries": 7}},
        "resilience.max_retries",
        "9 attempts",
    ),
    (
        "retry_amplification",
        {"resilience": {**STANDBY, "max_retries": 4}},
        {"resilience": {"max_retries": 4}},
        "resilience.max_retries",
        "10 attempts (5 tries on each of 2 models)",
    ),
    (
        "batch_price",
        {"models": {"big": {"processing": "batch", "price_of": "chatgpt-4o-latest"}}},
        {"models": {"big": {"processing": "batch", "price_of": "gpt-4o"}}},
        "models.big.processing",
        "no batch price",
    ),
    ("outages_not_modelled", {"providers": None, "slo": {}}, {}, "providers.openai.outages", "never has an outage"),
    ("outages_rare", {"replications": 19}, {"replications": 21}, "replications", "About 187 random incidents"),
    (
        "incident_no_effect",
        {"incidents": [{"at": "1d", "lasts": "1h", "target": "other", "error_rate": "100%"}]},
        {"incidents": [{"at": "1d", "lasts": "1h", "target": "big", "error_rate": "100%"}]},
        "incidents.0",
        "no call goes",
    ),
    (
        "incident_no_effect",
        {"incidents": [{"name": "calm", "at": "1d", "lasts": "1h", "target": "openai"}]},
        {"incidents": [{"name": "calm", "at": "1d", "lasts": "1h", "target": "openai", "slowdown": 2.0}]},
        "incidents.calm",
        "no effect",
    ),
    (
        "incident_no_effect",
        {"traffic": NIGHT, "incidents": [{"at": "1d", "lasts": "6h", "target": "openai", "error_rate": "9%"}]},
        {"traffic": NIGHT, "incidents": [{"at": "1d", "lasts": "7h", "target": "openai", "error_rate": "9%"}]},
        "incidents.0",
        "no arrivals",
    ),
    ("slo_window", {"horizon": "7d"}, {"horizon": "7d", "slo": {"window": "7d"}}, "horizon", "7 d"),
    ("slo_window", {"horizon": None}, {"horizon": None, "slo": None}, "horizon", "30 d"),
    (
        "promise_trivial",
        {"expect": ["success_rate >= 0%"]},
        {"expect": ["success_rate >= 1%"]},
        "expect.0",
        "never below 0",
    ),
    (
        "promise_trivial",
        {"expect": ["failed_rate <= 100%"]},
        {"expect": ["failed_rate <= 99%"]},
        "expect.0",
        "never above 1",
    ),
    (
        "promise_trivial",
        {"expect": ["cost_per_action >= $0"]},
        {"expect": ["cost_per_action > $0"]},
        "expect.0",
        "never below",
    ),
    (
        "promise_trivial",
        {"expect": ["latency_p99 <= 5min"], "resilience": {"timeout": "9s", "deadline": "4min"}},
        {"expect": ["latency_p99 <= 3min"], "resilience": {"timeout": "9s", "deadline": "4min"}},
        "expect.0",
        "never above 240",
    ),
    (
        "promise_trivial",
        {"slo": {"latency": {"p95": "4min"}}, "resilience": {"timeout": "9s", "deadline": "4min"}},
        {"slo": {"latency": {"p95": "3min"}}, "resilience": {"timeout": "9s", "deadline": "4min"}},
        "slo.latency.p95",
        "deadline",
    ),
    ("promise_trivial", {"slo": {"success": "0%"}}, {"slo": {"success": "1%"}}, "slo.success", "any share"),
    ("promise_impossible", {"slo": {"good": "96%"}}, {"slo": {"good": "95%"}}, "slo.good", "95 %"),
    (
        "promise_impossible",
        {"expect": ["good_rate >= 96%"]},
        {"expect": ["good_rate >= 94%"]},
        "expect.0",
        "never above 0.95",
    ),
    (
        "promise_impossible",
        {"slo": {"latency": {"p95": "300ms"}}},
        {"slo": {"latency": {"p95": "3s"}}},
        "slo.latency.p95",
        "the fastest `answer`",
    ),
    (
        "promise_impossible",
        {"expect": ["latency_p50 < 300ms"]},
        {"expect": ["latency_p50 < 3s"]},
        "expect.0",
        "without any queue",
    ),
    (
        "promise_impossible",
        {"expect": ["success_rate > 100%"]},
        {"expect": ["success_rate >= 99.9%"]},
        "expect.0",
        "never above 1",
    ),
    (
        "promise_impossible",
        {"expect": ["cost_per_action < $0"]},
        {"expect": ["cost_per_action < $1"]},
        "expect.0",
        "never below 0",
    ),
    (
        "promise_impossible",
        {"slo": {"success": "100%"}},
        {"slo": {"success": "99.9%"}},
        "slo.success",
        "no error budget",
    ),
    (
        "assumed_figures",
        {"sources": {"models": {"kind": "assumed"}}},
        {},
        "sources",
        "figures are assumed, e.g. `models.big",
    ),
    *OF_RESILIENCE,
    *OF_ECONOMY,
]


@pytest.mark.parametrize(
    ("name", "bad", "good", "path", "words"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
def test_each_check_finds_its_case_and_not_the_twin(
    name: str, bad: dict[str, Any], good: dict[str, Any], path: str, words: str
) -> None:
    [finding] = found(bad, name)
    assert finding.path == path
    assert words in finding.message
    assert finding.repair.endswith(".")
    assert found(good, name) == []


def test_every_check_is_tried() -> None:
    written = {
        name
        for module in (
            checks_caches,
            checks_growth,
            checks_limits,
            checks_policy,
            checks_promises,
            checks_regions,
            checks_resilience,
            checks_spending,
            checks_tokens,
            checks_users,
        )
        for name in vars(module)
        if name.startswith("check_")
    }
    assert written == {check.__name__ for check in CHECKS}
    elsewhere = len(checks_regions.CHECKS) + len(checks_growth.CHECKS)  # in test_region_checks and test_growth
    assert len({case[0] for case in CASES}) == len(CHECKS) - elsewhere + 1  # check_fallback_independence has two


def test_errors_come_first() -> None:
    findings = run_checks(document({"horizon": "1d", "slo": {"good": "99%"}, "service": None}))
    severities = [finding.severity for finding in findings]
    assert severities[0] == "error" and severities == sorted(severities)


def test_a_trace_has_no_rate_and_no_load() -> None:
    over = {"traffic": {"rate": None, "trace": "x.csv"}, "quotas": LIMITED, "horizon": None}
    names = {finding.name for finding in run_checks(document(over))}
    assert names.isdisjoint({"quota_load", "standby_limit", "slo_window", "outages_rare"})


@pytest.mark.parametrize(
    ("name", "share"), [("p5", 0.05), ("p50", 0.5), ("p95", 0.95), ("p999", 0.999), ("p100", 1.0), ("p0", 0.0)]
)
def test_levels_of_percentiles(name: str, share: float) -> None:
    assert level(name) == share


def test_the_longest_source_counts_and_what_has_none_is_assumed() -> None:
    sources = {
        "models.big": {"kind": "estimated"},
        "models.big.ttft": MEASURED,
        "traffic.rate": {"kind": "assumed"},
        "actions.answer.calls.draft.input": MEASURED,
    }
    kinds = figure_sources(Document.model_validate({**CALM, "sources": sources}))
    assert kinds["models.big.ttft"] == "measured"
    assert kinds["models.big.tokens_per_second"] == "estimated"
    assert kinds["actions.answer.calls.draft.input.system"] == "measured"
    assert (
        kinds["traffic.rate"] == kinds["service.workers"] == kinds["actions.answer.calls.draft.output.max"] == "assumed"
    )
    assert not any(path.startswith(("models.other", "providers.anthropic")) for path in kinds)


def test_the_founders_names_count_as_sources() -> None:
    traffic = {"daily_active_users": 300, "actions_per_user_per_day": 6.0}
    sources = {"traffic.daily_active_users": MEASURED, "tokens": MEASURED}
    kinds = figure_sources(Document.model_validate({**CALM, "traffic": traffic, "sources": sources}))
    assert kinds["traffic.users.daily_active"] == kinds["actions.answer.calls.draft.input.user"] == "measured"
    assert kinds["traffic.users.actions_per_day"] == "assumed"


def test_a_hedge_that_can_never_come_is_an_error_and_one_that_may_come_later_a_warning() -> None:
    late: dict[str, Any] = {"resilience": {"hedge": {"after": "60s"}}}
    later = {"at": "1d", "set": {"resilience.timeout": "90s"}}
    other = {"at": "1d", "set": {"traffic.rate": "2/s"}}
    responder = {"rules": "google_30d", "responder": {"after": "5min", "set": {"resilience.hedge.after": "5s"}}}
    found_ = [found(late | more, "hedge_after_timeout")[0] for more in (
        {}, {"changes": [other]}, {"changes": [later]}, {"alerts": responder},
    )]  # fmt: skip
    assert [one.severity for one in found_] == ["error", "error", "warning", "warning"]
    assert "until that changes" in found_[2].message
