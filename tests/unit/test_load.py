"""From a file to a scenario: hash, resolved form, sources, cross-references, and no way to make it fail badly."""

import copy
import pickle
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simkit.plan.compile import compile_plan
from simkit.scenario.base import Part
from simkit.scenario.errors import Invalid, ScenarioError
from simkit.scenario.expectations import METRICS, parse_expectation
from simkit.scenario.founder import FounderDocument
from simkit.scenario.load import build, load
from simkit.scenario.overlay import base, merge
from simkit.scenario.resolved import scalar
from simkit.scenario.tree import Place, plain, planted
from simkit.scenario.yaml import read, resolve

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))
FOUNDER = ROOT / "scenarios" / "founder.yaml"
REFERENCE = ROOT / "scenarios" / "reference.yaml"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_resolved_form_of_every_shipped_scenario_is_the_same_scenario(file: Path, tmp_path: Path) -> None:
    scenario = load(file)
    text = scenario.resolved()
    if scenario.trace_path is not None:
        (tmp_path / "traces").mkdir()
        (tmp_path / "traces" / scenario.trace_path.name).write_bytes(scenario.trace_path.read_bytes())
    again = tmp_path / "again.yaml"
    again.write_text(text)
    assert load(again).hash == scenario.hash
    assert load(again).resolved().count("default") == 0 or "null" in text


def test_every_value_of_the_resolved_form_says_where_it_comes_from() -> None:
    lines = load(FOUNDER, ["slo.success=99%"]).resolved().splitlines()[1:]
    values = [line for line in lines if not line.rstrip().endswith(":")]
    assert all("  # " in line for line in values)
    found = {line.split("#")[0].strip(): line.split("# ")[1] for line in values}
    assert found["daily_active: 300"] == "line 8, from `traffic.daily_active_users`"
    assert next(said for value, said in found.items() if value.startswith("ttft: {")).startswith("simkit:openai_ant")
    assert found["tokens: 30k/min"].startswith("simkit:tiers line ")
    assert found["success: 99%"] == "--set"
    assert found["timeout: 600s"] == "default of openai_sdk@3"
    assert found['preset: "openai_sdk@3"'].startswith("default; openai 3.54.0")
    assert found["horizon: 7d"] == "default"
    assert found["workers: null"] == "default: unlimited"


TEXTS = [
    "a",
    "25%",
    "$3",
    "7",
    "true",
    "a: b",
    "",
    " x",
    "x #y",
    "- a",
    "é",
    "[a",
    "{",
    "#",
    "'",
    '"',
    "1e3",
    "> a",
    "a:",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_written_so_that_it_reads_the_same(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"a: {scalar(text)}\n")
    assert plain(read(file, "a.yaml")) == {"a": text}


def test_the_hash_says_what_the_scenario_means_not_how_it_is_written(tmp_path: Path) -> None:
    scenario = load(FOUNDER)
    assert scenario.set({"horizon": "168h", "resilience.max_retries": 2, "slo.success": "99.50%"}).hash == scenario.hash
    assert scenario.set({"tokens.input": 1201}).hash != scenario.hash
    copied = tmp_path / "other.yaml"
    copied.write_text("# a comment\n" + FOUNDER.read_text())
    assert load(copied).hash == scenario.hash


def test_the_hash_is_the_same_in_another_process() -> None:
    program = f"from simkit.scenario.load import load; print(load({str(REFERENCE)!r}).hash)"
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=True,
        )
        for seed in ("1", "2")
    ]  # fmt: skip
    assert {run.stdout.strip() for run in runs} == {load(REFERENCE).hash}


def test_a_scenario_without_a_name_has_its_files(tmp_path: Path) -> None:
    file = tmp_path / "my_first_try.yaml"
    file.write_text("model: gpt-4o\ntraffic: {rate: 1/s}\ntokens: {input: 10, output: 10}\n")
    assert load(file).name == "my first try"
    assert load(FOUNDER).name == "My product"


