"""Two engines, one truth: every column of every row equal, in the order of emission, to the last bit."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from economy_strategies import thrifty
from growth_strategies import lively, plan_of
from region_strategies import far_flung
from ruamel.yaml import YAML
from scenario_strategies import Case, scenario
from sharing import fewer

from simkit.engine.compiled import run as run_compiled
from simkit.engine.log import Log
from simkit.engine.reference import run as run_reference
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.scenario.load import load

ROOT = Path(__file__).parents[2]
CLOCKWORK = sorted((ROOT / "tests" / "clockwork").glob("*.yaml"))
SHIPPED: dict[str, tuple[int, dict[str, str]]] = {
    "agent_loop": (13, {}),
    "azure_chat": (3, {}),
    "batch_overnight": (2, {}),
    "breaker_flapping": (2, {"horizon": "90min"}),
    "chat_history": (1, {}),
    "chat_history_capped": (1, {}),
    "cold_cache_failover": (1, {}),
    "cold_start": (1, {"horizon": "3h"}),
    "double_retries": (4, {}),
    "eu_residency": (1, {}),
    "fallback_too_small": (2, {"horizon": "19d"}),
    "follow_the_sun": (1, {}),
    "founder": (4, {}),
    "free_tier": (1, {"horizon": "5w"}),
    "free_tier_abuse": (1, {}),
    "growth_100_to_10k": (1, {"horizon": "14w"}),
    "hedged": (2, {"horizon": "7h"}),
    "impatient_users": (2, {"horizon": "17h"}),
    "launch_spike": (1, {"horizon": "5w"}),
    "long_prompt": (1, {"horizon": "2d"}),
    "one_big_model": (4, {}),
    "outage": (2, {"horizon": "19d"}),
    "outage_with_fallback": (2, {"horizon": "19d"}),
    "prompt_cached": (1, {"horizon": "2d"}),
    "prompt_cached_low_traffic": (35, {}),
    "rag": (4, {}),
    "rate_limited_tier1": (4, {}),
    "reference": (7, {}),
    "region_down": (1, {}),
    "region_down_no_headroom": (1, {}),
    "response_cache": (1, {"horizon": "3h"}),
    "retry_storm": (2, {}),
    "retry_storm_budget": (2, {}),
    "routed": (4, {}),
    "runway": (1, {"horizon": "6w", "changes.0.at": "20d"}),
    "shorter_prompt": (3, {}),
    "slow_provider": (2, {"horizon": "7h"}),
    "small_server": (7, {}),
    "support_chat": (3, {}),
    "trace_replay": (170, {}),
    "two_regions": (1, {}),
}
"""Shipped scenarios: replications, and what is set. They run as they are shipped, the months to the middle."""
ENOUGH = 50_000
"""Actions of each, in all: a quarter of an hour on two cores, so once a week and by hand (`pytest -m long`)."""
SHORT = {
    "agent_loop": {"horizon": "30h"},
    "azure_chat": {"horizon": "4min"},
    "batch_overnight": {"horizon": "30h"},
    "breaker_flapping": {"horizon": "6min", "incidents.0.at": "1min", "incidents.0.lasts": "3min"},
    "chat_history": {"horizon": "10h"},
    "chat_history_capped": {"horizon": "10h"},
    "cold_cache_failover": {"horizon": "9min", "warmup": "1min", "incidents.0.at": "2min", "incidents.0.lasts": "3min"},
    "cold_start": {"horizon": "20min"},
    "double_retries": {"horizon": "10min", "incidents.0.at": "2min", "incidents.0.lasts": "3min"},
    "eu_residency": {
        "horizon": "16min", "incidents.0.at": "1min", "incidents.0.lasts": "3min", "incidents.1.at": "9min",
        "incidents.1.lasts": "3min", "incidents.2.at": "9min", "incidents.2.lasts": "3min",
    },
    "fallback_too_small": {"horizon": "36h", "incidents.0.at": "1d 5h"},
    "follow_the_sun": {"horizon": "15min", "warmup": "1min", "start": "2026-11-03 14:00"},
    "founder": {"horizon": "1d"},
    "free_tier": {"horizon": "10d"},
    "free_tier_abuse": {"horizon": "2d"},
    "growth_100_to_10k": {"horizon": "15d"},
    "hedged": {"horizon": "20min"},
    "impatient_users": {"horizon": "30min", "start": "2026-11-02 13:00"},
    "launch_spike": {"horizon": "17d"},
    "long_prompt": {"horizon": "4h"},
    "one_big_model": {"horizon": "1d"},
    "outage": {"horizon": "36h", "incidents.0.at": "1d 5h"},
    "outage_with_fallback": {"horizon": "36h", "incidents.0.at": "1d 5h"},
    "prompt_cached": {"horizon": "4h"},
    "prompt_cached_low_traffic": {"horizon": "10d"},
    "rag": {"horizon": "30h"},
    "rate_limited_tier1": {"horizon": "12h"},
    "reference": {"horizon": "16h"},
    "region_down": {"horizon": "12min", "warmup": "1min", "incidents.0.at": "2min", "incidents.0.lasts": "4min"},
    "region_down_no_headroom": {
        "horizon": "12min", "warmup": "1min", "incidents.0.at": "2min", "incidents.0.lasts": "4min",
    },
    "response_cache": {"horizon": "20min"},
    "retry_storm": {"horizon": "4min", "warmup": "10s", "incidents.0.at": "1min"},
    "retry_storm_budget": {"horizon": "4min", "warmup": "10s", "incidents.0.at": "1min"},
    "routed": {"horizon": "1d"},
    "runway": {"horizon": "9d", "changes.0.at": "5d"},
    "shorter_prompt": {"horizon": "14h"},
    "slow_provider": {"horizon": "12min", "incidents.0.at": "3min", "incidents.0.lasts": "5min"},
    "small_server": {"horizon": "12h"},
    "support_chat": {"horizon": "14h"},
    "trace_replay": {},
    "two_regions": {"horizon": "5min", "warmup": "1min"},
}  # fmt: skip
"""How they are cut short for every run of the tests."""
GENERATED = fewer(140)


def differences(one: Log, other: Log) -> list[str]:
    """A line for each table or column in which two logs differ."""
    found = []
    for table in ("actions", "attempts", "incidents", "breakers", "lookups", "budgets", "regions", "users"):
        ours, theirs = getattr(one, table), getattr(other, table)
        assert ours.keys() == theirs.keys()
        for column in ours:
            if len(ours[column]) != len(theirs[column]):
                found.append(f"{table}: {len(ours[column])} rows and {len(theirs[column])}")
                break
            rows = np.nonzero(ours[column] != theirs[column])[0]
            if len(rows):
                at = int(rows[0])
                found.append(f"{table} row {at} {column}: {ours[column][at]} and {theirs[column][at]}")
    for name in ("ended", "events", "replication"):
        if getattr(one, name) != getattr(other, name):
            found.append(f"{name}: {getattr(one, name)} and {getattr(other, name)}")
    return found


def assert_equal(plan: Plan, seed: int = 1, replication: int = 0) -> Log:
    """Run both engines and compare; returns the log."""
    reference = run_reference(plan, seed, replication)
    wrong = differences(reference, run_compiled(plan, seed, replication))
    assert not wrong, "\n".join(["reference and compiled:", *wrong])
    return reference


def test_every_shipped_scenario_is_compared() -> None:
    assert {path.stem for path in (ROOT / "scenarios").glob("*.yaml")} == SHIPPED.keys() == SHORT.keys()


@pytest.mark.parametrize("name", SHORT)
def test_shipped_in_short(name: str) -> None:
    log = assert_equal(compile_plan(load(ROOT / "scenarios" / f"{name}.yaml").set(SHORT[name])), 3, 1)
    assert len(log.actions["action"]) >= 200


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped(name: str) -> None:
    replications, values = SHIPPED[name]
    plan = compile_plan(load(ROOT / "scenarios" / f"{name}.yaml").set(values))
    compared = sum(len(assert_equal(plan, 3, number).actions["action"]) for number in range(replications))
    assert compared >= ENOUGH


@pytest.mark.parametrize("path", CLOCKWORK, ids=lambda path: path.stem)
def test_clockwork(path: Path, tmp_path: Path) -> None:
    case = YAML(typ="safe").load(path)
    assert_equal(compile_plan(load(Case(case["scenario"], case.get("trace", "")).write(tmp_path))))


@pytest.mark.parametrize("seed", GENERATED)
def test_generated(seed: int, tmp_path: Path) -> None:
    assert_equal(compile_plan(scenario(Random(seed)).load(tmp_path)), seed, seed % 3)


@pytest.mark.parametrize("seed", GENERATED)
def test_generated_economy(seed: int, tmp_path: Path) -> None:
    assert_equal(compile_plan(thrifty(Random(seed)).load(tmp_path)), seed, seed % 3)


@pytest.mark.parametrize("seed", GENERATED)
def test_generated_regions(seed: int, tmp_path: Path) -> None:
    assert_equal(compile_plan(far_flung(Random(seed)).load(tmp_path)), seed, seed % 3)


@pytest.mark.parametrize("seed", GENERATED)
def test_generated_growth(seed: int, tmp_path: Path) -> None:
    assert_equal(plan_of(lively(Random(seed)), tmp_path), seed, seed % 3)


def test_progress_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkit.engine.compiled.simulation.EVENTS", 10)
    plan, times = compile_plan(scenario(Random(3)).load(tmp_path)), list[int]()
    assert not differences(run_compiled(plan, 1, 0), run_compiled(plan, 1, 0, times.append))
    assert times == sorted(times) and len(times) > 10


def test_a_difference_is_found(tmp_path: Path) -> None:
    plan = compile_plan(scenario(Random(2)).load(tmp_path))
    log, other = run_compiled(plan, 1, 0), run_compiled(plan, 1, 0)
    assert not differences(log, other)
    other.attempts["cost"][5] += 1
    assert len(differences(log, other)) == 1
    assert differences(log, run_compiled(plan, 2, 0))
