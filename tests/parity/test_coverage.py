"""The generated scenarios cover the schema and the events: else parity and invariants prove less than they say.

`scenario_coverage.py` run as a script counts the same over 1,000 logs.
"""

import ast
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from random import Random

import pytest
from economy_strategies import thrifty
from growth_strategies import lively, plan_of
from log_events import LEFT_OUT, POSSIBLE, SELDOM, happened, seen
from region_strategies import far_flung
from ruamel.yaml import YAML
from scenario_coverage import EVENT, PAIR, document_of, schema_keys, used_in
from scenario_mechanisms import EVERY, EXCLUDED, GROWING, MECHANISMS, REGIONAL, mechanisms, pairs
from scenario_strategies import Case, Maker, scenario

from simkit.engine.compiled import run
from simkit.plan.compile import compile_plan
from simkit.scenario.load import load
from simkit.scenario.scenario import Document

ROOT = Path(__file__).parents[2]
SCENARIOS = 300
LOGS = 200
"""Those that CI's parity test compares are among them; a fifth of 1,000, so a fifth of the bound. (Which engine makes
the logs does not matter: that test says that they are equal.)"""

EVENTS_OF_CASES = {
    "deadline": {"action ended: deadline, deadline", "attempt ended: deadline, cancelled"},
    "timeout_stops": {"attempt ended: timeout, timeout"},
    "incident_in_flight": {"attempt ended: calendar, server_error"},
    "service_queue": {"action ended: arrival, queue_full", "slot handed over: finished, service"},
    "cooldown_censored": {"action ended: stop, unfinished", "attempt ended: stop, unfinished"},
    "fallback_chain": {"attempt begun: finished, fallback"},
    "route_cascade": {"attempt begun: finished, escalation"},
    "retries_backoff": {"attempt begun: waited, retry"},
    "calls_parallel_failure": {"attempt ended: finished, cancelled"},
    "concurrency_queue": {"slot handed over: finished, deployment"},
    "changes_slots": {"slot handed over: change, service"},
}
"""Clockwork cases, whose logs are written by hand, and some of what happens in them."""


def test_pairs_of_mechanisms_and_keys_of_the_schema() -> None:
    """From the documents alone of those that may have everything; the few that stand on a base are not counted."""
    counts: Counter[str] = Counter()
    for seed in range(SCENARIOS):
        for made in (thrifty, far_flung, lively):
            document = document_of(made(Random(seed)))
            counts.update(used_in(document) if document else [])
    wanted = [*(f"{one} & {other}" for one, other in pairs()), *schema_keys()]
    assert len(wanted) > 800
    assert not {name: counts[name] for name in wanted if counts[name] < PAIR * SCENARIOS // 1000}
    impossible = [f"{one} & {other}" for one, other in combinations(EVERY, 2) if frozenset({one, other}) in EXCLUDED]
    assert len(impossible) == len(EXCLUDED) and not any(counts[pair] for pair in impossible)


def test_events_and_reasons(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(LOGS):
        plan = compile_plan(scenario(Random(seed)).load(tmp_path))
        counts += happened(plan, run(plan, seed, seed % 3))
        for made in (thrifty, far_flung, lively):
            plan = plan_of(made(Random(seed)), tmp_path)
            counts += seen(run(plan, seed, seed % 3))
    assert not {name: counts[name] for name in POSSIBLE if counts[name] < EVENT * LOGS // 1000}
    assert not counts.keys() - {*POSSIBLE, *SELDOM}, LEFT_OUT


@pytest.mark.parametrize("made", [scenario, thrifty, far_flung, lively])
def test_a_case_is_loaded_as_its_file_is(made: Callable[[Random], Case], tmp_path: Path) -> None:
    """The tests leave out the way through YAML (see `Case.load`)."""
    for seed in range(10):
        case = made(Random(seed))
        found, read = case.load(tmp_path), load(case.write(tmp_path))
        assert (found.hash, found.document, found.path) == (read.hash, read.document, read.path)


def test_a_third_has_a_clock() -> None:
    clocks = [Maker(Random(seed)).tick_ms for seed in range(1000)]
    assert 300 <= sum(tick > 0 for tick in clocks) <= 370
    assert set(clocks) == {0, 100, 1000}


def test_the_mechanisms_are_those_of_the_table() -> None:
    tree = ast.parse((ROOT / "tests" / "unit" / "mechanisms.py").read_text(encoding="utf-8"))
    (table,) = (
        one.value
        for one in tree.body
        if isinstance(one, ast.Assign)
        and ast.unparse(one.targets[0]) == "MECHANISMS"
        and isinstance(one.value, ast.Dict)
    )
    assert [ast.literal_eval(key) for key in table.keys if key is not None] == list(MECHANISMS)
    more = ast.parse((ROOT / "tests" / "unit" / "mechanisms_regions.py").read_text(encoding="utf-8"))
    assert {one.value for one in ast.walk(more) if isinstance(one, ast.Constant)} >= REGIONAL.keys()
    more = ast.parse((ROOT / "tests" / "unit" / "mechanisms_growth.py").read_text(encoding="utf-8"))
    assert {one.value for one in ast.walk(more) if isinstance(one, ast.Constant)} >= GROWING.keys()


def test_a_plain_scenario_uses_next_to_nothing() -> None:
    """Each predicate can be false."""
    plain = {
        "traffic": {"trace": "trace.csv"},
        "actions": {"ask": {"calls": [{"name": "one", "work": "1s"}]}},
        "models": {
            "a": {"provider": "p", "ttft": "1s", "tokens_per_second": 30, "prices": {"input": "$1", "output": "$2"}}
        },
        "resilience": {"client": "none"},
    }
    assert mechanisms(Document.model_validate(plain)) == ["trace", "own work"]
    rate = plain | {"traffic": {"rate": "1/s"}, "actions": {"ask": {"calls": [{"name": "one", "model": "a"}]}}}
    assert mechanisms(Document.model_validate(rate)) == ["arrivals"]


@pytest.mark.parametrize("name", EVENTS_OF_CASES)
def test_events_are_told_from_a_log_as_they_were(name: str, tmp_path: Path) -> None:
    case = YAML(typ="safe").load(ROOT / "tests" / "clockwork" / f"{name}.yaml")
    plan = compile_plan(load(Case(case["scenario"], case.get("trace", "")).write(tmp_path)))
    found = happened(plan, run(plan, 1, 0))
    assert EVENTS_OF_CASES[name] <= found.keys()
    assert found.keys() <= {*POSSIBLE, *SELDOM}
