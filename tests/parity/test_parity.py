"""Two engines, one truth: every column of every row equal, in the order of emission, to the last bit."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from resilience_strategies import resilient
from ruamel.yaml import YAML
from scenario_strategies import Case, scenario

from simkit.engine.compiled import run as run_compiled
from simkit.engine.log import Log
from simkit.engine.reference import run as run_reference
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.scenario.load import load

ROOT = Path(__file__).parents[2]
CLOCKWORK = sorted((ROOT / "tests" / "clockwork").glob("*.yaml"))
SHIPPED = {
    "azure_chat": {"horizon": "20min"},
    "founder": {"horizon": "1d"},
    "one_big_model": {"horizon": "1d"},
    "outage": {"horizon": "2d", "incidents.0.at": "1d 10h"},
    "outage_with_fallback": {"horizon": "2d", "incidents.0.at": "1d 10h"},
    "rate_limited_tier1": {"horizon": "18h"},
    "reference": {"horizon": "15h"},
    "routed": {"horizon": "1d"},
    "small_server": {"horizon": "14h"},
    "support_chat": {"horizon": "16h"},
    "trace_replay": {},
}
"""Shipped scenarios and how they are cut short."""
GENERATED = range(100)


def differences(one: Log, other: Log) -> list[str]:
    """A line for each table or column in which two logs differ."""
    found = []
    for table in ("actions", "attempts", "incidents", "breakers"):
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
    assert {path.stem for path in (ROOT / "scenarios").glob("*.yaml")} == SHIPPED.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped(name: str) -> None:
    log = assert_equal(compile_plan(load(ROOT / "scenarios" / f"{name}.yaml").set(SHIPPED[name])), 3, 1)
    assert len(log.actions["action"]) >= 200


@pytest.mark.parametrize("path", CLOCKWORK, ids=lambda path: path.stem)
def test_clockwork(path: Path, tmp_path: Path) -> None:
    case = YAML(typ="safe").load(path)
    assert_equal(compile_plan(load(Case(case["scenario"], case.get("trace", "")).write(tmp_path))))


@pytest.mark.parametrize("seed", GENERATED)
def test_generated(seed: int, tmp_path: Path) -> None:
    assert_equal(compile_plan(load(scenario(Random(seed)).write(tmp_path))), seed, seed % 3)


@pytest.mark.parametrize("seed", GENERATED)
def test_generated_resilience(seed: int, tmp_path: Path) -> None:
    assert_equal(compile_plan(load(resilient(Random(seed)).write(tmp_path))), seed, seed % 3)


def test_progress_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkit.engine.compiled.simulation.EVENTS", 50)
    plan, times = compile_plan(load(scenario(Random(1)).write(tmp_path))), list[int]()
    assert not differences(run_compiled(plan, 1, 0), run_compiled(plan, 1, 0, times.append))
    assert times == sorted(times) and len(times) > 10


def test_a_difference_is_found(tmp_path: Path) -> None:
    plan = compile_plan(load(scenario(Random(2)).write(tmp_path)))
    log, other = run_compiled(plan, 1, 0), run_compiled(plan, 1, 0)
    assert not differences(log, other)
    other.attempts["cost"][5] += 1
    assert len(differences(log, other)) == 1
    assert differences(log, run_compiled(plan, 2, 0))
