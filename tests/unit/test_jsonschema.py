"""The JSON Schema accepts what loads, refuses a misspelt key, and explains every key."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from simkit.scenario.founder import FounderDocument
from simkit.scenario.helptext import helps
from simkit.scenario.jsonschema import _all_parts, schema
from simkit.scenario.load import load
from simkit.scenario.overlay import base
from simkit.scenario.tree import Place, plain
from simkit.scenario.yaml import parse, read

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))
BROKEN = Path(__file__).parent / "broken"
SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def errors(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in VALIDATOR.iter_errors(document)]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_it_accepts_shipped_files_and_their_resolved_form(file: Path) -> None:
    assert errors(plain(read(file, file.name))) == []
    resolved = parse(load(file).resolved(), Place("resolved", 1, 1, ""))
    assert resolved is not None
    assert errors(plain(resolved)) == []


def test_it_accepts_the_base() -> None:
    assert errors(plain(base("openai_anthropic"))) == []


CALL = "actions: {a: {calls: [{name: x, model: m, input: 1200, output: 250}]}}"


@pytest.mark.parametrize(
    "text",
    [
        "{model: gpt-4o, tier: 1, tokens: {input: 1200, output: {mean: 250}}}",
        "traffic: {daily_active_users: 300, actions_per_user_per_day: 6}",
        "traffic: {trace: rows.csv}",
        "traffic: {trace: {file: rows.csv, columns: {time: t}}}",
        CALL,
        CALL.replace("250", "{simple: 100, complex: {mean: 400, p95: 900}, max: 2000}"),
        CALL.replace("250", "{mean: 400, p95: 900, max: 2000}"),
        CALL.replace("1200", "{system: 1.5k, user: {mean: 60}}"),
        CALL.replace("1200", "{median: 1000, p95: 4k}"),
        CALL.replace("250", "250, repeat: 5"),
        CALL.replace("250", "250, repeat: {geometric: {mean: 3}}, work: 20ms, streaming: false"),
        "models: {m: {provider: openai, region: eu, quality: 97%, ttft: 1s}}",
        "models: {m: {deployments: [openai, azure/eastus, {provider: x, weight: 2}]}}",
        "models: {m: {ttft: {gamma: {mean: 1s, cv: 2}}, tokens_per_second: {median: 80, sigma: 0.2}}}",
        "routes: {r: gpt-4o, s: {by: complexity, to: {simple: a, complex: b}, misrouted: {simple: 3%}}}",
        "quotas: {q: {requests: 500/min, tokens: 30k/min, of: openai}}",
        "{extends: simkit:openai_anthropic, start: 2026-11-02, prices: 2026-11, horizon: 2d 14h}",
        "incidents: [{at: 2h, lasts: 45min, target: openai, error_rate: 100%}]",
        "service: {workers: 4, cost: $200/month, overhead: 30ms}",
        "slo: {success: 99.5%, latency: {p95: 5s}, window: 30d}",
        "resilience: {backoff: {jitter: full}, fallback: {a: [b]}}",
        "resilience: {backoff: {jitter: {low: 75%, high: 100%}}}",
        "resilience: {client: openai_sdk, gateway: {preset: litellm@1.109, hedge: 2s, breaker: none, timeout: none}}",
        "resilience: {gateway: {hedge: {after: 2s}, breaker: {consecutive: 5, rates: [{more_than: 50%, of: 5}]}}}",
        "resilience: {backoff: {jitter: {add: 750ms}}, retry_budget: {cap: 1k}, throttle: {k: 1.5}}",
        "resilience: {degrade: [partial, {rule: {share: 40%}}]}",
        "resilience: {degrade: [{human: {staff: 2, takes: 10min, hours: {from: 9, to: 17}}}]}",
        "users: {patience: {median: 40s, sigma: 0.6}, until: answer, reload: 30%}",
        "users: {patience: 40s, reload: {failed: 10%, at_most: 2}}",
        "service: {shed: [{in_flight: 200, priority: 1}]}",
        "models: {m: {balance: lowest_latency, slowness: {every: 5min, factor: {mean: 1, sigma: 0.3}}}}",
        "quotas: {q: {ramp: {growth: 50%, every: 1min, floor: 60}, of: openai}}",
        "quotas: {q: {tokens: 30k/min, of: a, spent_on: openai, tiers: [{spent: $50, after: 7d, tokens: 450k/min}]}}",
        "alerts: google_30d",
        "alerts: {rules: [{name: a, severity: page, long: 1h, short: 5min, burn: 14.4}]}",
        "alerts: {responder: {after: 9min, set: {resilience.max_retries: 0}}}",
        "sources: {models.m.ttft: {kind: measured, from: us, on: 2026-06}}",
    ],
)
def test_it_accepts_short_and_full_forms(text: str) -> None:
    assert errors(plain(parse(text, Place("", 1, 1, "")))) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "unknown_key",
        "unknown_key_nested",
        "key_at_a_wrong_place",
        "share_without_percent",
        "unit_missing",
        "share_negative",
        "negative_users",
        "price_without_dollar",
        "rate_without_period",
        "limit_without_period",
        "choice_misspelt",
        "list_for_a_map",
        "map_for_a_list",
        "value_for_a_map",
        "distribution_misspelt",
        "call_without_name",
        "hours_too_few",
        "preset_unknown",
        "replications_zero",
        "retries_in_words",
        "yes_for_true",
        "percentile_unknown",
        "name_with_spaces",
        "source_of_unknown_kind",
        "activity_misspelt",
        "wrong_failure_time",
        "many",
        "cost_without_period",
        "unit_m",
    ],
)
def test_it_refuses_what_a_single_field_gets_wrong(name: str) -> None:
    assert errors(plain(read(BROKEN / f"{name}.yaml", name)))


def _explained(value: Any) -> bool:
    return bool(value.get("description"))


def test_every_key_is_explained() -> None:
    for part in _all_parts(FounderDocument):
        missing = [name for name, text in helps(part).items() if not text]
        assert not missing, f"{part.__name__}: no help for {missing}"
    unexplained = [name for name, one in SCHEMA["properties"].items() if not _explained(one)]
    for name, definition in SCHEMA["$defs"].items():
        whole = next((one for one in definition.get("anyOf", ()) if "properties" in one), definition)
        unexplained += [f"{name}.{key}" for key, one in whole.get("properties", {}).items() if not _explained(one)]
    assert unexplained == []