def test_sources_are_inherited_by_what_is_below_and_the_rest_is_assumed(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    more = """
sources:
  models.gpt-4o.errors: {kind: measured, from: our logs}
  models.gpt-4o.errors.content_filter: {kind: assumed}
"""
    file.write_text(FOUNDER.read_text() + more)
    scenario = load(file)
    assert scenario.source_of("models.gpt-4o.errors.server_error") == ("measured", "our logs")
    assert scenario.source_of("models.gpt-4o.errors.content_filter") == ("assumed", "")
    assert scenario.source_of("models.gpt-4o.ttft.median")[0] == "estimated", "the base says more about the first token"
    assert scenario.source_of("quotas.gpt-4o-tier-1.tokens")[0] == "estimated"
    assert scenario.source_of("traffic.daily_active_users") == ("assumed", "")
    with pytest.raises(ScenarioError, match="no `modles`"):
        scenario.source_of("modles.gpt-4o")


def test_a_source_does_not_speak_of_a_figure_put_in_its_stead(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    more = "models: {gpt-4o: {ttft: 2s}}\nsources: {traffic: {kind: measured, from: our logs}}\n"
    file.write_text(FOUNDER.read_text() + more)
    scenario = load(file)
    assert load(FOUNDER).source_of("models.gpt-4o.ttft")[0] == "estimated"
    assert scenario.source_of("models.gpt-4o.ttft") == ("assumed", "")
    assert scenario.source_of("models.gpt-4o.tokens_per_second")[0] == "estimated"
    assert load(FOUNDER).set({"models.gpt-4o.ttft.median": "500ms"}).source_of("models.gpt-4o.ttft") == ("assumed", "")
    assert scenario.source_of("traffic.users.daily_active") == ("measured", "our logs")
    assert scenario.set({"traffic.daily_active_users": 9}).source_of("traffic.users.daily_active") == ("assumed", "")


def test_a_scenario_may_be_pickled() -> None:
    scenario = load(REFERENCE, ["slo.success=98%"])
    again = pickle.loads(pickle.dumps(scenario))
    assert (again.hash, again.path) == (scenario.hash, scenario.path)


def test_a_scenario_is_frozen() -> None:
    scenario = load(FOUNDER)
    with pytest.raises(AttributeError):
        scenario.path = Path()  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        scenario.document.traffic.cv = 2.0  # type: ignore[misc]


def test_unknown_overrides_of_changes_are_validated_as_the_changes_left_it(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    change = "changes: [{at: 1d, set: {traffic.daily_active_users: 600}}, {at: 2d, set: {tokens.input: 2000}}]\n"
    file.write_text(FOUNDER.read_text() + change)
    with pytest.raises(ScenarioError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert problem.path == "changes.1.set.tokens.input"
    assert problem.message == "This path leads nowhere: There is no `tokens`."


@pytest.mark.parametrize("path", ["rate", "cv", "seasonality.weekend"])
def test_changes_may_set_any_number(tmp_path: Path, path: str) -> None:
    file = tmp_path / "a.yaml"
    values = {"rate": "3/s", "cv": 2, "seasonality.weekend": "40%"}
    file.write_text(
        "model: gpt-4o\ntraffic: {rate: 1/s, process: gamma}\ntokens: {input: 10, output: 10}\n"
        f"changes: [{{at: 1d, set: {{traffic.{path}: {values[path]}}}}}]\n"
    )
    assert load(file).document.changes[0].set == {f"traffic.{path}": values[path]}


# --- expectations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cost_per_action <= $0.004", ("cost_per_action", "<=", 0.004)),
        ("good_rate >= 93%", ("good_rate", ">=", 0.93)),
        ("latency_p95<5s", ("latency_p95", "<", 5.0)),
        (" throughput > 120/min ", ("throughput", ">", 2.0)),
        ("tokens_in <= 2M", ("tokens_in", "<=", 2e6)),
        ("burn_rate <= 1.5", ("burn_rate", "<=", 1.5)),
        ("limit_peak_use <= 120%", ("limit_peak_use", "<=", 1.2)),
        ("error_budget_left >= -50%", ("error_budget_left", ">=", -0.5)),
    ],
)
def test_expectations_are_read_in_base_units(text: str, expected: tuple[str, str, float]) -> None:
    assert parse_expectation(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "latency_p95", "latency_p95 = 5s", "5s >= latency_p95", "latency_p95 <= 5", "latency <= 5s",
     "burn_rate <= nan", "burn_rate <= x", "good_rate >= 0.9", "good_rate >= 120", "cost_per_action <= 4 EUR",
     "actions >= -3"],
)  # fmt: skip
def test_expectations_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_expectation(text)


def test_the_metrics_are_those_of_the_contract() -> None:
    contract = """actions, success_rate, ok_rate, degraded_rate, failed_rate, rejected_rate, abandoned_rate, good_rate,
    throughput, latency_mean, latency_p50, latency_p90, latency_p95, latency_p99, latency_p999, ttft_p50, ttft_p95,
    queue_wait_p95, slo_compliance, error_budget_left, burn_rate, cost_total, cost_per_action, cost_per_good_action,
    cost_per_month, cost_per_user_month, wasted_cost_share, top1pct_cost_share, tokens_in, tokens_out,
    cached_token_share, exact_hit_rate, semantic_hit_rate, attempts_per_call, retry_rate, fallback_rate,
    rate_limited_rate, limit_peak_use, escalation_rate"""
    named = [name.strip() for name in contract.split(",")]
    assert [name for name in METRICS if name in named] == named


# --- speed and sturdiness ---------------------------------------------------------------------------


def test_loading_is_quick() -> None:
    load(REFERENCE)
    begun = time.process_time()
    load(FOUNDER)
    assert time.process_time() - begun < 0.15


WEIRD: list[Any] = [
    None, [], {}, "", "x", -1, 0, 1, float("nan"), float("inf"), 1e300, 10**30, "5s", "50%", "$3", "2/s", "500/min",
    True, [None], [1, 2], {"a": 1}, {"": ""}, [[]], "a.b.c", "..", [{}], {"name": "x"}, "-5%", "1e99999",
    "9" * 50, "\x00",
    "gpt-4o", "openai", "openai/x", "any", {"mean": 1, "p95": 0}, {"scipy": {"name": "norm", "scale": 1}},
]  # fmt: skip


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _paths(one, (*path, key))


def _spoilt(document: Any, rng: random.Random) -> Any:
    """The document with something in it replaced, removed or added."""
    spoilt = copy.deepcopy(document)
    path = rng.choice([path for path in _paths(spoilt) if path])
    inside = spoilt
    for step in path[:-1]:
        inside = inside[step]
    if rng.random() < 0.15:
        del inside[path[-1]]
    elif rng.random() < 0.2 and isinstance(inside, dict):
        inside[rng.choice(["mean", "file", "rate", "at", "by", "zz", "fallback", "model"])] = rng.choice(WEIRD)
    else:
        inside[path[-1]] = rng.choice(WEIRD)
    return spoilt


def _built(document: dict[str, Any], file: Path) -> None:
    lower = merge(None, base("openai_anthropic"), FounderDocument)
    tree = merge(lower, planted(document, Place(str(file), 1, 1, "")), FounderDocument)
    assert build(file, tree, ()).hash


@pytest.mark.parametrize("seed", range(4))
def test_a_spoilt_file_is_read_or_told_on_a_page_but_never_fails(seed: int) -> None:
    rng = random.Random(seed)
    documents = [(file, plain(read(file, str(file)))) for file in (FOUNDER, REFERENCE)]
    told = 0
    for _ in range(60):
        file, document = rng.choice(documents)
        document = {key: value for key, value in document.items() if key != "extends"}
        try:
            _built(_spoilt(document, rng), file)
        except ScenarioError as error:
            told += 1
            assert error.problems
            assert "Input should" not in str(error) and "This is not a scenario" not in str(error)
    assert told > 20


def test_words_that_yaml_takes_for_something_else_are_still_words() -> None:
    assert [resolve(word) for word in ("NO", "on", "10:30", "1e-3", "0o17")] == ["NO", "on", "10:30", 0.001, 15]


def test_an_incident_may_strike_a_model_at_a_provider_in_all_its_regions() -> None:
    scenario = load(
        FOUNDER,
        [
            "models.gpt-4o.deployments=[{provider: azure, region: eastus}, {provider: azure, region: westus}]",
            "incidents=[{at: 2h, lasts: 1h, target: gpt-4o/azure, error_rate: 100%}]",
        ],
    )
    plan = compile_plan(scenario)
    struck = {name for name, hit in zip(plan.names.deployments, plan.incidents.hits[0], strict=True) if hit}
    assert struck == {"gpt-4o/azure/eastus", "gpt-4o/azure/westus"}


def kinds(part: type[Part]) -> Iterator[type[Part]]:
    """All kinds of parts below this one."""
    for kind in part.__subclasses__():
        yield from (kind, *kinds(kind))


def test_parts_that_are_defaults_are_what_a_file_would_give() -> None:
    """They are made without validation (see `Part`)."""
    defaults = {id(field.default): field.default for kind in kinds(Part) for field in kind.model_fields.values()}
    parts = [default for default in defaults.values() if isinstance(default, Part)]
    assert len(parts) > 20
    for part in parts:
        given = {name: getattr(part, name) for name in part.model_fields_set}
        validated = type(part).model_validate(given)
        assert validated == part and validated.model_fields_set == part.model_fields_set
        assert [type(value) for _, value in validated] == [type(value) for _, value in part]
